"""Ask other nodes about their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import instant
from node.cli.reading import By, Many
from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from federation.questions import Selector
    from node.app import Home
    from node.services.asking import Asked, Outcomes


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(ask)


def ask(
    context: typer.Context,
    purpose: Annotated[str, typer.Option(help="What for. Every peer is told, and both logs keep it.")],
    case: Annotated[str, typer.Option(help="The reference of the case. Every peer is told it.")],
    words: Annotated[
        list[str] | None, typer.Argument(help="Words that the record has; the last may be a beginning.")
    ] = None,
    filter_: Annotated[
        Many, typer.Option("--filter", help="NAME=VALUE, any filter of the search but node. Repeatable.")
    ] = None,
    number: Annotated[str | None, typer.Option(help="TYPE=VALUE: container, awb, gtin or registration.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Event on or after: YYYY, YYYY-MM or YYYY-MM-DD.")] = None,
    to: Annotated[str | None, typer.Option(help="Event on or before: YYYY, YYYY-MM or YYYY-MM-DD.")] = None,
    peer: Annotated[Many, typer.Option(help="Whom to ask. Repeatable. Default: everybody the policy allows.")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="How long to wait for all of them together.")] = 5.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say whom it would go to, and send nothing.")] = False,
    by: By = None,
) -> None:
    """Ask other nodes about their records: whom the policy lets the question go to, all at once."""
    import asyncio

    from node.services.asking import Asked

    at = session(context)
    asked = Asked(
        selector=_selector(words, filter_, number, from_, to), purpose=purpose, case=case, peers=peer, seconds=seconds
    )  # fmt: skip
    with at.opened() as home:
        if home.policy() is None:
            raise Refusal(
                "no sharing policy was ever activated: nothing is asked of anybody; `tidewaiter policy activate`"
            )
        found = asyncio.run(send(at, home, asked, officer(by), dry_run=dry_run))
    if found is not None:
        tell(at, found)


async def send(at: Session, home: Home, asked: Asked, name: str, *, dry_run: bool) -> Outcomes | None:
    """Say whom a question goes to and send it; None where it was only to be said."""
    from federation.transport import make_client

    async with make_client(home.settings.allow_addresses) as client:
        asker = home.asker(client)
        plan = asker.plan(asked)
        if dry_run and at.out.json:
            at.out.result(plan.to_json())
        elif not at.out.json:
            at.out.line("Asked: " + (", ".join(plan.to) or "nobody"))
            for other, why in plan.not_asked.items():
                at.out.line(f"Not asked: {other} ({why})")
        if dry_run:
            return None
        asker.announce(plan, by=name)
        return asker.conclude(plan, await asker.send(plan), by=name)


def tell(at: Session, found: Outcomes) -> None:
    """Show what came of a question."""
    from node.services.readable import lines, plain

    if at.out.json:
        at.out.result(found.to_json())
        return
    for one in found.records:
        at.out.line(plain(f"{one.peer} {one.record.rid} version {one.record.ver}: {one.record.title}"))
        for name, value in one.groups().items():
            at.out.line(plain(f"  {name}"))
            for line in lines(value, "    "):
                at.out.line(plain(line))
        at.out.line(f"  handling: TLP {one.handling.tlp}, onward {one.handling.onward}")
    for name, hit in found.hits:
        at.out.line(
            plain(f"{name} holds something: ask {hit.contact}, reference {hit.reference}, until {instant(hit.until)}")
        )
    at.out.table(("peer", "state", "problem"), [_line(one) for one in found.replies], empty="Nobody was asked.")
    if found.hits:
        at.out.line("Each hit is a request until somebody settles it: tidewaiter requests list")
    at.out.line("What is shown here is not kept: ask for it again, or ask its originator to share it.")


def _line(reply: Any) -> tuple[object, ...]:
    more = reply.answer is not None and reply.answer.more
    return reply.peer, reply.state, reply.problem or ("more than one answer holds: ask more narrowly" if more else "")


def _selector(
    words: list[str] | None, filters: Many, number: str | None, from_: str | None, to: str | None
) -> Selector:  # fmt: skip
    from federation.errors import Malformed
    from federation.questions import IDENTIFIERS, Identifier, Selector
    from node.services.search import first_day, last_day

    given: dict[str, set[str]] = {}
    for item in filters or []:
        name, mark, value = item.partition("=")
        if not mark:
            raise Refusal(f"--filter: {item} is not NAME=VALUE, such as brand=Rolex", status=2)
        given.setdefault(name.strip(), set()).add(value)
    identifier = None
    if number is not None:
        name, mark, value = number.partition("=")
        type_ = next((one for one in IDENTIFIERS if one == name.strip()), None)
        if not mark or type_ is None:
            raise Refusal(f"--number: is not TYPE=VALUE with one of {', '.join(IDENTIFIERS)}", status=2)
        identifier = Identifier(type=type_, value=value)
    try:
        return Selector(
            filters={name: frozenset(values) for name, values in given.items()}, day_from=first_day(from_),
            day_to=last_day(to), words=" ".join(words) if words else None, identifier=identifier,
        )  # fmt: skip
    except Malformed as error:
        raise Refusal(f"{error}", status=2) from error
