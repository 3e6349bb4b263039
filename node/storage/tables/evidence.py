"""Evidence of forks and equivocation, the notes that are compared for it, and the feeds that stand still.

Trust: evidence proves itself, whoever keeps it: whoever can write here can hide it, and cannot invent it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from node.storage.tables.core import ROWID, metadata

evidence: Final = Table(
    "evidence",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("hash", String(43), nullable=False, unique=True),
    Column("type", String(32), nullable=False),
    Column("accused", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("proven", Boolean, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("iss", String(32)),
    Column("rid", String(36)),
    Column("at", BigInteger, nullable=False),
    Index(None, "accused"),
    Index(None, "iss", "rid"),
)
"""The envelope as canonical text, once by its content hash. `proven` is false for what this node saw and no third party
can verify: it is kept, because the missing half may come."""

feed_note: Final = Table(
    "feed_note",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", String(43), primary_key=True),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Checkpoints that a sender signed about sizes that this node has not reached, or that did not fit: the next one of
the same size is compared with them."""

feed_stop: Final = Table(
    "feed_stop",
    metadata,
    Column("sender", String(32), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("evidence", String(43), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("resumed_by", Text),
    Column("resumed_at", BigInteger),
)
"""Feeds of which two histories are proven: nothing more is taken from them until an officer says so, or a new epoch."""
