"""The Merkle log over the disclosure rows.

Revision: 2026_11_25_disclosure_log, after 2026_11_25_recovery, 2026-11-25.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_disclosure_log"
down_revision = "2026_11_25_recovery"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; rows that are there already wait for the log as one run."""
    head = op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.bulk_insert(head, [{"id": 1, "size": 0, "hashes": b""}])
    op.create_table(
        "log_leaf",
        sa.Column("n", ROWID, autoincrement=False, nullable=False),
        sa.Column("row", ROWID, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_log_leaf")),
    )
    op.create_table(
        "log_block",
        sa.Column("n", ROWID, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_log_block")),
    )
    op.create_table(
        "log_pending",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_pending")),
    )
    op.execute(
        "INSERT INTO log_pending (first, last) SELECT MIN(id), MAX(id) FROM disclosure HAVING MIN(id) IS NOT NULL"
    )
    op.create_table(
        "peer_log",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("peer", sa.String(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.String(43), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("came_by", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_peer_log")),
        sa.UniqueConstraint("peer", "size", "root", name=op.f("uq_peer_log_peer_size_root")),
    )
    op.create_table(
        "bait",
        sa.Column("iss", sa.String(32), nullable=False),
        sa.Column("rid", sa.String(36), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", name=op.f("pk_bait")),
    )
    op.create_table(
        "officer_day",
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("views", sa.BigInteger, nullable=False),
        sa.Column("searches", sa.BigInteger, nullable=False),
        sa.Column("exports", sa.BigInteger, nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("actor", "day", name=op.f("pk_officer_day")),
    )
    op.create_table(
        "insider_alarm",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("subject", sa.String(36), nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_insider_alarm")),
    )
    op.create_index(op.f("ix_insider_alarm_actor_day"), "insider_alarm", ["actor", "day"])
    op.create_table(
        "key_swept",
        sa.Column("kid", sa.String(43), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("moved", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_key_swept")),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("key_swept", "insider_alarm", "officer_day", "bait", "peer_log"):
        op.drop_table(name)
    for name in ("log_pending", "log_block", "log_leaf", "log_head"):
        op.drop_table(name)
