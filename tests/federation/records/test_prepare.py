"""What is done to a draft before it is signed: tidied, and given its reduced groups."""

from __future__ import annotations

import copy
from decimal import Decimal

import pytest

from federation.records import get_schema
from federation.records.coarse import band
from tests.federation.records.cases import complete, smallest

SEIZURE = get_schema("seizure/1")

BANDS = {
    "0": "<1",
    "0.999": "<1",
    "1": "1-9",
    "9.99": "1-9",
    "10": "10-99",
    "99": "10-99",
    "100": "100-999",
    "9440000": "1000000-9999999",
}


def dated(*dates, **groups):
    case = {
        "reference": "1",
        "administration": "KE",
        "dates": [{"kind": kind, "on": on} for kind, on in dates],
    }
    return {"case": case, **groups}


MONTHS = {
    "the place's own day": (
        dated(("seized", "2023-01-01"), place={"country": "KE", "on": "2024-05-17"}),
        "2024-05",
    ),
    "the seizure before its publication": (
        dated(("published", "2024-06"), ("seized", "2024-05-17"), place={"country": "KE"}),
        "2024-05",
    ),
    "the publication when nothing else is known": (
        dated(("published", "2024-06"), place={"country": "KE"}),
        "2024-06",
    ),
    "a year is no month": (dated(("seized", "2024"), place={"country": "KE", "on": "2023"}), None),
    "a less good date that is precise": (
        dated(("seized", "2024"), ("found", "2024-04-30"), place={"country": "KE"}),
        "2024-04",
    ),
}


@pytest.mark.parametrize("number", BANDS)
def test_a_number_lies_in_its_order_of_magnitude(number):
    assert band(Decimal(number)) == BANDS[number]


@pytest.mark.parametrize("case", MONTHS)
def test_the_month_of_the_place_is_the_best_that_is_known(case):
    groups, month = MONTHS[case]
    assert SEIZURE.prepare(groups)["place_coarse"].get("month") == month


def test_the_reduced_groups_are_made_from_the_full_ones():
    ready = SEIZURE.prepare(complete())
    assert ready["place_coarse"] == {"country": "KE", "location_type": "seaport", "month": "2024-05"}
    assert ready["route_ends"] == {"departure": ["CN"], "destination": ["UG"]}
    assert ready["quantity_band"] == [
        {"line": "1", "band": "1000-9999", "unit": "PR"},
        {"line": "2", "band": "100-999", "unit": "H87"},
    ]
    assert ready["value_band"][2] == {"band": "10000-99999", "currency": "USD", "basis": "retail_genuine"}


def test_a_reduced_group_tells_nothing_of_origin_transit_office_or_day():
    ready = SEIZURE.prepare(complete())
    reduced = repr([ready[name] for name in SEIZURE.coarse])
    for secret in ("AE", "Mombasa", "KEMBA", "2024-05-17", "1200", "24000"):
        assert secret not in reduced


def test_a_reduced_group_by_hand_stands_only_where_the_full_group_is_absent():
    by_hand = {"country": "KE", "month": "2020-01"}
    assert SEIZURE.prepare(smallest(place_coarse=by_hand))["place_coarse"] == by_hand
    ready = SEIZURE.prepare(smallest(place={"country": "UG"}, place_coarse=by_hand))
    assert ready["place_coarse"] == {"country": "UG"}


def test_a_reduced_group_that_cannot_be_made_is_absent():
    ready = SEIZURE.prepare(smallest(place={"office": "Mombasa"}, place_coarse={"country": "KE"}))
    assert "place_coarse" not in ready


def test_several_destinations_stay_several():
    steps = [("departure", "CN"), ("destination", "CG"), ("destination", "GA"), ("destination", "CG")]
    chain = [{"role": role, "country": country} for role, country in steps]
    assert SEIZURE.prepare(smallest(route={"chain": chain}))["route_ends"] == {
        "departure": ["CN"],
        "destination": ["CG", "GA"],
    }


def test_what_says_nothing_goes_and_what_says_no_stays():
    ready = SEIZURE.prepare(
        smallest(
            place={"country": "KE", "office": "", "on": None},
            goods=[{"line": "1", "health_safety": False, "gtin": []}, {}],
            route={"chain": [{"role": "transit", "country": "MY", "custody": False}]},
            quantity=[{"amount": {"n": "2", "about": False}}],
            narrative=[],
            persons=None,
        ),
    )
    assert ready["place"] == {"country": "KE"}
    assert ready["goods"] == [{"line": "1", "health_safety": False}]
    assert ready["route"]["chain"][0]["custody"] is False
    assert ready["quantity"] == [{"amount": {"n": "2"}}]
    assert "narrative" not in ready
    assert "persons" not in ready


def test_text_becomes_unicode_normal_form_c():
    ready = SEIZURE.prepare(smallest(place={"office": "Ku\u0308ste"}))
    assert ready["place"]["office"] == "K\u00fcste"
    assert SEIZURE.validate(ready).ok


def test_the_draft_itself_stays_as_it_was():
    draft = complete()
    before = copy.deepcopy(draft)
    SEIZURE.prepare(draft)
    assert draft == before


def test_preparing_twice_changes_nothing():
    once = SEIZURE.prepare(complete())
    assert SEIZURE.prepare(once) == once
