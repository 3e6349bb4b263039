"""Lines, names and numbers that records are found by, and an index by day.

Revision: 2026_12_03_finding, after 2026_12_01_questions, 2026-12-01.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2026_12_03_finding"
down_revision = "2026_12_01_questions"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables; the follower of the words begins anew and fills them from the records."""
    op.create_table(
        "line",
        sa.Column("record", ROWID, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("keep_until", sa.BigInteger(), nullable=True),
        sa.Column("handling", sa.Text(), nullable=False),
        sa.Column("facets", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record", name="pk_line"),
    )
    op.create_table(
        "name",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("fold", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_name"),
        sa.UniqueConstraint("fold", name="uq_name_fold"),
    )
    op.create_table(
        "name_record",
        sa.Column("name", ROWID, nullable=False),
        sa.Column("record", ROWID, nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("name", "record", "what", name="pk_name_record"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_name_record_record", "name_record", ["record"])
    op.create_table(
        "name_token",
        sa.Column("token", KEY, nullable=False),
        sa.Column("name", ROWID, nullable=False),
        sa.PrimaryKeyConstraint("token", "name", name="pk_name_token"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_name_token_name", "name_token", ["name"])
    op.create_table(
        "name_key",
        sa.Column("key", KEY, nullable=False),
        sa.Column("token", KEY, nullable=False),
        sa.PrimaryKeyConstraint("key", "token", name="pk_name_key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_name_key_token", "name_key", ["token"])
    op.create_table(
        "number",
        sa.Column("key", KEY, nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("record", ROWID, nullable=False),
        sa.PrimaryKeyConstraint("key", "what", "record", name="pk_number"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_number_record", "number", ["record"])
    op.create_index("ix_record_day_id_state", "record", ["day", "id", "state"])
    # Versions that are there lack the newer filters (pictures, quantity, ...): the follower adds them up to here.
    op.execute("DELETE FROM follower WHERE name IN ('fulltext', 'facets')")
    op.execute("INSERT INTO follower (name, position, updated_at) SELECT 'facets', coalesce(max(id), 0), 0 FROM record")


def downgrade() -> None:
    """Drop the tables."""
    op.execute("DELETE FROM follower WHERE name = 'facets'")
    op.drop_index("ix_record_day_id_state", "record")
    for index, table in (
        ("ix_number_record", "number"),
        ("ix_name_key_token", "name_key"),
        ("ix_name_token_name", "name_token"),
        ("ix_name_record_record", "name_record"),
    ):
        op.drop_index(index, table)
    for table in ("number", "name_key", "name_token", "name_record", "name", "line"):
        op.drop_table(table)
