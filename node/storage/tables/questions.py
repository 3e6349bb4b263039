"""How many questions each peer has asked today, and what peers said that they hold."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from node.storage.tables.core import ROWID, metadata

question_budget: Final = Table(
    "question_budget",
    metadata,
    Column("peer", String(32), primary_key=True),
    Column("day", Integer, nullable=False),
    Column("asked", Integer, nullable=False),
)
"""One row a peer, of the last day on which it asked: days since the epoch, by UTC. It outlives a restart, which a
count in memory would not."""

request: Final = Table(
    "request",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("peer", String(32), nullable=False),
    Column("question", String(64), nullable=False),
    Column("reference", String(64), nullable=False),
    Column("case_ref", Text, nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("contact", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("opened_by", String(200), nullable=False),
    Column("settled_at", BigInteger),
    Column("settled_by", String(200)),
    Column("remark", Text),
    Index(None, "settled_at", "until"),
)
"""A peer said that it holds something: whom to ask there, by which reference and until when, and what came of it."""
