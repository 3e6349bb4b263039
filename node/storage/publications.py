"""What was drawn for publication, with the true values and what of them was left out.

A version stays here for good, also when its record is recalled: who has read it still knows it. Values are sums over
records and name nobody. Trust: whoever can read the database can read what was suppressed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select

from node.storage.tables.publications import publication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

_LOCK: Final = 0x7469646500000037
"""The number of the lock of those who draw."""
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One version of an edition. `values` has the cells that are not 0; `widths` those that are sensitive."""

    first: str
    last: str
    scope: str
    reference: str
    ver: int
    values: Mapping[Key, int]
    widths: Mapping[Key, int]
    secondary: frozenset[Key]


def lock(connection: Connection) -> None:
    """Wait for others who draw, before what is out is read; held to the end of the transaction.

    Two who each looked before the other had written would protect their tables against everything but each other's. On
    SQLite there is one writer, and nothing to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def touching(connection: Connection, first: str, last: str) -> list[Drawn]:
    """Everything that was drawn about a month of this period, oldest first."""
    column = publication.c
    rows = connection.execute(
        select(publication).where(column.first <= last, column.last >= first).order_by(column.at, column.number)
    )
    return [_read(row) for row in rows]


def of_reference(connection: Connection, reference: str) -> list[Drawn]:
    """Every version that was drawn under this reference, oldest first."""
    rows = connection.execute(
        select(publication).where(publication.c.reference == reference).order_by(publication.c.ver)
    )
    return [_read(row) for row in rows]


def put(connection: Connection, drawn: Drawn, *, now: int) -> None:
    """Keep a version; it takes the place of a draft of the same version that never left."""
    column = publication.c
    connection.execute(delete(publication).where(column.reference == drawn.reference, column.ver == drawn.ver))
    newest = connection.scalar(
        select(func.max(column.number)).where(column.first == drawn.first, column.last == drawn.last)
    )
    body = {
        "values": [[list(key), n] for key, n in sorted(drawn.values.items())],
        "widths": [[list(key), width] for key, width in sorted(drawn.widths.items())],
        "secondary": [list(key) for key in sorted(drawn.secondary)],
    }
    connection.execute(
        publication.insert().values(
            first=drawn.first, last=drawn.last, number=(newest or 0) + 1, scope=drawn.scope,
            reference=drawn.reference, ver=drawn.ver, at=now, body=json.dumps(body),
        )
    )  # fmt: skip


def _read(row: Row[tuple[object, ...]]) -> Drawn:
    body = json.loads(row.body)
    return Drawn(
        first=row.first, last=row.last, scope=row.scope, reference=row.reference, ver=row.ver,
        values={tuple(key): n for key, n in body["values"]},
        widths={tuple(key): width for key, width in body["widths"]},
        secondary=frozenset(tuple(key) for key in body["secondary"]),
    )  # fmt: skip
