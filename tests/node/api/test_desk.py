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
