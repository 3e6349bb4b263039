"""What was published of each period, with the true values.

Revision: 2026_12_05_publications, after 2026_12_04_saved_searches, 2026-12-02.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_12_05_publications"
down_revision = "2026_12_04_saved_searches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "publication",
        sa.Column("first", sa.String(length=7), nullable=False),
        sa.Column("last", sa.String(length=7), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("first", "last", "number", name="pk_publication"),
    )
    op.create_index("ix_publication_reference", "publication", ["reference"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_index("ix_publication_reference", "publication")
    op.drop_table("publication")
