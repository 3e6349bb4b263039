"""Annotations, queries, the status of alerts and the relay comparison for officers."""


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
