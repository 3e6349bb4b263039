"""Pictures and other attachments.

Revision: 2026_11_25_attachments, after 2026_11_25_relay, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_attachments"
down_revision = "2026_11_25_relay"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "attachment",
        sa.Column("digest", sa.String(43), nullable=False),
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime", sa.String(129), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("loose", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "iss", name=op.f("pk_attachment")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_attachment_state_next_at"), "attachment", ["state", "next_at"])
    op.create_index(op.f("ix_attachment_loose"), "attachment", ["loose"])
    op.create_table(
        "attachment_of",
        sa.Column("digest", sa.String(43), nullable=False),
        sa.Column("record", ROWID, nullable=False),
        sa.PrimaryKeyConstraint("digest", "record", name=op.f("pk_attachment_of")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_attachment_of_record"), "attachment_of", ["record"])
    op.create_table(
        "original",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("digest", sa.String(43), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(43), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("commitment", sa.String(43), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_original")),
    )
    op.create_index(op.f("ix_original_digest"), "original", ["digest"])
    op.create_index(op.f("ix_original_rid"), "original", ["rid"])
    op.create_table(
        "picture_hash",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("digest", sa.String(43), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("quality", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture_hash")),
        sa.UniqueConstraint("digest", name=op.f("uq_picture_hash_digest")),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("picture_hash", "original", "attachment_of", "attachment"):
        op.drop_table(table)
