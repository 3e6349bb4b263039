"""Checks across the groups of a seizure: lines that join, totals that add up.

Each group has been checked by itself before; here only what is well formed is
compared, and the rest is skipped.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from federation.records.facts import mapping, objects
from federation.records.values import decimal_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from federation.records.checks import Findings, Path

_JOINED: Final = ("quantity", "quantity_band", "value", "value_band", "right")
"""Groups whose entries may name a line of `goods`."""

_SUMMED: Final = (("quantity", "amount", ("unit",)), ("value", "money", ("currency", "basis", "scope")))
"""Group, member that is summed, and what must be alike: unlike goods and units are never added."""


def lines_join(groups: Mapping[str, Any], found: Findings) -> None:
    """Refuse a line that is spoken of and does not exist, and a line that exists twice."""
    known: set[str] = set()
    for position, item in enumerate(_entries(groups.get("goods"))):
        own = item.get("line")
        if isinstance(own, str):
            if own in known:
                path = (((None, "goods"), position), "line")
                found.error(path, own, "occurs twice", "give each line its own id")
            known.add(own)
    for name in _JOINED:
        _named_lines(_entries(groups.get(name)), (None, name), known, found)
    procedures = mapping(groups.get("assessment")).get("procedures")
    _named_lines(_entries(procedures), ((None, "assessment"), "procedures"), known, found)


def _named_lines(entries: Iterable[Mapping[str, Any]], path: Path, known: set[str], found: Findings) -> None:
    for position, item in enumerate(entries):
        named = item.get("line")
        if isinstance(named, str) and named not in known:
            remedy = f"use one of {', '.join(sorted(known))}" if known else "describe the line in goods"
            found.error(((path, position), "line"), named, "is not a line of goods", remedy)


def _entries(value: Any) -> Iterable[Mapping[str, Any]]:
    """Go through a list with every position kept: what is no object stands there as an empty one."""
    return map(mapping, value) if isinstance(value, list) else ()


def totals_add_up(groups: Mapping[str, Any], found: Findings) -> None:
    """Warn of a total that its parts do not add up to; printed totals really are wrong at times."""
    for name, member, alike in _SUMMED:
        entries = list(objects(groups.get(name)))
        if len(entries) > 1 and any(member in item and "line" not in item for item in entries):
            _compare(groups, (name, member, alike), entries, found)


def _compare(
    groups: Mapping[str, Any],
    summed: tuple[str, str, tuple[str, ...]],
    entries: list[dict[str, Any]],
    found: Findings,
) -> None:
    """Compare each exact total with the exact parts of the same measure."""
    name, member, alike = summed
    lines = [item.get("line") for item in objects(groups.get("goods"))]
    parts: dict[tuple[str, ...], dict[str, Decimal]] = {}
    for item in entries:
        measured = mapping(item.get(member))
        size, own = _exact(measured), item.get("line")
        if size is not None and isinstance(own, str):
            by_line = parts.setdefault(_measure(measured, alike), {})
            by_line[own] = by_line.get(own, Decimal(0)) + size
    for position, entry in enumerate(_entries(groups[name])):
        measured = mapping(entry.get(member))
        size, of_lines = _exact(measured), parts.get(_measure(measured, alike))
        if size is None or "line" in entry or not of_lines:
            continue
        added = sum(of_lines.values())
        # Parts may be known for some lines only: then they may stay below the total, and never exceed it.
        complete = all(isinstance(own, str) and own in of_lines for own in lines)
        if added > size or (complete and added != size):
            found.warn(
                ((((None, name), position), member), "n"),
                measured.get("n"),
                f"is a total of {size}, and its lines add up to {added}",
                "compare it with the source; keep both if the source says so",
            )


def _exact(measured: Mapping[str, Any]) -> Decimal | None:
    """Return the number, unless it is a range or an estimate: those add up to nothing."""
    return None if "to" in measured or "about" in measured else decimal_of(measured.get("n"))


def _measure(measured: Mapping[str, Any], alike: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(repr(measured.get(name)) for name in alike)
