"""A second, plain counter over decoded records: no sums that follow, no rows, one pass and dictionaries.

It knows the rules, and nothing of how the product applies them.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

LINE_FIELDS = ("category", "chapter", "brand", "right")


def month_of(groups: dict[str, Any]) -> str:
    dates = groups.get("case", {}).get("dates", [])
    for kinds in ({"seized"}, {"detained", "found"}):
        days = sorted(item["on"] for item in dates if item["kind"] in kinds)
        if days:
            return days[0][:7]
    return groups.get("place_coarse", {}).get("month", "(unknown)")


def of_line(goods: list[dict[str, Any]], rights: list[dict[str, Any]]) -> dict[str, set[str]]:
    return {
        "category": {text for item in goods for text in item.get("wco", [])},
        "chapter": {item["hs"]["code"][:2] for item in goods if "hs" in item},
        "brand": {text.lower() for item in rights for text in item.get("brands", [])},
        "right": {text for item in rights for text in item.get("types", [])},
    }


def single(values: set[str]) -> str:
    return "(unknown)" if not values else min(values) if len(values) == 1 else "(several)"


def count(seizures: list[dict[str, Any]]) -> dict[tuple[str, str, str, str], Fraction]:
    """(dimension, value, measure, unit) → number, over month, origin, conveyance and what lines tell."""
    sums: dict[tuple[str, str, str, str], Fraction] = defaultdict(Fraction)
    for groups in seizures:
        _one(sums, groups)
    return {key: n for key, n in sums.items() if n}


def _one(  # noqa: C901 - one pass from top to bottom is the point of it
    sums: dict[tuple[str, str, str, str], Fraction], groups: dict[str, Any]
) -> None:
    goods, rights = groups.get("goods", []), groups.get("right", [])
    case = {
        "month": {month_of(groups)} - {"(unknown)"},
        "origin": {s["country"] for s in groups.get("route", {}).get("chain", []) if s["role"] == "origin"},
        "conveyance": {groups["transport"]["conveyance"]} if "transport" in groups else set(),
    }
    of_all = {**case, **of_line(goods, rights)}

    def tell(values: dict[str, set[str]], measure: str, unit: str, n: Fraction) -> None:
        sums["total", "", measure, unit] += n
        for dim, found in values.items():
            sums[dim, single(found), measure, unit] += n

    sums["total", "", "cases", ""] += 1
    for dim, found in of_all.items():
        for value in found or {"(unknown)"}:
            sums[dim, value, "cases", ""] += 1
    decisions = {(p.get("right_holder"), p.get("outcome")) for p in groups.get("assessment", {}).get("procedures", [])}
    tell(of_all, "procedures", "", Fraction(len(decisions)))
    lines = {}
    for item in goods:
        theirs = [r for r in rights if r.get("line") == item["line"]] or [r for r in rights if "line" not in r]
        lines[item["line"]] = {**case, **of_line([item], theirs)}
    for values in lines.values():
        brands = values["brand"] or {"(unknown)"}
        sums["total", "", "lines", ""] += len(brands)
        for dim, found in values.items():
            if dim != "brand":
                sums[dim, single(found), "lines", ""] += len(brands)
        for brand in brands:
            sums["brand", brand, "lines", ""] += 1
    told: list[tuple[str, str, str | None, str]] = [
        ("articles", q["amount"]["unit"], q.get("line"), q["amount"]["n"]) for q in groups.get("quantity", [])
    ]
    told += [
        ("values", f"{v['money']['basis']}:{v['money']['currency']}", v.get("line"), v["money"]["n"])
        for v in groups.get("value", [])
    ]
    for measure, unit in {(entry[0], entry[1]) for entry in told}:
        mine = [(line, Fraction(n)) for m, u, line, n in told if (m, u) == (measure, unit)]
        for line, n in mine:
            if line is not None:
                tell(lines.get(line, of_all), measure, unit, n)
        stated = max((n for line, n in mine if line is None), default=Fraction(0))
        rest = stated - sum(n for line, n in mine if line is not None)
        if rest > 0:
            tell(of_all, measure, unit, rest)
