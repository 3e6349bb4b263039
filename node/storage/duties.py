"""Relay grants on disk: their texts, the newest ones of each record, what a hub passed on, and what hubs reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, select, update

from federation.relay import text_hash
from node.storage.database import insert_rows
from node.storage.tables.relay import relay_duty, relay_grant, relay_passed, relay_report, relay_reported

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from federation.feed import Leaf

CHUNK = 500


def keep_texts(connection: Connection, texts: Mapping[str, str]) -> None:
    """Keep texts of relay grants by their hash, equal ones once."""
    there = set(texts_of(connection, texts))
    rows = [(key, text) for key, text in texts.items() if key not in there]
    insert_rows(connection, relay_grant, ("hash", "text"), rows)


def texts_of(connection: Connection, hashes: Collection[str]) -> dict[str, str]:
    """The texts with these hashes."""
    if not hashes:
        return {}
    rows = connection.execute(select(relay_grant).where(relay_grant.c.hash.in_(list(hashes))))
    return {row.hash: row.text for row in rows}


def received(connection: Connection, leaf: Leaf, text: str | None, *, now: int) -> None:
    """An originator's entry was applied here: its relay grants are the ones that count from now on, or it has none."""
    if text is None or leaf.rg is None or text_hash(text) != leaf.rg:
        if leaf.op in {"put", "more"}:
            _renounce(connection, leaf.iss, leaf.rid)
        again = taken_back if leaf.op == "less" else touched
        again(connection, leaf.iss, leaf.rid)
        return
    keep_texts(connection, {leaf.rg: text})
    given(connection, [(leaf.iss, leaf.rid, "", leaf.ver, leaf.rg)], now=now, due=True)


def _renounce(connection: Connection, iss: str, rid: str) -> None:
    connection.execute(
        update(relay_duty).where(relay_duty.c.iss == iss, relay_duty.c.rid == rid).values(hash="", due=True)
    )


def touched(connection: Connection, iss: str, rid: str) -> None:
    """Something of a record changed: if this node passed it on, it has to look again."""
    _look_again(connection, iss, rid)


def taken_back(connection: Connection, iss: str, rid: str) -> None:
    """The originator took something of a record back: whoever fetches it from this node gets it without that.

    If it is given again before this node looks, it has to be passed on again, though nothing seems to have changed.
    """
    _look_again(connection, iss, rid, lost=True)


def _look_again(connection: Connection, iss: str, rid: str, **more: bool) -> None:
    connection.execute(
        update(relay_duty)
        .where(relay_duty.c.iss == iss, relay_duty.c.rid == rid, relay_duty.c.hub == "")
        .values(due=True, **more)
    )


def given(
    connection: Connection, rows: Iterable[tuple[str, str, str, int, str]], *, now: int, due: bool = False
) -> None:
    """Remember the newest relay grants: (iss, rid, hub, ver, hash); the hub is "" where it is this node."""
    rows = list({row[:3]: row for row in rows}.values())  # of one key the last one counts
    lost = set()
    for iss, rid, hub, _, _ in rows:
        key = (relay_duty.c.iss == iss, relay_duty.c.rid == rid, relay_duty.c.hub == hub)
        if due and connection.scalar(select(relay_duty.c.lost).where(*key)):
            lost.add((iss, rid, hub))
        connection.execute(delete(relay_duty).where(*key))
    columns = ("iss", "rid", "hub", "ver", "hash", "at", "due", "lost")
    insert_rows(connection, relay_duty, columns, [(*row, now, due, row[:3] in lost) for row in rows])


def all_due(connection: Connection) -> None:
    """Who may have what can have changed by itself (another directory): look at everything again."""
    connection.execute(update(relay_duty).where(relay_duty.c.hub == "").values(due=True))


def due(connection: Connection, limit: int) -> list[Row[Any]]:
    """Records that this node, as the hub, has to look at."""
    statement = select(relay_duty).where(relay_duty.c.due.is_(True), relay_duty.c.hub == "")
    return list(connection.execute(statement.order_by(relay_duty.c.iss, relay_duty.c.rid).limit(limit)))


