"""Is everything where it should be: what peers hold against what they got, what is out against the policy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.cli.audit import audit_app
from node.cli.output import instant
from node.cli.session import Refusal, session


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(completeness)


def completeness(
    context: typer.Context,
    peer: Annotated[str | None, typer.Option(help="Only this member.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Show every peer now what is held of its records.")] = False,
) -> None:
    """List where peers hold this node's records otherwise than they were given, by their daily signed inventories."""
    import asyncio

    from node.storage import gaps

    at = session(context)
    with at.opened() as home:
        shown = asyncio.run(_show(home)) if show else []
        with home.database.read() as connection:
            told, found = gaps.inventories(connection), gaps.listing(connection, peer=peer)
    listed = [
        {"peer": row.peer, "at": row.at, "records": row.count, "equal": row.equal}
        for row in told
        if peer in {None, row.peer}
    ]
    open_ = [
        {"peer": row.peer, "rid": row.rid, "what": row.what, "detail": row.detail, "since": row.since} for row in found
    ]
    if at.out.json:
        at.out.result({"inventories": listed, "gaps": open_, "shown": shown, "complete": not open_})
    else:
        at.out.table(
            ("peer", "told", "records", "as given"),
            [(one["peer"], instant(one["at"]), one["records"], one["equal"]) for one in listed],
            empty="No peer has shown an inventory yet: each does once a day.",
        )
        if open_:
            rows = [(one["peer"], one["what"], one["rid"], one["detail"], instant(one["since"])) for one in open_]
            at.out.table(("peer", "what", "record", "detail", "since"), rows, empty="")
    if open_:
        raise Refusal(f"{len(open_)} records are held otherwise than they were given")


async def _show(home: Any) -> list[dict[str, Any]]:
    exchange = home.exchange()
    try:
        found: list[dict[str, Any]] = await exchange.present_all()
    finally:
        await exchange.stop()
    return found


@audit_app.command("replay")
def audit_replay(
    context: typer.Context,
    last: Annotated[bool, typer.Option("--last", help="Show the last run (one each night) and make none.")] = False,
) -> None:
    """Ask the policy in force anew about everything that is out, and compare with what the disclosure log says."""
    from node.services import replaying

    at = session(context)
    with at.opened() as home:
        if not last:
            replaying.run(home.database, home.publisher(), now=home.clock())
        with home.database.read() as connection:
            found = replaying.last(connection)
    if found is None:
        raise Refusal("there was no run yet: leave --last out")
    row, rows = found
    names = ("recipient", "rid", "ver", "what", "groups", "explained")
    deviations = [{name: getattr(one, name) for name in names} for one in rows]
    if at.out.json:
        run = {name: getattr(row, name) for name in ("at", "policy_version", "records", "pairs", "unexplained")}
        at.out.result({**run, "deviations": deviations})
    else:
        at.out.table(
            names, [tuple(one[name] for name in names) for one in deviations],
            empty="Everything is out that should be, and nothing else.",
        )  # fmt: skip
        at.out.say(
            f"{row.records} records, {row.pairs} decisions of policy version {row.policy_version or 'none'}, "
            f"{instant(row.at)}."
        )
    if row.unexplained:
        raise Refusal(f"{row.unexplained} disclosures are not what the policy says: nothing explains them")
