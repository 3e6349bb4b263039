"""What is due for a look: records whose `review_by` has come, and own records older than this node keeps its own.

Nothing is done here. A record of others whose day of review has come is looked at, and used or erased; an own one that
is older than the setting is proposed for a recall with the reason `retention`, so that it ends everywhere and not only
here, and a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import select

from node.storage import records
from node.storage.tables import draft, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.storage.database import Database

MONTHS_A_YEAR: Final = 12
LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A record to look at: by name alone, its content is shown by `show`, which is logged."""

    why: Literal["review", "retention"]
    iss: str
    rid: str
    ver: int
    kind: str
    since: int
    """When it was due, in seconds."""
    reference: str | None = None
    """The national reference of an own record."""

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        value: dict[str, Any] = {
            "why": self.why, "iss": self.iss, "rid": self.rid, "ver": self.ver, "kind": self.kind, "since": self.since,
        }  # fmt: skip
        return value | ({"reference": self.reference} if self.reference else {})


def due(database: Database, *, node: str, months: Mapping[str, int], now: int, limit: int = LIMIT) -> list[Due]:
    """What is due at `now`, the longest due first. `months`: kind → how long an own record is kept after its issue."""
    with database.read() as connection:
        found = [
            Due(why="review", iss=row.iss, rid=row.rid, ver=row.ver, kind=row.kind, since=row.review_by)
            for row in connection.execute(
                records.visible()
                .where(record.c.review_by <= now, records.in_time(now))
                .order_by(record.c.review_by, record.c.id)
                .limit(limit)
            )
        ]
        for kind, count in months.items():
            latest = months_before(now, count)
            rows = connection.execute(
                records.visible()
                .where(record.c.iss == node, record.c.kind == kind, record.c.iat <= latest)
                .order_by(record.c.iat, record.c.id)
                .limit(limit)
            ).all()
            names = dict(
                connection.execute(
                    select(draft.c.rid, draft.c.reference).where(draft.c.rid.in_([row.rid for row in rows]))
                ).all()
            )
            found += [
                Due(
                    why="retention", iss=row.iss, rid=row.rid, ver=row.ver, kind=row.kind,
                    since=months_after(row.iat, count), reference=names.get(row.rid),
                )
                for row in rows
            ]  # fmt: skip
    return sorted(found, key=lambda one: (one.since, one.iss, one.rid))[:limit]


def months_before(at: int, count: int) -> int:
    """The time `count` calendar months before a time.

    >>> from datetime import UTC, datetime
    >>> datetime.fromtimestamp(months_before(1_767_225_600, 2), UTC).isoformat()
    '2025-11-01T00:00:00+00:00'
    """
    return _shifted(at, -count)


def months_after(at: int, count: int) -> int:
    """The time `count` calendar months after a time."""
    return _shifted(at, count)


def _shifted(at: int, count: int) -> int:
    moment = datetime.fromtimestamp(at, UTC)
    months = moment.year * MONTHS_A_YEAR + moment.month - 1 + count
    year, month = divmod(months, MONTHS_A_YEAR)
    if year < 1:
        return 0
    for day in range(moment.day, 0, -1):  # the 31st of a month that has none is its last day
        try:
            return int(moment.replace(year=year, month=month + 1, day=day).timestamp())
        except ValueError:
            continue
    raise AssertionError("every month has a first day")
