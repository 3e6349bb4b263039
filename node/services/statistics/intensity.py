"""Relative intensities of counterfeiting after the GTRIC method of OECD and EUIPO, and the split of the two markets.

What is seized in a product, or from an economy, is set against what is imported of it: the factor is above 1 where the
share in seizures is above the share in trade. ln(factor + 1) is taken as a normal variable cut off at 0, and the index
is its distribution function: from 0 to 1, the higher the more intensive. It ranks, and does not measure what is fake.

The formulas are those of OECD/EUIPO, Trade in Counterfeit and Pirated Goods: Mapping the Economic Impact (2016), annex.
Left to others: which seizures count, exchange rates, and prices of one kind. Trust: the figures are as good as those
who report; more seizures can mean better officers.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Axis = Literal["product", "economy"]
COLUMNS: Final = ("economy", "product", "value")
REPORTER: Final = "reporter"
"""The column with the economy that seized and imports; without it all rows are of one."""
_FEWEST: Final = 2
"""A deviation needs two figures."""


class IntensityRefused(ValueError):  # noqa: N818 - the name is the sentence
    """The input has no intensities; the message names the row and the column, or what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Seized or imported value of a product from an economy, in one currency and on one basis of value."""

    economy: str
    product: str
    value: float
    reporter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """One product or economy: what was seized and imported, its factor, and its index from 0 to 1."""

    key: str
    seizures: float
    imports: float
    factor: float
    """Share in seizures over share in imports."""
    logarithm: float
    """ln(factor + 1)."""
    index: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """All intensities of one axis, and what stands behind them."""

    axis: Axis
    rows: tuple[Intensity, ...]
    """Ordered by key."""
    mean: float
    deviation: float
    too_little_trade: tuple[str, ...]
    """Keys without an index, because less was imported than the minimum, or nothing."""
    without_seizures: tuple[str, ...]
    """Reporters that are left out with their imports: their shares in seizures are not defined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A product from an economy: the product of both indices, 1 for the most intensive."""

    economy: str
    product: str
    index: float


def relative_intensity(
    seizures: Iterable[Flow], imports: Iterable[Flow], *, axis: Axis, minimum_trade: float = 0.0,
    weights: Mapping[str, float] | None = None,
) -> Index:  # fmt: skip
    """GTRIC-p (axis `product`) or GTRIC-e (axis `economy`).

    A reporter's share of each key in its seizures counts by its weight: its share in imports, or what `weights` says.
    A key with imports below `minimum_trade` gets no index and no part in mean and deviation, since next to no trade
    makes any factor; shares are of all trade. Raises `IntensityRefused` when there is nothing to compare.
    """
    seized, traded = _sums(seizures, axis), _sums(imports, axis)
    reporters = sorted(name for name in traded if any(seized.get(name, {}).values()))
    trade = {name: math.fsum(traded[name].values()) for name in reporters}
    weight = trade if weights is None else {name: weights.get(name, 0.0) for name in reporters}
    if not reporters or sum(trade.values()) <= 0 or sum(weight.values()) <= 0 or min(weight.values()) < 0:
        raise IntensityRefused(
            "no reporter has seizures, imports and a weight above 0: check the values and the column reporter"
        )
    share: dict[str, float] = defaultdict(float)
    keys: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for name in reporters:
        whole = math.fsum(seized[name].values())
        for key, value in seized[name].items():
            share[key] += weight[name] / sum(weight.values()) * value / whole
            keys[key][0] += value
        for key, value in traded[name].items():
            keys[key][1] += value
    least = max(minimum_trade, 0.0)
    kept = sorted(key for key, (_, bought) in keys.items() if bought > 0 and bought >= least)
    factors = {key: share[key] / (keys[key][1] / sum(trade.values())) for key in kept}
    logarithms = {key: math.log1p(factor) for key, factor in factors.items()}
    mean, deviation = _spread(list(logarithms.values()))
    return Index(
        axis=axis, mean=mean, deviation=deviation,
        rows=tuple(
            Intensity(
                key=key, seizures=keys[key][0], imports=keys[key][1], factor=factors[key], logarithm=logarithms[key],
                index=truncated_normal(logarithms[key], mean=mean, deviation=deviation),
            )
            for key in kept
        ),
        too_little_trade=tuple(sorted(set(keys) - set(kept))),
        without_seizures=tuple(sorted((set(traded) | set(seized)) - set(reporters))),
    )  # fmt: skip


def truncated_normal(value: float, *, mean: float, deviation: float) -> float:
    """The distribution function of a normal variable of which only what is at or above 0 is kept.

    >>> truncated_normal(0.0, mean=1.0, deviation=2.0), round(truncated_normal(9.0, mean=1.0, deviation=2.0), 4)
    (0.0, 1.0)
    """
    normal = statistics.NormalDist()
    cut = normal.cdf(-mean / deviation)
    return (normal.cdf((value - mean) / deviation) - cut) / (1.0 - cut)


def joint_intensity(products: Index, economies: Index) -> tuple[Joint, ...]:
    """GTRIC of each product from each economy, scaled to the most intensive; the most intensive first."""
    most = max(row.index for row in products.rows) * max(row.index for row in economies.rows)
    found = [
        Joint(economy=economy.key, product=product.key, index=product.index * economy.index / most)
        for product in products.rows
        for economy in economies.rows
    ]
    return tuple(sorted(found, key=lambda one: (-one.index, one.economy, one.product)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Goods of one brand and product in one seizure: their value, and how many articles."""

    brand: str
    product: str
    value: float
    articles: float


