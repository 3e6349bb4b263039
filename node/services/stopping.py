"""A recall takes effect here: use stops at once, the content is erased later, and what is void is undone.

`entomb` stops every version of a record in the transaction that takes the tombstone in; bodies in quarantine go at
once. The content is erased when the time of grace is over (`erase_due`), or when a second officer of this node confirms
it (`confirm`). The effect `erase` is erased at once if the tombstone came in its originator's own feed: then two keys
of the originator have signed it, the record key and, by the checkpoint, the log key. By another road, and beyond
`AT_ONCE` an hour, it waits like the others.

More recalls of one originator in an hour than `RecallRules.limit` are held: the records stay in use, the receipt says
`recall-held`, and a person approves or refuses. `void` undoes recalls whose key was revoked since before they came.

Trust: a tombstone is its originator's word once it verifies. Whoever holds a stolen record key can stop what `limit`
allows, and can erase nothing before the grace is over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from federation.envelope import reopen_record
from federation.errors import NotFound, ProblemType
from federation.records import get_schema
from federation.revocation import is_void, revoked_record_keys
from node.services import bodies, erasing, indexing, keeping
from node.storage import holds, quarantine, recalls, records, remarks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from federation.directory import Directory
    from federation.envelope import VerifiedRecord

DAY: Final = 86_400
HOUR: Final = 3_600
DEFAULT_LIMIT: Final = 100
DEFAULT_GRACE: Final = 7 * DAY
AT_ONCE: Final = 10
"""Recalls of one originator in an hour that are erased the moment they come: a court's order, not a mistake's reach."""
BATCH: Final = 200
"""Records erased in one transaction: officers do not wait long for the lock."""

log: Final = structlog.get_logger("tidewaiter.recalls")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRules:
    """What this node does with recalls of others."""

    limit: int = DEFAULT_LIMIT
    """Recalls of one originator in an hour that take effect without a person."""
    grace: int = DEFAULT_GRACE
    """Seconds from the stop of use to the erasure."""


@dataclass(slots=True)
class HourlyRoom:
    """`federation.ports.Room` inside a transaction: what took effect in the last hour counts."""

    connection: Connection
    rules: RecallRules
    now: int
    _left: dict[str, int] = field(default_factory=dict)

    def take(self, iss: str, rid: str) -> bool:
        """Whether a recall may take effect now. One that waits for a person, or was refused by one, goes on to."""
        known = recalls.get(self.connection, iss, rid)
        if known is not None and known.state in {recalls.HELD, recalls.REFUSED}:
            return False
        if iss not in self._left:
            self._left[iss] = self.rules.limit - recalls.recent(self.connection, iss, since=self.now - HOUR)
        if self._left[iss] <= 0:
            return False
        self._left[iss] -= 1
        return True


def entomb(
    connection: Connection, tombstone: VerifiedRecord, *, came_by: str, rules: RecallRules, now: int,
    by: str | None = None, second: str | None = None, decided_by: str | None = None,
) -> bool:  # fmt: skip
    """Stop the use of a record, and erase it now or later. True if this changed anything.

    A second tombstone of the same record changes nothing, but for one that asks for erasure while the content is here.
    If another key signed it, it is kept: the recall stands by it should the first key turn out to be stolen (`void`).
    `by` and `second` are the officers of an own recall, `decided_by` who approved one that was held.
    """
    iss, rid, tomb = tombstone.iss, tombstone.rid, dict(tombstone.tomb or {})
    known = recalls.get(connection, iss, rid)
    at_once = tomb["effect"] == "erase" and came_by == iss
    at_once = at_once and recalls.erased_at_once(connection, iss, since=now - HOUR) < AT_ONCE
    if known is not None and known.state in recalls.IN_FORCE:
        if at_once and known.state == recalls.STOPPED and tomb["effect"] != known.effect:
            recalls.change(
                connection, iss, rid, ver=tombstone.ver, jh=tombstone.jh, kid=tombstone.kid, jwt=tombstone.jwt,
                effect=tomb["effect"], second_by=second or known.second_by,
            )  # fmt: skip
            recalls.exhume(connection, iss, rid)
            records.bury(connection, iss=iss, rid=rid, ver=tombstone.ver, jwt=tombstone.jwt, now=now)
            _erase(connection, iss, rid, now=now)
            return True
        _keep_another(connection, known, tombstone, came_by=came_by, now=now)
        return False
    keeping.tell_of_withdrawal(connection, iss, rid, keeping.RECALLED, now)
    before = _stop(connection, iss, rid)
    said = _stop_remarks(connection, iss, rid)
    erasing.spare_quarantined(connection, quarantine.bodies(connection, iss, rid))
    quarantine.erase(connection, iss, rid)
    records.bury(connection, iss=iss, rid=rid, ver=tombstone.ver, jwt=tombstone.jwt, now=now)
    ref = tomb.get("ref")
    recalls.put(
        connection, iss=iss, rid=rid, ver=tombstone.ver, jh=tombstone.jh, kid=tombstone.kid, jwt=tombstone.jwt,
        reason=tomb["reason"], effect=tomb["effect"], ref=None if ref is None else json.dumps(ref), came_by=came_by,
        state=recalls.STOPPED, before=json.dumps(before | said), at=now, due=now + rules.grace, by=by, second_by=second,
        decided_by=decided_by, decided_at=None if decided_by is None else now,
    )  # fmt: skip
    if at_once or not before:  # of what never came there is nothing to wait for
        _erase(connection, iss, rid, now=now)
    return True


def learn(connection: Connection, tombstone: VerifiedRecord, *, now: int) -> None:
    """Know again of an own recall that this node had lost, and whose content is gone; it is offered again to all."""
    tomb = dict(tombstone.tomb or {})
    ref = tomb.get("ref")
    recalls.put(
        connection, iss=tombstone.iss, rid=tombstone.rid, ver=tombstone.ver, jh=tombstone.jh, kid=tombstone.kid,
        jwt=tombstone.jwt, reason=tomb["reason"], effect=tomb["effect"],
        ref=None if ref is None else json.dumps(ref), came_by=tombstone.iss, state=recalls.ERASED, before="{}", at=now,
        erased_at=now,
    )  # fmt: skip


def hold(connection: Connection, tombstone: VerifiedRecord, *, came_by: str, now: int) -> None:
    """Keep a recall that waits for a person; the record stays in use and is marked by it."""
    known = recalls.get(connection, tombstone.iss, tombstone.rid)
    if known is not None and known.state != recalls.VOID:
        _keep_another(connection, known, tombstone, came_by=came_by, now=now)
        return
    tomb = dict(tombstone.tomb or {})
    ref = tomb.get("ref")
    recalls.put(
        connection, iss=tombstone.iss, rid=tombstone.rid, ver=tombstone.ver, jh=tombstone.jh, kid=tombstone.kid,
        jwt=tombstone.jwt, reason=tomb["reason"], effect=tomb["effect"],
        ref=None if ref is None else json.dumps(ref), came_by=came_by, state=recalls.HELD, before="{}", at=now,
    )  # fmt: skip


def confirm(connection: Connection, iss: str, rid: str, *, by: str, now: int) -> Row[Any]:
    """A second officer of this node confirms a recall: erased now. Raises `NotFound` where nothing waits for it."""
    row = recalls.get(connection, iss, rid)
    if row is None or row.state not in {recalls.STOPPED, recalls.KEPT}:
        raise NotFound("no stopped record of this id waits for its erasure")
    recalls.change(connection, iss, rid, decided_by=by, decided_at=now)
    _erase(connection, iss, rid, now=now)
    return row


def refuse(connection: Connection, iss: str, rid: str, *, by: str, now: int) -> Row[Any]:
    """A person refuses a recall that was held: the record stays in use, and the receipt says so."""
    row = held(connection, iss, rid)
    recalls.change(connection, iss, rid, state=recalls.REFUSED, decided_by=by, decided_at=now)
    quarantine.reword(
        connection, iss, rid, before=ProblemType.RECALL_HELD, after=ProblemType.RECALL_REFUSED,
        detail="an officer refused the recall", now=now,
    )  # fmt: skip
    return row


def held(connection: Connection, iss: str, rid: str) -> Row[Any]:
    """A recall that waits for a person, or that one has refused; raises `NotFound`."""
    row = recalls.get(connection, iss, rid)
    if row is None or row.state not in {recalls.HELD, recalls.REFUSED}:
        raise NotFound("no recall of this record waits for a decision")
    return row


def erase_due(connection: Connection, *, now: int, limit: int = BATCH) -> list[tuple[str, str]]:
    """Erase what was stopped and whose grace is over; returns (iss, rid) of what is erased by now.

    What a legal hold spares is out of use and out of every place that is read, and is called erased once the hold ends.
    """
    waiting = recalls.due(connection, now=now, limit=limit)
    return [(row.iss, row.rid) for row in waiting if _erase(connection, row.iss, row.rid, now=now)]


def void(connection: Connection, *, directory: Directory, node: str, now: int) -> list[tuple[str, str]]:
    """Undo recalls that came after their key is said to have been stolen; returns (iss, rid) of each.

    A recall that stands by another tombstone, under a sound key, is none of them. What was stopped and is still here
    comes back into use. What was erased stays erased: its originator has to offer it again. Own recalls are left: this
    node's officers know what they did, and sign again with the new key (`reissuing`).
    """
    undone = []
    revoked = [key.kid for key in revoked_record_keys(directory) if key.node != node]
    for row in recalls.by_keys(connection, revoked):
        if not is_void(row.kid, row.at, directory):
            continue
        if _stands_by_another(connection, row, directory):
            continue
        if row.state in recalls.IN_FORCE:
            recalls.exhume(connection, row.iss, row.rid)
        if row.state == recalls.STOPPED:
            _restore(connection, row)
        recalls.change(connection, row.iss, row.rid, state=recalls.VOID, decided_at=now, due=None)
        quarantine.reword(
            connection, row.iss, row.rid, before=ProblemType.RECALL_HELD, after=ProblemType.REVOKED_KEY,
            detail="the key of this recall was revoked", now=now,
        )  # fmt: skip
        undone.append((row.iss, row.rid))
    if undone:
        log.error("recalls void", problem=str(ProblemType.REVOKED_KEY), count=len(undone))
    return undone


def _keep_another(
    connection: Connection, known: Row[Any], tombstone: VerifiedRecord, *, came_by: str, now: int
) -> None:
    """Keep a further tombstone of a record, if another key signed it than the one that is known."""
    if tombstone.kid != known.kid:
        recalls.keep_another(
            connection, iss=tombstone.iss, rid=tombstone.rid, kid=tombstone.kid, ver=tombstone.ver, jh=tombstone.jh,
            jwt=tombstone.jwt, came_by=came_by, at=now,
        )  # fmt: skip


def _stands_by_another(connection: Connection, row: Row[Any], directory: Directory) -> bool:
    """Put another tombstone of the record, that is not void, in the place of one that is; what was done stays done."""
    for other in recalls.others(connection, row.iss, row.rid):
        if is_void(other.kid, other.at, directory):
            continue
        tomb = dict(reopen_record(other.jwt, []).tomb or {})
        ref = tomb.get("ref")
        recalls.change(
            connection, row.iss, row.rid, ver=other.ver, jh=other.jh, kid=other.kid, jwt=other.jwt,
            reason=tomb["reason"], effect=tomb["effect"], ref=None if ref is None else json.dumps(ref),
            came_by=other.came_by, at=other.at,
        )  # fmt: skip
        if row.state in recalls.IN_FORCE:
            recalls.exhume(connection, row.iss, row.rid)
            records.bury(connection, iss=row.iss, rid=row.rid, ver=other.ver, jwt=other.jwt, now=other.at)
        return True
    return False


def touched(connection: Connection, keys: Sequence[tuple[str, str]]) -> list[int]:
    """The feeds (rows of `feed_in`) that brought recalls of these records: their receipts say something else by now."""
    return sorted({road.feed for iss, rid in keys for road in recalls.roads(connection, iss, rid)})


def _stop(connection: Connection, iss: str, rid: str) -> dict[str, str]:
    """Take every version out of use; returns the state that each was in."""
    before = {}
    for row in records.by_key(connection, iss, rid):
        if not row.jwt:
            continue
        before[str(row.ver)] = row.state
        erasing.unindex(connection, row)
        records.set_state(connection, [row.id], records.STOPPED)
    return before


def _stop_remarks(connection: Connection, iss: str, rid: str) -> dict[str, str]:
    """What was said about a record is out of use with it; returns the state that each remark was in, by its name."""
    before: dict[str, str] = {}
    for key in remarks.keys_about(connection, iss, rid):
        before |= {f"{'/'.join(key)}/{ver}": state for ver, state in _stop(connection, *key).items()}
    return before


def _erase(connection: Connection, iss: str, rid: str, *, now: int) -> bool:
    spared = holds.is_held(connection, iss, rid)
    erasing.erase_record(connection, iss, rid)
    if spared:
        recalls.change(connection, iss, rid, state=recalls.KEPT, due=now + DAY)
        return False
    recalls.change(connection, iss, rid, state=recalls.ERASED, erased_at=now, due=None)
    return True


def _restore(connection: Connection, recall: Row[Any]) -> None:
    """Bring back what a void recall stopped, in the states that the versions had, and what was said about it."""
    before = json.loads(recall.before)
    _bring_back(connection, recall.iss, recall.rid, before)
    for key in remarks.keys_about(connection, recall.iss, recall.rid):
        if not remarks.fallen(connection, remarks.subjects_of(connection, *key)):
            start = "/".join(key) + "/"
            states = {name.removeprefix(start): state for name, state in before.items() if name.startswith(start)}
            _bring_back(connection, *key, states)


def _bring_back(connection: Connection, iss: str, rid: str, before: Mapping[str, str]) -> None:
    for row in records.by_key(connection, iss, rid):
        state = before.get(str(row.ver))
        if row.state != records.STOPPED or state is None:
            continue
        records.set_state(connection, [row.id], state)
        if state in records.LIVE:
            groups = bodies.reopen_row(row).groups
            records.add_facets(connection, row.id, row.kind, row.iss, get_schema(row.sch).facets(groups))
            indexing.again(connection, row.id)
