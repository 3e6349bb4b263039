"""Connections and transactions, the same on SQLite and PostgreSQL.

`Database.write()` is a transaction that may change things: on SQLite it begins IMMEDIATE, so that two writers queue up
instead of failing half-way; on PostgreSQL callers lock the rows they build on (`feeds.lock`). `Database.read()` is a
consistent look. Many rows at once go through `insert_rows`: executemany on SQLite, COPY on PostgreSQL.

SQLite runs in WAL mode with synchronous=FULL: what was committed survives a loss of power.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select, text
from sqlalchemy.engine import make_url

import migrations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alembic.script import Script

_T = TypeVar("_T")
PART: Final = 500
"""Values that one statement names."""
BUSY_MILLISECONDS: Final = 30_000
"""How long a SQLite writer waits for another one before it gives up."""
POOL_SIZE: Final = 8
SEARCHES: Final = 2
"""SQLite connections that searches share: each may keep `SEARCH_CACHE`."""
CHECKPOINT_PAGES: Final = 8_000
"""Pages in SQLite's log before they are carried into the database: a page of a feed touches thousands, many of them
again and again, and what is carried over once in a while is carried over once."""
WRITE_CACHE: Final = 8_192
READ_CACHE: Final = 4_096
SEARCH_CACHE: Final = 49_152
"""KiB of pages that a SQLite connection keeps. A search looks into thousands of pages, many of them again and again."""


class WrongSchema(Exception):  # noqa: N818 - the name is the sentence
    """The database's schema is not the one that this version of the software needs."""


class Database:
    """One database of one node. `url` is an SQLAlchemy URL: sqlite:///path or postgresql+psycopg://..."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.engine = _sqlite(url, connections=POOL_SIZE, cache_kib=READ_CACHE) if self.is_sqlite else _postgres(url)
        # SQLite has one writer at a time anyway. One connection for all of them keeps its cache warm (another's write
        # would empty it), and its threads queue up in order instead of trying their luck.
        # Made at the first search: a node that only receives has no use for its cache.
        self._searcher: Engine | None = None
        self.writer = _sqlite(url, connections=1, cache_kib=WRITE_CACHE) if self.is_sqlite else self.engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write: committed at the end, rolled back if anything is raised."""
        with self.writer.connect() as connection:
            connection = connection.execution_options(tidewaiter_write=True)  # noqa: PLW2901 - the same connection
            with connection.begin():
                yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A consistent look for a search, over a connection whose cache suits it."""
        if self._searcher is None:
            self._searcher = (
                _sqlite(self.url, connections=SEARCHES, cache_kib=SEARCH_CACHE) if self.is_sqlite else self.engine
            )
        with self._searcher.connect() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent look at the data; nothing is kept of what is written in it."""
        with self.engine.connect() as connection:
            yield connection

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema to the newest revision, or to this one; raises `WrongSchema` for one that is not known."""
        config = alembic_config()
        if revision != "head" and revision not in {each.revision for each in _revisions(config)}:
            raise WrongSchema(
                f"revision {revision!r} is not of this software: use the version that wrote it, or a newer one"
            )
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    def empty(self) -> None:
        """Take every table away, and the schema's revision with them."""
        with self.engine.begin() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.downgrade(config, "base")

    def revision(self) -> str | None:
        """The schema revision that the database has, None for an empty one."""
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def check_schema(self) -> None:
        """Raise `WrongSchema`, with the remedy, unless the schema is the one this software needs."""
        wanted = ScriptDirectory.from_config(alembic_config()).get_current_head()
        found = self.revision()
        if found != wanted:
            raise WrongSchema(
                f"the database is at revision {found}, this software needs {wanted}: run `tidewaiter migrate`"
            )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self.writer.dispose()
        if self._searcher is not None:
            self._searcher.dispose()


def _revisions(config: Config) -> Iterable[Script]:
    return ScriptDirectory.from_config(config).walk_revisions()


def alembic_config() -> Config:
    """Alembic, configured in code: there is no ini file to lose."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config


def insert_rows(connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
    """Insert many rows in the fastest way that the database has. Values are those of the driver, without processing."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_insert(table.name, columns), rows)
        return
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - an open connection has one
    with driver.cursor() as cursor, cursor.copy(_copy(table.name, columns)) as copy:
        for row in rows:
            copy.write_row(row)


def parts(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """A list in pieces that one statement can name: a database bounds the values of a statement."""
    return (values[start : start + PART] for start in range(0, len(values), PART))


def allocate(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Reserve `count` primary keys, rising, for rows that are about to be inserted."""
    if connection.dialect.name == "sqlite":
        # Safe because a writer holds SQLite's one write lock from its first moment (BEGIN IMMEDIATE).
        last = connection.scalar(select(func.coalesce(func.max(table.c.id), 0))) or 0
        return range(last + 1, last + 1 + count)
    statement = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")
    return list(connection.scalars(statement, {"table": table.name, "count": count}))


@lru_cache(maxsize=64)
def _sqlite_insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f'INSERT INTO "{table}" ({_quoted(columns)}) VALUES ({marks})'  # noqa: S608 - names of our own tables


@lru_cache(maxsize=64)
def _copy(table: str, columns: tuple[str, ...]) -> str:
    return f'COPY "{table}" ({_quoted(columns)}) FROM STDIN'


def _quoted(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _sqlite(url: str, *, connections: int, cache_kib: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_MILLISECONDS / 1000,
        pool_use_lifo=True,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connected(driver: Any, _: Any) -> None:
        # The driver's own transactions begin too late (at the first write); ours begin where `begin` says.
        driver.isolation_level = None
        cursor = driver.cursor()
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"cache_size=-{cache_kib}",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        write = connection.get_execution_options().get("tidewaiter_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgres(url: str) -> Engine:
    return create_engine(url, pool_size=POOL_SIZE, pool_pre_ping=True)
