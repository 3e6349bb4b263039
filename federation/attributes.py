"""What a policy may ask of a record: the record side of a decision.

Made from the groups of a record by its schema (`federation.records`), read by the evaluator (`federation.policy`). A
field that the record does not tell is `None`, unknown, and never "no": a condition on it is neither true nor false.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The facts of one record version that conditions may test. Sets are never empty: empty means `None`."""

    kind: str
    """seizure, alert, annotation ..."""
    groups: frozenset[str]
    """The disclosure groups that the record has."""
    nominal: frozenset[str] = field(default_factory=frozenset)
    """Those of `groups` that can name somebody."""
    minimal: frozenset[str] = field(default_factory=frozenset)
    """Those of `groups` that belong to the minimal, non-nominal form."""
    tlp: str = "amber"
    """The record's own handling floor: clear, green, amber, amber+strict, red."""
    rights: frozenset[str] | None = None
    """IPR types, such as trademark."""
    brands: frozenset[str] | None = None
    """Brand names, casefolded."""
    categories: frozenset[str] | None = None
    """Goods categories (WCO code names)."""
    hs: frozenset[str] | None = None
    """Harmonized System codes, two to six digits, as recorded."""
    origin: frozenset[str] | None = None
    departure: frozenset[str] | None = None
    transit: frozenset[str] | None = None
    destination: frozenset[str] | None = None
    """Country codes by their role on the route."""
    health_safety: bool | None = None
    occurred: date | None = None
    """The earliest day the event can have happened (partial dates: their first day)."""
    status: frozenset[str] | None = None
    """Case outcomes."""
    source_grade: str | None = None
    """Admiralty source grade, A to F."""
    media: bool = False
    """Whether the record carries pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who would get the record: the recipient side of a decision, as the directory lists it."""

    id: str
    """Node id, such as KE or RILO-ESA."""
    country: str | None = None
    """Country code; None for an office that is no country's (a RILO)."""
    region: str | None = None
    """WCO region: ESA, EUR ..."""
    roles: frozenset[str] = field(default_factory=frozenset)
    """member, rilo, oversight."""
    groups: frozenset[str] = field(default_factory=frozenset)
    """Named groups at a version, written `id@version`."""
