"""Evidence on disk, kept once by its content hash; notes that wait for comparison; feeds that stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update

from crypto import b64
from node.storage.tables.evidence import evidence, feed_note, feed_stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto.checkpoint import Checkpoint
    from federation.evidence import Evidence
    from federation.feed import FeedId

MAX_UNPROVEN: Final = 100
"""Observations kept about one member that prove nothing: more of them would say no more."""
MAX_NOTES: Final = 16
"""Notes kept of one feed: the lowest sizes, which are reached first, and the newest."""
LEAST_PREFIX: Final = 4
"""Characters of a hash that name evidence on the command line."""


def keep(
    connection: Connection, found: Evidence, *, proven: bool, sentence: str, now: int, iss: str | None = None,
    rid: str | None = None,
) -> bool:  # fmt: skip
    """Keep evidence; True if it was not kept before. What was kept unproven counts as proven once it is."""
    name = found.hash
    there = connection.execute(select(evidence.c.proven).where(evidence.c.hash == name)).first()
    if there is None:
        if not proven and _unproven(connection, found.accused) >= MAX_UNPROVEN:
            return False
        connection.execute(
            evidence.insert().values(
                hash=name, type=found.type, accused=found.accused, body=found.data().decode(), proven=proven,
                sentence=sentence, iss=iss, rid=rid, at=now,
            )
        )  # fmt: skip
        return True
    if proven and not there.proven:
        connection.execute(update(evidence).where(evidence.c.hash == name).values(proven=True, sentence=sentence))
    return False


def listing(
    connection: Connection, *, accused: str | None = None, iss: str | None = None, rid: str | None = None,
    limit: int = 1_000,
) -> list[Row[Any]]:  # fmt: skip
    """The newest evidence, of one accused or about one record, without bodies where nobody asks for them."""
    statement = select(evidence).order_by(evidence.c.id.desc()).limit(limit)
    if accused is not None:
        statement = statement.where(evidence.c.accused == accused)
    if iss is not None:
        statement = statement.where(evidence.c.iss == iss)
    if rid is not None:
        statement = statement.where(evidence.c.rid == rid)
    return list(connection.execute(statement))


def get(connection: Connection, name: str) -> Row[Any] | None:
    """Evidence by its number, its hash or the beginning of its hash; None for none or for several."""
    if name.isascii() and name.isdecimal() and len(name) < 19:  # noqa: PLR2004 - 2^63 has 19 digits
        found = connection.execute(select(evidence).where(evidence.c.id == int(name))).first()
        if found is not None:
            return found
    if len(name) < LEAST_PREFIX:
        return None
    matching = connection.execute(
        select(evidence).where(evidence.c.hash.startswith(name, autoescape=True)).limit(2)
    ).all()
    exact = [row for row in matching if row.hash.startswith(name)]  # SQLite compares without regard to case
    return exact[0] if len(exact) == 1 else None


def counts(connection: Connection) -> dict[str, int]:
    """How much of each type is kept."""
    rows = connection.execute(select(evidence.c.type, func.count()).group_by(evidence.c.type))
    return {row[0]: row[1] for row in rows}


def remember_note(connection: Connection, feed: FeedId, checkpoint: Checkpoint, *, now: int) -> None:
    """Keep a note for comparison, once. Of many the newest makes room by replacing the one of the largest size."""
    root = b64.encode(checkpoint.root)
    notes = notes_of(connection, feed)
    if any((row.size, row.root) == (checkpoint.size, root) for row in notes):
        return
    if len(notes) >= MAX_NOTES:
        last = notes[-1]
        connection.execute(delete(feed_note).where(*_feed(feed_note, feed), feed_note.c.size == last.size))
    connection.execute(
        feed_note.insert().values(
            sender=feed.sender, lane=feed.lane, epoch=feed.epoch, size=checkpoint.size, root=root,
            note=checkpoint.note, at=now,
        )
    )  # fmt: skip


def notes_of(connection: Connection, feed: FeedId) -> Sequence[Row[Any]]:
    """The notes that wait, by size."""
    return connection.execute(select(feed_note).where(*_feed(feed_note, feed)).order_by(feed_note.c.size)).all()


def forget_notes(connection: Connection, feed: FeedId, *, below: int) -> None:
    """Forget notes of sizes that were reached and fitted."""
    connection.execute(delete(feed_note).where(*_feed(feed_note, feed), feed_note.c.size <= below))


def stop(connection: Connection, feed: FeedId, *, proof: str, now: int) -> None:
    """Let a feed stand still because of this evidence. Stopped once, the first reason stays."""
    there = connection.execute(select(feed_stop).where(*_feed(feed_stop, feed))).first()
    if there is None:
        connection.execute(
            feed_stop.insert().values(sender=feed.sender, lane=feed.lane, epoch=feed.epoch, evidence=proof, at=now)
        )
    elif there.resumed_at is not None and there.evidence != proof:
        connection.execute(
            update(feed_stop)
            .where(*_feed(feed_stop, feed))
            .values(evidence=proof, at=now, resumed_by=None, resumed_at=None)
        )


def stopped(connection: Connection, feed: FeedId) -> Row[Any] | None:
    """The stop that is in force for a feed."""
    statement = select(feed_stop).where(*_feed(feed_stop, feed), feed_stop.c.resumed_at.is_(None))
    return connection.execute(statement).first()


def stops(connection: Connection) -> list[Row[Any]]:
    """All stops in force."""
    return list(
        connection.execute(
            select(feed_stop).where(feed_stop.c.resumed_at.is_(None)).order_by(feed_stop.c.sender, feed_stop.c.lane)
        )
    )


def resume(connection: Connection, proof: str, *, by: str, now: int) -> int:
    """End the stops that rest on this evidence; returns how many there were."""
    result = connection.execute(
        update(feed_stop)
        .where(feed_stop.c.evidence == proof, feed_stop.c.resumed_at.is_(None))
        .values(resumed_by=by, resumed_at=now)
    )
    return result.rowcount


def _unproven(connection: Connection, accused: str) -> int:
    counted = select(func.count()).select_from(evidence)
    return connection.scalar(counted.where(evidence.c.accused == accused, evidence.c.proven.is_(False))) or 0


def _feed(table: Any, feed: FeedId) -> tuple[Any, Any, Any]:
    return table.c.sender == feed.sender, table.c.lane == feed.lane, table.c.epoch == feed.epoch
