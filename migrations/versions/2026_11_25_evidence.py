"""Evidence of forks and equivocation.

Revision: 2026_11_25_evidence, after 2026_11_23_first_tables, 2026-11-25.
"""

revision = "2026_11_25_evidence"
down_revision = "2026_11_23_first_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""


def downgrade() -> None:
    """Drop the tables."""
