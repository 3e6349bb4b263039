"""Answer a peer: pages of its feeds, and what to do with its receipts.

A body is presented as (mask of the entry) ∩ (granted now): what was withdrawn since does not leave with an old entry.
One whose time of keeping is over for the recipient (its floor, this entry's grant, or the newest one) is not presented.
While a policy is not yet applied to a record, "now" is what that policy decides (`gating`).
The checkpoint of a page is signed when it is asked for; the feed's history was fixed when its entries were appended.

Trust: the peer is the one who signed the request. It gets its own feeds and learns nothing of others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, select, update

from crypto import merkle, sdjwt
from crypto.checkpoint import open_checkpoint, sign_checkpoint
from crypto.errors import CryptoError
from federation import keeping
from federation.errors import FeedEpochRequired, FromBeyondHead, Malformed, NotFound, Refused
from federation.feed import FeedId, Lane, key_name, parse_leaf
from federation.pages import MAX_ENTRIES, MAX_PAGE_BYTES, PageEntry, build_page
from node.services import bodies, disclosing, gating, relaying, tripwires
from node.storage import duties, feeds, peerlogs, recalls, settlements
from node.storage.tables import entry_out, feed_out, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto.signer import Signer
    from federation.directory import Directory
    from federation.receipts import Receipt

ROOM: Final = MAX_PAGE_BYTES - 65_536
"""Bytes for entries: what is left of a page for its frame and its two notes."""
ENTRY_FRAME: Final = 32
_RECALLS: Final = '"op":"tomb"'
"""Stands in the text of every leaf that recalls a record, and in no other: quotes inside its texts are escaped."""
ELSEWHERE: Final = "this node signed that checkpoint, and goes on from another history"
SHOWN_STATES: Final = frozenset({"released", "received"})
"""Received versions stand in a feed of this node only where it passes them on as a hub."""
_RELAYED: Final = re.compile(r'"rg":"([A-Za-z0-9_-]{43})"')
"""How a leaf of our own names its relay grants: JCS has one spelling."""
_SETS_A_TIME: Final = f'"{keeping.KEEP_UNTIL}"'
"""A leaf of ours that sets a time of keeping has this text: most set none, and are not read for it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A checkpoint that a recipient shows, now known to be this node's own word."""

    epoch: int
    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Who answers: this node, with the key that signs its checkpoints."""

    node: str
    directory: Directory
    log_signer: Signer

    def page(
        self, connection: Connection, *, recipient: str, lane: Lane, start: int, limit: int, note: str | None, now: int
    ) -> bytes:
        """The page of `recipient`'s feed that begins at `start`, at most `limit` entries and one page's bytes.

        `now`, in seconds, decides which bodies' time of keeping is over.

        Raises `FromBeyondHead` when the recipient claims more than there is, `FeedEpochRequired` when it holds a
        checkpoint of ours whose history this node no longer has, or has to settle with it first (`serve` then begins
        the epoch), `Refused` (bad-signature) when the note is not ours.
        """
        row = feeds.out_feed(connection, recipient, lane)
        epoch, size = (row.epoch, row.size) if row is not None else (0, 0)
        feed = FeedId(self.node, recipient, lane, epoch)
        shown = None if note is None else self.own(note, recipient, lane)
        if shown is not None and shown.size != start:
            raise Malformed("cp is not the checkpoint at the size `from`")
        if settlements.pending(connection, recipient):
            raise FeedEpochRequired("this node was restored from a backup: show it what you hold of its records first")
        if shown is not None and (shown.epoch != epoch or start > size):
            raise FeedEpochRequired(ELSEWHERE)
        begin = self._range(connection, row, start, size)
        if shown is not None and shown.root != begin.root():
            raise FeedEpochRequired(ELSEWHERE)
        entries = []
        if row is not None:
            entries = self._entries(connection, row, recipient, start, min(limit, MAX_ENTRIES), now)
        end = begin.extend(merkle.leaf_hash(entry.e.encode()) for entry in entries)
        head = end if row is None or end.size == size else feeds.unpack(size, row.hashes)
        checkpoint = self._sign(feed, end)
        return build_page(
            feed=feed,
            start=start,
            entries=entries,
            checkpoint=checkpoint,
            head=checkpoint if head.size == end.size else self._sign(feed, head),
            directory_version=self.directory.version,
            log=peerlogs.newest_note(connection, recipient),
        )

    def _range(self, connection: Connection, row: Row[Any] | None, start: int, size: int) -> merkle.CompactRange:
        if start > size:
            raise FromBeyondHead("this feed is shorter than the recipient says", expected=size)
        return merkle.CompactRange() if row is None else feeds.range_at(connection, row.id, start)

    def own(self, note: str, recipient: str, lane: Lane) -> Shown:
        """Open a checkpoint of this node's feed to `recipient`, of any epoch; raises `Refused` for any other note."""
        origin = note.partition("\n")[0]
        try:
            feed = FeedId.parse(origin.removeprefix(f"cnp/{self.directory.fed}/"))
        except Malformed:
            feed = FeedId(self.node, recipient, lane, 0)
        # A note of another feed is not one of this feed: it is opened as what was asked for, and refused as such.
        feed = FeedId(self.node, recipient, lane, feed.epoch)
        name = key_name(self.directory.fed, self.node)
        keys = self.directory.keys_of(self.node, "log")
        try:
            opened = open_checkpoint(note, origin=feed.origin(self.directory.fed), key_name=name, keys=keys)
        except CryptoError as error:
            raise Refused.because(error) from error
        return Shown(feed.epoch, opened.size, opened.root, note)

    @staticmethod
    def continues(connection: Connection, shown: Shown, row: Row[Any] | None) -> bool:
        """Whether the feed of `row` is the one that the recipient has come so far with."""
        epoch, size = (0, 0) if row is None else (row.epoch, row.size)
        if shown.epoch != epoch or shown.size > size:
            return False
        begin = merkle.CompactRange() if row is None else feeds.range_at(connection, row.id, shown.size)
        return shown.root == begin.root()

    def _entries(  # noqa: PLR0917 - called from one place
        self, connection: Connection, row: Row[Any], recipient: str, start: int, limit: int, now: int
    ) -> list[PageEntry]:
        entries: list[PageEntry] = []
        room = ROOM
        items = feeds.out_entries(connection, row.id, recipient, start, limit)
        if not items:
            return entries
        named = {item.n: found[1] for item in items if (found := _RELAYED.search(item.leaf))}
        texts = duties.texts_of(connection, set(named.values()))
        gate = gating.gate(connection, directory=self.directory, recipient=recipient, now=now)
        allowed = {} if gate is None else gate.masks(item.record for item in items if item.record is not None)
        wires = tripwires.load(connection)
        tombstones = _tombstones(connection, items)
        for item in items:
            text = texts.get(named.get(item.n, ""))
            mask = allowed.get(item.record, -1) & self._reach(item.leaf, text, recipient)
            body = tombstones.get(item.n) or _body(item, now, mask)
            if body is not None and wires and item.n not in tombstones and wires.stops_body(item.rid, body, recipient):
                body = None
            # A grant is of use only to who gets the body with it.
            entry = PageEntry(item.leaf, body, text if body is not None else None)
            room -= len(entry.e) + len(entry.s or "") + len(entry.rg or "") + ENTRY_FRAME + entry.e.count('"')
            if room < 0 and entries:
                break
            entries.append(entry)
        return entries

    def _reach(self, leaf: str, grants: str | None, recipient: str) -> int:
        """What of a record that is passed on may still reach who was given it, though it left a group since.

        -1: all. The grants beside an own record are for a hub to use, and say nothing of the hub itself.
        """
        if grants is None or parse_leaf(leaf).iss == self.node:
            return -1
        return relaying.reach(grants, recipient, self.directory)

    def _sign(self, feed: FeedId, compact: merkle.CompactRange) -> str:
        return sign_checkpoint(
            origin=feed.origin(self.directory.fed),
            size=compact.size,
            root=compact.root(),
            key_name=key_name(self.directory.fed, self.node),
            signer=self.log_signer,
        )


