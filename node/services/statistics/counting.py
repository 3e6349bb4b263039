"""What one seizure adds to the statistics, from the groups that are held of it and nothing else.

A case counts once for each value that it has of a dimension, and once in the total: the cases of a table do not add up
to its total, which is why every table prints its own. Procedures, lines, articles and values are counted for one value
alone: that of their line, or that of the whole seizure; what speaks of several values at once stands under `(several)`,
what has none under `(unknown)`. So these do add up, within one unit. Units, currencies and bases of value are never
added to each other. A range counts with its lower end.

Left to others: which records count (`following`), sums and tables. Trust: what others issue may have any form; what has
another form than expected is skipped, nothing raises, and one record adds a bounded number of rows.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.records.facts import brand_key, categories, mapping, objects, of_seizure, readable
from node.services.statistics import routes
from node.storage.counts import Contribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

UNKNOWN: Final = "(unknown)"
SEVERAL: Final = "(several)"
TOTAL: Final = "total"
CASES, PROCEDURES, LINES, ARTICLES, VALUES = MEASURES = ("cases", "procedures", "lines", "articles", "values")
LINE_DIMS: Final = ("category", "chapter", "heading", "subheading", "brand", "right")
CASE_DIMS: Final = (
    "month", "origin", "departure", "transit", "destination", "conveyance", "procedure", "detection", "location",
    "administration", "enforcement", "trade_flow",
)  # fmt: skip
SCALE: Final = 1000
"""Numbers are whole thousandths: exact, and the same in both databases."""
MAX_ENTRIES: Final = 200
"""Entries of one list that are read. The longest known seizure has some thirty lines."""
_NUMBER: Final = re.compile(r"[0-9]{1,11}(\.[0-9]{1,3})?", re.ASCII)
"""Below 100 thousand millions, so that many of them still fit into a sum. Finer than thousandths is not counted."""
_ADMINISTRATION: Final = re.compile(r"[A-Z0-9-]{1,32}", re.ASCII)
_OF_CASE: Final = ("control", "transport", "route", "route_ends")
"""The groups whose facts are counted by case."""
_UNIT: Final = re.compile(r"[A-Za-z0-9_-]{1,24}", re.ASCII)
_HS: Final = re.compile(r"[0-9]{2,6}", re.ASCII)
_HS_LENGTHS: Final = {"chapter": 2, "heading": 4, "subheading": 6}
_MONTH: Final = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-[0-9]{2})?)?", re.ASCII)

Values = dict[str, frozenset[str]]
"""Dimension to the values that something has of it."""


_Labels = list[tuple[str, str]]
"""(dimension, the one value under which something counts)."""


@dataclass(frozen=True, slots=True)
class _Line:
    values: Values
    products: int


def contribution(groups: Mapping[str, Any], *, node: str) -> Contribution:
    """What a seizure of `node` adds, from its held groups."""
    month = period(groups)
    whole = _of_case(groups, month)
    lines = _lines(groups)
    union = _union(groups, lines)
    administration = next(iter(whole["administration"]), UNKNOWN)
    sums: Counter[tuple[str, str, str, str]] = Counter()
    _count_cases(sums, {**whole, **union})
    decisions = {
        tuple(str(item.get(name)) for name in ("right_holder", "basis", "application", "outcome", "on"))
        for item in _entries({"procedures": mapping(groups.get("assessment")).get("procedures")}, "procedures")
    }
    of_case, of_all = _alone(whole, CASE_DIMS), _alone(union, LINE_DIMS)
    labels = {name: of_case + _alone(line.values, LINE_DIMS) for name, line in lines.items()}
    everything = of_case + of_all
    _add(sums, everything, PROCEDURES, "", len(decisions) * SCALE)
    for name, line in lines.items():
        brands = line.values["brand"]
        without_brand = [label for label in labels[name] if label[0] != "brand"]
        _add(sums, without_brand, LINES, "", line.products * SCALE)
        for brand in brands or {UNKNOWN}:
            sums["brand", brand, LINES, ""] += SCALE
    for measure, told in ((ARTICLES, _articles(groups)), (VALUES, _money(groups))):
        _spread(sums, measure, told, labels=labels, everything=everything)
    rows = tuple((*key, n) for key, n in sorted(sums.items()) if n)
    return Contribution(month=month, node=node, administration=administration, rows=rows)


def period(groups: Mapping[str, Any]) -> str:
    """Month of the seizure as YYYY-MM, the year alone where no month is told, `(unknown)` without either.

    The earliest date of a seizure counts, else of a detention or finding, else that of the place. A day of publication
    is not the event's.
    """
    told: dict[str, list[str]] = {}
    for item in objects(mapping(groups.get("case")).get("dates")):
        kind, on = item.get("kind"), item.get("on")
        if isinstance(kind, str) and isinstance(on, str) and _MONTH.fullmatch(on):
            told.setdefault(kind, []).append(on)
    for days in (told.get("seized", []), told.get("detained", []) + told.get("found", [])):
        if days:
            return min(days)[:7]
    for name, field in (("place", "on"), ("place_coarse", "month")):
        on = mapping(groups.get(name)).get(field)
        if isinstance(on, str) and _MONTH.fullmatch(on):
            return on[:7]
    return UNKNOWN


def values_of(groups: Mapping[str, Any]) -> Values:
    """The values that a seizure has of each dimension, over all of its lines."""
    return {**_of_case(groups, period(groups)), **_union(groups, _lines(groups))}


def _union(groups: Mapping[str, Any], lines: Mapping[str, _Line]) -> Values:
    found: Values = {dim: frozenset().union(*(line.values[dim] for line in lines.values())) for dim in LINE_DIMS}
    for dim, values in _of_line(_entries(groups, "goods"), _entries(groups, "right")).items():
        found[dim] |= values
    return found


def _of_case(groups: Mapping[str, Any], month: str) -> Values:
    # Goods and rights are read by line; of the facts only those of the case are wanted.
    facts = of_seizure({name: groups[name] for name in _OF_CASE if name in groups})
    place = mapping(groups.get("place")) or mapping(groups.get("place_coarse"))
    administration = mapping(groups.get("case")).get("administration")
    steps, seized_in = routes.chain(groups), mapping(groups.get("route")).get("discovered_in") or place.get("country")
    seen = seized_in if isinstance(seized_in, str) else None
    found: Values = {
        "month": frozenset({month} - {UNKNOWN}),
        "conveyance": facts.conveyance,
        "procedure": facts.procedure,
        "detection": facts.detection,
        "location": _texts([place.get("location_type")]),
        "administration": frozenset(
            {administration} if isinstance(administration, str) and _ADMINISTRATION.fullmatch(administration) else ()
        ),
    }
    for role in ("origin", "departure", "transit", "destination"):
        found[role] = facts.route.get(role, frozenset())
    for view in (routes.ENFORCEMENT, routes.TRADE_FLOW):
        found[view] = routes.out(steps, view=view, seized_in=seen)
    return found


def _lines(groups: Mapping[str, Any]) -> dict[str, _Line]:
    """The lines of goods; where goods are not held, those that the rights name."""
    goods, rights = _entries(groups, "goods"), _entries(groups, "right")
    names = [item["line"] for item in goods if readable(item.get("line"))]
    names = names or [item["line"] for item in rights if readable(item.get("line"))]
    found = {}
    for name in dict.fromkeys(names):
        own = [item for item in rights if item.get("line") == name]
        # A right without a line speaks of the whole seizure, and so of every line that has none of its own.
        theirs = own or [item for item in rights if "line" not in item]
        values = _of_line([item for item in goods if item.get("line") == name], theirs)
        found[name] = _Line(values, max(1, len(values["brand"])))
    return found


def _of_line(goods: Sequence[dict[str, Any]], rights: Sequence[dict[str, Any]]) -> Values:
    codes = [mapping(item.get("hs")) for item in goods]
    numbers = [
        str(code.get("code")) for code in codes if code.get("scheme") == "HS" and _HS.fullmatch(str(code.get("code")))
    ]
    found: Values = {
        "category": categories(goods),
        "brand": _texts(brand_key(text) for item in rights for text in _texts(_list(item.get("brands")))),
        "right": _texts(text for item in rights for text in _list(item.get("types"))),
    }
    for dim, length in _HS_LENGTHS.items():
        found[dim] = frozenset(number[:length] for number in numbers if len(number) >= length)
    return found


def _articles(groups: Mapping[str, Any]) -> list[tuple[str | None, str, int]]:
    """(line, unit, thousandths) of every amount that is told."""
    found = []
    for item in _entries(groups, "quantity"):
        amount = mapping(item.get("amount"))
        found.append((item.get("line"), _unit(amount.get("unit")), _thousandths(amount.get("n"))))
    return [(line if isinstance(line, str) else None, unit, n) for line, unit, n in found if n]


def _money(groups: Mapping[str, Any]) -> list[tuple[str | None, str, int]]:
    """(line, `basis:currency`, thousandths) of every value that is told."""
    found = []
    for item in _entries(groups, "value"):
        money = mapping(item.get("money"))
        unit = f"{_unit(money.get('basis'))}:{_unit(money.get('currency'))}"
        found.append((item.get("line"), unit, _thousandths(money.get("n"))))
    return [(line if isinstance(line, str) else None, unit, n) for line, unit, n in found if n]


def _spread(
    sums: Counter[tuple[str, str, str, str]], measure: str, told: list[tuple[str | None, str, int]], *,
    labels: Mapping[str, _Labels], everything: _Labels,
) -> None:  # fmt: skip
    """Count what lines tell for their values, and what a total tells beyond its lines for the whole seizure."""
    by_lines: Counter[str] = Counter()
    totals: dict[str, int] = {}
    for line, unit, n in told:
        if line is None:
            totals[unit] = max(n, totals.get(unit, 0))
            continue
        by_lines[unit] += n
        _add(sums, labels.get(line, everything), measure, unit, n)
    for unit, n in totals.items():
        if n > by_lines[unit]:
            _add(sums, everything, measure, unit, n - by_lines[unit])


def _count_cases(sums: Counter[tuple[str, str, str, str]], values: Values) -> None:
    sums[TOTAL, "", CASES, ""] += SCALE
    for dim in (*CASE_DIMS, *LINE_DIMS):
        for value in values[dim] or {UNKNOWN}:
            sums[dim, value, CASES, ""] = SCALE  # a value stands once in its set


def _alone(values: Values, dims: Iterable[str]) -> _Labels:
    """Each dimension with its one value, or with the words for none and for several."""
    return [
        (dim, UNKNOWN if not values[dim] else next(iter(values[dim])) if len(values[dim]) == 1 else SEVERAL)
        for dim in dims
    ]


def _add(sums: Counter[tuple[str, str, str, str]], labels: _Labels, measure: str, unit: str, n: int) -> None:
    if not n:
        return
    sums[TOTAL, "", measure, unit] += n
    for dim, value in labels:
        key = (dim, value, measure, unit)
        sums[key] = sums.get(key, 0) + n


def _thousandths(written: Any) -> int:
    if not isinstance(written, str) or not _NUMBER.fullmatch(written):
        return 0
    whole, _, rest = written.partition(".")
    return int(whole) * SCALE + int((rest + "000")[:3])


def _unit(value: Any) -> str:
    return value if isinstance(value, str) and _UNIT.fullmatch(value) else UNKNOWN


def _entries(groups: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return list(objects(groups.get(name)))[:MAX_ENTRIES]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(found: Iterable[Any]) -> frozenset[str]:
    return frozenset([value for value in found if readable(value)][:MAX_ENTRIES])
