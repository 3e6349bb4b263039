"""What would change if a policy were activated, over any number of records, in bounded memory.

Two policies are compared by classes of recipients, record by record. All changes are counted, go into one digest, and
can be written out as they come; the first of them are kept to be shown. Two people who saw the same digest saw the
same list.

A warning is made where what was not told alone kept a group home: a mistake of the author or of the record looks like
that, and so does caution.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs
from federation.policy.decision import Decision
from federation.policy.diff import LEVELS, Change
from federation.policy.explain import HIT
from federation.policy.model import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from federation.policy.classes import Classes
    from federation.policy.decision import Outcome

KEPT: Final = 2_000
"""Changes that are kept to be shown; all are counted."""
DOUBTED: Final = 2_000
"""Records that are searched for withholding in doubt: to open a decision up again takes longer than to make it."""

Outcomes = "Sequence[tuple[Outcome, int]]"


@dataclass(slots=True)
class Preview:
    """The changes so far. Add records in one fixed order: the digest is of the list."""

    gained: list[Change] = field(default_factory=list)
    lost: list[Change] = field(default_factory=list)
    handling: list[tuple[str, str]] = field(default_factory=list)
    """(record, recipient) who keep groups under other obligations."""
    records: int = 0
    gains: int = 0
    losses: int = 0
    handlings: int = 0
    doubts: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)
    """(rule, what was not told) → records of which it kept something home, for that alone."""
    each: Callable[[Change], None] | None = None
    """Told every change, handling too (as the group `handling`)."""
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(
        self,
        rid: str,
        old: Sequence[tuple[Outcome, int]],
        new: Sequence[tuple[Outcome, int]],
        classes: Classes,
    ) -> None:
        """Compare the outcomes of one record under two policies, for the same recipients."""
        self.records += 1
        listed: list[Change] = []
        for before, had in old:
            for after, has in new:
                both = had & has
                if both:
                    listed += _changes(rid, before, after, classes.ids(both))
        if listed:
            listed.sort()
            self._hash.update(jcs.profile_bytes([list(one) for one in listed]))
            for one in listed:
                self._count(one)
        if self.records <= DOUBTED:
            self._doubt(new, classes)

    def digest(self) -> str:
        """The digest of all changes: base64url SHA-256, record by record, each in JCS."""
        return b64.encode(self._hash.copy().digest())

    def warnings(self) -> list[str]:
        """One sentence for each rule that kept something home only because something was not told."""
        return [
            f"rule {rule!r} would let more go of {count} records if they told {', '.join(unknown)}"
            for (rule, unknown), count in sorted(self.doubts.items(), key=lambda item: (-item[1], item[0]))
        ]

    def to_json(self) -> dict[str, Any]:
        """What is shown and kept: counts, the first changes, the digest and the warnings."""
        return {
            "records": self.records, "gains": self.gains, "losses": self.losses, "handlings": self.handlings,
            "gained": [change._asdict() for change in self.gained],
            "lost": [change._asdict() for change in self.lost],
            "handling": [{"rid": rid, "recipient": recipient} for rid, recipient in self.handling],
            "digest": self.digest(), "warnings": self.warnings(),
        }  # fmt: skip

    def _count(self, change: Change) -> None:
        if self.each is not None:
            self.each(change)
        if change.group == HANDLING:
            self.handlings += 1
            if len(self.handling) < KEPT:
                self.handling.append((change.rid, change.recipient))
        elif LEVELS.index(change.becomes) > LEVELS.index(change.was):
            self.gains += 1
            if len(self.gained) < KEPT:
                self.gained.append(change)
        else:
            self.losses += 1
            if len(self.lost) < KEPT:
                self.lost.append(change)

    def _doubt(self, new: Sequence[tuple[Outcome, int]], classes: Classes) -> None:
        found = set()
        for outcome, bits in new:
            if outcome.undetermined:
                who = classes.recipients[(bits & -bits).bit_length() - 1]
                found |= {(reason.rule, reason.unknown) for reason in Decision(who, outcome).doubts()}
        for key in found:
            self.doubts[key] = self.doubts.get(key, 0) + 1


HANDLING: Final = "handling"
"""In the place of a group: those that stay, under other obligations."""


def _changes(rid: str, before: Outcome, after: Outcome, recipients: Iterator[str]) -> list[Change]:
    levels = [
        (group, old, new)
        for group in before.query | after.query
        if (old := _level(before, group)) != (new := _level(after, group))
    ]
    if before.hit != after.hit:
        levels.append((HIT, Mode.HIT.value if before.hit else "", Mode.HIT.value if after.hit else ""))
    # Also where other groups are gained or lost: who approves has to see that what stays is kept longer, say.
    if before.obligations != after.obligations and (not levels or before.query & after.query):
        levels.append((HANDLING, "", ""))
    if not levels:
        return []
    return [Change(rid, name, *level) for name in recipients for level in levels]


def _level(outcome: Outcome, group: str) -> str:
    if group in outcome.groups:
        return Mode.REPLICATE.value
    return Mode.QUERY.value if group in outcome.query else ""
