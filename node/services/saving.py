"""Searches that an officer keeps, and what is new in them since he last looked.

New is a version that this node has come to hold since: a record that was released or received, or a correction of one.
Each look is a search like any other, guarded and logged with the purpose that the search was saved for. An officer sees
his own searches alone.

Trust: the criteria were an officer's, were checked when they were saved and are checked again when they run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select, update

from federation.errors import NotFound
from node.services import candidates, search
from node.services.criteria import Criteria, CriteriaRefused, check_purpose, first_day, last_day, normalised
from node.storage import followers, fulltext
from node.storage.tables.saved import saved_search

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from node.services.search import Hits
    from node.storage.database import Database

MAX_NAME: Final = 100
MAX_SAVED: Final = 100
"""Searches of one officer."""
NEWS: Final = 50
"""New hits that are told at once; of more it is said that there are more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A saved search."""

    name: str
    criteria: Criteria
    purpose: str
    created_at: int
    waiting: int
    """Versions that came since its owner last looked, whether or not they fit."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "name": self.name, "criteria": told(self.criteria), "purpose": self.purpose,
            "created_at": self.created_at, "waiting": self.waiting,
        }  # fmt: skip


def save(database: Database, name: str, criteria: Criteria, *, by: str, purpose: str, now: int) -> None:
    """Keep a search under a name; one of the same name is replaced. Raises `CriteriaRefused`."""
    named = name.strip()
    if not 0 < len(named) <= MAX_NAME or not named.isprintable():
        raise CriteriaRefused("name", f"of a saved search is one line of 1 to {MAX_NAME} characters")
    check_purpose(purpose)
    normalised(criteria.filters)
    first_day(criteria.day_from)
    last_day(criteria.day_to)
    candidates.check(criteria)
    kept = replace(criteria, before=None, facets=False)
    if not any(value for field, value in told(kept).items() if field != "order"):
        raise CriteriaRefused("criteria", "ask for everything; give words, a name, a number, a day or a filter")
    with database.write() as connection:
        connection.execute(delete(saved_search).where(saved_search.c.owner == by, saved_search.c.name == named))
        count = connection.scalar(select(func.count()).where(saved_search.c.owner == by)) or 0
        if count >= MAX_SAVED:
            raise CriteriaRefused("name", f"there are {MAX_SAVED} saved searches already; remove one")
        connection.execute(
            saved_search.insert().values(
                owner=by, name=named, criteria=json.dumps(told(kept), ensure_ascii=False), purpose=purpose,
                created_at=now, seen=_reached(connection),
            )
        )  # fmt: skip


def saved(database: Database, *, by: str) -> list[Saved]:
    """An officer's searches, by name."""
    with database.read() as connection:
        rows = connection.execute(select(saved_search).where(saved_search.c.owner == by).order_by(saved_search.c.name))
        reached = _reached(connection)
        return [
            Saved(
                name=row.name, criteria=_criteria(row), purpose=row.purpose, created_at=row.created_at,
                waiting=max(0, reached - row.seen),
            )
            for row in rows
        ]  # fmt: skip


def news(database: Database, name: str, *, by: str, now: int) -> Hits:
    """What is new in a search since its owner last looked, and from now on is not new any more.

    Where more is new than one answer tells, all of it stays new: narrow the search. Raises `NotFound`.
    """
    with database.read() as connection:
        row, reached = _row(connection, name, by), _reached(connection)
    criteria = replace(_criteria(row), limit=NEWS, after=row.seen, until=reached)
    hits = search.find(database, criteria, by=by, purpose=row.purpose, now=now)
    if hits.next is None:
        with database.write() as connection:
            connection.execute(update(saved_search).where(saved_search.c.id == row.id).values(seen=reached))
    return hits


def again(database: Database, name: str, *, by: str, limit: int, before: str | None, now: int) -> Hits:
    """Run a saved search over everything. Raises `NotFound` and `CriteriaRefused`."""
    with database.read() as connection:
        row = _row(connection, name, by)
    criteria = replace(_criteria(row), limit=limit, before=before)
    return search.find(database, criteria, by=by, purpose=row.purpose, now=now)


def remove(database: Database, name: str, *, by: str) -> None:
    """Forget a saved search. Raises `NotFound`."""
    with database.write() as connection:
        row = _row(connection, name, by)
        connection.execute(delete(saved_search).where(saved_search.c.id == row.id))


def told(criteria: Criteria) -> dict[str, Any]:
    """The criteria as they are kept and shown: only what is asked."""
    asked: dict[str, Any] = {
        "words": criteria.words, "name": criteria.name, "number": criteria.number,
        "filters": {field: sorted(values) for field, values in sorted(criteria.filters.items())},
        "from": criteria.day_from, "to": criteria.day_to, "order": criteria.order,
    }  # fmt: skip
    return {field: value for field, value in asked.items() if value}


def _criteria(row: Row[Any]) -> Criteria:
    kept = json.loads(row.criteria)
    return Criteria(
        words=kept.get("words"), name=kept.get("name"), number=kept.get("number"),
        filters={field: frozenset(values) for field, values in kept.get("filters", {}).items()},
        day_from=kept.get("from"), day_to=kept.get("to"), order=kept.get("order"),
    )  # fmt: skip


def _row(connection: Connection, name: str, by: str) -> Row[Any]:
    row = connection.execute(
        select(saved_search).where(saved_search.c.owner == by, saved_search.c.name == name.strip())
    ).first()
    if row is None:
        raise NotFound("there is no such saved search; `tidewaiter saved list` has their names")
    return row


def _reached(connection: Connection) -> int:
    """How far the indexes have come: what they have not seen is new later, and never missed."""
    return followers.position(connection, fulltext.NAME)
