"""Turn a policy into masks, once for each version of it.

A *mask* has three bits for each rule. Bit i says "every condition of rule i is true", bit n + i says "no
condition of rule i is false". So one integer carries the three-valued outcome of all rules, and two
integers are joined by `&`: the mask of a recipient, that of its country's place on the route, and that of
the record. A grant asks the lower bit, a withhold the upper. A third bit, 2n + i, says that the recipient is a
party to every instrument that grant i rests on and that names its parties.

Every entry of every table below is made by asking `conditions`, so that nothing here knows what a condition
means.

Trust: the policy is the node's own, as `load_policy` let it pass. A policy that was built by hand decides
safely too: an id in `legal` that no instrument has closes the grant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from federation.policy import conditions
from federation.policy.model import RECIPIENT_CONDITIONS, Effect, Mode, Policy, Rule, Terms, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from federation.attributes import Recipient
    from federation.policy.conditions import Truth

_NOBODY: Final = ""
"""A value that no policy can name: what the table says of everybody else."""


class Atom(NamedTuple):
    """One distinct condition, and what it leaves of a mask when it is not true."""

    name: str
    wanted: Wanted
    if_unknown: int
    if_false: int

    def leaves(self, truth: Truth, full: int) -> int:
        """Return the mask that this condition allows, given its truth."""
        if truth is None:
            return self.if_unknown
        return full if truth else self.if_false


class GroupSpec(NamedTuple):
    """The groups of a rule as written."""

    groups: frozenset[str]
    named_nominal: bool
    """Nominal groups count where they are named."""
    hit: bool
    """It is about the hit, and no groups."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPolicy:
    """A policy, ready to decide, made by `compile_policy` alone. Its masks are the evaluator's business."""

    policy: Policy
    count: int
    full: int
    grants: int
    """Rules that grant, those of them that replicate, and rules that withhold: one bit each."""
    replicates: int
    withholds: int
    burdening: int
    """Grants that put obligations on the recipient, or rest on an instrument."""
    naming: int
    """Grants that name the recipient by country or id: the only ones that count for a red record."""
    needing_release: int
    unfounded: int
    """Grants that rest on an instrument which the policy does not have."""
    relays: int
    """Grants that let a hub pass on what they grant it."""
    by_node: Mapping[str | None, int]
    by_country: Mapping[str | None, int]
    by_region: Mapping[str | None, int]
    else_node: int
    else_country: int
    else_region: int
    by_role: Mapping[str | None, int]
    by_group: Mapping[str | None, int]
    else_role: int
    else_group: int
    by_party: Mapping[str | None, int]
    """Country or node id → the mask of who is a party as that; empty where no instrument names parties."""
    no_party: int
    """The mask of those who are party to nothing."""
    relation_atoms: tuple[Atom, ...]
    record_atoms: tuple[Atom, ...]
    instruments: tuple[tuple[int, int | None, int | None], ...]
    """Grants that rest on it, first second, first second after."""
    embargo_until: tuple[tuple[int, int], ...]
    embargo_days: tuple[tuple[int, int], ...]
    """Grant, and when it opens."""
    specs: tuple[GroupSpec, ...]
    spec_of: tuple[int, ...]
    """Which of `specs` each rule has."""

    @property
    def version(self) -> int:
        """The version of the policy."""
        return self.policy.version

    @property
    def ruled(self) -> int:
        """One bit for each rule."""
        return (1 << self.count) - 1

    @property
    def country(self) -> str:
        """The node whose records it is about."""
        return self.policy.country

    def next_change(self, *, after: int) -> int | None:
        """Return the next second at which this policy decides otherwise by the clock alone, or None.

        An embargo that ends, an instrument that begins or expires. The ages of records and embargoes
        counted from their issue are not in it: they change with the day.
        """
        times = [time for _, time in self.embargo_until]
        times += [time for _, *ends in self.instruments for time in ends if time is not None]
        return min((time for time in times if time > after), default=None)

    def applied(self, mask: int) -> int:
        """Return the grants whose conditions a mask says are all true, for a party to what they rest on."""
        return mask & mask >> 2 * self.count & self.grants

    def recipient_mask(self, who: Recipient) -> int:
        """Return what the conditions on one recipient leave, its place on the route left out."""
        mask = self.class_mask(who.region, who.roles, who.groups)
        mask &= self.by_country.get(who.country, self.else_country) & self.by_node.get(who.id, self.else_node)
        if self.by_party:
            mask &= self.no_party | self.by_party.get(who.country, 0) | self.by_party.get(who.id, 0)
        return mask

    def class_mask(self, region: str | None, roles: frozenset[str], groups: frozenset[str]) -> int:
        """Return the mask of all members of this region with these roles in these named groups.

        A condition on roles or groups is true when one of them fits, so the masks of single ones are joined.
        """
        of_roles, of_groups = self.else_role, self.else_group
        for role in roles:
            of_roles |= self.by_role.get(role, 0)
        for group in groups:
            of_groups |= self.by_group.get(group, 0)
        return self.by_region.get(region, self.else_region) & of_roles & of_groups


