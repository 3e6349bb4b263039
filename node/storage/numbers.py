"""The index of numbers: containers, waybills, GTINs, registrations, references, telephone numbers.

A number is filed and asked for by the keys of `federation.records.traces`, so spaces and punctuation do not matter. A
long beginning finds what it begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, or_, select

from federation.records.traces import MAX_KEY, keys_of
from node.storage.database import insert_rows, parts
from node.storage.tables.finding import number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from federation.records.traces import Trace

BEGINNING: Final = 6
"""Characters from which on a beginning is looked for: fewer begin nearly everything."""
_LAST: Final = "\U0010ffff"


def put(connection: Connection, rows: Iterable[tuple[int, Collection[Trace]]]) -> None:
    """File the numbers of records, which have none yet."""
    filed = {(key, one.what, record) for record, found in rows for one in found for key in keys_of(one)}
    insert_rows(connection, number, ("key", "what", "record"), sorted(filed))


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Take records out."""
    for some in parts(sorted(set(ids))):
        connection.execute(delete(number).where(number.c.record.in_(some)))


@dataclass(frozen=True, slots=True)
class Numbered:
    """A record that has a number: what it is the number of, and whether it is the one asked for or begins with it."""

    record: int
    what: str
    exact: bool


def matching(connection: Connection, keys: Collection[str], *, limit: int) -> list[Numbered]:
    """Records filed under one of the keys, then those under what one of them begins; newest rows first."""
    exact = number.c.key.in_(sorted(keys))
    begun = [
        (number.c.key > key) & (number.c.key < key + _LAST)
        for key in sorted(keys)
        if BEGINNING <= len(key) < MAX_KEY
    ]  # fmt: skip
    found: dict[int, Numbered] = {}
    for condition in (exact, or_(*begun)) if begun else (exact,):
        rows = connection.execute(
            select(number.c.record, number.c.what)
            .where(condition)
            .order_by(number.c.record.desc(), number.c.what)
            .limit(limit - len(found))
        )
        for row in rows:
            found.setdefault(row.record, Numbered(row.record, row.what, condition is exact))
        if len(found) >= limit:
            break
    return list(found.values())
