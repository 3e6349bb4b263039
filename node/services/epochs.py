"""Pages with a new epoch where one is needed: what a peer's request for a page comes to.

A recipient shows the checkpoint that it holds. If that is this node's own word and this node no longer has its history,
then this node was restored from a backup, whether it knew or not: it says so to all (`settlements.mark`), begins epoch
+ 1 of the feed under the feed's lock, and answers `feed-epoch-required` until the two have settled
(`services.reconciling`). A recipient that was itself restored, to before the newest epoch, is settled with again.

Trust: nobody but this node can have signed the checkpoint, so nobody can make it believe that it lost something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from federation.errors import FederationError, FeedEpochRequired, Quota
from node.storage import feeds, settlements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from federation.feed import Lane
    from node.services.serving import Server, Shown
    from node.storage.database import Database

AGAIN_SECONDS: Final = 10
"""A peer that shows old checkpoints again and again makes no more work than this allows."""


def serve(
    database: Database, server: Server, *, recipient: str, lane: Lane, start: int, limit: int, note: str | None,
    now: int,
) -> bytes:  # fmt: skip
    """The page that was asked for (`Server.page`), or the beginning of a new epoch and `FeedEpochRequired`."""
    try:
        with database.read() as connection:
            return server.page(connection, recipient=recipient, lane=lane, start=start, limit=limit, note=note, now=now)
    except FeedEpochRequired:
        if note is not None:
            with database.write() as connection:
                begin(connection, server, recipient, {lane: note}, now=now)
        raise


def begin(connection: Connection, server: Server, recipient: str, notes: Mapping[Lane, str], *, now: int) -> None:
    """Begin a new epoch of each lane whose checkpoint the recipient shows, where it needs one.

    Repeated, it changes nothing. Marks the restoration where a checkpoint is of a history that this
    node never knew or no longer has.
    """
    feeds.ensure(connection, [recipient])
    locked = feeds.lock(connection, [recipient])
    for lane, note in notes.items():
        try:
            shown = server.own(note, recipient, lane)
        except FederationError:
            continue
        newest = feeds.out_feed(connection, recipient, lane)
        if newest is None or feeds.opener(connection, newest.id) == note:
            continue
        pending = settlements.pending(connection, recipient)
        if not _known(connection, server, shown, recipient, lane):
            if not pending:
                settlements.mark(connection, "peer", now=now)
        elif shown.epoch == newest.epoch:
            if not pending:
                continue
        elif not pending:
            _again(connection, recipient, now)
        feeds.begin_epoch(
            connection, recipient, lane, epoch=max(shown.epoch, locked[recipient, lane].epoch) + 1, old=note, now=now
        )


def _known(connection: Connection, server: Server, shown: Shown, recipient: str, lane: Lane) -> bool:
    """Whether the checkpoint is of a history that this node still has, in whichever epoch."""
    row = feeds.epoch_out(connection, recipient, lane, shown.epoch)
    return row is not None and server.continues(connection, shown, row)


def _again(connection: Connection, recipient: str, now: int) -> None:
    newest = settlements.current(connection)
    if newest is None:
        settlements.mark(connection, "peer", now=now)
        return
    row = settlements.of_peer(connection, newest.id, recipient)
    if row is not None and row.settled_at is not None and abs(now - row.settled_at) < AGAIN_SECONDS:
        raise Quota("this feed began a new epoch just now: follow it, or ask again later")
    settlements.reopen(connection, newest.id, recipient)
