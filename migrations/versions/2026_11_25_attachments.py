"""Pictures and other attachments.

Revision: 2026_11_25_attachments, after 2026_11_25_relay, 2026-11-25.
"""

revision = "2026_11_25_attachments"
down_revision = "2026_11_25_relay"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
