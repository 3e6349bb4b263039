"""Each figure leads back to the members and records that it comes from, and to no other."""

import json

import pytest
from sqlalchemy import update

from federation.errors import NotFound
from node.services.search import CriteriaRefused
from node.services.statistics import tracing
from node.services.statistics.tables import Filters
from node.storage import audit
from node.storage.tables.statistics import count_cell
from tests.factories import NOW
from tests.node.statistics.test_following import GROUPS, catch_up, keep, version

WATCHES = {**GROUPS, "goods": [{"line": "1", "wco": ["watches"]}]}


def trace(database, value=None, name="by-category", limit=100, **filters):
    return tracing.trace(database, name, value, Filters(**filters), limit=limit, by="A. Officer", now=NOW)


def told(found):
    return {node: {key: n // 1000 for key, n in adds.items()} for node, adds in found.members.items()}


def test_a_figure_is_the_sum_of_what_each_member_contributes(database):
    own = [version(iss="KE"), version(iss="KE"), version(iss="ZA")]
    keep(database, *own, version(WATCHES, iss="UG"))
    found = trace(database, "footwear")
    assert told(found) == {
        "KE": {("cases", ""): 2, ("lines", ""): 2, ("articles", "H87"): 80},
        "ZA": {("cases", ""): 1, ("lines", ""): 1, ("articles", "H87"): 40},
    }  # fmt: skip
    assert {part.rid for part in found.parts} == {one.rid for one in own}
    assert found.agrees
    assert set(told(trace(database))) == {"KE", "UG", "ZA"}


def test_filters_hold_for_a_trace_as_for_its_table(database):
    keep(database, version(iss="KE"), version(iss="ZA"))
    assert set(told(trace(database, "footwear", node="KE"))) == {"KE"}
    assert told(trace(database, "footwear", to="2024-12")) == {}
    assert trace(database, "footwear", from_="2025-03", to="2025-03").agrees


def test_a_sum_that_somebody_has_changed_is_found_out(database):
    keep(database, version(iss="KE"))
    with database.write() as connection:
        connection.execute(update(count_cell).values(n=7))
    assert not trace(database, "footwear").agrees


def test_what_may_not_be_counted_is_behind_no_figure_and_beyond_the_limit_is_a_number(database):
    keep(database, *(version(iss="KE") for _ in range(3)), version(iss="ZA", purposes=["evidence"]))
    found = trace(database, "footwear", limit=2)
    assert (len(found.parts), found.not_named, set(found.members)) == (2, 1, {"KE"})


def test_each_trace_stands_in_the_disclosure_log_with_the_records_that_it_named(database):
    made = version(iss="KE")
    keep(database, made)
    catch_up(database)
    trace(database, "footwear")
    with database.read() as connection:
        (row,) = audit.rows(connection)
    assert (row.action, row.actor, row.purpose) == ("statistics", "A. Officer", "statistics")
    assert json.loads(row.detail) == {
        "trace": "by-category", "value": "footwear", "hits": [f"KE/{made.rid}/1"],
    }  # fmt: skip


def test_what_cannot_be_traced_is_refused(sqlite_database):
    with pytest.raises(NotFound):
        trace(sqlite_database, name="by-officer")
    for wrong in ({"value": "x" * 201}, {"limit": 0}, {"from_": "2025"}):
        with pytest.raises(CriteriaRefused):
            trace(sqlite_database, **wrong)
