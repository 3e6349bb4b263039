"""Offline bundles and push.

Revision: 2026_11_25_bundles, after 2026_11_25_disclosure_log, 2026-11-25.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_bundles"
down_revision = "2026_11_25_disclosure_log"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the register of bundles."""
    op.create_table(
        "bundle",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("bid", sa.String(length=22), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("problems", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bundle"),
    )
    op.create_index("ix_bundle_peer_at", "bundle", ["peer", "at"])


def downgrade() -> None:
    """Drop the register."""
    op.drop_table("bundle")
