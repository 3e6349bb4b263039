"""Seizures like this one, among those that this node holds: a pattern is worth more than a single case.

Points are given for what two records share, the same for everybody and every record: there is nothing that learns.
`POINTS` is the whole table; a hit tells each thing that is shared and the points for it. Candidates share a number, a
brand, a subheading or a category with the record; of each value the newest are looked at.

Compared are the groups that are held of both, so nobody learns by a likeness what was never granted. Each hit passes
`grants.may`, and the question stands in the disclosure log with what it was about and what was shown.

Left to others: pictures that look alike (`pictures.likeness`), and new combinations (`desk.patterns`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from federation.grants import Action
from federation.records import get_schema
from federation.records.traces import keys_of, traces
from node.services import bodies, search, showing
from node.services.showing import NotAllowed
from node.storage import audit, drafts, lines, numbers, records, tasks
from node.storage.tables import facet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection, Row

    from node.services.search import Hit
    from node.storage.database import Database

POINTS: Final = {
    "number": 10.0, "brand": 5.0, "hs": 3.0, "category": 2.0, "origin": 2.0, "departure": 2.0, "transit": 1.0,
    "destination": 1.0, "conveyance": 1.0, "detection": 1.0, "procedure": 0.5, "day": 1.0,
}  # fmt: skip
"""For a thing that two records share; one thing of a kind counts, however many they share. HS: a whole subheading, two
thirds for a heading, one third for a chapter. Day: within `NEAR_DAYS`, half within three times as many."""
LEAST: Final = 5.0
"""Fewer points are no likeness: everything that came by sea from one country would be."""
NEAR_DAYS: Final = 30
LOOK: Final = 2_000
"""Newest records of one value that are looked at."""
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100
_SPARE: Final = 3
_LEADING: Final = ("brand", "hs", "category")
_HS: Final = 6
_COMPARED: Final = tuple(name for name in POINTS if name not in {"number", "day"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One thing that two records share."""

    what: str
    values: tuple[str, ...]
    points: float

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {"what": self.what, "values": list(self.values), "points": self.points}


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """A record that is like the one asked about."""

    hit: Hit
    points: float
    shared: tuple[Shared, ...]
    days_apart: int | None

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        apart = {} if self.days_apart is None else {"days_apart": self.days_apart}
        return {**self.hit.to_json(), "points": self.points, "shared": [one.to_json() for one in self.shared], **apart}


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What is compared of a record."""

    values: Mapping[str, frozenset[str]]
    numbers: frozenset[str]
    day: str | None


def find(
    database: Database, *, rid: str, iss: str | None = None, limit: int = DEFAULT_LIMIT, by: str, purpose: str | None,
    now: int,
) -> list[Like]:  # fmt: skip
    """The records most like one that is held, best first. `now` in seconds.

    Raises `NotFound`, `NotAllowed`, `Tombstoned` and `search.CriteriaRefused`.
    """
    search.check_purpose(purpose)
    if not 1 <= limit <= MAX_LIMIT:
        raise search.CriteriaRefused("limit", f"is a number from 1 to {MAX_LIMIT}")
    with database.look() as connection:
        own = showing.in_use(connection, rid=rid, iss=iss)
        _, verdict = search.allowed(own, Action.VIEW, purpose, now=now)
        if not verdict:
            raise NotAllowed(verdict.reason)
        asked = _about(own)
        ranked = _ranked(connection, asked, without=own.id)[: limit * _SPARE]
    with database.write() as connection:
        # What was found may have changed since: what is shown is what holds in the transaction that logs it.
        rows = records.in_use(connection, [row for row, _ in ranked], now=now)
        found: list[Like] = []
        names = drafts.references(connection, [row.rid for row in rows.values() if row.state in search.OWN])
        for row_id, _ in ranked:
            row = rows.get(row_id)
            if row is None or len(found) == limit or (row.iss, row.rid) == (own.iss, own.rid):
                continue
            handling, verdict = search.allowed(row, Action.SEARCH, purpose, now=now)
            if not verdict or handling is None:
                continue
            shared, apart = compare(asked, _about(row))
            points = sum(one.points for one in shared)
            if points >= LEAST:
                hit = search.hit_of(row, handling, None, names, None)
                found.append(Like(hit=hit, points=points, shared=shared, days_apart=apart))
        found.sort(key=lambda one: (-one.points, one.hit.iss, one.hit.rid))
        keys = [(one.hit.iss, one.hit.rid) for one in found]
        detail = {
            "similar": f"{own.iss}/{own.rid}/{own.ver}",
            "hits": [f"{one.hit.iss}/{one.hit.rid}/{one.hit.ver}" for one in found],
        }
        audit.log(
            connection,
            [audit.Disclosure(at=now, action="search", actor=by, purpose=purpose, detail=json.dumps(detail))],
        )
        tasks.remember_glimpses(connection, keys, by)
    return found


def compare(one: _About, other: _About) -> tuple[tuple[Shared, ...], int | None]:
    """What two records share, most points first, and how many days lie between them."""
    shared = []
    if numbers_ := one.numbers & other.numbers:
        shared.append(Shared(what="number", values=tuple(sorted(numbers_)), points=POINTS["number"]))
    for what in _COMPARED:
        mine, theirs = one.values.get(what, frozenset()), other.values.get(what, frozenset())
        both = mine & theirs if what != "hs" else _begun(mine) & _begun(theirs)
        if what == "hs" and both:
            length = max(map(len, both))
            both = frozenset(code for code in both if len(code) == length)
            shared.append(Shared(what=what, values=tuple(sorted(both)), points=POINTS[what] * length / _HS))
        elif both:
            shared.append(Shared(what=what, values=tuple(sorted(both)), points=POINTS[what]))
    apart = _apart(one.day, other.day)
    if apart is not None and apart <= 3 * NEAR_DAYS and shared:
        near = POINTS["day"] if apart <= NEAR_DAYS else POINTS["day"] / 2
        shared.append(Shared(what="day", values=(), points=near))
    return tuple(sorted(shared, key=lambda found: (-found.points, found.what))), apart


def _begun(codes: frozenset[str]) -> frozenset[str]:
    """HS codes with their headings and chapters."""
    return frozenset(code[:length] for code in codes for length in (2, 4, _HS) if len(code) >= length)


def _about(row: Row[Any]) -> _About:
    groups, _ = bodies.read_row(row)
    found = get_schema(row.sch).facets(groups)
    keys = frozenset(key for trace in traces(groups).numbers if trace.what != "reference" for key in keys_of(trace))
    return _About(values=found.values, numbers=keys, day=found.day)


def _ranked(connection: Connection, asked: _About, *, without: int) -> list[tuple[int, float]]:
    """Candidates with their points by the index, best first and the newest of equals."""
    candidates: set[int] = set()
    candidates |= {one.record for one in _numbered(connection, asked)}
    for what in _LEADING:
        for value in sorted(asked.values.get(what, ())):
            if what != "hs" or len(value) == _HS:
                candidates |= set(_newest(connection, what, value))
    candidates.discard(without)
    with_number = {one.record for one in _numbered(connection, asked)} & candidates
    points: dict[int, float] = {}
    for row, (day, values) in lines.told(connection, candidates).items():
        held = {what: frozenset(found) for what, found in values.items()}
        about = _About(values=held, numbers=asked.numbers if row in with_number else frozenset(), day=day or None)
        points[row] = sum(one.points for one in compare(asked, about)[0])
    return sorted(points.items(), key=lambda item: (-item[1], -item[0]))


def _numbered(connection: Connection, asked: _About) -> list[numbers.Numbered]:
    found = numbers.matching(connection, asked.numbers, limit=LOOK) if asked.numbers else []
    return [one for one in found if one.exact]


def _newest(connection: Connection, what: str, value: str) -> Iterable[int]:
    chosen = select(facet.c.record).where(facet.c.field == what, facet.c.value == value)
    return connection.scalars(chosen.order_by(facet.c.record.desc()).limit(LOOK))


def _apart(one: str | None, other: str | None) -> int | None:
    if one is None or other is None:
        return None
    return abs((date.fromisoformat(one) - date.fromisoformat(other)).days)
