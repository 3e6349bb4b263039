"""How many questions each peer has asked today."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, String, Table

from node.storage.tables.core import metadata

question_budget: Final = Table(
    "question_budget",
    metadata,
    Column("peer", String(32), primary_key=True),
    Column("day", Integer, nullable=False),
    Column("asked", Integer, nullable=False),
)
"""One row a peer, of the last day on which it asked: days since the epoch, by UTC. It outlives a restart, which a
count in memory would not."""
