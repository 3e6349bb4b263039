"""Legal holds, requests of data subjects, exports.

Revision: 2026_11_25_retention, after 2026_11_25_recalls, 2026-11-25.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_retention"
down_revision = "2026_11_25_recalls"
branch_labels = None
depends_on = None

ROWID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and fill in the times of what is held already."""
    for table, columns in (
        ("record", ("keep_until", "review_by")), ("quarantine", ("keep_until",)), ("grant_out", ("keep_until",)),
    ):  # fmt: skip
        for column in columns:
            op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))
    op.create_index("ix_record_keep_until", "record", ["keep_until"])
    op.create_index("ix_record_review_by", "record", ["review_by"])
    op.create_index("ix_quarantine_keep_until", "quarantine", ["keep_until"])
    _holds_and_tasks()
    _exports_and_subjects()
    _fill(op.get_bind())


def _holds_and_tasks() -> None:
    op.create_table(
        "hold",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
    )
    op.create_index("ix_hold_rid_iss", "hold", ["rid", "iss"])
    op.create_table(
        "held_body",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=True),
        sa.Column("jh", sa.String(length=43), nullable=True),
        sa.Column("jwt", sa.Text(), nullable=False),
        sa.Column("disclosures", sa.Text(), nullable=False),
        sa.Column("handling", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_held_body"),
    )
    op.create_index("ix_held_body_rid_iss", "held_body", ["rid", "iss"])
    op.create_table(
        "task",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("export", ROWID, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("done_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
    )
    op.create_index("ix_task_state_id", "task", ["state", "id"])
    op.create_index("ix_task_rid_iss", "task", ["rid", "iss"])
    op.create_table(
        "notice",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("seen", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
    )
    op.create_index("ix_notice_officer_id", "notice", ["officer", "id"])
    op.create_table(
        "glimpse",
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("officer", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("rid", "iss", "officer", name="pk_glimpse"),
        sqlite_with_rowid=False,
    )


def _exports_and_subjects() -> None:
    op.create_table(
        "export",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=43), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("stale_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_export"),
    )
    op.create_index("ix_export_state_id", "export", ["state", "id"])
    op.create_table(
        "export_record",
        sa.Column("export", ROWID, nullable=False),
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("ver", sa.BigInteger(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("export", "iss", "rid", name="pk_export_record"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_export_record_rid_iss", "export_record", ["rid", "iss"])
    op.create_table(
        "subject_case",
        sa.Column("id", ROWID, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subject_case"),
        sa.UniqueConstraint("number", name="uq_subject_case_number"),
    )
    op.create_table(
        "restriction",
        sa.Column("iss", sa.String(length=32), nullable=False),
        sa.Column("rid", sa.String(length=36), nullable=False),
        sa.Column("case_id", ROWID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iss", "rid", "case_id", name="pk_restriction"),
        sqlite_with_rowid=False,
    )


def _fill(connection: sa.Connection) -> None:
    """Times of keeping of what is held, of what was given, and who saw which line in a list."""
    held = connection.execute(
        sa.text(
            "SELECT id, handling FROM record "
            "WHERE jwt <> '' AND (handling LIKE '%keep_until%' OR handling LIKE '%review_by%')"
        )
    )
    times = [
        {"id": row.id, "keep": _seconds(row.handling, "keep_until"), "review": _seconds(row.handling, "review_by")}
        for row in held
    ]
    if times:
        connection.execute(sa.text("UPDATE record SET keep_until = :keep, review_by = :review WHERE id = :id"), times)
    leaves = connection.execute(sa.text("SELECT id, leaf FROM quarantine WHERE leaf LIKE '%keep_until%'"))
    aside = [{"id": row.id, "keep": _of_leaf(row.leaf)} for row in leaves]
    if aside:
        connection.execute(sa.text("UPDATE quarantine SET keep_until = :keep WHERE id = :id"), aside)
    given = connection.execute(
        sa.text(
            "SELECT disclosure.recipient, disclosure.iss, disclosure.rid, entry_out.leaf FROM disclosure "
            "JOIN entry_out ON entry_out.feed = disclosure.feed AND entry_out.n = disclosure.n "
            "WHERE disclosure.action = 'feed' AND entry_out.leaf LIKE '%keep_until%' ORDER BY disclosure.id"
        )
    )
    newest = {(row.recipient, row.iss, row.rid): _of_leaf(row.leaf) for row in given}
    if newest:
        connection.execute(
            sa.text("UPDATE grant_out SET keep_until = :keep WHERE recipient = :to AND iss = :iss AND rid = :rid"),
            [{"to": key[0], "iss": key[1], "rid": key[2], "keep": value} for key, value in newest.items()],
        )
    _fill_glimpses(connection)


def _fill_glimpses(connection: sa.Connection) -> None:
    seen = set()
    for row in connection.execute(sa.text("SELECT actor, detail FROM disclosure WHERE action = 'search'")):
        try:
            hits = json.loads(row.detail or "{}").get("hits", [])
        except (ValueError, AttributeError):
            continue
        seen |= {(*hit.split("/")[1::-1], row.actor[:128]) for hit in hits if hit.count("/") > 1}
    if seen:
        connection.execute(
            sa.text("INSERT INTO glimpse (rid, iss, officer) VALUES (:rid, :iss, :officer)"),
            [{"rid": rid, "iss": iss, "officer": officer} for rid, iss, officer in sorted(seen)],
        )


def _of_leaf(leaf: str) -> int | None:
    try:
        return _seconds(json.dumps(json.loads(leaf).get("grant") or {}), "keep_until")
    except (ValueError, AttributeError):
        return None


def _seconds(handling: str, name: str) -> int | None:
    """A time of a handling, which may be written as a day."""
    try:
        value = json.loads(handling).get(name)
        if isinstance(value, str):
            day = date.fromisoformat(value)
            return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, int) and 0 <= value < 2**63 else None


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "restriction", "subject_case", "export_record", "export", "glimpse", "notice", "task", "held_body", "hold",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("ix_quarantine_keep_until", "quarantine")
    op.drop_index("ix_record_review_by", "record")
    op.drop_index("ix_record_keep_until", "record")
    for table, column in (
        ("grant_out", "keep_until"), ("quarantine", "keep_until"), ("record", "review_by"), ("record", "keep_until"),
    ):  # fmt: skip
        op.drop_column(table, column)
