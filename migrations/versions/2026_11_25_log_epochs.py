"""Epochs of disclosure logs.

Revision: 2026_11_25_log_epochs, after 2026_11_25_limits, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_log_epochs"
down_revision = "2026_11_25_limits"
branch_labels = None
depends_on = None

_OLD = "uq_peer_log_peer_size_root"
_NEW = "uq_peer_log_peer_epoch_size_root"


def upgrade() -> None:
    """Every log that is there is of epoch 0, and so is every checkpoint that is kept."""
    with op.batch_alter_table("log_head") as batch:
        batch.add_column(sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False))
    with op.batch_alter_table("peer_log") as batch:
        batch.add_column(sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False))
        batch.drop_constraint(op.f(_OLD), type_="unique")
        batch.create_unique_constraint(op.f(_NEW), ["peer", "epoch", "size", "root"])
    op.create_table(
        "log_lost",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("peer", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_log_lost")),
    )


def downgrade() -> None:
    """Drop what was added; checkpoints of later epochs mean nothing without it."""
    op.drop_table("log_lost")
    op.execute("DELETE FROM peer_log WHERE epoch <> 0")
    with op.batch_alter_table("peer_log") as batch:
        batch.drop_constraint(op.f(_NEW), type_="unique")
        batch.create_unique_constraint(op.f(_OLD), ["peer", "size", "root"])
        batch.drop_column("epoch")
    with op.batch_alter_table("log_head") as batch:
        batch.drop_column("epoch")
