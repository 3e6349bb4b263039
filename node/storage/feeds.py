"""Feeds on disk: what was given to each peer, and where this node stands in each peer's feeds.

Index numbers are given under the feed's lock in the transaction that writes the entries, so commit order is feed
order: on SQLite the writer holds the one write lock (BEGIN IMMEDIATE), on PostgreSQL `lock` takes the feed rows FOR
UPDATE in the order of their ids. Never a sequence: a sequence has gaps and does not wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, select, update

from crypto import merkle
from federation.feed import LANES, FeedId, Lane, Leaf, leaf_text, parse_leaf
from node.storage.database import insert_rows
from node.storage.tables import entry_in, entry_out, feed_in, feed_out, grant_out, range_out, record, withheld

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SNAPSHOT_EVERY: Final = 256
"""A compact range is kept at every multiple of this: so many leaves at most are hashed again for a page."""
HASH: Final = 32


def pack(compact: merkle.CompactRange) -> bytes:
    """The hashes of a compact range as bytes; the size stands beside it."""
    return b"".join(compact.hashes)


def unpack(size: int, hashes: bytes) -> merkle.CompactRange:
    """Read what `pack` wrote."""
    return merkle.CompactRange(size, tuple(hashes[at : at + HASH] for at in range(0, len(hashes), HASH)))


@dataclass(slots=True)
class OutFeed:
    """One outgoing feed while its lock is held: grows in memory, is written back by `flush`."""

    id: int
    recipient: str
    lane: Lane
    epoch: int
    range: merkle.CompactRange

    @property
    def size(self) -> int:
        """The index that the next entry gets."""
        return self.range.size

    def feed_id(self, sender: str) -> FeedId:
        """The feed's id, as peers know it."""
        return FeedId(sender, self.recipient, self.lane, self.epoch)


def ensure(connection: Connection, recipients: Collection[str]) -> None:
    """Make sure that both lanes of each recipient exist (epoch 0)."""
    there = {(row.recipient, row.lane) for row in connection.execute(select(feed_out.c.recipient, feed_out.c.lane))}
    for recipient in sorted(recipients):
        for lane in LANES:
            if (recipient, lane) not in there:
                connection.execute(
                    feed_out.insert().values(
                        recipient=recipient, lane=lane, epoch=0, size=0, hashes=b"", receipt_size=0
                    )
                )


def lock(connection: Connection, recipients: Collection[str]) -> dict[tuple[str, Lane], OutFeed]:
    """The newest epoch of each lane of each recipient, locked until the transaction ends."""
    newest = (
        select(feed_out.c.recipient, feed_out.c.lane, func.max(feed_out.c.epoch).label("epoch"))
        .group_by(feed_out.c.recipient, feed_out.c.lane)
        .subquery()
    )
    statement = (
        select(feed_out)
        .join(
            newest,
            and_(
                feed_out.c.recipient == newest.c.recipient,
                feed_out.c.lane == newest.c.lane,
                feed_out.c.epoch == newest.c.epoch,
            ),
        )
        .where(feed_out.c.recipient.in_(sorted(recipients)))
        .order_by(feed_out.c.id)
        .with_for_update(of=feed_out)
    )
    return {
        (row.recipient, row.lane): OutFeed(row.id, row.recipient, row.lane, row.epoch, unpack(row.size, row.hashes))
        for row in connection.execute(statement)
    }


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A leaf to append, with the row of the body that goes with it."""

    feed: OutFeed
    leaf: str
    record: int | None
    mask: str


def append(connection: Connection, entries: Sequence[NewEntry]) -> None:
    """Append entries to locked feeds; entry i of a feed gets the index that `OutFeed.size` had when its leaf was made.

    The caller makes leaves in order and calls `grow` for each; this writes the rows, the ranges and the snapshots.
    """
    by_feed: dict[int, list[NewEntry]] = {}
    for entry in entries:
        by_feed.setdefault(entry.feed.id, []).append(entry)
    rows: list[tuple[int, int, str, int | None, str]] = []
    snapshots: list[tuple[int, int, bytes]] = []
    for feed_id, items in by_feed.items():
        feed = items[0].feed
        compact = feed.range
        batch: list[bytes] = []
        for item in items:
            rows.append((feed_id, compact.size + len(batch), item.leaf, item.record, item.mask))
            batch.append(merkle.leaf_hash(item.leaf.encode()))
            if (compact.size + len(batch)) % SNAPSHOT_EVERY == 0:
                compact = compact.extend(batch)
                batch = []
                snapshots.append((feed_id, compact.size, pack(compact)))
        feed.range = compact.extend(batch)
        connection.execute(
            update(feed_out).where(feed_out.c.id == feed_id).values(size=feed.range.size, hashes=pack(feed.range))
        )
    insert_rows(connection, entry_out, ("feed", "n", "leaf", "record", "mask"), rows)
    insert_rows(connection, range_out, ("feed", "size", "hashes"), snapshots)


def begin_epoch(connection: Connection, recipient: str, lane: Lane, *, epoch: int, old: str, now: int) -> None:
    """Begin a new epoch of a feed whose lock is held; its entry 0 names the recipient's checkpoint of the old one."""
    made = connection.execute(
        feed_out.insert().values(recipient=recipient, lane=lane, epoch=epoch, size=0, hashes=b"", receipt_size=0)
    )
    (row_id,) = made.inserted_primary_key or (None,)
    assert row_id is not None  # noqa: S101 - every row has a number
    feed = OutFeed(row_id, recipient, lane, epoch, merkle.CompactRange())
    leaf = leaf_text(Leaf(n=0, t=now, op="epoch", old=old), width=0)
    append(connection, [NewEntry(feed, leaf, None, "0")])


