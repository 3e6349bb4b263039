"""Decide for many recipients by classes: those whom a policy cannot tell apart share one decision.

What the conditions on a recipient leave of the masks is worked out once for a policy and its recipients; recipients
with the same mask are one class. A record then costs one step a class, and one for each country on its route, however
many recipients there are. Recipients are bits here: bit i is the i-th of `Classes.recipients`.

The outcomes are those of `decide_all`, by the same evaluation; a test holds the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from federation.policy.evaluate import HOME, NOBODY, Evaluation
from federation.policy.ground import DAY, prepare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from federation.attributes import Attributes, Recipient
    from federation.grants import Handling
    from federation.policy.compile import CompiledPolicy
    from federation.policy.decision import Obligations, Outcome


MAX_OWED: Final = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """The recipients of one policy, those that it cannot tell apart together. Made by `classify`."""

    policy: CompiledPolicy
    recipients: tuple[Recipient, ...]
    members: tuple[tuple[int, bool, int], ...]
    """Mask without the record's side, whether they belong to a country, and who they are."""
    of_country: Mapping[str | None, tuple[tuple[int, int], ...]]
    """Country → (mask, who): a record's route may set them apart from their class."""
    owed: dict[tuple[Handling, int, int | None], dict[int, tuple[Obligations, str | None]]] = field(
        default_factory=dict
    )
    """Obligations that were worked out, by what they depend on beside the rules: most records of a day share them."""

    def ids(self, bits: int) -> Iterator[str]:
        """The ids of these recipients, in their order."""
        while bits:
            low = bits & -bits
            yield self.recipients[low.bit_length() - 1].id
            bits ^= low

    def bits(self, ids: Iterable[str]) -> int:
        """These recipients as bits; an id that is none of them is left out."""
        places = {who.id: place for place, who in enumerate(self.recipients)}
        return sum(1 << places[name] for name in set(ids) if name in places)


def classify(policy: CompiledPolicy, recipients: Sequence[Recipient]) -> Classes:
    """Work out the recipient side of a policy, once for many records."""
    members: dict[tuple[int, bool], int] = {}
    of_country: dict[str | None, dict[int, int]] = {}
    for place, who in enumerate(recipients):
        mask = policy.recipient_mask(who)
        if policy.country in {who.country, who.id}:
            mask = HOME
        elif who.country is None and not any((who.region, who.roles, who.groups)):
            mask = NOBODY
        key = (mask, who.country is not None)
        members[key] = members.get(key, 0) | 1 << place
        if who.country is not None:
            masks = of_country.setdefault(who.country, {})
            masks[mask] = masks.get(mask, 0) | 1 << place
    return Classes(
        policy=policy,
        recipients=tuple(recipients),
        members=tuple((mask, somewhere, bits) for (mask, somewhere), bits in members.items()),
        of_country={country: tuple(masks.items()) for country, masks in of_country.items()},
    )


def decide_classes(
    *,
    record: Attributes,
    classes: Classes,
    now: int,
    floor: Handling | None = None,
    issued: int | None = None,
    second_release: bool = False,
) -> list[tuple[Outcome, int]]:
    """Decide for all recipients of `classes`: each distinct outcome once, with whom it is for. As `decide_all`."""
    ground = prepare(
        record=record,
        policy=classes.policy,
        now=now,
        purpose=None,
        floor=floor,
        issued=issued,
        second_release=second_release,
    )
    who: dict[int, int] = {}
    apart = 0
    for country, relation in ground.on_route.items():
        beside = ground.mask & relation
        for mask, bits in classes.of_country.get(country, ()):
            found = mask & beside if mask >= 0 else mask
            who[found] = who.get(found, 0) | bits
            apart |= bits
    elsewhere, nowhere = ground.mask & ground.elsewhere, ground.mask & ground.on_route[None]
    for mask, somewhere, bits in classes.members:
        left = bits & ~apart
        if left:
            found = mask & (elsewhere if somewhere else nowhere) if mask >= 0 else mask
            who[found] = who.get(found, 0) | left
    if len(classes.owed) > MAX_OWED:
        classes.owed.clear()
    key = (ground.floor, now, None if issued is None else issued // DAY)
    evaluation = Evaluation(ground, classes.owed.setdefault(key, {}))
    return [(evaluation.outcome(mask), bits) for mask, bits in who.items()]