def _tombstones(connection: Connection, items: Sequence[Row[Any]]) -> dict[int, str]:
    """The bodies of recalls among the entries: a tombstone is shown to whoever has an entry that names it."""
    leaves = {item.n: parse_leaf(item.leaf) for item in items if _RECALLS in item.leaf}
    keys = {(leaf.iss, leaf.rid) for leaf in leaves.values()}
    kept = recalls.tombstones(connection, keys) if leaves else {}
    further = recalls.further_tombstones(connection, keys) if leaves else {}
    found = {}
    for n, leaf in leaves.items():
        jwt = kept.get((leaf.iss, leaf.rid))
        if jwt is None:
            continue  # the recall is void
        if sdjwt.jwt_hash(jwt) != leaf.jh:
            # Another one has taken its place, or it is one more of the same record.
            jwt = further.get((leaf.iss, leaf.rid, leaf.jh))
        if jwt is not None:
            found[n] = sdjwt.present(jwt, [])
    return found


def _body(item: Row[Any], now: int, allowed: int) -> str | None:
    """What of the entry's record may be shown to the recipient now; None when something later took its place.

    `allowed` bounds it while a policy is applied (-1: not at all).
    """
    if item.jwt is None or item.state not in SHOWN_STATES or item.granted is None or item.granted_ver != item.ver:
        return None
    if keeping.is_over(item.keep_until, now) or keeping.is_over(item.granted_until, now):
        return None
    if _SETS_A_TIME in item.leaf and keeping.is_over(keeping.stated(item.leaf, None), now):
        return None
    wanted = int(item.mask, 16) & int(item.granted, 16) & allowed
    if not wanted:
        return None
    return bodies.presentation(item.jwt, item.disclosures, int(item.held, 16), wanted)


