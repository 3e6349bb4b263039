"""The disclosure log and the stored decisions, written in the transaction of what they tell: nothing leaves unlogged.

A row says who disclosed what to whom, when, for which purpose and on which decision. Rows are only ever added, here
alone, each with the note by which the Merkle log over them takes it in (`logged`).

Trust: whoever can write to the database can remove rows. Once a checkpoint of the log that covers them was given out,
whoever kept it notices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, func, select

from node.storage import logged
from node.storage.database import allocate, insert_rows
from node.storage.tables import decision, disclosure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLUMNS: Final = (
    "at", "action", "actor", "recipient", "iss", "rid", "ver", "groups", "purpose", "legal", "policy_version",
    "decision", "feed", "n", "detail",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One row of the log. `groups` is a sorted, comma-separated list of group names."""

    at: int
    action: str
    actor: str
    recipient: str | None = None
    iss: str | None = None
    rid: str | None = None
    ver: int | None = None
    groups: str | None = None
    purpose: str | None = None
    legal: str | None = None
    policy_version: int | None = None
    decision: str | None = None
    feed: int | None = None
    n: int | None = None
    detail: str | None = None


def log(connection: Connection, rows: Sequence[Disclosure]) -> Sequence[int]:
    """Append rows to the disclosure log; returns their numbers."""
    ids = allocate(connection, disclosure, len(rows)) if rows else ()
    logged.note_pending(connection, ids)
    insert_rows(
        connection,
        disclosure,
        ("id", *_COLUMNS),
        [
            (
                row_id, row.at, row.action, row.actor, row.recipient, row.iss, row.rid, row.ver, row.groups,
                row.purpose, row.legal, row.policy_version, row.decision, row.feed, row.n, row.detail,
            )
            for row_id, row in zip(ids, rows, strict=True)
        ],
    )  # fmt: skip
    return ids


def store_decisions(connection: Connection, bodies: Mapping[str, str]) -> None:
    """Keep decisions by their content hash, equal ones once."""
    if not bodies:
        return
    there = set(connection.scalars(select(decision.c.hash).where(decision.c.hash.in_(list(bodies)))))
    insert_rows(
        connection,
        decision,
        ("hash", "body"),
        [(key, body) for key, body in bodies.items() if key not in there],
    )


def decision_body(connection: Connection, content_hash: str) -> str | None:
    """A stored decision, as the JSON text that its hash is over."""
    return connection.scalar(select(decision.c.body).where(decision.c.hash == content_hash))


def decision_bodies(connection: Connection, hashes: Sequence[str]) -> dict[str, str]:
    """Stored decisions by their hashes."""
    found = connection.execute(select(decision.c.hash, decision.c.body).where(decision.c.hash.in_(list(hashes))))
    return {row.hash: row.body for row in found}


def rows(connection: Connection, *, rid: str | None = None, limit: int = 100) -> list[Row[Any]]:
    """The newest rows, of one record or of all."""
    statement = select(disclosure).order_by(disclosure.c.id.desc()).limit(limit)
    if rid is not None:
        statement = statement.where(disclosure.c.rid == rid)
    return list(connection.execute(statement))


def count(connection: Connection, action: str | None = None) -> int:
    """How many rows the log has."""
    statement = select(func.count()).select_from(disclosure)
    if action is not None:
        statement = statement.where(disclosure.c.action == action)
    return connection.scalar(statement) or 0
