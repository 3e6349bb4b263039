"""Which countries a seizure speaks of, after the route rules (ETIS method), in two views.

Seizures *in*: the country of discovery. Seizures *out*: who let the goods pass. In the enforcement view these are the
countries of origin, departure, and every transit that had custody; the trade-flow view adds the destinations. A transit
that did not have custody, or of which that is not said, counts in neither. Weight out: an origin counts for its share;
every other country for the whole, because all of it passed through. The country of discovery is never among its own
outs. Pure functions; what the chain says is the issuer's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from federation.records.facts import mapping, objects, of_seizure, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENFORCEMENT: Final = "enforcement"
TRADE_FLOW: Final = "trade_flow"
MAX_STEPS: Final = 100
"""Steps of one chain that are read; the longest known has nine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One country on the way, in its role. `custody` None: not told."""

    role: str
    country: str
    custody: bool | None = None


def chain(groups: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps of a held `route`, or of its two ends where only those are held. Never raises."""
    steps = [
        Step(role=item["role"], country=item["country"], custody=item.get("custody") is True)
        for item in objects(mapping(groups.get("route")).get("chain"))
        if readable(item.get("role")) and readable(item.get("country"))
    ]
    if not steps:
        steps = [
            Step(role=role, country=country)
            for role in ("departure", "destination")
            for country in of_seizure(groups).route.get(role, ())
        ]
    return tuple(steps[:MAX_STEPS])


def out(steps: Iterable[Step], *, view: str, seized_in: str | None = None) -> frozenset[str]:
    """The countries that a seizure counts against in a view: one case each.

    >>> sorted(out([Step(role="origin", country="UG"), Step(role="transit", country="MY")], view=ENFORCEMENT))
    ['UG']
    """
    return frozenset(step.country for step in steps if _counts(step, view) and step.country != seized_in)


def weight_out(
    steps: Iterable[Step], *, view: str, weight: Fraction, shares: Mapping[str, Fraction], seized_in: str | None = None
) -> dict[str, Fraction]:
    """The weight that passed each of these countries, in the unit of `weight`.

    `shares` are the parts of the origins, which sum to at most 1. An origin that is the only one has all of it; of
    several, one without a share is left out: nobody knows how much came from there.
    """
    counted = [step for step in steps if _counts(step, view) and step.country != seized_in]
    origins = {step.country for step in counted if step.role == "origin"}
    found: dict[str, Fraction] = {}
    for step in counted:
        part: Fraction | None = Fraction(1)
        if step.role == "origin":
            part = shares.get(step.country, Fraction(1) if len(origins) == 1 else None)
        if part is not None:
            found[step.country] = max(found.get(step.country, Fraction(0)), weight * part)
    return found


def _counts(step: Step, view: str) -> bool:
    if step.role == "transit":
        return step.custody is True
    return step.role in ("origin", "departure") or (view == TRADE_FLOW and step.role == "destination")
