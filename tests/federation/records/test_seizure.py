"""`seizure/1` at issue: what is refused, what is only warned about, and what is taken as it is."""

from __future__ import annotations

import copy

import pytest

from federation.records import SCHEMAS, UnknownSchema, get_schema
from federation.records.codes import labels
from tests.federation.records.cases import complete, hs, said, smallest

SEIZURE = get_schema("seizure/1")


def goods(*lines):
    return [{"line": line} for line in lines]


ERRORS = {
    "no case": ({}, "case", "is missing"),
    "no reference": ({"case": {"administration": "KE"}}, "case.reference", "is missing"),
    "no administration": ({"case": {"reference": "1"}}, "case.administration", "is missing"),
    "an empty reference": ({"case": {"reference": "", "administration": "KE"}}, "case.reference", "is empty"),
    "a reference of blanks": (
        {"case": {"reference": "  ", "administration": "KE"}},
        "case.reference",
        "no reference",
    ),
    "a reference of two lines": (
        {"case": {"reference": "a\nb", "administration": "KE"}},
        "case.reference",
        "no reference",
    ),
    "an administration in words": (
        {"case": {"reference": "1", "administration": "the customs of Kenya"}},
        "case.administration",
        "is not an administration",
    ),
    "an unknown group": (smallest(colour="red"), "colour", "no member 'colour'"),
    "an unknown member": (smallest(place={"countri": "KE"}), "place.countri", "no member 'countri'"),
    "an unknown member deep inside": (
        smallest(goods=[{"line": "1", "hs": {**hs("64"), "tariff": "1"}}]),
        "goods[0].hs.tariff",
        "no member 'tariff'",
    ),
    "a null": (smallest(place={"office": None}), "place.office", "is null"),
    "a binary fraction": (
        smallest(quantity=[{"amount": {"n": 1.5}}]),
        "quantity[0].amount.n",
        "is a binary fraction",
    ),
    "a number where a decimal text belongs": (
        smallest(quantity=[{"amount": {"n": 12}}]),
        "quantity[0].amount.n",
        "is a number, not a text",
    ),
    "a decimal with a comma": (
        smallest(quantity=[{"amount": {"n": "1,5"}}]),
        "quantity[0].amount.n",
        "not a decimal",
    ),
    "a decimal with an exponent": (
        smallest(quantity=[{"amount": {"n": "1e9"}}]),
        "quantity[0].amount.n",
        "not a decimal",
    ),
    "a negative amount": (
        smallest(quantity=[{"amount": {"n": "-1"}}]),
        "quantity[0].amount.n",
        "not a decimal",
    ),
    "a decimal with a leading nought": (
        smallest(quantity=[{"amount": {"n": "007"}}]),
        "quantity[0].amount.n",
        "not a decimal",
    ),
    "a range that runs backwards": (
        smallest(quantity=[{"amount": {"n": "20", "to": "10"}}]),
        "quantity[0].amount.to",
        "below the lower end",
    ),
    "about: false": (
        smallest(quantity=[{"amount": {"n": "2", "about": False}}]),
        "quantity[0].amount.about",
        "is false",
    ),
    "money without a currency": (
        smallest(value=[{"money": {"n": "5", "basis": "declared"}}]),
        "value[0].money.currency",
        "is missing",
    ),
    "a date that does not exist": (
        smallest(place={"on": "2024-02-30"}),
        "place.on",
        "is not a date",
    ),
    "a date in another order": (smallest(place={"on": "17.05.2024"}), "place.on", "is not a date"),
    "a period that runs backwards": (
        {
            "case": {
                "reference": "1",
                "administration": "KE",
                "dates": [{"kind": "found", "on": "2024-05", "until": "2024-04"}],
            }
        },
        "case.dates[0].until",
        "before the beginning",
    ),
    "a list that is none": (smallest(goods={"line": "1"}), "goods", "is an object, not a list"),
    "an object that is none": (smallest(place=["KE"]), "place", "is a list, not an object"),
    "a flag that is a text": (
        smallest(goods=[{"line": "1", "health_safety": "yes"}]),
        "goods[0].health_safety",
        "is a text, not true or false",
    ),
    "a number that is a flag": (smallest(right=[{"nice": [True]}]), "right[0].nice[0]", "is true or false"),
    "an empty list": (smallest(goods=[]), "goods", "is empty"),
    "an empty object": (smallest(place={}), "place", "is empty"),
    "a text that is not in normal form": (
        smallest(place={"office": "Ku\u0308ste"}),
        "place.office",
        "normal form C",
    ),
    "half a character": (smallest(place={"office": "\ud83d"}), "place.office", "half a character"),
    "a control character": (smallest(place={"office": "a\x00b"}), "place.office", "control characters"),
    "a text beyond the protocol's limit": (
        smallest(narrative=said("x" * 16_385)),
        "narrative[0].text",
        "longer than",
    ),
    "a text beyond the limit in bytes only": (
        smallest(narrative=said("漢" * 6_000)),
        "narrative[0].text",
        "longer than",
    ),
    "a narrative without a language": (smallest(narrative="words"), "narrative", "is a text, not a list"),
    "goods without a line": (smallest(goods=[{"wco": ["watches"]}]), "goods[0].line", "is missing"),
    "a line that is a number": (smallest(goods=[{"line": 1}]), "goods[0].line", "is a number, not a text"),
    "two goods of one line": (smallest(goods=goods("1", "1")), "goods[1].line", "occurs twice"),
    "a quantity of no line": (
        smallest(goods=goods("1"), quantity=[{"line": "2", "amount": {"n": "1"}}]),
        "quantity[0].line",
        "is not a line of goods",
    ),
    "a value of no line": (
        smallest(
            goods=goods("1"),
            value=[{"line": "2", "money": {"n": "1", "currency": "EUR", "basis": "declared"}}],
        ),
        "value[0].line",
        "is not a line of goods",
    ),
    "a right of no line": (smallest(right=[{"line": "1"}]), "right[0].line", "is not a line of goods"),
    "a procedure of no line": (
        smallest(assessment={"procedures": [{"line": "9"}]}),
        "assessment.procedures[0].line",
        "is not a line of goods",
    ),
    "a link that would run a script": (
        {
            "case": {
                "reference": "1",
                "administration": "KE",
                "links": [{"type": "other", "url": "javascript:alert(1)"}],
            }
        },
        "case.links[0].url",
        "is not a web address",
    ),
    "a picture without a digest": (
        smallest(media=[{"size": 1, "mime": "image/png", "role": "picture"}]),
        "media[0].sha256",
        "is missing",
    ),
    "a digest in hexadecimal": (
        smallest(media=[{"sha256": "ab" * 32, "size": 1, "mime": "image/png", "role": "picture"}]),
        "media[0].sha256",
        "is not a SHA-256 digest",
    ),
    "a band that is no order of magnitude": (
        smallest(quantity_band=[{"band": "1-10"}]),
        "quantity_band[0].band",
        "not a band",
    ),
    "a month that does not exist": (
        smallest(place_coarse={"month": "2024-13"}),
        "place_coarse.month",
        "not a month",
    ),
    "a person without a role": (smallest(persons=[{"name": "A"}]), "persons[0].role", "is missing"),
}

