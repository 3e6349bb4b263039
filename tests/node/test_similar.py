"""Seizures like one: by what is shared, with the points told, and never by what was not granted."""

import json

import pytest

from federation.errors import NotFound
from node.services import indexing, similar
from node.services.search import CriteriaRefused
from node.services.showing import NotAllowed
from node.storage import audit, records
from tests.factories import NOW
from tests.node.statistics.test_following import version


def groups(brand="Rolex", origin="CN", day="2025-03-04", category="watches", **more):
    dates = [{"kind": "seized", "on": day}]
    return {
        "case": {"reference": "R-1", "administration": "ZA", "dates": dates},
        "goods": [{"line": "1", "wco": [category], "hs": {"scheme": "HS", "edition": "2022", "code": "910211"}}],
        "right": [{"line": "1", "brands": [brand]}],
        "route": {"chain": [{"role": "origin", "country": origin}, {"role": "destination", "country": "ZA"}]},
        "transport": {"conveyance": "sea"}, **more,
    }  # fmt: skip


def keep(database, *versions):
    with database.write() as connection:
        records.keep(connection, versions, now=NOW)
    while indexing.follow(database, now=NOW):
        pass


def like(database, one, **more):
    return similar.find(
        database, rid=one.rid, iss=one.iss, by="A. Officer", now=NOW, **{"purpose": None, **more}
    )  # fmt: skip


def test_the_most_alike_comes_first_and_what_is_shared_is_told_with_its_points(database):
    asked = version(groups())
    near = version(groups(day="2025-03-10"), iss="KE")
    other_way = version(groups(origin="TR", day="2024-01-01"), iss="KE")
    other_brand = version(groups("Omega", day="2024-01-01"), iss="KE")
    keep(database, asked, near, other_way, other_brand)
    found = like(database, asked)
    assert [one.hit.rid for one in found] == [near.rid, other_way.rid, other_brand.rid]
    assert {part.what: (part.values, part.points) for part in found[0].shared} == {
        "brand": (("rolex",), 5.0), "hs": (("910211",), 3.0), "category": (("watches",), 2.0),
        "origin": (("CN",), 2.0), "destination": (("ZA",), 1.0), "conveyance": (("sea",), 1.0), "day": ((), 1.0),
    }  # fmt: skip
    assert (found[0].points, found[0].days_apart) == (15.0, 6)
    assert [one.points for one in found[1:]] == [12.0, 9.0]


def test_what_is_common_to_everything_is_no_likeness(database):
    asked = version(groups())
    bare = {name: groups()[name] for name in ("case", "route", "transport")}
    keep(database, asked, version(bare, iss="KE"))
    assert like(database, asked) == []


def test_a_shared_number_weighs_most(database):
    number = {"cargo_ids": {"containers": ["CSQU3054383"]}}
    asked = version(groups(**number))
    same = version(groups("Omega", "TR", "2020-01-01", "toiletries_cosmetics", **number), iss="KE")
    keep(database, asked, version(groups(), iss="KE"), same)
    found = {one.hit.rid: one for one in like(database, asked)}
    assert found[same.rid].shared[0].what == "number"
    assert found[same.rid].shared[0].values == ("CSQU3054383",)


def test_a_heading_counts_for_less_than_a_subheading(database):
    asked = version(groups())
    other = groups("Omega", "TR", "2020-01-01")
    other["goods"][0]["hs"]["code"] = "910299"
    keep(database, asked, version(other, iss="KE"))
    (found,) = like(database, asked)
    assert next(part for part in found.shared if part.what == "hs").points == 2.0


def test_what_was_never_granted_makes_nothing_alike(database):
    asked = version(groups())
    without = {name: value for name, value in groups().items() if name not in {"right", "goods"}}
    keep(database, asked, version(without, iss="KE"))
    assert like(database, asked) == []


def test_what_may_not_be_used_for_the_purpose_is_not_found_and_not_asked_about(database):
    asked = version(groups())
    closed = version(groups(), iss="KE", purposes=["evidence"])
    keep(database, asked, closed)
    assert like(database, asked, purpose="risk-analysis") == []
    with pytest.raises(NotAllowed):
        like(database, closed, purpose="risk-analysis")


def test_what_is_out_of_use_or_beyond_its_time_is_not_found(database):
    asked, gone, over = version(groups()), version(groups(), iss="KE"), version(groups(), iss="KE", keep_until=NOW)
    keep(database, asked, gone, over)
    with database.write() as connection:
        (row,) = [row.id for row in records.by_key(connection, "KE", gone.rid)]
        records.set_state(connection, [row], records.STOPPED)
    assert like(database, asked) == []


def test_each_look_stands_in_the_disclosure_log(database):
    asked, other = version(groups()), version(groups(), iss="KE")
    keep(database, asked, other)
    like(database, asked, purpose="customs-enforcement")
    with database.read() as connection:
        (row,) = audit.rows(connection)
    assert (row.action, row.actor, row.purpose) == ("search", "A. Officer", "customs-enforcement")
    assert json.loads(row.detail) == {"similar": f"ZA/{asked.rid}/1", "hits": [f"KE/{other.rid}/1"]}


def test_what_cannot_be_asked_is_refused(sqlite_database):
    asked = version(groups())
    keep(sqlite_database, asked)
    for limit in (0, 101):
        with pytest.raises(CriteriaRefused):
            like(sqlite_database, asked, limit=limit)
    with pytest.raises(CriteriaRefused):
        like(sqlite_database, asked, purpose="Not A Word")
    with pytest.raises(NotFound):
        like(sqlite_database, version(groups()))
