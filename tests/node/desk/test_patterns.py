"""Patterns: what is planted among seasonal noise is found and the noise is not; a second computation agrees."""

import json
import random
from collections import Counter
from decimal import Decimal, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from node.services.desk import patterns
from node.services.desk.patterns import benjamini_hochberg, stand_out, tail, uncertain_tail
from node.services.search import CriteriaRefused
from node.storage import records
from node.storage.tables import disclosure
from tests.factories import NOW
from tests.node.statistics.test_following import version

getcontext().prec = 60
LAST = patterns.number("2025-12")
PLANTED_NEW = ("nike", "CN", "KE", "sea", "tiles")
PLANTED_MORE = ("brand-10", "CN", "KE", "air", "clothes")


def poisson(chance, mean):
    count, left = 0, chance.expovariate(1)
    while left < mean:
        count, left = count + 1, left + chance.expovariate(1)
    return count


def noise(seed):
    """Four and a quarter years of 150 combinations, most in December and few in summer; some are hardly ever seen."""
    chance = random.Random(seed)  # noqa: S311 - chance of a test
    keys = [(f"brand-{at}", "CN", "KE", ("air", "sea")[at % 2], "clothes") for at in range(150)]
    rates = {key: 0.05 * 1.03**at for at, key in enumerate(keys)}
    months = {}
    for month in range(LAST - 50, LAST + 1):
        season = 3.0 if month % 12 >= 9 else 0.6
        months[month] = Counter({key: found for key in keys if (found := poisson(chance, rates[key] * season))})
    return months


