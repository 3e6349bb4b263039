"""What was published of each period, with the true values: later versions are protected against it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from node.storage.tables.core import metadata

publication = Table(
    "publication",
    metadata,
    Column("first", String(7), primary_key=True),
    Column("last", String(7), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("scope", String(8), nullable=False),
    Column("reference", String(200), nullable=False, index=True),
    Column("ver", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
"""One version of an edition: months YYYY-MM, and `number` counts what was drawn of a period, so that two that are drawn
at once do not both go in. `body` is JSON: the values of all cells that are not 0, and the pattern. It never leaves."""
