"""Annotations, queries, the status of alerts and the relay comparison for officers."""

import json

from sqlalchemy import select

from node.services import annotating
from node.storage import tasks
from node.storage.tables import disclosure


def test_a_remark_is_signed_and_listed(call, released):
    answer = call.post(
        "/api/v1/annotations",
        {"about": [released], "type": "translation", "texts": [{"lang": "sw", "text": "viatu"}], "no_names": True},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["title"] == "Translation"
    listed = call.get(f"/api/v1/records/{released}/annotations").json()
    (said,) = listed["annotations"]
    assert (said["iss"], said["type"], said["text"], said["about"]["rid"]) == ("KE", "translation", "viatu", released)


def test_a_remark_with_faults_is_refused_whole(call, released):
    answer = call.post("/api/v1/annotations", {"about": [released], "type": "link"})
    assert answer.status_code == 422
    assert "about" in answer.json()["errors"][0]["field"]
    assert call.get(f"/api/v1/records/{released}/annotations").json()["annotations"] == []
    assert call.post("/api/v1/annotations", {"about": ["R-9"], "type": "ack"}).status_code == 404
    assert call.post("/api/v1/annotations", {"about": [released]}).status_code == 422


def test_nobody_asks_and_no_hub_was_given_anything(call, released):
    assert call.get("/api/v1/queries").json() == {"queries": []}
    found = call.get("/api/v1/relay/report", role="contact-point").json()
    assert found == {"expected": 0, "missing": [], "beyond": [], "reported_at": {}}


def test_the_status_of_an_alert_that_is_out(call, policy):
    groups = {
        "headline": {"title": [{"lang": "en", "by": "author", "text": "Look out"}], "type": "dangerous_goods"},
        "texts": {"text": [{"lang": "en", "by": "author", "text": "Red boxes"}], "no_names": True},
    }
    assert call.post("/api/v1/drafts", {"kind": "alert", "groups": groups, "reference": "A-1"}).status_code == 201
    assert call.get("/api/v1/alerts/A-1/status").status_code == 404
    assert call.release("A-1").status_code == 200
    (member,) = call.get("/api/v1/alerts/A-1/status").json()["members"]
    assert (member["node"], member["road"], member["received"], member["state"]) == (
        "TZ",
        "direct",
        False,
        "unanswered",
    )


def readings(home):
    with home.database.read() as connection:
        rows = connection.execute(select(disclosure).where(disclosure.c.action == "search").order_by(disclosure.c.id))
        return [(row.actor, row.purpose, json.loads(row.detail)) for row in rows]


def test_whoever_reads_what_was_said_stands_in_the_disclosure_log_and_hears_of_its_end(call, home, released):
    remark = {"about": [released], "type": "translation", "texts": [{"lang": "sw", "text": "viatu"}], "no_names": True}
    said = call.post("/api/v1/annotations", remark).json()["rid"]
    before = len(readings(home))
    assert call.get(f"/api/v1/records/{released}/annotations?purpose=risk-analysis", role="officer").status_code == 200
    ((actor, purpose, detail),) = readings(home)[before:]
    assert (purpose, detail) == ("risk-analysis", {"remarks on": released, "hits": [f"KE/{said}/1"]})
    assert actor
    with home.database.read() as connection:
        assert actor in tasks.viewers_of(connection, "KE", said)
    assert call.get("/api/v1/queries").status_code == 200  # nothing was shown, and nothing is logged
    assert len(readings(home)) == before + 1


def test_what_members_wrote_on_an_alert_is_told_to_those_who_may_view_records_alone(call, home, policy):
    groups = {"headline": {"title": [{"lang": "en", "by": "author", "text": "Look out"}], "type": "dangerous_goods"}}
    assert call.post("/api/v1/drafts", {"kind": "alert", "groups": groups, "reference": "A-1"}).status_code == 201
    (alert,) = call.release("A-1").json()["rids"]
    remark = annotating.Remark(about=[alert], type="feedback", result="found", narrative=[("en", "Mr Said had two")])
    annotating.annotate(home.database, home.publisher(), remark, by="o", now=home.clock())
    before = len(readings(home))
    (told,) = call.get("/api/v1/alerts/A-1/status", role="auditor").json()["remarks"]
    assert (told["type"], told["result"], told.get("text"), told.get("narrative")) == ("feedback", "found", None, None)
    assert len(readings(home)) == before
    (told,) = call.get("/api/v1/alerts/A-1/status", role="officer").json()["remarks"]
    assert told["narrative"] == "Mr Said had two"
    assert [detail["remarks on"] for _, _, detail in readings(home)[before:]] == [alert]
