"""How many questions each peer has asked today.

Revision: 2026_12_01_questions, after 2026_12_01_statistics, 2026-12-01.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_12_01_questions"
down_revision = "2026_12_01_statistics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "question_budget",
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("peer", name="pk_question_budget"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("question_budget")
