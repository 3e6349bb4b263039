"""Each peer's questions of the day, counted in the transaction that answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite

from node.storage.tables.questions import question_budget

if TYPE_CHECKING:
    from sqlalchemy import Connection

DAY: Final = 86_400


def count(connection: Connection, peer: str, *, now: int) -> int:
    """Count one more question of a peer; how many it has asked today, this one included.

    Two that come at once are counted one after the other: the second waits for the row.
    """
    today = now // DAY
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    again = case((question_budget.c.day == today, question_budget.c.asked + 1), else_=1)
    statement = insert(question_budget).values(peer=peer, day=today, asked=1)
    statement = statement.on_conflict_do_update(index_elements=["peer"], set_={"day": today, "asked": again})
    asked: int = connection.scalars(statement.returning(question_budget.c.asked)).one()
    return asked


def until_tomorrow(now: int) -> int:
    """Seconds until the next day by UTC."""
    return DAY - now % DAY
