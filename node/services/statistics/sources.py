"""Where the figures of tables come from: the sums as they stand, or a count of what was known on a past day.

Both answer the same two questions: the figures of a dimension under filters, and who reported. A past day is counted
from the records: of each the newest version that had arrived by then, unless it was recalled by then, and of it the
groups that are held now. What was known and may not be used any more (recalled since, expired, restricted, given
another purpose) is counted in no figure, only as a number: figures never bring back what was withdrawn.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from sqlalchemy import func, or_, select

from federation.grants import Action
from node.services import bodies, search
from node.services.statistics import counting, doubles
from node.services.statistics.counting import CASES, TOTAL, UNKNOWN
from node.storage import attachments, counts
from node.storage.counts import ALL
from node.storage.tables import record, tombstone
from node.storage.tables.statistics import count_cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Connection

    from node.storage.counts import Contribution, Sums

_BATCH: Final = 500
_READABLE: Final = ("released", "received", attachments.SUPERSEDED)
"""States in which a version still has its content, and may be counted for a day on which it was in use."""


class Figure(NamedTuple):
    """One sum: `n` in thousandths. `month` is empty where it was not asked for."""

    dim: str
    value: str
    measure: str
    unit: str
    month: str
    n: int


class Reported(NamedTuple):
    """The cases of one node in one month."""

    node: str
    month: str
    cases: int
    """Thousandths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Months as YYYY-MM, both included; the node that issued; the administration that reported."""

    from_: str | None = None
    to: str | None = None
    node: str | None = None
    administration: str | None = None
    nodes: tuple[str, ...] | None = None
    """Only these issuers."""


class Source(Protocol):
    """Figures and who reported them."""

    def figures(self, dim: str, filters: Filters, *, by_month: bool) -> list[Figure]:
        """The sums of a dimension, and those of the total, under filters."""
        ...

    def reported(self, filters: Filters) -> list[Reported]:
        """Who has cases under filters, by month."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """The sums that follow the records."""

    connection: Connection

    def figures(self, dim: str, filters: Filters, *, by_month: bool) -> list[Figure]:
        """See `Source`."""
        cell = count_cell.c
        month = [cell.month] if by_month else []
        where = [*_where(filters), cell.node != ALL] if by_month and filters != Filters() else _where(filters)
        if by_month and filters == Filters():
            where = [cell.node != ALL]
        keys = (cell.dim, cell.value, cell.measure, cell.unit, *month)
        statement = (
            select(*keys, func.sum(cell.n).label("n")).where(*where, cell.dim.in_((dim, TOTAL))).group_by(*keys)
        )  # fmt: skip
        return [
            Figure(row.dim, row.value, row.measure, row.unit, row.month if by_month else "", int(row.n))
            for row in self.connection.execute(statement)
        ]

    def reported(self, filters: Filters) -> list[Reported]:
        """See `Source`."""
        cell = count_cell.c
        conditions = [cell.node != ALL] if filters == Filters() else _where(filters)
        statement = (
            select(cell.node, cell.month, func.sum(cell.n).label("n"))
            .where(*conditions, cell.dim == TOTAL, cell.measure == CASES)
            .group_by(cell.node, cell.month)
        )
        return [Reported(row.node, row.month, int(row.n)) for row in self.connection.execute(statement)]


@dataclass(frozen=True, slots=True)
class Recounted:
    """Sums that were counted from the records for a past day."""

    sums: Sums
    gone: int
    """Records that were known then and may not be used any more."""

    def figures(self, dim: str, filters: Filters, *, by_month: bool) -> list[Figure]:
        """See `Source`."""
        found: defaultdict[tuple[str, str, str, str, str], int] = defaultdict(int)
        for (month, node, administration), own in self.sums.items():
            if passes(filters, month, node, administration):
                for (name, value, measure, unit), n in own.items():
                    if name in {dim, TOTAL}:
                        found[name, value, measure, unit, month if by_month else ""] += n
        return [Figure(*key, n) for key, n in found.items() if n]

    def reported(self, filters: Filters) -> list[Reported]:
        """See `Source`."""
        found: defaultdict[tuple[str, str], int] = defaultdict(int)
        for (month, node, administration), own in self.sums.items():
            if passes(filters, month, node, administration):
                found[node, month] += own.get((TOTAL, "", CASES, ""), 0)
        return [Reported(node, month, n) for (node, month), n in found.items() if n]


def recounted(connection: Connection, *, at: int, now: int) -> Recounted:
    """Count what was known at a time. `at` and `now` in seconds."""
    sums: Sums = {}
    links = doubles.joined(connection, now=now, known_at=at)
    joined, held = doubles.keys_of(links), dict[doubles.Key, Any]()
    gone = 0
    for row in _known(connection, at):
        usable = row.state in _READABLE and row.disclosures and (row.keep_until is None or row.keep_until > now)
        if not usable or not search.allowed(row, Action.STATISTICS, None, now=now)[1]:
            gone += 1
        elif (row.iss, row.rid) in joined:
            held[row.iss, row.rid] = row
        else:
            counts.add_up(sums, _contribution(row))
    out = doubles.decide(links, {key: doubles.entered(row) for key, row in held.items()})
    for key, row in held.items():
        if key not in out:
            counts.add_up(sums, _contribution(row))
    return Recounted(sums, gone)


def _contribution(row: Any) -> Contribution:
    groups, _ = bodies.read_row(row)
    return counting.contribution(groups, node=row.iss)


def _known(connection: Connection, at: int) -> Iterator[Any]:
    """Of each seizure the newest version that had arrived by then, unless it was recalled by then."""
    newest = (
        select(record.c.iss, record.c.rid, func.max(record.c.ver).label("ver"))
        .where(record.c.kind == doubles.KIND, record.c.accepted_at <= at)
        .group_by(record.c.iss, record.c.rid)
        .subquery()
    )
    gone = select(tombstone.c.rid).where(
        tombstone.c.iss == record.c.iss, tombstone.c.rid == record.c.rid, tombstone.c.at <= at
    )
    statement = (
        select(record)
        .join(newest, (record.c.iss == newest.c.iss) & (record.c.rid == newest.c.rid) & (record.c.ver == newest.c.ver))
        .where(~gone.exists())
        .order_by(record.c.id)
    )
    yield from connection.execute(statement.execution_options(yield_per=_BATCH))


def _where(filters: Filters) -> list[ColumnElement[bool]]:
    cell = count_cell.c
    if filters == Filters():
        return [cell.month == ALL, cell.node == ALL, cell.administration == ALL]
    found = [cell.node != ALL]
    if filters.from_ is not None or filters.to is not None:
        found.append(cell.month != UNKNOWN)
    # A year without a month counts where the period has all of it.
    if filters.from_ is not None:
        found.append(or_(cell.month >= filters.from_, cell.month + "-01" == filters.from_))
    if filters.to is not None:
        found.append(
            or_((func.length(cell.month) > len("2026")) & (cell.month <= filters.to), cell.month <= _year(filters.to))
        )
    if filters.node is not None:
        found.append(cell.node == filters.node)
    if filters.nodes is not None:
        found.append(cell.node.in_(filters.nodes))
    if filters.administration is not None:
        found.append(cell.administration == filters.administration)
    return found


def passes(filters: Filters, month: str, node: str, administration: str) -> bool:
    """The same as `_where`, for one sum."""
    if (filters.from_ is not None or filters.to is not None) and month == UNKNOWN:
        return False
    if filters.from_ is not None and not (month >= filters.from_ or f"{month}-01" == filters.from_):
        return False
    if filters.to is not None and not (
        (len(month) > len("2026") and month <= filters.to) or month <= _year(filters.to)
    ):
        return False
    return (
        filters.node in {None, node}
        and (filters.nodes is None or node in filters.nodes)
        and filters.administration in {None, administration}
    )


def _year(to: str) -> str:
    """The last year that a period to this month has whole."""
    return to[:4] if to.endswith("12") else f"{int(to[:4]) - 1:04d}"
