"""The fixed, versioned catalogue of tables, read from the sums; every look stands in the disclosure log.

Each table prints its own total, because a case counts once for each of its values and once in the total; and with it
who reported, up to when, and the standing caveat. Nothing is suppressed here: these are an officer's figures, and what
is published passes disclosure control first, which is left to others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final

from federation.errors import NotFound
from federation.grants import STATISTICS_PURPOSE
from node.services.search import CriteriaRefused
from node.services.statistics import following, rates, sources
from node.services.statistics.counting import CASES, MEASURES, SCALE, SEVERAL, TOTAL, UNKNOWN, VALUES
from node.services.statistics.sources import Figure, Filters, Reported
from node.storage import audit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from node.services.statistics.rates import Rates
    from node.services.statistics.sources import Source
    from node.storage.database import Database

__all__ = ["CATALOGUE", "STANDARD", "Cell", "Filters", "Reporter", "Table", "Wishes", "decimal", "look", "read"]
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
CONVERTED, UNCONVERTED = "converted", "not converted"
"""Measures of values in one currency: what the rates convert, and what they do not."""
MAX_ROWS: Final = 50
"""Values of a table, most cases first: the brands of a large node are thousands."""
AT_ONCE: Final = 1
"""Batches that a look counts before it answers; what is left is told as `behind`."""
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_NAME: Final = re.compile(r"[A-Z0-9-]{1,32}", re.ASCII)


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
class Used:
    """The exchange rates of a table: edition, source, and the days of the first and the last rate that was used."""

    edition: int
    source: str
    currency: str
    first: str | None
    last: str | None

    def to_json(self) -> dict[str, Any]:
        """The members that are known."""
        members = {
            "edition": self.edition, "source": self.source, "currency": self.currency, "first": self.first,
            "last": self.last,
        }  # fmt: skip
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
    rates: Used | None = None
    """What values were converted with, where they were."""
    known_at: str | None = None
    """The past day of which these are the figures."""
    gone: int = 0
    """Records that were known on that day and may not be used any more: they are in no figure."""

    def to_json(self) -> dict[str, Any]:
        """The table for the API, the command line and a file."""
        return {
            "name": self.name, "catalogue": CATALOGUE_VERSION, "dims": list(self.dims),
            "measures": list(self.measures), "rows": [cell.to_json() for cell in self.rows],
            "total": [cell.to_json() for cell in self.total],
            "coverage": [reporter.to_json() for reporter in self.coverage], "caveat": self.caveat,
            "as_of": self.as_of, "behind": self.behind, "left_out": self.left_out,
            **({} if self.rates is None else {"rates": self.rates.to_json()}),
            **({} if self.known_at is None else {"known_at": self.known_at, "gone": self.gone}),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How figures are wanted beside their filters."""

    into: str | None = None
    """A currency that values are converted into."""
    edition: int | None = None
    """Of the exchange rates; the newest by default."""
    known_at: str | None = None
    """A past day, YYYY-MM-DD: the figures as this node knew them at its end (UTC)."""


def look(
    database: Database, names: tuple[str, ...], filters: Filters, *, by: str, now: int, wishes: Wishes = Wishes()
) -> tuple[Table, ...]:
    """Read tables of the catalogue. Logged with the purpose `statistics`.

    Raises `NotFound` for a table that the catalogue does not have, and `CriteriaRefused`.
    """
    if not set(names) <= CATALOGUE.keys():
        raise NotFound("the catalogue has no such table; tidewaiter stats list names them")
    check(filters)
    at = None if wishes.known_at is None else _end_of(wishes.known_at, now)
    for _ in range(AT_ONCE):
        if not following.follow(database, now=now):
            break
    past = None
    if at is not None:  # a long count, which nobody who writes has to wait for
        with database.look() as connection:
            past = sources.recounted(connection, at=at, now=now)
    with database.write() as connection:
        following.step(connection, now=now)
        into = None if wishes.into is None else rates.of(connection, wishes.into, edition=wishes.edition)
        source: Source = sources.Stored(connection) if past is None else past
        reported, behind = coverage(source.reported(filters)), following.behind(connection)
        found = tuple(
            replace(
                read(source, name, filters, into=into), coverage=reported, as_of=now, behind=behind,
                known_at=wishes.known_at, gone=0 if past is None else past.gone,
            )
            for name in names
        )  # fmt: skip
        log(connection, names, filters, by=by, now=now, into=wishes.into, known_at=wishes.known_at)
    return found


