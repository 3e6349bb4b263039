"""Pictures over the API: who may add and see them, how bytes go out, and what a search by likeness shows."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from node.storage.tables import disclosure
from tests.node.api.conftest import bind, seizure
from tests.pictures import TOKEN, corpus, difference, jpeg, opened, photo, tokens

GPS_PICTURE, SEEN = corpus()["EXIF with GPS and a maker note"]


@pytest.fixture
def draft(call, policy):
    assert call.post("/api/v1/drafts", {"kind": "seizure", "groups": seizure()}).status_code == 201


def add(call, data=GPS_PICTURE, *, role="contact-point", **params):
    return call("POST", "/api/v1/pictures", role=role, params={"reference": "R-1", **params}, content=data)


@pytest.fixture
def rid(call, draft):
    """A released seizure with a picture."""
    assert add(call, type="label").status_code == 201
    return call.release("R-1").json()["rids"][0]


def log(home, action):
    with home.database.read() as connection:
        return list(connection.execute(select(disclosure).where(disclosure.c.action == action)))


def test_a_picture_is_added_to_a_draft_and_shown_by_its_record(call, home, rid):
    found = call.get(f"/api/v1/records/{rid}/attachments").json()
    assert (found["total"], found["here"]) == (1, 1)
    full, small = found["attachments"]
    assert (full["view"], full["state"], small["of"]) == ("label", "here", full["sha256"])
    record = call.get(f"/api/v1/records/{rid}").json()
    assert record["attachments"] == {"total": 1, "here": 1, "missing": []}
    (hit,) = call.get("/api/v1/records").json()["records"]
    assert hit["attachments"] == {"total": 1, "here": 1}


def test_bytes_go_out_as_a_file_that_no_browser_runs_or_keeps(call, home, rid):
    digest = call.get(f"/api/v1/records/{rid}/attachments").json()["attachments"][0]["sha256"]
    answer = call.get(f"/api/v1/records/{rid}/attachments/{digest}", params={"purpose": "customs-enforcement"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert difference(opened(answer.content), SEEN) < 4
    assert not any(token in answer.content for token in tokens())
    (row,) = [row for row in log(home, "view") if row.detail == digest]
    assert (row.actor, row.rid, row.groups, row.purpose) == ("the officer", rid, "media", "customs-enforcement")


def test_a_file_that_is_no_picture_goes_out_as_bytes_whatever_it_is(call, draft):
    added = add(call, b"<html><script>", **{"as": "document"}).json()
    rid = call.release("R-1").json()["rids"][0]
    answer = call.get(f"/api/v1/records/{rid}/attachments/{added['digest']}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].endswith('.bin"')


def test_what_its_handling_forbids_is_not_seen(call, home, rid):
    digest = call.get(f"/api/v1/records/{rid}/attachments").json()["attachments"][0]["sha256"]
    bind(home, rid, purposes=["risk-analysis"])
    for path in (f"/api/v1/records/{rid}/attachments", f"/api/v1/records/{rid}/attachments/{digest}"):
        answer = call.get(path)
        assert answer.status_code == 403
        assert answer.json()["type"].endswith("purpose-refused")
    assert call.get(f"/api/v1/records/{rid}/attachments/{digest}", params={"purpose": "risk-analysis"}).is_success


@pytest.mark.parametrize(("role", "status"), [("officer", 403), ("auditor", 403), ("admin", 403), (None, 401)])
def test_only_who_writes_drafts_adds_files(role, status, call, draft):
    assert add(call, role=role).status_code == status


@pytest.mark.parametrize(("role", "status"), [("auditor", 403), ("admin", 403), (None, 401)])
def test_only_who_views_records_sees_pictures(role, status, call, rid):
    digest = call.get(f"/api/v1/records/{rid}/attachments").json()["attachments"][0]["sha256"]
    assert call.get(f"/api/v1/records/{rid}/attachments", role=role).status_code == status
    assert call.get(f"/api/v1/records/{rid}/attachments/{digest}", role=role).status_code == status
    assert call("POST", "/api/v1/pictures/similar", role=role, content=GPS_PICTURE).status_code == status


REFUSED = {
    "what is no picture": (b"GIF89a", {}, 422, "picture-refused"),
    "nothing": (b"", {}, 422, "picture-refused"),
    "more bytes than may be": (bytes(10_000_001), {}, 413, "too-large"),
    "a draft that there is not": (GPS_PICTURE, {"reference": "R-9"}, 404, "not-found"),
    "a type that is none": (GPS_PICTURE, {"type": "x"}, 422, "invalid"),
    "a parameter that is none": (GPS_PICTURE, {"titel": "x"}, 422, "invalid"),
    "a caption without words": (GPS_PICTURE, {"caption": ""}, 422, "draft-refused"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused_with_a_problem_is(sentence, call, draft):
    data, params, status, word = REFUSED[sentence]
    answer = add(call, data, **params)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, word)
    assert TOKEN not in answer.text


@pytest.mark.parametrize("digest", ["A" * 43, "x", "..%2f..%2fkeyfile", "A" * 5000])
def test_an_attachment_that_the_record_does_not_name_is_not_found(digest, call, rid):
    assert call.get(f"/api/v1/records/{rid}/attachments/{digest}").status_code == 404


# Likeness


def similar(call, data, **params):
    return call("POST", "/api/v1/pictures/similar", params=params, content=data)


def test_a_picture_that_looks_alike_is_found_with_its_record(call, home, rid):
    changed = jpeg(SEEN.resize((500, 375)).convert("L"), progressive=True)
    (found,) = similar(call, changed).json()["similar"]
    assert (found["rid"], found["iss"]) == (rid, "KE")
    assert found["distance"] <= 31
    assert similar(call, jpeg(photo(seed=9))).json() == {"similar": []}
    told = log(home, "search")[0]
    assert f"KE/{rid}/1" in told.detail
    assert len(list(home.blobs().addresses())) == 2  # what was asked about is not kept


def test_a_picture_of_a_record_that_may_not_be_searched_for_this_is_not_found(call, home, rid):
    bind(home, rid, purposes=["risk-analysis"])
    assert similar(call, GPS_PICTURE).json() == {"similar": []}
    assert len(similar(call, GPS_PICTURE, purpose="risk-analysis").json()["similar"]) == 1


def test_what_is_no_picture_is_not_compared(call, rid):
    answer = similar(call, b"GIF89a")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (422, "picture-refused")
