"""Who has a record, and why; officers by day; records that are bait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.audit import audit_app
from node.cli.output import instant
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    from node.app import Home

bait_app = typer.Typer(
    help="Records that nobody has a reason to open: whoever does raises an alarm.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="RID|REFERENCE", help="A record's id, or the reference of an own one.")]
Issuer = Annotated[str | None, typer.Option(help="The node whose record it is, where two have used one id.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(who)
    audit_app.add_typer(bait_app, name="bait")
    audit_app.command()(officers)


def who(context: typer.Context, name: Name, node: Issuer = None) -> None:
    """Who has this record, and why: recipients, hubs, who looked at it here, and its recall."""
    from node.services import holders

    at = session(context)
    with at.opened() as home:
        rid = _rid(home, name)
        found = holders.holders(home.database, node=home.settings.id, rid=rid, iss=node)
    if at.out.json:
        at.out.result(found)
        return
    at.out.line(f"{found['iss']} {found['rid']}" + ("" if found["own"] else ": who else has it, its issuer knows"))
    at.out.table(
        ("recipient", "state", "version", "groups", "since", "confirmed", "legal basis", "policy", "rules"),
        [_line(one) for one in found["recipients"]],
        empty="No feed of this node has brought it to anybody.",
    )
    for title, columns, rows in _more(found):
        if rows:
            at.out.line(title)
            at.out.table(columns, rows, empty="")
    recall = found.get("recall")
    if recall:
        told = ", ".join(recall["confirmed_by"]) or "nobody yet"
        at.out.line(f"Recalled by version {recall['ver']} at {instant(recall['at'])}; confirmed by {told}.")


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    last = one["entries"][-1] if one["entries"] else {"legal": [], "rules": []}
    return (
        one["recipient"], one["state"] + (f" ({one['problem']})" if one.get("problem") else ""), one["ver"],
        ", ".join(one["groups"]), instant(one["since"]), instant(one["confirmed_at"]), ", ".join(last["legal"]),
        one["policy_version"], ", ".join(one["granted_by"]),
    )  # fmt: skip


def _more(found: dict[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    return [
        (
            "Passed on by hubs:", ("hub", "to", "version", "groups", "at"),
            [
                (row["hub"], row["recipient"], row["ver"], ", ".join(row["groups"]), instant(row["at"]))
                for row in found["passed_on"]
            ],
        ),
        (
            "Told to peers that asked:", ("to", "what", "version", "groups", "at", "purpose"),
            [
                (
                    row["recipient"], row["what"], row["ver"], ", ".join(row["groups"]), instant(row["at"]),
                    row["purpose"],
                )
                for row in found["answered"]
            ],
        ),
        (
            "Looked at here by:", ("who", "what", "at", "purpose"),
            [(row["actor"], row["action"], instant(row["at"]), row["purpose"]) for row in found["seen"]],
        ),
    ]  # fmt: skip


def officers(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=366, help="So many days back.")] = 30,
) -> None:
    """Count what each officer looked at by day, and say what is unusual and by which rule."""
    from node.services import disclosing, insiders

    at = session(context)
    with at.opened() as home:
        disclosing.follow(home.database)
        home.watch_officers()
        found = insiders.officers(home.database, days=days, now=home.clock())
    if at.out.json:
        at.out.result({"officers": found})
        return
    at.out.table(
        ("day", "officer", "views", "searches", "exports", "purposes", "unusual"),
        [
            (
                row["day"], row["actor"], row["views"], row["searches"], row["exports"],
                ", ".join(f"{name or 'none'} {count}" for name, count in row["purposes"].items()),
                "; ".join(f"{one['rule']}: {one['count']}" for one in row["alarms"]),
            )
            for row in found
        ],
        empty="Nobody has looked at anything in these days.",
    )  # fmt: skip


@bait_app.command("add")
def bait_add(
    context: typer.Context,
    name: Name,
    node: Issuer = None,
    by: Annotated[str | None, typer.Option(help="Who lays it. Default: the user of this machine.")] = None,
) -> None:
    """Make a record bait: one that is made up, released here and granted to nobody."""
    from node.services import insiders

    at = session(context)
    with at.opened() as home, home.database.write() as connection:
        rid = _rid(home, name)
        insiders.add_bait(connection, iss=node or home.settings.id, rid=rid, by=officer(by), now=home.clock())
    if at.out.json:
        at.out.result({"rid": rid, "bait": True})
    else:
        at.out.line(f"{rid} is bait: whoever opens it raises an alarm.")


@bait_app.command("remove")
def bait_remove(context: typer.Context, name: Name) -> None:
    """Make a record bait no more. Alarms that it raised stay."""
    from node.services import insiders

    at = session(context)
    with at.opened() as home, home.database.write() as connection:
        rid = _rid(home, name)
        if not insiders.remove_bait(connection, rid):
            raise Refusal(f"{rid} is no bait; `tidewaiter audit bait list` shows what is")
    if at.out.json:
        at.out.result({"rid": rid, "bait": False})
    else:
        at.out.line(f"{rid} is bait no more.")


@bait_app.command("list")
def bait_list(context: typer.Context) -> None:
    """List the records that are bait."""
    from node.services import insiders

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows = [{"iss": row.iss, "rid": row.rid, "by": row.by, "at": row.at} for row in insiders.baits(connection)]
    if at.out.json:
        at.out.result({"bait": rows})
        return
    at.out.table(
        ("node", "record", "laid by", "at"),
        [(row["iss"], row["rid"], row["by"], instant(row["at"])) for row in rows],
        empty="No record is bait.",
    )


def _rid(home: Home, name: str) -> str:
    """The id of a record by its id or by the reference of an own one."""
    from sqlalchemy import select

    from node.storage.tables import draft

    with home.database.read() as connection:
        found = connection.scalars(select(draft.c.rid).where(draft.c.reference == name).order_by(draft.c.id)).first()
    return name if found is None else found
