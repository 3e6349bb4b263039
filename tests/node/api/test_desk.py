"""The desk for officers and programs."""


def test_the_queue_and_the_questions_are_given(call, released):
    (row,) = call.get("/api/v1/desk/queue").json()["waiting"]
    assert (row["iss"], row["rid"], row["findings"]) == ("KE", released, [])
    assert call.get("/api/v1/desk/queue?member=TZ").json() == {"waiting": []}
    remark = {"about": [released], "type": "verification", "result": "verified"}
    assert call.post("/api/v1/annotations", remark).status_code == 201
    assert call.get("/api/v1/desk/queue").json()["waiting"] == []
    assert call.get("/api/v1/desk/queries").json() == {"queries": []}
    assert call.get("/api/v1/desk/queries?state=lost").status_code == 422


def test_times_patterns_and_what_was_entered_for_others_are_given(call, released):
    members = {one["member"]: one for one in call.get("/api/v1/desk/timeliness?from=2025&to=2025").json()["members"]}
    assert (members["KE"]["cases"], members["KE"]["late"], members["TZ"]["late"]) == (1, False, True)
    assert call.get("/api/v1/desk/timeliness?from=soon").status_code == 422
    found = call.get("/api/v1/desk/patterns?months=2&until=2025-12").json()
    assert (found["first"], found["last"], found["counted"], found["found"]) == ("2025-11", "2025-12", 1, [])
    assert call.get("/api/v1/desk/patterns?months=13").status_code == 422
    assert call.get("/api/v1/desk/on-behalf").json() == {"records": []}
