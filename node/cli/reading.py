"""What officers read: lists, search, one record. Every look is written into the disclosure log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, Session, officer, session
from node.services.readable import lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.app import Home
    from node.services.search import Criteria, Hit, Hits
    from node.services.tallies import Tallies

PURPOSE: Final = "customs-enforcement"
LIMIT: Final = 50
Many = list[str] | None
Limit = Annotated[int, typer.Option(min=1, max=200, help="At most so many.")]
By = Annotated[
    str | None, typer.Option(help="Who looks; the disclosure log names it. Default: the user of this machine.")
]
Purpose = Annotated[str, typer.Option(help="What for; the disclosure log keeps it.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(records)
    app.command()(search)
    app.command()(show)


def records(
    context: typer.Context,
    own: Annotated[bool, typer.Option("--own", help="Only what this node released.")] = False,
    received: Annotated[bool, typer.Option("--received", help="Only what others sent.")] = False,
    drafts: Annotated[bool, typer.Option("--drafts", help="What waits for release instead.")] = False,
    kind: Annotated[str | None, typer.Option(help="Only this kind: seizure, alert, annotation.")] = None,
    limit: Limit = LIMIT,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:
    """List records, newest event first; with --drafts what waits for release."""
    if own + received + drafts > 1:
        raise Refusal("--own, --received and --drafts exclude each other", status=2)
    at = session(context)
    with at.opened() as home:
        if drafts:
            _drafts(at, home, kind, limit)
            return
        from node.services.search import Criteria

        filters: dict[str, frozenset[str]] = {"kind": frozenset({kind})} if kind else {}
        if own:
            filters["node"] = frozenset({home.settings.id})
        if received:
            filters["node"] = frozenset(home.membership.current().members) - {home.settings.id}
        _find(at, home, Criteria(filters=filters, limit=limit, before=cursor), by, purpose)


def _drafts(at: Session, home: Home, kind: str | None, limit: int) -> None:
    import orjson

    from federation.records import get_schema
    from node.services.publishing import SCHEMA_OF
    from node.storage import drafts

    with home.database.read() as connection:
        rows = [
            row
            for row in drafts.listing(connection, state="draft", limit=limit if kind is None else 1_000_000)
            if kind in (None, row.kind)
        ][:limit]
    listed = [
        {
            "reference": row.reference, "kind": row.kind, "ver": row.ver, "updated_at": row.updated_at,
            "title": get_schema(SCHEMA_OF[row.kind]).title(orjson.loads(row.groups)), "rid": row.rid,
        }
        for row in rows
    ]  # fmt: skip
    if at.out.json:
        at.out.result({"drafts": listed})
        return
    at.out.table(
        ("reference", "kind", "version", "title", "changed"),
        [(one["reference"], one["kind"], one["ver"], one["title"], instant(one["updated_at"])) for one in listed],
        empty="No draft waits for release.",
    )


def search(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(help="Words that the record has; the last may be a beginning.")
    ] = None,
    filter_: Annotated[Many, typer.Option("--filter", help="NAME=VALUE, any filter of the API. Repeatable.")] = None,
    category: Annotated[
        Many, typer.Option(help="Goods category. Repeatable, as all filters: one of them must fit.")
    ] = None,
    hs: Annotated[Many, typer.Option(help="HS chapter, heading or subheading.")] = None,
    brand: Annotated[Many, typer.Option(help="Brand.")] = None,
    right: Annotated[Many, typer.Option(help="Type of right.")] = None,
    origin: Annotated[Many, typer.Option(help="Country of origin.")] = None,
    departure: Annotated[Many, typer.Option(help="Country of departure.")] = None,
    transit: Annotated[Many, typer.Option(help="Country of transit.")] = None,
    destination: Annotated[Many, typer.Option(help="Country of destination.")] = None,
    country: Annotated[Many, typer.Option(help="Country of the seizure.")] = None,
    procedure: Annotated[Many, typer.Option(help="Customs procedure.")] = None,
    conveyance: Annotated[Many, typer.Option(help="Conveyance.")] = None,
    detection: Annotated[Many, typer.Option(help="How it was detected.")] = None,
    outcome: Annotated[Many, typer.Option(help="What became of it.")] = None,
    node: Annotated[Many, typer.Option(help="The node whose record it is.")] = None,
    kind: Annotated[Many, typer.Option(help="seizure, alert or annotation.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Event on or after: YYYY, YYYY-MM or YYYY-MM-DD.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Event on or before: YYYY, YYYY-MM or YYYY-MM-DD.")] = None,
    name: Annotated[
        str | None, typer.Option(help="A person, company, right holder or brand, in any spelling or script.")
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="A container, waybill, GTIN, registration, reference or telephone number.")
    ] = None,
    order: Annotated[str | None, typer.Option(help="newest, or best where a name or a number is asked for.")] = None,
    facets: Annotated[bool, typer.Option("--facets", help="Count the filter values over the result.")] = False,
    limit: Limit = LIMIT,
    cursor: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    save: Annotated[str | None, typer.Option(help="Keep this search under a name: `tidewaiter saved`.")] = None,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:
    """Find records that this node holds, own and received, by words, names, numbers and filters."""
    from node.services.search import Criteria

    at = session(context)
    named = {
        "category": category, "hs": hs, "brand": brand, "right": right, "origin": origin, "departure": departure,
        "transit": transit, "destination": destination, "country": country, "procedure": procedure,
        "conveyance": conveyance, "detection": detection, "outcome": outcome, "node": node, "kind": kind,
    }  # fmt: skip
    filters = {field: set(values) for field, values in named.items() if values}
    for item in filter_ or []:
        field, mark, value = item.partition("=")
        if not mark:
            raise Refusal(f"--filter: {item} is not NAME=VALUE, such as brand=Rolex", status=2)
        filters.setdefault(field.strip(), set()).add(value)
    criteria = Criteria(
        words=" ".join(words) if words else None,
        filters={field: frozenset(values) for field, values in filters.items()},
        day_from=from_, day_to=to, limit=limit, before=cursor, name=name, number=number, order=order, facets=facets,
    )  # fmt: skip
    with at.opened() as home:
        if words or name or number or facets:
            catch_up(home)
        if save is not None:
            from node.services import saving

            saving.save(home.database, save, criteria, by=officer(by), purpose=purpose, now=home.clock())
        _find(at, home, criteria, by, purpose)


def catch_up(home: Home) -> None:
    """Bring the indexes up to date, so that a search after an import or a sync finds what came."""
    from node.services import indexing

    while indexing.follow(home.database, now=home.clock()):
        pass


def _find(at: Session, home: Home, criteria: Criteria, by: str | None, purpose: str) -> None:
    from node.services.search import find

    hits: Hits = find(home.database, criteria, by=officer(by), purpose=purpose, now=home.clock())
    tell_hits(at, hits)


def tell_hits(at: Session, hits: Hits, *, empty: str = "Nothing was found.") -> None:
    """Show a page of results."""
    if at.out.json:
        at.out.result(hits.to_json())
        return
    at.out.table(
        ("node", "kind", "day", "reference", "title", "TLP", "state", "version", "pictures", "found by", "id"),
        [
            (
                row.iss,
                row.kind,
                row.day,
                row.reference,
                row.title,
                row.tlp,
                row.state,
                row.ver,
                _complete(row),
                "" if row.matched is None else f"{row.matched.what} {row.matched.score:.0f}",
                row.rid,
            )
            for row in hits.rows
        ],
        empty=empty,
    )
    if hits.facets is not None:
        _tell(at, hits.facets)
    if hits.next:
        at.out.say(f"There is more: --cursor {hits.next}")
    if hits.lag:
        at.out.say(f"The index of words is {hits.lag} records behind: a newer one may be missing.")
    if hits.capped:
        at.out.say("The words are in more records than could be looked through: add a filter.")


def _tell(at: Session, tallies: Tallies) -> None:
    """The filter values over the result, one line a filter."""
    of = "all of the result" if tallies.complete else "the newest of the result"
    at.out.say(f"Counted over {tallies.counted} records, {of}:")
    for name, values in tallies.fields.items():
        at.out.say(f"  {name}: " + ", ".join(f"{value} {n}" for value, n in values))


def _complete(row: Hit) -> str:
    """How many of a record's attachments are here, where it has some."""
    return "" if row.attachments is None else f"{row.attachments.here}/{row.attachments.total}"


