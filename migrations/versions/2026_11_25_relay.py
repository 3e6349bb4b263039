"""Relay grants and reports; annotations and their answers.

Revision: 2026_11_25_relay, after 2026_11_25_policy_changes, 2026-11-25.
"""

revision = "2026_11_25_relay"
down_revision = "2026_11_25_policy_changes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
