"""Take in what a peer's feeds bring: the desk at which pages are opened, judged and stored.

`apply` stores page, cursor and effects in one transaction, so after a crash the node stands either before the page or
after it. The judging is `federation.inbox`; here its effects become rows.

Trust: what is stored here was verified, except in quarantine, where it is kept as it came and shown to nobody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeGuard, assert_never

import structlog

from crypto import merkle
from federation import inbox
from federation.envelope import reopen_record, verify_record
from federation.epochs import check_new_epoch
from federation.errors import FeedFork, Malformed, NotFound, ProblemType
from federation.feed import FeedId, Lane, parse_leaf
from federation.grants import Handling, strictest
from federation.keeping import is_over, time_of
from federation.pages import PageEntry, VerifiedPage, feed_of, verify_page
from federation.ports import Applied, Held, Position
from federation.receipts import Quarantined, Receipt, sign_receipt
from federation.records import get_schema
from node.services import (
    addressing,
    bodies,
    disclosing,
    erasing,
    evidence,
    indexing,
    keeping,
    recalling,
    restricting,
    roads,
    stopping,
    sweeping,
)
from node.services.stopping import RecallRules
from node.services.verifiers import Verifiers
from node.storage import bounds, duties, feeds, quarantine, recalls, records, remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Row

    from crypto.signer import Signer
    from federation.directory import Directory
    from federation.evidence import Evidence
    from node.storage.database import Database


log: Final = structlog.get_logger("tidewaiter.intake")
DEFAULT_RULES: Final = RecallRules()
WAITS_FOR_A_PERSON: Final = frozenset({str(ProblemType.RECALL_HELD), str(ProblemType.RECALL_REFUSED)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDesk:
    """The desk for one peer (`federation.ports.Desk`). `directory` and `clock` are asked anew for each page."""

    peer: str
    node: str
    database: Database
    directory: Callable[[], Directory]
    log_signer: Signer
    clock: Callable[[], int]
    verifiers: Verifiers = field(default_factory=lambda: Verifiers(0))
    rules: RecallRules = DEFAULT_RULES
    """What is done with recalls."""
    noticed: Callable[[int], None] | None = None
    """Told the directory version that the peer works by."""
    admit: Callable[[int], None] | None = None
    """Told how many entries are about to be taken in; raises what there is no room or no share for."""
    witness: bool = True
    """Whether receipts carry the newest checkpoint of the disclosure log: only on a road on which the peer shows first
    what it keeps (`disclosing.shown`)."""

    def position(self, lane: Lane) -> Position:
        """Where this node stands in the peer's lane."""
        with self.database.read() as connection:
            row = feeds.in_feed(connection, self.peer, lane)
        return Position(0, 0, None) if row is None else Position(row.size, row.epoch, row.note, row.receipt)

    def open(self, lane: Lane, data: bytes, after: VerifiedPage | None) -> VerifiedPage:
        """Check that the page continues the peer's lane."""
        directory, now = self.directory(), self.clock()
        row = None
        if after is not None:
            start, feed = after.range, after.feed
        else:
            with self.database.read() as connection:
                row = feeds.in_feed(connection, self.peer, lane)
                epoch = 0 if row is None else row.epoch
                feed = FeedId(self.peer, self.node, lane, epoch)
                evidence.check_stopped(connection, feed)
            start = merkle.CompactRange() if row is None else feeds.unpack(row.size, row.hashes)
        try:
            page = verify_page(data, directory=directory, recipient=self.node, start=start, now=now, feed=feed)
        except FeedFork as error:
            self._keep_notes(feed, error, start.size)
            raise
        except NotFound:
            newer = feed_of(data)
            if after is not None or newer is None or newer.epoch <= feed.epoch:
                raise
            # Another epoch of this lane: from its first entry, which names the checkpoint that is held here.
            feed = FeedId(self.peer, self.node, lane, newer.epoch)
            start = merkle.CompactRange()
            page = verify_page(data, directory=directory, recipient=self.node, start=start, now=now, feed=feed)
            check_new_epoch(page, held=None if row is None else row.note)
        if self.noticed is not None:
            self.noticed(page.directory_version)
        if self.admit is not None:
            self.admit(len(page.entries))
        return page

    def _keep_notes(self, feed: FeedId, error: FeedFork, start: int) -> None:
        """What a sender signed about a page that does not hold is kept: it may prove a fork now, or later."""
        with self.database.write() as connection:
            row = feeds.in_feed(connection, feed.sender, feed.lane)
            held = row.note if row is not None and row.size == start else None
            evidence.of_page(connection, feed, error, held=held, directory=self.directory(), now=self.clock())

    def verify(self, page: VerifiedPage) -> inbox.OpenedPage:
        """Verify the page's bodies, beside this process where it is worth it. Needs no lock."""
        return self.verifiers.open(page, directory=self.directory(), now=self.clock())

    def apply(self, opened: inbox.OpenedPage) -> Applied:
        """Judge and store a page; durable once it returns.

        Raises `Malformed` if the page does not fit the position, `FeedFork` if the sender signed another history
        before.
        """
        try:
            return self._apply(opened)
        except _Forked as error:
            with self.database.write() as connection:
                evidence.stop(
                    connection, opened.page.feed, error.found, directory=self.directory(), now=self.clock()
                )  # fmt: skip
            raise FeedFork("the sender signed another history of this feed before") from None

    def _apply(self, opened: inbox.OpenedPage) -> Applied:
        page, directory, now = opened.page, self.directory(), self.clock()
        with self.database.write() as connection:
            feed = feeds.in_feed(connection, page.feed.sender, page.feed.lane, for_update=True)
            if feed is not None and page.feed.epoch > feed.epoch:
                check_new_epoch(page, held=feed.note)
                feeds.close_in_feed(connection, feed.id)
                feed = None
            if feed is None:
                feed = feeds.begin_in_feed(connection, page.feed.sender, page.feed.lane, epoch=page.feed.epoch, now=now)
            if feed.epoch != page.feed.epoch or feed.size != page.start:
                raise Malformed(f"the page begins at {page.start}, this node stands at {feed.size}")
            fork = evidence.compare(connection, page, feeds.unpack(feed.size, feed.hashes))
            if fork is not None:
                raise _Forked(fork)
            room = stopping.HourlyRoom(connection, self.rules, now)
            effects = inbox.judge(opened, directory=directory, holdings=Shelf(connection), room=room)
            stored = store(
                connection, feed, page.feed.sender, effects, directory=directory, rules=self.rules, now=now
            )  # fmt: skip
            feeds.advance(
                connection, feed.id, page.range, leaves=[entry.e for entry in page.entries], start=page.start,
                note=page.checkpoint.note, head=page.head.size, now=now,
            )  # fmt: skip
            evidence.follow(connection, page, now=now)
            breaches = [(item.n, item.entry.rg) for item in effects if _is_breach(item, page.feed.sender)][:1]
            evidence.of_relays(connection, page.feed, breaches, directory=directory, now=now)
            if page.complete:
                quarantine.report_unexplained(connection, page.feed.sender, now=now)
            disclosing.shown_by(connection, page.log, self, peer=self.peer, now=now)
            receipt = make_receipt(
                connection,
                page.feed,
                page.range,
                feed=feed.id,
                directory=directory,
                signer=self.log_signer,
                now=now,
                witness=self.witness,
            )
            feeds.keep_receipt(connection, feed.id, receipt.token, now=now)
        counts = inbox.summary(effects)
        waiting = sum(isinstance(effect, inbox.Quarantine) and effect.recall is not None for effect in effects)
        if waiting:
            log.error("recalls wait for a person", peer=page.feed.sender, count=waiting)
        return Applied(
            size=page.range.size,
            receipt=receipt.token,
            stored=stored,
            quarantined=counts.get("quarantine", 0),
        )


