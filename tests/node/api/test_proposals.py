"""A policy is proposed, approved by another officer and put in force through the API, and by nobody alone."""

import pytest

from crypto.signer import FileSigner
from node.services import officers, proposing
from node.storage import policies
from tests.node.api.conftest import POLICY
from tests.node.conftest import NOW

NEXT = POLICY.replace("version = 1", "version = 2").replace('["non-nominal"]', '["case", "goods"]')
ROUTE = "/api/v1/policy/proposals"


@pytest.fixture
def proposed(call, released):
    answer = call.post(ROUTE, {"text": NEXT})
    assert answer.status_code == 201, answer.text
    return answer.json()


def by(call, name, path, body=None):
    """A request of the contact point of this name."""
    token = call.token("contact-point", name=name)
    return call("POST", path, role=None, headers={"authorization": f"Bearer {token}"}, json=body)


def shown(proposal):
    return {"letter_hash": proposal["letter_hash"], "preview_digest": proposal["preview_digest"]}


def version(home):
    with home.database.read() as connection:
        return policies.active(connection).version


def test_two_officers_put_a_policy_in_force_and_it_reaches_what_was_shared(call, home, released, proposed):
    lost = {(change["rid"], change["recipient"], change["group"]) for change in proposed["preview"]["lost"]}
    assert (released, "TZ", "route") in lost
    assert (proposed["preview"]["gains"], proposed["preview"]["titles"].keys()) == (0, {released})
    assert "LETTER ON POLICY 2 OF KE" in proposed["letter"]
    assert call.get(f"{ROUTE}/2", role="contact-point").json() == proposed
    early = by(call, "Third", f"{ROUTE}/2/activation")
    assert (early.status_code, early.json()["type"]) == (409, "urn:tidewaiter:problem:policy-not-approved")
    approved = by(call, "Second", f"{ROUTE}/2/approval", shown(proposed))
    assert (approved.status_code, approved.json()["approved_by"]) == (201, "Second"), approved.text
    assert version(home) == 1
    done = by(call, "Third", f"{ROUTE}/2/activation").json()
    assert (done["version"], done["before"], done["less"], done["recipients"]) == (2, 1, 1, ["TZ"])
    assert version(home) == 2
    (listed,) = call.get(ROUTE, role="auditor").json()["proposals"]
    assert (listed["state"], listed["approved_by"]) == ("active", "Second")


def test_nobody_approves_alone_nor_what_was_not_shown(call, home, proposed):
    path, word = f"{ROUTE}/2/approval", "urn:tidewaiter:problem:policy-not-approved"
    for name in ("the contact-point", "A. Author"):
        answer = by(call, name, path, shown(proposed))
        assert (answer.status_code, answer.json()["type"]) == (409, word)
        assert "another person" in answer.json()["detail"]
    for member in ("letter_hash", "preview_digest"):
        answer = by(call, "Second", path, shown(proposed) | {member: "A" * 43})
        assert (answer.status_code, answer.json()["type"]) == (409, word)
    assert by(call, "Second", path, {"letter_hash": "x"}).status_code == 422
    with home.database.read() as connection:
        assert proposing.find(connection, 2).approved_by is None
    for name in ("approval", "activation"):
        missing = by(call, "Second", f"{ROUTE}/9/{name}", shown(proposed))
        assert (missing.status_code, missing.json()["type"]) == (404, "urn:tidewaiter:problem:no-policy")


def test_what_is_no_longer_what_was_approved_is_not_put_in_force(call, home, proposed):
    assert by(call, "Second", f"{ROUTE}/2/approval", shown(proposed)).status_code == 201
    groups = {
        "case": {"reference": "R-2", "administration": "KE"},
        "transport": {"conveyance": "sea"},
    }
    assert call.post("/api/v1/drafts", {"kind": "seizure", "groups": groups}).status_code == 201
    assert call.release("R-2").status_code == 200
    answer = by(call, "Third", f"{ROUTE}/2/activation")
    assert (answer.status_code, "not what was approved" in answer.json()["detail"]) == (409, True)
    assert version(home) == 1


def test_where_officers_have_keys_a_token_is_not_enough(call, home, proposed):
    signer = FileSigner.generate()
    with home.database.write() as connection:
        officers.add(connection, officer="Second", public=signer.public, now=NOW)
    path = f"{ROUTE}/2/approval"
    assert "sign with keys" in by(call, "Second", path, shown(proposed)).json()["detail"]
    token = officers.sign(proposed["to_sign"], node="KE", officer="Second", signer=signer, now=NOW)
    assert by(call, "Fourth", path, shown(proposed) | {"signature": token}).status_code == 409
    assert by(call, "Second", path, shown(proposed) | {"signature": token}).status_code == 201


def test_a_policy_with_faults_is_not_proposed(call, released):
    answer = call.post(ROUTE, {"text": NEXT.replace('"goods"', '"nonsense"')})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tidewaiter:problem:policy-refused")
    assert call.post(ROUTE, {"text": POLICY}).status_code == 422  # the version in force
    assert call.get(ROUTE, role="admin").json() == {"proposals": []}
