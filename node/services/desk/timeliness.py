"""How timely members are: seizure, input, shared, verified; what each has reported and when; and who is late.

The clocks. Seizure is the day of the event as the originator tells it, from midnight UTC, and only where a whole day
is told. Input is the first signature of a record by the originator's clock, for nothing that is shared tells when a
case was typed in; of own records it is the time of the draft. Shared is when the first version was taken in here, by
this node's clock; of own records, when it was released. Verified is the time of this node's first verification in use.

Counted are seizures in use whose handling allows statistics, from granted groups alone. A step whose end lies before
its beginning is a contradiction between clocks or dates: it is counted, and left out of the figures. Of what is counted
the figures are exact; there is no estimate. That something came at all, which decides who is late, is read of every
seizure in use: nobody is called late for what may not be counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, and_, func, select

from federation.errors import NotFound
from federation.grants import Action
from federation.records.facts import mapping, objects, of_seizure
from node.services import bodies, search
from node.services.annotating import AnnotationRefused
from node.services.desk import asking, looks
from node.storage import records
from node.storage.tables import draft, record
from node.storage.tables.relay import annotation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from federation.membership import Directory
    from node.services.annotating import Annotated
    from node.services.publishing import Publisher
    from node.storage.database import Database

DAY: Final = 86_400
STEPS: Final = ("seizure_input", "input_shared", "shared_verified", "seizure_verified")
LATE_DAYS: Final = 45
"""A member is late when nothing new has come for longer: a monthly report, and two weeks to make it."""
MONTHS: Final = 12
"""Months that are looked at where no period is given, the present one included."""
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a member: days of its cases, `n` of them; `negative` are those that end before they begin."""

    n: int
    median: float | None
    p90: float | None
    negative: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberTimes:
    """One member in the period."""

    member: str
    cases: int
    """Seizures of the period, those without a day included."""
    undated: int
    """Of these, without a whole day of the event: in no step that begins with the seizure."""
    steps: Mapping[str, Step]
    last_month: str | None
    """The newest month of an event that was reported, YYYY-MM, of whatever time."""
    last_new: int | None
    """When the newest record came here, in seconds, of whatever time."""
    months_without: tuple[str, ...]
    """Months of the period of which nothing was reported."""
    late: bool


@dataclass(slots=True)
class _Sum:
    cases: int = 0
    undated: int = 0
    seconds: dict[str, list[int]] = field(default_factory=lambda: {step: [] for step in STEPS})
    months: set[str] = field(default_factory=set)
    last_month: str | None = None
    last_new: int | None = None


def percentile(ordered: Sequence[int], share: Fraction) -> Fraction | None:
    """The percentile of sorted numbers, linear between the two nearest (type 7 of Hyndman and Fan, 1996).

    That is the median for one half, and `statistics.quantiles(method="inclusive")`. None of nothing.

    >>> percentile([1, 2, 3, 4], Fraction(1, 2)), percentile([1, 11], Fraction(9, 10))
    (Fraction(5, 2), Fraction(10, 1))
    """
    if not ordered:
        return None
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def timeliness(
    database: Database, *, directory: Directory, node: str, from_: str | None = None, to: str | None = None,
    late_days: int = LATE_DAYS, by: str, now: int,
) -> list[MemberTimes]:  # fmt: skip
    """The times of every member, by name, with a disclosure row that names `by`.

    `from_` and `to` are days, months or years of the event. Raises `search.CriteriaRefused`.
    """
    first, last = _period(from_, to, now)
    if late_days < 1:
        raise search.CriteriaRefused("late_days", "is a number of days from 1 on")
    with database.read() as connection:  # minutes at a large office: nobody who writes waits for it
        sums = _added_up(connection, node, first, last, now)
    with database.write() as connection:
        looks.note(
            connection, "timeliness", (), by=by, purpose="statistics", now=now, asked={"from": first, "to": last}
        )  # fmt: skip
    listed = {
        member.id
        for member in directory.members.values()
        if member.kind == "administration" and member.status == "active" and member.id != node
    }
    expected = _months(first[:7], last[:7])
    return [
        _told(name, sums.get(name, _Sum()), expected, late_days=late_days if name in listed else None, now=now)
        for name in sorted(listed | sums.keys())
    ]


def remind(
    database: Database, publisher: Publisher, member: str, *, directory: Directory, respond_by: str | None = None,
    late_days: int = LATE_DAYS, by: str, now: int,
) -> tuple[str, Annotated | None]:  # fmt: skip
    """Ask a late member to report: a query on its newest record, which it answers like any other.

    Returns the sentence, and what was signed; None where this node holds no record of the member: there is nothing to
    hang a message on, and the officer sends the sentence. Raises `NotFound` for no member, and `AnnotationRefused` for
    one that is not late.
    """
    found = timeliness(database, directory=directory, node=publisher.node, late_days=late_days, by=by, now=now)
    times = next((one for one in found if one.member == member), None)
    if times is None:
        raise NotFound(f"{member} is no member; `tidewaiter desk timeliness` lists them")
    if not times.late:
        raise AnnotationRefused([f"member: {member} is not late by {late_days} days; give other days with --late-days"])
    since = "no record" if times.last_new is None else f"no new record since {_day(times.last_new)}"
    sentence = (
        f"Reminder: this office has had {since} from {member}; the newest month reported is "
        f"{times.last_month or 'none'}. Please send what there is, or answer that there was nothing."
    )
    with database.read() as connection:
        rid = connection.scalar(
            records.visible()
            .where(record.c.iss == member, record.c.kind == "seizure", records.in_time(now))
            .order_by(record.c.id.desc())
            .with_only_columns(record.c.rid)
            .limit(1)
        )
    if rid is None:
        return sentence, None
    done = asking.query(database, publisher, f"{member}/{rid}", text=sentence, respond_by=respond_by, by=by, now=now)
    return sentence, done


