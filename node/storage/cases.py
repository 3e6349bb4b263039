"""The register of data subjects' requests, and the records whose use is restricted by one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, select, update

from node.storage.tables.retention import restriction, subject_case

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def open_case(connection: Connection, *, action: str, subject: str, officer: str, now: int) -> Row[Any]:
    """Enter a request and give it a number, such as DS-2026-1."""
    year = datetime.fromtimestamp(now, UTC).year
    prefix = f"DS-{year}-"
    count = connection.scalar(
        select(func.count()).select_from(subject_case).where(subject_case.c.number.startswith(prefix))
    )
    values = {"action": action, "subject": subject, "officer": officer, "state": "open", "at": now, "detail": "{}"}
    number = f"{prefix}{(count or 0) + 1}"
    made = subject_case.insert().values(number=number, **values).returning(subject_case)
    return connection.execute(made).one()


def close(connection: Connection, case_id: int, detail: Mapping[str, Any], *, state: str = "done", now: int) -> None:
    """Keep what was found and done; `state` open leaves the case open (a restriction stands)."""
    connection.execute(
        update(subject_case)
        .where(subject_case.c.id == case_id)
        .values(
            state=state, closed_at=now if state == "done" else None, detail=json.dumps(dict(detail), ensure_ascii=False)
        )
    )


def get(connection: Connection, number: str) -> Row[Any] | None:
    """One case by its number."""
    return connection.execute(select(subject_case).where(subject_case.c.number == number)).first()


def listing(connection: Connection, *, limit: int = 200) -> list[Row[Any]]:
    """Cases, newest first."""
    return list(connection.execute(select(subject_case).order_by(subject_case.c.id.desc()).limit(limit)))


def restrict(connection: Connection, case_id: int, iss: str, rid: str, *, now: int) -> None:
    """A case stops the use of a record."""
    known = select(restriction.c.at).where(
        restriction.c.iss == iss, restriction.c.rid == rid, restriction.c.case_id == case_id
    )
    if connection.execute(known).first() is None:
        connection.execute(restriction.insert().values(iss=iss, rid=rid, case_id=case_id, at=now))


def restricted_by(connection: Connection, case_id: int) -> list[tuple[str, str]]:
    """The records (iss, rid) that a case restricts."""
    rows = connection.execute(select(restriction.c.iss, restriction.c.rid).where(restriction.c.case_id == case_id))
    return [(row.iss, row.rid) for row in rows]


def restricted(connection: Connection, keys: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the records (iss, rid) whose use is restricted by any case."""
    found: set[tuple[str, str]] = set()
    for iss in {key[0] for key in keys}:
        rids = sorted(rid for issuer, rid in keys if issuer == iss)
        for start in range(0, len(rids), 500):
            chosen = select(restriction.c.rid).where(
                restriction.c.iss == iss, restriction.c.rid.in_(rids[start : start + 500])
            )
            found |= {(iss, rid) for rid in connection.scalars(chosen)}
    return found


def lift(connection: Connection, case_id: int) -> None:
    """A case restricts nothing any more."""
    connection.execute(delete(restriction).where(restriction.c.case_id == case_id))
