"""What is taken out of a node: guarded a record, logged and registered with it, followed when it is recalled."""

import csv
import hashlib
import io
import json

import pytest
from sqlalchemy import select

from federation.envelope import verify_record
from node.services import exporting, search, showing, sweeping
from node.services.exporting import ExportRefused, Order
from node.services.search import Criteria
from node.storage import exports, tasks
from node.storage.tables import disclosure
from node.storage.tables.retention import export, export_record, task
from tests.evil.desk import Victim
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator.naive import b64

FED = make_federation(["KE", "TZ", "ZA"])
UNTIL = NOW + 86_400
GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA"},
    "right": [{"brands": ["Nordwind"]}],
    "method": {"cover_load": "=1+1\x1b[31m"},
}
BOUND = {**GRANT, "purposes": ["customs-enforcement", "evidence"], "evidence": "yes", "keep_until": UNTIL}


@pytest.fixture
def peer():
    return EvilPeer(FED, "ZA")


@pytest.fixture
def victim(database):
    return Victim(FED, database)


def got(peer, victim, **grant):
    """A record that TZ received, two of its groups, under a grant of its own."""
    signed = peer.record(groups=GROUPS, h={"tlp": "green", "onward": "none", "evidence": "yes"})
    feed = peer.feed("TZ")
    feed.entries = victim.__dict__.setdefault("sent", [])
    feed.put(signed, "case", "method", grant={**BOUND, **grant})
    victim.pull(feed)
    return signed


def order(**changed):
    return Order(**{"by": "A. Officer", "purpose": "evidence", "destination": "Regional court", **changed})


def out(victim, signed, *, now=NOW, **changed):
    names = [(signed.claims["rid"], None)]
    return exporting.export_named(victim.database, names, order(**changed), node="TZ", now=now)


def test_an_export_is_the_granted_presentation_its_content_and_its_obligations(peer, victim):
    signed = got(peer, victim)
    made = out(victim, signed)
    (item,) = json.loads(made.data)["records"]
    assert set(item["presentation"].split("~")) == set(signed.shown("case", "method").split("~"))
    assert verify_record(item["presentation"], directory=FED.directory, now=NOW).groups.keys() == {"case", "method"}
    assert item["groups"].keys() == {"case", "method"}
    assert item["obligations"] == [
        "Traffic light: TLP:GREEN.",
        "Use it for customs-enforcement or evidence alone.",
        "Do not pass it on.",
        "It may be used as evidence.",
        "Destroy every copy by 2026-01-02 00:00:00Z.",
    ]


def test_row_of_the_log_and_of_the_register_are_written_with_it(peer, victim):
    signed = got(peer, victim)
    made = out(victim, signed)
    (logged,) = [row for row in victim.rows(disclosure) if row.action == "export"]
    assert (logged.actor, logged.purpose, logged.rid, logged.groups) == (
        "A. Officer", "evidence", signed.claims["rid"], "case,method",
    )  # fmt: skip
    digest = b64(hashlib.sha256(made.data).digest())
    assert json.loads(logged.detail) == {"export": made.number, "to": "Regional court", "sha256": digest}
    (row,) = victim.rows(export)
    assert (row.id, row.officer, row.destination, row.sha256, row.records) == (
        made.number, "A. Officer", "Regional court", digest, 1,
    )  # fmt: skip
    assert [(row.rid, row.ver) for row in victim.rows(export_record)] == [(signed.claims["rid"], 1)]


def test_nothing_is_exported_that_cannot_be_logged(peer, victim, monkeypatch):
    signed = got(peer, victim)

    def fail(*_arguments, **_more):
        raise RuntimeError("power cut")

    monkeypatch.setattr(exporting.audit, "log", fail)
    with pytest.raises(RuntimeError):
        out(victim, signed)
    assert victim.rows(export) == []


