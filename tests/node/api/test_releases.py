"""Drafts and releases by API, and what stands around the exchange."""

from __future__ import annotations

import json
import threading

import pytest

from node.storage import audit, quarantine
from node.storage.tables import feed_in
from node.storage.tables import quarantine as quarantine_table
from tests.node.api.conftest import POLICY, SECRET_WORD, seizure
from tests.node.conftest import NOW

ALERT = {
    "headline": {
        "title": [{"lang": "en", "by": "human", "text": "Shoes in rice"}],
        "type": "new_modus_operandi",
    },
    "subject": {"wco": ["footwear"]},
}


def keep(call, groups, kind="seizure", **members):
    return call.post("/api/v1/drafts", {"kind": kind, "groups": groups, **members})


def test_the_same_words_twice_are_one_draft_and_others_are_its_correction(call) -> None:
    first = keep(call, seizure())
    again = keep(call, seizure())
    other = keep(call, seizure(transport={"conveyance": "air"}))

    assert [answer.json()["outcome"] for answer in (first, again, other)] == ["created", "unchanged", "changed"]
    assert len({answer.json()["rid"] for answer in (first, again, other)}) == 1
    listed = call.get("/api/v1/drafts", role="contact-point")
    assert len(listed.json()["drafts"]) == 1
    assert SECRET_WORD not in listed.text


def test_a_warning_is_told_and_forbids_nothing(call) -> None:
    answer = keep(call, seizure(goods=[{"line": "1", "wco": ["flying carpets"]}]))

    assert answer.status_code == 201
    assert answer.json()["warnings"][0]["field"] == "goods[0].wco[0]"
    assert "flying" not in json.dumps(answer.json()["warnings"])


def test_an_alert_gets_a_reference_when_it_has_none(call) -> None:
    assert keep(call, ALERT, "alert").json()["reference"].startswith("alert-")
    assert keep(call, ALERT, "alert", reference="A-1").json()["reference"] == "A-1"


@pytest.mark.parametrize("reference", ["", "a\nb", "x" * 201])
def test_a_reference_that_is_none_is_refused(call, reference: str) -> None:
    answer = keep(call, ALERT, "alert", reference=reference)
    assert answer.json()["errors"][0]["field"] == "reference"


def test_a_refused_draft_leaves_nothing(call) -> None:
    assert keep(call, seizure(case={"reference": "R-1", "administration": "TZ"})).status_code == 422
    assert keep(call, {"goods": [{"line": "1"}]}).status_code == 422
    assert call.get("/api/v1/drafts", role="contact-point").json()["drafts"] == []


def test_a_release_tells_the_peers_whose_feeds_grew(call, app, policy, monkeypatch) -> None:
    told = []
    exchange = app.state.office.exchange
    loop_thread = call.client.portal.call(threading.get_ident)
    monkeypatch.setattr(
        type(exchange), "grown", lambda _, peers: told.append((sorted(peers), threading.get_ident() == loop_thread))
    )
    keep(call, seizure())

    report = call.release("R-1").json()

    assert (report["released"], report["entries"], report["withheld"], report["recipients"]) == (1, 1, 3, ["TZ"])
    assert report["policy_version"] == 1
    assert told == [(["TZ"], True)]


def test_drafts_are_released_by_id_by_reference_or_all(call, policy) -> None:
    for number in range(4):
        keep(call, seizure(f"R-{number}"))
    keep(call, ALERT, "alert", reference="A-1")
    listed = call.get("/api/v1/drafts", role="contact-point").json()["drafts"]
    ids = {row["reference"]: row["id"] for row in listed}

    def release(body):
        return call.post("/api/v1/releases", body).json()

    assert release({"ids": [ids["R-0"]]})["released"] == 1
    assert release({"references": ["R-1", "R-0", "R-9"]}) | {"rids": []} == {
        "released": 1, "entries": 1, "withheld": 3, "recipients": ["TZ"], "rids": [], "refused": [],
        "not_waiting": 2, "policy_version": 1,
    }  # fmt: skip
    assert release({"all": True, "kind": "alert"})["released"] == 1
    assert release({"all": True})["released"] == 2
    assert release({"all": True})["type"].endswith("nothing-to-release")


@pytest.mark.parametrize("body", [{}, {"all": True, "ids": [1]}, {"references": []}, {"all": False}, {"ids": ["1"]}])
def test_a_release_that_does_not_say_which_is_refused(call, body) -> None:
    assert call.post("/api/v1/releases", body).json()["type"] == "urn:tidewaiter:problem:invalid"


def test_without_a_policy_a_release_shares_nothing(call) -> None:
    keep(call, seizure())

    report = call.release("R-1").json()

    assert (report["released"], report["entries"], report["recipients"]) == (1, 0, [])
    assert "policy_version" not in report


