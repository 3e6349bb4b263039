"""The fixed, versioned catalogue of tables, read from the sums; every look stands in the disclosure log.

Each table prints its own total, because a case counts once for each of its values and once in the total; and with it
who reported, up to when, and the standing caveat. Nothing is suppressed here: these are an officer's figures, and what
is published passes disclosure control first, which is left to others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, or_, select

from federation.errors import NotFound
from federation.grants import STATISTICS_PURPOSE
from node.services.search import CriteriaRefused
from node.services.statistics import following
from node.services.statistics.counting import CASES, MEASURES, SCALE, SEVERAL, TOTAL, UNKNOWN
from node.storage import audit
from node.storage.counts import ALL
from node.storage.tables.statistics import count_cell

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from node.storage.database import Database

CATALOGUE_VERSION: Final = 1
"""Rises when a table is added or counts otherwise: figures of two versions are not compared."""
STANDARD: Final = {
    "by-month": "month", "by-category": "category", "by-chapter": "chapter", "by-brand": "brand", "by-right": "right",
    "by-origin": "origin", "by-departure": "departure", "by-destination": "destination",
    "by-conveyance": "conveyance", "by-procedure": "procedure", "by-detection": "detection",
    "by-location": "location",
}  # fmt: skip
"""The twelve tables of the standard page, each with its dimension."""
CATALOGUE: Final = {
    **STANDARD,
    "by-heading": "heading", "by-subheading": "subheading", "by-transit": "transit",
    "by-administration": "administration", "out-enforcement": "enforcement", "out-trade-flow": "trade_flow",
}  # fmt: skip
CAVEAT: Final = (
    "Reporting is voluntary, and more seizures can mean better officers, not more trade. A case counts once for each "
    "of its values and once in the total: cases and shares by value do not add up to the total. Unlike units, "
    "currencies and bases of value are not added. What was not granted is counted as unknown."
)
MAX_ROWS: Final = 50
"""Values of a table, most cases first: the brands of a large node are thousands."""
AT_ONCE: Final = 1
"""Batches that a look counts before it answers; what is left is told as `behind`."""
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_NAME: Final = re.compile(r"[A-Z0-9-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Months as YYYY-MM, both included; the node that issued; the administration that reported."""

    from_: str | None = None
    to: str | None = None
    node: str | None = None
    administration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure: `n` in thousandths of `unit`. Units of values are `basis:currency`."""

    key: tuple[str, ...]
    measure: str
    unit: str
    n: int

    def to_json(self) -> dict[str, Any]:
        """The figure with its number as a decimal text."""
        return {"key": list(self.key), "measure": self.measure, "unit": self.unit, "n": decimal(self.n)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who reported: node, cases, first and last month with a case."""

    node: str
    cases: int
    first: str | None
    last: str | None

    def to_json(self) -> dict[str, Any]:
        """The members that are known."""
        members = {"node": self.node, "cases": self.cases, "first": self.first, "last": self.last}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. `rows` are by key in the order of the table; `total` has the empty key."""

    name: str
    dims: tuple[str, ...]
    measures: tuple[str, ...]
    rows: tuple[Cell, ...]
    total: tuple[Cell, ...]
    coverage: tuple[Reporter, ...]
    caveat: str
    as_of: int
    """Seconds since the epoch."""
    behind: int
    """Versions that are held and not yet counted."""
    left_out: int
    """Values beyond the first `MAX_ROWS`."""

    def to_json(self) -> dict[str, Any]:
        """The table for the API, the command line and a file."""
        return {
            "name": self.name, "catalogue": CATALOGUE_VERSION, "dims": list(self.dims),
            "measures": list(self.measures), "rows": [cell.to_json() for cell in self.rows],
            "total": [cell.to_json() for cell in self.total],
            "coverage": [reporter.to_json() for reporter in self.coverage], "caveat": self.caveat,
            "as_of": self.as_of, "behind": self.behind, "left_out": self.left_out,
        }  # fmt: skip


def look(database: Database, names: tuple[str, ...], filters: Filters, *, by: str, now: int) -> tuple[Table, ...]:
    """Read tables of the catalogue. Logged with the purpose `statistics`.

    Raises `NotFound` for a table that the catalogue does not have, and `CriteriaRefused`.
    """
    if not set(names) <= CATALOGUE.keys():
        raise NotFound("the catalogue has no such table; tidewaiter stats list names them")
    _check(filters)
    for _ in range(AT_ONCE):
        if not following.follow(database, now=now):
            break
    told = {
        "tables": list(names), "catalogue": CATALOGUE_VERSION, "from": filters.from_, "to": filters.to,
        "node": filters.node, "administration": filters.administration,
    }  # fmt: skip
    with database.write() as connection:
        following.step(connection, now=now)
        coverage, behind = _coverage(connection, filters), following.behind(connection)
        found = tuple(_read(connection, name, filters, coverage=coverage, behind=behind, now=now) for name in names)
        row = audit.Disclosure(
            at=now, action="statistics", actor=by, purpose=STATISTICS_PURPOSE,
            detail=json.dumps({name: value for name, value in told.items() if value is not None}),
        )  # fmt: skip
        audit.log(connection, [row])
    return found


def decimal(n: int) -> str:
    """Thousandths as a decimal text.

    >>> decimal(1_200_000), decimal(1_250)
    ('1200', '1.25')
    """
    whole, rest = divmod(n, SCALE)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def as_of_text(now: int) -> str:
    """The moment of a table, for people."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _check(filters: Filters) -> None:
    for name, value in (("from", filters.from_), ("to", filters.to)):
        if value is not None and not _MONTH.fullmatch(value):
            raise CriteriaRefused(name, "is a month, such as 2026-03")
    for name, value in (("node", filters.node), ("administration", filters.administration)):
        if value is not None and not _NAME.fullmatch(value):
            raise CriteriaRefused(name, "is an id in capitals, such as KE")


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
        december = filters.to[-2:] == "12"
        whole = filters.to[:4] if december else f"{int(filters.to[:4]) - 1:04d}"
        found.append(or_((func.length(cell.month) > len("2026")) & (cell.month <= filters.to), cell.month <= whole))
    if filters.node is not None:
        found.append(cell.node == filters.node)
    if filters.administration is not None:
        found.append(cell.administration == filters.administration)
    return found


