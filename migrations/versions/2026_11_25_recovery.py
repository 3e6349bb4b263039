"""Inventories and reconciliation.

Revision: 2026_11_25_recovery, after 2026_11_25_attachments, 2026-11-25.
"""

revision = "2026_11_25_recovery"
down_revision = "2026_11_25_attachments"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
