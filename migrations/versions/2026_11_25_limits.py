"""Quotas of peers.

Revision: 2026_11_25_limits, after 2026_11_25_bundles, 2026-11-25.
"""

revision = "2026_11_25_limits"
down_revision = "2026_11_25_bundles"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
