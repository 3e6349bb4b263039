"""The record's side of a decision, worked out once for all recipients.

What the conditions on the record say, which countries stand on its route, which of its groups each rule
means, and which grants are closed for now whoever asks: their instrument is not in force, their embargo
lasts, their second release is missing, or the record is red and they name nobody.

A withhold is never closed: one that rests on an expired instrument still withholds, because a safeguard
that lapses in silence would be a leak, and a treaty that ends takes away the right to share and not the
reason to be careful.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from federation.grants import TLP, Handling, strictest
from federation.policy import conditions
from federation.policy.conditions import Facts, Truth
from federation.policy.model import ALL, MINIMAL, NON_NOMINAL, ROUTE, Rule, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from federation.attributes import Attributes, Recipient
    from federation.policy.compile import CompiledPolicy

DAY: Final = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """One record under one policy at one time. `mask`, `on_route` and `closed` are as in `compile`."""

    policy: CompiledPolicy
    facts: Facts
    floor: Handling
    now: int
    issued: int | None
    second_release: bool
    names: tuple[str, ...]
    """The record's groups; the position is the bit. One bit more, the highest, stands for the hit."""
    mask: int
    closed: int
    on_route: dict[str | None, int]
    elsewhere: int
    """The mask of a country that the record's route does not name."""
    covers: tuple[int, ...]
    """For each rule, the bits of the groups that it means in this record; of a hit rule, the hit."""

    @property
    def hit(self) -> int:
        """The bit that stands for the hit."""
        return 1 << len(self.names)

    def truth(self, name: str, wanted: Wanted, who: Recipient) -> Truth:
        """Ask one condition for one recipient. The masks were made of the same questions."""
        words = cast("frozenset[str]", wanted)
        told = {"node": who.id, "country": who.country, "region": who.region, "role": who.roles, "group": who.groups}
        if name in told:
            return conditions.of_recipient(name, words, told[name])
        if name == "relation":
            return conditions.of_relation(words, self.facts.record, who.country)
        return conditions.of_record(name, wanted, self.facts)

    def obstacles(self, rule: Rule, place: int) -> Iterator[str]:
        """Say in words why the grant at `place` is closed; nothing where it is open."""
        compiled, bit = self.policy, 1 << place
        known = {instrument.id: instrument for instrument in compiled.policy.instruments}
        for name in rule.legal:
            instrument = known.get(name)
            if instrument is None:
                yield f"rests on {name}, which the policy does not list"
            elif not in_force(instrument.opens, instrument.closes, self.now):
                early = instrument.opens is not None and self.now < instrument.opens
                yield f"rests on {name}, which " + (
                    f"is not in force before {instrument.valid_from}"
                    if early
                    else f"expired on {instrument.valid_until}"
                )
        for opens in (opens for mask, opens in compiled.embargo_until if mask & bit and self.now < opens):
            yield f"is under embargo until {day_of(opens)}"
        for days in (days for mask, days in compiled.embargo_days if mask & bit):
            if self.issued is None:
                yield f"is under embargo for {days} days after the issue, whose time was not given"
            elif self.now < self.issued + days * DAY:
                yield f"is under embargo until {day_of(self.issued + days * DAY)}"
        if compiled.needing_release & bit and not self.second_release:
            yield "needs the release by a second officer"
        if self.facts.tlp == "red" and not compiled.naming & bit:
            yield "does not name the recipient by country or id, as a record that is TLP red demands"


def prepare(
    *,
    record: Attributes,
    policy: CompiledPolicy,
    now: int,
    purpose: str | None,
    floor: Handling | None,
    issued: int | None,
    second_release: bool,
) -> Ground:
    """Work out the record's side. Without `floor`, all of it but the TLP is taken as strict."""
    own = Handling(tlp=record.tlp if record.tlp in TLP else "red")
    floor = strictest(own, floor or Handling(onward="none", evidence="ask"))
    facts = Facts(record, floor.tlp, datetime.fromtimestamp(now, UTC).date(), purpose)
    full = policy.full
    mask = full
    for atom in policy.record_atoms:
        mask &= atom.leaves(conditions.of_record(atom.name, atom.wanted, facts), full)
    names = tuple(sorted(record.groups))
    return Ground(
        policy=policy,
        facts=facts,
        floor=floor,
        now=now,
        issued=issued,
        second_release=second_release,
        names=names,
        mask=mask,
        closed=_closed(policy, floor.tlp, now, issued, second_release=second_release),
        on_route=_on_route(policy, record),
        elsewhere=_relation(policy, record, ""),
        covers=_covers(policy, record, names),
    )


def in_force(opens: int | None, closes: int | None, now: int) -> bool:
    """Whether `now` lies in a span that may be open at either end.

    >>> in_force(None, 10, 9), in_force(None, 10, 10)
    (True, False)
    """
    return (opens is None or opens <= now) and (closes is None or now < closes)


def _closed(policy: CompiledPolicy, tlp: str, now: int, issued: int | None, *, second_release: bool) -> int:
    closed = policy.unfounded
    for mask, opens, closes in policy.instruments:
        if not in_force(opens, closes, now):
            closed |= mask
    for mask, opens in policy.embargo_until:
        if now < opens:
            closed |= mask
    for mask, days in policy.embargo_days:
        if issued is None or now < issued + days * DAY:
            closed |= mask
    if not second_release:
        closed |= policy.needing_release
    if tlp == "red":
        closed |= policy.grants & ~policy.naming
    return closed


def _on_route(policy: CompiledPolicy, record: Attributes) -> dict[str | None, int]:
    """Make the mask of each country on the route, and of an office that is no country's."""
    countries: set[str | None] = {None}
    if policy.relation_atoms:
        for role in ROUTE:
            countries |= getattr(record, role) or frozenset()
    return {country: _relation(policy, record, country) for country in countries}


def _relation(policy: CompiledPolicy, record: Attributes, country: str | None) -> int:
    mask = policy.full
    for atom in policy.relation_atoms:
        words = cast("frozenset[str]", atom.wanted)
        truth = conditions.of_relation(words, record, country)
        mask &= atom.leaves(truth, policy.full)
    return mask


def _covers(policy: CompiledPolicy, record: Attributes, names: tuple[str, ...]) -> tuple[int, ...]:
    bits = {name: 1 << place for place, name in enumerate(names)}
    every = (1 << len(names)) - 1
    nominal = sum(bits[name] for name in record.nominal if name in bits)
    minimal = sum(bits[name] for name in record.minimal if name in bits)
    covers = []
    for spec in policy.specs:
        mask = sum(bits[name] for name in spec.groups if name in bits)
        if not spec.named_nominal:
            mask &= ~nominal
        # No word grants a nominal group, whatever a schema calls minimal; `all` stands in withholds only.
        if MINIMAL in spec.groups:
            mask |= minimal & ~nominal
        if NON_NOMINAL in spec.groups:
            mask |= every & ~nominal
        if ALL in spec.groups:
            mask = every | 1 << len(names)
        if spec.hit:
            mask = 1 << len(names)
        covers.append(mask)
    return tuple([covers[spec] for spec in policy.spec_of])


def day_of(second: int) -> str:
    """Return the day of a second, by UTC, as YYYY-MM-DD."""
    return datetime.fromtimestamp(second, UTC).date().isoformat()
