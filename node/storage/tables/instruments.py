"""Policy activations by two officers, approvals and policy letters; what peers' withdrawals left; the tripwire."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from node.storage.tables.core import ROWID, metadata

grant_in = Table(
    "grant_in",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("gc", BigInteger, nullable=False),
    Column("mask", Text, nullable=False),
    Column("handling", Text),
    sqlite_with_rowid=False,
)
"""What the newest `less` or `tighten` of a peer left of a record: groups of one version, and a stricter handling."""

application = Table(
    "application",
    metadata,
    Column("policy", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("puts", BigInteger, nullable=False, default=0),
    Column("mores", BigInteger, nullable=False, default=0),
    Column("lesses", BigInteger, nullable=False, default=0),
    Column("tightens", BigInteger, nullable=False, default=0),
    Column("updated_at", BigInteger, nullable=False),
)
"""How far a policy has been applied to what was released before it: records up to row `position`, as of a time. While
it is not done, what leaves is decided anew."""

officer_key = Table(
    "officer_key",
    metadata,
    Column("kid", String(43), primary_key=True),
    Column("officer", Text, nullable=False),
    Column("public", String(43), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
"""Public keys with which officers sign approvals. Once there is one, a name alone approves nothing."""

proposal = Table(
    "proposal",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("body", Text, nullable=False),
    Column("policy_hash", String(43), nullable=False),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("letter", Text, nullable=False),
    Column("letter_hash", String(43), nullable=False),
    Column("preview", Text, nullable=False),
    Column("preview_digest", String(43), nullable=False),
    Column("state", String(16), nullable=False),  # proposed | active
    Column("approved_by", Text),
    Column("approved_at", BigInteger),
    Column("approval", Text),
)
"""Policies that wait for a second officer, and those that one has approved: what was shown, and what was signed."""

approval = Table(
    "approval",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("rid", String(36), nullable=False),
    Column("ver", Integer, nullable=False),
    Column("jh", String(43), nullable=False),
    Column("audience", Text, nullable=False),
    Column("audience_hash", String(43), nullable=False),
    Column("state", String(16), nullable=False),  # waiting | given | void
    Column("policy", Integer, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("by", Text),
    Column("at", BigInteger),
    Column("token", Text),
    Index(None, "rid"),
    Index(None, "state", "id"),
)
"""A second officer's word on one version of a record and the audience it is for, and what waits for such a word."""

tripwire = Table(
    "tripwire",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("kind", String(8), nullable=False),  # record | token
    Column("value", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("kind", "value"),
)
"""Records and words that must never leave, whatever a policy says."""

alarm = Table(
    "alarm",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("tripwire", ROWID, nullable=False),
    Column("rid", String(36), nullable=False),
    Column("recipient", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("where", String(16), nullable=False),  # feed | page | query | question
    UniqueConstraint("tripwire", "rid", "recipient", "where"),
)
"""What the tripwire stopped."""
