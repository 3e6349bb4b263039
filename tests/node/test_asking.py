"""Whom a question goes to, what comes of hostile and of silent peers, and what stands in the asker's log."""

import asyncio
import json

import pytest
from sqlalchemy import func, select

from federation.errors import DirectoryStale, NotFound, Quota
from federation.grants import Handling
from federation.questions import MAX_ANSWER_BYTES, Answer, Granted, Hit, Identifier, Selector
from federation.replication import LinkDown
from node.services import asking, requests, tripwires
from node.services.asking import Asked
from node.services.search import CriteriaRefused
from node.storage import records, tasks
from node.storage.tables import disclosure, record
from tests.evil.peer import EvilPeer
from tests.factories import make_federation
from tests.federated import Nodes
from tests.node.asked import GROUPS, NAMES, PURPOSE, Member, answered, ask, asker, index, put_in_force

FED = make_federation(["KE", "TZ", "UG", "ZA"])
FOOTWEAR = {"filters": {"category": frozenset({"footwear"})}}
SHARE = {"mode": "query", "groups": ["case", "goods", "right"]}
GOODS = {"mode": "query", "groups": ["goods", "right", "cargo_ids"]}
NAMES_TO_UG = {"mode": "query", "groups": NAMES, "legal": ["MAA"], "when": {"node": ["UG"]}}
RID = "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e"
GRANT = Handling(tlp="green", onward="none", evidence="ask")


@pytest.fixture
def nodes(make_database):
    return put_together(Nodes(FED, make_database, "KE", "TZ", "UG"))


@pytest.fixture
def light(tmp_path, make_sqlite):
    number = iter(range(9))
    made = Nodes(FED, lambda: make_sqlite(tmp_path / f"{next(number)}.db"), "KE", "TZ", "UG")
    yield put_together(made)
    for database in made.databases.values():
        database.close()


def put_together(nodes):
    """TZ and UG hold a seizure each; KE asks them, and ZA never answers."""
    for node in ("TZ", "UG"):
        put_in_force(nodes, node, SHARE)
        nodes.release(node, {**GROUPS, "case": {"reference": f"{node}-1", "administration": node}})
        index(nodes, node)
    nodes.policy("KE", GOODS, NAMES_TO_UG)
    return nodes


def plan(nodes, *, node="KE", peers=None, case="C-7", purpose=PURPOSE, **selector):
    asked = Asked(selector=Selector(**selector), purpose=purpose, case=case, peers=peers)
    return asker(nodes, node).plan(asked)


def log_of(nodes, *actions, node="KE"):
    with nodes.databases[node].read() as connection:
        statement = select(disclosure).where(disclosure.c.action.in_(actions)).order_by(disclosure.c.id)
        return list(connection.execute(statement))


async def silence(_):
    await asyncio.sleep(60)


def down(_):
    raise LinkDown("nobody is there")


def refusing(_):
    raise Quota("no more today", after=60)


def test_answers_of_all_peers_are_shown_and_one_that_is_silent_is_named(nodes):
    found = ask(nodes, "KE", {"ZA": silence}, seconds=2.0, **FOOTWEAR)
    assert [(one.peer, set(one.record.groups)) for one in found.records] == [
        ("TZ", {"case", "goods", "right"}), ("UG", {"case", "goods", "right"}),
    ]  # fmt: skip
    assert [(one.peer, one.state, one.problem) for one in found.replies] == [
        ("TZ", "answered", None), ("UG", "answered", None), ("ZA", "silent", "deadline"),
    ]  # fmt: skip
    assert not found.complete
    assert ask(nodes, "KE", peers=["TZ", "UG"], **FOOTWEAR).complete


def test_both_logs_have_the_question_and_the_case_and_what_was_shown(nodes):
    found = ask(nodes, "KE", {"ZA": down}, **FOOTWEAR)
    sent = log_of(nodes, "ask")
    assert [row.recipient for row in sent] == ["TZ", "UG", "ZA"]
    told = json.loads(sent[0].detail)
    assert (sent[0].actor, sent[0].groups, sent[0].purpose) == ("officer", "goods", PURPOSE)
    assert (told["case"], told["question"]) == ("C-7", found.plan.question.id)
    seen = log_of(nodes, "view")
    assert [(row.iss, row.groups, row.actor) for row in seen] == [
        ("TZ", "case,goods,right", "officer"), ("UG", "case,goods,right", "officer"),
    ]  # fmt: skip
    (there,) = log_of(nodes, "query", node="TZ")
    assert (there.recipient, there.rid) == ("KE", seen[0].rid)
    detail = json.loads(there.detail)
    assert (detail["question"], detail["selector"]) == (found.plan.question.id, told["digest"])


