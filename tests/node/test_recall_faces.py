"""Recalls as officers meet them: on the command line and in the API."""

import json
import os

import pytest

from federation.envelope import issue_record, reopen_record
from node.services import stopping
from node.storage import recalls, records
from tests.node.api.conftest import app, call, policy, released  # noqa: F401 - fixtures
from tests.node.cli.conftest import tell  # noqa: F401 - a fixture
from tests.node.conftest import NOW

RID = "3f2b8c1e-9d4a-4c6b-8e1f-0a1b2c3d4e5f"


def test_a_record_is_recalled_by_command_and_its_board_shown(home, released, tell):  # noqa: F811
    folder = home.settings.home
    answer = tell("--home", folder, "--json", "recall", "R-1", "--reason", "erroneous", "--by", "A. Officer")
    assert answer.status == 0, answer.err
    assert (answer.json["recalled"], answer.json["recipients"]) == ([released], ["TZ"])
    board = tell("--home", folder, "--json", "recalls", "show", "R-1").json
    assert [(step["recipient"], step["state"]) for step in board["steps"]] == [("TZ", "sent")]
    assert (board["complete"], board["here"], board["by"]) == (False, "stopped", "A. Officer")
    assert "Erasure not confirmed by: TZ." in tell("--home", folder, "recalls", "show", released).out
    (listed,) = tell("--home", folder, "--json", "recalls", "--open").json["recalls"]
    assert listed["rid"] == released
    assert tell("--home", folder, "--json", "recalls", "--held").json["recalls"] == []
    again = tell("--home", folder, "recall", "R-1", "--reason", "erroneous")
    assert (again.status, "recalled already" in again.err) == (1, True)
    assert tell("--home", folder, "show", released).status == 1
    same = tell("--home", folder, "recalls", "confirm", released, "--by", "a. officer")
    assert (same.status, "another person" in same.err) == (2, True)
    assert tell("--home", folder, "recalls", "confirm", "R-1", "--by", "B. Officer").status == 0
    assert tell("--home", folder, "--json", "recalls", "show", released).json["here"] == "erased"


def test_at_a_receiver_a_recall_says_what_it_is_there_and_claims_nothing_of_others(home, released, tell):  # noqa: F811
    folder = home.settings.home
    told = {"held": "recalls approve", "refused": "stays in use here", "stopped": "out of use", "erased": "erased here"}
    for here, words in told.items():
        with home.database.write() as connection:
            recalls.put(
                connection, iss="TZ", rid=RID, ver=2, reason="erroneous", effect="stop-use", at=NOW, state=here,
                jh="x" * 43, kid="k", jwt="", came_by="TZ", before="[]",
            )  # fmt: skip
        answer = tell("--home", folder, "recalls", "show", RID)
        assert words in answer.out, answer.out
        assert "TZ knows" in answer.out
        assert "Complete" not in answer.out
        board = tell("--home", folder, "--json", "recalls", "show", RID).json
        assert (board["complete"], board["own"]) == (here == "erased", False)


BAD = {
    "no such record": (("R-9", "--reason", "erroneous"), 1),
    "no such reason": (("R-1", "--reason", "boredom"), 1),
    "no such effect": (("R-1", "--reason", "erroneous", "--effect", "shred"), 1),
    "erase alone": (("R-1", "--reason", "unlawful", "--effect", "erase"), 1),
    "a duplicate of nothing": (("R-1", "--reason", "duplicate-of"), 1),
    "a replacement that is no record": (("R-1", "--reason", "duplicate-of", "--use-instead", "KE"), 1),
    "two references": (("R-1", "--reason", "erroneous", "--ref", "x", "--use-instead", f"KE/{RID}"), 2),
    "no reason": (("R-1",), 2),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_recall_that_cannot_be_is_refused_and_changes_nothing(sentence, home, released, tell):  # noqa: F811
    words, status = BAD[sentence]
    assert tell("--home", home.settings.home, "recall", *words).status == status
    with home.database.read() as connection:
        assert recalls.listing(connection) == []
        assert [row.rid for row in records.find(connection, released)] == [released]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--reason", "boredom"), "--reason: "),
        (("--reason", "erroneous", "--effect", "shred"), "--effect: "),
        (("--reason", "duplicate-of"), "--use-instead ISS/RID"),
        (("--reason", "duplicate-of", "--use-instead", "KE"), "--use-instead: "),
    ],
)
def test_a_refusal_names_the_option_that_was_typed(words, told, home, released, tell):  # noqa: F811
    answer = tell("--home", home.settings.home, "recall", "R-1", *words)
    assert told in answer.err, answer.err
    assert "tomb." not in answer.err


