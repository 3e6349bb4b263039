"""Drafts, records, feeds, policy and disclosure rows: what a node had from its first day.

Bytes that were signed are kept as the text that was signed (`jwt`, `disclosures`, `leaf`, notes), and nothing here is
ever used to write them again. Times are seconds since the epoch. Masks are hex text, as on the wire.

Trust: whoever can write to these tables can hide or invent what this node's officers see and what leaves as "granted";
nobody can forge another node's record with them, and every peer checks what it gets.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ROWID: Final = BigInteger().with_variant(Integer, "sqlite")
"""A number that SQLite makes itself only for INTEGER keys."""

draft = Table(
    "draft",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("administration", String(32), nullable=False),
    Column("reference", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("source", Text),
    Column("warnings", Integer, nullable=False, default=0),
    Column("state", String(16), nullable=False),  # draft | released
    Column("rid", String(36), nullable=False),
    Column("ver", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("released_by", Text),
    Column("second_by", Text),
    UniqueConstraint("administration", "kind", "reference"),
    Index(None, "state", "id"),
    Index(None, "source"),
)
"""What a contact point is about to release, one row a (administration, kind, reference). After release the row stays:
it remembers which content went out as which version, so that the same file imported again changes nothing."""

record = Table(
    "record",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("iss", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Column("ver", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("sch", String(64), nullable=False),
    Column("jh", String(43), nullable=False),
    Column("jwt", Text, nullable=False),
    Column("disclosures", Text, nullable=False),
    Column("mask", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("iat", BigInteger, nullable=False),
    Column("prev", String(43)),
    Column("handling", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("day", String(10)),
    # released received superseded restricted equivocal forked stopped | withdrawn expired erased: see `records`
    Column("state", String(16), nullable=False),
    Column("pending", Boolean, nullable=False, default=False),
    Column("gc", BigInteger, nullable=False, default=0),
    Column("accepted_at", BigInteger, nullable=False),
    Column("keep_until", BigInteger),
    Column("review_by", BigInteger),
    UniqueConstraint("iss", "rid", "ver"),
    Index(None, "keep_until"),
    Index(None, "review_by"),
    Index(None, "day", "id", "state"),
)
"""Record versions, own and received. `disclosures` holds exactly those that are held, joined by `~`. When content is
erased, `jwt`, `disclosures` and `title` become empty and (iss, rid, ver, jh) stay. `keep_until` and `review_by` are
those of `handling`, for the sweeper to find; they go with the content."""

shared = Table(
    "shared",
    metadata,
    Column("record", ROWID, primary_key=True),
)
"""Own versions that some peer has confirmed by receipt. Beside `record`, whose rows are large: a receipt covers
hundreds of them, and to change a column is to write the whole row again."""

facet = Table(
    "facet",
    metadata,
    Column("field", String(16), primary_key=True),
    Column("value", Text, primary_key=True),
    Column("record", ROWID, primary_key=True),
    Column("day", String(10), nullable=False),
    sqlite_with_rowid=False,
)
"""What records are found by: one row a value. Only of granted groups. New records have the highest numbers, so each
value's rows grow at their end: few pages are touched, however many records there are."""