def _read(
    connection: Connection, name: str, filters: Filters, *, coverage: tuple[Reporter, ...], behind: int, now: int
) -> Table:  # fmt: skip
    dim, cell = CATALOGUE[name], count_cell.c
    statement = (
        select(cell.dim, cell.value, cell.measure, cell.unit, func.sum(cell.n).label("n"))
        .where(*_where(filters), cell.dim.in_((dim, TOTAL)))
        .group_by(cell.dim, cell.value, cell.measure, cell.unit)
    )
    rows: list[Cell] = []
    total: list[Cell] = []
    for row in connection.execute(statement):
        if row.dim == TOTAL:
            total.append(Cell(key=(), measure=row.measure, unit=row.unit, n=int(row.n)))
        else:
            rows.append(Cell(key=(row.value,), measure=row.measure, unit=row.unit, n=int(row.n)))
    order = _order(dim, rows)
    place = {value: at for at, value in enumerate(order[:MAX_ROWS] if dim != "month" else order)}

    def rank(one: Cell) -> tuple[int, int, str]:
        return place.get(one.key[0], 0) if one.key else 0, MEASURES.index(one.measure), one.unit

    return Table(
        name=name, dims=(dim,), measures=MEASURES,
        rows=tuple(sorted((one for one in rows if one.key[0] in place), key=rank)),
        total=tuple(sorted(total, key=rank)), coverage=coverage, caveat=CAVEAT, as_of=now,
        behind=behind, left_out=len(order) - len(place),
    )  # fmt: skip


def _order(dim: str, rows: list[Cell]) -> list[str]:
    """Months by time; other values by cases, most first; what is unknown or of several at the end."""
    cases: Counter[str] = Counter()
    for one in rows:
        cases[one.key[0]] += one.n if one.measure == CASES else 0
    if dim == "month":
        return sorted(cases)
    return sorted(cases, key=lambda value: (value in (UNKNOWN, SEVERAL), -cases[value], value))


def _coverage(connection: Connection, filters: Filters) -> tuple[Reporter, ...]:
    cell = count_cell.c
    conditions = [cell.node != ALL] if filters == Filters() else _where(filters)
    known = func.nullif(cell.month, UNKNOWN)
    statement = (
        select(cell.node, func.sum(cell.n).label("n"), func.min(known).label("first"), func.max(known).label("last"))
        .where(*conditions, cell.dim == TOTAL, cell.measure == CASES)
        .group_by(cell.node)
        .order_by(cell.node)
    )
    return tuple(
        Reporter(node=row.node, cases=int(row.n) // SCALE, first=row.first, last=row.last)
        for row in connection.execute(statement)
    )
