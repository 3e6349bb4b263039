"""Recalls and their board.

Revision: 2026_11_25_recalls, after 2026_11_25_evidence, 2026-11-25.
"""

revision = "2026_11_25_recalls"
down_revision = "2026_11_25_evidence"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
