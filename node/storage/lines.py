"""One narrow row for each version in use: for its place in a result, and for counts over a result.

`record` holds what was signed, so its rows are large; whoever looks at thousands of versions looks here. What of a
handling decides about counting is kept without its times, which are columns: handlings are few then, and each is judged
once.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, or_, select

from federation.keeping import time_of
from node.storage.database import insert_rows, parts
from node.storage.tables.finding import line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

Facet = tuple[str, str]
"""(field, value)."""
_COLUMNS: Final = ("record", "day", "keep_until", "handling", "facets")
_TIMES: Final = ("keep_until", "review_by")


def put(connection: Connection, rows: Iterable[tuple[int, str, str, Collection[Facet]]]) -> None:
    """Keep lines: (record, day, stored handling, facets). The records have none yet."""
    found = []
    for record, day, handling, facets in rows:
        bare, keep_until = _parted(handling)
        told = "\n".join(sorted(f"{field}={value}" for field, value in facets))
        found.append((record, day, keep_until, bare, told))
    insert_rows(connection, line, _COLUMNS, found)


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Take lines away."""
    for some in parts(sorted(set(ids))):
        connection.execute(delete(line).where(line.c.record.in_(some)))


def rebind(connection: Connection, record: int, handling: str) -> None:
    """The handling of a version has changed, and nothing else of it."""
    bare, keep_until = _parted(handling)
    connection.execute(line.update().where(line.c.record == record).values(handling=bare, keep_until=keep_until))


def count(
    connection: Connection, ids: Collection[int], *, allowed: Callable[[str], bool], now: int
) -> tuple[dict[Facet, int], int]:
    """How many of these versions have each filter value, and how many were counted.

    `allowed` says of a handling without its times whether what is under it may be counted; it is asked once for each.
    """
    judged = lru_cache(maxsize=None)(allowed)
    counts: Counter[str] = Counter()
    counted = 0
    for some in parts(sorted(ids)):
        statement = select(line.c.handling, line.c.facets).where(
            line.c.record.in_(some), or_(line.c.keep_until.is_(None), line.c.keep_until > now)
        )
        for row in connection.execute(statement):
            if judged(row.handling):
                counts.update(row.facets.split("\n"))
                counted += 1
    told: dict[Facet, int] = {}
    for text, n in counts.items():
        field, _, value = text.partition("=")
        told[field, value] = n
    return told, counted


def told(connection: Connection, ids: Collection[int]) -> dict[int, tuple[str, dict[str, set[str]]]]:
    """Version → its day and its filter values by field."""
    found: dict[int, tuple[str, dict[str, set[str]]]] = {}
    for some in parts(sorted(ids)):
        statement = select(line.c.record, line.c.day, line.c.facets).where(line.c.record.in_(some))
        for row in connection.execute(statement):
            values: dict[str, set[str]] = {}
            for text in row.facets.split("\n"):
                field, _, value = text.partition("=")
                values.setdefault(field, set()).add(value)
            found[row.record] = row.day, values
    return found


@lru_cache(maxsize=512)
def _parted(handling: str) -> tuple[str, int | None]:
    """A stored handling without its times, and the second from which on the version is used for nothing."""
    value: dict[str, Any] = json.loads(handling)
    return json.dumps({name: said for name, said in value.items() if name not in _TIMES}), time_of(value, "keep_until")
