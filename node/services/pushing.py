"""Push, at both ends: pages of this node's feeds for peers that it must call, and pages that peers hand in.

`FeedOutbox` writes the same pages as are served to those who fetch, and keeps the receipts they are answered with.
`take` puts a page that was handed in on the desk on which fetched pages are put: the same checks, the same apply.

Trust: a page that is handed in is a stranger's until the desk has opened it, and its feed must be the signer's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson

from federation.errors import DirectoryStale, FeedEpochRequired, NotFound
from federation.pages import parse_page
from federation.pushing import feed_of, held_of, without
from federation.receipts import verify_receipt
from node.services import disclosing
from node.services.intake import make_receipt
from node.services.serving import Server, accept_receipt
from node.storage import feeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto.signer import Signer
    from federation.directory import Directory
    from federation.feed import FeedId, Lane
    from node.services.intake import PeerDesk
    from node.services.membership import Membership
    from node.storage.database import Database


Road = Literal["fetched", "pushed", "pushes", "bundles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOutbox:
    """This node's feeds to one peer (`federation.ports.Outbox`)."""

    peer: str
    node: str
    database: Database
    membership: Membership
    log_signer: Signer
    clock: Callable[[], int]

    def confirmed(self, lane: Lane) -> int:
        """How far the newest receipt of the peer goes in the newest epoch of the lane."""
        with self.database.read() as connection:
            row = feeds.out_feed(connection, self.peer, lane)
        return 0 if row is None else int(row.receipt_size)

    def page(self, lane: Lane, start: int, limit: int) -> tuple[bytes, int, int]:
        """A page, where it ends, and how long the feed is. Egress: refused while the directory is stale."""
        if self.membership.stale(self.clock()):
            raise DirectoryStale("this node's directory has expired: nothing leaves until it is renewed")
        server = Server(node=self.node, directory=self.membership.current(), log_signer=self.log_signer)
        with self.database.read() as connection:
            row = feeds.out_feed(connection, self.peer, lane)
            data = server.page(
                connection, recipient=self.peer, lane=lane, start=start, limit=limit, note=None, now=self.clock()
            )
        return data, int(orjson.loads(data)["to"]), 0 if row is None else int(row.size)

    def accept(self, lane: Lane, token: str) -> int:
        """Keep the receipt that a pushed page was answered with; returns how far the peer is."""
        receipt = verify_receipt(token, directory=self.membership.current(), now=self.clock())
        if receipt.iss != self.peer or receipt.feed.sender != self.node or receipt.feed.lane != lane:
            raise NotFound("the receipt is for another feed than was pushed")
        with self.database.write() as connection:
            row = feeds.out_feed(connection, self.peer, lane)
            if row is not None and row.epoch == receipt.feed.epoch and receipt.size > row.size:
                raise FeedEpochRequired(
                    f"{self.peer} has confirmed entries that this node no longer has: it was restored from a backup"
                )
            accept_receipt(connection, receipt)
        return receipt.size


def take(desk: PeerDesk, data: bytes) -> str:
    """Take in a page that `desk.peer` handed over, and return the receipt. Blocks: not for the event loop.

    A page that is held already, whole or in part, is answered like a new one: the answer to the first may be lost.
    Raises `NotFound` for a page that is not of the peer's feed to us, `FromBeyondHead` for one that leaves entries out,
    `FeedEpochRequired` for one that shows another history, and what `verify_page` raises. Nothing is kept then.
    """
    page = parse_page(data)
    feed = feed_of(page, sender=desk.peer, recipient=desk.node)
    position = desk.position(feed.lane)
    if feed.epoch == position.epoch:
        count = held_of(page, size=position.size, held=lambda start, end: leaves_held(desk, feed, start, end))
        if page["to"] <= position.size and count:
            return receipt_again(desk, feed, shown=page.get("log"))
        if count:
            data = without(page, count)
    return desk.apply(desk.verify(desk.open(feed.lane, data, None))).receipt


def leaves_held(desk: PeerDesk, feed: FeedId, start: int, end: int) -> list[str]:
    """The leaves of a feed that were taken in, to compare with what comes again."""
    with desk.database.read() as connection:
        return feeds.in_leaves(connection, feed, start, end)


def receipt_again(desk: PeerDesk, feed: FeedId, *, shown: str | None = None) -> str:
    """A receipt for what is held and what is in quarantine today, kept as the newest.

    `shown`: the checkpoint of this node's disclosure log that stood in the peer's page.
    """
    directory, now = desk.directory(), desk.clock()
    with desk.database.write() as connection:
        row = feeds.in_feed(connection, feed.sender, feed.lane, for_update=True)
        if row is None or row.epoch != feed.epoch:
            raise NotFound("no such feed")
        disclosing.shown_by(connection, shown, desk, peer=desk.peer, now=now)
        receipt = make_receipt(
            connection, feed, feeds.unpack(row.size, row.hashes), feed=row.id, directory=directory,
            signer=desk.log_signer, now=now, witness=desk.witness,
        )  # fmt: skip
        feeds.keep_receipt(connection, row.id, receipt.token, now=now)
    return receipt.token


def road_to(directory: Directory, node: str, peer: str) -> Road | None:
    """How pages go to and fro between `node` and a peer; None for the node itself.

    `fetched`: each fetches, or the peer fetches by itself. `pushed`: this node has no address and brings its own pages.
    `pushes`: the peer has none, and brings its. `bundles`: neither has an address; files are carried.
    """
    own, other = directory.member(node), directory.member(peer)
    if own is None or other is None or node == peer:
        return None
    if other.endpoint is None:
        return "bundles" if own.endpoint is None else "pushes"
    return "pushed" if own.endpoint is None else "fetched"
