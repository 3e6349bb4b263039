"""The tables, one definition for SQLite and PostgreSQL; a file a concern. Their history is in `migrations/`.

`core` has drafts, records, feeds, policy and the disclosure rows; each part of the product that came after it has a
module of its own beside it, which is imported from there. Everything hangs on one `metadata`, whole once this package
is imported (`alembic check` compares it with the migrations).
"""

from __future__ import annotations

from node.storage.tables import (
    attachments,
    bundles,
    checkpoints,
    evidence,
    instruments,
    limits,
    publications,
    recalls,
    recovery,
    relay,
    retention,
    statistics,
)
from node.storage.tables.core import (
    ROWID,
    decision,
    disclosure,
    draft,
    entry_in,
    entry_out,
    facet,
    feed_in,
    feed_out,
    follower,
    grant_out,
    metadata,
    nonce,
    policy,
    quarantine,
    range_out,
    record,
    shared,
    tombstone,
    withheld,
)

__all__ = [
    "ROWID",
    "attachments",
    "bundles",
    "checkpoints",
    "decision",
    "disclosure",
    "draft",
    "entry_in",
    "entry_out",
    "evidence",
    "facet",
    "feed_in",
    "feed_out",
    "follower",
    "grant_out",
    "instruments",
    "limits",
    "metadata",
    "nonce",
    "policy",
    "publications",
    "quarantine",
    "range_out",
    "recalls",
    "record",
    "recovery",
    "relay",
    "retention",
    "shared",
    "statistics",
    "tombstone",
    "withheld",
]