def test_what_was_shown_is_not_kept_and_whoever_saw_it_hears_of_its_recall(nodes):
    found = ask(nodes, "KE", peers=["TZ"], **FOOTWEAR)
    rid = found.records[0].record.rid
    with nodes.databases["KE"].read() as connection:
        assert connection.scalar(select(func.count()).select_from(record)) == 0
        assert tasks.viewers_of(connection, "TZ", rid) == {"officer": "view"}


def test_nothing_is_sent_before_it_is_logged(light, monkeypatch):
    made, reached = asker(light, "KE", {"TZ": lambda _: reached.append(1)}), []
    planned = plan(light, peers=["TZ"], **FOOTWEAR)

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(asking.audit, "log", fail)
    with pytest.raises(RuntimeError):
        made.announce(planned, by="officer")
    assert reached == []


NAMING = {
    "words": {"words": "Mwangi"},
    "a container number": {"identifier": Identifier(type="container", value="CSQU3054383")},
    "an air waybill": {"identifier": Identifier(type="awb", value="020-12345675")},
    "a GTIN": {"identifier": Identifier(type="gtin", value="4006381333931")},
    "a registration": {"identifier": Identifier(type="registration", value="TM 12-345")},
    "words beside a filter": {**FOOTWEAR, "words": "Mwangi"},
}


@pytest.mark.parametrize("what", NAMING)
def test_what_may_name_somebody_goes_only_to_peers_that_may_have_names(what, light):
    made = plan(light, **NAMING[what])
    assert set(made.to) == {"UG"}
    assert made.not_asked == {"TZ": "policy", "ZA": "policy"}
    assert set(NAMES) <= made.groups
    assert set(plan(light, **FOOTWEAR).to) == {"TZ", "UG", "ZA"}


def test_nobody_else_is_sent_a_name(light):
    reached = []
    roads = {
        peer: lambda body, peer=peer: reached.append(peer) or answered(light, "UG", "KE", body) for peer in FED.signers
    }
    ask(light, "KE", roads, words="Mwangi")
    assert reached == ["UG"]
    assert [row.recipient for row in log_of(light, "ask")] == ["UG"]


RULES = {
    "no rule gives the group": ([{"mode": "query", "groups": ["right"]}], FOOTWEAR),
    "a rule withholds it": ([GOODS, {"effect": "withhold", "groups": ["goods"]}], FOOTWEAR),
    "the rule is for a hit": ([{"mode": "hit"}], FOOTWEAR),
    "the rule is for another brand": (
        [{**GOODS, "when": {"brand": ["Adler"]}}], {"filters": {"brand": frozenset({"Bussard"})}},
    ),
    "the rule is for one of two brands": (
        [{**GOODS, "when": {"brand": ["Adler"]}}], {"filters": {"brand": frozenset({"Adler", "Bussard"})}},
    ),
    "a withholding may be meant": (
        [GOODS, {"effect": "withhold", "groups": ["goods"], "when": {"brand": ["Adler"]}}], FOOTWEAR,
    ),
    "it needs a second officer": ([{**GOODS, "needs_release": True}], FOOTWEAR),
}  # fmt: skip


@pytest.mark.parametrize("sentence", RULES)
def test_a_peer_is_not_asked_where(sentence, light):
    rules, selector = RULES[sentence]
    light.policy("KE", *rules)
    made = plan(light, **selector)
    assert (dict(made.to), set(made.not_asked.values())) == ({}, {"policy"})


def test_a_rule_for_the_very_brand_lets_the_question_go(light):
    light.policy("KE", {**GOODS, "when": {"brand": ["Adler"]}})
    assert set(plan(light, filters={"brand": frozenset({"ADLER"})}).to) == {"TZ", "UG", "ZA"}


def test_a_plan_sends_nothing_writes_nothing_and_says_why_somebody_is_not_asked(light):
    light.fed = FED.with_node("TZ", status="suspended").with_node("ZA", endpoints=[])
    with light.databases["KE"].write() as connection:
        tripwires.add(connection, kind="token", value="footwear", note="", by="officer", now=light.now)
    assert plan(light, **FOOTWEAR).not_asked == {"TZ": "not active", "UG": "tripwire", "ZA": "no address"}
    with light.databases["KE"].read() as connection:
        assert tripwires.alarms(connection) == []
    assert log_of(light, "ask") == []


def test_a_word_of_the_tripwire_goes_to_nobody_and_raises_an_alarm(light):
    with light.databases["KE"].write() as connection:
        tripwires.add(connection, kind="token", value="mwangi", note="", by="officer", now=light.now)
    for told in ({"words": "MWANGI"}, {**FOOTWEAR, "case": "of Mwangi"}):
        assert ask(light, "KE", {"UG": down}, peers=["UG"], **told).replies == ()
    with light.databases["KE"].read() as connection:
        assert {(row.recipient, row.where) for row in tripwires.alarms(connection)} == {("UG", "question")}


