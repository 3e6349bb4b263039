"""Look again at what was released: issue what follows from the policy in force, and from the clock.

For each live record of our own and each recipient, what it may have now is compared with what it was given:

    may have   was given      entry
    something  nothing        put      with all of it
    more       a part         more     with the added disclosures alone, under the joined obligations
    less       more           less     to what is left, by the urgent lane
    nothing    something      less     to nothing
    the same   the same       tighten  where the obligations are stricter than those it was given under

Both less and more: first the one, then the other. Obligations never loosen for a version that was given: its holder
has joined the stricter ones already, and a looser grant waits for the next version. What is only answered when asked
(query, hit) is nothing here. A grant that changes nothing keeps its old decision: it was decided then, and stands.

A batch is one transaction: entries, grants, disclosure rows and the position of the policy (`applications`), so that a
crash costs at most the batch that it broke. Until a policy is applied to the end, pages decide anew for what it has not
reached (`gating`): narrowing holds from the moment of activation, however long the review takes.

Trust: the policy and the records are our own.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs
from federation.grants import Handling, earlier, strictest
from federation.policy import Classes, Decision, Obligations, Outcome, classify
from federation.policy.relaying import HUB_ROLE
from federation.relay import text_hash
from node.services import addressing, approvals, bodies, collector, deciding, relaying
from node.services.outgoing import Counter, Outgoing, Terms
from node.storage import applications, audit, duties, feeds, policies, records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from federation.policy import CompiledPolicy, Rule
    from node.services.publishing import Publisher
    from node.storage.database import Database

BATCH: Final = 500
"""Records in one transaction: bounds memory, and how long others wait for the lock."""
DAY: Final = 86_400
KEPT: Final = 4_096
"""Stored decisions kept in memory between batches: there are few, one for each policy and kind of recipient."""
ACTOR: Final = "policy"


@dataclass(slots=True)
class Reviewed:
    """What came of a batch, or of all."""

    records: int = 0
    puts: int = 0
    mores: int = 0
    lesses: int = 0
    tightens: int = 0
    recipients: set[str] = field(default_factory=set)
    """Whose feeds grew: they get a hint."""
    last: int | None = None
    """The row of the last record that was looked at; None when there was none."""

    @property
    def entries(self) -> int:
        """Entries of all kinds."""
        return self.puts + self.mores + self.lesses + self.tightens

    def counts(self) -> dict[str, int]:
        """Entries by operation."""
        return {"put": self.puts, "more": self.mores, "less": self.lesses, "tighten": self.tightens}

    def add(self, other: Reviewed) -> None:
        """Count another batch in."""
        self.records += other.records
        self.puts += other.puts
        self.mores += other.mores
        self.lesses += other.lesses
        self.tightens += other.tightens
        self.recipients |= other.recipients


@dataclass(frozen=True, slots=True)
class _Change:
    """What one record's recipients get, given what they had."""

    own: deciding.Own
    outcome: Outcome
    had: tuple[int, int, str] | None
    """Version, mask and decision of their grant; None where they were never given any of it."""
    who: int
    outcomes: Sequence[tuple[Outcome, int]]
    """Of the record, for everybody: what a hub may pass on depends on what the others may have."""


