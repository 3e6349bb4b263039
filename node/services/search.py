"""Find records that this node holds, by filters, days, words, names and numbers, and write down who asked for what.

Every search has a disclosure row in the transaction that reads the hits, and every hit passes
`federation.grants.may`: a record whose handling forbids the purpose is no hit. What is found are versions in
use, by the groups that are held, so nobody finds a record by what was never granted.

Left to others: who may search at all (`node.api.deps`, the command line), what may be asked (`criteria`), and the
indexes (`indexing`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from federation.grants import Action, Handling, HandlingRefused, Verdict, may
from node.services import arriving, candidates, tallies
from node.services.criteria import (
    BEST,
    DEFAULT_LIMIT,
    DEFAULT_PURPOSE,
    FIELDS,
    LAST_ID,
    MAX_CURSOR,
    MAX_LIMIT,
    MAX_VALUES,
    MAX_WORDS,
    NEWEST,
    Criteria,
    CriteriaRefused,
    check_purpose,
    cursor,
    first_day,
    last_day,
    normalised,
    read_cursor,
)
from node.storage import audit, drafts, records, searching, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from node.services.arriving import Arrival
    from node.services.candidates import Candidates, Matched
    from node.services.tallies import Tallies
    from node.storage.database import Database
    from node.storage.searching import Place, Wanted

__all__ = [
    "DEFAULT_LIMIT",
    "DEFAULT_PURPOSE",
    "FIELDS",
    "LAST_ID",
    "MAX_CURSOR",
    "MAX_LIMIT",
    "MAX_VALUES",
    "MAX_WORDS",
    "OWN",
    "Criteria",
    "CriteriaRefused",
    "Hit",
    "Hits",
    "allowed",
    "check_purpose",
    "find",
    "first_day",
    "hit_of",
    "last_day",
    "normalised",
]
MAX_ROUNDS: Final = 20
"""How often a page is filled up again where hits may not be shown; then it is given short."""
OWN: Final = frozenset({"released", "shared"})
"""States, as lists tell them, of versions that this node issued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One version in use, as lists show it."""

    iss: str
    rid: str
    ver: int
    kind: str
    title: str
    day: str | None
    """ISO date of the event, the first day where only a month or a year is known."""
    state: str
    """released, shared or received."""
    pending: bool
    """Part of what was granted has not arrived yet."""
    tlp: str
    accepted_at: int
    reference: str | None = None
    """What this node calls an own record; None for those of others, whose `case` may tell theirs."""
    attachments: Arrival | None = None
    """How complete its pictures and other attachments are; None if it has none."""
    matched: Matched | None = None
    """By what it was found, where a name or a number was asked for."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        value: dict[str, Any] = {
            "iss": self.iss,
            "rid": self.rid,
            "ver": self.ver,
            "kind": self.kind,
            "title": self.title,
            "state": self.state,
            "pending": self.pending,
            "tlp": self.tlp,
            "accepted_at": self.accepted_at,
        }
        if self.attachments is not None:
            value["attachments"] = {"total": self.attachments.total, "here": self.attachments.here}
        if self.matched is not None:
            value["matched"] = {"what": self.matched.what, "score": self.matched.score}
        if self.reference is not None:
            value["reference"] = self.reference
        return value | ({"day": self.day} if self.day else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """A page of results."""

    rows: tuple[Hit, ...]
    next: str | None
    """The cursor of the next page; None at the end."""
    lag: int
    """How many rows the index of words is behind; 0 where no words were asked for."""
    capped: bool = False
    """The words match more than could be looked through: older rows may be missing."""
    facets: Tallies | None = None
    """Filter values over the whole result, if they were asked for."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        page: dict[str, Any] = {
            "records": [row.to_json() for row in self.rows],
            "lag": self.lag,
            "capped": self.capped,
        }
        if self.facets is not None:
            page["facets"] = self.facets.to_json()
        return page | ({"next": self.next} if self.next else {})


def find(database: Database, criteria: Criteria, *, by: str, purpose: str | None, now: int) -> Hits:
    """A page of records for `purpose`, newest day first, with a disclosure row naming `by`.

    `now` in seconds. Raises `CriteriaRefused`. `purpose` None states none: `may` then asks only whether
    anything is allowed at all.
    """
    filters = normalised(criteria.filters)
    day_from, day_to = first_day(criteria.day_from), last_day(criteria.day_to)
    if not 1 <= criteria.limit <= MAX_LIMIT:
        raise CriteriaRefused("limit", f"is a number from 1 to {MAX_LIMIT}")
    check_purpose(purpose)
    candidates.check(criteria)
    order = criteria.order or (NEWEST if criteria.name is None and criteria.number is None else BEST)
    before = None if criteria.before is None else read_cursor(criteria.before, order)
    with database.look() as connection:
        found = candidates.find(connection, criteria)
        wanted = searching.Wanted(
            filters=filters,
            day_from=day_from,
            day_to=day_to,
            ids=None if found is None else found.rows,
            after=criteria.after,
            until=criteria.until,
        )
        pages = _Pages(connection, wanted, found if order == BEST else None)
        seen, last = _page(pages, limit=criteria.limit, before=before, purpose=purpose, now=now)
        counts = tallies.over(connection, wanted, purpose=purpose, now=now) if criteria.facets else None
    with database.write() as connection:
        # What was found may have changed since: what is shown is what holds in the transaction that logs it.
        rows = records.in_use(connection, [row.id for row, _ in seen], now=now)
        still = [(row, *allowed(row, Action.SEARCH, purpose, now=now)) for one, _ in seen if (row := rows.get(one.id))]
        shown = [(row, handling) for row, handling, verdict in still if verdict and handling is not None]
        complete = arriving.arrivals(connection, [row for row, _ in shown])
        names = drafts.references(connection, [row.rid for row, _ in shown if row.state in OWN])
        audit.log(connection, [_row(criteria, filters, shown, by=by, purpose=purpose, now=now)])
        tasks.remember_glimpses(connection, [(row.iss, row.rid) for row, _ in shown], by)
    return Hits(
        rows=tuple(
            hit_of(row, handling, complete.get(row.id), names, None if found is None else found.matched.get(row.id))
            for row, handling in shown
        ),
        next=None if last is None else cursor(*last),
        lag=0 if found is None else found.lag,
        capped=found is not None and found.capped,
        facets=counts,
    )


def allowed(row: Row[Any], action: Action, purpose: str | None, *, now: int) -> tuple[Handling | None, Verdict]:
    """The one guard of stored records: the effective handling of a version, and what it says to `action`."""
    handling = _handling(row.handling)
    if handling is None:
        return None, Verdict(False, "its handling cannot be read, and so allows nothing")
    return handling, may(handling, action, purpose, now=now)


@lru_cache(maxsize=512)
def _handling(stored: str) -> Handling | None:
    """Read a stored handling; many records have the same one. None if it cannot be read."""
    try:
        return Handling.from_json(json.loads(stored))
    except (HandlingRefused, ValueError):
        return None


class _Pages:
    """The places of a result in the order asked for."""

    def __init__(self, connection: Connection, wanted: Wanted, ranked: Candidates | None) -> None:
        self.connection, self.wanted = connection, wanted
        self._best: list[Place] | None = None
        if ranked is not None:
            rows = searching.places(connection, wanted, limit=max(1, len(ranked.rows)))
            scored = [(f"{ranked.matched[row].score:010.6f}", row) for _, row in rows if row in ranked.matched]
            self._best = sorted(scored, reverse=True)

    def after(self, place: Place | None, *, limit: int) -> list[Place]:
        """Up to `limit` places behind one."""
        if self.wanted.ids is not None and not self.wanted.ids:
            return []
        if self._best is None:
            return searching.places(self.connection, self.wanted, limit=limit, before=place)
        return [one for one in self._best if place is None or one < place][:limit]


def _page(
    pages: _Pages, *, limit: int, before: Place | None, purpose: str | None, now: int
) -> tuple[list[tuple[Row[Any], Handling]], Place | None]:
    """Up to `limit` hits that may be shown, and the place of the last one if there is more behind it."""
    shown: list[tuple[Row[Any], Handling]] = []
    for _ in range(MAX_ROUNDS):
        places = pages.after(before, limit=limit + 1)
        rows = records.in_use(pages.connection, [row_id for _, row_id in places], now=now)
        for place in places:
            if len(shown) == limit:
                return shown, before
            before = place
            row = rows.get(place[1])
            if row is None:
                continue
            handling, verdict = allowed(row, Action.SEARCH, purpose, now=now)
            if verdict and handling is not None:
                shown.append((row, handling))
        if len(places) <= limit:
            return shown, None
    return shown, before


def hit_of(
    row: Row[Any], handling: Handling, attachments: Arrival | None, names: Mapping[str, str], matched: Matched | None
) -> Hit:
    """A version as lists show it, to whom `allowed` lets it be shown. `names`: own records' references by id."""
    return Hit(
        iss=row.iss,
        rid=row.rid,
        ver=row.ver,
        kind=row.kind,
        title=row.title,
        day=row.day,
        state=row.state,
        pending=bool(row.pending),
        tlp=handling.tlp,
        accepted_at=row.accepted_at,
        reference=names.get(row.rid) if row.state in OWN else None,
        attachments=attachments,
        matched=matched,
    )


def _row(
    criteria: Criteria,
    filters: Mapping[str, frozenset[str]],
    shown: list[tuple[Row[Any], Handling]],
    *,
    by: str,
    purpose: str | None,
    now: int,
) -> audit.Disclosure:
    """What was asked, and every record whose line was shown: a recall has to reach whoever saw it."""
    asked = {
        "words": criteria.words,
        "name": criteria.name,
        "number": criteria.number,
        "filters": {name: sorted(values) for name, values in filters.items()},
        "from": criteria.day_from,
        "to": criteria.day_to,
        "facets": criteria.facets,
    }
    detail: dict[str, Any] = {name: value for name, value in asked.items() if value}
    detail["hits"] = [f"{row.iss}/{row.rid}/{row.ver}" for row, _ in shown]
    return audit.Disclosure(
        at=now, action="search", actor=by, purpose=purpose, detail=json.dumps(detail, ensure_ascii=False)
    )
