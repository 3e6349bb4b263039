"""Checkpoints of peers' disclosure logs: kept as they were signed, for whoever audits the peer.

Of each peer the newest stay, the first of each day, and everything that does not fit together. The others may go: who
holds a later checkpoint holds what it covers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, delete, select, update

from crypto import b64
from crypto.checkpoint import Checkpoint
from node.storage.tables.checkpoints import peer_log

if TYPE_CHECKING:
    from collections.abc import Sequence

NEWEST: Final = 64
"""So many of each peer stay in any case."""
DAY: Final = 86_400


def keep(connection: Connection, peer: str, found: Checkpoint, *, came_by: str, now: int) -> Row[Any] | None:
    """Keep a checkpoint unless it is kept. Returns one of the same size with another root: then both are broken."""
    root = b64.encode(found.root)
    same = connection.execute(
        select(peer_log).where(peer_log.c.peer == peer, peer_log.c.size == found.size).order_by(peer_log.c.id)
    ).all()
    other = next((row for row in same if row.root != root), None)
    if not any(row.root == root for row in same):
        told = None if other is None else "two signed checkpoints of one size have different roots"
        connection.execute(
            peer_log.insert().values(
                peer=peer, size=found.size, root=root, note=found.note, came_by=came_by, at=now,
                state="kept" if other is None else "broken", detail=told,
            )
        )  # fmt: skip
        if other is not None:
            mark(connection, other.id, "broken", told)
    return other


def mark(connection: Connection, row_id: int, state: str, detail: str | None = None) -> None:
    """What came of a question about a kept checkpoint. What is broken stays so."""
    connection.execute(
        update(peer_log).where(peer_log.c.id == row_id, peer_log.c.state != "broken").values(state=state, detail=detail)
    )


def unproven(connection: Connection, peer: str, *, limit: int) -> Sequence[Row[Any]]:
    """Kept checkpoints that were not yet proven to be continued, the largest first."""
    return connection.execute(
        select(peer_log)
        .where(peer_log.c.peer == peer, peer_log.c.state == "kept")
        .order_by(peer_log.c.size.desc(), peer_log.c.id)
        .limit(limit)
    ).all()


def listing(connection: Connection, peer: str | None = None) -> Sequence[Row[Any]]:
    """All that are kept, by peer, the largest first."""
    statement = select(peer_log).order_by(peer_log.c.peer, peer_log.c.size.desc(), peer_log.c.id)
    return connection.execute(statement if peer is None else statement.where(peer_log.c.peer == peer)).all()


def thin(connection: Connection, peer: str) -> int:
    """Let go all but the newest, the first of each day, and what is broken; returns how many went."""
    rows = [row for row in listing(connection, peer) if row.state != "broken"]
    days: set[int] = set()
    gone = []
    for row in sorted(rows, key=lambda row: (row.at, row.id)):
        first_of_day = row.at // DAY not in days
        days.add(row.at // DAY)
        if not first_of_day:
            gone.append(row.id)
    kept = {row.id for row in rows[:NEWEST]}
    gone = [row_id for row_id in gone if row_id not in kept]
    if gone:
        connection.execute(delete(peer_log).where(peer_log.c.id.in_(gone)))
    return len(gone)


def reopen(row: Row[Any]) -> Checkpoint:
    """A kept checkpoint as a value; its signature was verified when it was kept."""
    return Checkpoint(origin="", size=row.size, root=b64.decode(row.root), kid="", note=row.note)
