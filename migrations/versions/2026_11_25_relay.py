"""Relay grants and reports; annotations and their answers.

Revision: 2026_11_25_relay, after 2026_11_25_policy_changes, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_relay"
down_revision = "2026_11_25_policy_changes"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TABLES = ("annotation", "road", "relay_report", "relay_reported", "relay_passed", "relay_duty", "relay_grant")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "relay_grant",
        sa.Column("hash", sa.String(43), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_relay_grant")),
    )
    op.create_table(
        "relay_duty",
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(43), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.Boolean(), nullable=False),
        sa.Column("lost", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", "hub", name=op.f("pk_relay_duty")),
    )
    op.create_index(op.f("ix_relay_duty_due"), "relay_duty", ["due"])
    op.create_table(
        "relay_passed",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relay_passed")),
    )
    op.create_index(op.f("ix_relay_passed_iss_id"), "relay_passed", ["iss", "id"])
    op.create_table(
        "relay_reported",
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("recipient", sa.String(32), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hub", "rid", "recipient", name=op.f("pk_relay_reported")),
    )
    op.create_table(
        "relay_report",
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hub", "position", name=op.f("pk_relay_report")),
    )
    op.create_table(
        "road",
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("sender", sa.String(32), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("gc", sa.BigInteger(), nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("base", sa.Text()),
        sa.Column("base_gc", sa.BigInteger(), nullable=False),
        sa.Column("tight", sa.Text()),
        sa.Column("tight_gc", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", "sender", name=op.f("pk_road")),
    )
    op.create_table(
        "annotation",
        sa.Column("about_iss", sa.String(32), nullable=False),
        sa.Column("about_rid", sa.String(36), nullable=False),
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("about_ver", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("result", sa.String(32)),
        sa.Column("respond_by", sa.Text()),
        sa.Column("answer_iss", sa.String(32)),
        sa.Column("answer_rid", sa.String(36)),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("about_iss", "about_rid", "iss", "rid", name=op.f("pk_annotation")),
    )
    op.create_index(op.f("ix_annotation_iss_rid"), "annotation", ["iss", "rid"])
    op.create_index(op.f("ix_annotation_answer_iss_answer_rid"), "annotation", ["answer_iss", "answer_rid"])
    op.create_index(op.f("ix_annotation_type"), "annotation", ["type"])


def downgrade() -> None:
    """Drop the tables."""
    for table in TABLES:
        op.drop_table(table)