class Review:
    """The recipients and the policy of one review, and what can be remembered from one batch to the next."""

    def __init__(self, publisher: Publisher, policy: CompiledPolicy, *, now: int) -> None:
        self._publisher, self.policy, self._now = publisher, policy, now
        self.classes: Classes = classify(policy, publisher.recipients())
        self._owed: dict[str, Obligations | None] = {}
        self._settled: set[tuple[str, Obligations | None]] = set()
        """Grants by decision whose obligations are no looser than these: nothing to tell, as found once."""
        self._bits = lru_cache(maxsize=KEPT)(self._to_bits)
        self._new: int | None = None
        self._hubs = {who.id: who for who in self.classes.recipients if HUB_ROLE in who.roles}
        self._leaves: list[tuple[str, str, str, int, str]] = []

    def batch(
        self, connection: Connection, *, after: int = 0, limit: int | None = BATCH, rids: Sequence[str] | None = None
    ) -> Reviewed:
        """Review the records of the rows beyond `after`, at most `limit`, or those with these ids."""
        chosen = records.visible().where(
            record.c.iss == self._publisher.node, record.c.id > after, records.in_time(self._now)
        )
        if rids is not None:
            chosen = chosen.where(record.c.rid.in_(list(rids)))
        rows = connection.execute(chosen.order_by(record.c.id).limit(limit)).all()
        done = Reviewed(records=len(rows), last=rows[-1].id if rows else None)
        if self._new is None:
            self._new = self._newcomers(connection)
        names = [who.id for who in self.classes.recipients]
        out = Outgoing(connection, recipients=names, by=ACTOR, now=self._now, token=self._publisher.token)
        given = feeds.who_has(connection, self._publisher.node, [row.rid for row in rows]) if rows else {}
        approved = approvals.of(connection, rows) if self.policy.needing_release else {}
        waiting: dict[str, tuple[deciding.Own, dict[str, frozenset[str]]]] = {}
        changes: list[_Change] = []
        for row in rows:
            own = deciding.read(row)
            outcomes, waits = deciding.outcomes(own, self.classes, now=self._now, approved=approved.get(row.rid))
            if waits:
                waiting[row.rid] = own, waits
            new = self._new
            had: Sequence[tuple[int, int, str, str]] = given.get(row.rid, ())
            if own.kind == addressing.KIND:
                outcomes, new = self._address(connection, own, outcomes, had, out), 0
            changes += self._compare(own, outcomes, had, out, new=new)
        approvals.wait(connection, waiting, reviewed=[row.rid for row in rows], policy=self.policy, now=self._now)
        self._learn(connection, {change.had[2] for change in changes if change.had is not None})
        self._issue(connection, changes, out, done)
        out.write()
        duties.given(connection, self._leaves, now=self._now)
        self._leaves.clear()
        done.recipients = out.recipients
        return done

    def _address(
        self,
        connection: Connection,
        own: deciding.Own,
        outcomes: Sequence[tuple[Outcome, int]],
        had: Sequence[tuple[int, int, str, str]],
        out: Outgoing,
    ) -> list[tuple[Outcome, int]]:
        """An annotation goes to whom it is owed, whatever the policy says, and else to holders of what it names alone.

        Those to whom it is owed are left out of the comparison, and get it here where they never did.
        """
        groups, _ = bodies.read_row(own.row)
        to = addressing.addressed(connection, groups, node=self._publisher.node)
        owed, holders = self.classes.bits(to.owed), self.classes.bits(to.holders)
        held = 0
        for *_, joined in had:
            held |= self._bits(joined)
        if owed & ~held:
            terms = addressing.owed_terms(out, bodies.reopen_row(own.row), own.floor)
            for name in self.classes.ids(owed & ~held):
                out.append("put", own, recipient=name, terms=terms, row_id=own.row.id, previous=None)
        left = [(outcome, who & holders & ~owed) for outcome, who in outcomes]
        left += [(outcome.narrowed(frozenset()), who & ~holders & ~owed) for outcome, who in outcomes]
        return [(outcome, who) for outcome, who in left if who]

    def _newcomers(self, connection: Connection) -> int:
        known = {row.recipient for row in feeds.out_feeds(connection)}
        return self.classes.bits(who.id for who in self.classes.recipients if who.id not in known)

    def _to_bits(self, joined: str) -> int:
        return self.classes.bits(joined.split(","))

    def _compare(
        self,
        own: deciding.Own,
        outcomes: Sequence[tuple[Outcome, int]],
        given: Sequence[tuple[int, int, str, str]],
        out: Outgoing,
        *,
        new: int,
    ) -> Iterator[_Change]:
        """Find those for whom something may change. Integers alone, because it runs for every record and class."""
        had = [(ver, mask, decided, self._bits(joined)) for ver, mask, decided, joined in given]
        held = 0
        for *_, bits in had:
            held |= bits
        for outcome, who in outcomes:
            target = bodies.mask_of(outcome.groups, own.index)
            fresh = who & ~held
            if target and fresh:
                yield _Change(own, outcome, None, fresh, outcomes)
            elif fresh & new:
                decided = out.decision(outcome.content_hash(), outcome.stored)
                for name in self.classes.ids(fresh & new):
                    out.withhold(own, recipient=name, decided=decided)
            for ver, mask, decided, bits in had:
                both = who & bits
                if target == mask and ver == own.ver and (decided, outcome.obligations) in self._settled:
                    continue  # the common case
                if both and (target or mask):
                    yield _Change(own, outcome, (ver, mask, decided), both, outcomes)

    def _learn(self, connection: Connection, decisions: set[str]) -> None:
        """Read the obligations of stored decisions that are not known yet."""
        if len(self._owed) > KEPT or len(self._settled) > KEPT:
            self._owed.clear()
            self._settled.clear()
        missing = [decided for decided in decisions if decided not in self._owed]
        for decided, body in audit.decision_bodies(connection, missing).items():
            self._owed[decided] = _obligations(json.loads(body).get("obligations"))

    def _issue(self, connection: Connection, changes: Sequence[_Change], out: Outgoing, done: Reviewed) -> None:
        """Append the entries. Only those whom something changes for are looked up one by one."""
        planned = [(change, plan) for change in changes if (plan := self._plan(change, out))]
        names: set[str] = set()
        rids: set[str] = set()
        for change, _ in planned:
            if change.had is not None:
                names.update(self.classes.ids(change.who))
                rids.add(change.own.rid)
        previous = feeds.grants_to(connection, self._publisher.node, rids, names) if rids else {}
        for change, plan in planned:
            own = change.own
            for name in self.classes.ids(change.who):
                before: Any = None if change.had is None else previous[name, own.rid]
                if change.had is None:
                    out.given(own, recipient=name)
                for op, terms in plan:
                    body = own.row.id if op in {"put", "more"} else None
                    relay = self._leave(change, name, gives=body is not None)
                    counter = out.append(
                        op, own, recipient=name, terms=terms, row_id=body, previous=before, relay=relay
                    )
                    before = Counter(counter)
                    setattr(done, _COUNTED[op], getattr(done, _COUNTED[op]) + 1)

    def _leave(self, change: _Change, name: str, *, gives: bool) -> str | None:
        """The relay grants that go with an entry to a hub; what it was let to pass on before ends with the entry."""
        who = self._hubs.get(name)
        if who is None:
            return None
        own, text = change.own, None
        if gives and self.policy.relays:
            everybody = {
                self.classes.recipients[bit].id: Decision(self.classes.recipients[bit], outcome)
                for outcome, bits in change.outcomes
                for bit in bodies.bits(bits)
            }
            text = relaying.leave_for(
                self._publisher, own, Decision(who, change.outcome), everybody, now=self._now
            )  # fmt: skip
        if text is not None or change.had is not None:
            self._leaves.append((own.iss, own.rid, name, own.ver, "" if text is None else text_hash(text)))
        return text

    def _plan(self, change: _Change, out: Outgoing) -> list[tuple[str, Terms]]:
        """The entries for everybody of a change, in their order."""
        own, outcome = change.own, change.outcome
        target = bodies.mask_of(outcome.groups, own.index)
        if change.had is None:
            return [("put", self._terms(own, outcome, target, out))]
        ver, mask, decided = change.had
        held = mask if ver == own.ver else 0
        if not target:
            return [("less", self._nothing(outcome, out))] if mask else []
        if not held:
            return [("put", self._terms(own, outcome, target, out))]
        kept, added = held & target, target & ~held
        if not kept:
            return [("less", self._nothing(outcome, out)), ("put", self._terms(own, outcome, target, out))]
        plan: list[tuple[str, Terms]] = []
        before = self._owed.get(decided)
        owed = outcome.obligations if before is None else _joined(before, outcome.obligations)
        if kept != held:
            plan.append(("less", self._terms(own, outcome, kept, out, owed=owed, travels=False)))
        if added:
            plan.append(("more", self._terms(own, outcome, target, out, owed=owed, shown=added)))
        elif before is not None and owed is not None:
            if replace(owed, legal=before.legal) != before:
                plan.append(("tighten", self._terms(own, outcome, target, out, owed=owed)))
            elif kept == held:
                self._settled.add((decided, outcome.obligations))
        return plan

    def _nothing(self, outcome: Outcome, out: Outgoing) -> Terms:
        decided = out.decision(outcome.content_hash(), outcome.stored)
        return Terms(mask=0, grant=None, decided=decided, policy_version=self.policy.version)

    def _terms(
        self,
        own: deciding.Own,
        outcome: Outcome,
        mask: int,
        out: Outgoing,
        *,
        owed: Obligations | None = None,
        shown: int | None = None,
        travels: bool = True,
    ) -> Terms:
        owed = owed or outcome.obligations
        assert owed is not None  # noqa: S101 - an outcome with groups has obligations
        if owed == outcome.obligations:
            decided = out.decision(outcome.content_hash(), outcome.stored)
        else:
            # What travels are the joined obligations, so they are what is stored as decided.
            value = {**outcome.stored(), "obligations": owed.to_json()}
            decided = out.decision(_hash(value), lambda: value)
        self._owed[decided] = owed
        told = mask if shown is None else shown
        return Terms(
            mask=mask,
            grant=owed.grant() if travels else None,
            groups=",".join(sorted(group for group in outcome.groups if told >> own.index[group] & 1)),
            legal=",".join(owed.legal),
            purposes=None if owed.purposes is None else ",".join(sorted(owed.purposes)),
            decided=decided,
            policy_version=self.policy.version,
            shown=shown,
            keep_until=owed.keep_until,
        )


