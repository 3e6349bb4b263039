"""Legal holds, data subjects' requests, the register of exports, and who has to be told of a withdrawal.

Trust: whoever can write to these tables can lift a hold, forget an export or close a task that nobody did; the
disclosure rows, which are under the node's own log, still tell what was done.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from node.storage.tables.core import ROWID, metadata

hold: Final = Table(
    "hold",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("iss", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", BigInteger, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", BigInteger),
    Column("lift_reason", Text),
    Index(None, "rid", "iss"),
)
"""Legal holds, in force until they are lifted; the row stays."""

held_body: Final = Table(
    "held_body",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("iss", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Column("source", String(16), nullable=False),  # record | quarantine
    Column("ver", BigInteger),
    Column("jh", String(43)),
    Column("jwt", Text, nullable=False),
    Column("disclosures", Text, nullable=False),
    Column("handling", Text, nullable=False),
    Index(None, "rid", "iss"),
)
"""Content that would have been erased, were its record not under a legal hold. Nothing else of the node reads here."""

task: Final = Table(
    "task",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("iss", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Column("why", String(32), nullable=False),
    Column("officer", Text, nullable=False),
    Column("export", ROWID, nullable=False),
    Column("state", String(8), nullable=False),  # open | done
    Column("opened_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("done_by", Text),
    Column("note", Text),
    Index(None, "state", "id"),
    Index(None, "rid", "iss"),
)
"""What whoever exported a record has to do since it was withdrawn: find the copies, destroy them, say so."""

notice: Final = Table(
    "notice",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("iss", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Column("why", String(32), nullable=False),
    Column("officer", Text, nullable=False),
    Column("seen", String(8), nullable=False),  # view | search
    Column("at", BigInteger, nullable=False),
    Column("read_at", BigInteger),
    Index(None, "officer", "id"),
)
"""What whoever looked at a record is told since it was withdrawn."""

glimpse: Final = Table(
    "glimpse",
    metadata,
    Column("rid", String(36), primary_key=True),
    Column("iss", String(32), primary_key=True),
    Column("officer", String(128), primary_key=True),
    sqlite_with_rowid=False,
)
"""Who was shown the line of a record in a list. The disclosure row of the search names all its hits in one text; this
is the way from a record to the row's officer without reading the whole log."""

export: Final = Table(
    "export",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("officer", Text, nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("format", String(16), nullable=False),
    Column("destination", Text, nullable=False),
    Column("path", Text),
    Column("sha256", String(43), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    Column("state", String(8), nullable=False),  # made | stale | removed | gone | changed | handed
    Column("stale_at", BigInteger),
    Column("settled_at", BigInteger),
    Index(None, "state", "id"),
)
"""The register of exports: who took what out, when, for what, where to. `path` is a file that this node wrote itself;
it is stale once one of its records was withdrawn, and then removed, unless it is gone or somebody has changed it."""

export_record: Final = Table(
    "export_record",
    metadata,
    Column("export", ROWID, primary_key=True),
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("groups", Text, nullable=False),
    Index(None, "rid", "iss"),
    sqlite_with_rowid=False,
)
"""The records in each export."""

subject_case: Final = Table(
    "subject_case",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("number", String(32), nullable=False, unique=True),
    Column("action", String(16), nullable=False),  # find | access | rectify | restrict | erase
    Column("subject", Text, nullable=False),
    Column("officer", Text, nullable=False),
    Column("state", String(8), nullable=False),  # open | done
    Column("at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("detail", Text, nullable=False),
)
"""Requests of data subjects: one row an action, with what was found and done."""

restriction: Final = Table(
    "restriction",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("case_id", ROWID, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Records whose use is stopped while a data subject's request about them is open."""