WARNINGS = {
    "a country that is no code": (smallest(place={"country": "ZY"}), "place.country", "not in the list"),
    "a country in words, with the code": (
        smallest(place={"country": "Turkey"}),
        "place.country",
        "not in the list",
    ),
    "a procedure outside the nine": (
        smallest(control={"procedure": "inward_processing"}),
        "control.procedure",
        "list",
    ),
    "a conveyance that nobody foresaw": (
        smallest(transport={"conveyance": "canoe"}),
        "transport.conveyance",
        "list",
    ),
    "an administration that is no country": (
        {"case": {"reference": "1", "administration": "QQ"}},
        "case.administration",
        "not in the list",
    ),
    "a currency that is no code": (
        smallest(value=[{"money": {"n": "1", "currency": "QQQ", "basis": "declared"}}]),
        "value[0].money.currency",
        "not in the list",
    ),
    "money that does not say what it measures": (
        smallest(value=[{"money": {"n": "1", "currency": "EUR"}}]),
        "value[0].money.basis",
        "is missing",
    ),
    "a deprecated unit": (
        smallest(quantity=[{"amount": {"n": "2", "unit": "NPR"}}]),
        "quantity[0].amount.unit",
        "deprecated",
    ),
    "a deleted unit": (
        smallest(quantity=[{"amount": {"n": "2", "unit": "CT"}}]),
        "quantity[0].amount.unit",
        "deleted",
    ),
    "a heading that the edition does not have": (
        smallest(goods=[{"line": "1", "hs": hs("640499")}]),
        "goods[0].hs.code",
        "is not in the edition 2022",
    ),
    "a tariff number of ten digits": (
        smallest(goods=[{"line": "1", "hs": hs("6404110000")}]),
        "goods[0].hs.code",
        "is not a code of the Harmonized System",
    ),
    "a container with a wrong check digit": (
        smallest(cargo_ids={"containers": ["CSQU3054384"]}),
        "cargo_ids.containers[0]",
        "check digit",
    ),
    "a ship with a wrong check digit": (
        smallest(cargo_ids={"imo": "9319467"}),
        "cargo_ids.imo",
        "check digit",
    ),
    "an air waybill with a wrong check digit": (
        smallest(cargo_ids={"awb": "020-12345676"}),
        "cargo_ids.awb",
        "check digit",
    ),
    "an article number with a wrong check digit": (
        smallest(goods=[{"line": "1", "gtin": ["4006381333932"]}]),
        "goods[0].gtin[0]",
        "check digit",
    ),
    "an identifier in another script": (
        smallest(cargo_ids={"imo": "٩٣١٩٤٦٦"}),
        "cargo_ids.imo",
        "check digit",
    ),
    "a class beyond Nice": (smallest(right=[{"nice": [46]}]), "right[0].nice[0]", "Nice"),
    "a grade beyond the Admiralty's": (
        smallest(assessment={"information": 7}),
        "assessment.information",
        "grade",
    ),
    "a total above its parts": (
        smallest(
            goods=goods("1", "2"),
            quantity=[
                {"line": "1", "amount": {"n": "21000", "unit": "H87"}},
                {"line": "2", "amount": {"n": "746", "unit": "H87"}},
                {"amount": {"n": "21744", "unit": "H87"}},
            ],
        ),
        "quantity[2].amount.n",
        "is a total of 21744, and its lines add up to 21746",
    ),
    "a total below one part": (
        smallest(
            goods=goods("1", "2"),
            value=[
                {"money": {"n": "5", "currency": "EUR", "basis": "declared"}},
                {"line": "1", "money": {"n": "7.50", "currency": "EUR", "basis": "declared"}},
            ],
        ),
        "value[0].money.n",
        "is a total of 5, and its lines add up to 7.50",
    ),
}

