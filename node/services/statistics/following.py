"""The sums follow the records: new versions from a stored position, changed ones from a list, expired ones by time.

Counted is a seizure that is in use, whose time of keeping is not over, whose handling allows the purpose `statistics`
(`federation.grants.may`), and that gives way to no other record of the same event (`doubles`). `check` counts all of it
anew from the records and compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from federation.grants import Action
from node.services import bodies, search
from node.services.statistics import counting, doubles
from node.storage import counts, followers, records
from node.storage.tables import record
from node.storage.tables.statistics import counted, recount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection, Row

    from node.storage.counts import Contribution
    from node.storage.database import Database

BATCH: Final = 500
"""A batch holds the one writer of SQLite for less than half a second."""
KIND: Final = "seizure"
Prepared = dict[tuple[str, str, str], "Contribution"]
"""What versions add, by all that it is made of: issuer, mask and disclosures."""


def follow(database: Database, *, now: int) -> bool:
    """Count the next batch; True if there was one."""
    with database.read() as connection:
        if not behind(connection) and not _expired(connection, now):
            return False
        prepared = _prepare(connection, now)
    with database.write() as connection:
        return step(connection, now=now, prepared=prepared)


def step(connection: Connection, *, now: int, prepared: Prepared | None = None) -> bool:
    """The next batch inside a transaction: what has expired, then what has changed, then what is new.

    `prepared` holds what was worked out before; it is used for what has not changed since.
    """
    followers.lock(connection)
    counts.take_out(connection, counted.c.keep_until <= now)
    again = counts.waiting(connection, BATCH)
    reached = followers.position(connection, counts.NAME)
    new = followers.fresh(connection, reached, BATCH - len(again))
    # Which records give way to another may have changed with any record or annotation, or by the time alone.
    before, out = doubles.stored(connection), doubles.dropped(connection, now=now)
    turned = doubles.rows_of(connection, before ^ out, reached=reached) if before != out else []
    doubles.keep(connection, before, out)
    if again or turned:  # whatever was counted of them meanwhile, they are counted anew
        counts.take_out(connection, counted.c.record.in_({*again, *turned}))
    ids = sorted({*again, *turned, *new})
    if not ids:
        return False
    there = set(connection.scalars(select(counted.c.record).where(counted.c.record.in_(ids))))
    wanted = [one for one in ids if one not in there]
    rows = connection.execute(records.visible().where(record.c.id.in_(wanted), record.c.kind == KIND))
    found = _countable(rows, now, prepared or {}, without=out)
    counts.put(connection, [(row.id, row.keep_until, contribution) for row, contribution in found])
    if again:
        counts.done(connection, again)
    if new:
        followers.advance(connection, counts.NAME, new[-1], now=now)
    return True


def behind(connection: Connection) -> int:
    """How many versions are still to be counted."""
    newest = connection.scalar(select(func.max(record.c.id))) or 0
    waiting = connection.scalar(select(func.count()).select_from(recount)) or 0
    return max(0, newest - followers.position(connection, counts.NAME)) + waiting


def check(database: Database, *, now: int) -> list[str]:
    """Count everything anew from the records; a sentence for each sum that differs, none when all agree.

    What waits to be counted is counted first.
    """
    while follow(database, now=now):
        pass
    kept: counts.Sums = {}
    with database.write() as connection:
        while step(connection, now=now):
            pass
        # Between the two counts no version changes without waiting (`followers.lock`). On PostgreSQL new ones may come:
        # they are behind the position, and so in neither count.
        reached = followers.position(connection, counts.NAME)
        statement = records.visible().where(record.c.kind == KIND, record.c.id <= reached)
        rows = connection.execute(statement.execution_options(yield_per=BATCH))
        for _, found in _countable(rows, now, {}, without=doubles.dropped(connection, now=now)):
            counts.add_up(kept, found)
        stored = counts.cells(connection)
    sums = counts.with_all(kept)
    return [
        f"{' '.join(part for part in key if part)}: kept {stored.get(key, 0) / counting.SCALE:g}, "
        f"recounted {sums.get(key, 0) / counting.SCALE:g}"
        for key in sorted(stored.keys() | sums.keys())
        if stored.get(key, 0) != sums.get(key, 0)
    ]


def _expired(connection: Connection, now: int) -> bool:
    return connection.scalar(select(counted.c.record).where(counted.c.keep_until <= now).limit(1)) is not None


def _prepare(connection: Connection, now: int) -> Prepared:
    """What the next new versions add, worked out before anybody has to wait for it."""
    new = followers.fresh(connection, followers.position(connection, counts.NAME), BATCH)
    rows = connection.execute(records.visible().where(record.c.id.in_(new), record.c.kind == KIND))
    return {_said(row): found for row, found in _countable(rows, now, {}, without=frozenset())}


def _said(row: Row[Any]) -> tuple[str, str, str]:
    """All of a version that `counting.contribution` is made of."""
    return row.iss, row.mask, row.disclosures


def countable(
    connection: Connection, rows: Iterable[Row[Any]], now: int
) -> Iterator[tuple[Row[Any], Mapping[str, Any]]]:
    """Those of these versions that may be counted, with the groups that are held of them."""
    for row in _allowed(rows, now, without=doubles.dropped(connection, now=now)):
        groups, _ = bodies.read_row(row)
        yield row, groups


def _countable(
    rows: Iterable[Row[Any]], now: int, prepared: Prepared, *, without: frozenset[tuple[str, str]]
) -> Iterator[tuple[Row[Any], Contribution]]:
    for row in _allowed(rows, now, without=without):
        found = prepared.get(_said(row))
        if found is None:
            groups, _ = bodies.read_row(row)
            found = counting.contribution(groups, node=row.iss)
        yield row, found


def _allowed(rows: Iterable[Row[Any]], now: int, *, without: frozenset[tuple[str, str]]) -> Iterator[Row[Any]]:
    for row in rows:
        if (row.iss, row.rid) in without:
            continue
        _, verdict = search.allowed(row, Action.STATISTICS, None, now=now)
        if verdict and (row.keep_until is None or row.keep_until > now):
            yield row
