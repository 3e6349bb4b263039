"""Check what a node has on disk against itself, and against the signatures it holds (`tidewaiter fsck`).

What is checked, in this order; each step only reads:

 1. the database's own consistency (SQLite);
 2. outgoing feeds: entries without gaps, compact ranges rebuilt from the leaves, snapshots, receipts;
 3. incoming feeds: the same, and the sender's signed checkpoint over them;
 4. records: every stored version verifies again, hash and mask are those of the row, recalled ones are empty;
 5. facets: live records are found by exactly what their held groups say, and nothing else is found;
 6. entry, record, grant and disclosure row of everything that went out agree, and decisions have their hash;
 7. nothing is held that the sender's newest entry does not grant;
 8. drafts and the records that came of them.

Trust: a database whose keeper rewrote it with care passes all but 3 and 4, which rest on signatures of others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, func, select, text

from crypto import b64, jcs, merkle
from crypto.checkpoint import open_checkpoint
from crypto.errors import CryptoError
from federation.envelope import verify_record
from federation.errors import FederationError, Malformed
from federation.feed import FeedId, Leaf, key_name, parse_leaf
from federation.receipts import verify_receipt
from federation.records import get_schema
from node.services import bodies
from node.storage import feeds, recalls, records
from node.storage.tables import (
    decision,
    disclosure,
    draft,
    entry_in,
    entry_out,
    facet,
    feed_in,
    feed_out,
    grant_out,
    range_out,
    record,
    tombstone,
)

if TYPE_CHECKING:
    from federation.directory import Directory
    from node.storage.database import Database

STEP: Final = 500
RESTORE: Final = "restore the database from a backup taken before it was damaged"
Progress = Callable[[str, int, int], None]
"""Called with what is being checked, how far it is, and how much there is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold."""

    where: str
    wrong: str
    remedy: str = RESTORE

    def to_json(self) -> dict[str, str]:
        """The members of `--json`."""
        return {"where": self.where, "wrong": self.wrong, "remedy": self.remedy}


def fsck(
    database: Database, *, node: str, directory: Directory | None, now: int, progress: Progress | None = None
) -> list[Finding]:
    """Everything that does not hold. `directory` None (no federation joined): signatures cannot be checked."""
    tell = progress or (lambda _what, _done, _all: None)
    with database.read() as connection:
        check = _Check(connection, node, directory, now, tell)
        return list(check.run())


class _Check:
    def __init__(
        self, connection: Connection, node: str, directory: Directory | None, now: int, tell: Progress
    ) -> None:
        self.connection, self.node, self.directory, self.now, self.tell = connection, node, directory, now, tell

    def run(self) -> Iterator[Finding]:
        yield from self._database()
        if self.directory is None and self.connection.scalar(select(func.count()).select_from(record)):
            yield Finding("directory", "is not there, and records are: nothing signed can be checked", "join again")
        for row in self.connection.execute(select(feed_out).order_by(feed_out.c.id)).all():
            yield from self._out_feed(row)
        for row in self.connection.execute(select(feed_in).order_by(feed_in.c.id)).all():
            yield from self._in_feed(row)
        yield from self._records()
        yield from self._stray_facets()
        recipients = self.connection.scalars(select(feed_out.c.recipient).distinct().order_by(feed_out.c.recipient))
        for recipient in recipients.all():
            yield from self._given(recipient)
        yield from self._decisions()
        senders = self.connection.scalars(select(feed_in.c.sender).distinct().order_by(feed_in.c.sender))
        for sender in senders.all():
            yield from self._held(sender)
        yield from self._drafts()

    def _database(self) -> Iterator[Finding]:
        """Step 1."""
        if self.connection.dialect.name == "sqlite":
            for line in self.connection.scalars(text("PRAGMA integrity_check(20)")):
                if line != "ok":
                    yield Finding("database", str(line))

    # Steps 2 and 3: feeds.

    def _rebuild(self, name: str, table: Any, row: Row[Any]) -> Iterator[Finding | merkle.CompactRange]:
        """Findings about a feed's entries, and the compact range at every size at which one is asked for."""
        compact = merkle.CompactRange()
        found = self.connection.execute(
            select(table.c.n, table.c.leaf).where(table.c.feed == row.id).order_by(table.c.n)
        )
        for n, leaf in found:
            if n != compact.size:
                yield Finding(name, f"entry {compact.size} is missing")
                return
            try:
                if parse_leaf(leaf).n != n:
                    yield Finding(f"{name} entry {n}", "the leaf bears another number")
            except Malformed as error:
                # A peer may have sent such a leaf: it is chained, and its entry is in quarantine. Ours are sound.
                if table is entry_out:
                    yield Finding(f"{name} entry {n}", error.detail)
            compact = compact.append(merkle.leaf_hash(leaf.encode()))
            if compact.size % STEP == 0:
                self.tell(name, compact.size, row.size)
            if compact.size % feeds.SNAPSHOT_EVERY == 0:
                yield compact
        yield compact

    def _out_feed(self, row: Row[Any]) -> Iterator[Finding]:
        """Step 2."""
        name = f"feed to {row.recipient}, {row.lane}, epoch {row.epoch}"
        kept = select(range_out.c.size, range_out.c.hashes).where(range_out.c.feed == row.id)
        snapshots: dict[int, bytes] = {one.size: one.hashes for one in self.connection.execute(kept)}
        last = merkle.CompactRange()
        for item in self._rebuild(name, entry_out, row):
            if isinstance(item, Finding):
                yield item
                continue
            last = item
            if item.size in snapshots and snapshots[item.size] != feeds.pack(item):
                yield Finding(name, f"the range kept at size {item.size} is not that of the leaves")
        if (last.size, feeds.pack(last)) != (row.size, row.hashes):
            yield Finding(name, f"says size {row.size}; its leaves make another range of size {last.size}")
        yield from self._receipt(name, row, last)

    def _receipt(self, name: str, row: Row[Any], last: merkle.CompactRange) -> Iterator[Finding]:
        if row.receipt is None or self.directory is None:
            return
        try:
            receipt = verify_receipt(row.receipt, directory=self.directory, now=row.receipt_at)
        except FederationError as error:
            yield Finding(name, f"the receipt does not verify: {error}", "ask the peer for a new receipt")
            return
        if receipt.size != row.receipt_size or receipt.size > last.size:
            yield Finding(name, f"the receipt is for size {receipt.size}, noted is {row.receipt_size}")
        elif feeds.range_at(self.connection, row.id, receipt.size).root() != receipt.root:
            yield Finding(name, "the peer's receipt is over another history")

    def _in_feed(self, row: Row[Any]) -> Iterator[Finding]:
        """Step 3."""
        name = f"feed from {row.sender}, {row.lane}, epoch {row.epoch}"
        last = merkle.CompactRange()
        for item in self._rebuild(name, entry_in, row):
            if isinstance(item, Finding):
                yield item
            else:
                last = item
        if (last.size, feeds.pack(last)) != (row.size, row.hashes):
            yield Finding(name, f"says size {row.size}; its leaves make another range of size {last.size}")
        if row.note is None or self.directory is None:
            return
        feed = FeedId(row.sender, self.node, row.lane, row.epoch)
        try:
            signed = open_checkpoint(
                row.note,
                origin=feed.origin(self.directory.fed),
                key_name=key_name(self.directory.fed, row.sender),
                keys=self.directory.keys_of(row.sender, "log"),
            )
        except CryptoError as error:
            yield Finding(name, f"the sender's checkpoint does not verify: {error}")
            return
        if (signed.size, signed.root) != (last.size, last.root()):
            yield Finding(name, "the entries held are not those under the sender's checkpoint")

    # Steps 4 and 5: records and facets.

    def _records(self) -> Iterator[Finding]:
        total = self.connection.scalar(select(func.count()).select_from(record)) or 0
        gone = {(one.iss, one.rid) for one in self.connection.execute(select(tombstone.c.iss, tombstone.c.rid))}
        over = {(one.iss, one.rid) for one in recalls.due(self.connection, now=self.now, limit=1_000_000)}
        start = done = 0
        while rows := self.connection.execute(
            select(record).where(record.c.id > start).order_by(record.c.id).limit(STEP)
        ).all():
            start = rows[-1].id
            kept: dict[int, set[tuple[str, str, str]]] = {}
            ids = [row.id for row in rows]
            for field, value, day, row_id in self.connection.execute(
                select(facet.c.field, facet.c.value, facet.c.day, facet.c.record).where(facet.c.record.in_(ids))
            ):
                kept.setdefault(row_id, set()).add((field, value, day))
            for row in rows:
                yield from self._record(
                    row, kept.get(row.id, set()), recalled=(row.iss, row.rid) in gone,
                    over=(row.iss, row.rid) in over,
                )  # fmt: skip
            done += len(rows)
            self.tell("records", done, total)

    def _record(
        self, row: Row[Any], kept: set[tuple[str, str, str]], *, recalled: bool, over: bool
    ) -> Iterator[Finding]:
        name = f"record {row.iss} {row.rid} version {row.ver}"
        if not row.jwt:
            if row.state in records.LIVE or row.disclosures or kept:
                yield Finding(name, "its content is erased, and it is still in use")
            return
        if recalled and (over or row.state != records.STOPPED):
            yield Finding(
                name, "was recalled, and its content is still here", "`tidewaiter serve` erases it, within a minute"
            )
        try:
            opened = bodies.reopen_row(row)
            if self.directory is not None:
                token = bodies.presentation(row.jwt, row.disclosures, int(row.mask, 16), int(row.mask, 16))
                # By the time of its acceptance, as far as the key's window goes (protocol, section 2).
                verify_record(token, directory=self.directory, now=self.now)
        except (CryptoError, FederationError, ValueError, KeyError) as error:
            yield Finding(name, f"does not verify: {error}")
            return
        told = (opened.iss, opened.rid, opened.ver, opened.jh, opened.mask, opened.width)
        if told != (row.iss, row.rid, row.ver, row.jh, int(row.mask, 16), row.width):
            yield Finding(name, "the signed record is not the one that its row names")
        wanted = set(_facets(row, opened.groups)) if row.state in records.LIVE else set()
        for field, _value, _day in sorted(wanted - kept):
            yield Finding(name, f"is not found by its {field}")
        for field, _value, _day in sorted(kept - wanted):
            yield Finding(name, f"is found by a {field} that it does not tell")

    def _stray_facets(self) -> Iterator[Finding]:
        strays = select(func.count()).select_from(facet).where(facet.c.record.not_in(select(record.c.id)))
        count = self.connection.scalar(strays)
        if count:
            yield Finding("facets", f"{count} belong to no record")

    # Steps 6 and 7: what was given, what was got.

    def _given(self, recipient: str) -> Iterator[Finding]:
        newest: dict[tuple[str, str], Leaf] = {}
        statement = (
            select(
                feed_out.c.id, feed_out.c.lane, entry_out.c.n, entry_out.c.leaf, entry_out.c.mask,
                record.c.iss, record.c.rid, record.c.ver, record.c.jh, entry_out.c.record,
                func.count(disclosure.c.id).label("rows"),
            )
            .select_from(
                entry_out.join(feed_out, feed_out.c.id == entry_out.c.feed)
                .outerjoin(record, record.c.id == entry_out.c.record)
                .outerjoin(
                    disclosure,
                    (disclosure.c.feed == entry_out.c.feed)
                    & (disclosure.c.n == entry_out.c.n)
                    & (disclosure.c.action == "feed"),
                )
            )
            .where(feed_out.c.recipient == recipient)
            .group_by(
                feed_out.c.id, feed_out.c.lane, entry_out.c.n, entry_out.c.leaf, entry_out.c.mask, record.c.iss,
                record.c.rid, record.c.ver, record.c.jh, entry_out.c.record,
            )
            .order_by(feed_out.c.id, entry_out.c.n)
        )  # fmt: skip
        for row in self.connection.execute(statement):
            name = f"entry {row.n} of the {row.lane} feed to {recipient}"
            try:
                leaf = parse_leaf(row.leaf)
            except Malformed:
                continue  # told with the feed
            if leaf.op == "epoch":  # it discloses nothing
                continue
            if row.rows != 1:
                yield Finding(name, f"has {row.rows} rows in the disclosure log instead of one")
            shown = int(row.mask, 16)
            if shown & ~leaf.gm or (leaf.op != "more" and shown != leaf.gm):  # `more` shows only what is added
                yield Finding(name, "the mask beside the leaf is not the leaf's")
            named = (leaf.iss, leaf.rid, leaf.ver, leaf.jh)
            if row.record is not None and (row.iss, row.rid, row.ver, row.jh) != named:
                yield Finding(name, "its body is not the record that the leaf names")
            before = newest.get((leaf.iss, leaf.rid))
            if before is None or leaf.gc > before.gc:
                newest[leaf.iss, leaf.rid] = leaf
        yield from self._grants(recipient, newest)

    def _grants(self, recipient: str, newest: dict[tuple[str, str], Leaf]) -> Iterator[Finding]:
        for grant in self.connection.execute(select(grant_out).where(grant_out.c.recipient == recipient)):
            name = f"grant of {grant.iss} {grant.rid} to {recipient}"
            leaf = newest.pop((grant.iss, grant.rid), None)
            if leaf is None:
                yield Finding(name, "has no entry in a feed: the recipient never got it")
            elif (leaf.gc, leaf.ver, leaf.gm) != (grant.gc, grant.ver, int(grant.mask, 16)):
                yield Finding(name, "is not what the newest entry says")
        for iss, rid in newest:
            yield Finding(f"entry of {iss} {rid} to {recipient}", "went out without a grant")

    def _decisions(self) -> Iterator[Finding]:
        for row in self.connection.execute(select(decision)):
            digest = b64.encode(hashlib.sha256(jcs.profile_bytes(json.loads(row.body))).digest())
            if digest != row.hash:
                yield Finding(f"decision {row.hash}", "was changed after it was made")
        known = select(decision.c.hash)
        lost = self.connection.scalar(
            select(func.count()).select_from(grant_out).where(grant_out.c.decision.not_in(known))
        )
        if lost:
            yield Finding("decisions", f"{lost} grants have no stored decision: nobody can say why they were made")

    def _held(self, sender: str) -> Iterator[Finding]:
        """Step 7: promise 5 of the protocol, read from the entries that are kept as evidence."""
        newest: dict[str, Leaf] = {}
        statement = (
            select(entry_in.c.leaf)
            .join(feed_in, feed_in.c.id == entry_in.c.feed)
            .where(feed_in.c.sender == sender)
            .order_by(feed_in.c.id, entry_in.c.n)
        )
        for leaf_json in self.connection.scalars(statement):
            try:
                leaf = parse_leaf(leaf_json)
            except Malformed:
                continue
            if leaf.iss == sender and (leaf.rid not in newest or leaf.gc > newest[leaf.rid].gc):
                newest[leaf.rid] = leaf
        for row in self.connection.execute(
            select(record.c.rid, record.c.ver, record.c.mask, record.c.state).where(
                record.c.iss == sender, record.c.jwt != ""
            )
        ):
            name = f"record {sender} {row.rid} version {row.ver}"
            granted = newest.get(row.rid)
            if granted is None:
                yield Finding(name, "is held, and no entry of its sender grants it")
            elif row.ver == granted.ver and int(row.mask, 16) & ~granted.gm:
                yield Finding(name, "holds groups that its sender's newest entry does not grant")

    # Step 8.

    def _drafts(self) -> Iterator[Finding]:
        newest = (
            select(record.c.rid, func.max(record.c.ver).label("ver"))
            .where(record.c.iss == self.node)
            .group_by(record.c.rid)
        )
        latest: dict[str, int] = {one.rid: one.ver for one in self.connection.execute(newest)}
        buried = select(tombstone.c.rid, tombstone.c.ver).where(tombstone.c.iss == self.node)
        # What a peer gave back after a restore counts its recall as the version that is out, and keeps none of it.
        ended: dict[str, int] = {one.rid: one.ver for one in self.connection.execute(buried)}
        for row in self.connection.execute(
            select(draft.c.reference, draft.c.kind, draft.c.state, draft.c.rid, draft.c.ver)
        ):
            name = f"{row.kind} {row.reference}"
            out = latest.pop(row.rid, 0)
            if row.state == "released" and row.ver not in {out, ended.get(row.rid)}:
                yield Finding(name, f"counts as released in version {row.ver}, and version {out or 'none'} is kept")
            if row.state == "draft" and out != row.ver - 1:
                yield Finding(name, f"is the draft of version {row.ver}, and version {out or 'none'} is kept")


def _facets(row: Row[Any], groups: Any) -> Iterator[tuple[str, str, str]]:
    facets = get_schema(row.sch).facets(groups)
    for field, value, day, _ in records.facet_values(row.id, row.kind, row.iss, facets):
        yield field, value, day
