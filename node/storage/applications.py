"""How far a policy has been applied to what was released before it, and as of when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from node.storage.tables.instruments import application

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row


def find(connection: Connection, policy: int) -> Row[Any] | None:
    """The state of one policy version; None for one that was activated before this was kept."""
    return connection.execute(select(application).where(application.c.policy == policy)).first()


def begin(connection: Connection, policy: int, *, now: int, done: bool = False) -> None:
    """Begin to apply a policy from the first record, as of `now`; `done` where there is nothing to apply it to."""
    values = {"position": 0, "as_of": now, "done": done, "updated_at": now}
    if not connection.execute(update(application).where(application.c.policy == policy).values(**values)).rowcount:
        connection.execute(application.insert().values(policy=policy, **values))


def advance(
    connection: Connection, policy: int, *, position: int | None, counts: Mapping[str, int], now: int
) -> None:  # fmt: skip
    """Remember how far it came: up to the record of row `position`; None: to the end. `counts` are entries by kind."""
    values: dict[str, Any] = {
        f"{op}s" if op != "less" else "lesses": getattr(application.c, f"{op}s" if op != "less" else "lesses") + count
        for op, count in counts.items()
    }
    values |= {"done": True} if position is None else {"position": position}
    connection.execute(update(application).where(application.c.policy == policy).values(updated_at=now, **values))
