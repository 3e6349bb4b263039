"""What each record adds to the statistics, and the sums.

Revision: 2026_12_01_statistics, after 2026_11_25_log_epochs, 2026-12-01.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_12_01_statistics"
down_revision = "2026_11_25_log_epochs"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; the follower fills them from the records."""
    op.create_table(
        "counted",
        sa.Column("record", ROWID, nullable=False),
        sa.Column("keep_until", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record", name="pk_counted"),
    )
    op.create_index("ix_counted_keep_until", "counted", ["keep_until"])
    op.create_table(
        "count_cell",
        sa.Column("dim", sa.String(length=16), nullable=False),
        sa.Column("month", sa.String(length=10), nullable=False),
        sa.Column("node", sa.String(length=32), nullable=False),
        sa.Column("administration", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("measure", sa.String(length=16), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "dim", "month", "node", "administration", "value", "measure", "unit", name="pk_count_cell"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recount",
        sa.Column("record", ROWID, nullable=False),
        sa.PrimaryKeyConstraint("record", name="pk_recount"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("recount")
    op.drop_table("count_cell")
    op.drop_index("ix_counted_keep_until", "counted")
    op.drop_table("counted")
