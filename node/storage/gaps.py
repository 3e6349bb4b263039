"""Peers' inventories as they came, and where they differ from what was given: the gaps that officers see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, select, update

from node.storage.tables.recovery import gap, inventory

if TYPE_CHECKING:
    from collections.abc import Sequence


def keep(connection: Connection, peer: str, *, at: int, count: int, equal: bool, token: str) -> None:
    """Keep the root of a peer's newest inventory; one that is equal closes all gaps."""
    connection.execute(delete(inventory).where(inventory.c.peer == peer))
    connection.execute(inventory.insert().values(peer=peer, at=at, count=count, equal=equal, token=token))
    if equal:
        connection.execute(delete(gap).where(gap.c.peer == peer))


def note(connection: Connection, peer: str, found: Sequence[tuple[str, str, str]], *, at: int) -> None:
    """Remember differences, (rid, word, sentence); one that was there before keeps its first time."""
    for rid, what, detail in found:
        same = (gap.c.peer == peer, gap.c.rid == rid, gap.c.what == what)
        if not connection.execute(update(gap).where(*same).values(seen=at, detail=detail)).rowcount:
            connection.execute(gap.insert().values(peer=peer, rid=rid, what=what, detail=detail, since=at, seen=at))


def close(connection: Connection, peer: str, *, at: int, whole: bool) -> None:
    """The inventory of `at` is through: gaps that it did not show are no more.

    Without any it is as it should be, though its root may differ (hubs have passed on more); `whole` says that nothing
    was left out of the comparison because it was on its way.
    """
    connection.execute(delete(gap).where(gap.c.peer == peer, gap.c.seen < at))
    if whole and connection.execute(select(gap.c.rid).where(gap.c.peer == peer)).first() is None:
        connection.execute(update(inventory).where(inventory.c.peer == peer).values(equal=True))


def listing(connection: Connection, *, peer: str | None = None) -> list[Row[Any]]:
    """The gaps that are open, by peer."""
    statement = select(gap).order_by(gap.c.peer, gap.c.what, gap.c.rid)
    return list(connection.execute(statement if peer is None else statement.where(gap.c.peer == peer)))


def inventories(connection: Connection) -> list[Row[Any]]:
    """The newest inventory of each peer."""
    return list(connection.execute(select(inventory).order_by(inventory.c.peer)))
