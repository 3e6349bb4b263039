"""The policy sets that were activated, as they were written. The highest version is in force."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from federation.policy import CompiledPolicy, Policy, compile_policy, load_policy
from node.storage import applications
from node.storage.tables import policy, record


def active(connection: Connection) -> Row[Any] | None:
    """The policy in force, None where none was ever activated: then nothing is shared."""
    return connection.execute(select(policy).order_by(policy.c.version.desc()).limit(1)).first()


def in_force(connection: Connection) -> CompiledPolicy | None:
    """The policy in force, compiled; None where none was ever activated."""
    row = active(connection)
    return None if row is None else _compiled(row.body)


@lru_cache(maxsize=4)
def _compiled(body: str) -> CompiledPolicy:
    """A policy is asked for with every page and release, and changes a few times a year."""
    return compile_policy(read(body))


def read(body: str) -> Policy:
    """Read the text of a policy that was activated: TOML, or JSON with the same members."""
    return load_policy(body, format="json" if body.lstrip().startswith("{") else "toml")


def activate(connection: Connection, *, version: int, body: str, author: str, by: str, now: int) -> None:
    """Put a policy in force. Its version must be higher than that of the one before (the caller checks).

    What was released before has to be looked at again under it: that begins here, and until it is done nothing leaves
    that the new policy would not let go.
    """
    connection.execute(
        policy.insert().values(version=version, body=body, author=author, activated_by=by, activated_at=now)
    )
    anything = connection.scalar(select(exists().where(record.c.state == "released")))
    applications.begin(connection, version, now=now, done=not anything)
