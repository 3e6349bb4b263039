"""What is held of one node's records, and what it was given: the two sides that an inventory compares.

`held_of` are the rows that a holder signs; `given_to` are the rows that the originator expects, from its own grants.
Both leave out what neither needs to know: of a record that is withdrawn only the counter stands in a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, select

from crypto import sdjwt
from federation.errors import Malformed
from federation.feed import parse_leaf
from federation.inventories import MAX_COUNTER, Row
from node.storage.tables import entry_out, grant_out, record, tombstone

if TYPE_CHECKING:
    from collections.abc import Iterator


def held_of(connection: Connection, iss: str) -> Iterator[Row]:
    """What this node holds of the records of `iss`: one row a record."""
    gone = _tombstones(connection, iss)
    yield from gone.values()
    rows = connection.execute(
        select(record.c.rid, record.c.ver, record.c.jh, record.c.mask, record.c.gc, (record.c.jwt != "").label("full"))
        .where(record.c.iss == iss)
        .order_by(record.c.rid, record.c.ver.desc())
    )
    rid, best, counter = "", None, 0
    for row in rows:
        if row.rid != rid:
            if rid and rid not in gone:
                yield _row(rid, best, counter)
            rid, best, counter = row.rid, None, 0
        counter = max(counter, row.gc)
        if best is None and row.full and int(row.mask, 16):
            best = row
    if rid and rid not in gone:
        yield _row(rid, best, counter)


def given_to(connection: Connection, node: str, recipient: str) -> Iterator[Row]:
    """What `recipient` holds of this node's records if it has applied everything that it was given."""
    gone = _tombstones(connection, node)
    rows = connection.execute(
        select(grant_out.c.rid, grant_out.c.ver, grant_out.c.mask, grant_out.c.gc, record.c.jh)
        .select_from(
            grant_out.outerjoin(
                record,
                and_(record.c.iss == grant_out.c.iss, record.c.rid == grant_out.c.rid, record.c.ver == grant_out.c.ver),
            )
        )
        .where(grant_out.c.recipient == recipient, grant_out.c.iss == node)
    )
    for row in rows:
        if row.rid in gone:
            yield gone[row.rid]
        elif int(row.mask, 16) and row.jh is not None:
            yield Row(row.rid, row.ver, row.jh, int(row.mask, 16), row.gc)
        else:
            yield Row(row.rid, 0, "", 0, row.gc)


def in_flight(connection: Connection, feed: int, size: int) -> set[str]:
    """Records that entries beyond `size` of an outgoing feed are about: their state is on its way."""
    found: set[str] = set()
    leaves = select(entry_out.c.leaf).where(entry_out.c.feed == feed, entry_out.c.n >= size)
    for leaf in connection.scalars(leaves):
        try:
            found.add(parse_leaf(leaf).rid)
        except Malformed:  # fsck tells of it
            continue
    return found


def _row(rid: str, best: Any, counter: int) -> Row:
    counter = min(counter, MAX_COUNTER)
    return Row(rid, 0, "", 0, counter) if best is None else Row(rid, best.ver, best.jh, int(best.mask, 16), counter)


def _tombstones(connection: Connection, iss: str) -> dict[str, Row]:
    rows = connection.execute(select(tombstone.c.rid, tombstone.c.ver, tombstone.c.jwt).where(tombstone.c.iss == iss))
    return {row.rid: Row(row.rid, row.ver, sdjwt.jwt_hash(row.jwt), 0, 0, tomb=True) for row in rows}
