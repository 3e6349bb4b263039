"""Answer another node's question from this node's own records, and write down who asked for what and got what.

In this order, in one transaction:

 1. The directory is fresh, nothing is left to settle with the asker since a restore, and its budget has room.
 2. The index finds candidates among own records in use, over everything that they say.
 3. Each candidate is decided for the asker and the purpose. The selector is then judged anew, by the groups alone
    that the policy grants by query; failing that, by those over which it grants a hit (`hit_groups`).
 4. A match on granted groups is a presentation of exactly these; a match for a hit is "we hold something".
 5. Nothing goes past a tripwire. Every record told has a row of the disclosure log, and so has the question.

Nobody can tell what is not held from what is not allowed: steps 1 and 2 do not depend on what the asker may see, what
is found is sorted and cut by what it may see, and the answer leaves at a whole multiple of `SLOT_SECONDS`.

Left to others: the asker's signature (`node.api.peer`), and the form of a question (`federation.questions`). Trust: the
asker is the member that signed the request. Its purpose and case reference are its word, and are logged as that.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs
from federation.errors import DirectoryStale, FeedEpochRequired, NotMember, Quota
from federation.grants import Action, may
from federation.policy import hit_groups
from federation.questions import MAX_ANSWER_BYTES, MAX_ANSWERS, Answer, Granted, Hit
from federation.records import get_schema
from federation.records.traces import asked_keys, number_key
from node.services import approvals, bodies, deciding, matching, search, tripwires
from node.services.candidates import MAX_MATCHES
from node.storage import audit, fulltext, numbers, policies, questions, records, settlements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from federation.attributes import Recipient
    from federation.policy import CompiledPolicy, Outcome
    from federation.questions import Question, Selector
    from node.services.membership import Membership
    from node.storage.database import Database

PER_DAY: Final = 200
"""Questions of one peer in a day: an office's work, and far from a list of all names."""
REQUEST_DAYS: Final = 3
"""How long whoever was told of a hit may come back with its reference."""
CANDIDATES: Final = 300
"""Records that one question has decided. It bounds the work, and with it what the time of an answer can tell."""
SLOT_SECONDS: Final = 0.25
"""Answers leave at whole multiples of this after their question came: twice what all candidates take."""
ROOM: Final = MAX_ANSWER_BYTES - 65_536
FRAME: Final = 1_024
"""Bytes of an item beside its presentation: its grant and its names."""
DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """Who answers: this node with its directory, and whom it names as contact."""

    node: str
    database: Database
    membership: Membership
    contact: str
    per_day: int = PER_DAY

    def answer(self, question: Question, *, peer: str, now: int) -> Answer:
        """What `peer` may know. `now` in seconds.

        Raises `DirectoryStale`, `FeedEpochRequired`, `Quota`, and `Malformed` for a selector that is none.
        """
        selector = matching.normalised(question.selector)
        if self.membership.stale(now):
            raise DirectoryStale("this node's directory has expired: nothing leaves until it is renewed")
        member = self.membership.current().member(peer)
        if member is None:
            raise NotMember("the asker is not a member")
        with self.database.write() as connection:
            if settlements.pending(connection, peer):
                raise FeedEpochRequired("this node was restored from a backup: show it what you hold of it first")
            self._spend(connection, peer, now)
            policy = policies.in_force(connection)
            found = _Found(connection, question, selector, recipient=member.recipient(), now=now)
            for row in _candidates(connection, selector, node=self.node, now=now):
                found.look_at(row, policy)
            return found.answer(contact=self.contact)

    def _spend(self, connection: Connection, peer: str, now: int) -> None:
        if questions.count(connection, peer, now=now) > self.per_day:
            after = questions.until_tomorrow(now)
            raise Quota("this peer has asked as many questions today as are answered in a day", after=after)


def wait_after(elapsed: float) -> float:
    """Seconds that an answer waits which took `elapsed` seconds to make.

    >>> wait_after(0.05), wait_after(0.3)
    (0.2, 0.2)
    """
    return round(math.ceil(max(elapsed, 1e-9) / SLOT_SECONDS) * SLOT_SECONDS - elapsed, 6)


def digest(selector: Selector) -> str:
    """What stands in the log for a selector: base64url SHA-256 over JCS, because a selector may name somebody."""
    return b64.encode(hashlib.sha256(jcs.profile_bytes(selector.to_json())).digest())


def _candidates(connection: Connection, selector: Selector, *, node: str, now: int) -> Sequence[Row[Any]]:
    """Own records that may match, over everything that they say.

    The days are taken a year wider on either side: what the asker may see can tell another day than the whole record
    does (the month of a place for the date of a seizure), and it is by what it may see that a record is judged.
    """
    ids: set[int] | None = None
    if selector.words is not None:
        ids = set(fulltext.matching(connection, selector.words, limit=MAX_MATCHES))
    if selector.identifier is not None:
        keys = asked_keys(selector.identifier.value) | {number_key(selector.identifier.value)}
        named = {one.record for one in numbers.matching(connection, keys, limit=MAX_MATCHES)}
        ids = named if ids is None else ids & named
    filters = {"kind": matching.KINDS, **selector.filters, "node": frozenset({node})}
    rows = records.search(
        connection, filters=filters, ids=ids, day_from=_years(selector.day_from, -1), day_to=_years(selector.day_to, 1),
        limit=CANDIDATES, now=now,
    )  # fmt: skip
    return [row for row in rows if row.iss == node and row.state in search.OWN]


