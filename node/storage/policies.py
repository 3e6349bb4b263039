"""The policy sets that were activated, as they were written. The highest version is in force."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from node.storage.tables import policy


def active(connection: Connection) -> Row[Any] | None:
    """The policy in force, None where none was ever activated: then nothing is shared."""
    return connection.execute(select(policy).order_by(policy.c.version.desc()).limit(1)).first()


def activate(connection: Connection, *, version: int, body: str, author: str, by: str, now: int) -> None:
    """Put a policy in force. Its version must be higher than that of the one before (the caller checks)."""
    connection.execute(
        policy.insert().values(version=version, body=body, author=author, activated_by=by, activated_at=now)
    )
