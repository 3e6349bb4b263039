"""How Alembic runs here: in code, on the connection that `Database.upgrade` hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

from node.storage.tables import metadata

LOCK = 7_105_301_998
"""The advisory lock under which two processes that start at once do not migrate at once."""


def ours(obj: Any, name: str | None, kind: str, reflected: bool, compare_to: Any) -> bool:
    """Leave the full-text index to its own revision: the two databases build it differently."""
    del obj, reflected, compare_to
    return not (kind in {"table", "index"} and str(name).startswith("fulltext"))


connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_object=ours,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
