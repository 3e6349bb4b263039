"""Restorations of this node, and how far it has come with each peer since (tables in `tables.recovery`).

A restoration is the moment at which this node found that it knows less than it once signed. Until it has settled with a
peer, that peer gets no page. `mark` begins a new one; everything that follows is by peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, and_, delete, func, select, update

from node.storage import logepochs
from node.storage.database import insert_rows
from node.storage.tables.recovery import learned, restoration, settlement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crypto.checkpoint import Checkpoint
    from federation.inventories import Row as Held


def current(connection: Connection) -> Row[Any] | None:
    """The newest restoration, None for a node that never lost anything."""
    return connection.execute(select(restoration).order_by(restoration.c.id.desc()).limit(1)).first()


def mark(
    connection: Connection, reason: str, *, now: int, backup_at: int | None = None, policy_version: int | None = None,
    shown: Checkpoint | None = None,
) -> int:  # fmt: skip
    """Begin a restoration: from now on every peer is to be settled with. Returns its number.

    The disclosure log begins anew with it. `shown`: the checkpoint of that log by which the loss came to light.
    """
    made = connection.execute(
        restoration.insert().values(at=now, reason=reason, backup_at=backup_at, policy_version=policy_version)
    )
    (number,) = made.inserted_primary_key or (0,)
    connection.execute(delete(learned))
    logepochs.begin(connection, reason, now=now, shown=shown)
    return int(number)


def accept_policy(connection: Connection, number: int, *, by: str) -> None:
    """An officer has decided that the policy in force, though older than the one lost, is the right one."""
    connection.execute(update(restoration).where(restoration.c.id == number).values(accepted_by=by))


def pending(connection: Connection, peer: str) -> bool:
    """Whether this node has still to settle with a peer."""
    newest = current(connection)
    if newest is None:
        return False
    row = of_peer(connection, newest.id, peer)
    return row is None or row.settled_at is None


def of_peer(connection: Connection, number: int, peer: str, *, for_update: bool = False) -> Row[Any] | None:
    """How far it has come with one peer."""
    statement = select(settlement).where(settlement.c.restoration == number, settlement.c.peer == peer)
    return connection.execute(statement.with_for_update() if for_update else statement).first()


def of_all(connection: Connection, number: int) -> list[Row[Any]]:
    """How far it has come with every peer that was heard of."""
    return list(
        connection.execute(select(settlement).where(settlement.c.restoration == number).order_by(settlement.c.peer))
    )


def missing(connection: Connection, peers: Iterable[str]) -> tuple[int, list[str]] | None:
    """When this node was restored, and those of `peers` with whom it has not settled since; None where it has.

    Whom an officer does not wait for (`waive`) is none of them.
    """
    newest = current(connection)
    if newest is None:
        return None
    settled = {row.peer for row in of_all(connection, newest.id) if row.settled_at is not None or row.waived_by}
    left = sorted(set(peers) - settled)
    return (newest.at, left) if left else None


def held_up(newest: Row[Any], active: int | None) -> str | None:
    """Why nothing can be offered again yet, as a sentence; None if nothing stands in the way.

    `newest`: the restoration. `active`: the version of the policy in force, None if there is none.
    """
    wanted = newest.policy_version
    if wanted is None or newest.accepted_by is not None or (active is not None and active >= wanted):
        return None
    return (
        f"policy version {wanted} was in force before the restore, and the database has "
        f"{'none' if active is None else f'version {active}'}: activate it again, or accept this one"
    )


def waive(connection: Connection, number: int, peer: str, *, by: str) -> None:
    """An officer goes on without a peer: corrections no longer wait for what it holds. It still gets no page."""
    note(connection, number, peer, waived_by=by)


def ready(connection: Connection) -> list[str]:
    """Peers whose inventory is in, and to whom not everything is offered again."""
    newest = current(connection)
    if newest is None:
        return []
    return [
        row.peer for row in of_all(connection, newest.id) if row.inventory_at is not None and row.settled_at is None
    ]


def note(connection: Connection, number: int, peer: str, **values: Any) -> None:
    """Write down how far it has come with a peer."""
    statement = update(settlement).where(settlement.c.restoration == number, settlement.c.peer == peer).values(**values)
    if not connection.execute(statement).rowcount:
        connection.execute(
            settlement.insert().values(restoration=number, peer=peer, **{"adopted": 0, "offered_after": 0, **values})
        )


def count_adopted(connection: Connection, number: int, peer: str, more: int) -> None:
    """Remember that a peer gave back so many records."""
    row = of_peer(connection, number, peer)
    note(connection, number, peer, adopted=(0 if row is None else row.adopted) + more)


def reopen(connection: Connection, number: int, peer: str) -> None:
    """Settle with a peer once more: it was itself restored to a time before."""
    connection.execute(delete(settlement).where(and_(settlement.c.restoration == number, settlement.c.peer == peer)))
    connection.execute(delete(learned).where(learned.c.peer == peer))


def learn(connection: Connection, peer: str, rows: Iterable[Held]) -> None:
    """Keep what a peer says it holds; a row that was kept before is replaced."""
    rows = list(rows)
    rids = [row.rid for row in rows]
    for start in range(0, len(rids), 500):
        connection.execute(delete(learned).where(learned.c.peer == peer, learned.c.rid.in_(rids[start : start + 500])))
    insert_rows(
        connection, learned, ("peer", "rid", "ver", "gm", "gc", "tomb"),
        [(peer, row.rid, row.ver, f"{row.gm:x}", row.gc, row.tomb) for row in rows],
    )  # fmt: skip


def learned_of(connection: Connection, peer: str) -> dict[str, Row[Any]]:
    """What a peer says it holds, by record id."""
    return {row.rid: row for row in connection.execute(select(learned).where(learned.c.peer == peer))}


def learned_count(connection: Connection, peer: str) -> int:
    """How many rows of a peer are kept."""
    return connection.scalar(select(func.count()).select_from(learned).where(learned.c.peer == peer)) or 0


def forget_learned(connection: Connection, peer: str) -> None:
    """The two have settled."""
    connection.execute(delete(learned).where(learned.c.peer == peer))
