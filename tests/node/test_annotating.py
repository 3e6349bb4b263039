"""Annotations of every type: who gets them, what answers what, and that they fall with what they are about."""

import json

import pytest
from sqlalchemy import select

from federation.envelope import verify_record
from node.services import annotating, following, stopping
from node.storage.tables import disclosure, record
from tests.evil.peer import EvilPeer
from tests.factories import make_federation
from tests.federated import SEIZURE, Nodes

FED = make_federation(["KE", "TZ", "GB", "RILO-ESA"], groups={"ncp": {"1": ["TZ"]}})
ALERT = {
    "headline": {
        "title": [{"lang": "en", "by": "author", "text": "Look out"}], "type": "dangerous_goods",
        "respond_by": "2026-01-10",
    },
    "texts": {"text": [{"lang": "en", "by": "author", "text": "Red boxes"}], "no_names": True},
}  # fmt: skip
TO_TZ = [{"groups": "non-nominal", "when": {"node": ["TZ"], "kind": [kind]}} for kind in ("seizure", "alert")]
DAY = 86_400
EVERY = {
    "ack": {}, "feedback": {"result": "found"}, "sighting": {"on": "2026-01-02"}, "query": {"respond_by": "2026-01-09"},
    "verification": {"result": "verified"}, "translation": {"texts": (("sw", "Masanduku"),), "no_names": True},
    "evidence-request": {"respond_by": "2026-01-09"},
}  # fmt: skip


@pytest.fixture
def nodes(make_database):
    made = Nodes(FED, make_database, "KE", "TZ", "GB")
    made.policy("KE", *TO_TZ)
    return made


@pytest.fixture
def light(tmp_path, make_sqlite):
    number = iter(range(9))
    made = Nodes(FED, lambda: make_sqlite(tmp_path / f"{next(number)}.db"), "KE", "TZ", "GB", "RILO-ESA")
    made.policy("KE", *TO_TZ)
    yield made
    for database in made.databases.values():
        database.close()


@pytest.mark.parametrize("kind", EVERY)
def test_every_type_goes_to_the_originator_and_to_nobody_else(light, kind):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    done = light.annotate("TZ", rid, type=kind, **EVERY[kind])
    assert done.recipients == ("KE",)
    light.pull("KE", "TZ")
    light.pull("GB", "TZ")
    assert light.about("KE", "KE", rid) == [("TZ", kind)]
    assert light.about("GB", "KE", rid) == []


def test_an_annotation_names_the_version_that_it_speaks_of(nodes):
    rid = nodes.release("KE")
    nodes.pull("TZ", "KE")
    done = nodes.annotate("TZ", rid, type="ack")
    nodes.pull("KE", "TZ")
    with nodes.databases["KE"].read() as connection:
        row = connection.execute(select(record).where(record.c.rid == done.rid)).one()
        own = connection.execute(select(record).where(record.c.rid == rid)).one()
    assert annotating.bodies.reopen_row(row).groups["about"] == [{"iss": "KE", "rid": rid, "ver": 1, "jh": own.jh}]
    with nodes.databases["TZ"].read() as connection:
        assert connection.scalars(select(disclosure.c.recipient)).all() == ["KE"]