feed_out = Table(
    "feed_out",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("recipient", String(32), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("receipt_size", BigInteger, nullable=False, default=0),
    Column("receipt_at", BigInteger),
    Column("receipt", Text),
    UniqueConstraint("recipient", "lane", "epoch"),
)
"""What this node gave each peer: the size and the compact range of each feed, and the peer's newest receipt."""

entry_out = Table(
    "entry_out",
    metadata,
    Column("feed", ROWID, ForeignKey("feed_out.id"), primary_key=True),
    Column("n", BigInteger, primary_key=True),
    Column("leaf", Text, nullable=False),
    Column("record", ROWID),
    Column("mask", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""The leaves, as exact text. `record` points to the version whose body goes with it, none for `less`."""

range_out = Table(
    "range_out",
    metadata,
    Column("feed", ROWID, ForeignKey("feed_out.id"), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Compact ranges at round sizes, so that a page anywhere needs few leaves to be hashed again."""

grant_out = Table(
    "grant_out",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("recipient", String(32), primary_key=True),
    Column("ver", Integer, nullable=False),
    Column("mask", Text, nullable=False),
    Column("gc", Integer, nullable=False),
    Column("gid", String(43), nullable=False),
    Column("decision", String(43), nullable=False),
    Column("keep_until", BigInteger),
    sqlite_with_rowid=False,
)
"""What each peer may have of each record now. A body is presented as the entry's mask and this one, and from
`keep_until` on not at all."""

decision = Table(
    "decision",
    metadata,
    Column("hash", String(43), primary_key=True),
    Column("body", Text, nullable=False),
)
"""Why: the evaluator's outcomes, equal ones once, by content hash. They never leave the node."""

disclosure = Table(
    "disclosure",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("action", String(16), nullable=False),  # feed | query | hit | question | ask | view | ...
    Column("actor", Text, nullable=False),
    Column("recipient", String(32)),
    Column("iss", String(32)),
    Column("rid", String(36)),
    Column("ver", Integer),
    Column("groups", Text),
    Column("purpose", Text),
    Column("legal", Text),
    Column("policy_version", Integer),
    Column("decision", String(43)),
    Column("feed", ROWID),
    Column("n", BigInteger),
    Column("detail", Text),
    Index(None, "rid"),
)
"""The disclosure log: written in the transaction of what it tells, so nothing leaves unlogged."""

feed_in = Table(
    "feed_in",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("sender", String(32), nullable=False),
    Column("lane", String(8), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("note", Text),
    Column("head", BigInteger, nullable=False, default=0),
    Column("receipt", Text),
    Column("receipt_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("sender", "lane", "epoch"),
)
"""Where this node stands in each peer's feed. Committed with the effects of the page."""

entry_in = Table(
    "entry_in",
    metadata,
    Column("feed", ROWID, ForeignKey("feed_in.id"), primary_key=True),
    Column("n", BigInteger, primary_key=True),
    Column("leaf", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""The leaves that a peer sent, as exact text: evidence, and what `fsck` rebuilds the feeds from."""

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("feed", ROWID, ForeignKey("feed_in.id"), nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("sender", String(32), nullable=False),
    Column("problem", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("leaf", Text, nullable=False),
    Column("body", Text),
    Column("relay_grant", Text),
    Column("iss", String(32)),
    Column("rid", String(36)),
    Column("gc", BigInteger, nullable=False, default=0),
    Column("state", String(16), nullable=False),  # held | awaiting | released | explained | erased
    Column("at", BigInteger, nullable=False),
    Column("retried_at", BigInteger),
    Column("keep_until", BigInteger),
    UniqueConstraint("feed", "n"),
    Index(None, "iss", "rid"),
    Index(None, "keep_until"),
)
"""Entries whose body is not in use, with the reason."""

tombstone = Table(
    "tombstone",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("jwt", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Recalled records, also those that never arrived: a late copy by another road is refused."""

policy = Table(
    "policy",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("body", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("activated_by", Text, nullable=False),
    Column("activated_at", BigInteger, nullable=False),
)
"""Policy sets in the order of their activation; the highest version is in force."""

nonce = Table(
    "nonce",
    metadata,
    Column("kid", String(43), primary_key=True),
    Column("nonce", String(128), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
    sqlite_with_rowid=False,
)
"""Nonces of signed requests, until they cannot be accepted any more: replay protection survives a restart."""

follower = Table(
    "follower",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""How far each index that follows the records in batches has come."""

withheld = Table(
    "withheld",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("recipient", String(32), primary_key=True),
    Column("decision", String(43), nullable=False),
    sqlite_with_rowid=False,
)
"""Recipients that a released record was not replicated to, with the stored decision that says why."""
