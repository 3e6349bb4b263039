"""Growth against the same months a year before, over those alone who reported in both periods.

A member that begins to report, or ceases to, is no trend: it is left out of both sums and named with the months in
which it had a case. Growth is told to a tenth of a per cent; there is none where nothing was before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Final

from federation.errors import NotFound
from node.services.search import CriteriaRefused
from node.services.statistics import following, sources, tables
from node.services.statistics.counting import MEASURES, SCALE, UNKNOWN
from node.services.statistics.tables import CATALOGUE, CATALOGUE_VERSION, CAVEAT, decimal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.services.statistics.sources import Filters, Reported
    from node.storage.database import Database

MAX_MONTHS: Final = 12
"""A longer period would overlap with the one before."""
_MONTH: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure before and after, in thousandths; the total has the empty key."""

    key: tuple[str, ...]
    measure: str
    unit: str
    before: int
    after: int

    @property
    def percent(self) -> str | None:
        """Growth in per cent, to a tenth; None where nothing was before.

        >>> Row(key=(), measure="cases", unit="", before=8_000, after=9_000).percent
        '12.5'
        """
        if not self.before:
            return None
        share = Decimal(self.after - self.before) * 100 / Decimal(self.before)
        return str(share.quantize(Decimal("0.1"), ROUND_HALF_EVEN))

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        told = {"key": list(self.key), "measure": self.measure, "unit": self.unit}
        grown = {} if self.percent is None else {"percent": self.percent}
        return {**told, "before": decimal(self.before), "after": decimal(self.after), **grown}


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Who reported: cases, and months with a case, before and after."""

    node: str
    cases_before: int
    cases_after: int
    months_before: int
    months_after: int

    @property
    def compared(self) -> bool:
        """Whether the figures compare this node: it reported in both periods."""
        return bool(self.cases_before and self.cases_after)

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "node": self.node, "compared": self.compared, "cases_before": self.cases_before,
            "cases_after": self.cases_after, "months_before": self.months_before, "months_after": self.months_after,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A table against the one of a year before."""

    name: str
    dim: str
    before: tuple[str, str]
    after: tuple[str, str]
    """First and last month."""
    months: int
    rows: tuple[Row, ...]
    total: tuple[Row, ...]
    coverage: tuple[Covered, ...]
    as_of: int
    behind: int

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "name": self.name, "catalogue": CATALOGUE_VERSION, "dims": [self.dim], "before": list(self.before),
            "after": list(self.after), "months": self.months, "rows": [row.to_json() for row in self.rows],
            "total": [row.to_json() for row in self.total], "coverage": [one.to_json() for one in self.coverage],
            "caveat": CAVEAT, "as_of": self.as_of, "behind": self.behind,
        }  # fmt: skip


def compare(database: Database, name: str, filters: Filters, *, by: str, now: int) -> Growth:
    """Compare a table of the catalogue with the one of a year before. Logged with the purpose `statistics`.

    Raises `NotFound`, and `CriteriaRefused` unless the filters have both months.
    """
    if name not in CATALOGUE or name == "by-month":
        raise NotFound("there is no growth of such a table; tidewaiter stats list names the tables, by-month has none")
    tables.check(filters)
    if filters.from_ is None or filters.to is None:
        raise CriteriaRefused("from" if filters.from_ is None else "to", "is needed: growth compares two periods")
    months = _number(filters.to) - _number(filters.from_) + 1
    if not 1 <= months <= MAX_MONTHS:
        raise CriteriaRefused("to", f"is not before from, and a period has at most {MAX_MONTHS} months")
    earlier = replace(filters, from_=_year_before(filters.from_), to=_year_before(filters.to))
    following.follow(database, now=now)
    with database.write() as connection:
        following.step(connection, now=now)
        source = sources.Stored(connection)
        covered = _covered(source.reported(earlier), source.reported(filters))
        nodes = tuple(one.node for one in covered if one.compared)
        old, new = (
            {(row.dim, row.value, row.measure, row.unit): row.n
             for row in source.figures(CATALOGUE[name], replace(one, nodes=nodes), by_month=False)}
            for one in (earlier, filters)
        )  # fmt: skip
        behind = following.behind(connection)
        tables.log(connection, [name], filters, by=by, now=now, against=earlier.from_)
    rows = [
        Row(
            key=() if dim != CATALOGUE[name] else (value,), measure=measure, unit=unit,
            before=old.get((dim, value, measure, unit), 0), after=new.get((dim, value, measure, unit), 0),
        )
        for dim, value, measure, unit in old.keys() | new.keys()
    ]  # fmt: skip
    sizes: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        sizes[row.key] += row.before + row.after if row.measure == MEASURES[0] else 0
    rows.sort(key=lambda row: (-sizes[row.key], row.key, MEASURES.index(row.measure), row.unit))
    return Growth(
        name=name, dim=CATALOGUE[name], before=(str(earlier.from_), str(earlier.to)), after=(filters.from_, filters.to),
        months=months, rows=tuple(row for row in rows if row.key), total=tuple(row for row in rows if not row.key),
        coverage=covered, as_of=now, behind=behind,
    )  # fmt: skip


def _covered(before: Iterable[Reported], after: Iterable[Reported]) -> tuple[Covered, ...]:
    cases: dict[str, list[int]] = {}
    months: dict[str, list[set[str]]] = {}
    for at, reported in enumerate((before, after)):
        for one in reported:
            cases.setdefault(one.node, [0, 0])[at] += one.cases
            if len(one.month) == _MONTH and one.month != UNKNOWN and one.cases:
                months.setdefault(one.node, [set(), set()])[at].add(one.month)
    none: list[set[str]] = [set(), set()]
    return tuple(
        Covered(
            node=node, cases_before=told[0] // SCALE, cases_after=told[1] // SCALE,
            months_before=len(months.get(node, none)[0]), months_after=len(months.get(node, none)[1]),
        )
        for node, told in sorted(cases.items())
    )  # fmt: skip


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:])


def _year_before(month: str) -> str:
    return f"{int(month[:4]) - 1:04d}{month[4:]}"
