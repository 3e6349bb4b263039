"""What records are found by follows them, in batches from a stored position; receiving never waits for it.

Words, names, numbers and lines are made together, from the groups that are held, in use and in time. A version that
changes behind the position is put anew in the transaction that changes it (`again`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from federation.records import get_schema
from federation.records.traces import traces
from node.services import bodies
from node.storage import followers, fulltext, indexes, records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from node.storage.database import Database

BATCH: Final = 250
FACETS: Final = "facets"
"""Versions up to this follower's position were kept before some filters existed; indexing adds what they lack."""


def follow(database: Database, *, now: int) -> bool:
    """Index the next batch; True if there was one. Only groups that are held are ever indexed."""
    with database.read() as connection:
        start = followers.position(connection, fulltext.NAME)
        newest = connection.scalar(select(func.max(record.c.id))) or 0
    if newest <= start:
        return False
    with database.write() as connection:
        followers.lock(connection)
        new = followers.fresh(connection, followers.position(connection, fulltext.NAME), BATCH)
        if not new:
            return False
        rows = connection.execute(records.visible().where(record.c.id.in_(new), records.in_time(now)))
        entries = [entry(row, bodies.read_row(row)[0]) for row in rows]
        indexes.put(connection, entries)
        if new[0] <= followers.position(connection, FACETS):
            records.complete_facets(connection, [(one.record, one.day, one.facets) for one in entries])
        followers.advance(connection, fulltext.NAME, new[-1], now=now)
    return True


def again(connection: Connection, row_id: int) -> None:
    """Index a version anew that is in use again, or says something else; the follower has not come by: it will."""
    if row_id > followers.position(connection, fulltext.NAME):
        return
    row = connection.execute(records.visible().where(record.c.id == row_id)).first()
    if row is None:
        indexes.forget(connection, [row_id])
    else:
        indexes.put(connection, [entry(row, bodies.read_row(row)[0])])


def entry(row: Row[Any], groups: Mapping[str, Any]) -> indexes.Entry:
    """What a version is found by: its title, and what these groups say."""
    facets = get_schema(row.sch).facets(groups)
    return indexes.Entry(
        record=row.id,
        words=" ".join([row.title, *fulltext.words_in(dict(groups))]),
        traces=traces(groups),
        day=facets.day or records.NO_DAY,
        handling=row.handling,
        facets={(field, value) for field, value, _, _ in records.facet_values(row.id, row.kind, row.iss, facets)},
    )


def lag(database: Database) -> int:
    """How many rows the index is behind."""
    with database.read() as connection:
        newest = connection.scalar(select(func.max(record.c.id))) or 0
        return max(0, newest - followers.position(connection, fulltext.NAME))
