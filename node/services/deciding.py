"""What the policy says of one of our own stored records: for all recipients by classes, or for one.

The record's side is read from its stored disclosures; where a rule needs a second officer, what that officer approved
(`approvals`) bounds what the rule may give: an approval is for one version and one audience, and does not grow with the
policy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from federation.grants import Handling
from federation.policy import Classes, Outcome, classify, decide, decide_classes
from federation.records import get_schema
from node.services import bodies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Row

    from federation.attributes import Attributes, Recipient
    from federation.policy import CompiledPolicy

Audience = "Mapping[str, frozenset[str]]"


@dataclass(frozen=True, slots=True)
class Own:
    """A version of our own as the policy sees it."""

    row: Row[Any]
    attributes: Attributes
    index: Mapping[str, int]
    floor: Handling

    @property
    def iss(self) -> str:
        """The issuer: this node."""
        return str(self.row.iss)

    @property
    def rid(self) -> str:
        """The record's id."""
        return str(self.row.rid)

    @property
    def ver(self) -> int:
        """The version."""
        return int(self.row.ver)

    @property
    def jh(self) -> str:
        """The hash of its signed part."""
        return str(self.row.jh)

    @property
    def kind(self) -> str:
        """What it is: seizure, alert ..."""
        return str(self.row.kind)

    @property
    def width(self) -> int:
        """How many bits its masks have."""
        return int(self.row.width)


def read(row: Row[Any]) -> Own:
    """Read the record's side of a decision from a stored version."""
    groups, index = bodies.read_row(row)
    handling, floor = _handling(row.handling)
    return Own(row, get_schema(row.sch).attributes(groups, handling=handling), index, floor)


@lru_cache(maxsize=64)
def _handling(text: str) -> tuple[dict[str, Any], Handling]:
    """An administration puts the same floor on nearly all of its records."""
    handling = json.loads(text)
    return handling, Handling.from_json(handling)


def outcomes(
    own: Own, classes: Classes, *, now: int, approved: Mapping[str, frozenset[str]] | None
) -> tuple[list[tuple[Outcome, int]], dict[str, frozenset[str]]]:
    """Who may have what: outcomes with their recipients as bits of `classes`; and what waits for an approval.

    `approved` is what a second officer approved of this version, recipient by recipient; None for nothing. The second
    value has, for each recipient that a further approval would give more, all that it would then have.
    """
    plain = _decide(own, classes, now=now, second=False)
    if not classes.policy.needing_release:
        return plain, {}
    without = {bit: outcome for outcome, bits in plain for bit in bodies.bits(bits)}
    same: dict[tuple[Outcome, Outcome, frozenset[str]], Outcome] = {}
    found: dict[Outcome, int] = {}
    waiting: dict[str, frozenset[str]] = {}
    for released, bits in _decide(own, classes, now=now, second=True):
        for bit in bodies.bits(bits):
            name = classes.recipients[bit].id
            covered = (approved or {}).get(name, frozenset())
            key = (without[bit], released, covered)
            given = same.get(key)
            if given is None:
                given = same[key] = covered_by(*key)
            if given.query != released.query:
                waiting[name] = released.query
            found[given] = found.get(given, 0) | 1 << bit
    return list(found.items()), waiting


def covered_by(plain: Outcome, released: Outcome, covered: frozenset[str] | None) -> Outcome:
    """What counts: the outcome with a second release, as far as the approval covers what it adds to the plain one."""
    if released.query == plain.query or not covered:
        return plain
    may = plain.query | covered
    if released.query <= may:
        return released
    return released.narrowed(may) if covered & released.query else plain


def for_one(
    own: Own, recipient: Recipient, policy: CompiledPolicy, *, now: int, approved: Mapping[str, frozenset[str]] | None
) -> Outcome:
    """The outcome for one recipient."""
    ((outcome, _),) = outcomes(own, classify(policy, (recipient,)), now=now, approved=approved)[0]
    return outcome


def for_question(
    own: Own,
    recipient: Recipient,
    policy: CompiledPolicy,
    *,
    purpose: str,
    now: int,
    approved: Mapping[str, frozenset[str]] | None,
) -> Outcome:
    """The outcome for one recipient who asks for a purpose."""
    plain = _asked(own, recipient, policy, purpose=purpose, now=now, second=False)
    if not policy.needing_release:
        return plain
    released = _asked(own, recipient, policy, purpose=purpose, now=now, second=True)
    return covered_by(plain, released, (approved or {}).get(recipient.id))


def _asked(
    own: Own, recipient: Recipient, policy: CompiledPolicy, *, purpose: str, now: int, second: bool
) -> Outcome:  # fmt: skip
    return decide(
        record=own.attributes, recipient=recipient, policy=policy, now=now, purpose=purpose, floor=own.floor,
        issued=own.row.iat, second_release=second,
    ).outcome  # fmt: skip


def _decide(own: Own, classes: Classes, *, now: int, second: bool) -> list[tuple[Outcome, int]]:
    return decide_classes(
        record=own.attributes, classes=classes, now=now, floor=own.floor, issued=own.row.iat, second_release=second
    )
