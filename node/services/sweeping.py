"""Erase what may not be kept any longer, wherever this node has it.

The time of keeping of each version stands in an indexed column beside its handling, so a sweep looks at nothing else
than what has to go, in batches of one transaction each. Whoever exported a record gets a task in the transaction that
erases it, whoever saw it is told; then files of exports that this node wrote itself are removed.

Between `keep_until` and the sweep nobody can use the content either: every reader asks `grants.may` or
`records.in_time`, and a peer is not served it.

Trust: the clock. One that is ahead erases too early, and what was erased does not come back by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, func, select

from node.services import erasing, keeping
from node.storage import exports, quarantine, records
from node.storage.tables import record

if TYPE_CHECKING:
    from node.storage.database import Database

BATCH: Final = 200
"""Versions erased in one transaction: receiving and officers wait no longer than for a page."""
SECONDS: Final = 300.0
"""How often a served node sweeps. Nothing can be used meanwhile: this is how long it may lie on the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep erased."""

    versions: int = 0
    quarantined: int = 0
    explained: int = 0
    """Bodies that had not come, and will not be asked for."""
    files: int = 0
    """Files of exports, written by this node, that hold something that was withdrawn: removed."""

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        return {
            "versions": self.versions, "quarantined": self.quarantined, "explained": self.explained,
            "files": self.files,
        }  # fmt: skip


def sweep(database: Database, *, now: int) -> Swept:
    """Erase everything whose time of keeping is over at `now` (seconds)."""
    versions = quarantined = 0
    while True:
        with database.write() as connection:
            rows = _due(connection, now=now)
            for row in rows:
                expire(connection, row, now=now)
            aside = quarantine.expired(connection, now=now, limit=BATCH)
            erasing.erase_quarantined(connection, aside)
            explained = 0 if rows or aside else quarantine.explain_expired(connection, now=now)
        versions += len(rows)
        quarantined += len(aside)
        if not rows and not aside:
            break
    files = exports.remove_stale(database, now=now)
    return Swept(versions=versions, quarantined=quarantined, explained=explained, files=files)


def expire(connection: Connection, row: Row[Any], *, now: int, gc: int | None = None) -> None:
    """Erase one version whose time of keeping is over, and tell whoever exported or saw it."""
    keeping.tell_of_withdrawal(connection, row.iss, row.rid, keeping.OVER, now)
    erasing.erase_version(connection, row, gc=gc, state=records.EXPIRED)


def due(connection: Connection, *, now: int) -> int:
    """How many versions wait to be swept."""
    condition = (record.c.keep_until <= now, record.c.jwt != "")
    return connection.scalar(select(func.count()).select_from(record).where(*condition)) or 0


def _due(connection: Connection, *, now: int) -> list[Row[Any]]:
    statement = (
        select(record)
        .where(record.c.keep_until <= now, record.c.jwt != "")
        .order_by(record.c.keep_until, record.c.id)
        .limit(BATCH)
    )
    return list(connection.execute(statement))
