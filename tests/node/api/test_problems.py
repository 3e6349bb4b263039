"""Every refusal is a problem that names the field, and none shows content or the inside of the node."""

from __future__ import annotations

import json

import pytest
from sqlalchemy.exc import OperationalError

from node import telemetry
from node.api import deps, records
from node.api.problems import WORDS
from tests.node.api.conftest import SECRET_WORD, seizure
from tests.node.conftest import NOW

TYPE = "urn:tidewaiter:problem:"


def problem(answer, word):
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert body["type"] == TYPE + word
    assert answer.status_code == body["status"] == WORDS[word][0]
    assert body["title"]
    assert body["detail"]
    return body


def test_an_unknown_address_is_a_problem(call) -> None:
    problem(call.get("/api/v1/nothing"), "no-such-address")
    problem(call.get("/", role=None), "no-such-address")


def test_an_unknown_address_of_the_protocol_says_so_in_the_protocols_word(call) -> None:
    answer = call.get("/cnp/1/nothing", role=None)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:cnp:problem:not-found")


def test_another_method_is_a_problem_that_names_the_right_one(call) -> None:
    answer = call("DELETE", "/api/v1/records")
    problem(answer, "method-not-allowed")
    assert answer.headers["allow"] == "GET"


PARAMETERS = {
    "an unknown filter is named, and the known ones are listed": ("colour=red", "colour", "category"),
    "a limit beyond the highest": ("limit=201", "limit", "200"),
    "a limit that is no number": ("limit=many", "limit", "digits"),
    "a purpose that is no word": ("purpose=Because!", "purpose", "form"),
    "an HS code of three digits": ("hs=640", "hs", ""),
    "a value that is empty": ("brand=", "brand", ""),
    "a month that there is not": ("from=2026-13", "from", ""),
    "a day that there is not": ("to=2025-02-29", "to", ""),
    "words without a letter": ("words=%22%2A", "words", ""),
    "words without end": ("words=" + "a" * 201, "words", "200"),
    "a cursor that nobody gave": ("cursor=abc", "cursor", ""),
    "a cursor with another shape inside": ("cursor=WzEsMl0", "cursor", ""),
    "a filter with too many values": ("&".join(["kind=a"] * 51), "kind", "50"),
}


@pytest.mark.parametrize("sentence", PARAMETERS)
def test_the_parameter_is_named_for(call, sentence: str) -> None:
    query, field, remedy = PARAMETERS[sentence]

    errors = problem(call.get(f"/api/v1/records?{query}"), "invalid")["errors"]

    assert [error["field"].split(".")[0] for error in errors] == [field]
    assert remedy in errors[0]["remedy"]


