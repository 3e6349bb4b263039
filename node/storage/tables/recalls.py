"""Recalls, own and received: what was asked of whom, and what came back.

Trust: whoever can write here can make a recall wait, or a stopped record usable again, at this node alone.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from node.storage.tables.core import ROWID, metadata

recall: Final = Table(
    "recall",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("jh", String(43), nullable=False),
    Column("kid", String(43), nullable=False),
    Column("jwt", Text, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("effect", String(16), nullable=False),
    Column("ref", Text),
    Column("came_by", String(32), nullable=False),
    Column("state", String(16), nullable=False),  # stopped | kept | erased | held | refused | void
    Column("before", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("erased_at", BigInteger),
    Column("by", Text),
    Column("second_by", Text),
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    Index(None, "state", "due"),
    Index(None, "iss", "at"),
    Index(None, "kid"),
)
"""One row a recalled record, whoever issued it. `before` says in which state each version was, so that a void recall
can be undone; `due` is when what is stopped is erased; `by` and `second_by` are the officers of an own recall,
`decided_by` whoever approved, refused or confirmed one of another node."""

recall_again: Final = Table(
    "recall_again",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("kid", String(43), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("jh", String(43), nullable=False),
    Column("jwt", Text, nullable=False),
    Column("came_by", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Further tombstones of a record that is recalled already, one for each key: if the key of the first one turns out to
have been stolen, the recall stands by another."""

recall_road: Final = Table(
    "recall_road",
    metadata,
    Column("feed", ROWID, primary_key=True),
    Column("n", BigInteger, primary_key=True),
    Column("iss", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Index(None, "iss", "rid"),
    sqlite_with_rowid=False,
)
"""Every entry of a peer's feed (`feed_in`) that brought a tombstone: the receipt for that feed tells of its erasure."""

recall_sent: Final = Table(
    "recall_sent",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("recipient", String(32), primary_key=True),
    Column("feed", ROWID, nullable=False),
    Column("lane", String(8), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("erased_at", BigInteger),
    Index(None, "feed", "rid"),
    sqlite_with_rowid=False,
)
"""To whom a tombstone was offered, own or passed on, and when the recipient said that it has erased the content."""
