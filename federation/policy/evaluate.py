"""Decide who may have what of a record: pure, by masks.

Every rule that matches counts; a withhold beats a grant; where no rule grants, the group stays home. So an
empty policy shares nothing, and a lost policy is an outage and never a leak.

In what order, for each recipient:

 1. A recipient that is the policy's own country is at home, and one of which the directory tells nothing is
 nobody:
    neither gets anything.
 2. Its mask: what the conditions on it, on its place on the route and on the record leave (see `compile`).
 3. Grants that are open and wholly true, less the withholds that nothing speaks against.
 4. Obligations: the record's own floor, tightened by every grant that applied, whether or not its groups
 are there. 5. What could be used for nothing is not sent: no purpose in common, not the one asked for, or
 kept too long already.

Steps 3 to 5 are done once for each distinct mask of one call. Nothing is remembered from one call to the
next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from federation.grants import Handling, earlier, strictest
from federation.policy.decision import Decision, Obligations, Outcome
from federation.policy.ground import DAY, Ground, prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.attributes import Attributes, Recipient
    from federation.policy.compile import CompiledPolicy
    from federation.policy.model import Terms

HOME: Final = -1
NOBODY: Final = -2
"""In the place of a mask, which is never negative."""


def decide_all(
    *,
    record: Attributes,
    recipients: Sequence[Recipient],
    policy: CompiledPolicy,
    now: int,
    purpose: str | None = None,
    floor: Handling | None = None,
    issued: int | None = None,
    second_release: bool = False,
) -> list[Decision]:
    """Decide for every recipient, in their order.

    `now` and `issued` (of the record version; embargoes and keeping times in days count from it) are
    seconds. `purpose` is what a question states; a feed states none. `floor` is the record's `h`; without
    it all but its TLP is taken as strict. `second_release` says that a second officer has released the
    record.
    """
    ground = prepare(
        record=record,
        policy=policy,
        now=now,
        purpose=purpose,
        floor=floor,
        issued=issued,
        second_release=second_release,
    )
    evaluation = Evaluation(ground)
    return list(map(Decision, recipients, evaluation.outcomes(recipients)))


def decide(
    *,
    record: Attributes,
    recipient: Recipient,
    policy: CompiledPolicy,
    now: int,
    purpose: str | None = None,
    floor: Handling | None = None,
    issued: int | None = None,
    second_release: bool = False,
) -> Decision:
    """Decide for one recipient: `decide_all` for one."""
    return decide_all(
        record=record,
        recipients=(recipient,),
        policy=policy,
        now=now,
        purpose=purpose,
        floor=floor,
        issued=issued,
        second_release=second_release,
    )[0]


def hit_groups(outcome: Outcome) -> frozenset[str]:
    """Return the groups over which the recipient may learn that something is held: none without a rule for a hit.

    A hit rule names no groups. It means all that cannot name somebody and that no rule withholds from the recipient:
    what is withheld is not told by way of a hit either, and a name needs a rule that says so.
    """
    ground = outcome.ground
    if not outcome.asked & ground.hit:
        return frozenset()
    denied, rules = 0, outcome.mask >> ground.policy.count & ground.policy.withholds
    for place, covered in enumerate(ground.covers):
        if rules >> place & 1:
            denied |= covered
    kept = {name for place, name in enumerate(ground.names) if not denied >> place & 1}
    return frozenset(kept - ground.facts.record.nominal)


class Evaluation:
    """The outcomes of one call, each distinct mask once."""

    def __init__(self, ground: Ground, owed: dict[int, tuple[Obligations, str | None]] | None = None) -> None:
        """`owed` remembers obligations by rules: for calls of one policy, floor, time, purpose and day of issue."""
        self._ground = ground
        self._names: dict[int, frozenset[str]] = {}
        self._owed: dict[int, tuple[Obligations, str | None]] = {} if owed is None else owed

    def outcomes(self, recipients: Sequence[Recipient]) -> list[Outcome]:
        """Return the outcome for each recipient. The loop is flat because it runs for every member."""
        policy, home = self._ground.policy, self._ground.policy.country
        of_country, elsewhere = self._by_country()
        by_node, else_node = policy.by_node, policy.else_node
        by_party, no_party = policy.by_party, policy.no_party
        of_class: dict[tuple[str | None, frozenset[str], frozenset[str]], int] = {}
        made: dict[int, Outcome] = {}
        found = []
        for who in recipients:
            country = who.country
            key = (who.region, who.roles, who.groups)
            mask = of_class.get(key)
            if mask is None:
                mask = of_class[key] = policy.class_mask(*key)
            mask &= of_country.get(country, elsewhere) & by_node.get(who.id, else_node)
            if by_party:
                mask &= no_party | by_party.get(country, 0) | by_party.get(who.id, 0)
            if country == home or who.id == home:  # noqa: PLR1714 - a set built for every member is slow
                mask = HOME
            elif country is None and not any(key):
                mask = NOBODY
            outcome = made.get(mask)
            if outcome is None:
                outcome = made[mask] = self.outcome(mask)
            found.append(outcome)
        return found

    def _by_country(self) -> tuple[dict[str | None, int], int]:
        """Return the mask of record, country and place on the route: of some countries, and of all others."""
        ground, policy = self._ground, self._ground.policy
        else_country, elsewhere = policy.else_country, ground.elsewhere
        masks = {
            country: ground.mask
            & policy.by_country.get(country, else_country)
            & ground.on_route.get(country, elsewhere)
            for country in (*policy.by_country, *ground.on_route)
        }
        return masks, ground.mask & else_country & elsewhere

    def outcome(self, mask: int) -> Outcome:
        """Return what a mask leads to; HOME and NOBODY lead to nothing."""
        if mask == HOME:
            return self._nothing(0, f"{self._ground.policy.country} is at home here")
        if mask == NOBODY:
            return self._nothing(0, "the directory tells nothing of this recipient")
        ground, policy = self._ground, self._ground.policy
        applied = policy.applied(mask) & ~ground.closed
        feed, asked = self._granted(applied)
        denied = self._covered(mask >> policy.count & policy.withholds)
        feed &= ~denied
        asked &= ~denied
        if not asked:
            return self._nothing(mask, None)
        owing = applied & policy.burdening
        owed = self._owed.get(owing)
        if owed is None:
            obligations = self._obligations(owing)
            owed = self._owed[owing] = obligations, self._bar(obligations)
        obligations, bar = owed
        if bar:
            return self._nothing(mask, bar)
        return Outcome(ground, mask, feed, asked, self._named(feed), self._named(asked), True, obligations, None)

    def _nothing(self, mask: int, bar: str | None) -> Outcome:
        return Outcome(self._ground, mask, 0, 0, frozenset(), frozenset(), False, None, bar)

    def _granted(self, applied: int) -> tuple[int, int]:
        """Return the groups that go into the feed, and those answered with (replicate implies query)."""
        policy = self._ground.policy
        feed = self._covered(applied & policy.replicates)
        return feed, feed | self._covered(applied & ~policy.replicates)

    def _covered(self, rules: int) -> int:
        """Join the groups of these rules."""
        covers, groups = self._ground.covers, 0
        while rules:
            lowest = rules & -rules
            groups |= covers[lowest.bit_length() - 1]
            rules ^= lowest
        return groups

    def _named(self, bits: int) -> frozenset[str]:
        names = self._names.get(bits)
        if names is None:
            every = enumerate(self._ground.names)
            names = self._names[bits] = frozenset([name for place, name in every if bits >> place & 1])
        return names

    def _obligations(self, owing: int) -> Obligations:
        """Join the floor and the terms of these rules."""
        ground = self._ground
        rules = [rule for place, rule in enumerate(ground.policy.policy.rules) if owing >> place & 1]
        terms = [rule.terms for rule in rules]
        receipt: int | None = None
        for term in terms:
            receipt = earlier(receipt, term.receipt_within)
        return Obligations(
            handling=strictest(ground.floor, *(term.handling for term in terms), self._kept(terms)),
            legal=tuple(sorted({name for rule in rules for name in rule.legal})),
            report_back=any(term.report_back for term in terms),
            receipt_within=receipt,
        )

    def _kept(self, terms: Sequence[Terms]) -> Handling:
        """Count the days of keeping to the end of the last, so that the outcomes of one day are equal."""
        days = min((term.keep_days for term in terms if term.keep_days is not None), default=None)
        if days is None:
            return Handling()
        begin = self._ground.now if self._ground.issued is None else self._ground.issued
        return Handling(keep_until=(begin // DAY + days + 1) * DAY)

    def _bar(self, obligations: Obligations) -> str | None:
        """Say why what was granted is of no use to anybody, if it is not."""
        purpose, allowed = self._ground.facts.purpose, obligations.purposes
        if allowed is not None and not allowed:
            return "the obligations leave no purpose in common"
        if allowed is not None and purpose is not None and purpose not in allowed:
            return f"the obligations do not allow the purpose {purpose}"
        if obligations.keep_until is not None and obligations.keep_until <= self._ground.now:
            return "its time of keeping is over"
        return None
