"""Activation by two officers; approvals of releases.

Revision: 2026_11_25_policy_changes, after 2026_11_25_retention, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_policy_changes"
down_revision = "2026_11_25_retention"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alarm",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tripwire", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("recipient", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("where", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
        sa.UniqueConstraint(
            "tripwire", "rid", "recipient", "where", name=op.f("uq_alarm_tripwire_rid_recipient_where")
        ),
    )
    op.create_table(
        "application",
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("puts", sa.BigInteger(), nullable=False),
        sa.Column("mores", sa.BigInteger(), nullable=False),
        sa.Column("lesses", sa.BigInteger(), nullable=False),
        sa.Column("tightens", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("policy", name=op.f("pk_application")),
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.Column("jh", sa.String(length=43), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("audience_hash", sa.String(length=43), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_rid"), "approval", ["rid"], unique=False)
    op.create_index(op.f("ix_approval_state_id"), "approval", ["state", "id"], unique=False)
    op.create_table(
        "grant_in",
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("gc", sa.BigInteger(), nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("handling", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("iss", "rid", name=op.f("pk_grant_in")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "officer_key",
        sa.Column("kid", sa.String(length=43), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("public", sa.String(length=43), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_officer_key")),
    )
    op.create_table(
        "proposal",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("policy_hash", sa.String(length=43), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("letter_hash", sa.String(length=43), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("preview_digest", sa.String(length=43), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("approval", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_proposal")),
    )
    op.create_table(
        "tripwire",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tripwire")),
        sa.UniqueConstraint("kind", "value", name=op.f("uq_tripwire_kind_value")),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("tripwire")
    op.drop_table("proposal")
    op.drop_table("officer_key")
    op.drop_table("grant_in")
    op.drop_index(op.f("ix_approval_state_id"), table_name="approval")
    op.drop_index(op.f("ix_approval_rid"), table_name="approval")
    op.drop_table("approval")
    op.drop_table("application")
    op.drop_table("alarm")