def opener(connection: Connection, feed: int) -> str | None:
    """The old checkpoint that an epoch's entry 0 names; None for a feed that did not begin so."""
    leaf = connection.scalar(select(entry_out.c.leaf).where(entry_out.c.feed == feed, entry_out.c.n == 0))
    if leaf is None:
        return None
    return parse_leaf(leaf).old if '"op":"epoch"' in leaf else None


def epoch_out(connection: Connection, recipient: str, lane: Lane, epoch: int) -> Row[Any] | None:
    """One epoch of the feed to a recipient."""
    return connection.execute(
        select(feed_out).where(feed_out.c.recipient == recipient, feed_out.c.lane == lane, feed_out.c.epoch == epoch)
    ).first()


def out_feed(connection: Connection, recipient: str, lane: Lane) -> Row[Any] | None:
    """The newest epoch of the feed to a recipient, not locked."""
    return connection.execute(
        select(feed_out)
        .where(feed_out.c.recipient == recipient, feed_out.c.lane == lane)
        .order_by(feed_out.c.epoch.desc())
        .limit(1)
    ).first()


def out_feeds(connection: Connection) -> list[Row[Any]]:
    """All outgoing feeds with their receipts, by recipient."""
    order = (feed_out.c.recipient, feed_out.c.lane.desc(), feed_out.c.epoch)
    return list(connection.execute(select(feed_out).order_by(*order)))


def range_at(connection: Connection, feed: int, size: int) -> merkle.CompactRange:
    """The compact range of an outgoing feed at any size that it has had."""
    snapshot = connection.execute(
        select(range_out.c.size, range_out.c.hashes)
        .where(range_out.c.feed == feed, range_out.c.size <= size)
        .order_by(range_out.c.size.desc())
        .limit(1)
    ).first()
    compact = merkle.CompactRange() if snapshot is None else unpack(snapshot.size, snapshot.hashes)
    if compact.size == size:
        return compact
    leaves = connection.scalars(
        select(entry_out.c.leaf)
        .where(entry_out.c.feed == feed, entry_out.c.n >= compact.size, entry_out.c.n < size)
        .order_by(entry_out.c.n)
    )
    return compact.extend(merkle.leaf_hash(leaf.encode()) for leaf in leaves)


def out_entries(connection: Connection, feed: int, recipient: str, start: int, limit: int) -> list[Row[Any]]:
    """Entries of a feed with the bodies they came with and what the recipient is granted of each record now."""
    statement = (
        select(
            entry_out.c.n,
            entry_out.c.leaf,
            entry_out.c.mask,
            entry_out.c.record,
            record.c.jwt,
            record.c.disclosures,
            record.c.mask.label("held"),
            record.c.state,
            record.c.rid,
            record.c.ver,
            record.c.keep_until,
            grant_out.c.mask.label("granted"),
            grant_out.c.ver.label("granted_ver"),
            grant_out.c.keep_until.label("granted_until"),
        )
        .select_from(
            entry_out.outerjoin(record, record.c.id == entry_out.c.record).outerjoin(
                grant_out,
                and_(
                    grant_out.c.recipient == recipient,
                    grant_out.c.iss == record.c.iss,
                    grant_out.c.rid == record.c.rid,
                ),
            )
        )
        .where(entry_out.c.feed == feed, entry_out.c.n >= start)
        .order_by(entry_out.c.n)
        .limit(limit)
    )
    return list(connection.execute(statement))


def grants(connection: Connection, iss: str, rids: Collection[str]) -> dict[tuple[str, str], Row[Any]]:
    """What each recipient was granted of these records so far, by (recipient, rid)."""
    rows = connection.execute(select(grant_out).where(grant_out.c.iss == iss, grant_out.c.rid.in_(list(rids))))
    return {(row.recipient, row.rid): row for row in rows}


def grants_to(
    connection: Connection, iss: str, rids: Collection[str], recipients: Collection[str]
) -> dict[tuple[str, str], Row[Any]]:
    """What these recipients were granted of these records so far, by (recipient, rid)."""
    rows = connection.execute(
        select(grant_out).where(
            grant_out.c.iss == iss, grant_out.c.rid.in_(list(rids)), grant_out.c.recipient.in_(list(recipients))
        )
    )
    return {(row.recipient, row.rid): row for row in rows}


