"""Recalls and their board.

Revision: 2026_11_25_recalls, after 2026_11_25_evidence, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_recalls"
down_revision = "2026_11_25_evidence"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "recall",
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("jh", sa.String(43), nullable=False),
        sa.Column("kid", sa.String(43), nullable=False),
        sa.Column("jwt", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("effect", sa.String(16), nullable=False),
        sa.Column("ref", sa.Text()),
        sa.Column("came_by", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger()),
        sa.Column("erased_at", sa.BigInteger()),
        sa.Column("by", sa.Text()),
        sa.Column("second_by", sa.Text()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("iss", "rid", name="pk_recall"),
    )
    op.create_index("ix_recall_state_due", "recall", ["state", "due"])
    op.create_index("ix_recall_iss_at", "recall", ["iss", "at"])
    op.create_index("ix_recall_kid", "recall", ["kid"])
    op.create_table(
        "recall_again",
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("kid", sa.String(43), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("jh", sa.String(43), nullable=False),
        sa.Column("jwt", sa.Text(), nullable=False),
        sa.Column("came_by", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", "kid", name="pk_recall_again"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recall_road",
        sa.Column("feed", ROWID, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("feed", "n", name="pk_recall_road"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recall_road_iss_rid", "recall_road", ["iss", "rid"])
    op.create_table(
        "recall_sent",
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("feed", ROWID, nullable=False),
        sa.Column("lane", sa.String(8), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("iss", "rid", "recipient", name="pk_recall_sent"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recall_sent_feed_rid", "recall_sent", ["feed", "rid"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index("ix_recall_sent_feed_rid", table_name="recall_sent")
    op.drop_table("recall_sent")
    op.drop_index("ix_recall_road_iss_rid", table_name="recall_road")
    op.drop_table("recall_road")
    op.drop_table("recall_again")
    op.drop_index("ix_recall_kid", table_name="recall")
    op.drop_index("ix_recall_iss_at", table_name="recall")
    op.drop_index("ix_recall_state_due", table_name="recall")
    op.drop_table("recall")
