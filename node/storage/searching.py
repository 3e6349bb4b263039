"""The places of a result: which versions fulfil all filters, newest day first, as (day, row), page by page.

There are three ways, and how common the filters are chooses: from the rows of the rarest filter; along the days, when
all filters are common, because then a page is soon full; from rows that another index found. Only
narrow tables are read, never the signed content; each filter more costs a look into the key of `facet`. Both databases
are given the same statements, because the same way is the shorter one in both.

Left to others: whether what is found may be shown (`records.visible`, `federation.grants.may`), and facets that are the
record's own (`records.facet_values`). Trust: filters are values, never text of a statement.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, bindparam, text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import BindParameter

Place = tuple[str, int]
"""(day, row): the day is ISO, empty where a record tells none."""
SAMPLE: Final = 10_000
"""Newest versions by which it is estimated how common a filter is."""
LOOK: Final = 60_000
"""Versions that are looked through at most where not all are wanted."""
_WALK: Final = 2.0
"""A step along the days costs more than a row of a filter: the looks that follow it are all over the place."""
_IN_USE: Final = "r.state IN ('released', 'received')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What places are wanted: one of the values of every filter, within the days, both included."""

    filters: Mapping[str, Collection[str]]
    day_from: str | None = None
    day_to: str | None = None
    ids: Collection[int] | None = None
    """Only these rows, which have a line."""
    after: int | None = None
    """Only later rows than this one."""
    until: int | None = None
    """Only rows up to this one."""


def places(connection: Connection, wanted: Wanted, *, limit: int, before: Place | None = None) -> list[Place]:
    """Up to `limit` places behind `before`, newest day first, then newest row."""
    return _places(connection, wanted, limit=limit, before=before, look=None)


def newest(connection: Connection, wanted: Wanted, *, limit: int, look: int) -> tuple[list[Place], bool]:
    """Up to `limit` places from the newest on, and whether these are all; looks through about `look` versions."""
    found = _places(connection, wanted, limit=limit + 1, before=None, look=look)
    if len(found) > limit:
        return found[:limit], False
    bounds, given = _bounds("r.day", "r.id", wanted, None)
    known = "AND r.day IS NOT NULL " if bounds else ""
    passed = connection.scalar(
        text(f"SELECT count(*) FROM (SELECT 1 FROM record AS r WHERE {_IN_USE} {known}{bounds}LIMIT :look) AS seen"),  # noqa: S608 - built of constants
        given | {"look": look + 1},
    )
    return found, wanted.ids is not None or int(passed or 0) <= look


def _places(
    connection: Connection, wanted: Wanted, *, limit: int, before: Place | None, look: int | None
) -> list[Place]:  # fmt: skip
    filters = [(field, sorted(values)) for field, values in sorted(wanted.filters.items())]
    if wanted.ids is not None:
        return _of_rows(connection, wanted, filters, limit=limit, before=before)
    last = connection.scalar(text("SELECT max(id) FROM record")) or 0
    counted = sorted((_share(connection, field, values, last), field, values) for field, values in filters)
    ordered = [(field, values) for _, field, values in counted]
    rows = counted[0][0] * (last - (wanted.after or 0)) if counted else 0
    if counted and rows < _WALK * _steps(counted, limit, last, look):
        return _of_rarest(connection, wanted, ordered, limit=limit, before=before)
    return _by_day(connection, wanted, ordered, limit=limit, before=before, look=look)


def _steps(counted: Sequence[tuple[float, str, Sequence[str]]], limit: int, last: int, look: int | None) -> float:
    """How many versions a walk along the days passes until a page is full, if the filters have nothing in common."""
    together = math.prod(share for share, _, _ in counted)
    return min(last, look or last, limit / together if together else last)


def _share(connection: Connection, field: str, values: Sequence[str], last: int) -> float:
    """About what part of all versions has one of the values, from the newest of them."""
    sample = min(SAMPLE, last)
    if not sample:
        return 0.0
    statement = text(
        "SELECT count(*) FROM facet WHERE field = :field AND value IN :values AND record > :after"
    ).bindparams(bindparam("values", expanding=True))
    found = connection.scalar(statement, {"field": field, "values": list(values), "after": last - sample}) or 0
    return min(1.0, int(found) / sample)


def _of_rarest(
    connection: Connection, wanted: Wanted, filters: Sequence[tuple[str, Sequence[str]]], *, limit: int,
    before: Place | None,
) -> list[Place]:  # fmt: skip
    (field, values), *others = filters
    bounds, given = _bounds("f.day", "f.record", wanted, before)
    looks, more = _looks("f.record", others)
    # A record may have two of the values, and is one place.
    once = "DISTINCT " if len(values) > 1 else ""
    statement = (
        f"SELECT {once}f.day AS day, f.record AS id FROM facet AS f WHERE f.field = :field AND f.value IN :values "  # noqa: S608 - built of constants
        f"{bounds}{looks}ORDER BY f.day DESC, f.record DESC LIMIT :limit"
    )
    return _rows(connection, statement, given | more | {"field": field, "values": list(values), "limit": limit})


