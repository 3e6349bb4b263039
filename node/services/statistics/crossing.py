"""Count the cross tables of an edition from the records: every cell with the contributors behind it.

A case counts once in each table, so that cells add up to totals, which disclosure control needs: under its only value
of a dimension, under `(several)` or `(unknown)`, and under `(other)` where its value is in no list of codes. So no text
that somebody typed becomes a heading of a published table.

Who contributes: in an edition of our own records the right holder of a case, in one of all that is held the member that
reported it. A case that names several holders counts for the first; all cases that name none count as one contributor,
who may be one. Both err on the side of leaving out. Names of contributors are counted and dropped.

Left to others: what may be counted (`following`), and what is left out (`publication`). Trust: what others issue may
have any form; what has another form than expected counts as unknown.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.records import codes
from federation.records.facts import brand_key, mapping, objects, readable
from federation.records.statistics import TABLES, TOTAL
from node.services.statistics import counting, following
from node.services.statistics.counting import SEVERAL, UNKNOWN
from node.services.statistics.suppression import Catalogue, Cell, Dimension
from node.services.statistics.suppression_moves import Grid
from node.storage import records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import Connection

    from node.services.statistics.suppression import Key

OTHER: Final = "(other)"
DIMENSIONS: Final = tuple(dict.fromkeys(dim for dims in TABLES.values() for dim in dims))
_LISTS: Final = {
    "category": "wco_category", "right": "ipr_type", "origin": "country", "destination": "country",
    "conveyance": "conveyance", "procedure": "procedure",
}  # fmt: skip
_MONTH: Final = len("2026-01")
_DECEMBER: Final = "-12"
_JANUARY: Final = "-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Months YYYY-MM, both included. A case of a year without a month is in it where all of the year is."""

    first: str
    last: str

    def has(self, month: str) -> bool:
        """Whether a case of this month, or of this year, is in the period.

        >>> [Period(first="2025-01", last="2025-12").has(month) for month in ("2025-07", "2025", "2026-01")]
        [True, True, False]
        """
        if len(month) == _MONTH:
            return self.first <= month <= self.last
        return month != UNKNOWN and self.first <= month + _JANUARY and month + _DECEMBER <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Every cell that is not 0 with the cases of each contributor; and the members whose cases are in them."""

    cells: Mapping[Key, Counter[str]]
    coverage: tuple[str, ...]


def count(connection: Connection, period: Period, *, node: str | None, now: int) -> Counted:
    """Go through the records once. `node`: only those that it issued, by right holder; None: all, by member."""
    wanted = [record.c.kind == following.KIND, *([] if node is None else [record.c.iss == node])]
    rows = connection.execute(records.visible().where(*wanted).execution_options(yield_per=following.BATCH))
    cells: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    coverage = set()
    for row, groups in following.countable(rows, now):
        if period.has(counting.period(groups)):
            coverage.add(row.iss)
            contributor = row.iss if node is None else holder(groups)
            for key in keys_of(groups):
                cells[key][contributor] += 1
    return Counted(cells=cells, coverage=tuple(sorted(coverage)))


def keys_of(groups: Mapping[str, Any]) -> set[Key]:
    """The cells, over all tables, in which a case counts."""
    place = _place(groups)
    found = set()
    for dims in TABLES.values():
        for shown in itertools.product((False, True), repeat=len(dims)):
            seen = {dim for dim, is_shown in zip(dims, shown, strict=True) if is_shown}
            found.add(tuple(place[dim] if dim in seen else TOTAL for dim in DIMENSIONS))
    return found


def holder(groups: Mapping[str, Any]) -> str:
    """Who stands behind a case: the first right holder that is named, else the first brand, else nobody."""
    procedures = objects(mapping(groups.get("assessment")).get("procedures"))
    named: list[Any] = [item.get("right_holder") for item in procedures]
    for right in objects(groups.get("right")):
        brands = right.get("brands")
        named += brands if isinstance(brands, list) else []
    return next((brand_key(name) for name in named if readable(name)), "")


def catalogue(keys: Iterable[Key]) -> Catalogue:
    """The tables over all codes that these cells have; a cell with another code is 0."""
    found: dict[str, set[str]] = {dim: set() for dim in DIMENSIONS}
    for key in keys:
        for dim, code in zip(DIMENSIONS, key, strict=True):
            found[dim].add(code)
    return Catalogue(
        dimensions=tuple(
            Dimension(name=dim, root=TOTAL, parents=dict.fromkeys(sorted(found[dim] - {TOTAL}), TOTAL))
            for dim in DIMENSIONS
        ),
        tables=tuple(TABLES.values()),
    )


def cells_of(tables: Catalogue, counted: Counted) -> dict[Key, Cell]:
    """Every cell of the tables, those that are 0 as well."""
    empty = Cell(value=0, count=0)
    return {key: Cell.of(counted.cells[key]) if key in counted.cells else empty for key in Grid(tables).keys}


def _place(groups: Mapping[str, Any]) -> dict[str, str]:
    values = counting.values_of(groups)
    place = {dim: _code(values[dim], codes.codes_of(name)) for dim, name in _LISTS.items()}
    place["month"] = counting.period(groups)
    return place


def _code(values: frozenset[str], known: Collection[str]) -> str:
    if not values:
        return UNKNOWN
    if len(values) > 1:
        return SEVERAL
    (value,) = values
    return value if value in known else OTHER
