"""What regional offices pass on of this node's records: what they may, what they report, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import session

if TYPE_CHECKING:
    from node.app import Home

relay_app: Final = typer.Typer(
    help="What regional offices pass on of this node's records.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(relay_app, name="relay")


@relay_app.command("report")
def report(
    context: typer.Context,
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Ask the offices first for what is new.")] = True,
    grace: Annotated[int, typer.Option(min=0, help="Seconds an office has before a pair counts as missing.")] = 3600,
) -> None:
    """Compare the relay grants that this node gave with the signed reports of the offices, and name what is missing."""
    import asyncio

    from node.services import reporting

    at = session(context)
    problems: dict[str, str | None] = {}
    with at.opened() as home:
        if fetch:
            problems = asyncio.run(_fetch(home))
        directory = home.membership.current()
        found = reporting.compare(
            home.database, directory=directory, node=home.settings.id, now=home.clock(), grace=grace
        )
    if at.out.json:
        at.out.result(
            {
                "expected": found.expected, "missing": [_told(pair) for pair in found.missing],
                "beyond": [_told(pair) for pair in found.beyond], "reported_at": found.reported_at,
                "problems": problems,
            }
        )  # fmt: skip
        return
    at.out.line(f"{found.expected} pairs of record and recipient may be passed on; {len(found.missing)} are missing.")
    at.out.table(
        ("office", "what", "recipient", "version", "record"),
        [
            (pair.hub, what, pair.recipient, pair.ver, pair.rid)
            for what, pairs in (("beyond its grant", found.beyond), ("missing", found.missing))
            for pair in pairs
        ],
        empty="The offices' reports say that all of it was passed on, and nothing else.",
    )
    for hub, when in sorted(found.reported_at.items()):
        at.out.say(f"{hub} last reported at {instant(when)}.")
    for hub, problem in sorted(problems.items()):
        if problem is not None:
            at.out.say(f"{hub} could not be asked: {problem}")


@relay_app.command("run")
def run(context: typer.Context) -> None:
    """Do now what a served node does by itself: give offices the leave of today's policy; as an office, pass on."""
    at = session(context)
    with at.opened() as home:
        grown = sorted({*home.renew_leave(), *home.relay()})
    if at.out.json:
        at.out.result({"recipients": grown})
    else:
        at.out.line(f"There is something new for {', '.join(grown)}." if grown else "Nothing was due.")


async def _fetch(home: Home) -> dict[str, str | None]:
    exchange = home.exchange()
    try:
        return await exchange.relay_reports()
    finally:
        await exchange.stop()


def _told(pair: Any) -> dict[str, Any]:
    return {"hub": pair.hub, "rid": pair.rid, "recipient": pair.recipient, "ver": pair.ver}
