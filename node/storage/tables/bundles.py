"""Bundles made and taken in.

Trust: whoever can write here can hide that a bundle was made. The entries that it carried have disclosure rows of their
own, from when they were released.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from node.storage.tables.core import ROWID, metadata

bundle: Final = Table(
    "bundle",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("bid", String(22), nullable=False),
    Column("way", String(8), nullable=False),  # made | applied
    Column("peer", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("chunks", BigInteger, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("problems", BigInteger, nullable=False),
    Index(None, "peer", "at"),
)
"""The register: which bundle, with whom, when, by whom, and how much."""
