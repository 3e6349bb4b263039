"""Growth compares who reported in both periods, and says who did not."""

import pytest

from federation.errors import NotFound
from node.services.search import CriteriaRefused
from node.services.statistics.growth import Row, compare
from node.services.statistics.tables import Filters
from node.storage import audit
from tests.factories import NOW
from tests.node.statistics.test_following import GROUPS, keep, version

HALF = Filters(from_="2025-01", to="2025-06")


def case(iss, on, category="footwear"):
    dates = [{"kind": "seized", "on": on}]
    goods = [{"line": "1", "wco": [category]}]
    return version({"case": {"reference": "R", "administration": iss, "dates": dates}, "goods": goods}, iss=iss)


def grown(database, filters=HALF, name="by-category"):
    found = compare(database, name, filters, by="A. Officer", now=NOW)
    return {
        (*row.key, row.measure): (row.before // 1000, row.after // 1000, row.percent)
        for row in (*found.rows, *found.total)
    }, found


def test_growth_is_of_those_who_reported_in_both_periods(database):
    keep(
        database, *(case("KE", "2024-02") for _ in range(4)), *(case("KE", "2025-03") for _ in range(5)),
        case("UG", "2025-01"), case("ZA", "2024-06"), case("KE", "2024-07"),
    )  # fmt: skip
    told, found = grown(database)
    assert told["cases",] == told["footwear", "cases"] == (4, 5, "25.0")
    assert {one.node: (one.compared, one.cases_before, one.cases_after) for one in found.coverage} == {
        "KE": (True, 4, 5), "UG": (False, 0, 1), "ZA": (False, 1, 0),
    }  # fmt: skip
    assert found.before == ("2024-01", "2024-06")


def test_months_with_a_case_are_told_of_each(database):
    keep(database, case("KE", "2024-01"), case("KE", "2024-02"), case("KE", "2025-02"), case("KE", "2025"))
    _, found = grown(database, Filters(from_="2025-01", to="2025-12"))
    (one,) = found.coverage
    assert (one.months_before, one.months_after, one.cases_after, found.months) == (2, 1, 2, 12)


def test_where_nothing_was_before_there_is_no_growth(database):
    keep(database, case("KE", "2024-01"), case("KE", "2025-01", "watches"))
    told, _ = grown(database)
    assert told["watches", "cases"] == (0, 1, None)
    assert told["footwear", "cases"] == (1, 0, "-100.0")
    assert told["cases",] == (1, 1, "0.0")


def test_growth_is_rounded_half_to_even_in_decimals():
    assert Row(key=(), measure="cases", unit="", before=8_000, after=8_002).percent == "0.0"
    assert Row(key=(), measure="cases", unit="", before=2_000, after=2_003).percent == "0.2"
    assert Row(key=(), measure="cases", unit="", before=3_000, after=4_000).percent == "33.3"


@pytest.mark.parametrize(
    ("filters", "field"),
    [(Filters(to="2025-06"), "from"), (Filters(from_="2025-06"), "to"),
     (Filters(from_="2025-06", to="2025-05"), "to"), (Filters(from_="2024-06", to="2025-06"), "to"),
     (Filters(from_="2025", to="2025-06"), "from")],
)  # fmt: skip
def test_periods_that_cannot_be_compared_are_refused(sqlite_database, filters, field):
    with pytest.raises(CriteriaRefused) as refused:
        grown(sqlite_database, filters)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["by-month", "by-officer"])
def test_a_table_without_growth_is_refused(sqlite_database, name):
    with pytest.raises(NotFound):
        grown(sqlite_database, name=name)


def test_a_comparison_stands_in_the_disclosure_log(sqlite_database):
    keep(sqlite_database, case("KE", "2024-01"))
    grown(sqlite_database)
    with sqlite_database.read() as connection:
        (row,) = audit.rows(connection)
    assert (row.action, row.actor, row.purpose) == ("statistics", "A. Officer", "statistics")
    assert "2024-01" in row.detail


def test_goods_count_as_in_every_table(database):
    keep(database, version(GROUPS, iss="KE"), case("KE", "2024-03"))
    told, _ = grown(database)
    assert told["articles",] == (0, 40, None)
