"""What each record adds to the statistics, the sums of it, and which versions must be counted anew."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from node.storage.tables.core import ROWID, metadata

counted = Table(
    "counted",
    metadata,
    Column("record", ROWID, primary_key=True),
    Column("keep_until", BigInteger, index=True),
    Column("body", Text, nullable=False),
)
"""What one version adds to the sums: JSON, `[[dimension, value, measure, unit, n], ...]` with its month, node and
administration. It goes in the transaction in which the version changes or goes."""

count_cell = Table(
    "count_cell",
    metadata,
    Column("dim", String(16), primary_key=True),
    Column("month", String(10), primary_key=True),
    Column("node", String(32), primary_key=True),
    Column("administration", String(32), primary_key=True),
    Column("value", Text, primary_key=True),
    Column("measure", String(16), primary_key=True),
    Column("unit", String(64), primary_key=True),
    Column("n", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Sums, `n` in thousandths: one row a month, node and administration, and one with `*` for all three. The dimension
leads the key: a table is read from one stretch of it."""

recount = Table(
    "recount",
    metadata,
    Column("record", ROWID, primary_key=True),
)
"""Versions behind the follower's position that have changed since they were counted."""

doubled = Table(
    "doubled",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
)
"""Records that are not counted, because another record of the same event is: as the sums stand."""

exchange_rate = Table(
    "exchange_rate",
    metadata,
    Column("edition", Integer, primary_key=True),
    Column("base", String(3), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("rate", String(32), nullable=False),
    Column("source", String(200), nullable=False),
    Column("loaded_at", BigInteger, nullable=False),
    Column("loaded_by", String(200), nullable=False),
)
"""`rate` is a decimal text: so much of `currency` is one of `base`, from `day` (YYYY-MM-DD) on. An edition is loaded
whole and never changed."""
