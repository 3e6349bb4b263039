"""Records of one event that are counted once, and exchange rates.

Revision: 2026_12_06_rates, after 2026_12_05_publications, 2026-12-01.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_12_06_rates"
down_revision = "2026_12_05_publications"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "doubled",
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", name="pk_doubled"),
    )
    op.create_table(
        "exchange_rate",
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("base", sa.String(length=3), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("rate", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("loaded_at", sa.BigInteger(), nullable=False),
        sa.Column("loaded_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("edition", "base", "currency", "day", name="pk_exchange_rate"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("exchange_rate")
    op.drop_table("doubled")
