"""The register of exports, and the files that this node wrote for them.

A file is removed once a record in it was withdrawn, but only if it is still the file that was written: somebody may
have put another one in its place. What became of it stands in the register; copies are the business of whoever made the
export, who has a task.

Trust: the register is told by whoever can write to the database; the disclosure rows tell the same.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Connection, Row, select, update

from crypto import b64
from node.storage.database import allocate, insert_rows
from node.storage.tables.retention import export, export_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.storage.database import Database

STANDARD_OUTPUT: Final = "-"
READ: Final = 1_048_576
Became = Literal["removed", "gone", "changed", "handed"]


def reserve(connection: Connection) -> int:
    """The number of an export that is about to be made: it stands in its file."""
    (number,) = allocate(connection, export, 1)
    return number


def put(
    connection: Connection,
    *,
    number: int,
    at: int,
    officer: str,
    purpose: str,
    format_: str,
    destination: str,
    path: str | None,
    data: bytes,
    records: Sequence[tuple[str, str, int, str]],
) -> str:
    """Register an export of `records` (iss, rid, ver, groups) under its number; returns the hash of its bytes."""
    sha256 = digest(data)
    connection.execute(
        export.insert().values(
            id=number, at=at, officer=officer, purpose=purpose, format=format_, destination=destination, path=path,
            sha256=sha256, size=len(data), records=len(records), state="made",
        )
    )  # fmt: skip
    columns = ("export", "iss", "rid", "ver", "groups")
    insert_rows(connection, export_record, columns, [(number, *row) for row in records])
    return sha256


def digest(data: bytes) -> str:
    """The hash by which a file is known in the register: SHA-256, base64url."""
    return b64.encode(hashlib.sha256(data).digest())


def listing(connection: Connection, *, officer: str | None = None, limit: int = 200) -> list[Row[Any]]:
    """The register, newest first."""
    statement = select(export).order_by(export.c.id.desc()).limit(limit)
    if officer is not None:
        statement = statement.where(export.c.officer == officer)
    return list(connection.execute(statement))


def records_in(connection: Connection, number: int) -> list[Row[Any]]:
    """The records of one export."""
    return list(connection.execute(select(export_record).where(export_record.c.export == number)))


def remove_stale(database: Database, *, now: int) -> int:
    """Remove the files of stale exports; returns how many were there and are gone now.

    After the commit that made them stale: a file system has no transactions. What a crash leaves over is found again.
    """
    with database.read() as connection:
        stale = list(connection.execute(select(export).where(export.c.state == "stale").order_by(export.c.id)))
    removed = 0
    for row in stale:
        became = _remove(row)
        if became is None:
            continue
        removed += became == "removed"
        with database.write() as connection:
            connection.execute(update(export).where(export.c.id == row.id).values(state=became, settled_at=now))
    return removed


def _remove(row: Row[Any]) -> Became | None:
    """What became of a stale export's file; None when it could not be removed and is tried again."""
    if row.path is None or row.path == STANDARD_OUTPUT:
        return "handed"  # it never was a file of this node's
    path = Path(row.path)
    try:
        if _digest_of(path) != row.sha256:
            return "changed"
        path.unlink()
    except FileNotFoundError:
        return "gone"
    except OSError:
        return None
    return "removed"


def _digest_of(path: Path) -> str:
    found = hashlib.sha256()
    with contextlib.closing(path.open("rb")) as file:
        while piece := file.read(READ):
            found.update(piece)
    return b64.encode(found.digest())