CLEAN = {
    "the smallest": smallest(),
    "every group": complete(),
    "several destinations": smallest(
        route={
            "chain": [
                {"role": "departure", "country": "CN"},
                {"role": "destination", "country": "CG"},
                {"role": "destination", "country": "GA"},
            ],
        },
    ),
    "two rights in one consignment": smallest(
        goods=goods("1"),
        right=[{"line": "1", "types": ["trademark", "copyright"], "brands": ["Ray", "A Film"]}],
    ),
    "genuine goods that infringe a geographical indication": smallest(
        goods=[{"line": "1", "wco": ["alcohol"], "description": said("Beer, genuine, with a protected name")}],
        quantity=[{"line": "1", "amount": {"n": "2352", "unit": "H87", "as_written": "cans"}}],
        right=[{"line": "1", "types": ["geographical_indication"]}],
        assessment={"procedures": [{"line": "1", "outcome": "destroyed"}]},
    ),
    "a quantity that is about, and one that is a range": smallest(
        goods=goods("1", "2"),
        quantity=[
            {"line": "1", "amount": {"n": "1000", "about": True, "unit": "PR"}},
            {"line": "2", "amount": {"n": "10", "to": "20", "unit": "H87"}},
        ],
    ),
    "a withdrawn currency": smallest(value=[{"money": {"n": "50000", "currency": "LTL", "basis": "estimated"}}]),
    "two values of one seizure on two bases": smallest(
        value=[
            {"money": {"n": "5350000000", "currency": "VND", "basis": "retail_genuine"}},
            {"money": {"n": "545900000", "currency": "VND", "basis": "customs_appraisal"}},
        ],
    ),
    "no date at all": smallest(place={"country": "PL"}),
    "a year only": smallest(place={"on": "2017"}),
    "a period within its own month": {
        "case": {
            "reference": "1",
            "administration": "KE",
            "dates": [{"kind": "found", "on": "2024-05-20", "until": "2024-05", "about": True}],
        },
    },
    "a total that includes lines nobody counted": smallest(
        goods=goods("1", "2"),
        quantity=[{"amount": {"n": "10", "unit": "H87"}}, {"line": "1", "amount": {"n": "4", "unit": "H87"}}],
    ),
    "a total in another unit than its parts": smallest(
        goods=goods("1"),
        quantity=[
            {"amount": {"n": "10", "unit": "KGM"}},
            {"line": "1", "amount": {"n": "40", "unit": "H87"}},
        ],
    ),
    "a total that is about": smallest(
        goods=goods("1"),
        quantity=[{"amount": {"n": "10", "about": True}}, {"line": "1", "amount": {"n": "12"}}],
    ),
    "a code of an edition to come": smallest(goods=[{"line": "1", "hs": hs("999999", "2028")}]),
    "pseudo-countries": smallest(place={"country": "XZ"}, route={"discovered_in": "XK"}),
    "a reference in another script": {"case": {"reference": "№ 10/ДЖ-2018", "administration": "RU"}},
    "an administration without an ISO code": {"case": {"reference": "1", "administration": "EU"}},
    "a record entered by a regional office": {"case": {"reference": "1", "administration": "RILO-ESA"}},
    "an emoji and an Arabic sentence": smallest(narrative=said("📦 بضائع مقلدة", lang="ar")),
}