def test_what_does_not_wait_is_not_decided(home, tell):  # noqa: F811
    for what in ("approve", "refuse", "confirm"):
        answer = tell("--home", home.settings.home, "recalls", what, RID, "--by", "me")
        assert (answer.status, "tidewaiter recalls" in answer.err) == (1, True)
    assert tell("--home", home.settings.home, "recalls", "show", RID).status == 1


def test_a_record_is_recalled_and_traced_by_the_api(call, released):  # noqa: F811
    answer = call.post("/api/v1/recalls", {"records": ["R-1"], "reason": "erroneous", "ref": "letter 5"})
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"recalled": [released], "entries": 1, "recipients": ["TZ"]}
    board = call.get(f"/api/v1/recalls/{released}", role="auditor").json()
    assert (board["steps"][0]["state"], board["not_erased"], board["ref"]) == ("sent", ["TZ"], "letter 5")
    assert [row["rid"] for row in call.get("/api/v1/recalls").json()["recalls"]] == [released]
    assert call.get("/api/v1/recalls?state=held").json()["recalls"] == []
    gone = call.get(f"/api/v1/records/{released}")
    assert (gone.status_code, gone.json()["type"]) == (410, "urn:cnp:problem:tombstoned")
    assert call.get("/api/v1/records").json()["records"] == []
    twice = call.post("/api/v1/recalls", {"records": ["R-1"], "reason": "erroneous"})
    assert (twice.status_code, twice.json()["type"]) == (409, "urn:tidewaiter:problem:recall-refused")
    same = call.post(f"/api/v1/recalls/{released}/decision", {"decision": "confirm"})
    assert same.status_code == 409
    assert call.get(f"/api/v1/recalls/{RID}").status_code == 404


def test_erasing_at_once_needs_the_token_of_a_second_contact_point(call, released):  # noqa: F811
    body = {"records": [released], "reason": "unlawful", "effect": "erase"}
    assert call.post("/api/v1/recalls", body).status_code == 409
    assert call.post("/api/v1/recalls", body | {"second": "B. Officer"}).status_code == 422
    assert call.post("/api/v1/recalls", body | {"second": call.token("officer", name="other")}).status_code == 422
    second = call.token("contact-point", name="another")
    answer = call.post("/api/v1/recalls", body | {"second": second})
    assert answer.status_code == 201, answer.text
    board = call.get(f"/api/v1/recalls/{released}").json()
    assert (board["here"], board["second_by"]) == ("erased", "another")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"records": []}, {"records": ["R-1"]}, {"records": "R-1", "reason": "erroneous"},
        {"records": ["R-1"], "reason": "erroneous", "more": 1},
        {"records": ["R-1"], "reason": "erroneous", "use_instead": {"iss": "KE"}},
    ],
)  # fmt: skip
def test_a_body_that_is_no_recall_is_refused_by_name(call, body):  # noqa: F811
    answer = call.post("/api/v1/recalls", body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_recall_of_another_that_was_held_is_decided_by_an_officer(home, call):  # noqa: F811
    issued = issue_record(
        fed="test", iss="TZ", rid=RID, ver=2, prev="A" * 43, kind="tombstone", sch="tombstone/1",
        handling=home.settings.handling, groups={}, signer=home.signer("record"), now=NOW,
        token=os.urandom, tomb={"reason": "withdrawn", "effect": "stop-use"},
    )  # fmt: skip
    with home.database.write() as connection:
        stopping.hold(connection, reopen_record(issued.jwt, []), came_by="TZ", now=NOW)
    held = call.get("/api/v1/recalls?state=held&iss=TZ").json()["recalls"]
    assert [(row["iss"], row["here"]) for row in held] == [("TZ", "held")]
    address = f"/api/v1/recalls/{RID}/decision"
    assert call.post(address, {"decision": "maybe"}).status_code == 422
    assert call.post(address, {"decision": "refuse", "iss": "GB"}).status_code == 404
    assert call.post(address, {"decision": "refuse"}).json()["here"] == "refused"
    assert call.post(address, {"decision": "approve"}).json()["here"] == "erased"
    assert json.loads(call.get("/api/v1/node", role="auditor").text)["recalls"] == {"erased": 1}
