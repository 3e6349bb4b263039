"""Searches that officers have saved."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, String, Table, Text, UniqueConstraint

from node.storage.tables.core import ROWID, metadata

saved_search: Final = Table(
    "saved_search",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("name", String(100), nullable=False),
    Column("criteria", Text, nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen", ROWID, nullable=False),
    UniqueConstraint("owner", "name"),
)
"""`seen` is the highest row of the records that the owner has been shown the new hits of."""