def find(faults, path):
    return [fault for fault in faults if fault.path == path]


@pytest.mark.parametrize("case", ERRORS)
def test_what_must_not_be_signed_is_an_error_at_its_place(case):
    groups, path, wrong = ERRORS[case]
    report = SEIZURE.validate(groups)
    assert not report.ok
    hits = find(report.errors, path)
    assert [fault for fault in hits if wrong in fault.wrong and fault.remedy], report


@pytest.mark.parametrize("case", WARNINGS)
def test_what_is_unusual_is_a_warning_and_keeps_its_text(case):
    groups, path, wrong = WARNINGS[case]
    before = copy.deepcopy(groups)
    report = SEIZURE.validate(groups)
    assert report.errors == ()
    assert [fault for fault in find(report.warnings, path) if wrong in fault.wrong and fault.remedy], report
    ready = SEIZURE.prepare(groups)
    assert {name: ready[name] for name in before} == before


@pytest.mark.parametrize("case", CLEAN)
def test_what_real_seizures_hold_passes_without_a_word(case):
    assert SEIZURE.validate(CLEAN[case]) == SEIZURE.validate({**CLEAN[case]})
    report = SEIZURE.validate(SEIZURE.prepare(CLEAN[case]))
    assert (report.errors, report.warnings) == ((), ())


@pytest.mark.parametrize("procedure", list(labels("procedure")))
def test_each_of_the_nine_procedures_round_trips(procedure):
    groups = SEIZURE.prepare(smallest(control={"procedure": procedure}))
    assert SEIZURE.validate(groups).warnings == ()
    assert groups["control"]["procedure"] == procedure
    assert SEIZURE.facets(groups).values["procedure"] == {procedure}


def test_all_faults_are_listed_at_once():
    report = SEIZURE.validate({"case": {"administration": 5}, "place": {"on": "soon"}, "goods": [{}], "colour": None})
    assert {fault.path for fault in report.errors} >= {
        "case.administration",
        "case.reference",
        "place.on",
        "goods[0]",
        "goods[0].line",
        "colour",
    }


def test_a_fault_shows_the_value_and_names_what_was_probably_meant():
    (fault,) = SEIZURE.validate(smallest(place={"country": "Turkey"})).warnings
    assert (fault.value, fault.remedy) == ("Turkey", "write TR (Türkiye)")
    (fault,) = SEIZURE.validate(smallest(place={"ofice": "Mombasa"})).errors
    assert fault.remedy == "did you mean 'office'?"


def test_the_groups_are_those_of_the_domain_page():
    assert [name for name in SEIZURE.groups if name not in SEIZURE.coarse] == list(complete())
    assert set(SEIZURE.groups) == set(complete()) | set(SEIZURE.coarse)
    assert SEIZURE.nominal == {"persons", "companies", "documents", "narrative"}
    assert len(SEIZURE.groups) <= SEIZURE.digests == 24


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_no_nominal_group_is_in_a_minimal_form(name):
    schema = SCHEMAS[name]
    assert schema.nominal.isdisjoint(schema.minimal)
    assert schema.nominal | schema.minimal | set(schema.coarse) <= schema.group_set
    assert len(schema.groups) <= schema.digests
    assert schema.kind == name.partition("/")[0]
    assert schema.digests == 24


def test_an_unknown_schema_is_named_and_is_a_key_error():
    with pytest.raises(UnknownSchema, match="seizure/9"):
        get_schema("seizure/9")
    assert issubclass(UnknownSchema, KeyError)
