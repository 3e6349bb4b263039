"""Quarantine: entries that are chained and whose body is not in use, with the reason, in the protocol's word.

States: `held` (with a problem, told in receipts), `awaiting` (a grant whose body did not come, until something later
explains it), `released` (a retry took it in), `explained` (something later took its place, or its time of keeping is
over), `erased` (a tombstone came, or the body's time of keeping is over).
Bodies in quarantine are shown to nobody and indexed nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from federation.errors import ProblemType
from federation.keeping import stated
from node.storage.tables import feed_in, quarantine

if TYPE_CHECKING:
    from collections.abc import Collection

    from federation.inbox import Await, Quarantine

DISPUTES: Final = (str(ProblemType.RECORD_EQUIVOCATION), str(ProblemType.VERSION_FORK))
LISTED: Final = 1_000
"""How many are named in a receipt."""


def put(connection: Connection, feed: int, sender: str, effect: Quarantine, *, now: int) -> None:
    """Keep an entry aside, with its reason."""
    leaf = effect.leaf
    connection.execute(
        quarantine.insert().values(
            feed=feed, n=effect.n, sender=sender, problem=str(effect.problem), detail=effect.detail,
            leaf=effect.entry.e, body=_storable(effect.entry.s), relay_grant=_storable(effect.entry.rg),
            iss=leaf.iss or None if leaf else None, rid=leaf.rid or None if leaf else None,
            gc=leaf.gc if leaf else 0, state="held", at=now,
            keep_until=stated(effect.entry.e, effect.entry.s, effect.entry.rg),
        )
    )  # fmt: skip


def put_aside(
    connection: Connection, feed: int, n: int, *, sender: str, leaf: str, body: str, iss: str, rid: str, gc: int,
    problem: ProblemType, detail: str, now: int,
) -> None:  # fmt: skip
    """Take what was in use back into quarantine, in the place of its entry."""
    connection.execute(delete(quarantine).where(quarantine.c.feed == feed, quarantine.c.n == n))
    connection.execute(
        quarantine.insert().values(
            feed=feed, n=n, sender=sender, problem=str(problem), detail=detail, leaf=leaf, body=body, iss=iss, rid=rid,
            gc=gc, state="held", at=now, keep_until=stated(leaf, body, None),
        )
    )  # fmt: skip


def wait_for(connection: Connection, feed: int, sender: str, effect: Await, *, now: int) -> None:
    """Remember a grant without a body."""
    connection.execute(
        quarantine.insert().values(
            feed=feed, n=effect.n, sender=sender, problem=str(ProblemType.BODY_WITHHELD),
            detail="the entry came without its body", leaf=effect.entry.e, body=None,
            relay_grant=_storable(effect.entry.rg),
            iss=effect.leaf.iss, rid=effect.leaf.rid, gc=effect.leaf.gc, state="awaiting", at=now,
            keep_until=stated(effect.entry.e, None, effect.entry.rg),
        )
    )  # fmt: skip


def _storable(text: str | None) -> str | None:
    """What PostgreSQL can keep of a text: no signed token has the one character that it cannot."""
    return None if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def settled(connection: Connection, iss: str, rid: str, *, gc: int) -> list[Row[Any]]:
    """Bodies that `explain` takes away: of disputes, and of a revoked key, that a later grant has settled."""
    return list(connection.execute(select(quarantine).where(*_settled(iss, rid, gc), quarantine.c.body.is_not(None))))


def _settled(iss: str, rid: str, gc: int) -> tuple[ColumnElement[bool], ...]:
    return (
        quarantine.c.iss == iss, quarantine.c.rid == rid, quarantine.c.gc < gc,
        quarantine.c.problem.in_((*DISPUTES, str(ProblemType.REVOKED_KEY))), quarantine.c.state == "held",
    )  # fmt: skip


def explain(connection: Connection, iss: str, rid: str, *, gc: int, sender: str | None = None) -> None:
    """A later grant of this sender (the issuer itself) was applied: what was awaited of earlier ones is explained.

    Called by `erasing.explain` alone, which sets aside what a legal hold keeps of the bodies that go (`settled`).
    """
    connection.execute(
        update(quarantine)
        .where(
            quarantine.c.sender == (sender or iss),
            quarantine.c.iss == iss, quarantine.c.rid == rid, quarantine.c.gc < gc,
            quarantine.c.problem == str(ProblemType.BODY_WITHHELD), quarantine.c.state.in_(("awaiting", "held")),
        )
        .values(state="explained")
    )  # fmt: skip
    # A dispute between versions is settled by a later grant: the proof is kept elsewhere, the body is needed no more.
    # What a revoked key had signed was signed again: the new version has taken its place, and its body goes.
    connection.execute(update(quarantine).where(*_settled(iss, rid, gc)).values(state="explained", body=None))


def report_unexplained(connection: Connection, sender: str, *, now: int) -> None:
    """Both lanes' heads are reached: what is still awaited is reported as withheld, unless its time was over anyway."""
    explain_expired(connection, now=now, sender=sender)
    behind = (
        select(func.count()).select_from(feed_in).where(feed_in.c.sender == sender, feed_in.c.size < feed_in.c.head)
    )
    if connection.scalar(behind):
        return
    connection.execute(
        update(quarantine)
        .where(quarantine.c.sender == sender, quarantine.c.state == "awaiting")
        .values(state="held", at=now)
    )


