"""To whom a hub may pass on what a decision gives it: what the originator's relay grants will say.

A rule with `relay` counts for a recipient with the role `rilo`, as far as the rule's groups go into its feed. A
withholding rule that reaches somebody directly reaches it through the hub as well: whoever would be denied a group is
left out, by naming the others. No group goes to anybody because a member that a rule closes is a member of a group.

Left to others: signing (`federation.relay`), and whether the handling lets anything be passed on (`federation.grants`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from federation.policy.decision import Decision, Outcome

HUB_ROLE: Final = "rilo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """One relay grant to be: these groups, to everybody in `group` (and, where named, only to `nodes` of it)."""

    group: str | None
    """`id@version`, or None where nodes alone are named."""
    nodes: frozenset[str] | None
    """None: everybody in the group."""
    groups: frozenset[str]
    days: int


def relayed(
    hub: Decision, everybody: Mapping[str, Decision], members_of: Callable[[str], frozenset[str]]
) -> tuple[Relayed, ...]:
    """Return what `hub` may pass on of one record version; nothing for who is no hub, or is not let.

    `everybody` are the decisions of the same call by node, the hub's among them; `members_of` tells who is in a group
    named `id@version`.
    """
    outcome = hub.outcome
    policy, ground = outcome.ground.policy, outcome.ground
    applied = (
        policy.applied(outcome.mask) & policy.relays & ~ground.closed
        if outcome.feed and HUB_ROLE in hub.who.roles
        else 0
    )
    wanted: dict[frozenset[str], tuple[int, int]] = {}
    for place, rule in enumerate(policy.policy.rules):
        if applied >> place & 1 and rule.relay is not None:
            groups, days = wanted.get(rule.relay.to, (0, rule.relay.days))
            wanted[rule.relay.to] = (groups | ground.covers[place] & outcome.feed, min(days, rule.relay.days))
    found: list[Relayed] = []
    for to, (groups, days) in sorted(wanted.items(), key=lambda item: sorted(item[0])):
        name = next((word.removeprefix("group:") for word in to if word.startswith("group:")), None)
        listed = (to if name is None else members_of(name)) - {hub.recipient, policy.country}
        found += _clauses(name, listed, groups, days, everybody, outcome)
    return tuple(found)


def _clauses(  # noqa: PLR0917 - one call
    name: str | None, listed: frozenset[str], groups: int, days: int, everybody: Mapping[str, Decision], hub: Outcome
) -> list[Relayed]:
    """One clause for all who may have the same; the whole group is named only where nobody in it is denied anything."""
    allowed: dict[int, set[str]] = {}
    for node in listed & everybody.keys():
        allowed.setdefault(groups & ~_denied(everybody[node].outcome), set()).add(node)
    whole = name is not None and set(allowed) == {groups} and allowed[groups] == listed
    return [
        Relayed(group=name, nodes=None if whole else frozenset(nodes), groups=_named(hub, bits), days=days)
        for bits, nodes in sorted(allowed.items())
        if bits
    ]


def _denied(outcome: Outcome) -> int:
    """The groups that withholding rules keep from a recipient, whatever else it is granted."""
    policy = outcome.ground.policy
    rules = outcome.mask >> policy.count & policy.withholds
    groups = 0
    for place, covered in enumerate(outcome.ground.covers):
        if rules >> place & 1:
            groups |= covered
    return groups


def _named(outcome: Outcome, bits: int) -> frozenset[str]:
    return frozenset(name for place, name in enumerate(outcome.ground.names) if bits >> place & 1)