def _years(day: str | None, by: int) -> str | None:
    """The first or the last day of the year before or after."""
    if day is None:
        return None
    year = min(max(date.fromisoformat(day).year + by, 1), 9999)
    return f"{year:04}-01-01" if by < 0 else f"{year:04}-12-31"


class _Found:
    """What one question finds."""

    def __init__(
        self, connection: Connection, question: Question, selector: Selector, *, recipient: Recipient, now: int
    ) -> None:
        self._connection, self._question, self._selector = connection, question, selector
        self._who, self._now = recipient, now
        self._wires = tripwires.load(connection)
        self._given: list[tuple[tuple[str, str], Granted, Row[Any], Outcome]] = []
        self._hits: list[tuple[Row[Any], Outcome]] = []

    def look_at(self, row: Row[Any], policy: CompiledPolicy | None) -> None:
        """Decide about one candidate."""
        if policy is None:
            return
        own = deciding.read(row)
        approved = approvals.of(self._connection, [row]).get(row.rid) if policy.needing_release else None
        outcome = deciding.for_question(
            own, self._who, policy, purpose=self._question.purpose, now=self._now, approved=approved
        )
        groups, index = bodies.read_row(row)
        owed = outcome.obligations
        if owed is None or not may(owed.handling, Action.SEARCH, self._question.purpose, now=self._now):
            return
        shown = {name: groups[name] for name in outcome.query & groups.keys()}
        if matching.matches(self._selector, shown, kind=row.kind, sch=row.sch):
            mask = bodies.mask_of(shown, index)
            body = bodies.presentation(row.jwt, row.disclosures, int(row.mask, 16), mask)
            if not self._wires.stops_body(row.rid, body, self._who.id):
                newest = (get_schema(row.sch).facets(shown).day or "", row.rid)
                granted = Granted(presentation=body, handling=owed.handling, legal=owed.legal)
                self._given.append((newest, granted, row, outcome))
            return
        told = {name: groups[name] for name in (hit_groups(outcome) | outcome.query) & groups.keys()}
        if hit_groups(outcome) and matching.matches(self._selector, told, kind=row.kind, sch=row.sch):
            body = bodies.presentation(row.jwt, row.disclosures, int(row.mask, 16), bodies.mask_of(told, index))
            if not self._wires.stops_body(row.rid, body, self._who.id):
                self._hits.append((row, outcome))

    def answer(self, *, contact: str) -> Answer:
        """What fits of it, newest first by what is shown of it; with the rows of the log."""
        self._given.sort(key=lambda one: one[0], reverse=True)
        given: list[tuple[Granted, Row[Any], Outcome]] = []
        room = ROOM
        for _, granted, row, outcome in self._given:
            room -= len(granted.presentation) + FRAME
            if len(given) == MAX_ANSWERS or room < 0:
                break
            given.append((granted, row, outcome))
        hits = (
            (Hit(contact=contact, reference=self._question.id, until=self._now + REQUEST_DAYS * DAY),)
            if self._hits else ()
        )  # fmt: skip
        self._log(given)
        if self._wires.stopped:
            tripwires.raise_alarms(self._connection, self._wires, where="query", now=self._now)
        return Answer(
            id=self._question.id, answers=tuple(granted for granted, _, _ in given), hits=hits,
            more=len(given) < len(self._given),
        )  # fmt: skip

    def _log(self, given: Sequence[tuple[Granted, Row[Any], Outcome]]) -> None:
        asked = {"case": self._question.case, "question": self._question.id, "selector": digest(self._selector)}
        total = {**asked, "records": len(given), "hit": bool(self._hits)}
        rows = [self._row("question", detail=total)]
        rows += [self._about("query", row, outcome, asked, outcome.query) for _, row, outcome in given]
        rows += [self._about("hit", row, outcome, asked, frozenset()) for row, outcome in self._hits]
        decided = [outcome for _, _, outcome in given] + [outcome for _, outcome in self._hits]
        audit.store_decisions(
            self._connection,
            {one.content_hash(): json.dumps(one.stored(), sort_keys=True, separators=(",", ":")) for one in decided},
        )
        audit.log(self._connection, rows)

    def _about(
        self, action: str, row: Row[Any], outcome: Outcome, asked: dict[str, Any], groups: frozenset[str]
    ) -> audit.Disclosure:
        legal = outcome.obligations.legal if outcome.obligations is not None else ()
        return self._row(
            action, detail=asked, iss=row.iss, rid=row.rid, ver=row.ver, groups=",".join(sorted(groups)),
            legal=",".join(legal), policy_version=outcome.ground.policy.version, decision=outcome.content_hash(),
        )  # fmt: skip

    def _row(self, action: str, *, detail: dict[str, Any], **about: Any) -> audit.Disclosure:
        return audit.Disclosure(
            at=self._now, action=action, actor=self._who.id, recipient=self._who.id, purpose=self._question.purpose,
            detail=json.dumps(detail, ensure_ascii=False), **about,
        )  # fmt: skip
