"""What one condition says: true, false, or unknown (None). Every decision and every explanation asks here.

A condition on several words is true when one of them fits. It is unknown when the record, the directory or
the question does not tell what would decide it, and false only when what is told decides against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from federation.grants import tlp_rank
from federation.policy.model import ON_ROUTE, ROUTE, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from federation.attributes import Attributes

Truth: TypeAlias = bool | None

SETS: Final = frozenset({"role", "group"})
"""Conditions on an attribute of the recipient that holds several words."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The record's side of one evaluation, and what was asked with it."""

    record: Attributes
    tlp: str
    """The stricter of the record's own TLP and the floor's."""
    today: date
    purpose: str | None
    """None: nobody stated one, as in a feed."""


def of_recipient(name: str, wanted: frozenset[str], value: Any) -> Truth:
    """Ask a recipient condition about one attribute: an id, a country, a region, or a set of roles or groups.

    A recipient without a country is no country's office, and a condition on countries is false for it. A
    recipient without a region is unknown: every office lies in some region, and the directory does not say
    in which.
    """
    if not wanted:
        return False
    if name in SETS:
        return not wanted.isdisjoint(value)
    if value is None:
        return None if name == "region" else False
    return value in wanted


def of_relation(wanted: frozenset[str], record: Attributes, country: str | None) -> Truth:
    """Ask whether `country` stands on the record's route in one of the roles wanted."""
    if country is None or not wanted:
        return False
    told = [getattr(record, role) for role in route_roles(wanted)]
    if any(countries and country in countries for countries in told):
        return True
    return False if all(told) else None


def of_record(name: str, wanted: Wanted, facts: Facts) -> Truth:
    """Ask a condition on the record or on the purpose."""
    return _TESTS[name](wanted, facts)


def route_roles(wanted: frozenset[str]) -> tuple[str, ...]:
    """Return the roles on the route that a relation condition means."""
    return ROUTE if ON_ROUTE in wanted else tuple(role for role in ROUTE if role in wanted)


def unknown_names(name: str, wanted: Wanted, record: Attributes) -> tuple[str, ...]:
    """Name what was not told where a condition is unknown: for `relation`, the roles on the route."""
    if name != "relation":
        return (name,)
    words = cast("frozenset[str]", wanted)
    return tuple(role for role in route_roles(words) if not getattr(record, role))


def _any_of(told: frozenset[str] | None, wanted: frozenset[str]) -> Truth:
    if not wanted:
        return False
    return None if not told else not told.isdisjoint(wanted)


def _one_of(told: str | None, wanted: frozenset[str]) -> Truth:
    if not wanted:
        return False
    return None if told is None else told in wanted


def _hs(told: frozenset[str] | None, wanted: frozenset[str]) -> Truth:
    """Prefixes. A code recorded with fewer digits than the prefix may be one of its kind, or not: unknown."""
    if not wanted:
        return False
    if not told:
        return None
    if any(code.startswith(prefix) for code in told for prefix in wanted):
        return True
    return None if any(prefix.startswith(code) for code in told for prefix in wanted) else False


def _age(occurred: date | None, most: int, today: date) -> Truth:
    return None if occurred is None else (today - occurred).days <= most


def _same(told: bool | None, wanted: bool) -> Truth:
    return None if told is None else told is wanted


_TESTS: Final[Mapping[str, Callable[[Any, Facts], Truth]]] = {
    "kind": lambda wanted, facts: facts.record.kind in wanted,
    "right": lambda wanted, facts: _any_of(facts.record.rights, wanted),
    "brand": lambda wanted, facts: _any_of(facts.record.brands, wanted),
    "category": lambda wanted, facts: _any_of(facts.record.categories, wanted),
    "hs": lambda wanted, facts: _hs(facts.record.hs, wanted),
    "tlp_at_most": lambda wanted, facts: tlp_rank(facts.tlp) <= tlp_rank(wanted),
    "health_safety": lambda wanted, facts: _same(facts.record.health_safety, wanted),
    "age_at_most_days": lambda wanted, facts: _age(facts.record.occurred, wanted, facts.today),
    "status": lambda wanted, facts: _any_of(facts.record.status, wanted),
    "source_grade": lambda wanted, facts: _one_of(facts.record.source_grade, wanted),
    "media": lambda wanted, facts: _same(facts.record.media, wanted),
    "purpose": lambda wanted, facts: _one_of(facts.purpose, wanted),
}
