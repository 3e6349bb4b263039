"""The word index follows the records, in batches from a stored position; receiving never waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from node.services import bodies
from node.storage import followers, fulltext, records
from node.storage.tables import record

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from node.storage.database import Database

BATCH: Final = 250


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
        texts = [(row.id, " ".join([row.title, *fulltext.words_in(bodies.read_row(row)[0])])) for row in rows]
        fulltext.put(connection, texts)
        followers.advance(connection, fulltext.NAME, new[-1], now=now)
    return True


def again(connection: Connection, row_id: int) -> None:
    """Index a version anew whose row was indexed before with other content, or is behind the position anyway."""
    if row_id > followers.position(connection, fulltext.NAME):
        return
    fulltext.forget(connection, [row_id])
    row = connection.execute(records.visible().where(record.c.id == row_id)).first()
    if row is not None:
        words = fulltext.words_in(dict(bodies.reopen_row(row).groups))
        fulltext.put(connection, [(row.id, " ".join([row.title, *words]))])


def lag(database: Database) -> int:
    """How many rows the index is behind."""
    with database.read() as connection:
        newest = connection.scalar(select(func.max(record.c.id))) or 0
        return max(0, newest - followers.position(connection, fulltext.NAME))