def _by_day(
    connection: Connection, wanted: Wanted, filters: Sequence[tuple[str, Sequence[str]]], *, limit: int,
    before: Place | None, look: int | None,
) -> list[Place]:  # fmt: skip
    """Along the index of days, and after it, what tells no day: the databases do not agree where nothing sorts."""
    found: list[Place] = []
    if before is None or before[0]:
        found = _walk(connection, wanted, filters, known=True, limit=limit, before=before, look=look)
        before = None
    if len(found) < limit and wanted.day_from is None and wanted.day_to is None:
        rest = limit - len(found)
        found += _walk(connection, wanted, filters, known=False, limit=rest, before=before, look=look)
    return found


def _walk(
    connection: Connection, wanted: Wanted, filters: Sequence[tuple[str, Sequence[str]]], *, known: bool, limit: int,
    before: Place | None, look: int | None,
) -> list[Place]:  # fmt: skip
    day, condition = ("r.day", "IS NOT NULL") if known else ("''", "IS NULL")
    bounds, given = _bounds(day, "r.id", wanted, before)
    index = " INDEXED BY ix_record_day_id_state" if connection.dialect.name == "sqlite" else ""
    walk = f"FROM record AS r{index} WHERE r.day {condition} AND {_IN_USE} {bounds}"
    order = "ORDER BY r.day DESC, r.id DESC LIMIT"
    looks, more = _looks("r.id", filters)
    if look is not None and filters:
        looks, more = _looks("w.id", filters)
        walk = f"FROM (SELECT r.day, r.id {walk}{order} :look) AS w WHERE 1 = 1 "
        day, order = day.replace("r.", "w."), order.replace("r.", "w.")
        given["look"] = look
    id_ = "w.id" if "look" in given else "r.id"
    statement = f"SELECT {day} AS day, {id_} AS id {walk}{looks}{order} :limit"
    return _rows(connection, statement, given | more | {"limit": limit})


def _of_rows(
    connection: Connection, wanted: Wanted, filters: Sequence[tuple[str, Sequence[str]]], *, limit: int,
    before: Place | None,
) -> list[Place]:  # fmt: skip
    bounds, given = _bounds("l.day", "l.record", wanted, before)
    looks, more = _looks("l.record", filters)
    if connection.dialect.name == "sqlite":
        rows = "json_each(:ids) AS given CROSS JOIN line AS l ON l.record = given.value"
    else:
        rows = "(SELECT CAST(value AS bigint) AS value FROM json_array_elements_text(CAST(:ids AS json)) AS value) AS given JOIN line AS l ON l.record = given.value"  # noqa: E501
    statement = (
        f"SELECT l.day AS day, l.record AS id FROM {rows} WHERE 1 = 1 {bounds}{looks}"  # noqa: S608 - built of constants
        "ORDER BY l.day DESC, l.record DESC LIMIT :limit"
    )
    ids = json.dumps(sorted(wanted.ids or ()))
    return _rows(connection, statement, given | more | {"ids": ids, "limit": limit})


def _bounds(day: str, row: str, wanted: Wanted, before: Place | None) -> tuple[str, dict[str, Any]]:
    """The conditions over the days, and their values."""
    parts, given = "", dict[str, Any]()
    if wanted.day_from is not None:
        parts += f"AND {day} >= :day_from "
        given["day_from"] = wanted.day_from
    if wanted.day_to is not None:
        # A day that is only known as a month or a year is stored as its first day; what tells none is in no period.
        parts += f"AND {day} <= :day_to AND {day} <> '' "
        given["day_to"] = wanted.day_to
    if wanted.after is not None:
        parts += f"AND {row} > :after_row "
        given["after_row"] = wanted.after
    if wanted.until is not None:
        parts += f"AND {row} <= :until_row "
        given["until_row"] = wanted.until
    if before is not None:
        parts += f"AND {day} <= :before_day AND ({day} < :before_day OR {row} < :before_row) "
        given |= {"before_day": before[0], "before_row": before[1]}
    return parts, given


def _looks(row: str, filters: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, dict[str, Any]]:
    """A look into the key of `facet` for each filter."""
    parts, given = "", dict[str, Any]()
    for at, (field, values) in enumerate(filters):
        parts += (
            f"AND EXISTS (SELECT 1 FROM facet AS f{at} WHERE f{at}.field = :field{at} AND f{at}.value IN :values{at} "  # noqa: S608 - a number
            f"AND f{at}.record = {row}) "
        )
        given |= {f"field{at}": field, f"values{at}": list(values)}
    return parts, given


def _rows(connection: Connection, statement: str, given: Mapping[str, Any]) -> list[Place]:
    lists: list[BindParameter[Any]] = [bindparam(name, expanding=True) for name in given if name.startswith("values")]
    found = connection.execute(text(statement).bindparams(*lists), dict(given))
    return [(row.day, row.id) for row in found]
