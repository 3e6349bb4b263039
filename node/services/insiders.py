"""Officers by day, and what looks unusual about one: plain rules with their figures, and records that are bait.

The rules, numbered as in `_alarms`:

 1. more views in a day than `audit.views_per_day` allows
 2. at least twenty views in a day, and more than five times as many as on the officer's own usual day (the median of
    the last thirty on which something was viewed, with at least five of them)
 3. a record that is bait was viewed or exported: nobody has a reason to open it

`watch` reads on in the disclosure log, in the order of its positions, so no row is passed over or counted twice. An
alarm is a row of its own, once for what it is about, and a row of the disclosure log, so that it cannot vanish unseen.

Trust: an alarm is a question to a person. It accuses nobody, and an officer who knows the rules can stay below them.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import Connection, Row, select, update

from federation.errors import NotFound
from node.storage import audit, followers, logged, records
from node.storage.tables.checkpoints import bait, insider_alarm, officer_day

if TYPE_CHECKING:
    from node.storage.database import Database

NAME: Final = "officers"
BATCH: Final = 2_000
COUNTED: Final = {"view": "views", "search": "searches", "export": "exports"}
USUAL_DAYS: Final = 30
LEAST_DAYS: Final = 5
LEAST_VIEWS: Final = 20
TIMES: Final = 5
BY_NODE: Final = "node"

log: Final = structlog.get_logger("tidewaiter.officers")


@dataclass(slots=True)
class _Day:
    counts: Counter[str] = field(default_factory=Counter)
    purposes: Counter[str] = field(default_factory=Counter)


def watch(database: Database, *, views_per_day: int, now: int) -> int:
    """Count what is new in the log and raise what the rules say; returns how many alarms were raised."""
    raised = 0
    while True:
        with database.read() as connection:
            start, size = followers.position(connection, NAME), logged.head(connection).size
        if start >= size:
            return raised
        with database.write() as connection:
            start = followers.position(connection, NAME)
            end = min(start + BATCH, logged.head(connection).size)
            rows = [row for row in logged.between(connection, start, end) if row["action"] in COUNTED]
            days = _count(connection, rows)
            raised += _alarms(connection, days, rows, views_per_day=views_per_day, now=now)
            followers.advance(connection, NAME, end, now=now)


def officers(database: Database, *, days: int = 30, now: int) -> list[dict[str, Any]]:
    """Each officer's days, the newest first, with the alarms of that day."""
    since = day_of(now - days * 86_400)
    with database.read() as connection:
        found = connection.execute(
            select(officer_day)
            .where(officer_day.c.day >= since)
            .order_by(officer_day.c.day.desc(), officer_day.c.views.desc(), officer_day.c.actor)
        ).all()
        told: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in connection.execute(
            select(insider_alarm).where(insider_alarm.c.day >= since).order_by(insider_alarm.c.id)
        ):
            told.setdefault((row.actor, row.day), []).append(row)
    return [
        {
            "actor": row.actor, "day": row.day, "views": row.views, "searches": row.searches, "exports": row.exports,
            "purposes": json.loads(row.purposes),
            "alarms": [
                {"kind": one.kind, "rule": one.rule, "count": one.times, "at": one.at}
                for one in told.get((row.actor, row.day), ())
            ],
        }
        for row in found
    ]  # fmt: skip


def add_bait(connection: Connection, *, iss: str, rid: str, by: str, now: int) -> None:
    """Make a record bait. It is one that is held: who made it up and released it to nobody knows that it is false."""
    if not records.by_key(connection, iss, rid):
        raise NotFound("no record of this id is held: release one that is made up, and is granted to nobody")
    if connection.execute(select(bait.c.rid).where(bait.c.iss == iss, bait.c.rid == rid)).first() is None:
        connection.execute(bait.insert().values(iss=iss, rid=rid, by=by, at=now))


def remove_bait(connection: Connection, rid: str) -> bool:
    """Make a record none any more; what was raised stays."""
    return bool(connection.execute(bait.delete().where(bait.c.rid == rid)).rowcount)


