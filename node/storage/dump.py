"""All rows of a database as portable pieces, out of one consistent look; and back, into either kind of database.

A piece is JSON lines: a head with table and columns, then one array a row; bytes are base64. Whichever database it came
from, it goes into SQLite as well as into PostgreSQL, at the schema revision that the dump names. What is made
from the records, words and the other indexes, is not in it: it follows them again after a restore.

Trust: whoever writes the pieces chooses what the database says; the caller has checked where they come from.
"""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, LargeBinary, Table, delete, select, text
from sqlalchemy import table as table_named

from node.storage import fulltext
from node.storage.database import insert_rows
from node.storage.tables import (
    disclosure,
    draft,
    feed_in,
    feed_out,
    finding,
    follower,
    metadata,
    nonce,
    policy,
    record,
    tombstone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.storage.database import Database

PIECE_BYTES: Final = 4_000_000
"""Bytes of a piece, about: what is held in memory at once."""
ROWS: Final = 500
_LEFT_OUT: Final = frozenset({nonce.name, *(table.name for table in finding.INDEXES)})
"""Nonces are of minutes: a restored node is asked by requests with new ones. Indexes are made from the records anew."""


_LIFE: Final = (record, draft, feed_out, feed_in, disclosure, policy, tombstone)


class DumpRefused(Exception):  # noqa: N818 - the name is the sentence
    """A piece is not of the form of a dump; the message says what is wrong."""


@contextmanager
def one_look(database: Database) -> Iterator[Connection]:
    """A look at the whole database as it is at one moment, however long it takes and whoever writes meanwhile."""
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same connection
        # SQLite in WAL mode: a transaction goes on seeing what was there when it read first.
        with connection.begin():
            yield connection


def pieces(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """(table, piece) for everything in the database, tables that others refer to first."""
    for table in metadata.sorted_tables:
        if table.name not in _LEFT_OUT:
            yield from ((table.name, piece) for piece in _pieces(connection, table))


def _pieces(connection: Connection, table: Table) -> Iterator[bytes]:
    names = [column.name for column in table.c]
    binary = [at for at, column in enumerate(table.c) if isinstance(column.type, LargeBinary)]
    head = orjson.dumps({"table": table.name, "columns": names, "binary": binary}) + b"\n"
    lines, size = [head], 0
    order = list(table.primary_key.columns)
    found = connection.execution_options(yield_per=ROWS).execute(select(table).order_by(*order))
    for row in found:
        values = list(row)
        for at in binary:
            if values[at] is not None:
                values[at] = base64.b64encode(values[at]).decode()
        lines.append(orjson.dumps(values) + b"\n")
        size += len(lines[-1])
        if size > PIECE_BYTES:
            yield b"".join(lines)
            lines, size = [head], 0
    if len(lines) > 1:
        yield b"".join(lines)


def load(connection: Connection, piece: bytes) -> int:
    """Insert the rows of a piece and return how many there were. The tables are there and these rows are not."""
    lines = piece.split(b"\n")
    try:
        head: Any = orjson.loads(lines[0])
        name, columns, binary = head["table"], tuple(head["columns"]), list(head["binary"])
        rows: list[list[Any]] = [orjson.loads(line) for line in lines[1:] if line]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError) as error:
        raise DumpRefused("a piece of the dump is not of its form") from error
    known = metadata.tables.get(name)
    if known is None or not set(columns) <= {column.name for column in known.c} or name in _LEFT_OUT:
        raise DumpRefused("the dump has a table or a column that this version of the software does not know")
    if any(len(row) != len(columns) for row in rows):
        raise DumpRefused(f"a row of {name} has another number of values than there are columns")
    for row in rows:
        for at in binary:
            if row[at] is not None:
                row[at] = base64.b64decode(row[at], validate=True)
    insert_rows(connection, known, columns, [tuple(row) for row in rows])
    return len(rows)


def finish(connection: Connection) -> None:
    """After the last piece: numbers go on behind those that are there, and the word index begins anew."""
    connection.execute(delete(follower).where(follower.c.name == fulltext.NAME))
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        sequence = connection.scalar(
            text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": table.name}
        ) if "id" in table.c else None  # fmt: skip
        if sequence is not None:
            highest = select(text("coalesce(max(id), 0)")).select_from(table_named(table.name))
            last = connection.scalar(highest) or 0
            connection.execute(
                text("SELECT setval(:sequence, :value, true)"), {"sequence": sequence, "value": last + 1}
            )


def empty(connection: Connection) -> bool:
    """Whether the database is of no node yet: no table has a row in which a node's life begins."""
    return all(connection.execute(select(table).limit(1)).first() is None for table in _LIFE)


def clear(connection: Connection) -> None:
    """Take away every row, those that come with the schema as well."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))
