"""Checkpoints of peers' disclosure logs: kept as they were signed, for whoever audits the peer.

Of each peer the newest stay, the first of each day, and everything that does not fit together. The others may go: who
holds a later checkpoint holds what it covers. Where a peer's log began anew (`federation.logepochs`), the end of the
old epoch stays for good: its auditor asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, delete, select, update

from crypto import b64
from crypto.checkpoint import Checkpoint
from federation.auditlog import epoch_of
from node.storage.tables.checkpoints import peer_log

if TYPE_CHECKING:
    from collections.abc import Sequence

NEWEST: Final = 64
"""So many of each peer stay in any case."""
DAY: Final = 86_400


def keep(connection: Connection, peer: str, found: Checkpoint, *, came_by: str, now: int) -> Row[Any] | None:
    """Keep a checkpoint unless it is kept. Returns one of its epoch and size with another root: then both are broken.

    With the first of a new epoch all that were proven wait to be proven anew: that the log continues them, too, is to
    be seen. One of an epoch that ended is kept as `late`.
    """
    root, epoch, ahead = b64.encode(found.root), epoch_of(found.note), newest(connection, peer)
    same = connection.execute(
        select(peer_log)
        .where(peer_log.c.peer == peer, peer_log.c.epoch == epoch, peer_log.c.size == found.size)
        .order_by(peer_log.c.id)
    ).all()
    other = next((row for row in same if row.root != root), None)
    if not any(row.root == root for row in same):
        state, told = "kept", None
        if other is not None:
            state, told = "broken", "two signed checkpoints of one size have different roots"
            mark(connection, other.id, state, told)
        elif ahead is not None and epoch < ahead.epoch:
            state, told = "late", "it came when the log had begun anew"
        elif ahead is not None and epoch > ahead.epoch:
            again = update(peer_log).where(peer_log.c.peer == peer, peer_log.c.state == "proven")
            connection.execute(again.values(state="kept", detail=None))
        connection.execute(
            peer_log.insert().values(
                peer=peer, epoch=epoch, size=found.size, root=root, note=found.note, came_by=came_by, at=now,
                state=state, detail=told,
            )
        )  # fmt: skip
    return other


def newest(connection: Connection, peer: str) -> Row[Any] | None:
    """The newest checkpoint of a peer: the largest of its last epoch."""
    return connection.execute(
        select(peer_log)
        .where(peer_log.c.peer == peer)
        .order_by(peer_log.c.epoch.desc(), peer_log.c.size.desc(), peer_log.c.id)
        .limit(1)
    ).first()


def newest_note(connection: Connection, peer: str) -> str | None:
    """The same as the peer signed it: to be shown back to it."""
    row = newest(connection, peer)
    return None if row is None else row.note


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
        .order_by(peer_log.c.epoch.desc(), peer_log.c.size.desc(), peer_log.c.id)
        .limit(limit)
    ).all()


def listing(connection: Connection, peer: str | None = None) -> Sequence[Row[Any]]:
    """All that are kept, by peer, the newest first."""
    statement = select(peer_log).order_by(
        peer_log.c.peer, peer_log.c.epoch.desc(), peer_log.c.size.desc(), peer_log.c.id
    )
    return connection.execute(statement if peer is None else statement.where(peer_log.c.peer == peer)).all()


def thin(connection: Connection, peer: str) -> int:
    """Let go all but the newest, the first of each day, and what is broken; returns how many went.

    Of an epoch that ended the largest stays for good, and the largest that was proven since: between them lies what was
    lost.
    """
    rows = [row for row in listing(connection, peer) if row.state != "broken"]
    days: set[int] = set()
    gone = []
    for row in sorted(rows, key=lambda row: (row.at, row.id)):
        first_of_day = row.at // DAY not in days
        days.add(row.at // DAY)
        if not first_of_day:
            gone.append(row.id)
    kept = {row.id for row in rows[:NEWEST]} | _ends(rows)
    gone = [row_id for row_id in gone if row_id not in kept]
    if gone:
        connection.execute(delete(peer_log).where(peer_log.c.id.in_(gone)))
    return len(gone)


def _ends(rows: Sequence[Row[Any]]) -> set[int]:
    """The largest of each epoch, and the largest of each that was proven; `rows` are the newest first."""
    found: dict[tuple[int, bool], int] = {}
    for row in rows:
        found.setdefault((row.epoch, False), row.id)
        if row.state == "proven":
            found.setdefault((row.epoch, True), row.id)
    return set(found.values())


def told_lost(connection: Connection, peer: str) -> list[tuple[int, int]]:
    """Say of each lost checkpoint how much of it the log is proven to continue; (size, that much) of each."""
    rows = listing(connection, peer)
    found = []
    for row in rows:
        if row.state == "lost":
            # What is smaller and of no later epoch is a beginning of it, if its signer was honest then.
            there = (one.size for one in rows if one.state == "proven" and one.epoch <= row.epoch)
            least = max((size for size in there if size <= row.size), default=0)
            mark(
                connection,
                row.id,
                "lost",
                f"the log began anew: of these {row.size} rows {least} are proven to be in it",
            )
            found.append((row.size, least))
    return found


def reopen(row: Row[Any]) -> Checkpoint:
    """A kept checkpoint as a value; its signature was verified when it was kept."""
    return Checkpoint(origin="", size=row.size, root=b64.decode(row.root), kid="", note=row.note)
