"""What may be done with a record that came from somebody else.

`Handling` is what binds its holder: the floor `h` that the originator signed into the record, the grant of
the feed entry that it came by, the relay grant, and every later `tighten`. `strictest` joins any number of
them; the store keeps the result with the record. `may` is the one question that view, search hit, export,
relay, statistics and bundle ask before they touch it.

How two handlings are joined, member by member:

    tlp         the higher of clear < green < amber < amber+strict < red
    purposes    what both allow; nothing in common leaves the record usable for nothing
    onward      any-member > group:<id>@<version> > none; two different groups have no safe common part: none
    evidence    yes > ask > no
    keep_until, review_by    the earlier

Left to others: who is asking (officers and their rights are the node's), and logging the answer.
Trust: a handling is the sender's word, checked for form here. A false one can bind us too tightly, and cannot
loosen what the originator signed, because joining never loosens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto.strictjson import JsonValue
    from federation.attributes import Recipient

TLP: Final = ("clear", "green", "amber", "amber+strict", "red")
"""Traffic Light Protocol 2.0, the widest first."""
EVIDENCE: Final = ("yes", "ask", "no")
"""May it be used as evidence: yes; after asking the originator; no. The widest first."""
ANY_MEMBER: Final = "any-member"
NO_ONWARD: Final = "none"
EVIDENCE_PURPOSE: Final = "evidence"
"""The purpose that needs the originator's yes beside being listed."""
STATISTICS_PURPOSE: Final = "statistics"
"""The purpose of counting: nobody states it, the action implies it."""

PURPOSE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
ONWARD: Final = re.compile(r"any-member|none|group:[A-Za-z0-9][A-Za-z0-9._-]{0,63}@[1-9][0-9]{0,8}")
MAX_PURPOSES: Final = 64
MAX_TIME: Final = 253_402_300_799
"""The last second of the year 9999."""

_TLP_RANK: Final = {word: rank for rank, word in enumerate(TLP)}
_EVIDENCE_RANK: Final = {word: rank for rank, word in enumerate(EVIDENCE)}


class HandlingRefused(ValueError):  # noqa: N818 - the name is the sentence
    """A handling that is not of the agreed form. Its text names the member and never repeats its value."""


class Action(StrEnum):
    """What somebody wants to do with a record that is held."""

    VIEW = "view"
    SEARCH = "search"
    EXPORT = "export"
    RELAY = "relay"
    STATISTICS = "statistics"
    BUNDLE = "bundle"


_LEAVES_THE_NODE: Final = frozenset({Action.RELAY, Action.BUNDLE})
"""Actions that hand the record to another node, so that `onward` decides."""
_NEEDS_PURPOSE: Final = frozenset({Action.EXPORT, Action.RELAY, Action.BUNDLE})
"""Actions whose purpose must be stated where purposes are limited; a view or a search hit comes without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What binds the holder of a record. The defaults bind least: they are neutral when joined."""

    tlp: str = "clear"
    purposes: frozenset[str] | None = None
    """None: not limited. Empty: nothing is allowed."""
    onward: str = ANY_MEMBER
    evidence: str = "yes"
    keep_until: int | None = None
    """Second from which on it must not be held any more."""
    review_by: int | None = None
    """Second by which somebody has to look whether it is still needed."""

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> Handling:
        """Read the `h` of a record or the `grant` of a leaf; raise `HandlingRefused`.

        `tlp` must be there. An absent `onward` is none and an absent `evidence` is ask, because what was not
        said was not allowed; absent `purposes` are not limited. Members that this version does not know are
        ignored.

        >>> Handling.from_json({"tlp": "green", "onward": "any-member"}).evidence
        'ask'
        """
        return cls(
            tlp=_word(value, "tlp", _TLP_RANK, default=None),
            purposes=_purposes(value),
            onward=_onward(value),
            evidence=_word(value, "evidence", _EVIDENCE_RANK, default="ask"),
            keep_until=_time(value, "keep_until"),
            review_by=_time(value, "review_by"),
        )

    def to_json(self) -> dict[str, JsonValue]:
        """Return the members as they travel; what does not limit is left out.

        >>> Handling(tlp="amber", purposes=frozenset({"b", "a"}), onward="none").to_json()
        {'tlp': 'amber', 'purposes': ['a', 'b'], 'onward': 'none', 'evidence': 'yes'}
        """
        value: dict[str, JsonValue] = {"tlp": self.tlp}
        if self.purposes is not None:
            value["purposes"] = list(sorted(self.purposes))  # noqa: C413 - the type is invariant in its items
        value["onward"] = self.onward
        value["evidence"] = self.evidence
        if self.keep_until is not None:
            value["keep_until"] = self.keep_until
        if self.review_by is not None:
            value["review_by"] = self.review_by
        return value


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an action is allowed, and the sentence that says why not (or why)."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed


def strictest(first: Handling, *others: Handling) -> Handling:
    """Join handlings: whatever any of them forbids is forbidden. Order and repetition do not matter.

    >>> strictest(Handling(onward="group:east@2"), Handling(tlp="red")).onward
    'group:east@2'
    """
    if not others:
        return first
    tlp, purposes, onward, evidence = first.tlp, first.purposes, first.onward, first.evidence
    keep_until, review_by = first.keep_until, first.review_by
    for other in others:
        if tlp_rank(other.tlp) > tlp_rank(tlp):
            tlp = other.tlp
        if other.purposes is not None:
            purposes = other.purposes if purposes is None else purposes & other.purposes
        if onward != other.onward:
            onward = _narrower(onward, other.onward)
        if _EVIDENCE_RANK[other.evidence] > _EVIDENCE_RANK[evidence]:
            evidence = other.evidence
        keep_until = earlier(keep_until, other.keep_until)
        review_by = earlier(review_by, other.review_by)
    return Handling(
        tlp=tlp,
        purposes=purposes,
        onward=onward,
        evidence=evidence,
        keep_until=keep_until,
        review_by=review_by,
    )