def _is_breach(effect: inbox.Effect, sender: str) -> TypeGuard[inbox.Quarantine]:
    """Whether a hub passed on what it was not let, by the look of it; `evidence` proves it."""
    return (
        isinstance(effect, inbox.Quarantine)
        and effect.leaf is not None
        and effect.leaf.iss not in {"", sender}
        and effect.problem in {ProblemType.NO_RELAY_GRANT, ProblemType.GRANT_EXCEEDED}
    )


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is held (`federation.ports.Holdings`), asked inside the transaction."""

    connection: Connection

    def held(self, keys: Any) -> dict[tuple[str, str], Held]:
        """What is held of each (iss, rid)."""
        return records.held(self.connection, keys)


class _Forked(Exception):  # noqa: N818 - the transaction ends without a trace, and the proof is kept in the next one
    """Two histories of the feed are proven."""

    def __init__(self, found: Evidence) -> None:
        super().__init__()
        self.found = found


def store(
    connection: Connection, feed: Row[Any], sender: str, effects: Sequence[inbox.Effect], *, directory: Directory,
    now: int, rules: RecallRules = DEFAULT_RULES,
) -> int:  # fmt: skip
    """Write the effects of a page, in order; returns how many versions are now held that were not.

    Of what arrives when its time of keeping is over only the name is kept.
    """
    fresh: list[inbox.Store] = []
    for effect in effects:
        if _too_late(effect, now):
            _flush(connection, fresh, now=now)
            if not isinstance(effect, inbox.Await):  # its sender does not show it any more, and nobody would keep it
                _name_only(connection, effect, now=now)
            continue
        match effect:
            case inbox.Store() if effect.gc == 1 and effect.record.ver == 1 and not effect.pending:
                fresh.append(effect)
                if effect.entry.rg is not None:
                    duties.received(connection, effect.leaf, effect.entry.rg, now=now)
            case inbox.Entomb():
                _flush(connection, fresh, now=now)
                _entomb(connection, feed, sender, effect, rules=rules, now=now)
            case inbox.Quarantine():
                _flush(connection, fresh, now=now)
                _put_aside(connection, feed, sender, effect, directory=directory, now=now)
            case inbox.Await():
                quarantine.wait_for(connection, feed.id, sender, effect, now=now)
            case inbox.Skip():
                pass
            case _:
                _flush(connection, fresh, now=now)
                _change(connection, effect, now=now)
                if isinstance(effect, inbox.Store | inbox.Extend):
                    _unless_whole(connection, feed, sender, effect, now=now)
    _flush(connection, fresh, now=now)
    restricting.enforce(
        connection, {(effect.leaf.iss, effect.leaf.rid) for effect in effects if isinstance(effect, inbox.Store)}
    )
    return sum(isinstance(effect, inbox.Store | inbox.Extend | inbox.Along) for effect in effects)


def _put_aside(
    connection: Connection, feed: Row[Any], sender: str, effect: inbox.Quarantine, *, directory: Directory, now: int
) -> None:
    """Keep an entry aside, with what follows from its reason: proof of a dispute, a recall that waits for a person."""
    if effect.dispute is not None:
        dispute(connection, effect.dispute, directory=directory, now=now)
    if effect.recall is not None:
        item = effect.recall
        recalls.came(connection, feed=feed.id, n=effect.n, iss=item.iss, rid=item.rid)
        stopping.hold(connection, item, came_by=sender, now=now)
    quarantine.put(connection, feed.id, sender, effect, now=now)


def _change(
    connection: Connection,
    effect: inbox.Store | inbox.Extend | inbox.Along | inbox.Reduce | inbox.Tighten,
    *,
    now: int,
) -> None:
    """Write an effect on a record of which something may be held; where it was passed on, that is looked at again."""
    leaf = effect.leaf
    match effect:
        case inbox.Store():
            _replace(connection, effect, now=now)
            if effect.record.kind == addressing.KIND:
                _annotation(connection, leaf.iss, leaf.rid)
            duties.received(connection, leaf, effect.entry.rg, now=now)
        case inbox.Extend():
            _extend(connection, effect)
            duties.received(connection, leaf, effect.entry.rg, now=now)
        case inbox.Along():
            roads.apply(connection, effect, now=now)
            if effect.record is not None and effect.record.kind == addressing.KIND:
                _annotation(connection, leaf.iss, leaf.rid)
            if effect.sender == leaf.iss:
                duties.received(connection, leaf, effect.entry.rg, now=now)
        case inbox.Reduce():
            _reduce(connection, effect, now=now)
            duties.taken_back(connection, leaf.iss, leaf.rid)
        case inbox.Tighten():
            _tighten(connection, effect, now=now)
            duties.touched(connection, leaf.iss, leaf.rid)
        case _:
            assert_never(effect)


def make_receipt(
    connection: Connection, feed_id: FeedId, compact: merkle.CompactRange, *, feed: int, directory: Directory,
    signer: Signer, now: int, witness: bool = True,
) -> Receipt:  # fmt: skip
    """Sign that this node has the feed up to its present size, with what is in quarantine.

    With `witness` the newest checkpoint of this node's disclosure log goes with it: `connection` is one that may write.
    """
    held, total = quarantine.of_feed(connection, feed)
    return sign_receipt(
        fed=directory.fed, feed=feed_id, size=compact.size, root=compact.root(),
        quarantined=[Quarantined(row.n, row.problem) for row in held], quarantined_total=total,
        erased=[
            {"rid": row.rid, "ver": row.ver, "at": row.erased_at}
            | ({"iss": row.iss} if row.iss != feed_id.sender else {})
            for row in recalls.erased_by(connection, feed)
        ],
        directory_version=directory.version, signer=signer, now=now,
        log=disclosing.checkpoint(connection, fed=directory.fed, node=feed_id.recipient, signer=signer)
        if witness
        else None,
    )  # fmt: skip


def _flush(connection: Connection, fresh: list[inbox.Store], *, now: int) -> None:
    """First versions of new records, the common case, go in together; what comes after them sees them."""
    if fresh:
        records.keep(connection, [_version(effect) for effect in fresh], now=now)
        for effect in fresh:
            if effect.record.kind == addressing.KIND:
                _annotation(connection, effect.record.iss, effect.record.rid)
        fresh.clear()


def _annotation(connection: Connection, iss: str, rid: str) -> None:
    """Find an annotation by what it is about; one on a record that was recalled falls with it, whenever it comes."""
    row = next((row for row in records.by_key(connection, iss, rid) if row.state == "received" and row.jwt), None)
    if row is None:
        return
    groups = bodies.reopen_row(row).groups
    remarks.keep(connection, iss, rid, groups, at=row.iat)
    if remarks.fallen(connection, [(item["iss"], item["rid"]) for item in addressing.named(groups)]):
        erasing.erase_version(connection, row)


def _version(effect: inbox.Store) -> records.NewVersion:
    item = effect.record
    disclosures = bodies.in_bit_order(item.disclosures, item.index)
    facets, title = item.facets, item.title
    if effect.mask != item.mask:  # some of it was taken back before it came: what is not kept is not looked at
        disclosures = [
            text for bit, text in zip(bodies.bits(item.mask), disclosures, strict=True) if effect.mask >> bit & 1
        ]
        facets, title = get_schema(item.sch).indexed(bodies.reopen(item.jwt, disclosures).groups)
    return records.NewVersion(
        iss=item.iss, rid=item.rid, ver=item.ver, kind=item.kind, sch=item.sch, jh=item.jh, jwt=item.jwt,
        disclosures=disclosures, mask=effect.mask, width=item.width, iat=item.iat,
        prev=item.prev, handling=_text(effect.handling), title=title,
        state="received" if effect.newest else "superseded", pending=effect.pending, gc=effect.gc,
        facets=facets,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _text(handling: Handling) -> str:
    return json.dumps(handling.to_json())


def _replace(connection: Connection, effect: inbox.Store, *, now: int) -> None:
    """A version of a record of which something is held: the same one anew, a newer or an older one."""
    there: Row[Any] | None = None
    since = now
    for row in records.by_key(connection, effect.leaf.iss, effect.leaf.rid):
        if row.ver == effect.record.ver:
            if row.state == records.ERASED:  # for a data subject: whoever brings this version again brings nothing
                records.set_state(connection, [row.id], row.state, gc=effect.gc)
                _unbind(connection, replace(effect, pending=False))
                return
            if row.jwt and row.jh == effect.record.jh:
                since = row.accepted_at  # the same bytes: a key that was revoked later counts by when they first came
            erasing.unindex(connection, row)
            there = row
        elif effect.newest and row.state == "received":
            erasing.unindex(connection, row)
            records.set_state(connection, [row.id], "superseded")
    version = _version(effect)
    if there is None:
        (row_id,) = records.keep(connection, [version], now=now)
    else:
        # The version keeps its row: a hub's feeds point to it.
        row_id = there.id
        records.put_in_place(connection, row_id, version, accepted_at=since)
        indexing.again(connection, row_id)
    if not effect.newest:
        records.drop_facets(connection, row_id, version.kind, version.iss, version.facets)
    _unbind(connection, effect)


def _unbind(connection: Connection, effect: inbox.Store | inbox.Extend) -> None:
    """A body was taken in: older withdrawals need not be remembered, and what it brings need not be waited for."""
    iss, rid = effect.leaf.iss, effect.leaf.rid
    bounds.forget(connection, iss, rid, below=effect.gc)
    if not effect.pending:
        erasing.explain(connection, iss, rid, gc=effect.gc)


def _unless_whole(
    connection: Connection, feed: Row[Any], sender: str, effect: inbox.Store | inbox.Extend, *, now: int
) -> None:
    """Fewer groups came than were granted: wait for what explains it, as for a body that did not come at all."""
    if effect.pending:
        waiting = inbox.Await(effect.n, effect.leaf, effect.entry)
        quarantine.wait_for(connection, feed.id, sender, waiting, now=now)


def _too_late(effect: inbox.Effect, now: int) -> TypeGuard[inbox.Store | inbox.Extend | inbox.Await]:
    """Whether what an entry brings, or should bring, may not be kept any more."""
    if isinstance(effect, inbox.Store | inbox.Extend):
        return is_over(effect.handling.keep_until, now)
    return isinstance(effect, inbox.Await) and is_over(time_of(effect.leaf.grant), now)


def _name_only(connection: Connection, effect: inbox.Store | inbox.Extend, *, now: int) -> None:
    """A version that came too late to be kept: it is known by name, and what it supersedes is superseded."""
    leaf, known = effect.leaf, False
    for row in records.by_key(connection, leaf.iss, leaf.rid):
        if row.ver == leaf.ver:
            known = True
            if row.jwt:
                sweeping.expire(connection, row, now=now, gc=effect.gc)
            else:
                records.set_state(connection, [row.id], row.state, gc=effect.gc)
        elif row.ver < leaf.ver and row.state == "received":
            erasing.unindex(connection, row)
            records.set_state(connection, [row.id], "superseded")
    if not known:
        records.reserve(
            connection, iss=leaf.iss, rid=leaf.rid, ver=leaf.ver, jh=leaf.jh, gc=effect.gc, now=now,
            state=records.EXPIRED,
        )  # fmt: skip
    bounds.forget(connection, leaf.iss, leaf.rid, below=effect.gc)
    erasing.explain(connection, leaf.iss, leaf.rid, gc=effect.gc)


def dispute(connection: Connection, found: inbox.Dispute, *, directory: Directory, now: int) -> None:
    """Two versions that their issuer cannot both have meant: both JWTs are kept as proof, and neither is used."""
    item = found.record
    evidence.of_versions(
        connection, iss=item.iss, rid=item.rid, ver=item.ver, held=found.held, jwt=item.jwt, directory=directory,
        now=now,
    )  # fmt: skip
    for row in records.by_key(connection, item.iss, item.rid):
        if row.ver == found.held and row.state in {*records.LIVE, "superseded", "forked"}:
            erasing.unindex(connection, row)
            records.set_state(connection, [row.id], found.state)


def _extend(connection: Connection, effect: inbox.Extend) -> None:
    """More groups of a held version: both sets of disclosures, in the order of their bits."""
    item = effect.record
    for row in records.by_key(connection, effect.leaf.iss, effect.leaf.rid):
        if row.ver != item.ver:
            continue
        held = dict(zip(bodies.bits(int(row.mask, 16)), row.disclosures.split("~"), strict=True))
        held |= {item.index[group]: text for group, text in item.disclosures.items()}
        kept = [held[bit] for bit in bodies.bits(effect.mask)]
        handling = strictest(Handling.from_json(json.loads(row.handling)), effect.handling)
        _rewrite(
            connection, row, kept, effect.mask, gc=effect.gc, handling=_text(handling), pending=effect.pending
        )  # fmt: skip
    _unbind(connection, effect)


def _reduce(connection: Connection, effect: inbox.Reduce, *, now: int) -> None:
    """What is not in the new mask is erased; of other versions than the one named, everything."""
    leaf = effect.leaf
    rows = records.by_key(connection, leaf.iss, leaf.rid)
    if any(row.jwt and (int(row.mask, 16) & ~leaf.gm or (row.ver, row.jh) != (leaf.ver, leaf.jh)) for row in rows):
        keeping.tell_of_withdrawal(connection, leaf.iss, leaf.rid, keeping.REDUCED, now)
    for row in rows:
        same = (row.ver, row.jh) == (leaf.ver, leaf.jh)
        held = int(row.mask, 16)
        left = held & leaf.gm if same else 0
        if not row.jwt:
            records.set_state(connection, [row.id], row.state, gc=leaf.gc)
        elif not left:
            erasing.erase_version(connection, row, gc=leaf.gc)
        else:
            if left != held:
                erasing.spare(connection, row)
            kept = bodies.chosen(row.disclosures, held, left)
            _rewrite(
                connection, row, kept, left, gc=leaf.gc, handling=row.handling, pending=left != leaf.gm
            )  # fmt: skip
    _remember(connection, rows, effect, now=now)
    erasing.explain(connection, leaf.iss, leaf.rid, gc=leaf.gc)


def _tighten(connection: Connection, effect: inbox.Tighten, *, now: int) -> None:
    leaf = effect.leaf
    rows = records.by_key(connection, leaf.iss, leaf.rid)
    for row in rows:
        if row.jwt:
            handling = strictest(Handling.from_json(json.loads(row.handling)), effect.handling)
            if is_over(handling.keep_until, now):
                sweeping.expire(connection, row, now=now, gc=leaf.gc)
                continue
            records.replace_handling(connection, row.id, handling=_text(handling), gc=leaf.gc)
        else:
            records.set_state(connection, [row.id], row.state, gc=leaf.gc)
    _remember(connection, rows, effect, now=now)


def _remember(
    connection: Connection, rows: Sequence[Row[Any]], effect: inbox.Reduce | inbox.Tighten, *, now: int
) -> None:
    """Remember a withdrawal: the urgent lane is faster, and what it takes back must not come in by the bulk lane."""
    leaf = effect.leaf
    if all(row.ver != leaf.ver for row in rows):
        records.reserve(connection, iss=leaf.iss, rid=leaf.rid, ver=leaf.ver, jh=leaf.jh, gc=leaf.gc, now=now)
    before = bounds.find(connection, leaf.iss, [leaf.rid]).get(leaf.rid)
    bounds.put(connection, leaf.iss, leaf.rid, inbox.bind(before, effect))


def _entomb(
    connection: Connection, feed: Row[Any], sender: str, effect: inbox.Entomb, *, rules: RecallRules, now: int,
    decided_by: str | None = None,
) -> None:  # fmt: skip
    """A recall takes effect, and goes on to everybody to whom this node passed the record on."""
    leaf = effect.leaf
    recalls.came(connection, feed=feed.id, n=effect.n, iss=leaf.iss, rid=leaf.rid)
    stopping.entomb(connection, effect.record, came_by=sender, rules=rules, now=now, decided_by=decided_by)
    recalling.forward(connection, effect.record, came_by=sender, now=now)


def approve(connection: Connection, iss: str, rid: str, *, by: str, rules: RecallRules, now: int) -> None:
    """A person lets a recall take effect that was held. Raises `NotFound` where none waits."""
    row = stopping.held(connection, iss, rid)
    tombstone = reopen_record(row.jwt, [])
    stopping.entomb(connection, tombstone, came_by=row.came_by, rules=rules, now=now, decided_by=by)
    recalling.forward(connection, tombstone, came_by=row.came_by, now=now)


def _rewrite(
    connection: Connection,
    row: Row[Any],
    disclosures: Sequence[str],
    mask: int,
    *,
    gc: int,
    handling: str,
    pending: bool,
) -> None:
    """Hold other groups of the same version, and be found by those alone: only the facets that differ are touched."""
    schema = get_schema(row.sch)
    opened = bodies.reopen(row.jwt, disclosures)
    if row.state in records.LIVE:
        before = schema.facets(bodies.reopen_row(row).groups)
        records.change_facets(connection, row.id, kind=row.kind, iss=row.iss, before=before, after=opened.facets)
    records.forget_words(connection, row.id)
    records.replace_content(
        connection, row.id, disclosures=disclosures, mask=mask, title=opened.title, gc=gc, handling=handling,
        pending=pending, day=opened.facets.day,
    )  # fmt: skip
    if row.state in records.LIVE:
        indexing.again(connection, row.id)


def retry(connection: Connection, row: Row[Any], *, node: str, directory: Directory, now: int) -> inbox.Effect:
    """Judge a quarantined entry with today's directory and holdings, by the same steps as when it came.

    `node` is this node. A relay grant counts if it was in force when the entry first came. Tombstones and higher
    versions win as always. The entry leaves quarantine unless it is refused again.
    """
    entry = PageEntry(row.leaf, row.body, row.relay_grant)
    if row.problem in WAITS_FOR_A_PERSON:  # `tidewaiter recalls approve` decides it, and no retry
        return inbox.Quarantine(row.n, None, entry, ProblemType(row.problem), row.detail)
    key = (row.iss, row.rid) if row.iss else None
    held = records.held(connection, [key]) if key else {}
    effect: inbox.Effect
    try:
        leaf = parse_leaf(row.leaf)
    except Malformed as error:
        effect = inbox.Quarantine(row.n, None, entry, error.problem, error.detail)
    else:
        effect = inbox.judge_entry(
            row.n, entry, leaf, road=inbox.Road(row.sender, node, row.at), directory=directory, held=held,
            verify=lambda token: verify_record(token, directory=directory, now=now),
        )  # fmt: skip
    if isinstance(effect, inbox.Quarantine):
        if effect.dispute is not None:
            dispute(connection, effect.dispute, directory=directory, now=now)
        quarantine.retried(connection, row.id, effect.problem, effect.detail, now=now)
        return effect
    if isinstance(effect, inbox.Await):  # there is still no body to take in
        return effect
    quarantine.release(connection, row.id, now=now)
    store(connection, feeds.in_feed_by_id(connection, row.feed), row.sender, [effect], directory=directory, now=now)
    return effect
