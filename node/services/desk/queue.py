"""What waits to be verified: seizures in use whose present version this node has verified nothing of, oldest first.

Beside each stands what is wrong or missing (`findings`) and what is likely the same event: a record with the same
container or air waybill, or of the same day, brand and country. Both are read from granted groups alone. A correction
waits again: what was verified is a version. Nothing here changes a record; the office answers with `asking`.

Trust: a cursor is the number of a row and grants nothing. Every record, also one that is named beside another, passes
`search.allowed`. Containers are looked up in the index of words, which may be some seconds behind.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, and_, exists, select

from federation.grants import Action
from federation.records.facts import of_seizure
from node.services import bodies, search
from node.services.desk import findings, looks
from node.storage import fulltext, records
from node.storage.tables import facet, record
from node.storage.tables.relay import annotation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.storage.database import Database

KIND: Final = "seizure"
VERIFICATION: Final = "verification"
MAX_SAME: Final = 5
"""Records of the same event that are named beside one."""
MAX_CANDIDATES: Final = 50
"""Records that are opened to find them, for each thing that is looked up."""
MAX_BRANDS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One seizure that waits."""

    iss: str
    rid: str
    ver: int
    title: str
    day: str | None
    accepted_at: int
    """When this node took this version in, in seconds."""
    findings: tuple[str, ...]
    same_event: tuple[str, ...]
    """ISS/RID of records that are likely the same event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A page of the queue. `next` is the cursor of the page after it, None at the end."""

    rows: tuple[Waiting, ...]
    next: int | None

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {"waiting": [asdict(row) for row in self.rows], "next": self.next}


def waiting(
    database: Database, *, node: str, member: str | None = None, limit: int = search.DEFAULT_LIMIT, after: int = 0,
    by: str, purpose: str | None, now: int,
) -> Queue:  # fmt: skip
    """A page of what waits at `node`, of one `member` or of all, with a disclosure row that names `by`.

    `after` is the cursor of the page before. Raises `search.CriteriaRefused`.
    """
    search.check_purpose(purpose)
    if not 1 <= limit <= search.MAX_LIMIT:
        raise search.CriteriaRefused("limit", f"is a number from 1 to {search.MAX_LIMIT}")
    if not 0 <= after <= search.LAST_ID:
        raise search.CriteriaRefused("after", "is not one that the queue gave: take `next` of the page before")
    with database.write() as connection:
        shown, last = _page(connection, node, member, limit, after, purpose, now)
        looks.note(
            connection, "queue", [(row.iss, row.rid, row.ver) for row in shown], by=by, purpose=purpose, now=now,
            asked={"member": member} if member else None,
        )  # fmt: skip
    return Queue(rows=tuple(shown), next=last)


def _page(  # noqa: PLR0917 - one caller
    connection: Connection, node: str, member: str | None, limit: int, after: int, purpose: str | None, now: int
) -> tuple[list[Waiting], int | None]:
    done = exists(
        select(annotation.c.rid).where(
            annotation.c.about_iss == record.c.iss,
            annotation.c.about_rid == record.c.rid,
            and_(annotation.c.about_ver == record.c.ver, annotation.c.type == VERIFICATION, annotation.c.iss == node),
        )
    )
    chosen = records.visible().where(record.c.kind == KIND, records.in_time(now), ~done)
    if member is not None:
        chosen = chosen.where(record.c.iss == member)
    shown: list[Waiting] = []
    for _ in range(search.MAX_ROUNDS):
        rows = connection.execute(chosen.where(record.c.id > after).order_by(record.c.id).limit(limit + 1)).all()
        for row in rows:
            if len(shown) == limit:
                return shown, after
            after = row.id
            _, verdict = search.allowed(row, Action.VIEW, purpose, now=now)
            if verdict:
                shown.append(_waiting(connection, row, purpose, now))
        if len(rows) <= limit:
            return shown, None
    return shown, after


def _waiting(connection: Connection, row: Row[Any], purpose: str | None, now: int) -> Waiting:
    groups, _ = bodies.read_row(row)
    return Waiting(
        iss=row.iss, rid=row.rid, ver=row.ver, title=row.title, day=row.day, accepted_at=row.accepted_at,
        findings=findings.findings(groups, iat=row.iat), same_event=_same(connection, row, groups, purpose, now),
    )  # fmt: skip


def _same(
    connection: Connection, row: Row[Any], groups: Mapping[str, Any], purpose: str | None, now: int
) -> tuple[str, ...]:
    """Records that are likely the same event, compared by what they say and not by what the indexes hold."""
    own, brands, where = findings.numbers(groups), of_seizure(groups).brands, findings.place(groups)
    candidates: set[int] = set()
    for number in sorted(own):
        candidates.update(fulltext.matching(connection, number, limit=MAX_CANDIDATES))
    if row.day and where:
        keys = sorted(brands)[:MAX_BRANDS]
        alike = select(facet.c.record).where(
            facet.c.field == "brand", facet.c.value.in_(keys), facet.c.day == row.day
        )  # fmt: skip
        candidates.update(connection.scalars(alike.order_by(facet.c.record.desc()).limit(MAX_CANDIDATES)))
    chosen = records.visible().where(
        record.c.id.in_(sorted(candidates - {row.id})), record.c.kind == KIND, records.in_time(now)
    )
    found = []
    for other in connection.execute(chosen.order_by(record.c.id)):
        _, verdict = search.allowed(other, Action.VIEW, purpose, now=now)
        if not verdict or (other.iss, other.rid) == (row.iss, row.rid):
            continue
        theirs, _ = bodies.read_row(other)
        alike_event = (
            bool(where)
            and other.day == row.day
            and findings.place(theirs) == where
            and bool(brands & of_seizure(theirs).brands)
        )
        if own & findings.numbers(theirs) or alike_event:
            found.append(f"{other.iss}/{other.rid}")
    return tuple(found[:MAX_SAME])
