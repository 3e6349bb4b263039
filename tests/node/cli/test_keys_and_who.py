"""Rotating a key and asking who has a record, as a person does it."""

import json
import time

from federation.nodecard import open_card


def test_a_rotation_is_a_card_that_the_authority_enters_and_the_list_says_what_signs(
    member, tell, tmp_path, monkeypatch
):
    monkeypatch.setenv("TIDEWAITER_DIRECTORY_POLL_SECONDS", "0.001")
    before = {key["use"]: key["kid"] for key in tell("key", "list", "--home", member, "--json").json["keys"]}
    card = tmp_path / "card.json"
    words = ("key", "rotate", "log", "--overlap-hours", 0, "--output", card, "--home", member)
    made = tell(*words, "--json").json["kid"]
    assert {key.public.kid for key in open_card(card.read_bytes()).keys} >= {made, before["log"]}
    assert tell(*words).status == 1, "one waits already"
    states = {key["kid"]: key["state"] for key in tell("key", "list", "--home", member, "--json").json["keys"]}
    assert (states[made], states[before["log"]]) == ("waits", "signs")
    assert tell("directory", "add", card, "--home", member).status == 1, "new keys are taken only where asked for"
    assert tell("directory", "add", card, "--replace", "--home", member).status == 0
    assert tell("directory", "publish", "--home", member).status == 0
    deadline = time.monotonic() + 20
    while True:  # peers are given their time: here a second
        states = {key["kid"]: key for key in tell("key", "list", "--home", member, "--json").json["keys"]}
        if states[made]["state"] == "signs" or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert (states[made]["state"], states[before["log"]]["state"]) == ("signs", "old")
    assert states[before["log"]]["listed"]
    assert tell("key", "reissue", "--home", member).status == 0
    assert tell("key", "rotate", "nothing", "--home", member).status == 2


def test_who_has_a_record_and_who_opened_the_bait(member, tell, tmp_path):
    draft = tmp_path / "one.jsonl"
    draft.write_text(json.dumps({"case": {"reference": "R-1", "administration": "GB"}}) + "\n")
    imported = tell("import", draft, "--yes", "--home", member)
    assert imported.status == 0, imported.err
    assert tell("release", "--all", "--by", "ann", "--home", member).status == 0
    found = tell("who", "R-1", "--home", member, "--json").json
    assert (found["own"], found["recipients"], found["seen"]) == (True, [], [])
    assert tell("audit", "bait", "add", "R-1", "--by", "chief", "--home", member).status == 0
    assert tell("show", "R-1", "--by", "ben", "--home", member).status == 0
    assert [row["actor"] for row in tell("who", "R-1", "--home", member, "--json").json["seen"]] == ["ben"]
    (day,) = tell("audit", "officers", "--home", member, "--json").json["officers"]
    assert (day["actor"], day["views"], [alarm["kind"] for alarm in day["alarms"]]) == ("ben", 1, ["bait"])
    assert "bait" in tell("audit", "officers", "--home", member).out
    assert len(tell("audit", "bait", "list", "--home", member, "--json").json["bait"]) == 1
    assert tell("audit", "bait", "remove", "R-1", "--home", member).status == 0
    assert tell("audit", "bait", "remove", "R-1", "--home", member).status == 1
    assert tell("who", "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e", "--home", member).status == 1
