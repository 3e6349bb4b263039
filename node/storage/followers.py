"""How far each thing that follows the records has come: the word index by row, the offers by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from node.storage.tables import follower

if TYPE_CHECKING:
    from sqlalchemy import Connection


def position(connection: Connection, name: str) -> int:
    """The stored position of a follower, 0 for one that never ran."""
    return connection.scalar(select(follower.c.position).where(follower.c.name == name)) or 0


def advance(connection: Connection, name: str, to: int, *, now: int) -> None:
    """Remember how far a follower has come."""
    statement = update(follower).where(follower.c.name == name).values(position=to, updated_at=now)
    if not connection.execute(statement).rowcount:
        connection.execute(follower.insert().values(name=name, position=to, updated_at=now))
