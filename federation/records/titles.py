"""One line for lists: what, how much, from where to where, by which road.

English labels and codes only; the pages translate what they show at length. Texts of others are cut and
cleaned of characters that would break a line or turn its direction round.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from federation.records.codes import label
from federation.records.facts import Facts, categories, mapping, objects
from federation.records.values import decimal_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_TITLE: Final = 160
"""Characters. A longer line is cut with an ellipsis."""

_SHOWN: Final = 2
"""Lines of goods, countries or brands named before the rest is counted."""

_SINGULAR: Final = "1"
_UNSHOWABLE: Final = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def of_seizure(groups: Mapping[str, Any], facts: Facts) -> str:
    """Goods and amounts, else brands; then the route, else the place; then the conveyance."""
    what = _goods(groups) or _some(sorted(facts.brands))
    way = _way(facts) or _some(sorted(facts.country))
    parts = [what or "Seizure", way, _conveyances(facts)]
    if not any(parts[1:]) and not what:
        parts.append(_text(mapping(groups.get("case")).get("reference")))
    return _line(parts)


def of_alert(groups: Mapping[str, Any], facts: Facts) -> str:
    """Write the headline in its author's words, else its type; then the route."""
    headline = mapping(groups.get("headline"))
    type_ = _text(headline.get("type"))
    what = _translated(headline.get("title")) or (label("alert_type", type_) if type_ else "")
    named = what or _some(label("wco_category", code) for code in sorted(facts.categories))
    return _line([named or "Alert", _way(facts), _conveyances(facts)])


def of_annotation(groups: Mapping[str, Any], _facts: Facts) -> str:
    """Name the kind of annotation, and its result."""
    note = mapping(groups.get("note"))
    type_, result = _text(note.get("type")), _text(note.get("result"))
    named = label("annotation_type", type_) if type_ else "Annotation"
    return _line([f"{named}: {label('result', result).lower()}" if result else named])


def of_statistics(groups: Mapping[str, Any], _facts: Facts) -> str:
    """Write the title in its author's words; then the period."""
    about = mapping(groups.get("about"))
    period = mapping(about.get("period"))
    months = [month for month in (_text(period.get("from")), _text(period.get("to"))) if month]
    return _line([_translated(about.get("title")) or "Statistics", " to ".join(dict.fromkeys(months))])


def of_bulletin(groups: Mapping[str, Any], facts: Facts) -> str:
    """Write the title in its author's words; then the period."""
    return of_statistics(groups, facts).removeprefix("Statistics") or "Bulletin"


def of_tombstone(_groups: Mapping[str, Any], _facts: Facts) -> str:
    """Say that the record was recalled: a tombstone has nothing else to tell."""
    return "Recalled"


def grouped(number: str) -> str:
    """Write a decimal text with its thousands apart.

    >>> grouped("1234567.5"), grouped("999")
    ('1 234 567.5', '999')
    """
    whole, point, rest = number.partition(".")
    return f"{int(whole):,}".replace(",", " ") + point + rest


def _goods(groups: Mapping[str, Any]) -> str:
    """Each line with its amount; a total stands behind the goods it adds up."""
    goods = list(objects(groups.get("goods")))
    amounts = _amounts(groups.get("quantity")) or _bands(groups.get("quantity_band"))
    total = next((text for line, text in amounts if line is None), "")
    lines: dict[str, str] = {}
    for item in goods:
        name = _some(label("wco_category", code) for code in sorted(categories([item]))) or _described(item)
        own = next((text for line, text in amounts if line is not None and line == item.get("line")), "")
        if total:
            lines.setdefault(name, "")
        elif name or own:
            lines[f"{name} {own}".strip()] = ""
    if not goods and not total:
        return _some(text for _line_id, text in amounts)
    return f"{_some(name for name in lines if name)} {total}".strip()


def _amounts(quantity: Any) -> list[tuple[Any, str]]:
    found = []
    for item in objects(quantity):
        amount = mapping(item.get("amount")) or mapping(item.get("packages")) or mapping(item.get("gross_mass"))
        list_name = "package" if amount is item.get("packages") else "unit"
        low, high = amount.get("n"), amount.get("to")
        if decimal_of(low) is None:
            continue
        number = f"{grouped(str(low))}-{grouped(str(high))}" if decimal_of(high) is not None else grouped(str(low))
        about = "about " if amount.get("about") is True else ""
        measure = amount.get("code" if list_name == "package" else "unit")
        found.append((item.get("line"), f"{about}{number} {_measure(list_name, measure, number)}".strip()))
    return found


def _bands(bands: Any) -> list[tuple[Any, str]]:
    return [
        (item.get("line"), f"{_text(item.get('band'))} {_measure('unit', item.get('unit'), '')}".strip())
        for item in objects(bands)
    ]


def _measure(list_name: str, code: Any, number: str) -> str:
    named = label(list_name, _text(code))
    # Labels are plural; "1 pairs" would be read as a mistake, and only regular plurals are undone.
    return named[:-1] if number == _SINGULAR and named.endswith("s") and not named.endswith("ss") else named


def _described(item: Mapping[str, Any]) -> str:
    return _translated(item.get("description"))


def _translated(texts: Any) -> str:
    """Prefer the author's own words to a translation."""
    said = [entry for entry in objects(texts) if isinstance(entry.get("text"), str)]
    own = [entry for entry in said if entry.get("by") == "author"]
    return next((_text(entry["text"]) for entry in own or said), "")


def _way(facts: Facts) -> str:
    start = facts.route.get("departure") or facts.route.get("origin")
    end = facts.route.get("destination")
    if not start and not end:
        return ""
    return f"{_some(sorted(start)) if start else '?'} → {_some(sorted(end)) if end else '?'}"


def _conveyances(facts: Facts) -> str:
    return _some(label("conveyance", code).lower() for code in sorted(facts.conveyance))


def _some(texts: Iterable[str]) -> str:
    named = [clean for clean in map(_text, texts) if clean]
    rest = len(named) - _SHOWN
    return ", ".join(named[:_SHOWN]) + (f" +{rest}" if rest > 0 else "")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    clean = _UNSHOWABLE.sub(" ", value[: MAX_TITLE * 4]).strip()
    return clean if len(clean) <= MAX_TITLE else clean[: MAX_TITLE - 1] + "…"


def _line(parts: Iterable[str]) -> str:
    return _text(" · ".join(part for part in parts if part))
