"""What was decided for one recipient: groups, obligations, and the way to the reasons.

The stored form (`to_json`) names the rules that decided, and not the record or the recipient, so that equal
outcomes are stored once, under their content hash. It stays at home: a feed entry carries only
`Obligations.grant` and an id that leads back to the stored form.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crypto import b64, jcs
from federation.policy.explain import Expansion, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto.strictjson import JsonValue
    from federation.attributes import Recipient
    from federation.grants import Handling
    from federation.policy.ground import Ground
    from federation.policy.model import Rule


@dataclass(frozen=True, slots=True)
class Obligations:
    """What the recipient takes on: a handling never wider than the record's floor, and what goes with it."""

    handling: Handling
    legal: tuple[str, ...] = ()
    """Ids of the legal instruments, sorted."""
    report_back: bool = False
    receipt_within: int | None = None
    """Seconds."""

    @property
    def tlp(self) -> str:
        """The traffic light."""
        return self.handling.tlp

    @property
    def purposes(self) -> frozenset[str] | None:
        """The purposes allowed; None: not limited."""
        return self.handling.purposes

    @property
    def onward(self) -> str:
        """To whom it may be passed on: none, any-member, group:<id>@<version>."""
        return self.handling.onward

    @property
    def evidence(self) -> str:
        """Use as evidence: yes, ask, no."""
        return self.handling.evidence

    @property
    def keep_until(self) -> int | None:
        """The second from which on it must not be held."""
        return self.handling.keep_until

    @property
    def review_by(self) -> int | None:
        """The second by which somebody has to look whether it is still needed."""
        return self.handling.review_by

    def grant(self) -> dict[str, JsonValue]:
        """Return what travels in a feed entry (protocol page, section 5), all but the `gid`."""
        return {**self.handling.to_json(), "legal": list(self.legal)}

    def to_json(self) -> dict[str, JsonValue]:
        """Return the stored form."""
        value = self.grant()
        if self.report_back:
            value["report_back"] = True
        if self.receipt_within is not None:
            value["receipt_within"] = self.receipt_within
        return value


@dataclass(slots=True, eq=False)
class Outcome:
    """What one mask leads to: shared by all recipients of one evaluation who have that mask."""

    ground: Ground
    mask: int
    feed: int
    asked: int
    groups: frozenset[str]
    query: frozenset[str]
    hit: bool
    obligations: Obligations | None
    bar: str | None
    held_back: frozenset[str] = frozenset()
    """Groups that wait for a second officer's approval of this wider audience."""
    _hash: str | None = field(default=None)

    def narrowed(self, groups: frozenset[str]) -> Outcome:
        """Return the same outcome with no more than these groups: the others wait for an approval.

        The obligations stay as they are: those of all rules that applied, so never looser than of fewer.
        """
        held_back = self.query - groups
        bits = sum(1 << place for place, name in enumerate(self.ground.names) if name in groups)
        feed, asked = self.feed & bits, self.asked & bits
        obligations = self.obligations if asked else None
        return Outcome(
            self.ground, self.mask, feed, asked, self.groups & groups, self.query & groups,
            hit=bool(asked), obligations=obligations, bar=self.bar, held_back=held_back,
        )  # fmt: skip

    def stored(self) -> dict[str, JsonValue]:
        """Return the stored form, a new one each time."""
        policy, mask = self.ground.policy, self.mask
        applied = policy.applied(mask) & ~self.ground.closed
        possible = mask >> policy.count
        value: dict[str, JsonValue] = {
            "v": 1,
            "policy": policy.version,
            "country": policy.country,
            "groups": list(sorted(self.groups)),  # noqa: C413 - the type is invariant in its items
            "query": list(sorted(self.query)),  # noqa: C413
            "hit": self.hit,
            "granted_by": list(self._ids(applied)),
            "withheld_by": list(self._ids(possible & policy.withholds)),
            "undetermined": list(self._ids(possible & ~mask)),
        }
        if self.obligations is not None:
            value["obligations"] = self.obligations.to_json()
        onward = [rule for rule in self._relays(applied) if self.groups]
        if onward:
            value["relay_by"] = [rule.id for rule in onward]
        if self.ground.facts.purpose is not None:
            value["purpose"] = self.ground.facts.purpose
        if self.bar is not None:
            value["bar"] = self.bar
        if self.held_back:
            value["held_back"] = list(sorted(self.held_back))  # noqa: C413
        return value

    @property
    def undetermined(self) -> bool:
        """Whether some rule might have decided otherwise if more had been told."""
        if self.mask < 0:
            return False
        return bool(self.mask >> self.ground.policy.count & ~self.mask & self.ground.policy.ruled)

    def content_hash(self) -> str:
        """Return the hash of the stored form, made once."""
        if self._hash is None:
            self._hash = b64.encode(hashlib.sha256(jcs.profile_bytes(self.stored())).digest())
        return self._hash

    def _relays(self, bits: int) -> Iterator[Rule]:
        rules = self.ground.policy.policy.rules
        return (rule for place, rule in enumerate(rules) if bits >> place & 1 and rule.relay is not None)

    def _ids(self, bits: int) -> Iterator[str]:
        return (rule.id for place, rule in enumerate(self.ground.policy.policy.rules) if bits >> place & 1)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Decision:
    """What one recipient may have of one record version. Equal when recipient and stored form are."""

    who: Recipient
    outcome: Outcome

    @property
    def recipient(self) -> str:
        """The node's id."""
        return self.who.id

    @property
    def groups(self) -> frozenset[str]:
        """The groups that go into its feed."""
        return self.outcome.groups

    @property
    def query(self) -> frozenset[str]:
        """The groups that it gets when it asks: those of the feed, and those granted on request."""
        return self.outcome.query

    @property
    def hit(self) -> bool:
        """Whether it may learn that something is held."""
        return self.outcome.hit

    @property
    def obligations(self) -> Obligations | None:
        """What it takes on; None when nothing is granted."""
        return self.outcome.obligations

    @property
    def policy_version(self) -> int:
        """The version of the policy that decided."""
        return self.outcome.ground.policy.version

    def reasons(self) -> tuple[Reason, ...]:
        """One reason for each group of the record. For the node's own people: reasons never leave it."""
        return self._expansion().reasons()

    def hit_reason(self) -> Reason:
        """Why the recipient may learn that something is held, or may not."""
        return self._expansion().hit()

    def doubts(self) -> tuple[Reason, ...]:
        """Return why groups stay home only for want of something not told: what a preview warns of."""
        return tuple(reason for reason in self.reasons() if reason.verdict == "withheld" and reason.unknown)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the stored form: the outcome and the rules, without record and recipient."""
        return self.outcome.stored()

    def content_hash(self) -> str:
        """Base64url SHA-256 over the canonical stored form (RFC 8785)."""
        return self.outcome.content_hash()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return self.who.id == other.who.id and self.content_hash() == other.content_hash()

    def __hash__(self) -> int:
        return hash((self.who.id, self.content_hash()))

    def __repr__(self) -> str:
        groups, query = sorted(self.groups), sorted(self.query)
        return f"Decision({self.recipient!r}, {groups=}, {query=}, hit={self.hit})"

    def _expansion(self) -> Expansion:
        made = self.outcome
        return Expansion(made.ground, made.mask, made.feed, made.asked, made.bar, self.who)
