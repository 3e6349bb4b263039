"""Release: draft → signed once → decided for every recipient → appended to their feeds, in one transaction a batch.

The order for each draft: complete it and check it strictly (an issuer is strict); sign every group once; ask the policy
what each recipient may have; write the version, its facets, one feed entry and one disclosure row a recipient that gets
something, and the stored decision for everybody. Nothing leaves that has no row.

A correction is a new version: recipients that may have it get it; a recipient that holds an older version and may not
have the new one gets `less` to nothing, so that a wrong version does not live on. What a change of policy makes of what
was released before is `applying`.

Trust: the drafts are our own officers' words. What leaves is built from the decision's groups alone.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, select

from federation.envelope import IssuedRecord, VerifiedRecord, issue_record
from federation.errors import Maintenance
from federation.grants import Handling
from federation.policy import CompiledPolicy, Decision, decide_all
from federation.policy.relaying import HUB_ROLE
from federation.records import get_schema
from federation.relay import text_hash
from node.services import addressing, applying, approvals, bodies, collector, deciding, doubts, relaying
from node.services.desk import behalf
from node.services.outgoing import Given, Outgoing, Terms
from node.storage import drafts, duties, feeds, policies, recalls, records, remarks
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from crypto.signer import Signer
    from federation.attributes import Attributes, Recipient
    from federation.directory import Directory
    from federation.records import Facets
    from node.storage.database import Database

BATCH: Final = 400
"""Drafts in one transaction: long enough to be fast, short enough that officers do not wait for the lock."""
RECALLED: Final = "its record was recalled, which ends it; write what is true now as a new record"
Version = IssuedRecord | VerifiedRecord
"""A version of our own: just signed, or opened again from our storage."""
SCHEMA_OF: Final[Mapping[str, str]] = {
    "seizure": "seizure/1",
    "alert": "alert/1",
    "annotation": "annotation/1",
    "statistics": "statistics/1",
    "bulletin": "bulletin/1",
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A draft that was not released, with every fault that has to be put right first."""

    reference: str
    faults: tuple[str, ...]


