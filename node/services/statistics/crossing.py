"""Count the cross tables of an edition from the records: every cell with the contributors behind it.

A case counts once in each table, so that cells add up to totals, which disclosure control needs: under its only value
of a dimension, under `(several)` or `(unknown)`, and under `(other)` where its value is in no list of codes. So no text
that somebody typed becomes a heading of a published table.

Who contributes: in an edition of our own records the right holder of a case, in one of all that is held the member that
reported it; what this node entered on behalf of an administration without a node is that administration's. A case that
names several holders counts, cell by cell, for the one with most cases there, so that nobody's share looks smaller than
it is; all cases that name none count as one contributor, who may be one. Names of contributors are counted and dropped.

Left to others: what may be counted (`following`), and what is left out (`publication`). Trust: what others issue may
have any form; what has another form than expected counts as unknown.
"""

from __future__ import annotations

import heapq
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
MAX_NAMES: Final = 50
"""Right holders of one case that are looked at. The longest known seizure names some thirty brands."""
Names = tuple[str, ...]
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
    """Every cell that is not 0 with its cases by who stands behind them; and the members whose cases are in them."""

    cells: Mapping[Key, Counter[Names]]
    coverage: tuple[str, ...]


def count(connection: Connection, period: Period, *, node: str, own: bool, now: int) -> Counted:
    """Go through the records once for an edition of `node`: its own by right holder, or all that is held by member."""
    wanted = [record.c.kind == following.KIND, *([record.c.iss == node] if own else [])]
    rows = connection.execute(records.visible().where(*wanted).execution_options(yield_per=following.BATCH))
    cells: defaultdict[Key, Counter[Names]] = defaultdict(Counter)
    coverage = set()
    for row, groups in following.countable(connection, rows, now):
        if period.has(counting.period(groups)):
            member = reporter(row.iss, groups, node=node)
            coverage.add(member)
            behind = holders(groups) if own else (member,)
            for key in keys_of(groups):
                cells[key][behind] += 1
    return Counted(cells=cells, coverage=tuple(sorted(coverage)))


def reporter(iss: str, groups: Mapping[str, Any], *, node: str) -> str:
    """Who reported a case: its issuer, or the administration on whose behalf `node` itself entered it.

    Of what others entered their word is not taken: whoever could choose who is behind a case could make two
    contributors of one, and so bring cells to light that are left out for want of contributors.

    >>> entered = {"case": {"administration": "BW", "entered_by": "RILO-ESA"}}
    >>> [reporter("RILO-ESA", entered, node=node) for node in ("RILO-ESA", "KE")]
    ['BW', 'RILO-ESA']
    """
    case = mapping(groups.get("case"))
    administration = case.get("administration")
    if iss == node == case.get("entered_by") and isinstance(administration, str):
        return administration
    return iss


def keys_of(groups: Mapping[str, Any]) -> set[Key]:
    """The cells, over all tables, in which a case counts."""
    place = _place(groups)
    found = set()
    for dims in TABLES.values():
        for shown in itertools.product((False, True), repeat=len(dims)):
            seen = {dim for dim, is_shown in zip(dims, shown, strict=True) if is_shown}
            found.add(tuple(place[dim] if dim in seen else TOTAL for dim in DIMENSIONS))
    return found


def holders(groups: Mapping[str, Any]) -> Names:
    """Who stands behind a case: the right holders that are named, else the brands, else nobody."""
    procedures = objects(mapping(groups.get("assessment")).get("procedures"))
    named = _names(item.get("right_holder") for item in procedures)
    return (
        named or _names(name for right in objects(groups.get("right")) for name in _list(right.get("brands"))) or ("",)
    )


def shares(cases: Mapping[Names, int]) -> Counter[str]:
    """The cases of each contributor, each case once: whoever has most gets all of theirs, then the next.

    >>> shares({("a", "b"): 1, ("b", "c"): 1, ("d",): 1}) == {"b": 2, "d": 1}
    True
    """
    totals: Counter[str] = Counter()
    of: defaultdict[str, list[Names]] = defaultdict(list)
    for names, n in cases.items():
        for name in names:
            totals[name] += n
            of[name].append(names)
    left, found = dict(cases), Counter[str]()
    waiting = [(-n, name) for name, n in totals.items()]
    heapq.heapify(waiting)
    while waiting:
        n, name = heapq.heappop(waiting)
        if -n != totals[name]:  # some of its cases went to another one meanwhile
            if totals[name]:
                heapq.heappush(waiting, (-totals[name], name))
            continue
        found[name] = totals[name]
        for names in of[name]:
            for other in names:
                totals[other] -= left.get(names, 0)
            left.pop(names, None)
    return found


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
    return {key: Cell.of(shares(counted.cells[key])) if key in counted.cells else empty for key in Grid(tables).keys}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(found: Iterable[Any]) -> Names:
    return tuple(sorted({brand_key(name) for name in found if readable(name)})[:MAX_NAMES])


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
