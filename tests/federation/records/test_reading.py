"""What is read from records, ours and others': attributes, facets, and the line for lists."""

from __future__ import annotations

from datetime import date

import pytest

from federation.records import get_schema
from federation.records.facts import MAX_VALUE, MAX_VALUES
from tests.federation.records.cases import SHA, alert, annotation, complete, hs, said, smallest

SEIZURE = get_schema("seizure/1")
ALERT = get_schema("alert/1")


def dated(*dates, **groups):
    case = {
        "reference": "1",
        "administration": "KE",
        "dates": [{"kind": kind, "on": on} for kind, on in dates],
    }
    return {"case": case, **groups}


DAYS = {
    "the earliest seizure": (
        dated(("seized", "2024-05-17"), ("seized", "2024-05-03"), ("found", "2024-05-01")),
        "2024-05-03",
    ),
    "detention when nothing was seized": (
        dated(("detained", "2024-05-17"), ("published", "2024-04-01")),
        "2024-05-17",
    ),
    "the earlier of detained and found": (
        dated(("detained", "2024-05-17"), ("found", "2024-05-16")),
        "2024-05-16",
    ),
    "the first day of a month": (dated(("seized", "2024-05")), "2024-05-01"),
    "the first day of a year": (dated(("seized", "2024")), "2024-01-01"),
    "the place's day when the case is silent": ({"place": {"on": "2024-05-17"}}, "2024-05-17"),
    "the month when only that was granted": ({"place_coarse": {"month": "2024-05"}}, "2024-05-01"),
    "publication at last": (dated(("published", "2024-06-03")), "2024-06-03"),
    "destruction tells nothing": (dated(("destroyed", "2024-06-03")), None),
    "an impossible date tells nothing": (dated(("seized", "2024-06-31")), None),
    "no date": (smallest(), None),
}

TITLES = {
    "goods, route and conveyance": (
        {
            "goods": [{"line": "1", "wco": ["footwear"]}],
            "quantity": [{"line": "1", "amount": {"n": "1200", "unit": "PR"}}],
            "route": {"chain": [{"role": "departure", "country": "CN"}, {"role": "destination", "country": "GB"}]},
            "transport": {"conveyance": "sea"},
        },
        "Footwear 1 200 pairs · CN → GB · sea",
    ),
    "bands and ends when only those were granted": (
        {
            "goods": [{"line": "1", "wco": ["footwear"]}],
            "quantity_band": [{"line": "1", "band": "1000-9999", "unit": "PR"}],
            "route_ends": {"departure": ["CN"], "destination": ["GB"]},
        },
        "Footwear 1000-9999 pairs · CN → GB",
    ),
    "two lines named and the rest counted": (
        {
            "goods": [
                {"line": str(n), "wco": [wco]} for n, wco in enumerate(["footwear", "clothing", "watches", "tobacco"])
            ],
            "quantity": [{"line": "0", "amount": {"n": "1", "unit": "PR"}}],
        },
        "Footwear 1 pair, Clothing +2",
    ),
    "a total behind what it adds up": (
        {
            "goods": [{"line": "1", "wco": ["footwear"]}, {"line": "2", "wco": ["clothing"]}],
            "quantity": [{"amount": {"n": "21744", "about": True, "unit": "H87"}}],
        },
        "Footwear, Clothing about 21 744 pieces",
    ),
    "a range": (
        {
            "goods": [{"line": "1", "eu": ["cigarettes"]}],
            "quantity": [{"line": "1", "amount": {"n": "10", "to": "2000", "unit": "STK"}}],
        },
        "Tobacco 10-2 000 cigarettes",
    ),
    "packages when nothing was counted": (
        {
            "goods": [{"line": "1", "wco": ["tobacco"]}],
            "quantity": [{"line": "1", "packages": {"n": "472", "code": "CS"}}],
        },
        "Tobacco 472 cases",
    ),
    "several destinations": (
        {
            "route": {
                "chain": [
                    {"role": "origin", "country": "CN"},
                    *({"role": "destination", "country": c} for c in ("GA", "CG", "BE")),
                ]
            }
        },
        "Seizure · CN → BE, CG +1",
    ),
    "an unknown departure": ({"route_ends": {"destination": ["GB"]}}, "Seizure · ? → GB"),
    "brands when the goods were withheld": (
        {"right": [{"brands": ["Acme"]}], "place": {"country": "KE"}},
        "acme · KE",
    ),
    "a description when no category fits": (
        {"goods": [{"line": "1", "description": said("Fishing line")}]},
        "Fishing line",
    ),
    "the reference when nothing else was granted": (smallest(), "Seizure · KE/MBA/2024/0117"),
    "nothing": ({}, "Seizure"),
    "a text that would turn the line round": (
        {"goods": [{"line": "1", "description": said("abc\u202egnp.\nexe")}]},
        "abc gnp. exe",
    ),
}