def baits(connection: Connection) -> list[Row[Any]]:
    """The records that are bait."""
    return list(connection.execute(select(bait).order_by(bait.c.at, bait.c.rid)))


def day_of(seconds: int) -> str:
    """The day of a time, in UTC.

    >>> day_of(0)
    '1970-01-01'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _count(connection: Connection, rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    days: dict[tuple[str, str], _Day] = {}
    for row in rows:
        day = days.setdefault((row["actor"], day_of(row["at"])), _Day())
        day.counts[COUNTED[row["action"]]] += 1
        day.purposes[row["purpose"] or ""] += 1
    for (actor, name), day in days.items():
        there = connection.execute(
            select(officer_day).where(officer_day.c.actor == actor, officer_day.c.day == name)
        ).first()
        if there is None:
            values = {each: day.counts[each] for each in COUNTED.values()}
            text = json.dumps(day.purposes, sort_keys=True)
            connection.execute(officer_day.insert().values(actor=actor, day=name, purposes=text, **values))
            continue
        values = {each: getattr(there, each) + day.counts[each] for each in COUNTED.values()}
        text = json.dumps(Counter(json.loads(there.purposes)) + day.purposes, sort_keys=True)
        connection.execute(
            update(officer_day)
            .where(officer_day.c.actor == actor, officer_day.c.day == name)
            .values(purposes=text, **values)
        )
    return set(days)


def _alarms(
    connection: Connection, days: set[tuple[str, str]], rows: list[dict[str, Any]], *, views_per_day: int, now: int
) -> int:
    raised = 0
    for actor, day in sorted(days):
        before = list(
            connection.scalars(
                select(officer_day.c.views)
                .where(officer_day.c.actor == actor, officer_day.c.day < day, officer_day.c.views > 0)
                .order_by(officer_day.c.day.desc())
                .limit(USUAL_DAYS)
            )
        )
        views = (
            connection.scalar(select(officer_day.c.views).where(officer_day.c.actor == actor, officer_day.c.day == day))
            or 0
        )
        if views_per_day and views > views_per_day:  # 1
            rule = f"more than {views_per_day} views a day"
            raised += _raise(connection, "views", actor, day, subject="limit", count=views, rule=rule, now=now)
        usual = median(before) if len(before) >= LEAST_DAYS else None
        if usual is not None and views >= LEAST_VIEWS and views > TIMES * usual:  # 2
            rule = f"more than {TIMES} times the usual {usual:g} views a day"
            raised += _raise(connection, "views", actor, day, subject="usual", count=views, rule=rule, now=now)
    laid = {(row.iss, row.rid) for row in baits(connection)}
    for row in rows:
        if row["action"] != "search" and (row["iss"], row["rid"]) in laid:  # 3
            raised += _raise(
                connection, "bait", row["actor"], day_of(row["at"]), subject=row["rid"], count=1,
                rule=f"a record that is bait was opened ({row['action']})", now=now,
            )  # fmt: skip
    return raised


def _raise(
    connection: Connection, kind: str, actor: str, day: str, *, subject: str, count: int, rule: str, now: int
) -> int:
    """Once for each thing it is about: the figure of an alarm that was raised before is brought up to date."""
    key = (
        insider_alarm.c.kind == kind, insider_alarm.c.actor == actor, insider_alarm.c.day == day,
        insider_alarm.c.subject == subject,
    )  # fmt: skip
    there = connection.execute(select(insider_alarm.c.id, insider_alarm.c.times).where(*key)).first()
    if there is not None:
        fresh = there.times + 1 if kind == "bait" else count
        connection.execute(update(insider_alarm).where(insider_alarm.c.id == there.id).values(times=fresh))
        return 0
    connection.execute(
        insider_alarm.insert().values(at=now, kind=kind, actor=actor, day=day, subject=subject, times=count, rule=rule)
    )
    told = f"{kind}: {actor} on {day}: {rule}"
    audit.log(connection, [audit.Disclosure(at=now, action="alarm", actor=BY_NODE, detail=told)])
    log.warning("officer alarm", reason=kind)
    return 1
