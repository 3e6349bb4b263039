"""Exports, tasks and notices through the API."""

import hashlib
import json

from sqlalchemy import select

from node.services import keeping
from node.storage.tables import disclosure
from tests.node.api.conftest import SECRET_WORD, bind
from tests.node.conftest import NOW
from tests.simulator.naive import b64


def exported(call, rid, **changed):
    body = {"records": [{"rid": rid}], "purpose": "customs-enforcement", "destination": "the court", **changed}
    return call.post("/api/v1/exports", body)


def withdrawn(home, rid):
    with home.database.write() as connection:
        return keeping.tell_of_withdrawal(connection, "KE", rid, keeping.RECALLED, NOW)


def test_an_export_is_answered_registered_and_logged(call, home, released):
    answer = exported(call, released)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["sha256"] == b64(hashlib.sha256(body["content"].encode()).digest())
    assert SECRET_WORD in body["content"]  # an own record is exported whole
    (row,) = call.get("/api/v1/exports", role="auditor").json()["exports"]
    assert (row["officer"], row["destination"], row["sha256"]) == ("the contact-point", "the court", body["sha256"])
    assert "path" not in row
    with home.database.read() as connection:
        rows = connection.execute(select(disclosure).where(disclosure.c.action == "export")).all()
    assert [(row.rid, row.actor) for row in rows] == [(released, "the contact-point")]


def test_what_its_handling_forbids_is_not_exported_and_not_told(call, home, released):
    bind(home, released, purposes=["statistics"])
    answer = exported(call, released, destination=SECRET_WORD)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:tidewaiter:problem:export-refused")
    assert SECRET_WORD not in answer.text
    assert "customs-enforcement" in answer.json()["errors"][0]["wrong"]
    assert call.get("/api/v1/exports", role="auditor").json()["exports"] == []


def test_a_record_that_is_not_held_is_not_exported(call, policy):
    answer = exported(call, "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e")
    assert answer.status_code == 404


def test_whoever_exported_gets_a_task_and_closes_it_and_nobody_else_s(call, home, released):
    assert exported(call, released).status_code == 201
    assert withdrawn(home, released).tasks == 1
    assert call.get("/api/v1/tasks", role="officer").json() == {"tasks": []}  # not this officer's
    (task,) = call.get("/api/v1/tasks", role="auditor").json()["tasks"]
    assert (task["officer"], task["why"], task["rid"]) == ("the contact-point", "recalled", released)
    done = f"/api/v1/tasks/{task['id']}/done"
    assert call.post(done, {}, role="officer").status_code == 404
    answer = call.post(done, {"note": "shredded"})
    assert (answer.json()["state"], answer.json()["done_by"]) == ("done", "the contact-point")
    assert call.post(done, {}).json()["type"] == "urn:tidewaiter:problem:task-closed"
    assert call.get("/api/v1/tasks?state=done", role="auditor").json()["tasks"][0]["note"] == "shredded"


def test_whoever_looked_is_told_and_nobody_else(call, home, released):
    assert call.get(f"/api/v1/records/{released}").status_code == 200
    withdrawn(home, released)
    (notice,) = call.get("/api/v1/notices").json()["notices"]
    assert (notice["rid"], notice["seen"], notice["officer"]) == (released, "view", "the officer")
    assert call.get("/api/v1/notices", role="contact-point").json() == {"notices": []}
    assert call.post("/api/v1/notices/read", {"upto": notice["id"]}, role="contact-point").json() == {"read": 0}
    assert call.post("/api/v1/notices/read", {"upto": notice["id"]}, role="officer").json() == {"read": 1}
    assert call.get("/api/v1/notices").json() == {"notices": []}
    assert SECRET_WORD not in json.dumps(notice)