def compile_policy(policy: Policy) -> CompiledPolicy:
    """Compile `policy`. Pure, and the only place where masks of recipients are made."""
    rules = policy.rules
    count = len(rules)
    full = (1 << 3 * count) - 1
    atoms = _atoms(rules, full)
    by_party, no_party = _parties(policy, full)
    recipient = {name: tuple(atom for atom in atoms if atom.name == name) for name in RECIPIENT_CONDITIONS}
    apart = {*RECIPIENT_CONDITIONS, "relation"}
    known = {instrument.id for instrument in policy.instruments}
    grants = _bits(rule.effect is Effect.GRANT for rule in rules)
    specs = list(dict.fromkeys(_spec(rule) for rule in rules))
    tables = {name: _table(name, recipient[name], full) for name in RECIPIENT_CONDITIONS}
    return CompiledPolicy(
        policy=policy,
        count=count,
        full=full,
        grants=grants,
        replicates=grants & _bits(rule.mode is Mode.REPLICATE for rule in rules),
        withholds=_bits(rule.effect is Effect.WITHHOLD for rule in rules),
        burdening=grants & _bits(rule.terms != Terms() or bool(rule.legal) for rule in rules),
        naming=grants & _bits(bool(rule.when.country or rule.when.node) for rule in rules),
        needing_release=grants & _bits(rule.needs_release for rule in rules),
        unfounded=grants & _bits(not known.issuperset(rule.legal) for rule in rules),
        relays=grants & _bits(rule.relay is not None for rule in rules),
        by_node=tables["node"],
        by_country=tables["country"],
        by_region=tables["region"],
        else_node=tables["node"][_NOBODY],
        else_country=tables["country"][_NOBODY],
        else_region=tables["region"][_NOBODY],
        by_role=tables["role"],
        by_group=tables["group"],
        else_role=tables["role"][_NOBODY],
        else_group=tables["group"][_NOBODY],
        by_party=by_party,
        no_party=no_party,
        relation_atoms=tuple(atom for atom in atoms if atom.name == "relation"),
        record_atoms=tuple(atom for atom in atoms if atom.name not in apart),
        instruments=tuple(
            (grants & _bits(item.id in rule.legal for rule in rules), item.opens, item.closes)
            for item in policy.instruments
        ),
        embargo_until=tuple(
            (grants & 1 << place, rule.embargo_until)
            for place, rule in enumerate(rules)
            if rule.embargo_until is not None
        ),
        embargo_days=tuple(
            (grants & 1 << place, rule.embargo_days)
            for place, rule in enumerate(rules)
            if rule.embargo_days is not None
        ),
        specs=tuple(specs),
        spec_of=tuple(specs.index(_spec(rule)) for rule in rules),
    )


def _atoms(rules: tuple[Rule, ...], full: int) -> list[Atom]:
    """Every distinct condition once, with the rules that ask it."""
    asked: dict[tuple[str, Wanted], int] = {}
    for place, rule in enumerate(rules):
        for condition in rule.when.stated():
            asked[condition] = asked.get(condition, 0) | 1 << place
    count = len(rules)
    return [Atom(name, wanted, full & ~bits, full & ~(bits | bits << count)) for (name, wanted), bits in asked.items()]


def _table(name: str, atoms: tuple[Atom, ...], full: int) -> Mapping[str | None, int]:
    """Make the masks of each value that a condition names, of "not told" (None), and of everybody else."""
    values: set[str | None] = {None, _NOBODY}
    for atom in atoms:
        words = cast("frozenset[str]", atom.wanted)
        values |= words
    table: dict[str | None, int] = {}
    for value in values:
        table[value] = full
        for atom in atoms:
            told = frozenset({value}) if name in conditions.SETS else value
            words = cast("frozenset[str]", atom.wanted)
            table[value] &= atom.leaves(conditions.of_recipient(name, words, told), full)
    return table


def _parties(policy: Policy, full: int) -> tuple[Mapping[str | None, int], int]:
    """Make the masks of the parties to instruments, and of everybody else.

    An instrument that names parties is the right to share among them, so a grant that rests on it is theirs alone. An
    administration is a party by its country or by its own id.
    """
    count = len(policy.rules)
    named = {item.id: frozenset(item.parties) for item in policy.instruments if item.parties}
    needed = [[named[item] for item in rule.legal if item in named] for rule in policy.rules]
    barred = _bits(bool(parties) for parties in needed)
    if not barred:
        return {}, full
    table: dict[str | None, int] = {}
    for who in frozenset().union(*(parties for every in needed for parties in every)):
        table[who] = _bits(bool(every) and all(who in parties for parties in every) for every in needed) << 2 * count
    return table, full & ~(barred << 2 * count)


def _spec(rule: Rule) -> GroupSpec:
    """Let a withhold reach nominal groups always, and a grant only with a legal basis."""
    withholds = rule.effect is Effect.WITHHOLD
    return GroupSpec(rule.groups, withholds or bool(rule.legal), not withholds and rule.mode is Mode.HIT)


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << place for place, flag in enumerate(flags) if flag)
