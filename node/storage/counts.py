"""What the records add to the statistics, and the sums of it, always changed in one transaction.

`put` adds what versions contribute, `changed` takes it back at once and notes that they are to be counted anew. Every
function of `node.storage.records` that changes a version or takes it away calls `changed`: between the change and the
recount a version is not counted at all, never with what it said before.

Left to others: what a record contributes (`node.services.statistics.counting`), and when to count
(`node.services.statistics.following`). Trust: whoever can write to the database can change the sums; a recount from
the records shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import ColumnElement, Connection, delete, select

from node.storage import followers
from node.storage.database import insert_rows
from node.storage.tables.statistics import count_cell, counted, recount

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

NAME: Final = "statistics"
ALL: Final = "*"
"""Stands for every month, node and administration in the sums over everything."""
_AT_ONCE: Final = 500
_KEY: Final = "dim, month, node, administration, value, measure, unit"
_ADDED: Final = f"ON CONFLICT ({_KEY}) DO UPDATE SET n = count_cell.n + excluded.n"
_TEXTS: Final = ", ".join(["%s::text[]"] * 7)
_ADD: Final = {
    "sqlite": f"INSERT INTO count_cell ({_KEY}, n) VALUES (?, ?, ?, ?, ?, ?, ?, ?) {_ADDED}",  # noqa: S608
    "postgresql": f"INSERT INTO count_cell ({_KEY}, n) SELECT * FROM unnest({_TEXTS}, %s::bigint[]) {_ADDED}",  # noqa: S608
}
_CLEAN: Final = {
    "sqlite": f"DELETE FROM count_cell WHERE ({_KEY}) = (?, ?, ?, ?, ?, ?, ?) AND n = 0",  # noqa: S608
    "postgresql": f"DELETE FROM count_cell WHERE n = 0 AND ({_KEY}) IN (SELECT * FROM unnest({_TEXTS}))",  # noqa: S608
}
"""Sums are added, and taken away at nothing, by constants and bound values alone."""

Key = tuple[str, str, str, str, str, str, str]
"""(month, node, administration, dimension, value, measure, unit)."""
Sums = dict[tuple[str, str, str], dict[tuple[str, str, str, str], int]]
"""(month, node, administration) to (dimension, value, measure, unit) to thousandths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one version adds. `rows` are (dimension, value, measure, unit, n in thousandths)."""

    month: str
    node: str
    administration: str
    rows: tuple[tuple[str, str, str, str, int], ...]

    def to_json(self) -> str:
        """Write it as it is kept."""
        return orjson.dumps([self.month, self.node, self.administration, self.rows]).decode()


def of_json(body: str) -> Contribution:
    """Read a contribution as it is kept."""
    month, node, administration, rows = orjson.loads(body)
    return Contribution(
        month=month, node=node, administration=administration, rows=tuple((d, v, m, u, n) for d, v, m, u, n in rows)
    )


def add_up(into: Sums, contribution: Contribution, sign: int = 1) -> None:
    """Add a contribution to sums, or take it out with `sign` -1."""
    own = into.setdefault((contribution.month, contribution.node, contribution.administration), {})
    for dim, value, measure, unit, n in contribution.rows:
        key = (dim, value, measure, unit)
        own[key] = own.get(key, 0) + sign * n


def with_all(sums: Sums) -> dict[Key, int]:
    """Every sum that is something, and those over everything."""
    everything: dict[tuple[str, str, str, str], int] = {}
    for own in sums.values():
        for key, n in own.items():
            everything[key] = everything.get(key, 0) + n
    parts = [*sums.items(), ((ALL, ALL, ALL), everything)]
    return {(*whose, *key): n for whose, own in parts for key, n in own.items() if n}


def put(connection: Connection, rows: Sequence[tuple[int, int | None, Contribution]]) -> None:
    """Add what versions contribute: (record, keep_until in seconds, contribution). They are not counted yet.

    The caller holds `followers.lock` since before it read them.
    """
    sums: Sums = {}
    for _, _, contribution in rows:
        add_up(sums, contribution)
    insert_rows(
        connection, counted, ("record", "keep_until", "body"),
        [(record, keep_until, contribution.to_json()) for record, keep_until, contribution in rows],
    )  # fmt: skip
    _apply(connection, sums)


def take_out(connection: Connection, condition: ColumnElement[bool]) -> None:
    """Take back what versions contribute that fulfil a condition over `counted`; the caller holds `followers.lock`."""
    sums: Sums = {}
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


def _apply(connection: Connection, sums: Sums) -> None:
    """Add to the stored sums; a sum that comes to nothing is no row. The driver's own values: there are many."""
    rows = [
        (dim, month, node, administration, value, measure, unit, n)
        for (month, node, administration, dim, value, measure, unit), n in with_all(sums).items()
    ]
    _run(connection, _ADD, sorted(rows))  # in the order of their key: neighbours are written together
    _run(connection, _CLEAN, [row[:-1] for row in rows if row[-1] < 0])


def _run(connection: Connection, statements: Mapping[str, str], rows: Sequence[tuple[str | int, ...]]) -> None:
    if not rows:
        return
    statement = statements[connection.dialect.name]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement, rows)
        return
    connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True)))
