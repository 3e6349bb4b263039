"""Finding, viewing and tracing: only what is held, only for a purpose that is allowed, and never unlogged."""

from __future__ import annotations

import json
import secrets

import pytest
from sqlalchemy import select

from crypto import b64
from crypto.signer import FileSigner
from federation.envelope import issue_record
from federation.records import get_schema
from node.services import bodies, indexing
from node.storage import feeds, records
from node.storage.tables import disclosure, feed_out
from tests.node.api.conftest import SECRET_WORD, bind, seizure
from tests.node.conftest import NOW

HANDLING = {"tlp": "green", "purposes": ["customs-enforcement"], "onward": "none", "evidence": "ask"}
RID = "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e"


def receive(home, *, rid=RID, groups=None, held=None, handling=HANDLING, iss="TZ") -> None:
    """Keep a record as intake would: of TZ, with only the groups `held`."""
    schema = get_schema("seizure/1")
    ready = schema.prepare(groups or seizure(case={"reference": "T-1", "administration": "TZ"}))
    issued = issue_record(
        fed="test", iss=iss, rid=rid, ver=1, prev=None, kind="seizure", sch=schema.id, handling=handling,
        groups=ready, signer=FileSigner.generate(), now=NOW, token=secrets.token_bytes,
    )  # fmt: skip
    shown = {name: ready[name] for name in held or ready}
    disclosures = {name: issued.disclosures[name] for name in shown}
    version = records.NewVersion(
        iss=iss, rid=rid, ver=1, kind="seizure", sch=schema.id, jh=issued.jh, jwt=issued.jwt,
        disclosures=bodies.in_bit_order(disclosures, issued.index), mask=bodies.mask_of(disclosures, issued.index),
        width=issued.width, iat=NOW, prev=None, handling=json.dumps(handling), title=schema.title(shown),
        state="received", pending=False, gc=1, facets=schema.facets(shown),
    )  # fmt: skip
    with home.database.write() as connection:
        records.keep(connection, [version], now=NOW)


def index(home) -> None:
    while indexing.follow(home.database, now=NOW):
        pass


def log(home, action):
    with home.database.read() as connection:
        return list(connection.execute(select(disclosure).where(disclosure.c.action == action)))


FOUND = {
    "an HS chapter": "hs=64",
    "an HS heading": "hs=6403",
    "an HS code with its dot": "hs=6403.19",
    "a brand in other letters": "brand=LOUIS%20vuitton",
    "a country by its role": "departure=cn&destination=TZ",
    "one of two values": "conveyance=air&conveyance=sea",
    "a category, a right and a kind": "category=footwear&right=trademark&kind=seizure",
    "its node": "node=KE",
    "its day": "from=2025-05-01&to=2025-05-01",
    "its month": "from=2025-05&to=2025-05",
    "its year": "from=2025&to=2025",
    "a word without its accents": "words=ETE",
    "the beginning of a word": "words=chauss",
    "nothing in particular": "",
}
NOT_FOUND = {
    "another heading": "hs=6404",
    "the country in another role": "origin=CN",
    "one filter of two": "hs=64&conveyance=air",
    "the month after": "from=2025-06",
    "the year before": "to=2024",
    "another word": "words=chaussures%20rouges",
}


@pytest.mark.parametrize("sentence", FOUND)
def test_a_seizure_is_found_by(call, home, released, sentence: str) -> None:
    index(home)
    found = call.get(f"/api/v1/records?{FOUND[sentence]}").json()
    assert [row["rid"] for row in found["records"]] == [released]
    assert found["lag"] == 0


@pytest.mark.parametrize("sentence", NOT_FOUND)
def test_a_seizure_is_not_found_by(call, home, released, sentence: str) -> None:
    index(home)
    assert call.get(f"/api/v1/records?{NOT_FOUND[sentence]}").json()["records"] == []


def test_the_lag_of_the_word_index_is_told(call, home, policy) -> None:
    receive(home)
    assert call.get("/api/v1/records?words=ete").json()["lag"] in {0, 1}


def test_pages_follow_one_another_without_gap_or_repetition(call, home) -> None:
    days = ["2025-03-01", "2025-03-01", "2025-04-01", None, "2024-01-01", None, "2025-03-01"]
    for number, day in enumerate(days):
        case = {"reference": f"T-{number}", "administration": "TZ"}
        if day:
            case["dates"] = [{"kind": "seized", "on": day}]
        receive(home, rid=f"00000000-0000-4000-8000-00000000000{number}", groups=seizure(case=case))

    found, cursor = [], ""
    while True:
        page = call.get("/api/v1/records?limit=2" + cursor).json()
        found += page["records"]
        if "next" not in page:
            break
        cursor = f"&cursor={page['next']}"

    assert [row.get("day") for row in found] == [
        "2025-04-01", "2025-03-01", "2025-03-01", "2025-03-01", "2024-01-01", None, None,
    ]  # fmt: skip
    assert len({row["rid"] for row in found}) == len(days)