Market = Literal["primary", "secondary", "unknown"]


def markets(lots: Sequence[Lot], *, deviations: float = 1.0) -> list[Market]:
    """For each lot the market it was meant for, by its unit value among those of its brand and product.

    Below the mean by more than `deviations` standard deviations, the buyer knows what he buys (secondary); at or above
    the interval's lower end he is deceived (primary). Unknown: fewer than two lots to compare, or no articles.
    """
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for lot in lots:
        if lot.articles > 0:
            groups[lot.brand, lot.product].append(lot.value / lot.articles)
    lows = {
        group: statistics.fmean(prices) - deviations * statistics.stdev(prices)
        for group, prices in groups.items()
        if len(prices) >= _FEWEST
    }
    found: list[Market] = []
    for lot in lots:
        low = lows.get((lot.brand, lot.product))
        if low is None or lot.articles <= 0:
            found.append("unknown")
        else:
            found.append("secondary" if lot.value / lot.articles < low else "primary")
    return found


def read_flows(text: str, *, name: str) -> list[Flow]:
    """Read CSV with the columns economy, product and value, and reporter where there are several (RFC 4180).

    Raises `IntensityRefused` with the file's `name`, the row (the header is row 1) and the column.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows = _rows(reader, name)
    header = [title.strip().lower() for title in rows[0][1]] if rows else []
    for column in COLUMNS:
        if header.count(column) != 1:
            raise IntensityRefused(f"{name}, row 1: needs the column {column} once, as in economy,product,value")
    places = {title: header.index(title) for title in (*COLUMNS, REPORTER) if title in header}
    found = []
    for at, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise IntensityRefused(f"{name}, row {at}: has {len(cells)} cells, the header {len(header)}")
        told = {title: cells[place].strip() for title, place in places.items()}
        empty = next((title for title, cell in told.items() if not cell), None)
        if empty is not None:
            raise IntensityRefused(f"{name}, row {at}, column {empty}: is empty; fill it, or leave the row out")
        found.append(
            Flow(
                economy=told["economy"], product=told["product"], reporter=told.get(REPORTER, ""),
                value=_number(told["value"], f"{name}, row {at}, column value"),
            )
        )  # fmt: skip
    return found


def _rows(reader: Iterable[list[str]], name: str) -> list[tuple[int, list[str]]]:
    rows: list[tuple[int, list[str]]] = []
    try:
        for at, cells in enumerate(reader, start=1):
            rows.append((at, cells))
    except csv.Error:
        raise IntensityRefused(f"{name}, row {len(rows) + 1}: is no CSV; check its quotation marks") from None
    return rows


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0) or "_" in text:
        raise IntensityRefused(f"{where}: is no amount; write digits with a point, such as 1234.50, not below 0")
    return value


def _sums(flows: Iterable[Flow], axis: Axis) -> dict[str, dict[str, float]]:
    """Value by reporter and key."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for flow in flows:
        found[flow.reporter][flow.product if axis == "product" else flow.economy].append(flow.value)
    # Exact sums: the order of the rows changes no digit.
    return {name: {key: math.fsum(values) for key, values in sums.items()} for name, sums in found.items()}


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample deviation."""
    deviation = statistics.stdev(values) if len(values) >= _FEWEST else 0.0
    if deviation == 0:
        raise IntensityRefused(
            "fewer than two different intensities remain: give more products or economies, or a lower minimum trade"
        )
    return statistics.fmean(values), deviation
