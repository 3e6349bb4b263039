"""Figures as they were known on a past day: by what had arrived then, and never by what was withdrawn since."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from node.services.search import CriteriaRefused
from node.services.statistics import tables
from node.services.statistics.tables import Filters, Wishes
from node.storage import records
from node.storage.tables import record, tombstone
from tests.node.statistics.test_following import GROUPS, LAX, catch_up, version

DAY = 86_400
FOR_EVIDENCE = json.dumps({**LAX, "purposes": ["evidence"]})
FIRST = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
NOW = FIRST + 30 * DAY


def many(n):
    return {**GROUPS, "quantity": [{"line": "1", "amount": {"n": str(n), "unit": "H87"}}]}


def arrive(database, day, *versions):
    with database.write() as connection:
        return records.keep(connection, versions, now=FIRST + day * DAY)


def known(database, day=None, **filters):
    at = None if day is None else datetime.fromtimestamp(FIRST + day * DAY, UTC).date().isoformat()
    (found,) = tables.look(
        database, ("by-category",), Filters(**filters), by="A", now=NOW, wishes=Wishes(known_at=at)
    )  # fmt: skip
    told = {(cell.measure, cell.unit): cell.n // 1000 for cell in found.total}
    return told.get(("cases", ""), 0), told.get(("articles", "H87"), 0), found.gone


def test_what_had_not_arrived_is_not_counted(database):
    arrive(database, 0, version(many(10)))
    arrive(database, 2, version(many(20)))
    assert [known(database, day)[:2] for day in (0, 1, 2)] == [(1, 10), (1, 10), (2, 30)]
    assert known(database)[:2] == (2, 30)


def test_a_version_counts_until_the_next_one_came(database):
    first = version(many(10))
    (row,) = arrive(database, 0, first)
    with database.write() as connection:
        records.set_state(connection, [row], "superseded")
    arrive(database, 3, replace(version(many(70)), rid=first.rid, ver=2))
    assert [known(database, day)[:2] for day in (2, 3)] == [(1, 10), (1, 70)]


def test_what_was_recalled_since_is_a_number_and_no_figure(database):
    made = version(many(10))
    (row,) = arrive(database, 0, made)
    with database.write() as connection:
        records.erase(connection, row)
        connection.execute(
            tombstone.insert().values(iss=made.iss, rid=made.rid, ver=1, jwt="", at=FIRST + 4 * DAY)
        )  # fmt: skip
    assert known(database, 3) == (0, 0, 1)
    assert known(database, 4) == (0, 0, 0)  # recalled on that day: it was known no more at its end


def test_filters_hold_for_a_past_day_as_well(database):
    arrive(database, 0, version(many(10), iss="KE"), version(many(20), iss="ZA"))
    catch_up(database, NOW)
    for filters in (
        {},
        {"node": "KE"},
        {"from_": "2025-01", "to": "2025-03"},
        {"administration": "ZA"},
        {"to": "2024-12"},
    ):
        assert known(database, 0, **filters)[:2] == known(database, **filters)[:2]


def test_who_reported_is_told_for_that_day(database):
    arrive(database, 0, version(iss="KE"))
    arrive(database, 5, version(iss="ZA"))
    (found,) = tables.look(
        database, ("by-month",), Filters(), by="A", now=NOW, wishes=Wishes(known_at="2026-03-02")
    )  # fmt: skip
    assert [one.node for one in found.coverage] == ["KE"]


@pytest.mark.parametrize("day", ["2026-13-01", "20260301", "2026-03", "tomorrow", "2027-01-01", "2026-W01-1"])
def test_what_is_no_past_day_is_refused(sqlite_database, day):
    with pytest.raises(CriteriaRefused) as refused:
        tables.look(sqlite_database, ("by-month",), Filters(), by="A", now=NOW, wishes=Wishes(known_at=day))
    assert refused.value.field == "known_at"


HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(("new", "correct", "recall", "purpose")),
        st.integers(0, 9),
        st.integers(1, 50),
    ),
    max_size=12,
)


@given(HISTORIES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plain_memory_of_each_day_knows_the_same(database, history):
    with database.write() as connection:
        connection.execute(update(record).values(kind="alert"))  # what an earlier example left
    live, memory, day = {}, {}, 0
    gone = set()  # versions that may not be used any more today
    for wait, act, which, n in history:
        for passed in range(day, day + wait):
            memory[passed] = told(live)
        day += wait
        rids = sorted(live)
        if act == "new" or not rids:
            made = version(many(n))
            (row,) = arrive(database, day, made)
            live[made.rid] = (row, made, n)
            continue
        rid = rids[which % len(rids)]
        row, made, _ = live[rid]
        if act == "correct":
            after = replace(version(many(n)), rid=rid, ver=made.ver + 1)
            with database.write() as connection:
                records.set_state(connection, [row], "superseded")
            (row,) = arrive(database, day, after)
            live[rid] = (row, after, n)
        elif act == "recall":
            with database.write() as connection:
                for one in records.by_key(connection, made.iss, rid):
                    records.erase(connection, one.id)
                connection.execute(
                    tombstone.insert().values(iss=made.iss, rid=rid, ver=made.ver, jwt="", at=FIRST + day * DAY)
                )
            gone |= {(rid, ver) for ver in range(1, made.ver + 1)}
            del live[rid]
        else:
            with database.write() as connection:
                for one in records.by_key(connection, made.iss, rid):
                    records.replace_handling(connection, one.id, handling=FOR_EVIDENCE, gc=2)
            gone |= {(rid, ver) for ver in range(1, made.ver + 1)}
    memory[day] = told(live)
    for asked, then in memory.items():
        usable = {one: n for one, n in then.items() if one not in gone}
        assert known(database, asked) == (len(usable), sum(usable.values()), len(then) - len(usable))


def told(live):
    return {(rid, made.ver): n for rid, (_, made, n) in live.items()}