REFUSED = {
    "a purpose that its grant does not name": ({}, {"purpose": "risk-analysis"}, NOW, "does not allow the purpose"),
    "evidence without the originator's yes": ({"evidence": "ask"}, {}, NOW, "ask the originator first"),
    "what is for the eyes of its readers alone": ({"tlp": "red"}, {}, NOW, "TLP red"),
    "what should be erased by now": ({}, {}, UNTIL, "time of keeping is over"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_not_exported_is(sentence, peer, victim):
    grant, changed, now, reason = REFUSED[sentence]
    signed = got(peer, victim, **grant)
    with pytest.raises(ExportRefused, match=reason):
        out(victim, signed, now=now, **changed)
    with pytest.raises(ExportRefused):
        exporting.export_found(victim.database, Criteria(), order(**changed), node="TZ", now=now)
    assert victim.rows(export) == []
    assert [row.action for row in victim.rows(disclosure)] == []


def test_one_record_that_may_not_go_refuses_a_list_and_is_left_out_of_a_search(peer, victim):
    free, bound = got(peer, victim), got(peer, victim, purposes=["customs-enforcement"])
    names = [(free.claims["rid"], None), (bound.claims["rid"], None)]
    with pytest.raises(ExportRefused) as refused:
        exporting.export_named(victim.database, names, order(), node="TZ", now=NOW)
    assert [bound.claims["rid"] in reason for reason in refused.value.reasons] == [True]
    made = exporting.export_found(victim.database, Criteria(), order(), node="TZ", now=NOW)
    assert (made.records, made.left_out) == (1, 1)
    with pytest.raises(ExportRefused, match="more than 1"):
        exporting.export_found(victim.database, Criteria(limit=1), order(), node="TZ", now=NOW)


def test_a_table_runs_no_formula_and_a_text_obeys_no_terminal(peer, victim):
    signed = got(peer, victim)
    made = out(victim, signed, format="csv")
    rows = list(csv.DictReader(io.StringIO(made.data.decode("utf-8-sig"))))
    (value,) = [row["value"] for row in rows if row["field"] == "cover_load"]
    assert value == "'=1+1 [31m"
    assert {row["purposes"] for row in rows} == {"customs-enforcement, evidence"}
    text = out(victim, signed, format="text").data.decode()
    assert "\x1b" not in text
    assert "Use it for customs-enforcement or evidence alone." in text
    assert "Regional court" in text


def test_a_recall_tasks_who_exported_it_tells_who_saw_it_and_removes_the_file(peer, victim, tmp_path):
    signed = got(peer, victim)
    rid = signed.claims["rid"]
    path = tmp_path / "export.json"
    made = out(victim, signed, path=str(path))
    exporting.write_file(path, made.data)
    assert path.stat().st_mode & 0o077 == 0
    showing.show(victim.database, rid=rid, by="A. Viewer", purpose=None, now=NOW)
    search.find(victim.database, Criteria(), by="B. Searcher", purpose=None, now=NOW)
    urgent, tomb = peer.feed("TZ", "urgent"), peer.tombstone(rid)
    urgent.append(tomb.leaf(op="tomb", gm="000000", gc=2), tomb.jwt + "~")
    victim.pull(urgent)
    with victim.database.read() as connection:
        (found,) = tasks.tasks(connection)
        told = {(row.officer, row.seen, row.rid) for row in tasks.notices(connection)}
    assert (found.officer, found.export, found.rid, found.state) == ("A. Officer", made.number, rid, "open")
    assert told == {("A. Viewer", "view", rid), ("B. Searcher", "search", rid)}
    assert path.exists()  # a file system has no transactions: the next sweep removes it
    assert sweeping.sweep(victim.database, now=NOW).files == 1
    assert not path.exists()
    assert [row.state for row in victim.rows(export)] == ["removed"]
    with victim.database.write() as connection:
        assert tasks.done(connection, found.id, by="A. Officer", note="shredded", now=NOW)
        assert not tasks.done(connection, found.id, by="B", note=None, now=NOW)
    assert [(row.state, row.done_by) for row in victim.rows(task)] == [("done", "A. Officer")]


def test_taking_back_a_group_or_the_end_of_its_time_tasks_who_exported_it(peer, victim):
    first, second = got(peer, victim), got(peer, victim)
    for signed in (first, second):
        out(victim, signed)
    urgent = peer.feed("TZ", "urgent")
    urgent.append({**first.leaf("case"), "op": "less", "gc": 2, "grant": BOUND})
    victim.pull(urgent)
    sweeping.sweep(victim.database, now=UNTIL)
    with victim.database.read() as connection:
        found = {(row.rid, row.why) for row in tasks.tasks(connection)}
    # One open task an export is enough, whatever happens to the record after it.
    assert found == {(first.claims["rid"], "less"), (second.claims["rid"], "keep-until")}


BECAME = {"changed": "somebody has put another file there", "gone": "it was moved away", "handed": "never was one"}


@pytest.mark.parametrize("state", BECAME)
def test_a_file_that_is_not_the_one_that_was_written_is_left_alone(state, peer, victim, tmp_path):
    signed = got(peer, victim)
    path = tmp_path / "export.json"
    made = out(victim, signed, path=None if state == "handed" else str(path))
    if state == "changed":
        path.write_bytes(made.data + b"mine")
    assert sweeping.sweep(victim.database, now=UNTIL).files == 0
    assert [row.state for row in victim.rows(export)] == [state]
    assert path.exists() == (state == "changed")


def test_a_file_that_cannot_be_removed_is_tried_again(peer, victim, tmp_path, monkeypatch):
    signed = got(peer, victim)
    path = tmp_path / "export.json"
    exporting.write_file(path, out(victim, signed, path=str(path)).data)

    def refuse(*_arguments, **_more):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(exports.Path, "unlink", refuse)
        assert sweeping.sweep(victim.database, now=UNTIL).files == 0
    with victim.database.read() as connection:
        assert connection.scalar(select(export.c.state)) == "stale"
    assert sweeping.sweep(victim.database, now=UNTIL).files == 1
