"""One box and saved searches over the API: what is held, who may be asked, what is new, and nobody else's searches."""

from __future__ import annotations

import json

from node.storage import records
from tests.node.api.conftest import seizure
from tests.node.api.test_records import index, log, receive

OTHER = "2f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e"
THIRD = "3f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e"
CONTAINER = {"cargo_ids": {"containers": ["CSQU3054383"]}}
PARTY = {"companies": [{"role": "consignee", "name": "Мохаммед Трейдинг", "address": "Tel. +7 495 123-45-67"}]}


def found(call, text, **more):
    answer = call.get("/api/v1/find", params={"text": text, **more}, role="officer")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_whatever_is_typed_finds_the_record_once_and_says_by_what(call, home):
    receive(home, groups=seizure(case={"reference": "T-1", "administration": "TZ"}, **CONTAINER, **PARTY))
    index(home)
    for text, by, what in (
        ("csqu 305438-3", "number", "container"),
        ("8 495 123 45 67", "number", "phone"),
        ("Muhammad Trading", "name", "company"),
        ("chauss", "words", None),
    ):
        told = found(call, text)
        assert [(one["by"], one.get("matched", {}).get("what")) for one in told["records"]] == [(by, what)], text
        assert "may_be_asked" not in told  # this node has no policy yet


def test_every_way_of_looking_has_a_row_of_the_log_with_the_purpose(call, home):
    found(call, "ACME 54", purpose="risk-analysis")
    rows = log(home, "search")
    assert [next(iter(json.loads(row.detail))) for row in rows] == ["number", "name", "words"]
    assert {row.purpose for row in rows} == {"risk-analysis"}


def test_a_record_that_was_not_granted_for_the_purpose_is_not_there(call, home):
    receive(home, groups=seizure(case={"reference": "T-1", "administration": "TZ"}, **CONTAINER))
    index(home)
    assert found(call, "CSQU3054383", purpose="statistics")["records"] == []
    assert len(found(call, "CSQU3054383")["records"]) == 1


def test_a_text_that_can_be_nothing_is_refused_by_its_field(call):
    answer = call.get("/api/v1/find", params={"text": "\u2026"}, role="officer")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "text"


def save(call, name="shoes", role="officer", **criteria):
    body = {"name": name, "criteria": criteria or {"words": "chaussures"}}
    return call("POST", "/api/v1/saved-searches", role=role, json=body)


def news(call, name="shoes"):
    answer = call("POST", f"/api/v1/saved-searches/{name}/news", role="officer")
    assert answer.status_code == 200, answer.text
    return [one["rid"] for one in answer.json()["records"]]


def test_a_saved_search_tells_what_came_since_and_tells_it_once(call, home):
    receive(home)
    index(home)
    assert save(call).status_code == 200
    assert news(call) == []
    receive(home, rid=OTHER)
    # The served node follows by itself: whenever it does, what is new is told once and never missed.
    told = news(call)
    index(home)
    (listed,) = call.get("/api/v1/saved-searches", role="officer").json()["searches"]
    assert (listed["name"], listed["waiting"]) == ("shoes", 1 - len(told))
    assert told + news(call) == [OTHER]
    assert news(call) == []
    ran = call.get("/api/v1/saved-searches/shoes", role="officer").json()["records"]
    assert len(ran) == 2


def test_more_news_than_one_answer_tells_stays_new(call, home, monkeypatch):
    monkeypatch.setattr("node.services.saving.NEWS", 1)
    save(call)
    for rid in (OTHER, THIRD):
        receive(home, rid=rid)
    index(home)
    assert len(news(call)) == 1
    (listed,) = call.get("/api/v1/saved-searches", role="officer").json()["searches"]
    assert listed["waiting"] == 2


def test_news_with_filters_alone_are_of_later_rows_alone(call, home):
    receive(home)
    index(home)
    save(call, "sea", filters={"category": ["footwear"]})
    receive(home, rid=OTHER)
    index(home)
    assert news(call, "sea") == [OTHER]


def test_what_was_withdrawn_meanwhile_is_no_news(call, home):
    save(call)
    receive(home, rid=OTHER)
    index(home)
    with home.database.write() as connection:
        (row,) = records.by_key(connection, "TZ", OTHER)
        records.forget_words(connection, row.id)
        records.erase(connection, row.id)
    assert news(call) == []


def test_officers_see_their_own_searches_alone(call):
    save(call)
    assert call.get("/api/v1/saved-searches", role="contact-point").json() == {"searches": []}
    for method, path in (("GET", ""), ("POST", "/news"), ("DELETE", "")):
        answer = call(method, f"/api/v1/saved-searches/shoes{path}", role="contact-point")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:cnp:problem:not-found")
    assert call("DELETE", "/api/v1/saved-searches/shoes", role="officer").json() == {"searches": []}


def test_a_search_that_cannot_be_run_is_not_saved(call):
    for criteria, field in (
        ({"filters": {"colour": ["red"]}}, "colour"),
        ({"from": "yesterday"}, "from"),
        ({"number": "x"}, "number"),
        ({"order": "best"}, "order"),
        ({"filters": {}}, "criteria"),
    ):
        answer = save(call, **criteria)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert save(call, name=" ").status_code == 422


def test_a_search_of_the_same_name_is_replaced_and_there_is_a_bound(call, monkeypatch):
    monkeypatch.setattr("node.services.saving.MAX_SAVED", 1)
    save(call)
    assert save(call, words="bottes").json()["searches"][0]["criteria"]["words"] == "bottes"
    assert save(call, name="other").status_code == 422
