"""The Merkle log over the disclosure rows, peers' checkpoints of theirs, and what looks like an insider.

Trust: whoever can write here can make our own log anew; whoever holds a checkpoint that was given out before can tell.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from node.storage.tables.core import ROWID, metadata

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
)
"""The log's size, compact range and epoch: one row, which whoever appends holds locked."""
HEAD: Final = 1

log_leaf = Table(
    "log_leaf",
    metadata,
    Column("n", ROWID, primary_key=True, autoincrement=False),
    Column("row", ROWID, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)
"""Position in the log → the disclosure row, its salt and its leaf hash."""

log_block = Table(
    "log_block",
    metadata,
    Column("n", ROWID, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
)
"""Roots of each full block of leaves, so that a proof over millions reads hundreds of rows."""

log_pending = Table(
    "log_pending",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)
"""Runs of disclosure rows that were written and are not in the log yet: written in the same transaction as the rows, so
whatever order transactions commit in, none is passed over."""

log_lost = Table(
    "log_lost",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("peer", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Of each epoch that ended, the largest of this node's own checkpoints that a peer showed and that its log does not
continue: how much was lost, as far as this node knows."""

peer_log = Table(
    "peer_log",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("peer", String(32), nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("size", BigInteger, nullable=False),
    Column("root", String(43), nullable=False),
    Column("note", Text, nullable=False),
    Column("came_by", String(16), nullable=False),  # receipt | question
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # kept | proven | lost | late | broken
    Column("detail", Text),
    UniqueConstraint("peer", "epoch", "size", "root"),
)
"""Checkpoints of peers' disclosure logs, as they were signed. `proven`: the peer's log was proven to continue it.
`lost`: the log began anew, says so, and does not continue it. `late`: it came when a later epoch had begun. `broken`:
it cannot be the same log as another one of its epoch."""

bait = Table(
    "bait",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Records that nobody has a reason to open."""

officer_day = Table(
    "officer_day",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("views", BigInteger, nullable=False),
    Column("searches", BigInteger, nullable=False),
    Column("exports", BigInteger, nullable=False),
    Column("purposes", Text, nullable=False),
)
"""What each officer looked at in a day, in counts: read on from the log, never counted anew."""

insider_alarm = Table(
    "insider_alarm",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # views | bait
    Column("actor", Text, nullable=False),
    Column("day", String(10), nullable=False),
    Column("subject", String(36), nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Index(None, "actor", "day"),
)
"""What looked unusual about an officer's day, with the rule that says so and its figures."""

key_swept = Table(
    "key_swept",
    metadata,
    Column("kid", String(43), primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("moved", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Revoked record keys whose records were looked through here, and for which `since`."""
