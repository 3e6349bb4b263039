"""What a node that was restored from a backup has to settle with each peer; what inventories and the replay found.

Trust: whoever can write here can make this node begin epochs without need, or answer peers before it knows what it
lost. Neither makes a peer accept anything that does not verify.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from node.storage.tables.core import ROWID, metadata

restoration = Table(
    "restoration",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("reason", String(16), nullable=False),  # restored | counters | peer
    Column("backup_at", BigInteger),
    Column("policy_version", Integer),
    Column("accepted_by", Text),
)
"""The times at which this node's history was found to be older than what it once signed. The newest counts. Nothing is
offered under a policy older than `policy_version`, unless an officer has accepted that (`accepted_by`)."""

settlement = Table(
    "settlement",
    metadata,
    Column("restoration", ROWID, ForeignKey("restoration.id"), primary_key=True),
    Column("peer", String(32), primary_key=True),
    Column("inventory_at", BigInteger),
    Column("adopted", Integer, nullable=False, default=0),
    Column("offered_after", BigInteger, nullable=False, default=0),
    Column("settled_at", BigInteger),
    Column("waived_by", Text),
    sqlite_with_rowid=False,
)
"""How far this node has come with each peer since: its inventory is in, what it returned is taken over, everything is
offered again. Pages are answered once `settled_at` stands; `waived_by` lets releases go on without this peer."""

learned = Table(
    "learned",
    metadata,
    Column("peer", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("gm", Text, nullable=False),
    Column("gc", BigInteger, nullable=False),
    Column("tomb", Boolean, nullable=False),
    sqlite_with_rowid=False,
)
"""What a peer says it holds of this node's records, while the two settle: counters go on from there."""

inventory = Table(
    "inventory",
    metadata,
    Column("peer", String(32), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("equal", Boolean, nullable=False),
    Column("token", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Each peer's newest signed inventory of this node's records (its root), and whether it was what this node gave."""

gap = Table(
    "gap",
    metadata,
    Column("peer", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("what", String(16), primary_key=True),  # missing | less | surplus | recalled | other
    Column("detail", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Where a peer's inventory differs from what this node gave it, until an inventory no longer does."""

replay = Table(
    "replay",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("policy_version", Integer),
    Column("records", Integer, nullable=False),
    Column("pairs", Integer, nullable=False),
    Column("unexplained", Integer, nullable=False),
)
"""Runs of the policy over what is out, compared with what the disclosure log says was given."""

deviation = Table(
    "deviation",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("replay", ROWID, ForeignKey("replay.id"), nullable=False),
    Column("recipient", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Column("ver", BigInteger, nullable=False),
    Column("what", String(16), nullable=False),  # should-have | should-not
    Column("groups", Text, nullable=False),
    Column("explained", Text),
    Index(None, "replay"),
)
"""Groups that should have gone to somebody and have not, or have and should not; with the explanation, if there is."""
