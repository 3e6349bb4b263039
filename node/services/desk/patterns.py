"""Emerging patterns: combinations of brand, way and method that are new or unusually frequent, with every figure.

A combination is a brand, from (origin, else departure), to (destination), conveyance, and concealment (cover load, else
the place of it). A case counts once in each combination that it has; one that tells no brand, no from or no to is in
none, and is counted in `left_out`. Only seizures in use whose handling allows statistics, from granted groups, by the
month of their event.

The expected number of cases of a combination in the window (the last N months)::

    expected = (cases in the same months of the Y earlier years + 1/2) / Y * trend
    trend    = cases of all combinations in the 12 months before the window / their yearly mean in the Y years before it

The half case keeps a combination that was never seen from being expected never. Two probabilities of as many cases or
more are printed, both summed term by term, no approximation. `poisson` takes the expected number as known. But it is
itself counted from few cases, and what was seldom by chance would look new: `probability` lets the mean vary as far as
the baseline leaves it open (a Poisson number whose mean is gamma distributed with shape baseline + 1/2 and rate
Y / trend: a negative binomial), and it decides. So many combinations are compared that some stand out by chance: it is
adjusted by the procedure of Benjamini and Hochberg (1995) over all combinations of the window or its baseline, and one
stands out at an adjusted value of at most `LEVEL`, with at least `MINIMUM` cases. That holds as far as cases come
independently and seasons repeat: it says where to look, and is no proof of anything.

The same records give the same answer, in the same order. Trust: what is counted are the originators' words.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final

from federation.grants import Action
from federation.records.facts import brand_key, mapping, of_seizure, readable
from node.services import bodies, search
from node.services.desk import looks
from node.services.statistics.counting import period
from node.storage import records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from node.storage.database import Database

MONTHS: Final = 3
"""Months of the window."""
YEAR: Final = 12
MAX_YEARS: Final = 5
"""Earlier years that are compared with: what is older tells of another trade."""
LEVEL: Final = 0.05
MINIMUM: Final = 3
PRIOR: Final = 0.5
UNKNOWN: Final = "(unknown)"
MAX_COMBINATIONS: Final = 100
"""Combinations of one case: thirty brands on three ways."""
_WHOLE_MONTH: Final = len("2026-01")
_NEGLIGIBLE: Final = 1e-17
_BATCH: Final = 1000

Key = tuple[str, str, str, str, str]
"""Brand, from, to, conveyance, concealment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One combination that stands out, and why."""

    brand: str
    origin: str
    destination: str
    conveyance: str
    concealment: str
    cases: int
    """In the window."""
    baseline: int
    """In the same months of the earlier years together."""
    expected: float
    ratio: float
    """Cases over expected."""
    first_seen: str
    """The first month with a case that may be counted."""
    new: bool
    """No case before the window."""
    poisson: float
    """Of as many cases or more, if exactly as many as expected were usual."""
    probability: float
    """The same, with the mean as uncertain as the baseline leaves it."""
    adjusted: float
    """`probability` after Benjamini and Hochberg."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """What stands out in a window of months, first the least probable."""

    first: str
    last: str
    years: int
    """Earlier years compared with. 0: the history is shorter than a year, and nothing can be said."""
    trend: float
    compared: int
    """Combinations seen in the window or its baseline: the number of comparisons."""
    level: float
    minimum: int
    counted: int
    """Cases that are in a combination, of whatever month."""
    left_out: int
    """Cases without a brand, a from, a to or a month."""
    found: tuple[Pattern, ...]

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return asdict(self)


def patterns(
    database: Database, *, months: int = MONTHS, until: str | None = None, by: str, now: int
) -> Patterns:  # fmt: skip
    """What stands out in the last `months` up to the month `until` (YYYY-MM; else the last whole month).

    A disclosure row names `by`. Raises `search.CriteriaRefused`.
    """
    if not 1 <= months <= YEAR:
        raise search.CriteriaRefused("months", f"is a number from 1 to {YEAR}")
    if until is not None and len(until) != _WHOLE_MONTH:
        raise search.CriteriaRefused("until", "is a month YYYY-MM")
    today = datetime.fromtimestamp(now, UTC)
    last = today.year * YEAR + today.month - 2 if until is None else number(search.first_day(until) or "")
    with database.read() as connection:  # minutes at a large office: nobody who writes waits for it
        by_month, counted, left_out = _counted(connection, now)
    found = stand_out(by_month, last=last, months=months, counted=counted, left_out=left_out)
    with database.write() as connection:
        asked = {"from": found.first, "to": found.last}
        looks.note(connection, "patterns", (), by=by, purpose="statistics", now=now, asked=asked)
    return found


def _counted(connection: Connection, now: int) -> tuple[dict[int, Counter[Key]], int, int]:
    """Cases by month and combination, how many cases these are, and how many are in none."""
    chosen = records.visible().where(record.c.kind == "seizure", records.in_time(now))
    by_month: dict[int, Counter[Key]] = {}
    counted = left_out = 0
    for row in connection.execute(chosen.execution_options(yield_per=_BATCH)):
        if not search.allowed(row, Action.STATISTICS, None, now=now)[1]:
            continue
        groups, _ = bodies.read_row(row)
        month, keys = period(groups), list(combinations(groups))
        if len(month) != _WHOLE_MONTH or not keys:
            left_out += 1
            continue
        counted += 1
        by_month.setdefault(number(month), Counter()).update(keys)
    return by_month, counted, left_out


def combinations(groups: Mapping[str, Any]) -> Iterator[Key]:
    """The combinations of one seizure, each once; none where a brand, a from or a to is not told."""
    facts, method = of_seizure(groups), mapping(groups.get("method"))
    route = facts.route
    told = next((text for text in (method.get("cover_load"), method.get("place")) if readable(text)), None)
    concealment = UNKNOWN if told is None else brand_key(told)
    every = product(
        sorted(facts.brands),
        sorted(route.get("origin") or route.get("departure") or ()),
        sorted(route.get("destination") or ()),
        sorted(facts.conveyance) or (UNKNOWN,),
        (concealment,),
    )
    return islice(every, MAX_COMBINATIONS)


def stand_out(
    by_month: Mapping[int, Counter[Key]], *, last: int, months: int, counted: int = 0, left_out: int = 0
) -> Patterns:
    """What stands out among counts by month (`number`); pure."""
    first = last - months + 1
    before = sorted(month for month in by_month if month < first)
    years = min(MAX_YEARS, (first - before[0]) // YEAR) if before else 0
    now = _sum(by_month, first, last)
    trend = _trend(by_month, first, years)
    baseline: Counter[Key] = Counter()
    for year in range(1, years + 1):
        baseline.update(_sum(by_month, first - year * YEAR, last - year * YEAR))
    keys = sorted(now.keys() | baseline.keys()) if years and trend else []
    expected = {key: (baseline[key] + PRIOR) / years * trend for key in keys}
    tails = {key: uncertain_tail(now[key], baseline[key] + PRIOR, expected[key]) for key in keys}
    adjusted = dict(zip(keys, benjamini_hochberg([tails[key] for key in keys]), strict=True))
    chosen = [key for key in keys if adjusted[key] <= LEVEL and now[key] >= MINIMUM]
    seen = {key: min(month for month, held in by_month.items() if key in held) for key in chosen}
    found = [
        Pattern(
            brand=key[0], origin=key[1], destination=key[2], conveyance=key[3], concealment=key[4], cases=now[key],
            baseline=baseline[key], expected=expected[key], ratio=now[key] / expected[key],
            first_seen=written(seen[key]), new=seen[key] >= first, poisson=tail(now[key], expected[key]),
            probability=tails[key], adjusted=adjusted[key],
        )
        for key in sorted(chosen, key=lambda one: (tails[one], one))
    ]  # fmt: skip
    return Patterns(
        first=written(first), last=written(last), years=years, trend=trend, compared=len(keys), level=LEVEL,
        minimum=MINIMUM, counted=counted, left_out=left_out, found=tuple(found),
    )  # fmt: skip


def tail(cases: int, expected: float) -> float:
    """The Poisson probability of `cases` or more where `expected` (above 0) are usual, summed term by term.

    >>> tail(0, 2.0), round(tail(1, 2.0), 6)
    (1.0, 0.864665)
    """
    return _summed(
        cases, expected, lambda at: at * math.log(expected) - expected - math.lgamma(at + 1),
        lambda at: expected / (at + 1),
    )  # fmt: skip


def uncertain_tail(cases: int, shape: float, expected: float) -> float:
    """The same where the mean is gamma distributed with this `shape` and the mean `expected`, both above 0.

    >>> round(uncertain_tail(1, 1.0, 1.0), 6), round(uncertain_tail(1, 1e9, 2.0), 6)
    (0.5, 0.864665)
    """
    odds = expected / (shape + expected)
    rest = shape * math.log1p(-odds)
    return _summed(
        cases, expected,
        lambda at: math.lgamma(at + shape) - math.lgamma(shape) - math.lgamma(at + 1) + rest + at * math.log(odds),
        lambda at: (at + shape) / (at + 1) * odds,
    )  # fmt: skip


def _summed(
    cases: int, mean: float, logarithm: Callable[[int], float], ratio: Callable[[int], float]
) -> float:  # fmt: skip
    """The probability of `cases` or more, from the logarithm of each term and its ratio to the next."""
    if cases <= mean:
        return max(0.0, 1.0 - math.fsum(math.exp(logarithm(at)) for at in range(cases)))
    terms, at = [math.exp(logarithm(cases))], cases
    while terms[-1] > terms[0] * _NEGLIGIBLE:
        terms.append(terms[-1] * ratio(at))
        at += 1
    return min(1.0, math.fsum(terms))


def benjamini_hochberg(probabilities: Sequence[float]) -> list[float]:
    """The adjusted probabilities, in the order given: the smallest level at which each would stand out.

    >>> benjamini_hochberg([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.03]
    """
    order = sorted(range(len(probabilities)), key=lambda at: probabilities[at], reverse=True)
    adjusted, least = [1.0] * len(probabilities), 1.0
    for passed, at in enumerate(order):
        least = min(least, probabilities[at] * len(probabilities) / (len(probabilities) - passed))
        adjusted[at] = least
    return adjusted


def number(month: str) -> int:
    """A month as a number: the next month has the next one.

    >>> number("2026-01") - number("2025-12")
    1
    """
    return int(month[:4]) * YEAR + int(month[5:7]) - 1


def written(month: int) -> str:
    """The month of a number, YYYY-MM."""
    return f"{month // YEAR:04}-{month % YEAR + 1:02}"


def _trend(by_month: Mapping[int, Counter[Key]], first: int, years: int) -> float:
    """The last year before the window over the mean of the years before it; 0 without a history."""
    if not years:
        return 0.0
    recent = _sum(by_month, first - YEAR, first - 1).total()
    whole = _sum(by_month, first - years * YEAR, first - 1).total()
    return recent * years / whole if whole else 0.0


def _sum(by_month: Mapping[int, Counter[Key]], first: int, last: int) -> Counter[Key]:
    return _added(by_month[month] for month in range(first, last + 1) if month in by_month)


def _added(counts: Iterable[Counter[Key]]) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for one in counts:
        found.update(one)
    return found