_COUNTED: Final[Mapping[str, str]] = {"put": "puts", "more": "mores", "less": "lesses", "tighten": "tightens"}


def due(database: Database, publisher: Publisher, *, now: int) -> bool:
    """Whether there is anything to review: a policy not applied yet, a new member, or a change by the clock."""
    with database.read() as connection:
        policy = policies.in_force(connection) or publisher.policy
        if policy is None:
            return False
        row = applications.find(connection, policy.version)
        known = {feed.recipient for feed in feeds.out_feeds(connection)}
    if row is None or not row.done or clock_moved(policy, since=row.as_of, now=now):
        return True
    return any(who.id not in known for who in publisher.recipients())


def advance(
    database: Database, publisher: Publisher, *, now: int, anew: bool = False, limit: int = BATCH
) -> Iterator[Reviewed]:
    """Go on with the review of the policy in force where it stands, to its end; yields what came of each batch.

    A review that is done begins again if it is due, or if `anew`. Another policy that is activated meanwhile is gone
    on with instead.
    """
    with collector.rarely():
        yield from _advance(database, publisher, now=now, anew=anew, limit=limit)


def _advance(
    database: Database, publisher: Publisher, *, now: int, anew: bool, limit: int
) -> Iterator[Reviewed]:  # fmt: skip
    review: Review | None = None
    while True:
        with database.write() as connection:
            # Whoever changes the policy holds the feeds too: it cannot change within a batch.
            names = [who.id for who in publisher.recipients()]
            strangers = set(names) - {row.recipient for row in feeds.out_feeds(connection)}
            feeds.lock(connection, names)
            policy = policies.in_force(connection) or publisher.policy
            if policy is None:
                return
            row = applications.find(connection, policy.version)
            moved = row is None or clock_moved(policy, since=row.as_of, now=now)
            if row is None or (review is None and (anew or strangers or moved)):
                applications.begin(connection, policy.version, now=now)
                row = applications.find(connection, policy.version)
                assert row is not None  # noqa: S101 - just begun
            if row.done:
                return
            if review is None or review.policy.version != policy.version:
                review = Review(publisher, policy, now=now)
            done = review.batch(connection, after=row.position, limit=limit)
            applications.advance(connection, policy.version, position=done.last, counts=done.counts(), now=now)
        yield done


