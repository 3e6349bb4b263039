"""A sharing policy as plain values: who wrote it, what it rests on, and its rules.

`federation.policy.parse` makes these from a file and refuses what is wrong; `federation.policy.compile`
turns them into masks. Nothing here decides anything.

The words of a rule (protocol page, section 4):

    effect      grant | withhold
    mode        replicate: into the feed, and answered when asked; query: only answered when asked;
                hit: only "we hold something, and whom to contact"
    groups      disclosure groups by name, or a word: minimal (the minimal, non-nominal form), non-nominal
                (all but what can name somebody), all (in a withhold only; closes the hit as well)
    when        conditions, all optional, all of them needed
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from federation.grants import Handling

MINIMAL: Final = "minimal"
NON_NOMINAL: Final = "non-nominal"
ALL: Final = "all"
WORDS: Final = frozenset({MINIMAL, NON_NOMINAL, ALL})
"""Words that stand for groups. No word ever grants a nominal group."""

ROLES: Final = ("member", "rilo", "oversight")
ON_ROUTE: Final = "on_route"
ROUTE: Final = ("origin", "departure", "transit", "destination")
"""The roles of a country on the route, by the names of the record's attributes."""

RECIPIENT_CONDITIONS: Final = ("node", "country", "region", "role", "group")
"""Conditions on who would get it. `relation` is on both sides, all others on the record or the question."""

GROUP_PREFIX: Final = "group:"
"""Before a named group where nodes could stand as well."""

Wanted: TypeAlias = "frozenset[str] | str | int | bool"
"""What a condition asks for: any of these words, at most this, exactly this."""


class Effect(StrEnum):
    """What a rule does with the groups that it names."""

    GRANT = "grant"
    WITHHOLD = "withhold"


class Mode(StrEnum):
    """How far a grant goes."""

    REPLICATE = "replicate"
    QUERY = "query"
    HIT = "hit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A legal instrument: what allows the sharing, between whom, and from when until when."""

    id: str
    title: str
    parties: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    scope: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    """The last day of validity."""

    @property
    def opens(self) -> int | None:
        """The first second of validity, by UTC; None: always was."""
        return None if self.valid_from is None else midnight(self.valid_from)

    @property
    def closes(self) -> int | None:
        """The first second after it; None: never."""
        return None if self.valid_until is None else midnight(self.valid_until + timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """The conditions of a rule. None: not asked. An empty set asks for one of nothing, and is never true."""

    node: frozenset[str] | None = None
    country: frozenset[str] | None = None
    region: frozenset[str] | None = None
    role: frozenset[str] | None = None
    group: frozenset[str] | None = None
    """Named groups of the directory, `id@version`."""
    relation: frozenset[str] | None = None
    """What the recipient's country is on the route: origin, departure, transit, destination, on_route."""
    kind: frozenset[str] | None = None
    right: frozenset[str] | None = None
    brand: frozenset[str] | None = None
    """Casefolded."""
    category: frozenset[str] | None = None
    hs: frozenset[str] | None = None
    """Prefixes of two to six digits."""
    tlp_at_most: str | None = None
    health_safety: bool | None = None
    age_at_most_days: int | None = None
    status: frozenset[str] | None = None
    source_grade: frozenset[str] | None = None
    media: bool | None = None
    purpose: frozenset[str] | None = None

    def stated(self) -> tuple[tuple[str, Wanted], ...]:
        """Return the conditions that are asked, by name."""
        pairs = ((name, getattr(self, name)) for name in CONDITIONS)
        return tuple((name, wanted) for name, wanted in pairs if wanted is not None)


CONDITIONS: Final = tuple(item.name for item in fields(When))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The obligations that a grant puts on the recipient. The defaults add nothing to the record's floor."""

    handling: Handling = field(default_factory=Handling)
    keep_days: int | None = None
    """Days after the issue of the record version, to the end of that day."""
    report_back: bool = False
    receipt_within: int | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Leave for a hub that the rule grants to: to whom it may pass the rule's groups on, and until when."""

    to: frozenset[str]
    """One `group:<id>@<version>`, or ids of nodes."""
    days: int = 90
    """Days for which each signed relay grant holds; whoever got the record by then keeps it."""

    @property
    def group(self) -> str | None:
        """The group, `id@version`, or None where nodes are named."""
        first = min(self.to)
        return first.removeprefix(GROUP_PREFIX) if first.startswith(GROUP_PREFIX) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. A withhold has groups and conditions only; mode, terms, embargo, release are a grant's."""

    id: str
    effect: Effect = Effect.GRANT
    mode: Mode = Mode.REPLICATE
    groups: frozenset[str] = frozenset()
    when: When = field(default_factory=When)
    legal: tuple[str, ...] = ()
    """Ids of the instruments that it rests on: on each of them."""
    embargo_until: int | None = None
    """Second at which the grant opens."""
    embargo_days: int | None = None
    """Days after the issue of the record at which the grant opens."""
    needs_release: bool = False
    terms: Terms = field(default_factory=Terms)
    relay: Relay | None = None
    """Counts for recipients with the role `rilo` alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy set of one country, whole. A policy without rules shares nothing."""

    country: str
    """The node whose records it is about, by the directory's id."""
    version: int
    author: str
    approver: str
    instruments: tuple[Instrument, ...] = ()
    rules: tuple[Rule, ...] = ()


def midnight(day: date) -> int:
    """Return the first second of a day, by UTC."""
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp())
