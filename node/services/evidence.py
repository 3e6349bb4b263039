"""Notice when a peer signs two things that cannot both be honest, keep the proof, and raise the alarm.

Everything that is kept is proven first by the prover that any third party will use (`federation.evidence`), with this
node's directory; what does not prove itself is kept as this node's own observation, and told as such.

The alarm is a row (`tidewaiter evidence list`, `/api/v1/evidence`, counts in `/api/v1/node`) and a log line without
content. Left to others: what follows for the record (`intake`) and for the member (people).

Trust: the parts come from peers. Nothing is said of anybody that the accused's own signature does not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import select

from crypto import b64, merkle
from federation.errors import FederationError, FeedFork
from federation.evidence import Evidence, feed_fork, prove, record_equivocation, relay_breach, version_fork
from federation.evidence.entry import entry_parts
from node.storage import evidence as kept
from node.storage import feeds, records
from node.storage.tables import entry_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from federation.directory import Directory
    from federation.feed import FeedId
    from federation.pages import VerifiedPage

UNPROVEN: Final = "seen by this node; what it holds does not prove it to a third party"

log: Final = structlog.get_logger("tidewaiter.evidence")


def keep(
    connection: Connection, found: Evidence, *, directory: Directory, now: int, iss: str | None = None,
    rid: str | None = None,
) -> bool:  # fmt: skip
    """Prove evidence and keep it, proven or not; returns whether it is proven. The alarm is raised once."""
    try:
        sentence, proven = prove(found, directory).sentence, True
    except FederationError:
        sentence, proven = UNPROVEN, False
    if kept.keep(connection, found, proven=proven, sentence=sentence, now=now, iss=iss, rid=rid):
        log.error("evidence kept", problem=found.type, peer=found.accused, reason="proven" if proven else "unproven")
    return proven


def of_versions(
    connection: Connection, *, iss: str, rid: str, ver: int, held: int, jwt: str, directory: Directory, now: int
) -> None:
    """Keep the proof that version `ver`, whose JWT came now, cannot stand beside version `held`, which is here."""
    other = next((row.jwt for row in records.by_key(connection, iss, rid) if row.ver == held), "")
    if not other or other == jwt:
        return  # its content was taken back, and its name alone proves nothing; or it is the same one again
    if ver == held:
        found = record_equivocation(iss, other, jwt)
    else:
        earlier, later = (other, jwt) if held < ver else (jwt, other)
        found = version_fork(iss, earlier, later)
    keep(connection, found, directory=directory, now=now, iss=iss, rid=rid)


def check_stopped(connection: Connection, feed: FeedId) -> None:
    """Raise `FeedFork` for a feed that stands still."""
    if kept.stopped(connection, feed) is not None:
        raise FeedFork("two histories of this feed were signed, and it stands still; see `tidewaiter evidence list`")


def compare(connection: Connection, page: VerifiedPage, start: merkle.CompactRange) -> Evidence | None:
    """Compare what the sender signed before about sizes within this page with the entries that it sends now."""
    known = kept.notes_of(connection, page.feed)
    waiting = [row for row in known if start.size <= row.size <= page.range.size]
    notes = {(row.size, b64.decode(row.root)): row.note for row in waiting}
    # The newest head, beside what was kept: two of one size are a fork before this node gets there.
    for row in known:
        if row.size == page.head.size and b64.decode(row.root) != page.head.root:
            return feed_fork(page.feed, row.note, page.head.note)
    for (size, root), note in sorted(notes.items()):
        leaves = (merkle.leaf_hash(entry.e.encode()) for entry in page.entries[: size - start.size])
        reached = start.extend(leaves).root() if size else merkle.EMPTY_ROOT
        if reached == root:
            continue
        if size == page.range.size:
            return feed_fork(page.feed, note, page.checkpoint.note)
        return _by_consistency(connection, page, note, size=size, prefix=reached)
    return None


def of_page(
    connection: Connection, feed: FeedId, error: FeedFork, *, held: str | None, directory: Directory, now: int
) -> None:
    """A page did not fit its own checkpoints: keep the notes, and prove the fork with any two of one size."""
    known = [row.note for row in kept.notes_of(connection, feed)] + ([held] if held is not None else [])
    told = list(dict.fromkeys(note.note for note in error.notes))
    for note in told:
        for other in [*known, *told]:
            if note != other and _proves(feed_fork(feed, note, other), directory):
                stop(connection, feed, feed_fork(feed, note, other), directory=directory, now=now)
                return
    for checkpoint in error.notes:
        kept.remember_note(connection, feed, checkpoint, now=now)
    pair = (held or told[0], told[0])
    keep(connection, feed_fork(feed, *pair), directory=directory, now=now)


def stop(connection: Connection, feed: FeedId, found: Evidence, *, directory: Directory, now: int) -> None:
    """Keep the proof of two histories, and let the feed stand still."""
    keep(connection, found, directory=directory, now=now)
    kept.stop(connection, feed, proof=found.hash, now=now)


def follow(connection: Connection, page: VerifiedPage, *, now: int) -> None:
    """Remember the head that the sender signed, if it is beyond this page, and forget what was reached and fitted."""
    kept.forget_notes(connection, page.feed, below=page.range.size)
    if not page.complete:
        kept.remember_note(connection, page.feed, page.head, now=now)


def signed_entry(connection: Connection, feed: Row[Any], name: FeedId, n: int) -> dict[str, Any]:
    """The parts that prove entry `n` of an incoming feed by its sender's own signature (`federation.evidence.entry`).

    `feed` is the row of `feed_in`, whose note is over everything that is stored of the feed.
    """
    leaves = _leaves(connection, feed.id, feed.size)
    proof = merkle.inclusion_proof([merkle.leaf_hash(leaf) for leaf in leaves], n)
    return entry_parts(name, leaves[n].decode(), proof=proof, note=feed.note)


def of_relays(
    connection: Connection, name: FeedId, aside: Sequence[tuple[int, str | None]], *, directory: Directory, now: int
) -> None:
    """Keep proof that a hub passed on what it was not let: entries that were put aside for it (index, relay grants).

    One a page is enough, and is all that is worked out: a hub that floods with them costs no more than one that does
    not. What does not prove itself (a directory that had not spread) accuses nobody.
    """
    feed = feeds.in_feed(connection, name.sender, name.lane)
    for n, grants in aside:
        if feed is None:
            return
        found = relay_breach(name.sender, signed_entry(connection, feed, name, n), grants)
        if _proves(found, directory):
            keep(connection, found, directory=directory, now=now)
            return


def _proves(found: Evidence, directory: Directory) -> bool:
    try:
        prove(found, directory)
    except FederationError:
        return False
    return True


def _by_consistency(connection: Connection, page: VerifiedPage, note: str, *, size: int, prefix: bytes) -> Evidence:
    """The page's own checkpoint against an older note of a size inside it: the tree begins with another root."""
    row = feeds.in_feed(connection, page.feed.sender, page.feed.lane)
    held = [] if row is None else _leaves(connection, row.id, page.start)
    leaves = [*held, *(entry.e.encode() for entry in page.entries)]
    proof = merkle.consistency_proof([merkle.leaf_hash(leaf) for leaf in leaves], size)
    return feed_fork(page.feed, note, page.checkpoint.note, prefix=prefix, proof=proof)


def _leaves(connection: Connection, feed: int, size: int) -> Sequence[bytes]:
    found = connection.scalars(
        select(entry_in.c.leaf).where(entry_in.c.feed == feed, entry_in.c.n < size).order_by(entry_in.c.n)
    )
    return [leaf.encode() for leaf in found]
