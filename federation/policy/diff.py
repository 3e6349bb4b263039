"""What would change if a policy were activated: record by recipient by group, gained and lost.

Shown to the two people who stand behind a policy, before it decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from federation.policy.evaluate import decide_all
from federation.policy.explain import HIT
from federation.policy.model import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from federation.attributes import Attributes, Recipient
    from federation.policy.compile import CompiledPolicy
    from federation.policy.decision import Decision

LEVELS = ("", Mode.HIT.value, Mode.QUERY.value, Mode.REPLICATE.value)
"""How far something goes; "" is not at all."""


class Change(NamedTuple):
    """A group (or `hit`: that something is held) that goes further, or less far, than before."""

    rid: str
    recipient: str
    group: str
    was: str
    """"" (nothing), hit, query, replicate."""
    becomes: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that a new policy changes for the records looked at."""

    gained: tuple[Change, ...]
    lost: tuple[Change, ...]
    handling: tuple[tuple[str, str], ...]
    """(rid, recipient) who keep groups under other obligations."""

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.handling)


def diff(
    old: CompiledPolicy,
    new: CompiledPolicy,
    records: Iterable[tuple[str, Attributes]],
    recipients: Sequence[Recipient],
    now: int,
) -> Difference:
    """Compare two policies at `now` (seconds) over records given by their ids.

    No floor is passed, so that both sides are judged under the same strict one.
    """
    gained: list[Change] = []
    lost: list[Change] = []
    handling: list[tuple[str, str]] = []
    for rid, record in records:
        before = decide_all(record=record, recipients=recipients, policy=old, now=now)
        after = decide_all(record=record, recipients=recipients, policy=new, now=now)
        for was, becomes in zip(before, after, strict=True):
            changes = list(_changes(rid, was, becomes))
            gained += [item for item in changes if LEVELS.index(item.becomes) > LEVELS.index(item.was)]
            lost += [item for item in changes if LEVELS.index(item.becomes) < LEVELS.index(item.was)]
            if (not changes or was.query & becomes.query) and was.obligations != becomes.obligations:
                handling.append((rid, was.recipient))
    return Difference(tuple(gained), tuple(lost), tuple(handling))


def _changes(rid: str, was: Decision, becomes: Decision) -> Iterable[Change]:
    for group in sorted(was.query | becomes.query):
        if _level(was, group) != _level(becomes, group):
            yield Change(rid, was.recipient, group, _level(was, group), _level(becomes, group))
    if was.hit != becomes.hit:
        old, new = (Mode.HIT.value if decision.hit else "" for decision in (was, becomes))
        yield Change(rid, was.recipient, HIT, old, new)


def _level(decision: Decision, group: str) -> str:
    if group in decision.groups:
        return Mode.REPLICATE.value
    return Mode.QUERY.value if group in decision.query else ""
