"""Inventories and reconciliation.

Revision: 2026_11_25_recovery, after 2026_11_25_attachments, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_recovery"
down_revision = "2026_11_25_attachments"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "restoration",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("backup_at", sa.BigInteger()),
        sa.Column("policy_version", sa.Integer()),
        sa.Column("accepted_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restoration")),
    )
    op.create_table(
        "settlement",
        sa.Column("restoration", ROWID, nullable=False),
        sa.Column("peer", sa.String(32), nullable=False),
        sa.Column("inventory_at", sa.BigInteger()),
        sa.Column("adopted", sa.Integer(), nullable=False),
        sa.Column("offered_after", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("waived_by", sa.Text()),
        sa.ForeignKeyConstraint(
            ["restoration"], ["restoration.id"], name=op.f("fk_settlement_restoration_restoration")
        ),
        sa.PrimaryKeyConstraint("restoration", "peer", name=op.f("pk_settlement")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "learned",
        sa.Column("peer", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("gm", sa.Text(), nullable=False),
        sa.Column("gc", sa.BigInteger(), nullable=False),
        sa.Column("tomb", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("peer", "rid", name=op.f("pk_learned")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inventory",
        sa.Column("peer", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("equal", sa.Boolean(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("peer", name=op.f("pk_inventory")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gap",
        sa.Column("peer", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("peer", "rid", "what", name=op.f("pk_gap")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "replay",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("policy_version", sa.Integer()),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("unexplained", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
    )
    op.create_table(
        "deviation",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("replay", ROWID, nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("explained", sa.Text()),
        sa.ForeignKeyConstraint(["replay"], ["replay.id"], name=op.f("fk_deviation_replay_replay")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deviation")),
    )
    op.create_index(op.f("ix_deviation_replay"), "deviation", ["replay"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index(op.f("ix_deviation_replay"), table_name="deviation")
    for table in ("deviation", "replay", "gap", "inventory", "learned", "settlement", "restoration"):
        op.drop_table(table)
