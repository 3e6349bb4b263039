"""How far each thing that follows the records has come: the word index by row, the offers by time.

Who follows by row takes rows in the order of their ids, from `fresh`, inside the transaction that moves the position.
On SQLite ids come in the order of commits, because there is one writer. On PostgreSQL they come from a sequence, and a
transaction may commit later than another one with higher ids: whoever adds records says so first (`announce`), and
`fresh` stops before the ids that a transaction still under way may have. One that stays open delays the followers of
what came after it, and nothing else.

Who follows also keeps what a record said until it changes. `lock` puts followers and those who change a record that may
have been followed in a row, so that nobody keeps what was read before a change and written after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select, text, update

from node.storage.tables import follower, record

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LOCK: Final = 0x7469646500000035
"""The number of the one lock of followers. One for all of them: two could be taken crosswise."""
_ANNOUNCED: Final = 0x7469000000000000
"""To it is added the highest id that was given before: the number of the lock by which a writer is seen. Ids stay far
below 2 to the 40th, so the two kinds of numbers never meet."""
_ROOM: Final = 1 << 40

# A sequence that was never asked says 1 and gives 1 next.
_GIVEN: Final = "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END AS last FROM record_id_seq"
_ANNOUNCE: Final = text(f"SELECT pg_advisory_xact_lock_shared(:base + last) FROM ({_GIVEN}) AS given")  # noqa: S608
_LAST: Final = text(_GIVEN)
_UNDER_WAY: Final = text(
    "SELECT min(number) - :base FROM ("
    " SELECT (classid::bigint << 32) | objid::bigint AS number FROM pg_locks WHERE locktype = 'advisory'"
    " AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ") AS held WHERE number >= :base AND number < :base + :room"
)


def position(connection: Connection, name: str) -> int:
    """The stored position of a follower, 0 for one that never ran."""
    return connection.scalar(select(follower.c.position).where(follower.c.name == name)) or 0


def advance(connection: Connection, name: str, to: int, *, now: int) -> None:
    """Remember how far a follower has come."""
    statement = update(follower).where(follower.c.name == name).values(position=to, updated_at=now)
    if not connection.execute(statement).rowcount:
        connection.execute(follower.insert().values(name=name, position=to, updated_at=now))


def lock(connection: Connection) -> None:
    """Wait for other followers, and for those who change what was followed; held to the end of the transaction.

    Taken before a record is read for following, or before what was kept of it is taken away. On SQLite there is one
    writer, and nothing to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def announce(connection: Connection) -> None:
    """Say, before ids of records are given, that this transaction will have ids above those given so far."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ANNOUNCE, {"base": _ANNOUNCED})


def fresh(connection: Connection, start: int, limit: int) -> list[int]:
    """The next ids of records after `start`, rising, at most so many, none of which a transaction may still precede."""
    statement = select(record.c.id).where(record.c.id > start).order_by(record.c.id).limit(limit)
    if connection.dialect.name == "postgresql":
        # Three looks, and their order matters. An id up to `last` was given before the second look; its transaction
        # was announced before that. Either it is still under way there, and its ids are above its announcement, or it
        # is over, and what it wrote is seen by the third look (each statement sees what was committed when it began).
        last = connection.scalar(_LAST) or 0
        under_way = connection.scalar(_UNDER_WAY, {"base": _ANNOUNCED, "room": _ROOM})
        statement = statement.where(record.c.id <= (last if under_way is None else min(last, under_way)))
    return list(connection.scalars(statement))