def log(
    connection: Connection, names: Iterable[str], filters: Filters, *, by: str, now: int, **more: str | None
) -> None:
    """The row of a look in the disclosure log."""
    told = {
        "tables": list(names), "catalogue": CATALOGUE_VERSION, "from": filters.from_, "to": filters.to,
        "node": filters.node, "administration": filters.administration, **more,
    }  # fmt: skip
    row = audit.Disclosure(
        at=now, action="statistics", actor=by, purpose=STATISTICS_PURPOSE,
        detail=json.dumps({name: value for name, value in told.items() if value is not None}),
    )  # fmt: skip
    audit.log(connection, [row])


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


def check(filters: Filters) -> None:
    """Refuse filters that are none. Raises `CriteriaRefused`."""
    for name, value in (("from", filters.from_), ("to", filters.to)):
        if value is not None and not _MONTH.fullmatch(value):
            raise CriteriaRefused(name, "is a month, such as 2026-03")
    for name, value in (("node", filters.node), ("administration", filters.administration)):
        if value is not None and not _NAME.fullmatch(value):
            raise CriteriaRefused(name, "is an id in capitals, such as KE")


def _end_of(day: str, now: int) -> int:
    """The last second of a day that has begun."""
    try:
        named = date.fromisoformat(day)
    except ValueError:
        raise CriteriaRefused("known_at", "is a day, such as 2026-03-31") from None
    begun = datetime.combine(named, time(), UTC)
    if named.isoformat() != day or begun.timestamp() > now:
        raise CriteriaRefused("known_at", "is a day that has begun, such as 2026-03-31")
    return int(begun.timestamp()) + 86_399


def read(source: Source, name: str, filters: Filters, *, into: Rates | None = None) -> Table:
    """A table of the catalogue from where its figures are; who reported is not in it yet."""
    dim = CATALOGUE[name]
    figures = source.figures(dim, filters, by_month=False)
    days: set[str] = set()
    if into is not None:
        months = source.figures(dim, filters, by_month=True)
        figures = [*figures, *_converted((one for one in months if one.measure == VALUES), into, days)]
    total = [Cell(key=(), measure=one.measure, unit=one.unit, n=one.n) for one in figures if one.dim == TOTAL]
    rows = [Cell(key=(one.value,), measure=one.measure, unit=one.unit, n=one.n) for one in figures if one.dim != TOTAL]
    order = _order(dim, rows)
    place = {value: at for at, value in enumerate(order[:MAX_ROWS] if dim != "month" else order)}
    measures = MEASURES if into is None else (*MEASURES, CONVERTED, UNCONVERTED)

    def rank(one: Cell) -> tuple[int, int, str]:
        return place.get(one.key[0], 0) if one.key else 0, measures.index(one.measure), one.unit

    return Table(
        name=name, dims=(dim,), measures=measures,
        rows=tuple(sorted((one for one in rows if one.key[0] in place), key=rank)),
        total=tuple(sorted(total, key=rank)), coverage=(), caveat=CAVEAT, as_of=0, behind=0,
        left_out=len(order) - len(place),
        rates=None if into is None else Used(
            edition=into.edition, source=into.source, currency=into.currency, first=min(days, default=None),
            last=max(days, default=None),
        ),
    )  # fmt: skip


def _converted(months: Iterable[Figure], into: Rates, days: set[str]) -> list[Figure]:
    """The values in one currency, by basis; and those that no rate converts, as they are."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for one in months:
        basis, _, currency = one.unit.rpartition(":")
        rate = into.convert(one.n, currency, one.month)
        if rate is None:
            found[one.dim, one.value, UNCONVERTED, one.unit] += one.n
        else:
            found[one.dim, one.value, CONVERTED, f"{basis}:{into.currency}"] += rate[0]
            days.update({rate[1]} - {""})
    return [Figure(dim, value, measure, unit, "", n) for (dim, value, measure, unit), n in found.items()]


def _order(dim: str, rows: list[Cell]) -> list[str]:
    """Months by time; other values by cases, most first; what is unknown or of several at the end."""
    cases: Counter[str] = Counter()
    for one in rows:
        cases[one.key[0]] += one.n if one.measure == CASES else 0
    if dim == "month":
        return sorted(cases)
    return sorted(cases, key=lambda value: (value in (UNKNOWN, SEVERAL), -cases[value], value))


def coverage(reported: Iterable[Reported]) -> tuple[Reporter, ...]:
    """Who reported, with the first and the last month."""
    months: dict[str, Counter[str]] = {}
    for one in reported:
        months.setdefault(one.node, Counter())[one.month] += one.cases
    return tuple(
        Reporter(
            node=node, cases=own.total() // SCALE, first=min(own.keys() - {UNKNOWN}, default=None),
            last=max(own.keys() - {UNKNOWN}, default=None),
        )
        for node, own in sorted(months.items())
    )  # fmt: skip