def accept_receipt(connection: Connection, receipt: Receipt) -> bool:
    """Keep a peer's receipt if it is newer than the one held; True if it was. Its entries count as shared.

    Raises `NotFound` for a feed that is not ours, `FromBeyondHead` for a size that the feed has never had, and
    `Malformed` when the root is not the feed's root at that size.
    """
    row = connection.execute(
        select(feed_out)
        .where(
            feed_out.c.recipient == receipt.feed.recipient,
            feed_out.c.lane == receipt.feed.lane,
            feed_out.c.epoch == receipt.feed.epoch,
        )
        .with_for_update()
    ).first()
    if row is None:
        raise NotFound("no such feed")
    if receipt.size > row.size:
        raise FromBeyondHead("the receipt is for more than the feed has", expected=row.size)
    if feeds.range_at(connection, row.id, receipt.size).root() != receipt.root:
        raise Malformed("the receipt's root is not the root of the feed at that size")
    if receipt.log is not None:
        disclosing.keep(connection, receipt.iss, receipt.log, came_by="receipt", now=receipt.iat)
    if (receipt.size, receipt.iat) < (row.receipt_size, row.receipt_at or 0):
        return False
    connection.execute(
        update(feed_out)
        .where(feed_out.c.id == row.id)
        .values(receipt_size=receipt.size, receipt_at=receipt.iat, receipt=receipt.token)
    )
    covered = (
        select(entry_out.c.record)
        .distinct()
        .where(
            entry_out.c.feed == row.id,
            entry_out.c.n >= row.receipt_size,
            entry_out.c.n < receipt.size,
            entry_out.c.record.is_not(None),
            # What the peer holds back is confirmed as received, and shared with nobody.
            entry_out.c.n.not_in([item.n for item in receipt.quarantined]),
            entry_out.c.record.not_in(select(shared.c.record)),
        )
    )
    connection.execute(shared.insert().from_select(["record"], covered))
    erased = [
        (item.get("iss"), item["rid"], item["at"])
        for item in receipt.erased
        if isinstance(item.get("rid"), str) and type(item.get("at")) is int and isinstance(item.get("iss", ""), str)
    ]
    recalls.confirm(connection, feed=row.id, size=receipt.size, erased=erased)
    return True