def clock_moved(policy: CompiledPolicy, *, since: int, now: int) -> bool:
    """Whether the policy can decide otherwise at `now` than at `since`, by the clock alone."""
    change = policy.next_change(after=since)
    if change is not None and change <= now:
        return True
    return now // DAY > since // DAY and any(_counts_days(rule) for rule in policy.policy.rules)


def _counts_days(rule: Rule) -> bool:
    return rule.embargo_days is not None or rule.when.age_at_most_days is not None


def _joined(before: Obligations, now: Obligations | None) -> Obligations:
    """The obligations of a holder that was given a version under some, and is now under others: both."""
    if now is None:
        return before
    return Obligations(
        handling=strictest(before.handling, now.handling),
        legal=tuple(sorted({*before.legal, *now.legal})),
        report_back=before.report_back or now.report_back,
        receipt_within=earlier(before.receipt_within, now.receipt_within),
    )


def _obligations(value: Mapping[str, Any] | None) -> Obligations | None:
    """Read the obligations of a stored decision."""
    if value is None:
        return None
    return Obligations(
        handling=Handling.from_json(value),
        legal=tuple(value.get("legal", ())),
        report_back=bool(value.get("report_back")),
        receipt_within=value.get("receipt_within"),
    )


def _hash(value: Mapping[str, Any]) -> str:
    return b64.encode(hashlib.sha256(jcs.profile_bytes(dict(value))).digest())