@dataclass(slots=True)
class ReleaseReport:
    """What came of a release: counts, and the drafts that were refused."""

    released: int = 0
    entries: int = 0
    withheld: int = 0
    refused: list[Refused] = field(default_factory=list)
    recipients: set[str] = field(default_factory=set)
    """Whose feeds grew: they get a hint."""
    rids: list[str] = field(default_factory=list)
    last: int | None = None
    """The row of the last record that was offered again; None when there was none."""
    waiting: int = 0
    """Records of which some would get more if a second officer approved it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """The one who releases for this node: its name, its record key, its policy and the recipients by the directory."""

    fed: str
    node: str
    signer: Signer
    directory: Directory
    policy: CompiledPolicy | None
    """None: no policy is active, and nothing is shared with anybody."""
    handling: Mapping[str, Any]
    """The floor `h` that this administration puts on its records."""
    token: Callable[[int], bytes]
    approve: Callable[[Mapping[str, Any]], str] | None = None
    """Signs what a second officer approves (`officers.sign`); None where a name has to do."""

    @property
    def policy_version(self) -> int | None:
        """The version of the policy, None if none is active."""
        return None if self.policy is None else self.policy.version

    def recipients(self) -> list[Recipient]:
        """Every other member in good standing: those for whom there is anything to decide."""
        return [
            member.recipient()
            for member in self.directory.members.values()
            if member.status == "active" and member.id != self.node
        ]

    def release(
        self, database: Database, ids: Sequence[int], *, by: str, second: str | None, now: int
    ) -> Iterator[ReleaseReport]:
        """Release drafts by their row ids, a batch at a time; yields a report for each batch that is committed.

        While one batch is written the next is signed. A draft that somebody changes between the two is not released:
        it waits, as it is now, for the next release.
        """
        batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
        if len(batches) == 1:  # an officer releases one alert: nothing comes that could be signed ahead
            prepared = self._prepare(database, batches[0], now)
            with database.write() as connection:
                report = self._write(connection, prepared, by=by, second=second, now=now)
            yield report
            return
        with collector.rarely(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="sign") as ahead:
            coming = [ahead.submit(self._prepare, database, batch, now) for batch in batches[:1]]
            for batch in [*batches[1:], ()] if batches else []:
                prepared = coming.pop().result() if coming else []
                if batch:
                    coming.append(ahead.submit(self._prepare, database, batch, now))
                with database.write() as connection:
                    report = self._write(connection, prepared, by=by, second=second, now=now)
                yield report

    def _prepare(self, database: Database, ids: Sequence[int], now: int) -> list[_Signed | Refused]:
        """Complete, check and sign drafts; nothing of it counts before `_write` finds them unchanged."""
        with database.read() as connection:
            rows = drafts.waiting_rows(connection, ids)
            before = self._versions_before(connection, [row.rid for row in rows if row.ver > 1])
            gone = recalls.tombstones(connection, {(self.node, row.rid) for row in rows if row.ver > 1})
            restored = doubts.restored_at(connection, self)
        found: list[_Signed | Refused] = []
        for row in rows:
            if (self.node, row.rid) in gone:
                found.append(Refused(row.reference, (RECALLED,)))
            else:
                found.append(self._sign(row, before.get(row.rid), now=now))
        doubtful = {row.id: row.reference for row in rows if restored and (row.ver > 1 or row.created_at <= restored)}
        return self._without_doubt(database, found, doubtful, now=now) if doubtful else found

    def _without_doubt(
        self, database: Database, prepared: Sequence[_Signed | Refused], doubtful: Mapping[int, str], *, now: int
    ) -> list[_Signed | Refused]:
        """Refuse what was signed though somebody may hold another envelope of the same version (`doubts`)."""
        found: list[_Signed | Refused] = []
        with database.read() as connection:
            for item in prepared:
                peers: list[str] = []
                if isinstance(item, _Signed) and item.draft in doubtful:
                    peers = doubts.missing(connection, self, item.issued, item.attributes, now=now)
                    if peers:
                        fault = doubts.UNSURE.format(peers=", ".join(peers))
                        found.append(Refused(doubtful[item.draft], (fault,)))
                if not peers:
                    found.append(item)
        return found

    def _write(
        self, connection: Connection, prepared: Sequence[_Signed | Refused], *, by: str, second: str | None, now: int
    ) -> ReleaseReport:
        report = ReleaseReport(refused=[item for item in prepared if isinstance(item, Refused)])
        signed = [item for item in prepared if isinstance(item, _Signed)]
        rows = {row.id: row for row in drafts.to_release(connection, [item.draft for item in signed])}
        before = self._versions_before(connection, [item.issued.rid for item in signed if item.issued.ver > 1])
        signed = [item for item in signed if item.still(rows.get(item.draft), before.get(item.issued.rid))]
        gone = recalls.tombstones(connection, {(self.node, item.issued.rid) for item in signed if item.issued.ver > 1})
        signed = [item for item in signed if (self.node, item.issued.rid) not in gone]
        self._supersede(connection, [before[item.issued.rid] for item in signed if item.issued.rid in before])
        handling = json.dumps(self.handling)
        row_ids = records.keep(connection, [item.version(handling) for item in signed], now=now)
        offer = Offer(self, connection, by=by, now=now, second=second)
        for row_id, item in zip(row_ids, signed, strict=True):
            offer.add(item.issued, item.attributes, row_id)
            report.rids.append(item.issued.rid)
        offer.write(now=now)
        drafts.mark_released(connection, [item.draft for item in signed], by=by, second=second, now=now)
        report.released = len(signed)
        report.entries = offer.out.entries
        report.withheld = offer.out.withheld
        report.recipients = offer.out.recipients
        report.waiting = len(offer.waiting)
        return report

    def _versions_before(self, connection: Connection, rids: Sequence[str]) -> dict[str, Row[Any]]:
        if not rids:
            return {}
        found = connection.execute(
            select(record).where(record.c.iss == self.node, record.c.rid.in_(rids)).order_by(record.c.ver)
        )
        return {row.rid: row for row in found}

    def _sign(self, row: Row[Any], before: Row[Any] | None, *, now: int) -> _Signed | Refused:
        schema = get_schema(SCHEMA_OF[row.kind])
        groups = schema.prepare(orjson.loads(row.groups))
        faults = schema.validate(groups).errors
        if faults:
            return Refused(row.reference, tuple(f"{fault.path}: {fault.wrong}; {fault.remedy}" for fault in faults))
        unasked = behalf.refusal_of(self.directory, self.node, groups)
        if unasked is not None:
            return Refused(row.reference, (f"case.administration: {unasked}",))
        issued = issue_record(
            fed=self.fed, iss=self.node, rid=row.rid, ver=row.ver, prev=None if before is None else before.jh,
            kind=row.kind, sch=schema.id, handling=self.handling, groups=groups, signer=self.signer, now=now,
            token=self.token,
        )  # fmt: skip
        attributes, facets, title = schema.read(groups, handling=self.handling)
        return _Signed(row.id, (row.ver, row.content_hash, row.updated_at), issued, attributes, facets, title)

    @staticmethod
    def _supersede(connection: Connection, old: Sequence[Row[Any]]) -> None:
        for row in old:
            schema = get_schema(row.sch)
            facets = schema.facets(bodies.reopen_row(row).groups)
            records.drop_facets(connection, row.id, row.kind, row.iss, facets)
            records.forget_words(connection, row.id)
        if old:
            records.set_state(connection, [row.id for row in old], "superseded")

    def offer_again(
        self, connection: Connection, *, now: int, after: int = 0, limit: int | None = None
    ) -> ReleaseReport:
        """Look again at what is live, and issue what follows (`applying`): one batch, in the caller's transaction.

        `after` and `limit` take a part of the records, by row; `last` of the report is where to go on.
        """
        if self.policy is None:
            return ReleaseReport()
        done = applying.Review(self, self.policy, now=now).batch(connection, after=after, limit=limit)
        return ReleaseReport(entries=done.entries, recipients=done.recipients, last=done.last)

    def sign_again(self, connection: Connection, rows: Sequence[Row[Any]], *, by: str, now: int) -> ReleaseReport:
        """Sign versions in use again, as the next version with the same words, and offer them as corrections are.

        For records whose key is revoked: whoever put the old version into quarantine replaces it with the new one.
        Drafts of these records count on from the new version.
        """
        report = ReleaseReport()
        approved = approvals.of(connection, rows)
        restored = doubts.restored_at(connection, self)
        self._supersede(connection, rows)
        offer = Offer(self, connection, by=by, now=now, second=None)
        for row in rows:
            schema, handling = get_schema(row.sch), json.loads(row.handling)
            groups = dict(bodies.reopen_row(row).groups)
            issued = issue_record(
                fed=self.fed, iss=self.node, rid=row.rid, ver=row.ver + 1, prev=row.jh, kind=row.kind, sch=row.sch,
                handling=handling, groups=groups, signer=self.signer, now=now, token=self.token,
            )  # fmt: skip
            attributes, facets, title = schema.read(groups, handling=handling)
            if restored:
                peers = doubts.missing(
                    connection, self, issued, attributes, now=now, handling=Handling.from_json(handling)
                )
                if peers:
                    raise Maintenance(doubts.UNSURE.format(peers=", ".join(peers)))
            signed = _Signed(0, (0, "", 0), issued, attributes, facets, title)
            (row_id,) = records.keep(connection, [signed.version(row.handling)], now=now)
            floor = Handling.from_json(handling)
            # The words are the same, so what a second officer approved of them stays approved, and no more.
            approvals.carry(connection, row, issued, now=now)
            offer.add(issued, attributes, row_id, floor=floor, approved=approved.get(row.rid, {}))
            report.rids.append(row.rid)
        offer.write(now=now)
        drafts.count_on(connection, [row.rid for row in rows])
        report.released, report.entries, report.recipients = len(rows), offer.out.entries, offer.out.recipients
        return report


@dataclass(frozen=True, slots=True)
class _Signed:
    draft: int
    of: tuple[int, str, int]
    """Version, content hash and time of the draft that was signed."""
    issued: IssuedRecord
    attributes: Attributes
    facets: Facets
    title: str

    def still(self, row: Row[Any] | None, before: Row[Any] | None) -> bool:
        """Whether the draft waits as it was signed, on top of the version that it was signed upon."""
        held = None if before is None else before.jh
        return row is not None and self.of == (row.ver, row.content_hash, row.updated_at) and self.issued.prev == held

    def version(self, handling: str) -> records.NewVersion:
        issued = self.issued
        return records.NewVersion(
            iss=issued.iss, rid=issued.rid, ver=issued.ver, kind=issued.kind, sch=issued.sch, jh=issued.jh,
            jwt=issued.jwt, disclosures=bodies.in_bit_order(issued.disclosures, issued.index),
            mask=bodies.mask_of(issued.disclosures, issued.index), width=issued.width, iat=issued.iat,
            prev=issued.prev, handling=handling, title=self.title, state="released",
            pending=False, gc=0, facets=self.facets,
        )  # fmt: skip


class Offer:
    """What follows from a record and the policy for every recipient, gathered into one transaction's `Outgoing`."""

    def __init__(
        self,
        publisher: Publisher,
        connection: Connection,
        *,
        by: str,
        now: int,
        second: str | None,
        only: str | None = None,
        counters: Mapping[str, Given] | None = None,
    ) -> None:
        """`only`: one recipient, told everything anew, going on from these `counters` by record id (`restating`)."""
        self._publisher, self._connection = publisher, connection
        self._now, self._second = now, second
        self._only, self._counters = only, counters or {}
        self._floor = Handling.from_json(publisher.handling)
        self._recipients = publisher.recipients()
        names = [recipient.id for recipient in self._recipients] if only is None else [only]
        self.out = Outgoing(connection, recipients=names, by=by, now=now, token=publisher.token)
        # Another policy may have been activated since this publisher was made. From here on none is: the feeds are
        # locked, and an activation needs them.
        self._policy = publisher.policy
        active = policies.in_force(connection)
        if active is not None and (self._policy is None or active.version > self._policy.version):
            self._policy = active
        self._outcome: tuple[object, Terms] | None = None
        self._leaves: list[tuple[str, str, str, int, str]] = []
        self.waiting: dict[str, tuple[Version, dict[str, frozenset[str]]]] = {}

    def write(self, *, now: int) -> None:
        """Write all that was gathered."""
        self.out.write()
        duties.given(self._connection, self._leaves, now=now)
        if self._policy is not None and self.waiting:
            approvals.wait(self._connection, self.waiting, reviewed=list(self.waiting), policy=self._policy, now=now)

    def add(
        self,
        issued: Version,
        attributes: Attributes,
        row_id: int,
        *,
        floor: Handling | None = None,
        approved: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        """Decide for every recipient, and gather what follows.

        `floor`: the record's own, if it is not today's. `approved`: what a second officer approved of it before.
        """
        earlier = self._earlier(issued)
        recipients: Sequence[Recipient] = self._recipients
        if issued.kind == addressing.KIND:
            recipients = self._address(issued, row_id, earlier, floor or self._floor)
        if self._policy is None:
            return
        decisions = self._decide(attributes, issued, recipients, second=self._second is not None, floor=floor)
        if self._policy.needing_release:
            decisions = self._approve(issued, attributes, decisions, floor=floor, approved=approved)
        everybody = {decision.recipient: decision for decision in decisions} if self._policy.relays else {}
        if issued.ver > 1 or self._only is not None:
            feeds.forget_withheld(self._connection, issued.iss, issued.rid, recipient=self._only)
        for decision in decisions:
            if self._only is not None and decision.recipient != self._only:
                continue
            previous = earlier.get(decision.recipient)
            if previous is not None and HUB_ROLE in decision.who.roles:
                # Leave that was given for an older version ends with it, unless it is given anew below.
                self._leaves.append((issued.iss, issued.rid, decision.recipient, issued.ver, ""))
            terms = self._terms(issued, decision)
            if decision.groups:
                relay = self._leave(issued, decision, everybody) if everybody else None
                self.out.append(
                    "put", issued, recipient=decision.recipient, terms=terms, row_id=row_id, previous=previous,
                    relay=relay,
                )  # fmt: skip
            elif previous is not None and int(previous.mask, 16):
                nothing = replace(terms, mask=0, grant=None)
                self.out.append(
                    "less", issued, recipient=decision.recipient, terms=nothing, row_id=None, previous=previous
                )
            else:
                self.out.withhold(issued, recipient=decision.recipient, decided=terms.decided)

    def _address(self, issued: Version, row_id: int, earlier: Mapping[str, Given], floor: Handling) -> list[Recipient]:
        """Give an annotation to whom it is owed to, and return whom the policy decides for: who holds what it names."""
        groups = bodies.reopen(issued.jwt, issued.disclosures.values()).groups
        remarks.keep(self._connection, issued.iss, issued.rid, groups, at=issued.iat)
        to = addressing.addressed(self._connection, groups, node=self._publisher.node)
        terms = addressing.owed_terms(self.out, issued, floor)
        for recipient in self._recipients:
            previous = earlier.get(recipient.id)
            if self._only not in {None, recipient.id}:
                continue
            if recipient.id in to.owed:
                self.out.append(
                    "put", issued, recipient=recipient.id, terms=terms, row_id=row_id, previous=previous
                )  # fmt: skip
        return [one for one in self._recipients if one.id in to.holders and one.id not in to.owed]

    def _leave(self, issued: Version, hub: Decision, everybody: Mapping[str, Decision]) -> str | None:
        """The relay grants that go with an entry to a hub, and that count from now on."""
        text = relaying.leave_for(self._publisher, issued, hub, everybody, now=self._now)
        if text is not None:
            self._leaves.append((issued.iss, issued.rid, hub.recipient, issued.ver, text_hash(text)))
        return text

    def _earlier(self, issued: Version) -> Mapping[str, Given]:
        if self._only is not None:
            known = self._counters.get(issued.rid)
            return {} if known is None else {self._only: known}
        if issued.ver == 1:
            return {}
        found = feeds.grants(self._connection, issued.iss, [issued.rid])
        return {recipient: row for (recipient, _), row in found.items()}

    def _decide(
        self,
        attributes: Attributes,
        issued: Version,
        recipients: Sequence[Recipient],
        *,
        second: bool,
        floor: Handling | None,
    ) -> list[Decision]:
        assert self._policy is not None  # noqa: S101 - `add` has looked
        return decide_all(
            record=attributes, recipients=recipients, policy=self._policy, now=self._now,
            floor=floor or self._floor, issued=issued.iat, second_release=second,
        )  # fmt: skip

    def _approve(
        self,
        issued: Version,
        attributes: Attributes,
        decisions: list[Decision],
        *,
        floor: Handling | None,
        approved: Mapping[str, frozenset[str]] | None,
    ) -> list[Decision]:
        """Keep for whom the second officer's release counts; without one, note that it would give more."""
        assert self._policy is not None  # noqa: S101 - `add` has looked
        who = [decision.who for decision in decisions]
        others = self._decide(attributes, issued, who, second=self._second is None, floor=floor)
        pairs = list(zip(decisions, others, strict=True))
        if self._only is not None:  # what is told anew is what was approved when it was released
            approved = approvals.of(self._connection, [issued]).get(issued.rid, {})
        if approved is not None:
            covered = approved
            return [
                Decision(plain.who, deciding.covered_by(plain.outcome, released.outcome, covered.get(plain.recipient)))
                for plain, released in pairs
            ]
        if self._second is None:
            wider = {more.recipient: more.query for less, more in pairs if more.query != less.query}
            if wider:
                self.waiting[issued.rid] = issued, wider
            return decisions
        audience = {more.recipient: more.query for more, less in pairs if more.query != less.query}
        token = None
        if self._publisher.approve is not None:
            hashed = approvals.hash_of(issued.rid, issued.ver, issued.jh, audience)
            token = self._publisher.approve(approvals.claims(issued.rid, issued.ver, issued.jh, hashed))
        approvals.give(
            self._connection, issued, audience, policy=self._policy.version, by=self._second, token=token,
            now=self._now,
        )  # fmt: skip
        return decisions

    def _terms(self, issued: Version, decision: Decision) -> Terms:
        """What follows from an outcome is the same for all recipients who share it (one evaluation, one mask)."""
        known = self._outcome
        if known is None or known[0] is not decision.outcome:
            known = self._outcome = (decision.outcome, terms_of(self.out, issued, decision))
        return known[1]


def terms_of(out: Outgoing, issued: Version, decision: Decision) -> Terms:
    """The terms under which a decision's groups of a version go out; the decision is kept with them."""
    obligations = decision.obligations
    purposes = None if obligations is None else obligations.purposes
    return Terms(
        mask=bodies.mask_of(decision.groups, issued.index),
        # Rule names, reasons and the policy's text stay at home: only the obligations travel.
        grant={} if obligations is None else obligations.grant(),
        groups=",".join(sorted(decision.groups)),
        legal=None if obligations is None else ",".join(obligations.legal),
        purposes=None if purposes is None else ",".join(sorted(purposes)),
        decided=out.decision(decision.content_hash(), decision.to_json),
        policy_version=decision.policy_version,
    )
