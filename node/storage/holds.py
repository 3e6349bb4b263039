"""Legal holds, and the content that only a hold keeps.

A hold does not stop the use of a record that may be used. What has to be erased while it lasts (a recall, `less`, the
end of a time of keeping, a data subject's request) goes out of the record as always, so that nothing of the node can
use it any more, and is set aside here. When the last hold is lifted, what was set aside is erased at once.

Trust: whoever can write here can end a hold. Nothing but `node.services.holding` reads the content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, select, update

from node.storage import attachments
from node.storage.tables.retention import held_body, hold

if TYPE_CHECKING:
    from collections.abc import Collection


def is_held(connection: Connection, iss: str, rid: str) -> bool:
    """Whether a legal hold on this record is in force."""
    statement = select(hold.c.id).where(hold.c.rid == rid, hold.c.iss == iss, hold.c.lifted_at.is_(None)).limit(1)
    return connection.scalar(statement) is not None


def of(connection: Connection, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the (iss, rid) that are under a hold."""
    rids = sorted({rid for _, rid in keys})
    found: set[tuple[str, str]] = set()
    for start in range(0, len(rids), 500):
        rows = connection.execute(
            select(hold.c.iss, hold.c.rid).where(hold.c.rid.in_(rids[start : start + 500]), hold.c.lifted_at.is_(None))
        )
        found |= {(row.iss, row.rid) for row in rows}
    return found & set(keys)


def place(connection: Connection, *, iss: str, rid: str, reason: str, by: str, now: int) -> int:
    """Put a record under a hold and return the hold's number."""
    placed = hold.insert().values(iss=iss, rid=rid, reason=reason, placed_by=by, placed_at=now).returning(hold.c.id)
    return int(connection.execute(placed).scalar_one())


def lift(connection: Connection, *, iss: str, rid: str, by: str, reason: str, now: int) -> int:
    """Lift all holds on a record; returns how many were in force."""
    return connection.execute(
        update(hold)
        .where(hold.c.rid == rid, hold.c.iss == iss, hold.c.lifted_at.is_(None))
        .values(lifted_by=by, lifted_at=now, lift_reason=reason)
    ).rowcount


def listing(connection: Connection, *, rid: str | None = None, everything: bool = False) -> list[Row[Any]]:
    """Holds with how many bodies are set aside for each record, newest first; those in force unless `everything`."""
    aside = (
        select(func.count())
        .select_from(held_body)
        .where(held_body.c.rid == hold.c.rid, held_body.c.iss == hold.c.iss)
        .scalar_subquery()
    )
    statement = select(hold, aside.label("aside")).order_by(hold.c.id.desc())
    if not everything:
        statement = statement.where(hold.c.lifted_at.is_(None))
    if rid is not None:
        statement = statement.where(hold.c.rid == rid)
    return list(connection.execute(statement))


def set_aside(
    connection: Connection,
    *,
    iss: str,
    rid: str,
    source: str,
    jwt: str,
    disclosures: str = "",
    handling: str = "",
    ver: int | None = None,
    jh: str | None = None,
) -> None:
    """Keep content that a hold alone keeps. `source` is record or quarantine; `jwt` of the latter is the whole body."""
    connection.execute(
        held_body.insert().values(
            iss=iss, rid=rid, source=source, ver=ver, jh=jh, jwt=jwt, disclosures=disclosures, handling=handling
        )
    )


def aside(connection: Connection, iss: str, rid: str) -> list[Row[Any]]:
    """What is set aside of a record, oldest first."""
    statement = select(held_body).where(held_body.c.rid == rid, held_body.c.iss == iss).order_by(held_body.c.id)
    return list(connection.execute(statement))


def erase_aside(connection: Connection, iss: str, rid: str) -> int:
    """Erase what was set aside of a record; returns how many bodies that were."""
    for row in aside(connection, iss, rid):
        attachments.mark_loose(connection, attachments.named_in((row.disclosures or "").split("~")))
    return connection.execute(delete(held_body).where(held_body.c.rid == rid, held_body.c.iss == iss)).rowcount
