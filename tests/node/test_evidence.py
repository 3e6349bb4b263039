"""Evidence as people meet it: on the command line, in the API, and as a file that somebody else verifies."""

import json
import os

import pytest

from federation.envelope import issue_record
from federation.evidence import record_equivocation
from node.services import evidence as service
from node.storage import evidence
from tests.evil import prover
from tests.node.api.conftest import app, call  # noqa: F401 - fixtures
from tests.node.cli.conftest import tell  # noqa: F401 - a fixture
from tests.node.conftest import NOW

RID = "3f2b8c1e-9d4a-4c6b-8e1f-0a1b2c3d4e5f"


def envelope(home, text):
    return issue_record(
        fed="test", iss="KE", rid=RID, ver=1, prev=None, kind="seizure", sch="seizure/1",
        handling=home.settings.handling, groups={"case": {"reference": text, "administration": "KE"}},
        signer=home.signer("record"), now=NOW, token=os.urandom,
    )  # fmt: skip


@pytest.fixture
def found(home):
    """Evidence against KE, kept at KE."""
    made = record_equivocation("KE", envelope(home, "one").jwt, envelope(home, "two").jwt)
    with home.database.write() as connection:
        assert service.keep(
            connection, made, directory=home.membership.current(), now=NOW, iss="KE", rid=RID
        )  # fmt: skip
    return made


def test_evidence_is_listed_shown_exported_and_verified_by_command(home, found, tell, tmp_path):  # noqa: F811
    folder = home.settings.home
    (row,) = tell("--home", folder, "--json", "evidence", "list").json["evidence"]
    assert (row["type"], row["accused"], row["proven"], row["hash"]) == ("record-equivocation", "KE", True, found.hash)
    assert "signed two different records" in tell("--home", folder, "evidence", "list").out
    shown = tell("--home", folder, "--json", "evidence", "show", found.hash[:8]).json
    assert shown["proof"]["rid"] == RID
    file = tmp_path / "proof.json"
    assert tell("--home", folder, "evidence", "export", 1, "--out", file).status == 0
    assert tell("--home", folder, "evidence", "export", 1, "--out", file).status == 1
    assert json.loads(tell("--home", folder, "evidence", "export", 1).out) == json.loads(file.read_text())
    listed = tmp_path / "directory.json"
    listed.write_bytes(directory_bytes(home))
    answer = tell("--home", tmp_path / "nowhere", "--json", "verify", "evidence", file, "--directory", listed)
    assert (answer.status, answer.json["valid"], answer.json["accused"]) == (0, True, "KE")
    assert prover.holds(file.read_bytes(), listed.read_bytes())
    file.write_text(file.read_text().replace('"KE"', '"GB"'))
    refused = tell("--home", folder, "verify", "evidence", file)
    assert refused.status == 1
    assert RID not in refused.err


def directory_bytes(home):
    import orjson  # noqa: PLC0415

    directory = home.membership.current()
    nodes = [
        {
            "id": member.id, "name": member.name, "kind": member.kind, "roles": sorted(member.roles),
            "status": member.status, "endpoints": list(member.endpoints), "protocols": sorted(member.protocols),
            **({"country": member.country} if member.country else {}),
            "keys": [
                {"kid": key.kid, "use": key.use, "x": key.public.jwk()["x"], "nbf": key.nbf, "exp": key.exp}
                for key in directory.keys.values()
                if key.node == member.id
            ],
        }
        for member in directory.members.values()
    ]  # fmt: skip
    return orjson.dumps(
        {"fed": directory.fed, "class": directory.class_, "version": 1, "issued": NOW, "regions": [], "groups": {},
         "nodes": nodes}
    )  # fmt: skip


def test_what_no_evidence_has_as_its_id_is_refused(home, found, tell):  # noqa: F811
    for name in ("2", "xy", "nothing", "%%%%"):
        assert tell("--home", home.settings.home, "evidence", "show", name).status == 1
    answer = tell("--home", home.settings.home, "evidence", "resume", "1")
    assert answer.status == 1
    assert "no feed stands still" in answer.err


def test_evidence_is_in_the_api_and_counted(home, found, call):  # noqa: F811
    listed = call("GET", "/api/v1/evidence", role="auditor").json()
    assert [row["hash"] for row in listed["evidence"]] == [found.hash]
    assert listed["stopped"] == []
    whole = call("GET", f"/api/v1/evidence/{found.hash}", role="auditor").json()
    assert whole["body"] == json.loads(found.data())
    assert call("GET", f"/api/v1/evidence/{'A' * 43}", role="auditor").status_code == 404
    assert call("GET", "/api/v1/evidence?accused=GB", role="auditor").json()["evidence"] == []
    assert call("GET", "/api/v1/node", role="auditor").json()["evidence"] == 1


def test_the_same_evidence_is_kept_once_and_observations_are_bounded(home, found):
    directory = home.membership.current()
    with home.database.write() as connection:
        service.keep(connection, found, directory=directory, now=NOW + 5)
        for number in range(evidence.MAX_UNPROVEN + 20):
            service.keep(connection, record_equivocation("KE", "x", f"y{number}"), directory=directory, now=NOW)
        assert evidence.counts(connection) == {"record-equivocation": 1 + evidence.MAX_UNPROVEN}