@pytest.mark.parametrize("case", DAYS)
def test_the_day_of_a_seizure_is(case):
    groups, day = DAYS[case]
    assert SEIZURE.facets(groups).day == day


def test_publication_is_no_day_of_the_event_for_a_policy():
    attributes = SEIZURE.attributes(dated(("published", "2024-06-03")), handling={})
    assert attributes.occurred is None
    assert SEIZURE.attributes(dated(("seized", "2024")), handling={}).occurred == date(2024, 1, 1)


@pytest.mark.parametrize("case", TITLES)
def test_the_title_of_a_seizure_is(case):
    groups, title = TITLES[case]
    assert SEIZURE.title(groups) == title


def test_the_facets_of_a_complete_seizure():
    facets = SEIZURE.facets(SEIZURE.prepare(complete()))
    assert facets.day == "2024-05-17"
    assert dict(facets.values) == {
        "category": {"footwear", "clothing"},
        "hs": {"640411", "61"},
        "brand": {"acme sport"},
        "right": {"trademark", "design"},
        "origin": {"CN"},
        "departure": {"CN"},
        "transit": {"AE"},
        "destination": {"UG"},
        "country": {"KE"},
        "procedure": {"import"},
        "conveyance": {"sea"},
        "detection": {"risk_profile"},
        "outcome": {"seized"},
        "pictures": {"yes"},
        "quantity": {"1000-9999 PR", "100-999 H87"},
        "value": {"10000-99999 USD", "1000-9999 USD"},
        "blob": {"n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"},
    }


def test_the_attributes_of_a_complete_seizure():
    groups = SEIZURE.prepare(complete())
    attributes = SEIZURE.attributes(groups, handling={"tlp": "green"})
    assert attributes.kind == "seizure"
    assert attributes.groups == set(SEIZURE.groups)
    assert attributes.nominal == SEIZURE.nominal
    assert attributes.minimal == SEIZURE.minimal
    assert attributes.tlp == "green"
    assert attributes.rights == {"trademark", "design"}
    assert attributes.brands == {"acme sport"}
    assert attributes.categories == {"footwear", "clothing"}
    assert attributes.hs == {"640411", "61"}
    assert (attributes.origin, attributes.departure) == ({"CN"}, {"CN"})
    assert (attributes.transit, attributes.destination) == ({"AE"}, {"UG"})
    assert attributes.health_safety is False
    assert attributes.occurred == date(2024, 5, 17)
    assert attributes.status == {"seized"}
    assert attributes.source_grade == "A"
    assert attributes.media


def test_what_a_record_does_not_tell_is_unknown_and_never_empty():
    attributes = SEIZURE.attributes(smallest(), handling={})
    unknown = ("rights", "brands", "categories", "hs", "origin", "departure", "transit", "destination")
    for name in (*unknown, "health_safety", "occurred", "status", "source_grade"):
        assert getattr(attributes, name) is None, name
    assert attributes.tlp == "amber"
    assert not attributes.media
    assert dict(SEIZURE.facets({}).values) == {}


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ([False, False], False),
        ([False, True], True),
        ([None, True], True),
        ([False, None], None),
        ([None], None),
        ([], None),
    ],
)
def test_a_danger_in_one_line_is_a_danger_and_its_absence_must_be_said_of_all(flags, wanted):
    goods = [{"line": "1", **({} if flag is None else {"health_safety": flag})} for flag in flags]
    assert SEIZURE.attributes({"goods": goods}, handling={}).health_safety is wanted