def test_a_cursor_with_any_character_changed_is_a_place_or_a_problem(call, home) -> None:
    for number in range(3):
        receive(home, rid=f"00000000-0000-4000-8000-00000000000{number}")
    cursor = call.get("/api/v1/records?limit=1").json()["next"]
    for place in range(len(cursor)):
        for other in "A_9":
            changed = cursor[:place] + other + cursor[place + 1 :]
            assert call.get(f"/api/v1/records?limit=1&cursor={changed}").status_code in {200, 422}


def test_a_search_is_logged_with_the_question_and_every_record_shown(call, home, released) -> None:
    call.get("/api/v1/records?hs=64&words=chaussures&purpose=statistics")
    index(home)
    call.get("/api/v1/records?hs=64&words=chaussures&purpose=statistics")

    row = log(home, "search")[-1]
    told = json.loads(row.detail)
    assert (row.actor, row.purpose) == ("the officer", "statistics")
    assert told["filters"] == {"hs": ["64"]}
    assert told["words"] == "chaussures"
    assert told["hits"] == [f"KE/{released}/1"]


def test_a_view_is_logged_with_its_groups_and_purpose(call, home, released) -> None:
    call.get(f"/api/v1/records/{released}")

    (row,) = log(home, "view")
    assert (row.actor, row.rid, row.ver, row.purpose) == ("the officer", released, 1, "customs-enforcement")
    assert "narrative" in row.groups


@pytest.mark.parametrize("path", ["/api/v1/records", "/api/v1/records/{rid}"])
def test_nothing_is_shown_when_it_cannot_be_logged(call, home, released, monkeypatch, path: str) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the log is full")

    monkeypatch.setattr("node.storage.audit.log", broken)
    answer = call.get(path.format(rid=released))

    assert answer.status_code == 500
    assert "Louis" not in answer.text
    assert released not in answer.text


FORBIDDEN = {
    "the purpose is not allowed": {"purposes": ["risk-analysis"]},
    "no purpose is left": {"purposes": []},
    "its time is over": {"keep_until": NOW},
    "its handling cannot be read": {"tlp": "pink"},
}


@pytest.mark.parametrize("sentence", FORBIDDEN)
def test_a_record_is_no_hit_and_not_shown_when(call, home, released, sentence: str) -> None:
    bind(home, released, **FORBIDDEN[sentence])

    assert call.get("/api/v1/records").json()["records"] == []
    answer = call.get(f"/api/v1/records/{released}")

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:tidewaiter:problem:purpose-refused")
    assert "Louis" not in answer.text
    assert log(home, "view") == []


def test_another_purpose_that_is_allowed_shows_it(call, home, released) -> None:
    bind(home, released, purposes=["risk-analysis"])

    assert len(call.get("/api/v1/records?purpose=risk-analysis").json()["records"]) == 1
    assert call.get(f"/api/v1/records/{released}?purpose=risk-analysis").status_code == 200


def test_a_page_is_filled_up_past_hits_that_may_not_be_shown(call, home) -> None:
    for number in range(7):
        purposes = ["risk-analysis"] if number in {1, 2, 3, 5} else ["customs-enforcement"]
        receive(home, rid=f"00000000-0000-4000-8000-00000000000{number}", handling={**HANDLING, "purposes": purposes})

    first = call.get("/api/v1/records?limit=2").json()
    second = call.get(f"/api/v1/records?limit=2&cursor={first['next']}").json()

    assert [row["rid"][-1] for row in first["records"] + second["records"]] == ["6", "4", "0"]
    assert "next" not in second


def test_of_a_received_record_only_the_groups_held_are_found_and_shown(call, home) -> None:
    receive(home, held=["case", "goods"])
    index(home)

    view = call.get(f"/api/v1/records/{RID}").json()

    assert list(view["groups"]) == ["case", "goods"]
    assert view["provenance"] == {"own": False, "from": "TZ", "lane": "bulk"}
    assert view["handling"]["tlp"] == "green"
    for hidden in ("brand=louis%20vuitton", "destination=TZ", f"words={SECRET_WORD}", "words=vuitton"):
        assert call.get(f"/api/v1/records?{hidden}").json()["records"] == [], hidden


def test_two_records_of_one_id_are_told_apart_by_their_issuer(call, home) -> None:
    receive(home)
    receive(home, iss="GB")

    unclear = call.get(f"/api/v1/records/{RID}")

    assert unclear.status_code == 404
    assert "GB, TZ" in unclear.json()["detail"]
    assert call.get(f"/api/v1/records/{RID}?iss=GB").json()["iss"] == "GB"


