"""Drafts: what a contact point is about to release, one row a (administration, kind, reference).

The row outlives the release. Its `content_hash` is that of the newest content, so that importing the same file again
changes nothing and a changed row becomes a draft of the next version.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, func, select, update

from node.storage.tables import draft

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDraft:
    """A record to be: its groups as they will be signed, and where it came from."""

    kind: str
    administration: str
    reference: str
    groups: Mapping[str, Any]
    content_hash: str
    source: str | None = None
    warnings: int = 0


def find(connection: Connection, administration: str, kind: str, references: Collection[str]) -> dict[str, Row[Any]]:
    """The drafts with these references."""
    found: dict[str, Row[Any]] = {}
    names = sorted(references)
    for start in range(0, len(names), 500):
        rows = connection.execute(
            select(draft).where(
                draft.c.administration == administration,
                draft.c.kind == kind,
                draft.c.reference.in_(names[start : start + 500]),
            )
        )
        found |= {row.reference: row for row in rows}
    return found


def put(connection: Connection, new: Iterable[NewDraft], *, now: int) -> None:
    """Insert drafts of records that were never seen."""
    rows = [
        {
            "kind": item.kind,
            "administration": item.administration,
            "reference": item.reference,
            "groups": json.dumps(item.groups, ensure_ascii=False, separators=(",", ":")),
            "content_hash": item.content_hash,
            "source": item.source,
            "warnings": item.warnings,
            "state": "draft",
            # Version 4, by chance alone: a version 7 would tell the time of its making (protocol page, section 3).
            "rid": str(uuid.uuid4()),
            "ver": 1,
            "created_at": now,
            "updated_at": now,
        }
        for item in new
    ]
    if rows:
        connection.execute(draft.insert(), rows)


def change(connection: Connection, row: Row[Any], item: NewDraft, *, now: int) -> None:
    """Put other content into a draft; if the record is out already, this is the draft of its next version."""
    connection.execute(
        update(draft)
        .where(draft.c.id == row.id)
        .values(
            groups=json.dumps(item.groups, ensure_ascii=False, separators=(",", ":")),
            content_hash=item.content_hash,
            source=item.source if item.source is not None else row.source,
            warnings=item.warnings,
            state="draft",
            ver=row.ver + 1 if row.state == "released" else row.ver,
            updated_at=now,
        )
    )


def waiting(connection: Connection, *, kind: str | None = None, references: Sequence[str] | None = None) -> list[int]:
    """Row ids of the drafts that wait for release, oldest first."""
    statement = select(draft.c.id).where(draft.c.state == "draft").order_by(draft.c.id)
    if kind is not None:
        statement = statement.where(draft.c.kind == kind)
    if references is not None:
        statement = statement.where(draft.c.reference.in_(list(references)))
    return list(connection.scalars(statement))


def waiting_rows(connection: Connection, ids: Collection[int]) -> list[Row[Any]]:
    """The drafts among these that wait for release, not locked."""
    statement = select(draft).where(draft.c.id.in_(list(ids)), draft.c.state == "draft").order_by(draft.c.id)
    return list(connection.execute(statement))


def to_release(connection: Connection, ids: Collection[int]) -> list[Row[Any]]:
    """The drafts among these that still wait, locked: two releases at once release nothing twice."""
    columns = (draft.c.id, draft.c.ver, draft.c.content_hash, draft.c.updated_at)
    statement = select(*columns).where(draft.c.id.in_(list(ids)), draft.c.state == "draft").order_by(draft.c.id)
    return list(connection.execute(statement.with_for_update()))


def mark_released(connection: Connection, ids: Collection[int], *, by: str, second: str | None, now: int) -> None:
    """The drafts are out."""
    if ids:
        connection.execute(
            update(draft)
            .where(draft.c.id.in_(list(ids)))
            .values(state="released", released_by=by, second_by=second, updated_at=now)
        )


def count_on(connection: Connection, rids: Sequence[str]) -> None:
    """The records of these drafts have got a version that no draft made."""
    if rids:
        connection.execute(update(draft).where(draft.c.rid.in_(list(rids))).values(ver=draft.c.ver + 1))


def listing(connection: Connection, *, state: str | None = None, limit: int = 100) -> list[Row[Any]]:
    """Drafts, newest change first."""
    statement = select(draft).order_by(draft.c.updated_at.desc(), draft.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(draft.c.state == state)
    return list(connection.execute(statement))


def counts(connection: Connection) -> dict[str, int]:
    """How many drafts are in each state."""
    rows = connection.execute(select(draft.c.state, func.count()).group_by(draft.c.state))
    return {row[0]: row[1] for row in rows}


def references(connection: Connection, rids: Sequence[str]) -> dict[str, str]:
    """What this node calls own records, by rid; annotations have a name of their own making, and are left out."""
    found: dict[str, str] = {}
    for start in range(0, len(rids), 500):
        part = list(rids[start : start + 500])
        rows = connection.execute(
            select(draft.c.rid, draft.c.reference).where(draft.c.rid.in_(part), draft.c.kind != "annotation")
        )
        found |= {row.rid: row.reference for row in rows}
    return found