def done(connection: Connection, iss: str, rid: str) -> None:
    """A record was looked at."""
    connection.execute(
        update(relay_duty)
        .where(relay_duty.c.iss == iss, relay_duty.c.rid == rid, relay_duty.c.hub == "")
        .values(due=False, lost=False)
    )


def passed(connection: Connection, rows: Sequence[tuple[str, str, str, int, str, int]]) -> None:
    """A hub passed something on: (iss, rid, recipient, ver, mask, at)."""
    insert_rows(connection, relay_passed, ("iss", "rid", "recipient", "ver", "mask", "at"), rows)


def passed_after(connection: Connection, iss: str, position: int, limit: int) -> list[Row[Any]]:
    """What was passed on of an originator's records after a position, oldest first."""
    return list(
        connection.execute(
            select(relay_passed)
            .where(relay_passed.c.iss == iss, relay_passed.c.id > position)
            .order_by(relay_passed.c.id)
            .limit(limit)
        )
    )


def given_to_hubs(connection: Connection, iss: str) -> list[Row[Any]]:
    """What this node lets each hub pass on now, with the text of the grants."""
    return list(
        connection.execute(
            select(relay_duty, relay_grant.c.text)
            .join(relay_grant, relay_grant.c.hash == relay_duty.c.hash)
            .where(relay_duty.c.iss == iss, relay_duty.c.hub != "")
            .order_by(relay_duty.c.hub, relay_duty.c.rid)
        )
    )


def texts_given(connection: Connection, iss: str, rids: Collection[str]) -> dict[tuple[str, str], str]:
    """(rid, hub) → the text of the relay grants in force that this node gave."""
    rows = connection.execute(
        select(relay_duty.c.rid, relay_duty.c.hub, relay_grant.c.text)
        .join(relay_grant, relay_grant.c.hash == relay_duty.c.hash)
        .where(relay_duty.c.iss == iss, relay_duty.c.rid.in_(list(rids)), relay_duty.c.hub != "")
    )
    return {(row.rid, row.hub): row.text for row in rows}


def reported_to(connection: Connection, hub: str | None = None, rid: str | None = None) -> list[Row[Any]]:
    """What hubs said that they passed on, the newest word of each (hub, record, recipient)."""
    statement = select(relay_reported).order_by(relay_reported.c.hub, relay_reported.c.rid, relay_reported.c.recipient)
    if hub is not None:
        statement = statement.where(relay_reported.c.hub == hub)
    if rid is not None:
        statement = statement.where(relay_reported.c.rid == rid)
    return list(connection.execute(statement))


def report_position(connection: Connection, hub: str) -> int:
    """How far this node has a hub's reports."""
    return connection.scalar(select(func.max(relay_report.c.position)).where(relay_report.c.hub == hub)) or 0


def reports(connection: Connection) -> dict[str, int]:
    """When each hub last reported."""
    rows = connection.execute(select(relay_report.c.hub, func.max(relay_report.c.at)).group_by(relay_report.c.hub))
    return {row[0]: row[1] for row in rows}


def keep_report(
    connection: Connection, hub: str, *, position: int, token: str,
    rows: Mapping[tuple[str, str], tuple[int, str, int]], now: int,
) -> None:  # fmt: skip
    """Keep a report and what it says: (rid, recipient) → (ver, mask, at)."""
    # An empty report has no position of its own: the newest word that there is nothing takes the place of the last.
    connection.execute(delete(relay_report).where(relay_report.c.hub == hub, relay_report.c.position == position))
    connection.execute(relay_report.insert().values(hub=hub, position=position, token=token, at=now))
    for rid, recipient in rows:
        connection.execute(
            delete(relay_reported).where(
                relay_reported.c.hub == hub, relay_reported.c.rid == rid, relay_reported.c.recipient == recipient
            )
        )
    columns = ("hub", "rid", "recipient", "ver", "mask", "at")
    insert_rows(connection, relay_reported, columns, [(hub, *key, *row) for key, row in rows.items()])