def test_a_superseded_version_is_not_shown(call, released) -> None:
    groups = seizure(transport={"conveyance": "air"})
    call.post("/api/v1/drafts", {"kind": "seizure", "groups": groups})
    assert call.release("R-1").json()["released"] == 1

    assert call.get(f"/api/v1/records/{released}").json()["ver"] == 2
    old = call.get(f"/api/v1/records/{released}?ver=1")
    assert (old.status_code, old.json()["detail"]) == (404, "that version is not in use; version 2 is")
    assert call.get("/api/v1/records?conveyance=sea").json()["records"] == []


def test_a_recalled_record_says_so(call, home) -> None:
    receive(home)
    with home.database.write() as connection:
        for row in records.by_key(connection, "TZ", RID):
            records.erase(connection, row.id)
        records.bury(connection, iss="TZ", rid=RID, ver=2, jwt="x", now=NOW)

    answer = call.get(f"/api/v1/records/{RID}")

    assert (answer.status_code, answer.json()["type"]) == (410, "urn:cnp:problem:tombstoned")


def test_a_record_that_is_not_here_is_not_found(call) -> None:
    answer = call.get(f"/api/v1/records/{RID}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:cnp:problem:not-found")


def confirm(home, recipient, *, quarantined=()) -> None:
    """Keep a receipt of `recipient` for our bulk feed, as `serving.accept_receipt` would."""
    body = b64.encode(json.dumps({"quarantined": [{"n": n, "type": "record-invalid"} for n in quarantined]}).encode())
    with home.database.write() as connection:
        row = feeds.out_feed(connection, recipient, "bulk")
        connection.execute(
            feed_out.update()
            .where(feed_out.c.id == row.id)
            .values(receipt_size=row.size, receipt_at=NOW + 5, receipt=f"e30.{body}.e30")
        )


def states(call, rid):
    found = call.get(f"/api/v1/records/{rid}/recipients").json()["recipients"]
    return {row["recipient"]: (row["state"], row.get("problem")) for row in found}


def test_who_has_a_record_and_has_each_confirmed_it(call, home, released) -> None:
    others = {"GB": ("withheld", None), "RILO-ESA": ("withheld", None), "ZA": ("withheld", None)}

    assert states(call, released) == others | {"TZ": ("offered", None)}
    confirm(home, "TZ")
    assert states(call, released) == others | {"TZ": ("confirmed", None)}
    confirm(home, "TZ", quarantined=[0])
    assert states(call, released) == others | {"TZ": ("quarantined", "record-invalid")}


def test_who_has_a_record_of_another_node_is_not_known_here(call, home) -> None:
    receive(home)
    assert call.get(f"/api/v1/records/{RID}/recipients").status_code == 404


def test_an_explanation_says_why_each_group_goes_or_stays(call, released) -> None:
    path = f"/api/v1/records/{released}/explain?recipient="

    groups = {row["group"]: row for row in call.get(path + "TZ", role="auditor").json()["groups"]}
    assert groups["goods"]["rule"] == "neighbours"
    assert groups["narrative"]["verdict"] == "withheld"
    refused = call.get(path + "GB", role="auditor").json()
    assert {row["verdict"] for row in refused["groups"]} == {"withheld"}
    assert call.get(path + "XX", role="auditor").status_code == 404
    assert call.get(path.removesuffix("?recipient="), role="auditor").status_code == 422


def test_an_explanation_without_a_policy_says_so(call, home) -> None:
    answer = call.get(f"/api/v1/records/{RID}/explain?recipient=TZ", role="auditor")
    assert answer.json()["type"] == "urn:tidewaiter:problem:no-policy"


def test_holders_tell_reasons_to_all_who_may_trace_and_viewers_names_to_auditors_alone(call, released):
    assert call.get(f"/api/v1/records/{released}").status_code == 200
    for role, named in (("officer", False), ("auditor", True)):
        found = call.get(f"/api/v1/records/{released}/holders", role=role).json()
        (entry,) = next(one for one in found["recipients"] if one["recipient"] == "TZ")["entries"]
        assert (entry["op"], entry["legal"], entry["rules"]) == ("put", ["MAA"], ["neighbours"])
        (seen,) = found["seen"]
        assert ("actor" in seen) == named
    assert call.get("/api/v1/audit/officers", role="auditor").json() == {"officers": []}


def test_own_records_are_listed_by_the_reference_that_this_node_gave_them(call, released):
    (listed,) = call.get("/api/v1/records").json()["records"]
    assert (listed["rid"], listed["reference"]) == (released, "R-1")
