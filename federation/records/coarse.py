"""The reduced groups, made from the full ones when a record is issued.

A rule that reduces what it shares grants the reduced group instead of the full one; nothing is ever
transformed when it is sent. So the reduced forms are made here, once, by the issuer, and are signed like
everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from federation.records.facts import mapping, objects
from federation.records.values import band, decimal_of, first_day

if TYPE_CHECKING:
    from collections.abc import Mapping

_MONTH: Final = len("2024-05")

_BY_DATE_KIND: Final = ("seized", "detained", "found", "destroyed", "published")
"""Which date tells the month when the place does not, the best first."""


def place_coarse(groups: Mapping[str, Any]) -> dict[str, Any]:
    """Country, type of location and month, without the office and the day."""
    place = mapping(groups.get("place"))
    coarse = {name: place[name] for name in ("country", "location_type") if name in place}
    month = _month(groups)
    return {**coarse, "month": month} if month else coarse


def _month(groups: Mapping[str, Any]) -> str | None:
    dates = list(objects(mapping(groups.get("case")).get("dates")))
    written = [mapping(groups.get("place")).get("on")]
    for kind in _BY_DATE_KIND:
        written += [item.get("on") for item in dates if item.get("kind") == kind]
    precise = (text for text in written if isinstance(text, str) and len(text) >= _MONTH and first_day(text))
    return next((text[:_MONTH] for text in precise), None)


def route_ends(groups: Mapping[str, Any]) -> dict[str, list[str]]:
    """Departures and destinations, without the origin and whom the goods passed through."""
    ends: dict[str, list[str]] = {"departure": [], "destination": []}
    for step in objects(mapping(groups.get("route")).get("chain")):
        role, country = step.get("role"), step.get("country")
        if isinstance(country, str) and isinstance(role, str) and role in ends and country not in ends[role]:
            ends[role].append(country)
    return {role: countries for role, countries in ends.items() if countries}


def quantity_band(groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each amount as an order of magnitude."""
    bands = []
    for item in objects(groups.get("quantity")):
        amount = mapping(item.get("amount"))
        number = decimal_of(amount.get("n"))
        if number is not None:
            bands.append(_kept(item, "line") | {"band": band(number)} | _kept(amount, "unit"))
    return bands


def value_band(groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each sum of money as an order of magnitude."""
    bands = []
    for item in objects(groups.get("value")):
        money = mapping(item.get("money"))
        number = decimal_of(money.get("n"))
        if number is not None and "currency" in money:
            bands.append(_kept(item, "line") | {"band": band(number)} | _kept(money, "currency", "basis"))
    return bands


def _kept(source: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: source[name] for name in names if name in source}
