"""The first tables.

Revision: 2026_11_23_first_tables, after nothing, 2026-11-23 18:48:52.814577.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_23_first_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the full-text index in the way that each database has."""
    op.create_table(
        "decision",
        sa.Column("hash", sa.String(length=43), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_decision")),
    )
    op.create_table(
        "disclosure",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recipient", sa.String(length=32), nullable=True),
        sa.Column("iss", sa.String(length=32), nullable=True),
        sa.Column("rid", sa.String(length=36), nullable=True),
        sa.Column("ver", sa.Integer(), nullable=True),
        sa.Column("groups", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("legal", sa.Text(), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(length=43), nullable=True),
        sa.Column("feed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure")),
    )
    with op.batch_alter_table("disclosure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disclosure_rid"), ["rid"], unique=False)

    op.create_table(
        "draft",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("administration", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("second_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("administration", "kind", "reference", name=op.f("uq_draft_administration_kind_reference")),
    )
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_draft_source"), ["source"], unique=False)
        batch_op.create_index(batch_op.f("ix_draft_state_id"), ["state", "id"], unique=False)

    op.create_table(
        "facet",
        sa.Column("field", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("record", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("field", "value", "record", name=op.f("pk_facet")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feed_in",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sender", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("receipt_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_in")),
        sa.UniqueConstraint("sender", "lane", "epoch", name=op.f("uq_feed_in_sender_lane_epoch")),
    )
    op.create_table(
        "feed_out",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recipient", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=8), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_size", sa.BigInteger(), nullable=False),
        sa.Column("receipt_at", sa.BigInteger(), nullable=True),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_out")),
        sa.UniqueConstraint("recipient", "lane", "epoch", name=op.f("uq_feed_out_recipient_lane_epoch")),
    )
    op.create_table(
        "follower",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_follower")),
    )
    op.create_table(
        "grant_out",
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("recipient", sa.String(length=32), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("gc", sa.Integer(), nullable=False),
        sa.Column("gid", sa.String(length=43), nullable=False),
        sa.Column("decision", sa.String(length=43), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", "recipient", name=op.f("pk_grant_out")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "nonce",
        sa.Column("kid", sa.String(length=43), nullable=False),
        sa.Column("nonce", sa.String(length=128), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kid", "nonce", name=op.f("pk_nonce")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("nonce", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_nonce_expires"), ["expires"], unique=False)

    op.create_table(
        "policy",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("activated_by", sa.Text(), nullable=False),
        sa.Column("activated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy")),
    )
    op.create_table(
        "record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sch", sa.String(length=64), nullable=False),
        sa.Column("jh", sa.String(length=43), nullable=False),
        sa.Column("jwt", sa.Text(), nullable=False),
        sa.Column("disclosures", sa.Text(), nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("iat", sa.BigInteger(), nullable=False),
        sa.Column("prev", sa.String(length=43), nullable=True),
        sa.Column("handling", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("pending", sa.Boolean(), nullable=False),
        sa.Column("gc", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint("iss", "rid", "ver", name=op.f("uq_record_iss_rid_ver")),
    )
    op.create_table(
        "shared",
        sa.Column("record", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("record", name=op.f("pk_shared")),
    )
    op.create_table(
        "tombstone",
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("jwt", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", name=op.f("pk_tombstone")),
    )
    op.create_table(
        "withheld",
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("recipient", sa.String(length=32), nullable=False),
        sa.Column("decision", sa.String(length=43), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", "recipient", name=op.f("pk_withheld")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entry_in",
        sa.Column("feed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["feed_in.id"], name=op.f("fk_entry_in_feed_feed_in")),
        sa.PrimaryKeyConstraint("feed", "n", name=op.f("pk_entry_in")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entry_out",
        sa.Column("feed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("record", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["feed_out.id"], name=op.f("fk_entry_out_feed_feed_out")),
        sa.PrimaryKeyConstraint("feed", "n", name=op.f("pk_entry_out")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("feed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.String(length=32), nullable=False),
        sa.Column("problem", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("relay_grant", sa.Text(), nullable=True),
        sa.Column("iss", sa.String(length=32), nullable=True),
        sa.Column("rid", sa.String(length=36), nullable=True),
        sa.Column("gc", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("retried_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["feed"], ["feed_in.id"], name=op.f("fk_quarantine_feed_feed_in")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("feed", "n", name=op.f("uq_quarantine_feed_n")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantine_iss_rid"), ["iss", "rid"], unique=False)

    op.create_table(
        "range_out",
        sa.Column("feed", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["feed"], ["feed_out.id"], name=op.f("fk_range_out_feed_feed_out")),
        sa.PrimaryKeyConstraint("feed", "size", name=op.f("pk_range_out")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE fulltext_words USING fts5(words, tokenize='unicode61')")
    else:
        op.execute("CREATE TABLE fulltext_words (record BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX fulltext_words_words ON fulltext_words USING GIN (words)")


def downgrade() -> None:
    """Remove everything: there is nothing before."""
    op.execute("DROP TABLE fulltext_words")
    op.drop_table("range_out")
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_quarantine_iss_rid"))

    op.drop_table("quarantine")
    op.drop_table("entry_out")
    op.drop_table("entry_in")
    op.drop_table("withheld")
    op.drop_table("tombstone")
    op.drop_table("shared")
    op.drop_table("record")
    op.drop_table("policy")
    with op.batch_alter_table("nonce", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_nonce_expires"))

    op.drop_table("nonce")
    op.drop_table("grant_out")
    op.drop_table("follower")
    op.drop_table("feed_out")
    op.drop_table("feed_in")
    op.drop_table("facet")
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_draft_state_id"))
        batch_op.drop_index(batch_op.f("ix_draft_source"))

    op.drop_table("draft")
    op.drop_table("disclosure")
    op.drop_table("decision")