SECOND = {
    "the same person again": ({"name": "the contact-point", "role": "contact-point"}, 422),
    "one who may not release": ({"name": "B", "role": "officer"}, 422),
    "one whose token has expired": ({"name": "B", "role": "contact-point", "now": NOW - 86_400}, 422),
    "another contact point": ({"name": "B", "role": "contact-point"}, 200),
}


@pytest.mark.parametrize("sentence", SECOND)
def test_a_second_officer_is(call, policy, sentence: str) -> None:
    given, status = SECOND[sentence]
    keep(call, seizure())

    assert call.release("R-1", second=call.token(**given)).status_code == status

    row = call.get("/api/v1/drafts", role="contact-point").json()["drafts"][0]
    assert row.get("second_by") == ("B" if status == 200 else None)


def test_the_name_of_a_second_officer_is_not_enough(call, policy) -> None:
    keep(call, seizure())
    assert call.release("R-1", second="B").json()["errors"][0]["field"] == "second"


def test_a_faulty_policy_is_refused_whole_with_every_fault(call, policy) -> None:
    faulty = POLICY.replace('mode = "replicate"', 'mode = "shout"').replace("version = 1", 'version = "x"')

    answer = call.post("/api/v1/policy/check", {"text": faulty})

    assert {error["field"] for error in answer.json()["errors"]} == {"version", "rule[0].mode"}
    assert call.get("/api/v1/policy", role="auditor").json()["text"] == POLICY


def test_a_sound_policy_is_told_what_it_is_and_changes_nothing(call, policy) -> None:
    new = POLICY.replace("version = 1", "version = 2").replace('node = ["TZ"]', 'node = ["TZ", "MW"]')

    answer = call.post("/api/v1/policy/check", {"text": new}).json()

    assert (answer["version"], answer["rules"], answer["instruments"]) == (2, ["neighbours"], ["MAA"])
    assert answer["strangers"] == ["rule 'neighbours': the directory knows no node MW"]
    assert call.get("/api/v1/policy", role="auditor").json()["version"] == 1


def test_no_policy_is_a_problem(call) -> None:
    assert call.get("/api/v1/policy", role="auditor").json()["type"].endswith(":no-policy")


@pytest.fixture
def held(home) -> int:
    """A quarantined entry whose leaf cannot be read."""
    with home.database.write() as connection:
        connection.execute(
            feed_in.insert().values(sender="TZ", lane="bulk", epoch=0, size=1, hashes=b"", head=1, updated_at=NOW)
        )
        entry = {
            "feed": 1,
            "n": 0,
            "sender": "TZ",
            "leaf": "{",
            "body": SECRET_WORD,
            "gc": 0,
            "state": "held",
            "at": NOW,
        }
        reason = {"problem": "malformed", "detail": "the leaf is not JSON"}
        connection.execute(quarantine_table.insert().values(**entry, **reason))
        return quarantine.listing(connection)[0].id


def test_quarantine_shows_the_reason_and_not_the_body(call, held) -> None:
    answer = call.get("/api/v1/quarantine", role="admin")

    assert answer.json()["entries"][0]["problem"] == "malformed"
    assert SECRET_WORD not in answer.text
    peer = next(row for row in call.get("/api/v1/peers").json()["peers"] if row["id"] == "TZ")
    assert peer["problems"] == {"malformed": 1}
    assert peer["incoming"][0]["quarantined"] == 1
    assert call.get("/api/v1/node").json()["quarantined"] == 1
    given = call.get("/api/v1/receipts", role="admin").json()["given"]
    assert given[0]["quarantined"] == [{"n": 0, "problem": "malformed"}]


def test_a_retry_that_is_refused_again_says_why_and_keeps_the_entry(call, held) -> None:
    answer = call.post(f"/api/v1/quarantine/{held}/retry", role="admin")

    assert answer.json()["released"] is False
    assert answer.json()["problem"] == "malformed"
    assert call.get("/api/v1/quarantine", role="admin").json()["entries"][0]["retried_at"] == NOW


def test_the_disclosure_log_is_read_whole_or_for_one_record(call, home, released) -> None:
    call.get("/api/v1/records")
    call.get(f"/api/v1/records/{released}")

    every = call.get("/api/v1/disclosures", role="auditor").json()["disclosures"]
    of_one = call.get(f"/api/v1/disclosures?rid={released}", role="auditor").json()["disclosures"]

    assert [row["action"] for row in every] == ["view", "search", "feed"]
    assert [row["action"] for row in of_one] == ["view", "feed"]
    with home.database.read() as connection:
        assert audit.count(connection) == 3