def by_hand(months, *, last, window=3):
    """The same from the definition: exact tails by decimals of sixty digits, the step-up rule of 1995 itself."""
    first = last - window + 1
    years = min(5, (first - min(months)) // 12)
    current = [month for month in months if first <= month <= last]
    before = [month for month in months if first - 12 * years <= month < first]
    recent = sum(sum(months[month].values()) for month in before if month >= first - 12)
    trend = Decimal(recent) * years / sum(sum(months[month].values()) for month in before)
    windows = {month - 12 * back for month in current for back in range(years + 1)}
    keys = {key for month in windows for key in months.get(month, {})}
    tails = {}
    for key in keys:
        count = sum(months[month][key] for month in current)
        old = sum(months.get(month - 12 * back, {}).get(key, 0) for month in current for back in range(1, years + 1))
        shape, odds = old + Decimal("0.5"), trend / (trend + years)
        term, less = (shape * (1 - odds).ln()).exp(), Decimal(0)
        for at in range(count):
            less += term
            term = term * odds * (at + shape) / (at + 1)
        tails[key] = (1 - less, count)
    ranked = sorted(tails.values())
    passing = [p for rank, (p, _) in enumerate(ranked, 1) if p <= Decimal("0.05") * rank / len(ranked)]
    return {key: p for key, (p, count) in tails.items() if passing and p <= passing[-1] and count >= 3}


def keys_of(found):
    return {(one.brand, one.origin, one.destination, one.conveyance, one.concealment): one for one in found.found}


def test_the_planted_are_found_and_the_noise_is_not():
    """A level of 0.05 lets one history of noise in twenty show something: at most 5 of 40 with 98.6 %."""
    noisy = extra = 0
    for seed in range(40):
        months = noise(seed)
        noisy += bool(stand_out(months, last=LAST, months=3).found)
        months[LAST][PLANTED_NEW] += 6
        months[LAST - 1][PLANTED_MORE] += 9
        found = keys_of(stand_out(months, last=LAST, months=3))
        assert {PLANTED_NEW, PLANTED_MORE} <= found.keys()
        extra += len(found) - 2
        new, more = found[PLANTED_NEW], found[PLANTED_MORE]
        assert (new.cases, new.baseline, new.first_seen, new.new) == (6, 0, "2025-12", True)
        assert more.new == all(PLANTED_MORE not in months[month] for month in months if month < LAST - 2)
        assert more.ratio == pytest.approx(more.cases / more.expected)
        assert new.adjusted >= new.probability >= new.poisson
    assert noisy <= 5
    assert extra <= 10


@pytest.mark.parametrize("seed", range(8))
def test_a_second_computation_agrees(seed):
    months = noise(seed)
    chance = random.Random(seed)  # noqa: S311 - chance of a test
    for at in range(12):
        months[LAST - at % 3][f"brand-{at}", "CN", "KE", ("air", "sea")[at % 2], "clothes"] += chance.randrange(8)
    found, other = keys_of(stand_out(months, last=LAST, months=3)), by_hand(months, last=LAST)
    assert found.keys() == other.keys()
    assert found
    for key, probability in other.items():
        assert found[key].probability == pytest.approx(float(probability), rel=1e-9)


@given(cases=st.integers(0, 60), mean=st.integers(1, 4000))
def test_the_tail_is_that_of_sixty_digits(cases, mean):
    expected = mean / 100
    term, less = (-Decimal(expected)).exp(), Decimal(0)
    for at in range(cases):
        less += term
        term = term * Decimal(expected) / (at + 1)
    assert tail(cases, expected) == pytest.approx(float(1 - less), rel=1e-9, abs=1e-14)


@given(cases=st.integers(0, 60), baseline=st.integers(0, 80), years=st.integers(1, 5), trend=st.integers(20, 300))
def test_the_uncertain_tail_is_that_of_sixty_digits(cases, baseline, years, trend):
    shape, factor = baseline + 0.5, trend / 100
    odds = Decimal(factor) / (Decimal(factor) + years)
    term, less = (Decimal(shape) * (1 - odds).ln()).exp(), Decimal(0)
    for at in range(cases):
        less += term
        term = term * odds * (at + Decimal(shape)) / (at + 1)
    found = uncertain_tail(cases, shape, shape / years * factor)
    assert found == pytest.approx(float(1 - less), rel=1e-9, abs=1e-13)


def test_one_that_is_usual_in_its_season_does_not_stand_out_and_many_comparisons_ask_for_more():
    key = ("toys", "CN", "KE", "sea", patterns.UNKNOWN)
    yearly = {LAST - 12 * back: Counter({key: 10}) for back in range(5)}
    assert stand_out(yearly, last=LAST, months=1).found == ()
    assert max(benjamini_hochberg([0.04, 0.9])) == 0.9
    assert benjamini_hochberg([0.04, 0.9])[0] == 0.08


def test_a_history_below_a_year_tells_nothing():
    found = stand_out({LAST - 5: Counter({PLANTED_NEW: 1}), LAST: Counter({PLANTED_NEW: 30})}, last=LAST, months=3)
    assert (found.years, found.trend, found.found) == (0, 0.0, ())


def case(month, *, brand="Nike", conveyance="sea", **handling):
    groups = {
        "case": {"reference": "R", "administration": "KE", "dates": [{"kind": "seized", "on": f"{month}-03"}]},
        "right": [{"brands": [brand]}],
        "route": {"chain": [{"role": "origin", "country": "CN"}, {"role": "destination", "country": "KE"}]},
        "transport": {"conveyance": conveyance},
        "method": {"cover_load": "Tiles"},
    }
    return version(groups, **handling)


def look(database, **more):
    return patterns.patterns(database, by="o", now=NOW, **{"until": "2025-12", **more})


def test_records_that_may_be_counted_are_found_by_what_was_granted_of_them(database):
    old = [case(f"{year}-{month:02}", brand="Old") for year in (2022, 2023, 2024, 2025) for month in range(1, 13)]
    hidden = [case("2025-12", brand="Hidden", purposes=["evidence"]) for _ in range(9)]
    without = [version({"case": {"reference": "R", "administration": "KE"}})]
    with database.write() as connection:
        records.keep(connection, [*old, *hidden, *without, *[case("2025-12") for _ in range(6)]], now=NOW)
    found = look(database)
    (one,) = found.found
    assert (one.brand, one.concealment, one.cases, one.new) == ("nike", "tiles", 6, True)
    assert (found.first, found.last, found.years, found.compared) == ("2025-10", "2025-12", 3, 2)
    assert (found.counted, found.left_out) == (54, 1)
    assert look(database) == found
    with database.read() as connection:
        row = connection.execute(select(disclosure)).first()
    assert (row.actor, row.purpose) == ("o", "statistics")
    assert json.loads(row.detail) == {"desk": "patterns", "from": "2025-10", "to": "2025-12", "hits": []}
    for wrong in ({"months": 0}, {"months": 13}, {"until": "2025"}, {"until": "2025-13"}):
        with pytest.raises(CriteriaRefused):
            look(database, **wrong)


def test_the_last_whole_month_is_the_last_where_none_is_named(database):
    found = look(database, until=None)
    assert (found.last, found.found) == ("2025-12", ())


@pytest.mark.parametrize("groups", [{}, {"method": [], "route": 3}, {"right": [{"brands": [3, "x"]}], "method": 1}])
def test_no_form_raises(groups):
    assert list(patterns.combinations(groups)) == []