BODIES = {
    "no JSON": (b"{", 400, "malformed"),
    "a name twice": (b'{"kind":"seizure","kind":"alert","groups":{}}', 400, "malformed"),
    "half a character": (b'{"kind":"\\ud800","groups":{}}', 400, "malformed"),
    "not a number": (b'{"kind":"seizure","groups":{"a":NaN}}', 400, "malformed"),
    "bytes that are no text": (b'{"kind":"\xff"}', 400, "malformed"),
    "a nest without end": (b'{"groups":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "malformed"),
    "nothing": (b"", 400, "malformed"),
    "a list": (b"[]", 422, "invalid"),
    "too little": (b"{}", 422, "invalid"),
    "an unknown kind": (b'{"kind":"rumour","groups":{}}', 422, "invalid"),
    "an unknown member": (b'{"kind":"seizure","groups":{},"colour":1}', 422, "invalid"),
    "groups that are text": (b'{"kind":"seizure","groups":"x"}', 422, "invalid"),
    "an empty draft": (b'{"kind":"seizure","groups":{}}', 422, "draft-refused"),
}


@pytest.mark.parametrize("sentence", BODIES)
def test_a_body_is_refused_that_holds(call, sentence: str) -> None:
    data, status, word = BODIES[sentence]

    answer = call.post("/api/v1/drafts", content=data, headers={"content-type": "application/json"})

    assert answer.status_code == status
    problem(answer, word)


def test_another_content_type_is_refused(call) -> None:
    answer = call.post("/api/v1/drafts", content=b"{}", headers={"content-type": "text/plain"})
    problem(answer, "unsupported-media-type")


@pytest.mark.parametrize("told", [True, False])
def test_a_body_that_is_too_long_is_refused_whether_it_tells_its_length_or_not(call, told: bool) -> None:
    data = b" " * (deps.MAX_BODY + 1)
    content = data if told else iter([data])
    answer = call.post("/api/v1/drafts", content=content, headers={"content-type": "application/json"})
    problem(answer, "too-large")


def test_a_refused_draft_names_every_fault_and_repeats_no_value(call) -> None:
    groups = seizure(
        case={"reference": "R-1", "administration": SECRET_WORD},
        goods=[
            {"line": "1", "hs": {"scheme": "HS", "edition": "2022", "code": SECRET_WORD}, "health_safety": SECRET_WORD}
        ],
        route={"chain": [{"role": "departure", "country": [SECRET_WORD]}]},
    )

    answer = call.post("/api/v1/drafts", {"kind": "seizure", "groups": groups})

    fields = {error["field"] for error in problem(answer, "draft-refused")["errors"]}
    assert {"case.administration", "goods[0].health_safety", "route.chain[0].country"} <= fields
    assert SECRET_WORD not in answer.text


def test_a_fault_of_ours_shows_nothing_of_itself(call, released, monkeypatch, capsys) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(SECRET_WORD)

    monkeypatch.setattr(records.search, "find", broken)
    telemetry.configure("info")
    answer = call.get("/api/v1/records")

    problem(answer, "fault")
    written = "".join(capsys.readouterr())
    assert SECRET_WORD not in answer.text + written
    assert "Traceback" not in answer.text + written
    assert '"error":"RuntimeError"' in written


def test_a_database_that_is_away_is_told_without_its_statement(call, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OperationalError(f"SELECT '{SECRET_WORD}'", {}, Exception("away"))

    monkeypatch.setattr(records.search, "find", broken)
    answer = call.get("/api/v1/records")

    problem(answer, "database-unavailable")
    assert SECRET_WORD not in answer.text


def test_every_answer_has_safe_headers(call, released) -> None:
    for path in ("/api/v1/records", f"/api/v1/records/{released}", "/nothing", "/health/live", "/openapi.json"):
        headers = call.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")


def test_log_lines_hold_no_path_no_query_and_no_content(call, released, capsys) -> None:
    telemetry.configure("debug")
    call.get(f"/api/v1/records?words={SECRET_WORD}")
    call.get(f"/api/v1/records/{released}")
    call.get(f"/{SECRET_WORD}")
    call.post("/api/v1/drafts", {"kind": "seizure", "groups": seizure("R-2")})

    written = "".join(capsys.readouterr())
    lines = [json.loads(line) for line in written.splitlines()]
    paths = [line["path"] for line in lines if line["event"] == "request"]
    assert paths == ["/api/v1/records", "/api/v1/records/{rid}", "(no route)", "/api/v1/drafts"]
    assert SECRET_WORD not in written
    assert released not in written


READINESS = {
    "the directory has expired": "expired",
    "the schema is another": "revision",
    "the database is gone": "does not answer",
    "no federation was joined": "joined no federation",
}


@pytest.mark.parametrize("sentence", READINESS)
def test_a_node_is_not_ready_when(call, home, clock, monkeypatch, sentence: str) -> None:
    if sentence == "the directory has expired":
        clock.now = NOW + 40 * 86_400
    elif sentence == "the schema is another":
        monkeypatch.setattr(type(home.database), "revision", lambda _: "0000")
    elif sentence == "the database is gone":
        monkeypatch.setattr(type(home.database), "revision", lambda _: 1 / 0)
    else:
        monkeypatch.setattr(type(home.membership), "current", _unjoined)

    body = problem(call.get("/health/ready", role=None), "not-ready")

    assert any(READINESS[sentence] in reason for reason in body["reasons"])
    assert call.get("/health/live", role=None).status_code == 200


def _unjoined(_: object) -> None:
    from federation.errors import DirectoryStale  # noqa: PLC0415 - for this case alone

    raise DirectoryStale("no directory")
