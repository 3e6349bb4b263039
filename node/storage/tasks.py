"""Tasks for those who exported a record, and notices to those who saw it, once it was withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, func, select, update

from node.storage.database import insert_rows
from node.storage.tables import disclosure
from node.storage.tables.retention import export, export_record, glimpse, notice, task

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_OFFICER: Final = 128


def remember_glimpses(connection: Connection, keys: Collection[tuple[str, str]], officer: str) -> None:
    """The lines of these records (iss, rid) were shown to an officer in a list."""
    name = officer[:MAX_OFFICER]
    rids = sorted({rid for _, rid in keys})
    known = set()
    for start in range(0, len(rids), 500):
        rows = connection.execute(
            select(glimpse.c.iss, glimpse.c.rid).where(
                glimpse.c.officer == name, glimpse.c.rid.in_(rids[start : start + 500])
            )
        )
        known |= {(row.iss, row.rid) for row in rows}
    fresh = sorted(set(keys) - known)
    insert_rows(connection, glimpse, ("iss", "rid", "officer"), [(iss, rid, name) for iss, rid in fresh])


def exports_of(connection: Connection, iss: str, rid: str) -> list[Row[Any]]:
    """The exports that a record is in."""
    statement = (
        select(export)
        .join(export_record, export_record.c.export == export.c.id)
        .where(export_record.c.rid == rid, export_record.c.iss == iss)
        .order_by(export.c.id)
    )
    return list(connection.execute(statement))


def viewers_of(connection: Connection, iss: str, rid: str) -> dict[str, str]:
    """Who saw a record here, officer → view or search (its line in a list)."""
    found = dict.fromkeys(
        connection.scalars(select(glimpse.c.officer).where(glimpse.c.rid == rid, glimpse.c.iss == iss)), "search"
    )
    viewed = select(disclosure.c.actor).where(
        disclosure.c.rid == rid, disclosure.c.iss == iss, disclosure.c.action == "view"
    )
    return found | dict.fromkeys(connection.scalars(viewed.distinct()), "view")


def open_for(connection: Connection, made: Row[Any], *, iss: str, rid: str, why: str, now: int) -> bool:
    """Task whoever made an export; False if a task of theirs about this record is open already."""
    waiting = select(task.c.id).where(
        task.c.rid == rid, task.c.iss == iss, task.c.export == made.id, task.c.state == "open"
    )
    if connection.scalar(waiting) is not None:
        return False
    connection.execute(
        task.insert().values(
            iss=iss, rid=rid, why=why, officer=made.officer, export=made.id, state="open", opened_at=now
        )
    )
    if made.state == "made":
        connection.execute(update(export).where(export.c.id == made.id).values(state="stale", stale_at=now))
    return True


def tell(connection: Connection, *, iss: str, rid: str, why: str, officer: str, seen: str, now: int) -> bool:
    """Leave a notice; False if the same one waits to be read."""
    waiting = select(notice.c.id).where(
        notice.c.officer == officer, notice.c.rid == rid, notice.c.iss == iss, notice.c.why == why,
        notice.c.read_at.is_(None),
    )  # fmt: skip
    if connection.scalar(waiting) is not None:
        return False
    connection.execute(notice.insert().values(iss=iss, rid=rid, why=why, officer=officer, seen=seen, at=now))
    return True


def tasks(
    connection: Connection,
    *,
    state: str | None = "open",
    officer: str | None = None,
    number: int | None = None,
    limit: int = 200,
) -> list[Row[Any]]:
    """Tasks with the export that each is about, newest first."""
    joined = task.outerjoin(export, export.c.id == task.c.export)
    columns = (
        export.c.destination, export.c.sha256, export.c.purpose, export.c.at.label("exported_at"),
        export.c.state.label("file"),
    )  # fmt: skip
    statement = select(task, *columns).select_from(joined).order_by(task.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(task.c.state == state)
    if officer is not None:
        statement = statement.where(task.c.officer == officer)
    if number is not None:
        statement = statement.where(task.c.id == number)
    return list(connection.execute(statement))


def get(connection: Connection, number: int) -> Row[Any] | None:
    """One task."""
    return connection.execute(select(task).where(task.c.id == number)).first()


def done(connection: Connection, number: int, *, by: str, note: str | None, now: int) -> bool:
    """Close a task; False if it was not open."""
    closed = connection.execute(
        update(task)
        .where(task.c.id == number, task.c.state == "open")
        .values(state="done", done_at=now, done_by=by, note=note)
    )
    return closed.rowcount == 1


def notices(
    connection: Connection, *, officer: str | None = None, unread: bool = True, limit: int = 200
) -> list[Row[Any]]:
    """Notices, newest first."""
    statement = select(notice).order_by(notice.c.id.desc()).limit(limit)
    if unread:
        statement = statement.where(notice.c.read_at.is_(None))
    if officer is not None:
        statement = statement.where(notice.c.officer == officer)
    return list(connection.execute(statement))


def mark_read(connection: Connection, *, officer: str, now: int, upto: int) -> int:
    """An officer has read their notices up to this number."""
    read = (
        update(notice)
        .where(notice.c.officer == officer, notice.c.id <= upto, notice.c.read_at.is_(None))
        .values(read_at=now)
    )
    return connection.execute(read).rowcount


def count_open(connection: Connection, iss: str | None = None, rid: str | None = None) -> int:
    """How many tasks are open, of one record or of all."""
    statement = select(func.count()).select_from(task).where(task.c.state == "open")
    if rid is not None:
        statement = statement.where(task.c.rid == rid)
    if iss is not None:
        statement = statement.where(task.c.iss == iss)
    return connection.scalar(statement) or 0