def may(
    handling: Handling,
    action: Action | str,
    purpose: str | None = None,
    *,
    now: int,
    to: Recipient | None = None,
) -> Verdict:
    """Say whether `action` is allowed on a record under `handling`, for `purpose`, at `now` (seconds).

    `to` is who would get it by relay or bundle; without it these two are refused. An unknown action raises
    `ValueError`: a misspelt guard must not pass.

    >>> may(Handling(onward="none"), "export", now=0).allowed
    True
    >>> may(Handling(purposes=frozenset({"risk-analysis"})), "export", "evidence", now=0).reason
    'the originator does not allow the purpose evidence'
    """
    action = Action(action)
    # 1. Time: what should be gone already is used for nothing.
    if handling.keep_until is not None and now >= handling.keep_until:
        return Verdict(False, "its time of keeping is over")
    # 2. Purpose.
    refusal = _purpose_refusal(handling, action, purpose)
    if refusal:
        return Verdict(False, refusal)
    # 3. Traffic light: red is for the eyes of those it was sent to, amber+strict for their organisation.
    if handling.tlp == "red" and action not in {Action.VIEW, Action.SEARCH}:
        return Verdict(False, f"TLP red does not allow {action}")
    if action not in _LEAVES_THE_NODE:
        return Verdict(True, "allowed by its handling")
    if tlp_rank(handling.tlp) >= tlp_rank("amber+strict"):
        return Verdict(False, f"TLP {handling.tlp} does not leave the organisation")
    # 4. Onward.
    return _may_pass_on(handling.onward, to)


def tlp_rank(word: str) -> int:
    """Return the place of a TLP word, clear 0 to red 4. A word that nobody knows counts as red.

    >>> tlp_rank("green") < tlp_rank("pink") == tlp_rank("red")
    True
    """
    return _TLP_RANK.get(word, _TLP_RANK["red"])


def earlier(one: int | None, other: int | None) -> int | None:
    """Return the earlier of two times, where None is never."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _purpose_refusal(handling: Handling, action: Action, purpose: str | None) -> str | None:
    if purpose is None and action is Action.STATISTICS:
        purpose = STATISTICS_PURPOSE
    allowed = handling.purposes
    if allowed is not None and not allowed:
        return "its obligations have no purpose in common: it may be used for nothing"
    if allowed is not None and purpose is None and action in _NEEDS_PURPOSE:
        return f"{action} needs a stated purpose: {', '.join(sorted(allowed))}"
    if allowed is not None and purpose is not None and purpose not in allowed:
        return f"the originator does not allow the purpose {purpose}"
    if purpose == EVIDENCE_PURPOSE and handling.evidence != "yes":
        return "evidence use: " + ("ask the originator first" if handling.evidence == "ask" else "not allowed")
    return None


def _narrower(one: str, other: str) -> str:
    if one == ANY_MEMBER:
        return other
    if other == ANY_MEMBER:
        return one
    return NO_ONWARD


def _may_pass_on(onward: str, to: Recipient | None) -> Verdict:
    if onward == NO_ONWARD:
        return Verdict(False, "the originator does not allow passing it on")
    if to is None:
        return Verdict(False, "say to whom it would be passed on")
    if onward == ANY_MEMBER:
        return Verdict(True, "the originator allows passing it on to any member")
    group = onward.removeprefix("group:")
    if group in to.groups:
        return Verdict(True, f"{to.id} is in the group {group}")
    return Verdict(False, f"{to.id} is not in the group {group}")


def _word(value: Mapping[str, JsonValue], name: str, ranks: Mapping[str, int], *, default: str | None) -> str:
    word = value.get(name, default)
    if not isinstance(word, str) or word not in ranks:
        raise HandlingRefused(f"{name} is not one of {', '.join(ranks)}")
    return word


def _purposes(value: Mapping[str, JsonValue]) -> frozenset[str] | None:
    if "purposes" not in value:
        return None
    listed = value["purposes"]
    if not isinstance(listed, list | tuple) or len(listed) > MAX_PURPOSES:
        raise HandlingRefused(f"purposes is not a list of at most {MAX_PURPOSES} words")
    words = frozenset(word for word in listed if isinstance(word, str) and PURPOSE.fullmatch(word))
    if len(words) != len(listed):
        raise HandlingRefused("purposes holds something that is no purpose (lower case, digits, - and _), or one twice")
    return words


def _onward(value: Mapping[str, JsonValue]) -> str:
    onward = value.get("onward", NO_ONWARD)
    if not isinstance(onward, str) or not ONWARD.fullmatch(onward):
        raise HandlingRefused("onward is not none, any-member or group:<id>@<version>")
    return onward


def _time(value: Mapping[str, JsonValue], name: str) -> int | None:
    if name not in value:
        return None
    time = value[name]
    if isinstance(time, str):
        try:
            day = date.fromisoformat(time)
        except ValueError:
            raise HandlingRefused(f"{name} is neither a time in seconds nor a date YYYY-MM-DD") from None
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    if not isinstance(time, int) or isinstance(time, bool) or not 0 <= time <= MAX_TIME:
        raise HandlingRefused(f"{name} is not a time in seconds from 0 to {MAX_TIME}")
    return time
