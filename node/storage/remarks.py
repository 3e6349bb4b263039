"""Which annotations speak of which records: rows beside the records, written and erased with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, and_, delete, select

from node.storage.database import insert_rows
from node.storage.tables import record, tombstone
from node.storage.tables.relay import annotation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_COLUMNS = (
    "about_iss", "about_rid", "iss", "rid", "about_ver", "type", "result", "respond_by", "answer_iss", "answer_rid",
    "at",
)  # fmt: skip


def keep(connection: Connection, iss: str, rid: str, groups: Mapping[str, Any], *, at: int) -> None:
    """Remember of which records an annotation speaks, in place of what was remembered of an older version."""
    forget(connection, [(iss, rid)])
    note = groups.get("note")
    note = note if isinstance(note, dict) else {}
    asked = note.get("answer_to")
    asked = asked if isinstance(asked, dict) else {}
    about = groups.get("about")
    rows = {}
    for item in about if isinstance(about, list) else []:
        if isinstance(item, dict) and _is_id(item.get("iss"), 32) and _is_id(item.get("rid"), 36):
            ver = item.get("ver")
            rows[item["iss"], item["rid"]] = (
                item["iss"], item["rid"], iss, rid, ver if type(ver) is int else 0, _word(note.get("type")) or "",
                _word(note.get("result")), _word(note.get("respond_by")),
                asked["iss"] if _is_id(asked.get("iss"), 32) else None,
                asked["rid"] if _is_id(asked.get("rid"), 36) else None, at,
            )  # fmt: skip
    insert_rows(connection, annotation, _COLUMNS, list(rows.values()))


def forget(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """These annotations are gone."""
    for iss, rid in keys:
        connection.execute(delete(annotation).where(annotation.c.iss == iss, annotation.c.rid == rid))


def about(connection: Connection, iss: str, rid: str, *, type_: str | None = None) -> list[Row[Any]]:
    """The annotations on one record that this node holds or wrote, oldest first, with the row of the record."""
    return list(connection.execute(_listing(type_).where(annotation.c.about_iss == iss, annotation.c.about_rid == rid)))


def listing(connection: Connection, *, type_: str | Collection[str] | None = None) -> list[Row[Any]]:
    """All annotations, oldest first."""
    return list(connection.execute(_listing(type_)))


def answers(connection: Connection, iss: str, rid: str) -> list[Row[Any]]:
    """The annotations that answer the one named."""
    chosen = _listing(None).where(annotation.c.answer_iss == iss, annotation.c.answer_rid == rid)
    return list(connection.execute(chosen))


def _listing(type_: str | Collection[str] | None) -> Any:
    statement = (
        select(annotation, record.c.id.label("row_id"), record.c.title, record.c.iat, record.c.state)
        .join(record, and_(record.c.iss == annotation.c.iss, record.c.rid == annotation.c.rid))
        .where(record.c.state.in_(("released", "received")))
        .order_by(annotation.c.at, record.c.id)
    )
    if type_ is None:
        return statement
    return statement.where(annotation.c.type.in_([type_] if isinstance(type_, str) else sorted(type_)))


def subjects_of(connection: Connection, iss: str, rid: str) -> list[tuple[str, str]]:
    """The records that an annotation names."""
    rows = connection.execute(
        select(annotation.c.about_iss, annotation.c.about_rid).where(annotation.c.iss == iss, annotation.c.rid == rid)
    )
    return [(row.about_iss, row.about_rid) for row in rows]


def keys_about(connection: Connection, iss: str, rid: str) -> list[tuple[str, str]]:
    """(iss, rid) of every annotation that names a record."""
    rows = connection.execute(
        select(annotation.c.iss, annotation.c.rid).where(annotation.c.about_iss == iss, annotation.c.about_rid == rid)
    )
    return [(row.iss, row.rid) for row in rows]


def fallen(connection: Connection, keys: Collection[tuple[str, str]]) -> bool:
    """Whether one of these records was recalled."""
    return any(
        connection.execute(select(tombstone.c.ver).where(tombstone.c.iss == iss, tombstone.c.rid == rid)).first()
        is not None
        for iss, rid in keys
    )


def _word(value: Any) -> str | None:
    """A word of a peer's, as far as it is one that a column can hold."""
    return value.replace("\0", "")[:32] if isinstance(value, str) else None


def _is_id(value: Any, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and "\0" not in value