def show(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="RID|REFERENCE", help="A record's id, or the reference of an own one.")
    ],
    node: Annotated[str | None, typer.Option(help="The node whose record it is, where two have used one id.")] = None,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:
    """Show one record: the groups that this node holds, what binds their reader, where it came from."""
    from sqlalchemy import select

    from node.services.showing import show as view_of
    from node.storage.tables import draft

    at = session(context)
    with at.opened() as home:
        with home.database.read() as connection:
            drafted = connection.execute(select(draft).where(draft.c.reference == name).order_by(draft.c.id)).first()
        rid, iss = (name, node) if drafted is None else (drafted.rid, home.settings.id)
        if drafted is not None and drafted.state == "draft" and drafted.ver == 1:
            raise Refusal(f"{name} is a draft and not released yet; `tidewaiter release {name}` signs it")
        view = view_of(home.database, rid=rid, iss=iss, by=officer(by), purpose=purpose, now=home.clock()).to_json()
    if at.out.json:
        at.out.result(view)
        return
    _show(at, view)


def _show(at: Session, view: Mapping[str, Any]) -> None:
    at.out.line(view["title"])
    at.out.line(f"{view['kind']} of {view['iss']}, version {view['ver']}, {view['state']}" + (
        " (part of it has not arrived yet)" if view["pending"] else ""
    ))  # fmt: skip
    at.out.line(_handling(view["handling"]))
    provenance = view["provenance"]
    if provenance.get("own"):
        told = [f"reference {provenance.get('reference', 'unknown')}"]
        told += [
            f"{word.replace('_', ' ')} {provenance[word]}"
            for word in ("released_by", "second_by")
            if word in provenance
        ]
    else:
        told = [f"from {provenance['from']}", f"accepted {instant(view['accepted_at'])}"]
        if "receipt_at" in provenance:
            told.append(f"our receipt {instant(provenance['receipt_at'])}")
    at.out.line("Provenance: " + ", ".join(told))
    if "attachments" in view:
        from node.services.arriving import Arrival

        at.out.line(f"Attachments: {Arrival(**view['attachments']).sentence()}")
    at.out.line(f"Id {view['rid']}, issued {instant(view['iat'])}, hash {view['jh']}")
    for group, value in view["groups"].items():
        at.out.line(f"\n{group}")
        for line in lines(value, "  "):
            at.out.line(line)


def _handling(handling: Mapping[str, Any]) -> str:
    parts = [f"TLP {handling.get('tlp')}"]
    if "purposes" in handling:
        parts.append(f"for {', '.join(handling['purposes']) or 'nothing'}")
    parts += [f"onward {handling.get('onward')}", f"evidence {handling.get('evidence')}"]
    parts += [
        f"{word.replace('_', ' ')} {instant(handling[word])}"
        for word in ("keep_until", "review_by")
        if word in handling
    ]
    return "Handling: " + ", ".join(parts)
