"""Timeliness equals a recomputation from raw dates; coverage and lateness; reminders. On both databases."""

import json
import random
import statistics
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from federation.errors import NotFound
from node.services.annotating import AnnotationRefused
from node.services.desk import timeliness
from node.services.search import CriteriaRefused
from node.storage import records
from node.storage.records import NewVersion
from node.storage.tables import disclosure, record
from node.storage.tables.relay import annotation
from tests.factories import NOW
from tests.node.desk.test_queue import FED, HUB, SEIZURE, asked, light, waiting  # noqa: F401 - a fixture
from tests.node.statistics.test_following import version

DAY = 86_400
START = datetime.fromtimestamp(NOW, UTC).date()


def times(database, *, now=NOW, **more):
    found = timeliness.timeliness(database, directory=FED.directory, node=HUB, by="o", now=now, **more)
    return {one.member: one for one in found}


def case(day, iss="KE", *, iat=NOW, **handling):
    groups = {"case": {"reference": "R", "administration": iss}}
    if day is not None:
        groups["case"]["dates"] = [{"kind": "seized", "on": day}]
    made = version(groups, iss=iss, **handling)
    members = {name: getattr(made, name) for name in NewVersion.__slots__}
    return NewVersion(**{**members, "iat": iat})


def keep(database, one, *, at):
    with database.write() as connection:
        records.keep(connection, [one], now=at)


def verify(database, one, *, at):
    word = case(None, HUB, iat=at)
    word = NewVersion(**{**{name: getattr(word, name) for name in NewVersion.__slots__}, "kind": "annotation"})
    with database.write() as connection:
        records.keep(connection, [word], now=at)
        connection.execute(
            annotation.insert().values(
                about_iss=one.iss, about_rid=one.rid, iss=HUB, rid=word.rid, about_ver=1, type="verification", at=at
            )
        )


def test_the_figures_equal_a_recomputation_from_raw_dates(database):
    chance = random.Random(3)  # noqa: S311 - chance of a test
    raw = {step: {"KE": [], "TZ": []} for step in timeliness.STEPS}
    undated = {"KE": 0, "TZ": 0}
    for _ in range(60):
        iss = chance.choice(("KE", "TZ"))
        day = START - timedelta(days=chance.randrange(20, 200))
        signed = NOW - chance.randrange(18 * DAY)
        came, seen = signed + chance.randrange(5 * DAY), signed + chance.randrange(5 * DAY, 9 * DAY)
        dated, verified = chance.random() < 0.8, chance.random() < 0.5
        one = case(day.isoformat() if dated else day.isoformat()[:7], iss, iat=signed)
        keep(database, one, at=came)
        undated[iss] += not dated
        begun = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        raw["input_shared"][iss].append((came - signed) / DAY)
        if dated:
            raw["seizure_input"][iss].append((signed - begun) / DAY)
        if verified:
            verify(database, one, at=seen)
            raw["shared_verified"][iss].append((seen - came) / DAY)
            if dated:
                raw["seizure_verified"][iss].append((seen - begun) / DAY)
    found = times(database)
    assert {name: found[name].undated for name in undated} == undated
    for step, by_member in raw.items():
        for name, days in by_member.items():
            told = found[name].steps[step]
            assert told.n == len(days) > 2
            assert told.median == pytest.approx(statistics.median(days), abs=0.006)
            assert told.p90 == pytest.approx(statistics.quantiles(days, n=10, method="inclusive")[8], abs=0.006)


def test_a_case_is_counted_once_from_its_first_version_and_what_contradicts_is_counted_apart(database):
    first = case("2025-12-20", iat=NOW - 3 * DAY)
    keep(database, first, at=NOW - 2 * DAY)
    second = {name: getattr(first, name) for name in NewVersion.__slots__} | {"ver": 2, "iat": NOW, "jh": "i"}
    with database.write() as connection:
        records.set_state(connection, [connection.scalar(select(record.c.id))], "superseded")
        records.keep(connection, [NewVersion(**second)], now=NOW)
    told = times(database)["KE"]
    assert (told.cases, told.steps["input_shared"].n, told.steps["input_shared"].median) == (1, 1, 1.0)
    keep(database, case("2026-01-01", iat=NOW), at=NOW - DAY)
    step = times(database)["KE"].steps["input_shared"]
    assert (step.n, step.negative, step.median) == (1, 1, 1.0)


def test_what_may_not_be_counted_is_in_no_figure(database):
    keep(database, case("2025-12-20", purposes=["evidence"]), at=NOW)
    told = times(database)["KE"]
    assert (told.cases, told.last_month, told.steps["input_shared"].n) == (0, None, 0)
    assert (told.last_new, told.late) == (NOW, False)  # that it came is no figure, and nobody is late for it


def test_coverage_and_who_is_late(database):
    keep(database, case("2025-09-03"), at=NOW - 50 * DAY)
    keep(database, case("2025-11-03"), at=NOW - 46 * DAY)
    keep(database, case("2025-11", "TZ"), at=NOW - 44 * DAY)
    found = times(database, from_="2025-09", to="2025-11")
    kenya, tanzania = found["KE"], found["TZ"]
    assert set(found) == {"KE", "TZ"}
    assert (kenya.cases, kenya.last_month, kenya.months_without, kenya.late) == (2, "2025-11", ("2025-10",), True)
    assert (tanzania.months_without, tanzania.undated, tanzania.late) == (("2025-09", "2025-10"), 1, False)
    assert times(database, late_days=30)["TZ"].late
    empty = times(database, from_="2020", to="2020")["KE"]
    assert (empty.cases, len(empty.months_without), empty.last_month) == (0, 12, "2025-11")
    for wrong in ({"from_": "2025-02", "to": "2025-01"}, {"from_": "soon"}, {"late_days": 0}):
        with pytest.raises(CriteriaRefused):
            times(database, **wrong)


def test_the_look_is_logged(database):
    times(database, from_="2025", to="2025")
    with database.read() as connection:
        row = connection.execute(select(disclosure)).one()
    assert (row.actor, row.purpose) == ("o", "statistics")
    assert json.loads(row.detail) == {"desk": "timeliness", "from": "2025-01-01", "to": "2025-12-31", "hits": []}


def remind(nodes, member, **more):
    return timeliness.remind(
        nodes.databases[HUB], nodes.publisher(HUB), member, directory=FED.directory, by="o", now=nodes.now, **more
    )


def test_a_late_member_is_reminded_on_its_newest_record_and_answers(light):  # noqa: F811 - a fixture
    light.release("KE", SEIZURE)
    light.pull(HUB, "KE")
    with pytest.raises(AnnotationRefused, match="not late"):
        remind(light, "KE")
    light.now += 46 * DAY
    sentence, done = remind(light, "KE", respond_by="2026-12-01")
    assert "no new record since" in sentence
    light.pull("KE", HUB)
    assert asked(light, "KE") == [("in", HUB, "open", None)]
    rid = waiting(light)[0].rid
    light.annotate("KE", rid, type="answer", answer_to=done.rid)
    light.pull(HUB, "KE")
    assert asked(light, HUB) == [("out", "KE", "closed", None)]


def test_to_a_member_without_a_record_the_officer_writes_himself(light):  # noqa: F811 - a fixture
    sentence, done = remind(light, "TZ")
    assert "no record from TZ" in sentence
    assert done is None
    with pytest.raises(NotFound):
        remind(light, "ZZ")
