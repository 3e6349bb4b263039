"""Evidence of forks and equivocation.

Revision: 2026_11_25_evidence, after 2026_11_23_first_tables, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_evidence"
down_revision = "2026_11_23_first_tables"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "evidence",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("hash", sa.String(43), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("accused", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("proven", sa.Boolean(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("iss", sa.String(32)),
        sa.Column("rid", sa.String(36)),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evidence"),
        sa.UniqueConstraint("hash", name="uq_evidence_hash"),
    )
    op.create_index("ix_evidence_accused", "evidence", ["accused"])
    op.create_index("ix_evidence_iss_rid", "evidence", ["iss", "rid"])
    op.create_table(
        "feed_note",
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("lane", sa.String(8), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(43), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sender", "lane", "epoch", "size", "root", name="pk_feed_note"),
    )
    op.create_table(
        "feed_stop",
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("lane", sa.String(8), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.String(43), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("resumed_by", sa.Text()),
        sa.Column("resumed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("sender", "lane", "epoch", name="pk_feed_stop"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("feed_stop")
    op.drop_table("feed_note")
    op.drop_index("ix_evidence_iss_rid", table_name="evidence")
    op.drop_index("ix_evidence_accused", table_name="evidence")
    op.drop_table("evidence")