def test_no_policy_is_needed_for_what_is_owed_and_none_can_hold_it_back(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    light.policy("TZ", {"effect": "withhold", "groups": "all", "when": {"kind": ["annotation"]}})
    assert light.annotate("TZ", rid, type="ack").recipients == ("KE",)


def test_others_get_it_by_policy_and_only_if_they_hold_what_it_names(light):
    light.policy("KE", *TO_TZ, {"groups": "non-nominal", "when": {"kind": ["annotation"]}})
    rid = light.release("KE")
    done = light.annotate(
        "KE", rid, type="translation", texts=(("en", "Boxes"),), no_names=True, narrative=(("en", "of Mr X"),)
    )
    assert done.recipients == ("TZ",)
    light.pull("TZ", "KE")
    assert light.held("TZ", "KE", done.rid) == {1: {"about", "note", "texts"}}
    other = light.release("KE", {**SEIZURE, "case": {**SEIZURE["case"], "reference": "R-2"}}, reference="R-2")
    light.policy("KE", {"groups": "non-nominal", "when": {"kind": ["annotation"]}})
    third = light.release("KE", {**SEIZURE, "case": {**SEIZURE["case"], "reference": "R-3"}}, reference="R-3")
    assert light.annotate("KE", rid, other, type="same-event").recipients == ("TZ",)
    assert light.annotate("KE", rid, third, type="link").recipients == ()


def test_an_answer_goes_to_whoever_asked(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    asked = light.annotate("TZ", rid, type="query", texts=(("en", "Which port?"),), no_names=True)
    light.pull("KE", "TZ")
    with light.databases["KE"].read() as connection:
        (query,) = annotating.queries(connection, "KE", now=light.now)
    assert (query["open"], query["reference"], query["text"]) == (True, "R-1", "Which port?")
    done = light.annotate("KE", rid, type="answer", answer_to=asked.rid, texts=(("en", "Mombasa"),), no_names=True)
    assert done.recipients == ("TZ",)
    light.pull("TZ", "KE")
    assert light.about("TZ", "KE", rid) == [("TZ", "query"), ("KE", "answer")]
    with light.databases["KE"].read() as connection:
        (query,) = annotating.queries(connection, "KE", now=light.now)
    assert (query["open"], query["answered_by"]) == (False, done.rid)


def test_a_new_version_answers_a_query(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    light.annotate("TZ", rid, type="query")
    light.pull("KE", "TZ")
    light.release("KE", {**SEIZURE, "transport": {"conveyance": "air"}})
    with light.databases["KE"].read() as connection:
        (query,) = annotating.queries(connection, "KE", now=light.now)
    assert (query["open"], query["answered_in_version"]) == (False, 2)


def test_an_answer_to_an_evidence_request_is_shown_and_changes_no_handling(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    asked = light.annotate("TZ", rid, type="evidence-request")
    light.pull("KE", "TZ")
    light.annotate("KE", rid, type="answer", answer_to=asked.rid, result="allowed")

    def state():
        with light.databases["TZ"].read() as connection:
            handling = connection.scalar(select(record.c.handling).where(record.c.rid == rid))
            return json.loads(handling)["evidence"], annotating.evidence_word(connection, "KE", rid, node="TZ")

    assert state() == ("ask", None)
    light.pull("TZ", "KE")
    assert state() == ("ask", "allowed")


def test_nobody_but_the_originator_allows_evidence_use(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    asked = light.annotate("TZ", rid, type="evidence-request")
    light.annotate("TZ", rid, type="answer", answer_to=asked.rid, result="allowed")
    with light.databases["TZ"].read() as connection:
        assert annotating.evidence_word(connection, "KE", rid, node="TZ") is None


def test_an_annotation_falls_with_its_subject_wherever_it_is(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    done = light.annotate("TZ", rid, type="feedback", result="found")
    light.pull("KE", "TZ")
    light.tomb("KE", "KE", rid)
    light.tomb("TZ", "KE", rid)
    assert light.held("KE", "TZ", done.rid) == {}
    assert light.held("TZ", "TZ", done.rid) == {}
    assert annotating.end_fallen(light.databases["TZ"], lambda: light.publisher("TZ"), now=light.now) == {"KE"}
    assert annotating.end_fallen(light.databases["TZ"], lambda: light.publisher("TZ"), now=light.now) == set()
    light.pull("KE", "TZ")
    assert light.aside("KE") == []


def test_an_annotation_that_comes_after_the_recall_is_not_kept(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    done = light.annotate("TZ", rid, type="feedback", result="found")
    light.tomb("KE", "KE", rid)
    light.pull("KE", "TZ")
    assert light.held("KE", "TZ", done.rid) == {}


FAULTS = {
    "a type that nobody knows": ({"type": "gossip"}, "note.type"),
    "texts that nobody vouches for": ({"type": "ack", "texts": (("en", "x"),)}, "texts"),
    "a link to one record": ({"type": "link"}, "about"),
    "an answer to nothing": ({"type": "answer"}, "answer_to"),
    "an answer to a seizure": ({"type": "answer", "answer_to": "R-1"}, "answer_to"),
    "a result that nobody knows": ({"type": "feedback", "result": "perhaps"}, "result"),
}


@pytest.mark.parametrize("sentence", FAULTS)
def test_an_annotation_is_refused_with(light, sentence):
    members, path = FAULTS[sentence]
    rid = light.release("KE")
    with pytest.raises(annotating.AnnotationRefused) as refused:
        light.annotate("KE", rid, **members)
    assert path in str(refused.value)


def test_a_regional_office_verifies_and_asks(light):
    light.policy(
        "KE", {"groups": ["case", "transport"], "when": {"node": ["RILO-ESA"]}, "relay": {"to": "group:ncp@1"}}
    )
    rid = light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.relay()
    light.policy("RILO-ESA", {"groups": ["about", "note"], "when": {"kind": ["annotation"]}})
    assert light.annotate("RILO-ESA", rid, type="verification", result="verified").recipients == ("KE", "TZ")
    light.pull("KE", "RILO-ESA")
    light.pull("TZ", "RILO-ESA")
    assert light.about("KE", "KE", rid) == light.about("TZ", "KE", rid) == [("RILO-ESA", "verification")]


def test_an_alert_shows_who_has_read_it_answered_it_or_is_late(light):
    rid = light.release("KE", ALERT, kind="alert", reference="A-1")

    def status():
        with light.databases["KE"].read() as connection:
            found = following.alert_status(connection, "A-1", node="KE", directory=FED.directory, now=light.now)
            return [
                (one.node, one.received, one.acknowledged_at is not None, one.results, one.state)
                for one in found.members
            ]

    assert status() == [("TZ", False, False, (), "unanswered")]
    light.pull("TZ", "KE")
    light.receipts("KE", "TZ")
    light.annotate("TZ", rid, type="ack")
    light.pull("KE", "TZ")
    assert status() == [("TZ", True, True, (), "unanswered")]
    before, light.now = light.now, light.now + 10 * DAY
    assert status() == [("TZ", True, True, (), "overdue")]
    light.now = before
    light.annotate("TZ", rid, type="feedback", result="not_found")
    light.pull("KE", "TZ")
    assert status() == [("TZ", True, True, ("not_found",), "answered")]


def test_while_a_recall_can_be_undone_what_was_said_is_out_of_use_and_comes_back_with_the_record(light):
    rid = light.release("KE")
    light.pull("TZ", "KE")
    done = light.annotate("TZ", rid, type="feedback", result="found")
    database = light.databases["TZ"]
    thief = EvilPeer(FED, "KE")
    with database.read() as connection:
        held = connection.execute(select(record).where(record.c.rid == rid)).one()
    recall = thief.tombstone(rid, prev=held.jh)
    stone = verify_record(recall.shown(), directory=FED.directory, now=light.now)
    with database.write() as connection:
        stopping.entomb(connection, stone, came_by="GB", rules=stopping.RecallRules(), now=light.now)
    assert light.about("TZ", "KE", rid) == []
    assert light.held("TZ", "TZ", done.rid) == {}
    assert annotating.end_fallen(database, lambda: light.publisher("TZ"), now=light.now) == set()
    fed = FED.with_key("KE", "record", revoked={"since": light.now - 1, "reason": "stolen"})
    with database.write() as connection:
        assert stopping.void(connection, directory=fed.directory, node="TZ", now=light.now) == [("KE", rid)]
    assert light.held("TZ", "KE", rid)
    assert light.about("TZ", "KE", rid) == [("TZ", "feedback")]
