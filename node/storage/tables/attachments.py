"""Pictures and other attachments: which blobs there are, of which records, and their perceptual hashes.

The bytes themselves are in the blob store (`node.storage.blobs`); here stands what is known of them. Digests are
SHA-256 in base64url, as in records.

Trust: whoever can write to these tables can make a picture disappear or be fetched again. Nobody gets a picture by
them that was not granted: what is served is looked up in the granted disclosures themselves.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from node.storage.tables.core import ROWID, metadata

DIGEST: Final = String(43)

attachment = Table(
    "attachment",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("iss", String(32), primary_key=True),
    Column("state", String(8), nullable=False),  # wanted | here | refused | erasing
    Column("size", BigInteger, nullable=False, default=0),
    Column("mime", String(129), nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", BigInteger, nullable=False, default=0),
    Column("problem", Text),
    Column("loose", Boolean, nullable=False, default=False),
    Index(None, "state", "next_at"),
    Index(None, "loose"),
    sqlite_with_rowid=False,
)
"""Blobs that records of an issuer name. A blob counts for the issuer that it came for: that a digest is known is no
proof that its bytes may be had, so bytes that came with one issuer's record are nobody else's. `size` and `mime` are
those of the bytes, once they are here. `loose`: nothing may refer to it any more; the sweeper looks and erases."""

attachment_of = Table(
    "attachment_of",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("record", ROWID, primary_key=True),
    Index(None, "record"),
    sqlite_with_rowid=False,
)
"""Which stored versions name which blob, in groups that are held: written with the version's content, gone with it."""

original = Table(
    "original",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("rid", String(36), nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("key", String(64), nullable=False),
    Column("hash", DIGEST, nullable=False),
    Column("salt", String(64), nullable=False),
    Column("commitment", DIGEST, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Index(None, "digest"),
    Index(None, "rid"),
)
"""The files that own renditions were made from. They lie under a private key of the blob store, which is served to
nobody; a record shows only the commitment, a hash over salt and file."""

picture_hash = Table(
    "picture_hash",
    metadata,
    Column("id", ROWID, primary_key=True),
    Column("digest", DIGEST, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
    Column("quality", Integer, nullable=False),
)
"""Perceptual hashes (PDQ, 256 bits) of the pictures that are here. They never leave the node."""