REFUSED = {
    "no case": ({"case": " "}, "case"),
    "a purpose that is none": ({"purpose": "Why not"}, "purpose"),
    "nobody's name": ({"peers": ["XX"]}, "peers"),
    "itself": ({"peers": ["KE"]}, "peers"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_question_is_refused_with(what, light):
    changed, field = REFUSED[what]
    with pytest.raises(CriteriaRefused) as refused:
        plan(light, **FOOTWEAR, **changed)
    assert refused.value.field == field


def test_nothing_is_asked_by_a_stale_directory_or_without_a_policy(light):
    made = asker(light, "KE")
    late = asking.Asker(**{name: getattr(made, name) for name in made.__slots__} | {"membership": Member(light, True)})
    with pytest.raises(DirectoryStale):
        late.plan(Asked(selector=Selector(**FOOTWEAR), purpose=PURPOSE, case="C-7"))
    light.policies.clear()
    assert dict(plan(light, **FOOTWEAR).to) == {}


def genuine(nodes, body, peer="TZ"):
    return json.loads(answered(nodes, peer, "KE", body))


def with_sd(nodes, body, *presentations, **members):
    made = json.loads(body)
    answers = tuple(Granted(presentation=one, handling=GRANT) for one in presentations)
    return json.dumps(json.loads(Answer(id=made["id"], answers=answers).to_bytes()) | members).encode()


def footwear(peer, **more):
    return EvilPeer(FED, peer).record(
        groups={"goods": [{"line": "1", "wco": ["footwear"]}]}, **{"iat": 1_767_225_600, **more}
    )  # fmt: skip


def altered(nodes, body):
    sd = genuine(nodes, body)["answers"][0]["sd"]
    head, payload, rest = sd.split(".", 2)
    return with_sd(nodes, body, f"{head}.{payload}.{'B' if rest[0] == 'A' else 'A'}{rest[1:]}")


def twice(nodes, body):
    sd = genuine(nodes, body)["answers"][0]["sd"]
    return with_sd(nodes, body, sd, sd)


HOSTILE = {
    "no JSON": (lambda *_: b"<html>", "malformed"),
    "nothing": (lambda *_: b"", "malformed"),
    "JSON with a name twice": (lambda _, body: with_sd(_, body)[:-1] + b', "v": 1}', "malformed"),
    "too many bytes": (lambda *_: b" " * (MAX_ANSWER_BYTES + 1), "too-large"),
    "too many records": (lambda n, body: with_sd(n, body, *["x"] * 51), "malformed"),
    "too many hits": (
        lambda n, body: with_sd(n, body, hits=[{"contact": "a", "reference": "b", "until": 1}] * 2), "malformed",
    ),
    "a hit that moves the cursor": (
        lambda n, body: with_sd(n, body, hits=[{"contact": "\x1b[2J", "reference": "b", "until": 1}]), "malformed",
    ),
    "a member too many": (lambda n, body: with_sd(n, body, note="x"), "malformed"),
    "the answer to another question": (lambda n, body: with_sd(n, body, id="B" * 22), "malformed"),
    "a record of another node": (
        lambda n, body: json.dumps(genuine(n, body, "UG")).encode(), "malformed",
    ),
    "a bad signature": (altered, "bad-signature"),
    "a record that is none": (lambda n, body: with_sd(n, body, "x.y.z~"), "malformed"),
    "another's key": (
        lambda n, body: with_sd(n, body, footwear("TZ", signer=FED.signer("UG")).shown()), "unknown-key",
    ),
    "a record twice": (twice, "malformed"),
    "a record that was not asked for": (
        lambda n, body: with_sd(n, body, EvilPeer(FED, "TZ").record().shown()), "malformed",
    ),
    "a tombstone": (
        lambda n, body: with_sd(n, body, EvilPeer(FED, "TZ").tombstone(RID).jwt + "~"),
        "malformed",
    ),
    "a genuine record and a forged one": (
        lambda n, body: with_sd(n, body, footwear("TZ").shown(), footwear("UG").shown()), "malformed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_of_a_peer_that_answers_with_it_nothing_is_shown_and_the_others_are(what, light):
    make, problem = HOSTILE[what]
    found = ask(light, "KE", {"TZ": lambda body: make(light, body), "ZA": refusing}, **FOOTWEAR)
    assert [(one.peer, one.state, one.problem) for one in found.replies] == [
        ("TZ", "not believed", problem), ("UG", "answered", None), ("ZA", "refused", "quota"),
    ]  # fmt: skip
    assert ([one.peer for one in found.records], found.hits) == (["UG"], ())
    assert [row.iss for row in log_of(light, "view")] == ["UG"]


def test_what_the_evil_peer_makes_is_shown_when_it_is_true(light):
    found = ask(
        light, "KE", {"TZ": lambda body: with_sd(light, body, footwear("TZ").shown())}, peers=["TZ"], **FOOTWEAR
    )
    assert [one.record.iss for one in found.records] == ["TZ"]


def test_a_recalled_record_is_not_shown(light):
    rid = ask(light, "KE", peers=["TZ"], **FOOTWEAR).records[0].record.rid
    with light.databases["KE"].write() as connection:
        records.bury(connection, iss="TZ", rid=rid, ver=2, jwt="", now=light.now)
    (reply,) = ask(light, "KE", peers=["TZ"], **FOOTWEAR).replies
    assert (reply.state, reply.problem) == ("not believed", "tombstoned")


def test_another_envelope_of_a_version_that_is_held_is_not_shown(light):
    record_ = footwear("TZ")
    with light.databases["KE"].write() as connection:
        records.reserve(
            connection, iss="TZ", rid=record_.claims["rid"], ver=1, jh="x" * 43, gc=1, now=light.now, sch="seizure/1"
        )
    found = ask(light, "KE", {"TZ": lambda body: with_sd(light, body, record_.shown())}, peers=["TZ"], **FOOTWEAR)
    assert [one.state for one in found.replies] == ["not believed"]


def test_what_may_not_be_seen_for_the_purpose_is_not_shown(light):
    tight = {"tlp": "green", "purposes": ["risk-analysis"], "onward": "none", "evidence": "ask"}
    road = {"TZ": lambda body: with_sd(light, body, footwear("TZ", h=tight).shown())}
    assert ask(light, "KE", road, peers=["TZ"], **FOOTWEAR).records == ()
    assert len(ask(light, "KE", road, peers=["TZ"], purpose="risk-analysis", **FOOTWEAR).records) == 1


def holding(light, peer="TZ", until=9):
    """A peer says that it holds something."""
    hit = Hit(contact="Duty officer", reference="X-1", until=until)
    road = {peer: lambda body: Answer(id=json.loads(body)["id"], hits=(hit,)).to_bytes()}
    return ask(light, "KE", road, peers=[peer], **FOOTWEAR)


def test_a_hit_opens_a_request_that_waits_until_somebody_settles_it(light):
    database, now = light.databases["KE"], light.now
    holding(light, until=now + 50)
    holding(light, until=now + 10)
    first, second = requests.listing(database, now=now + 20)
    assert [(one.until, one.state) for one in (first, second)] == [(now + 10, "overdue"), (now + 50, "open")]
    assert (first.peer, first.contact, first.reference, first.case, first.purpose, first.opened_by) == (
        "TZ", "Duty officer", "X-1", "C-7", PURPOSE, "officer",
    )  # fmt: skip
    with database.read() as connection:
        assert requests.counts(connection, now=now + 20) == {"open": 2, "overdue": 1}
    done = requests.settle(database, first.id, " answered by telephone ", by="B. Officer", now=now + 30)
    assert (done.state, done.settled_by, done.remark) == ("settled", "B. Officer", "answered by telephone")
    assert [one.id for one in requests.listing(database, now=now)] == [second.id]
    assert [one.id for one in requests.listing(database, every=True, now=now)] == [second.id, first.id]
    with pytest.raises(requests.Settled):
        requests.settle(database, first.id, "again", by="C", now=now)
    with pytest.raises(NotFound):
        requests.settle(database, 99, "x", by="C", now=now)
    for remark in ("", " ", "x" * 501, "a\nb"):
        with pytest.raises(CriteriaRefused):
            requests.settle(database, second.id, remark, by="C", now=now)


def test_an_answer_that_is_not_believed_and_one_without_a_hit_open_no_request(light):
    ask(light, "KE", {}, peers=["TZ"], **FOOTWEAR)
    many = {"TZ": lambda body: with_sd(light, body, hits=[{"contact": "a", "reference": "b", "until": 1}] * 2)}
    assert ask(light, "KE", many, peers=["TZ"], **FOOTWEAR).replies[0].state == "not believed"
    assert requests.listing(light.databases["KE"], now=light.now) == []


def test_a_hit_is_shown_with_whom_to_ask(light):
    hit = Hit(contact="Duty officer", reference="X-1", until=9)
    road = {"TZ": lambda body: Answer(id=json.loads(body)["id"], hits=(hit,)).to_bytes()}
    found = ask(light, "KE", road, peers=["TZ"], **FOOTWEAR)
    assert found.hits == (("TZ", hit),)
    assert found.to_json()["hits"] == [{"peer": "TZ", "contact": "Duty officer", "reference": "X-1", "until": 9}]
