"""Relay grants, received and given; the roads of records that a hub passed on; reports of hubs; annotations.

Trust: whoever can write here can make this node pass on less, or forget an annotation. It passes on no more: every
relay grant is opened and compared with the directory whenever it is used.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text

from node.storage.tables.core import ROWID, metadata

relay_grant: Final = Table(
    "relay_grant",
    metadata,
    Column("hash", String(43), primary_key=True),
    Column("text", Text, nullable=False),
)
"""Texts of relay grants as entries carry them, by the hash that stands in the leaf. Served with the body."""

relay_duty: Final = Table(
    "relay_duty",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("hub", String(32), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("hash", String(43), nullable=False),  # empty: nothing may be passed on any more
    Column("at", BigInteger, nullable=False),
    Column("due", Boolean, nullable=False),
    Column("lost", Boolean, nullable=False),
    Index(None, "due"),
)
"""The newest relay grants of each record: those that this node gave to hubs, and those that were given to this node.
`due` where this node is the hub and has to look at it again; `lost` where the originator took something back since it
looked last, so that entries which name it may have gone out without their bodies."""

relay_passed: Final = Table(
    "relay_passed",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("iss", String(32), nullable=False),
    Column("rid", String(36), nullable=False),
    Column("recipient", String(32), nullable=False),
    Column("ver", BigInteger, nullable=False),
    Column("mask", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "iss", "id"),
)
"""At a hub: what it passed on, one row an entry, only ever added: what it reports to the originators."""

relay_reported: Final = Table(
    "relay_reported",
    metadata,
    Column("hub", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("recipient", String(32), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("mask", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""At an originator: what each hub has said that it passed on of this node's records, the newest word."""

relay_report: Final = Table(
    "relay_report",
    metadata,
    Column("hub", String(32), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("token", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""The signed reports, by the position that they reach: the hub's word, kept."""

road: Final = Table(
    "road",
    metadata,
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("sender", String(32), primary_key=True),
    Column("ver", BigInteger, nullable=False),
    Column("gc", BigInteger, nullable=False),
    Column("mask", Text, nullable=False),
    Column("base", Text),
    Column("base_gc", BigInteger, nullable=False),
    Column("tight", Text),
    Column("tight_gc", BigInteger, nullable=False),
)
"""What each sender grants of a record that came by a hub at least once (decision 0022). Records that come by their
issuer's feed alone have no rows here: their counter stands in `record`."""

annotation: Final = Table(
    "annotation",
    metadata,
    Column("about_iss", String(32), primary_key=True),
    Column("about_rid", String(36), primary_key=True),
    Column("iss", String(32), primary_key=True),
    Column("rid", String(36), primary_key=True),
    Column("about_ver", BigInteger, nullable=False),
    Column("type", String(32), nullable=False),
    Column("result", String(32)),
    Column("respond_by", Text),
    Column("answer_iss", String(32)),
    Column("answer_rid", String(36)),
    Column("at", BigInteger, nullable=False),
    Index(None, "iss", "rid"),
    Index(None, "answer_iss", "answer_rid"),
    Index(None, "type"),
)
"""Which annotations speak of which record, read from those that this node holds or wrote: one row a record named."""