def who_has(connection: Connection, iss: str, rids: Collection[str]) -> dict[str, list[tuple[int, int, str, str]]]:
    """For each record what was granted: (version, mask, decision, recipients joined by commas).

    Recipients with equal grants are one row: a record that went to two hundred is a few rows, and not two hundred.
    """
    joined = (
        func.group_concat(grant_out.c.recipient, ",")
        if connection.dialect.name == "sqlite"
        else func.string_agg(grant_out.c.recipient, ",")
    )
    rows = connection.execute(
        select(grant_out.c.rid, grant_out.c.ver, grant_out.c.mask, grant_out.c.decision, joined)
        .where(grant_out.c.iss == iss, grant_out.c.rid.in_(list(rids)))
        .group_by(grant_out.c.rid, grant_out.c.ver, grant_out.c.mask, grant_out.c.decision)
    )
    found: dict[str, list[tuple[int, int, str, str]]] = {}
    for rid, ver, mask, decided, recipients in rows:
        found.setdefault(rid, []).append((ver, int(mask, 16), decided, recipients))
    return found


def forget_withholding(connection: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Remove that these got nothing, by (recipient, iss, rid)."""
    if keys:
        statement = delete(withheld).where(
            withheld.c.recipient == bindparam("one"), withheld.c.iss == bindparam("two"),
            withheld.c.rid == bindparam("three"),
        )  # fmt: skip
        connection.execute(statement, [{"one": one, "two": two, "three": three} for one, two, three in keys])


def forget_grants(connection: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Remove grants, by (recipient, iss, rid), that are about to be written anew."""
    if keys:
        statement = delete(grant_out).where(
            grant_out.c.recipient == bindparam("one"), grant_out.c.iss == bindparam("two"),
            grant_out.c.rid == bindparam("three"),
        )  # fmt: skip
        connection.execute(statement, [{"one": one, "two": two, "three": three} for one, two, three in keys])


def forget_withheld(connection: Connection, iss: str, rid: str, *, recipient: str | None = None) -> None:
    """Remove who did not get a record, before it is decided anew: for everybody, or for one recipient."""
    statement = delete(withheld).where(withheld.c.iss == iss, withheld.c.rid == rid)
    if recipient is not None:
        statement = statement.where(withheld.c.recipient == recipient)
    connection.execute(statement)


def in_feed(connection: Connection, sender: str, lane: Lane, *, for_update: bool = False) -> Row[Any] | None:
    """Where this node stands in a peer's lane: the newest epoch."""
    statement = (
        select(feed_in)
        .where(feed_in.c.sender == sender, feed_in.c.lane == lane)
        .order_by(feed_in.c.epoch.desc())
        .limit(1)
    )
    return connection.execute(statement.with_for_update() if for_update else statement).first()


def in_leaves(connection: Connection, feed: FeedId, start: int, end: int) -> list[str]:
    """The leaves `start` to `end` (not included) that were taken in of a peer's feed."""
    statement = (
        select(entry_in.c.leaf)
        .join(feed_in, feed_in.c.id == entry_in.c.feed)
        .where(feed_in.c.sender == feed.sender, feed_in.c.lane == feed.lane, feed_in.c.epoch == feed.epoch)
        .where(entry_in.c.n >= start, entry_in.c.n < end)
        .order_by(entry_in.c.n)
    )
    return list(connection.scalars(statement))


def in_feeds(connection: Connection) -> list[Row[Any]]:
    """All incoming feeds, by sender."""
    return list(connection.execute(select(feed_in).order_by(feed_in.c.sender, feed_in.c.lane.desc(), feed_in.c.epoch)))


def in_feed_by_id(connection: Connection, row_id: int) -> Row[Any]:
    """One incoming feed."""
    return connection.execute(select(feed_in).where(feed_in.c.id == row_id)).one()


def keep_receipt(connection: Connection, feed: int, token: str, *, now: int) -> None:
    """The newest receipt that this node gave for an incoming feed."""
    connection.execute(update(feed_in).where(feed_in.c.id == feed).values(receipt=token, receipt_at=now))


def begin_in_feed(connection: Connection, sender: str, lane: Lane, *, epoch: int, now: int) -> Row[Any]:
    """Start to follow a lane of a peer."""
    connection.execute(
        feed_in.insert().values(sender=sender, lane=lane, epoch=epoch, size=0, hashes=b"", head=0, updated_at=now)
    )
    row = in_feed(connection, sender, lane, for_update=True)
    assert row is not None  # noqa: S101 - inserted two lines above
    return row


def close_in_feed(connection: Connection, feed: int) -> None:
    """An epoch that its sender has left: nothing more is expected of it, and it stays as history."""
    connection.execute(update(feed_in).where(feed_in.c.id == feed).values(head=feed_in.c.size))


def advance(
    connection: Connection, feed: int, compact: merkle.CompactRange, *, leaves: Sequence[str], start: int,
    note: str, head: int, now: int,
) -> None:  # fmt: skip
    """Move the cursor of an incoming feed, and keep the leaves."""
    insert_rows(
        connection,
        entry_in,
        ("feed", "n", "leaf"),
        [(feed, start + at, leaf) for at, leaf in enumerate(leaves)],
    )
    connection.execute(
        update(feed_in)
        .where(feed_in.c.id == feed)
        .values(size=compact.size, hashes=pack(compact), note=note, head=head, updated_at=now)
    )