def explain_expired(connection: Connection, *, now: int, sender: str | None = None) -> int:
    """Bodies that did not come and whose time of keeping is over: nobody would keep them, and nobody asks for them."""
    statement = update(quarantine).where(
        quarantine.c.keep_until <= now, quarantine.c.problem == str(ProblemType.BODY_WITHHELD),
        quarantine.c.state.in_(("awaiting", "held")),
    )  # fmt: skip
    if sender is not None:
        statement = statement.where(quarantine.c.sender == sender)
    return connection.execute(statement.values(state="explained", keep_until=None)).rowcount


def expired(connection: Connection, *, now: int, limit: int) -> list[Row[Any]]:
    """Entries whose body's time of keeping is over, and that are kept aside still."""
    statement = select(quarantine).where(quarantine.c.keep_until <= now, quarantine.c.body.is_not(None))
    return list(connection.execute(statement.order_by(quarantine.c.keep_until, quarantine.c.id).limit(limit)))


def bodies(connection: Connection, iss: str, rid: str) -> list[Row[Any]]:
    """Entries about a record that are kept aside with a body."""
    return list(
        connection.execute(
            select(quarantine).where(quarantine.c.iss == iss, quarantine.c.rid == rid, quarantine.c.body.is_not(None))
        )
    )


def erase_bodies(connection: Connection, ids: Collection[int]) -> None:
    """Their time of keeping is over: bodies go, and the entries are no longer kept aside for anything."""
    connection.execute(
        update(quarantine)
        .where(quarantine.c.id.in_(list(ids)))
        .values(body=None, relay_grant=None, state="erased", keep_until=None)
    )


def erase(connection: Connection, iss: str, rid: str) -> None:
    """A tombstone came: bodies in quarantine go at once."""
    connection.execute(
        update(quarantine)
        .where(quarantine.c.iss == iss, quarantine.c.rid == rid)
        .values(body=None, state="erased", keep_until=None)
    )


def reword(
    connection: Connection, iss: str, rid: str, *, before: ProblemType, after: ProblemType, detail: str, now: int
) -> None:
    """Entries about a record that are held for one reason are held for another one from now on."""
    connection.execute(
        update(quarantine)
        .where(
            quarantine.c.iss == iss, quarantine.c.rid == rid, quarantine.c.problem == str(before),
            quarantine.c.state == "held",
        )
        .values(problem=str(after), detail=detail, retried_at=now)
    )  # fmt: skip


def of_feed(connection: Connection, feed: int) -> tuple[list[Row[Any, Any]], int]:
    """What is held of one feed now (the first thousand) and how many there are."""
    condition = (quarantine.c.feed == feed, quarantine.c.state == "held")
    listed = connection.execute(
        select(quarantine.c.n, quarantine.c.problem).where(*condition).order_by(quarantine.c.n).limit(LISTED)
    )
    rows = list(listed)
    if len(rows) < LISTED:
        return rows, len(rows)
    return rows, connection.scalar(select(func.count()).select_from(quarantine).where(*condition)) or 0


def listing(connection: Connection, *, state: str | None = "held", limit: int = 1_000) -> list[Row[Any]]:
    """Quarantined entries, newest first."""
    statement = select(quarantine).order_by(quarantine.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(quarantine.c.state == state)
    return list(connection.execute(statement))


def get(connection: Connection, row_id: int) -> Row[Any] | None:
    """One entry."""
    return connection.execute(select(quarantine).where(quarantine.c.id == row_id)).first()


def retried(connection: Connection, row_id: int, problem: ProblemType, detail: str, *, now: int) -> None:
    """A retry was refused, perhaps for another reason."""
    connection.execute(
        update(quarantine).where(quarantine.c.id == row_id).values(problem=str(problem), detail=detail, retried_at=now)
    )


def release(connection: Connection, row_id: int, *, now: int) -> None:
    """A retry took the entry in: its body is kept with the record now."""
    connection.execute(
        update(quarantine)
        .where(quarantine.c.id == row_id)
        .values(state="released", body=None, keep_until=None, retried_at=now)
    )
