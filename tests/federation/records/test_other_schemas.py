"""`alert/1`, `annotation/1` and `tombstone/1` at issue."""

from __future__ import annotations

import pytest

from federation.records import check_tomb, get_schema
from tests.federation.records.cases import RID, alert, annotation, said

ALERT = get_schema("alert/1")
ANNOTATION = get_schema("annotation/1")
TOMBSTONE = get_schema("tombstone/1")


def with_headline(**members):
    return {"headline": {**alert()["headline"], **members}}


ALERT_ERRORS = {
    "no headline": ({}, "headline"),
    "no title": ({"headline": {"type": "hot_shipment"}}, "headline.title"),
    "texts that nobody confirmed to hold no names": (
        {**alert(), "texts": {"text": said("x")}},
        "texts.no_names",
    ),
    "texts confirmed to hold names": (
        {**alert(), "texts": {"text": said("x"), "no_names": False}},
        "texts.no_names",
    ),
    "a deadline in local time": (
        with_headline(respond_by="2024-06-01T12:00:00+03:00"),
        "headline.respond_by",
    ),
    "a deadline on a day that does not exist": (
        with_headline(respond_by="2024-06-31T12:00:00Z"),
        "headline.respond_by",
    ),
    "a validity that ends before it begins": (
        with_headline(validity={"from": "2024-06-01", "until": "2024-05-01"}),
        "headline.validity.until",
    ),
    "a link to no record id": ({**alert(), "links": [{"type": "seizure", "rid": "17"}]}, "links[0].rid"),
    "a group of the seizure": ({**alert(), "goods": [{"line": "1"}]}, "goods"),
}

ANNOTATION_ERRORS = {
    "nothing that it speaks of": ({"note": {"type": "ack"}}, "about"),
    "no note": ({"about": annotation()["about"]}, "note"),
    "a subject without its hash": (
        {**annotation(), "about": [{"iss": "KE", "rid": RID, "ver": 1}]},
        "about[0].jh",
    ),
    "a version nought": ({**annotation(), "about": [{**annotation()["about"][0], "ver": 0}]}, "about[0].ver"),
    "one record said to be the same event": ({**annotation(), "note": {"type": "same-event"}}, "about"),
    "an answer to nothing": ({**annotation(), "note": {"type": "answer"}}, "note.answer_to"),
}

TOMB_ERRORS = {
    "a reason of one's own": ({"reason": "oops", "effect": "erase"}, "tomb.reason"),
    "an effect of one's own": ({"reason": "erroneous", "effect": "hide"}, "tomb.effect"),
    "no effect": ({"reason": "erroneous"}, "tomb.effect"),
    "a duplicate of nothing": ({"reason": "duplicate-of", "effect": "erase"}, "tomb.ref"),
    "a replacement by words": (
        {"reason": "erroneous", "effect": "replace", "ref": "the other one"},
        "tomb.ref",
    ),
    "a reason that is a list": ({"reason": [], "effect": {}}, "tomb.reason"),
    "an unknown member": ({"reason": "erroneous", "effect": "erase", "why": "x"}, "tomb.why"),
    "no object": ("erased", "tomb"),
}


def test_a_full_alert_passes_without_a_word():
    report = ALERT.validate(ALERT.prepare(alert()))
    assert (report.errors, report.warnings) == ((), ())


@pytest.mark.parametrize("case", ALERT_ERRORS)
def test_an_alert_is_refused_for(case):
    groups, path = ALERT_ERRORS[case]
    assert path in {fault.path for fault in ALERT.validate(groups).errors}


def test_the_groups_of_an_alert_are_those_of_the_domain_page():
    assert ALERT.groups == (
        "headline",
        "texts",
        "subject",
        "pattern",
        "cargo_ids",
        "place_coarse",
        "media",
        "links",
        "persons",
        "companies",
        "documents",
        "narrative",
    )
    assert ALERT.nominal == {"persons", "companies", "documents", "narrative"}


def test_an_annotation_passes_without_a_word():
    report = ANNOTATION.validate(ANNOTATION.prepare(annotation()))
    assert (report.errors, report.warnings) == ((), ())


@pytest.mark.parametrize("case", ANNOTATION_ERRORS)
def test_an_annotation_is_refused_for(case):
    groups, path = ANNOTATION_ERRORS[case]
    assert path in {fault.path for fault in ANNOTATION.validate(groups).errors}


@pytest.mark.parametrize(
    "type_",
    ["ack", "feedback", "sighting", "query", "verification", "translation", "evidence-request"],
)
def test_each_type_of_annotation_about_one_record_is_known(type_):
    report = ANNOTATION.validate({**annotation(), "note": {"type": type_}})
    assert (report.errors, report.warnings) == ((), ())


def test_a_tombstone_has_no_groups_and_as_many_digests_as_every_record():
    assert TOMBSTONE.groups == ()
    assert TOMBSTONE.digests == 24
    assert TOMBSTONE.validate({}).ok
    assert not TOMBSTONE.validate({"narrative": said("x")}).ok
    assert TOMBSTONE.title({}) == "Recalled"


@pytest.mark.parametrize(
    "reason",
    ["erroneous", "unlawful", "court-order", "retention", "withdrawn", "data-subject", "duplicate-of"],
)
@pytest.mark.parametrize("effect", ["stop-use", "erase", "replace"])
def test_each_reason_and_effect_of_a_recall_is_known(reason, effect):
    assert check_tomb({"reason": reason, "effect": effect, "ref": {"iss": "KE", "rid": RID}}).ok


@pytest.mark.parametrize("case", TOMB_ERRORS)
def test_a_recall_is_refused_for(case):
    tomb, path = TOMB_ERRORS[case]
    assert path in {fault.path for fault in check_tomb(tomb).errors}
