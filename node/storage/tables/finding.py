"""What records are found by besides filters and words: names across spellings, numbers, and a line for each version.

All of it is made from the records by the follower of the words, holds only what their granted groups say, and goes with
them. `COLLATE "C"` compares keys byte by byte, as SQLite does.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, UniqueConstraint

from node.storage.tables.core import ROWID, metadata

_KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")

line = Table(
    "line",
    metadata,
    Column("record", ROWID, primary_key=True),
    Column("day", String(10), nullable=False),
    Column("keep_until", BigInteger),
    Column("handling", Text, nullable=False),
    Column("facets", Text, nullable=False),
)
"""A version in use in one narrow row, beside `record`, whose rows are large: its day, what of its handling decides
whether it may be counted, and its filter values (`field=value`, one a line of text) for counts over a result."""

name = Table(
    "name",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("fold", _KEY, nullable=False),
    UniqueConstraint("fold"),
)
"""Distinct names of persons, companies, right holders and brands, folded (`federation.spelling.fold`)."""

name_record = Table(
    "name_record",
    metadata,
    Column("name", ROWID, primary_key=True),
    Column("record", ROWID, primary_key=True),
    Column("what", String(16), primary_key=True),
    Index(None, "record"),
    sqlite_with_rowid=False,
)
"""Who has the name. A name that no record has any more goes."""

name_token = Table(
    "name_token",
    metadata,
    Column("token", _KEY, primary_key=True),
    Column("name", ROWID, primary_key=True),
    Index(None, "name"),
    sqlite_with_rowid=False,
)

name_key = Table(
    "name_key",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("token", _KEY, primary_key=True),
    Index(None, "token"),
    sqlite_with_rowid=False,
)
"""Each token once under each of its keys (`federation.spelling.keys`), however many names have it."""

number = Table(
    "number",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("record", ROWID, primary_key=True),
    Index(None, "record"),
    sqlite_with_rowid=False,
)
"""Containers, waybills, GTINs, registrations, references and the like (`federation.records.traces.keys_of`)."""

INDEXES: Final = (line, name, name_record, name_token, name_key, number)
"""All of them: made from the records, and so in no backup."""
