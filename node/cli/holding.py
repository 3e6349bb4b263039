"""Legal holds: place, lift, list, and look at what they keep."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import officer, session
from node.services.readable import lines

hold_app: Final = typer.Typer(no_args_is_help=True, help="Legal holds: content that must not be erased for now.")
Name = Annotated[str, typer.Argument(metavar="RID|REFERENCE", help="A record's id, or the reference of an own one.")]
Node = Annotated[str | None, typer.Option(help="The node whose record it is, where two have used one id.")]
By = Annotated[str | None, typer.Option(help="Who acts. Default: the user of this machine.")]
Reason = Annotated[str, typer.Option(help="Why: the order, the file number.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(hold_app, name="hold")


@hold_app.command("place")
def place(context: typer.Context, name: Name, reason: Reason, node: Node = None, by: By = None) -> None:
    """Put a record under a hold: what has to be erased from now on is out of use and kept aside."""
    at = session(context)
    with at.opened() as home:
        from node.services import holding

        number, iss, rid = holding.place(
            home.database, name, iss=node, node=home.settings.id, by=officer(by), reason=reason, now=home.clock()
        )
    if at.out.json:
        at.out.result({"hold": number, "iss": iss, "rid": rid})
    else:
        at.out.line(f"Hold {number}: {iss} {rid} is not erased until it is lifted.")


@hold_app.command("lift")
def lift(context: typer.Context, name: Name, reason: Reason, node: Node = None, by: By = None) -> None:
    """Lift every hold on a record; what only they kept is erased at once."""
    at = session(context)
    with at.opened() as home:
        from node.services import holding

        lifted = holding.lift(
            home.database, name, iss=node, node=home.settings.id, by=officer(by), reason=reason, now=home.clock()
        )
    if at.out.json:
        at.out.result({"lifted": lifted.holds, "erased": lifted.erased})
    else:
        at.out.line(f"{lifted.holds} holds lifted; {lifted.erased} bodies that were kept aside are erased.")


@hold_app.command("list")
def list_holds(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that were lifted.")] = False,
) -> None:
    """List holds: on which record, by whom, why, and how much they keep."""
    at = session(context)
    with at.opened() as home:
        from node.storage import holds

        with home.database.read() as connection:
            found = holds.listing(connection, everything=every)
    names = (
        "id", "iss", "rid", "reason", "placed_by", "placed_at", "lifted_by", "lifted_at", "lift_reason", "aside",
    )  # fmt: skip
    if at.out.json:
        at.out.result(
            {"holds": [{name: getattr(row, name) for name in names if getattr(row, name) is not None} for row in found]}
        )
        return
    at.out.table(
        ("hold", "node", "id", "since", "by", "why", "kept aside", "lifted"),
        [
            (row.id, row.iss, row.rid, instant(row.placed_at), row.placed_by, row.reason, row.aside,
             instant(row.lifted_at))
            for row in found
        ],
        empty="No hold is in force.",
    )  # fmt: skip


@hold_app.command("show")
def show(
    context: typer.Context,
    name: Name,
    purpose: Annotated[str, typer.Option(help="What for; the disclosure log keeps it.")],
    node: Node = None,
    by: By = None,
) -> None:
    """Show what a hold keeps of a record: for the hold's officer and the auditor, logged."""
    at = session(context)
    with at.opened() as home:
        from node.services import holding

        found = holding.look(
            home.database, name, iss=node, node=home.settings.id, by=officer(by), purpose=purpose, now=home.clock()
        )
    if at.out.json:
        at.out.result({"kept": found})
        return
    for item in found:
        if item["source"] == "quarantine":
            at.out.line(f"\nA body from quarantine, {item['bytes']} bytes, never verified: not shown")
            continue
        at.out.line(f"\nVersion {item['ver']} of {item['iss']} {item['rid']}, kept by a legal hold alone")
        for group, value in item["groups"].items():
            at.out.line(f"\n{group}")
            for line in lines(value, "  "):
                at.out.line(line)
