"""The exchange with peers: sync now, who they are, what they confirmed, what is in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, Session, session

if TYPE_CHECKING:
    from sqlalchemy import Row

    from federation.directory import Directory

quarantine_app: Final = typer.Typer(
    help="Entries whose body is not in use, with the reason.", no_args_is_help=True, rich_markup_mode=None
)
ROADS: Final = {
    None: "none",
    "fetched": "fetched from",
    "pushed": "fetched from, pushed to",
    "pushes": "pushes",
    "bundles": "none: bundles only",
}
"""How pages go to and fro with a peer, for people."""
STATES: Final = ("held", "awaiting", "released", "explained", "erased")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(sync)
    app.command()(peers)
    app.command()(receipts)
    app.add_typer(quarantine_app, name="quarantine")


def sync(context: typer.Context) -> None:
    """Fetch from every peer now, once, with pictures, and bring the index of words up to date."""
    import asyncio

    from node import telemetry
    from node.services import indexing

    at = session(context)
    with at.opened() as home:
        home.membership.current()
        telemetry.configure("error")
        home.settle_directory()
        with at.out.progress("sync"):
            results, pictures = asyncio.run(_round(home))
        home.sweep_pictures()
        while indexing.follow(home.database, now=home.clock()):
            pass
    if at.out.json:
        at.out.result({"peers": [{"peer": peer, **result} for peer, result in results.items()]})
    else:
        rows = [(peer, result["entries"], result["problem"]) for peer, result in results.items()]
        at.out.table(("peer", "entries", "problem"), rows, empty="The directory lists no peer with an address.")
        if pictures.arrived or pictures.refused or pictures.failed:
            at.out.line(
                f"Attachments: {pictures.arrived} came, {pictures.failed} are not here yet, {pictures.refused} refused."
            )
    failed = [peer for peer, result in results.items() if result["problem"]]
    if failed:
        raise Refusal(
            f"could not fetch all from {', '.join(failed)}: what came is kept, and the next sync goes on there"
        )


async def _round(home: Any) -> tuple[dict[str, Any], Any]:
    exchange = home.exchange()
    try:
        found: dict[str, Any] = await exchange.sync()
        pictures = await home.fetch_pictures()
    finally:
        await exchange.stop()
    return found, pictures


def peers(context: typer.Context) -> None:
    """List the members of the federation, and how far the exchange with each is."""
    from node.storage import evidence, feeds

    at = session(context)
    with at.opened() as home:
        directory = home.membership.current()
        with home.database.read() as connection:
            sent, got = feeds.out_feeds(connection), feeds.in_feeds(connection)
            stops = evidence.stops(connection)
        listed = [_peer(directory, name, home.settings.id, sent, got) for name in sorted(directory.members)]
        for one in listed:
            one["stopped"] = [row.lane for row in stops if row.sender == one["id"]]
        expires = home.membership.mirror.expires()
        stale = home.membership.stale(home.clock())
    if at.out.json:
        at.out.result(
            {
                "fed": directory.fed, "class": directory.class_, "directory": directory.version, "expires": expires,
                "stale": stale, "peers": listed,
            }
        )  # fmt: skip
        return
    at.out.table(
        ("node", "name", "kind", "country", "region", "status", "address", "sent", "confirmed", "received", "of"),
        [
            (
                one["id"] + (" (this node)" if one["self"] else ""), one["name"], one["kind"], one["country"],
                one["region"], one["status"], one["endpoint"] or ROADS[one["road"]], one["sent"], one["confirmed"],
                one["received"], one["head"],
            )
            for one in listed
        ],
        empty="The directory lists nobody.",
    )  # fmt: skip
    for row in stops:
        at.out.say(
            f"Nothing is taken from the {row.lane} feed of {row.sender}: it signed two histories of it "
            f"(`tidewaiter evidence show {row.evidence[:12]}`)."
        )
    at.out.say(
        f"{directory.fed} ({directory.class_}), directory version {directory.version}, good until {instant(expires)}"
    )


def _peer(directory: Directory, name: str, own: str, sent: list[Row[Any]], got: list[Row[Any]]) -> dict[str, Any]:
    from node.services.pushing import road_to

    member = directory.members[name]
    out = [row for row in sent if row.recipient == name]
    into = [row for row in got if row.sender == name]
    return {
        "id": member.id, "name": member.name, "kind": member.kind, "country": member.country, "region": member.region,
        "roles": sorted(member.roles), "status": member.status, "endpoint": member.endpoint, "self": member.id == own,
        "road": road_to(directory, own, name),
        "sent": sum(row.size for row in out), "confirmed": sum(row.receipt_size for row in out),
        "received": sum(row.size for row in into), "head": sum(max(row.head, row.size) for row in into),
        "updated_at": max((row.updated_at for row in into), default=None),
    }  # fmt: skip


def receipts(
    context: typer.Context,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only what had to be confirmed within a time, and was not.")
    ] = False,
) -> None:
    """List what each peer has confirmed of what it was sent."""
    from node.storage import feeds

    at = session(context)
    if overdue:
        _overdue(at)
        return
    with at.opened() as home, home.database.read() as connection:
        listed = [_receipt(row) for row in feeds.out_feeds(connection)]
    if at.out.json:
        at.out.result({"receipts": listed, "complete": all(one["confirmed"] == one["size"] for one in listed)})
        return
    at.out.table(
        ("recipient", "lane", "epoch", "entries", "confirmed", "in quarantine there", "receipt"),
        [
            (
                one["recipient"], one["lane"], one["epoch"], one["size"], one["confirmed"], one["quarantined"],
                instant(one["at"]) or "none yet",
            )
            for one in listed
        ],
        empty="Nothing was released to anybody yet.",
    )  # fmt: skip


def _overdue(at: Session) -> None:
    """What the obligations of a grant asked to be confirmed in time, and was not."""
    from node.services import standing

    with at.opened() as home, home.database.read() as connection:
        late = standing.overdue(connection, now=home.clock())
    if at.out.json:
        at.out.result({"overdue": late})
        return
    at.out.table(
        ("recipient", "record", "lane", "entry", "sent", "due"),
        [
            (one["recipient"], one["rid"], one["lane"], one["n"], instant(one["sent"]), instant(one["due"]))
            for one in late
        ],
        empty="Nothing is overdue.",
    )


def _receipt(row: Row[Any]) -> dict[str, Any]:
    """A feed with its receipt, whose content was verified when it was kept."""
    import orjson

    from crypto import b64

    claims: dict[str, Any] = {}
    if row.receipt is not None:
        claims = orjson.loads(b64.decode(row.receipt.split(".")[1]))
    return {
        "recipient": row.recipient, "lane": row.lane, "epoch": row.epoch, "size": row.size,
        "confirmed": row.receipt_size, "at": row.receipt_at, "quarantined": claims.get("quarantined_total", 0),
        "quarantine": claims.get("quarantined", []), "token": row.receipt,
    }  # fmt: skip


@quarantine_app.command("list")
def quarantine_list(
    context: typer.Context,
    state: Annotated[str, typer.Option(help="held, awaiting, released, explained, erased or all.")] = "held",
) -> None:
    """List entries in quarantine."""
    from node.storage import quarantine

    at = session(context)
    if state not in (*STATES, "all"):
        raise Refusal(f"--state: {state} is none; write one of {', '.join((*STATES, 'all'))}", status=2)
    with at.opened() as home, home.database.read() as connection:
        rows = [_entry(row) for row in quarantine.listing(connection, state=None if state == "all" else state)]
    if at.out.json:
        at.out.result({"quarantine": rows})
        return
    at.out.table(
        ("id", "sender", "entry", "problem", "detail", "state", "since"),
        [
            (row["id"], row["sender"], row["n"], row["problem"], row["detail"], row["state"], instant(row["at"]))
            for row in rows
        ],
        empty="Nothing is in quarantine.",
    )


@quarantine_app.command("show")
def quarantine_show(
    context: typer.Context, number: Annotated[int, typer.Argument(metavar="ID", help="Its id in the list.")]
) -> None:
    """Show one entry in quarantine: the leaf and the reason. Its body is shown to nobody."""
    at = session(context)
    with at.opened() as home:
        row = _quarantined(home, number)
    value = {**_entry(row), "leaf": row.leaf, "body_bytes": len(row.body or "")}
    if at.out.json:
        at.out.result(value)
    else:
        at.out.pairs((name, instant(item) if name.endswith("at") else item) for name, item in value.items())


@quarantine_app.command("retry")
def quarantine_retry(
    context: typer.Context,
    number: Annotated[int | None, typer.Argument(metavar="ID", help="Its id in the list.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every entry that is held.")] = False,
) -> None:
    """Judge entries again with today's directory and holdings, and confirm what is taken in to its sender."""
    from federation.inbox import Quarantine
    from node.services import intake
    from node.storage import quarantine

    at = session(context)
    if (number is None) == (not all_):
        raise Refusal("give either the ID of an entry or --all", status=2)
    with at.opened() as home:
        directory = home.membership.current()
        if number is not None:
            rows = [_quarantined(home, number)]
            if rows[0].state not in ("held", "awaiting"):
                raise Refusal(f"{number} is {rows[0].state}: there is nothing to judge again")
        else:
            with home.database.read() as connection:
                rows = quarantine.listing(connection)
        results = []
        for row in rows:
            with home.database.write() as connection:
                effect = intake.retry(connection, row, node=home.settings.id, directory=directory, now=home.clock())
                again = isinstance(effect, Quarantine)
                if not again:
                    _confirm(home, connection, row.feed, directory)
            told = {"problem": str(effect.problem), "detail": effect.detail} if isinstance(effect, Quarantine) else {}
            results.append({"id": row.id, "sender": row.sender, "n": row.n, "taken_in": not again, **told})
    if at.out.json:
        at.out.result({"retried": results})
    else:
        rows_ = [
            (one["id"], one["sender"], "taken in" if one["taken_in"] else one["problem"], one.get("detail"))
            for one in results
        ]
        at.out.table(("id", "sender", "outcome", "detail"), rows_, empty="Nothing is in quarantine.")
    if any(not one["taken_in"] for one in results):
        raise Refusal("some entries stay in quarantine, for the reasons above")


def _confirm(home: Any, connection: Any, feed: int, directory: Directory) -> None:
    """A new receipt of the same size: it travels with the next round."""
    from node.services.revoking import renew_receipt

    renew_receipt(
        connection, feed, node=home.settings.id, directory=directory, signer=home.signer("log"), now=home.clock()
    )


def _quarantined(home: Any, number: int) -> Row[Any]:
    from node.storage import quarantine

    with home.database.read() as connection:
        row = quarantine.get(connection, number)
    if row is None:
        raise Refusal(f"{number} is no entry in quarantine; `tidewaiter quarantine list` shows them")
    return row


def _entry(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id, "sender": row.sender, "n": row.n, "problem": row.problem, "detail": row.detail, "iss": row.iss,
        "rid": row.rid, "state": row.state, "at": row.at, "retried_at": row.retried_at,
    }  # fmt: skip
