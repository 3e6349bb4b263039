"""What the records add to the statistics, and the sums of it, always changed in one transaction.

`put` adds what versions contribute, `changed` takes it back at once and notes that they are to be counted anew. Every
function of `node.storage.records` that changes a version or takes it away calls `changed`: between the change and the
recount a version is not counted at all, never with what it said before.

Left to others: what a record contributes (`node.services.statistics.counting`), and when to count
(`node.services.statistics.following`). Trust: whoever can write to the database can change the sums; a recount from
the records shows it.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from node.storage import followers
from node.storage.database import insert_rows
from node.storage.tables.statistics import count_cell, counted, recount

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

NAME: Final = "statistics"
ALL: Final = "*"
"""Stands for every month, node and administration in the sums over everything."""
_AT_ONCE: Final = 500

Key = tuple[str, str, str, str, str, str, str]
"""(month, node, administration, dimension, value, measure, unit)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one version adds. `rows` are (dimension, value, measure, unit, n in thousandths)."""

    month: str
    node: str
    administration: str
    rows: tuple[tuple[str, str, str, str, int], ...]

    def to_json(self) -> str:
        """Write it as it is kept."""
        return json.dumps([self.month, self.node, self.administration, self.rows], ensure_ascii=False)


def of_json(body: str) -> Contribution:
    """Read a contribution as it is kept."""
    month, node, administration, rows = json.loads(body)
    return Contribution(
        month=month, node=node, administration=administration, rows=tuple((d, v, m, u, n) for d, v, m, u, n in rows)
    )


def add_up(into: Counter[Key], contribution: Contribution, sign: int = 1) -> None:
    """Add a contribution to sums, or take it out with `sign` -1."""
    for dim, value, measure, unit, n in contribution.rows:
        into[contribution.month, contribution.node, contribution.administration, dim, value, measure, unit] += sign * n
        into[ALL, ALL, ALL, dim, value, measure, unit] += sign * n


def put(connection: Connection, rows: Sequence[tuple[int, int | None, Contribution]]) -> None:
    """Add what versions contribute: (record, keep_until in seconds, contribution). They are not counted yet.

    The caller holds `followers.lock` since before it read them.
    """
    sums: Counter[Key] = Counter()
    for _, _, contribution in rows:
        add_up(sums, contribution)
    insert_rows(
        connection, counted, ("record", "keep_until", "body"),
        [(record, keep_until, contribution.to_json()) for record, keep_until, contribution in rows],
    )  # fmt: skip
    _apply(connection, sums)


def take_out(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Take back what versions contribute that fulfil a condition over `counted`; the caller holds `followers.lock`."""
    sums: Counter[Key] = Counter()
    found = connection.execute(select(counted.c.record, counted.c.body).where(condition)).all()
    for row in found:
        add_up(sums, of_json(row.body), -1)
    if found:
        connection.execute(delete(counted).where(condition))
        _apply(connection, sums)


def changed(connection: Connection, ids: Collection[int]) -> None:
    """Versions have changed or are gone: what they contributed goes now, and they are counted anew later."""
    # Before anything is looked at: a follower that has read a version as it was may not have counted it yet.
    followers.lock(connection)
    wanted = sorted(set(ids))
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        take_out(connection, counted.c.record.in_(some))
        noted = set(connection.scalars(select(recount.c.record).where(recount.c.record.in_(some))))
        insert_rows(connection, recount, ("record",), [(one,) for one in some if one not in noted])


def waiting(connection: Connection, limit: int) -> list[int]:
    """Versions that are to be counted anew, at most so many."""
    return list(connection.scalars(select(recount.c.record).order_by(recount.c.record).limit(limit)))


def done(connection: Connection, ids: Sequence[int]) -> None:
    """Versions were counted anew."""
    connection.execute(delete(recount).where(recount.c.record.in_(ids)))


def cells(connection: Connection) -> dict[Key, int]:
    """All sums, in thousandths: for the comparison with a recount."""
    rows = connection.execute(select(count_cell))
    return {(row.month, row.node, row.administration, row.dim, row.value, row.measure, row.unit): row.n for row in rows}


def _apply(connection: Connection, sums: Mapping[Key, int]) -> None:
    """Add to the stored sums; a sum that comes to nothing is no row."""
    names = ("month", "node", "administration", "dim", "value", "measure", "unit")
    values: list[dict[str, Any]] = [
        {**dict(zip(names, key, strict=True)), "n": n} for key, n in sorted(sums.items()) if n
    ]
    if not values:
        return
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
    statement = insert(count_cell)
    added = statement.on_conflict_do_update(
        index_elements=list(count_cell.primary_key.columns), set_={"n": count_cell.c.n + statement.excluded.n}
    )
    connection.execute(added, values)
    lowered = [{f"b_{name}": value[name] for name in names} for value in values if value["n"] < 0]
    if lowered:
        match = [count_cell.c[name] == bindparam(f"b_{name}") for name in names]
        connection.execute(delete(count_cell).where(*match, count_cell.c.n == 0), lowered)