def _added_up(connection: Connection, node: str, first: str, last: str, now: int) -> dict[str, _Sum]:
    sums: dict[str, _Sum] = {}
    verified = _verified(connection, node)
    drafted: dict[str, int] = {
        row.rid: row.created_at for row in connection.execute(select(draft.c.rid, draft.c.created_at))
    }
    for row in _rows(connection, now):
        own = sums.setdefault(row.iss, _Sum())
        own.last_new = max(own.last_new or 0, row.came)
        if not search.allowed(row, Action.STATISTICS, None, now=now)[1]:
            continue
        if row.day:
            own.last_month = max(own.last_month or "", row.day[:7])
            if not first <= row.day <= last:
                continue
            own.months.add(row.day[:7])
        own.cases += 1
        day = whole_day(bodies.read_row(row)[0])
        begun = None if day is None else int(datetime.combine(day, time(), UTC).timestamp())
        typed = drafted.get(row.rid, row.signed) if row.iss == node else row.signed
        seen = verified.get((row.iss, row.rid))
        own.undated += begun is None
        for step, start, end in zip(STEPS, (begun, typed, row.came, begun), (typed, row.came, seen, seen), strict=True):
            if start is not None and end is not None:
                own.seconds[step].append(end - start)
    return sums


def _rows(connection: Connection, now: int) -> Iterator[Row[Any]]:
    """Seizures in use, with the first signature and arrival of any of their versions."""
    firsts = (
        select(
            record.c.iss, record.c.rid, func.min(record.c.iat).label("signed"),
            func.min(record.c.accepted_at).label("came"),
        )
        .where(record.c.kind == "seizure", record.c.iat > 0)
        .group_by(record.c.iss, record.c.rid)
        .subquery()
    )  # fmt: skip
    chosen = (
        records.visible()
        .add_columns(firsts.c.signed, firsts.c.came)
        .join(firsts, and_(firsts.c.iss == record.c.iss, firsts.c.rid == record.c.rid))
        .where(record.c.kind == "seizure", records.in_time(now))
    )
    yield from connection.execute(chosen.execution_options(yield_per=_BATCH))


def _verified(connection: Connection, node: str) -> dict[tuple[str, str], int]:
    chosen = (
        select(annotation.c.about_iss, annotation.c.about_rid, func.min(record.c.iat))
        .join(record, and_(record.c.iss == annotation.c.iss, record.c.rid == annotation.c.rid))
        .where(annotation.c.iss == node, annotation.c.type == "verification", record.c.state.in_(records.LIVE))
        .group_by(annotation.c.about_iss, annotation.c.about_rid)
    )
    return {(iss, rid): at for iss, rid, at in connection.execute(chosen)}


def whole_day(groups: Mapping[str, Any]) -> date | None:
    """The day of the event, if it is told to the day: of `2025-03` nobody knows which."""
    day = of_seizure(groups).occurred
    told = [item.get("on") for item in objects(mapping(groups.get("case")).get("dates"))]
    told.append(mapping(groups.get("place")).get("on"))
    return day if day is not None and day.isoformat() in told else None


def _told(name: str, found: _Sum, expected: Sequence[str], *, late_days: int | None, now: int) -> MemberTimes:
    late = late_days is not None and (found.last_new is None or now - found.last_new > late_days * DAY)
    return MemberTimes(
        member=name, cases=found.cases, undated=found.undated,
        steps={step: _step(found.seconds[step]) for step in STEPS}, last_month=found.last_month or None,
        last_new=found.last_new, months_without=tuple(month for month in expected if month not in found.months),
        late=late,
    )  # fmt: skip


def _step(seconds: Sequence[int]) -> Step:
    ordered = sorted(one for one in seconds if one >= 0)
    half, ninety = (_days(percentile(ordered, share)) for share in (Fraction(1, 2), Fraction(9, 10)))
    return Step(n=len(ordered), median=half, p90=ninety, negative=len(seconds) - len(ordered))


def _days(seconds: Fraction | None) -> float | None:
    return None if seconds is None else round(float(seconds / DAY), 2)


def _period(from_: str | None, to: str | None, now: int) -> tuple[str, str]:
    today = datetime.fromtimestamp(now, UTC).date()
    first, last = search.first_day(from_), search.last_day(to) or today.isoformat()
    if first is None:
        year, month = divmod(int(last[:4]) * 12 + int(last[5:7]) - MONTHS, 12)
        first = f"{year:04}-{month + 1:02}-01"
    if first > last:
        raise search.CriteriaRefused("from", "is after the end of the period")
    return first, last


def _months(first: str, last: str) -> list[str]:
    begin, end = (int(text[:4]) * 12 + int(text[5:7]) - 1 for text in (first, last))
    return [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(begin, min(end, begin + 1200) + 1)]


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def to_json(found: Sequence[MemberTimes]) -> dict[str, Any]:
    """The members of the API and of `--json`."""
    return {"members": [asdict(one) for one in found]}
