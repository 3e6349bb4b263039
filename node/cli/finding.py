"""One box for whatever is typed or scanned, and the searches that an officer keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.asking import send, tell
from node.cli.output import instant
from node.cli.reading import LIMIT, PURPOSE, By, Limit, Purpose, catch_up, tell_hits
from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from node.app import Home
    from node.services.onebox import Found

saved: typer.Typer = typer.Typer(help="Searches that are kept, and what is new in them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The name of the saved search.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(find)
    app.command()(similar)
    app.add_typer(saved, name="saved")


def find(
    context: typer.Context,
    text: Annotated[list[str], typer.Argument(help="A container, AWB, GTIN, reference, phone, brand, name or words.")],
    ask: Annotated[bool, typer.Option("--ask", help="Ask the peers that the policy allows, too.")] = False,
    case: Annotated[str | None, typer.Option(help="Reference of the case: with --ask every peer is told it.")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=60, help="How long to wait for all peers together.")] = 5.0,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:  # fmt: skip
    """Find everything on a text: what is held here, who may be asked, and with --ask what they answer."""
    import asyncio

    from federation.transport import make_client
    from node.services import onebox

    if ask and not case:
        raise Refusal("--ask needs --case: every peer is told what the question belongs to", status=2)
    at, typed = session(context), " ".join(text)

    async def look(home: Home) -> Found:
        async with make_client(home.settings.allow_addresses) as client:
            asker = None if home.policy() is None else home.asker(client)
            return onebox.look(
                home.database, asker, typed, by=officer(by), purpose=purpose, case=case or onebox.NO_CASE,
                now=home.clock(),
            )  # fmt: skip

    with at.opened() as home:
        catch_up(home)
        found = asyncio.run(look(home))
        _tell(at, found)
        if ask and found.plan is not None:
            from node.services.asking import Asked

            asked = Asked(selector=onebox.selector_of(typed), purpose=purpose, case=case or "", seconds=seconds)
            answered = asyncio.run(send(at, home, asked, officer(by), dry_run=False))
            if answered is not None:
                tell(at, answered)


def similar(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="RID|REFERENCE", help="A record that is held, or an own reference.")],
    node: Annotated[str | None, typer.Option(help="Its issuer, where two used one id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 20,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:
    """List the seizures here that are most like one: what they share, and the points for each thing shared."""
    from node.services import similar as services
    from node.services.readable import plain
    from node.storage import drafts

    at = session(context)
    with at.opened() as home:
        catch_up(home)
        with home.database.read() as connection:
            own = drafts.find(connection, home.settings.id, "seizure", [record]).get(record)
        found = services.find(
            home.database, rid=record if own is None else own.rid, iss=node if own is None else home.settings.id,
            limit=limit, by=officer(by), purpose=purpose, now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result({"similar": [one.to_json() for one in found]})
        return
    rows = [
        (
            f"{one.points:g}", one.hit.iss, one.hit.day or "", plain(one.hit.title),
            "; ".join(f"{part.what} {', '.join(part.values)}".strip() for part in one.shared), one.hit.rid,
        )
        for one in found
    ]  # fmt: skip
    at.out.table(("points", "node", "day", "title", "shared", "id"), rows, empty="Nothing here is like it.")


def _tell(at: Session, found: Found) -> None:
    if at.out.json:
        at.out.result(found.to_json())
        return
    at.out.table(
        ("found by", "node", "kind", "day", "reference", "title", "TLP", "state", "version", "id"),
        [
            (
                by if hit.matched is None else f"{hit.matched.what} {hit.matched.score:.0f}", hit.iss, hit.kind,
                hit.day, hit.reference, hit.title, hit.tlp, hit.state, hit.ver, hit.rid,
            )
            for by, hit in found.hits
        ],
        empty=f"Nothing is held here (looked for as {', '.join(found.looked_for)}).",
    )  # fmt: skip
    if found.more:
        at.out.say("There is more: use `tidewaiter search`.")
    if found.plan is None:
        at.out.say("Nobody can be asked: no sharing policy was ever activated.")
        return
    for peer in found.plan.to:
        contact = ", ".join(f"{name} {value}" for name, value in found.contacts.get(peer, {}).items())
        at.out.line(f"May be asked: {peer}" + (f" ({contact})" if contact else ""))
    for peer, why in found.plan.not_asked.items():
        at.out.line(f"Not asked: {peer} ({why})")


@saved.command("list")
def list_(context: typer.Context, by: By = None) -> None:
    """List one's own saved searches."""
    from node.services import saving

    at = session(context)
    with at.opened() as home:
        found = saving.saved(home.database, by=officer(by))
    if at.out.json:
        at.out.result({"searches": [one.to_json() for one in found]})
        return
    at.out.table(
        ("name", "asks", "purpose", "saved", "came since"),
        [
            (one.name, _words(saving.told(one.criteria)), one.purpose, instant(one.created_at), one.waiting)
            for one in found
        ],
        empty="No search is saved; `tidewaiter search ... --save NAME` saves one.",
    )


def _words(criteria: dict[str, object]) -> str:
    filters = criteria.pop("filters", {})
    told = [f"{name} {value}" for name, value in criteria.items()]
    if isinstance(filters, dict):
        told += [f"{name} {' or '.join(values)}" for name, values in filters.items()]
    return ", ".join(told)


@saved.command()
def news(context: typer.Context, name: Name, by: By = None) -> None:
    """Show what is new in a saved search since it was last looked at; then it is not new any more."""
    from node.services import saving

    at = session(context)
    with at.opened() as home:
        catch_up(home)
        tell_hits(at, saving.news(home.database, name, by=officer(by), now=home.clock()), empty="Nothing is new.")


@saved.command()
def run(
    context: typer.Context,
    name: Name,
    limit: Limit = LIMIT,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    by: By = None,
) -> None:
    """Run a saved search over everything that this node holds."""
    from node.services import saving

    at = session(context)
    with at.opened() as home:
        catch_up(home)
        found = saving.again(home.database, name, by=officer(by), limit=limit, before=cursor, now=home.clock())
        tell_hits(at, found)


@saved.command()
def remove(context: typer.Context, name: Name, by: By = None) -> None:
    """Forget a saved search."""
    from node.services import saving

    at = session(context)
    with at.opened() as home:
        saving.remove(home.database, name, by=officer(by))
    if at.out.json:
        at.out.result({"removed": name})
    else:
        at.out.line(f"{name} is not saved any more.")