def test_an_eu_sector_answers_for_its_wco_category():
    groups = {"goods": [{"line": "1", "eu": ["sport_shoes", "bags", "something new"]}]}
    assert SEIZURE.attributes(groups, handling={}).categories == {"footwear", "accessories"}


def test_the_ends_of_the_route_stand_in_where_the_chain_is_withheld():
    attributes = SEIZURE.attributes({"route_ends": {"departure": ["CN"], "destination": ["UG", "CD"]}}, handling={})
    assert attributes.departure == {"CN"}
    assert attributes.destination == {"UG", "CD"}
    assert attributes.origin is None


def test_a_code_of_another_scheme_is_no_harmonized_system_code():
    groups = {"goods": [{"line": "1", "hs": {**hs("64"), "scheme": "TARIC"}}]}
    assert SEIZURE.facets(groups).values == {}


def test_brands_are_found_however_they_were_typed():
    groups = {"right": [{"brands": ["STRASSE  GmbH", "Straße GmbH", " strasse\tgmbh", "Cafe\u0301", "CAFÉ"]}]}
    assert SEIZURE.facets(groups).values["brand"] == {"strasse gmbh", "café"}


def test_one_record_cannot_fill_the_index():
    groups = {"right": [{"brands": [f"brand {n}" for n in range(MAX_VALUES * 3)] + ["x" * (MAX_VALUE + 1)]}]}
    brands = SEIZURE.facets(groups).values["brand"]
    assert len(brands) == MAX_VALUES
    assert max(map(len, brands)) <= MAX_VALUE


def test_what_no_database_stores_is_not_indexed():
    groups = {"right": [{"brands": ["a\x00b", "\ud83d", "", "Acme"]}], "transport": {"conveyance": "s\x00a"}}
    assert SEIZURE.facets(groups).values == {"brand": {"acme"}}


def test_members_and_codes_of_a_later_version_are_read_past():
    groups = {
        "goods": [{"line": "1", "wco": ["spacecraft"], "colour": {"r": 1}}, "words", None, 5],
        "control": {"procedure": "by drone", "since": 2031},
        "hologram": {"n": [1]},
    }
    facets = SEIZURE.facets(groups)
    assert facets.values == {"category": {"spacecraft"}, "procedure": {"by drone"}}
    assert SEIZURE.title(groups) == "spacecraft"
    assert "hologram" in SEIZURE.attributes(groups, handling={}).groups


def test_an_alert_is_read_from_its_subject_and_pattern():
    attributes = ALERT.attributes(alert(), handling={"tlp": "red"})
    assert attributes.kind == "alert"
    assert attributes.categories == {"footwear"}
    assert attributes.hs == {"6404"}
    assert attributes.brands == {"acme sport"}
    assert attributes.rights == {"trademark"}
    assert attributes.destination == {"UG"}
    assert attributes.health_safety is True
    assert attributes.nominal == {"companies", "narrative"}
    assert ALERT.facets(alert()).values["conveyance"] == {"sea"}
    assert ALERT.title(alert()) == "Shoes behind tiles · CN → UG · sea"


def test_an_alert_without_its_headline_still_has_a_title():
    assert ALERT.title({"subject": {"wco": ["watches"]}}) == "Watches"
    assert ALERT.title({}) == "Alert"


def test_an_alert_is_called_by_its_authors_words_before_a_translation():
    title = [*said("Chaussures", "fr", "machine"), *said("Shoes", "en")]
    assert ALERT.title({"headline": {"title": title, "type": "hot_shipment"}}) == "Shoes"


def test_an_annotation_is_called_by_its_type_and_result():
    schema = get_schema("annotation/1")
    assert schema.title(annotation()) == "Feedback: not found"
    assert schema.title({}) == "Annotation"


def test_a_picture_in_the_documents_is_a_picture_of_the_record():
    groups = {"documents": {"media": [{"sha256": SHA}]}}
    assert SEIZURE.attributes(groups, handling={}).media
