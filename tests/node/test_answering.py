"""What a node answers to a question: granted groups, a hit, or nothing, and the rows that it writes."""

import json

import pytest
from sqlalchemy import select

from federation.envelope import verify_record
from federation.errors import DirectoryStale, FeedEpochRequired, Malformed, Quota
from federation.questions import Identifier, Question, Selector, parse_answer
from federation.records.facts import Facets
from node.services import answering, approvals, holders, matching, recalling, tripwires
from node.services.stopping import RecallRules
from node.storage import audit, records, settlements
from node.storage.tables import disclosure, record
from tests.evil.peer import EvilPeer
from tests.factories import make_federation
from tests.federated import Nodes
from tests.node.asked import GROUPS, PURPOSE, answered, index, put_in_force

FED = make_federation(["KE", "TZ", "UG", "ZA"])
QUERY = {"mode": "query", "groups": ["case", "goods", "right", "place_coarse"], "when": {"node": ["TZ"]}}
HIT = {"mode": "hit", "when": {"node": ["TZ"]}}
PERSONS = {"mode": "query", "groups": ["persons"], "legal": ["MAA"], "when": {"node": ["TZ"]}}
FOOTWEAR = {"filters": {"category": frozenset({"footwear"})}}
BY_SEA = {"filters": {"conveyance": frozenset({"sea"})}}
NOBODY = {"words": "Nobody"}


@pytest.fixture
def nodes(make_database):
    return Nodes(FED, make_database, "KE")


@pytest.fixture
def light(tmp_path, make_sqlite):
    made = Nodes(FED, lambda: make_sqlite(tmp_path / "ke.db"), "KE")
    yield made
    made.databases["KE"].close()


def holding(nodes, *rules, groups=GROUPS, **more):
    if rules:
        put_in_force(nodes, "KE", *rules)
    rid = nodes.release("KE", groups, **more)
    index(nodes, "KE")
    return rid


def question(nodes, *, purpose=PURPOSE, **selector):
    return Question(id="Q" * 22, selector=Selector(**selector), purpose=purpose, case="C-7", until=nodes.now + 5)


def asked(nodes, *, peer="TZ", purpose=PURPOSE, settings=None, **selector):
    made = question(nodes, purpose=purpose, **selector)
    return parse_answer(answered(nodes, "KE", peer, made.to_bytes(), **(settings or {})), question=made)


def groups_of(answer):
    return [set(verify_record(one.presentation, directory=FED.directory, now=2**31).groups) for one in answer.answers]


def rows(nodes, *actions):
    with nodes.databases["KE"].read() as connection:
        found = connection.execute(select(disclosure).where(disclosure.c.action.in_(actions)).order_by(disclosure.c.id))
        return list(found)


def test_what_is_granted_by_query_comes_as_a_presentation_of_exactly_these_groups(nodes):
    rid = holding(nodes, QUERY)
    answer = asked(nodes, **FOOTWEAR)
    assert groups_of(answer) == [{"case", "goods", "right", "place_coarse"}]
    (given,) = answer.answers
    opened = verify_record(given.presentation, directory=FED.directory, now=nodes.now)
    assert (opened.iss, opened.rid, given.handling.tlp) == ("KE", rid, "amber")
    assert answer.hits == ()
    assert asked(nodes, peer="UG", **FOOTWEAR).answers == ()


def test_a_hit_rule_tells_that_something_is_held_and_whom_to_ask_and_nothing_else(nodes):
    rid = holding(nodes, HIT)
    answer = asked(nodes, **FOOTWEAR)
    assert answer.answers == ()
    (hit,) = answer.hits
    assert (hit.contact, hit.reference, hit.until) == ("Duty office of KE", "Q" * 22, nodes.now + 3 * 86_400)
    assert rid not in answer.to_bytes().decode()
    holding(nodes, reference="R-2")
    assert len(asked(nodes, **FOOTWEAR).hits) == 1


CASES = {
    "nothing is held": ((QUERY, HIT), NOBODY),
    "there is no rule": ((), FOOTWEAR),
    "another may have it": (({**QUERY, "when": {"node": ["UG"]}},), FOOTWEAR),
    "the group that matches is not granted": ((QUERY,), BY_SEA),
    "a name stands in a group that is not granted": ((QUERY,), {"words": "Mwangi"}),
    "a name stands in a group that a hit does not reach": ((HIT,), {"words": "Mwangi"}),
    "a hit is withheld": ((HIT, {"effect": "withhold", "groups": ["all"]}), FOOTWEAR),
    "a group is withheld from a hit": ((HIT, {"effect": "withhold", "groups": ["transport"]}), BY_SEA),
    "an identifier stands in a group that is not granted": (
        (QUERY,), {"identifier": Identifier(type="container", value="CSQU3054383")},
    ),
    "one of two filters is of a group that is not granted": (
        (QUERY,), {"filters": {**FOOTWEAR["filters"], **BY_SEA["filters"]}},
    ),
    "an embargo is not over": (({**QUERY, "embargo_days": 10},), FOOTWEAR),
}  # fmt: skip


@pytest.mark.parametrize("sentence", CASES)
def test_the_answer_is_the_same_bytes_as_where_nothing_is_held_when(sentence, light):
    rules, selector = CASES[sentence]
    made = question(light, **selector)
    nothing = answered(light, "KE", "TZ", made.to_bytes())
    holding(light, *rules)
    assert answered(light, "KE", "TZ", made.to_bytes()) == nothing
    assert nothing == b'{"answers":[],"hits":[],"id":"QQQQQQQQQQQQQQQQQQQQQQ","more":false,"v":1}'
    assert rows(light, "query", "hit") == []
    assert [json.loads(row.detail)["records"] for row in rows(light, "question")] == [0, 0]


def test_a_hit_reaches_groups_that_are_not_granted_and_a_name_only_where_a_rule_says_so(nodes):
    holding(nodes, QUERY, HIT)
    assert len(asked(nodes, **BY_SEA).hits) == 1
    assert asked(nodes, words="Mwangi").hits == ()
    put_in_force(nodes, "KE", HIT, PERSONS)
    assert groups_of(asked(nodes, words="mwangi")) == [{"persons"}]


def test_the_day_is_judged_by_what_the_asker_may_see(nodes):
    holding(nodes, {**QUERY, "groups": ["place_coarse", "goods"]})
    month = {"day_from": "2025-05-01", "day_to": "2025-05-01"}
    assert len(asked(nodes, **FOOTWEAR, **month).answers) == 1
    assert asked(nodes, **FOOTWEAR, day_from="2025-05-17", day_to="2025-05-17").answers == ()


def dated(seized, place):
    return {
        **GROUPS, "case": {**GROUPS["case"], "dates": [{"kind": "seized", "on": seized}]},
        "place": {"country": "KE", "on": place},
    }  # fmt: skip


def test_a_day_that_only_the_asker_sees_is_found_by_it(light):
    holding(light, {**QUERY, "groups": ["place", "goods"]}, groups=dated("2024-12-30", "2025-01-02"))
    assert len(asked(light, **FOOTWEAR, day_from="2025-01-01").answers) == 1
    holding(light, groups=dated("2025-01-02", "2024-12-30"), reference="R-2")
    assert len(asked(light, **FOOTWEAR, day_to="2024-12-31").answers) == 1


def test_the_order_of_an_answer_tells_no_day_that_is_not_granted(light):
    put_in_force(light, "KE", {**QUERY, "groups": ["place_coarse", "goods"]})
    for day in range(11, 20):
        light.release("KE", dated(f"2025-05-{day}", "2025-05-01"), reference=f"R-{day}")
    order = [
        verify_record(one.presentation, directory=FED.directory, now=2**31).rid
        for one in asked(light, **FOOTWEAR).answers
    ]
    assert (len(order), order) == (9, sorted(order, reverse=True))


def test_records_of_others_take_no_place_among_the_candidates(light, monkeypatch):
    holding(light, QUERY)
    evil = EvilPeer(FED, "UG").record(groups={"goods": GROUPS["goods"]}, iat=light.now)
    opened = verify_record(evil.shown(), directory=FED.directory, now=light.now)
    with light.databases["KE"].write() as connection:
        later = records.NewVersion(
            iss="UG", rid=opened.rid, ver=1, kind="seizure", sch=opened.sch, jh=opened.jh, jwt=opened.jwt,
            disclosures=list(opened.disclosures.values()), mask=opened.mask, width=opened.width, iat=light.now,
            prev=None, handling=json.dumps(dict(opened.handling)), title="", state="received", pending=False, gc=1,
            facets=Facets(day="2030-01-01", values=opened.facets.values),
        )  # fmt: skip
        records.keep(connection, [later], now=light.now)
    monkeypatch.setattr(answering, "CANDIDATES", 1)
    assert len(asked(light, **FOOTWEAR).answers) == 1


NUMBERS = [
    ("container", "csqu 305438-3"), ("container", "CSQU3054383"), ("awb", "02012345675"), ("awb", "020 1234 5675"),
    ("gtin", "4006381333931"), ("registration", "TM 12-345"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "value"), NUMBERS)
def test_a_number_is_found_however_it_is_spaced(type_, value, nodes):
    holding(nodes, {**QUERY, "groups": ["cargo_ids", "goods", "right"]})
    assert len(asked(nodes, identifier=Identifier(type=type_, value=value)).answers) == 1
    other = "registration" if type_ != "registration" else "gtin"
    assert asked(nodes, identifier=Identifier(type=other, value=value)).answers == ()


def test_the_purpose_counts(light, monkeypatch):
    monkeypatch.setattr("tests.federated.HANDLING", {"tlp": "amber", "purposes": [PURPOSE], "onward": "none"})
    holding(light, QUERY, HIT)
    assert len(asked(light, **FOOTWEAR).answers) == 1
    other = asked(light, purpose="risk-analysis", **FOOTWEAR)
    assert (other.answers, other.hits) == ((), ())
    assert asked(light, purpose="evidence", **FOOTWEAR).answers == ()


def test_evidence_use_that_has_to_be_asked_for_is_no_answer(light):
    holding(light, QUERY)
    assert asked(light, purpose="evidence", **FOOTWEAR).answers == ()


def test_what_a_second_officer_has_not_approved_is_no_answer(light):
    holding(light, {**QUERY, "needs_release": True})
    assert asked(light, **FOOTWEAR).answers == ()
    with light.databases["KE"].write() as connection:
        (row,) = connection.execute(select(record))
        audience = {"TZ": frozenset({"case", "goods", "right", "place_coarse"})}
        approvals.give(connection, row, audience, policy=1, by="second", token=None, now=light.now)
    assert len(asked(light, **FOOTWEAR).answers) == 1


@pytest.mark.parametrize("state", ["superseded", records.RESTRICTED, records.STOPPED, records.WITHDRAWN])
def test_what_is_not_in_use_is_no_answer(state, light):
    holding(light, QUERY)
    with light.databases["KE"].write() as connection:
        connection.execute(record.update().values(state=state))
    assert asked(light, **FOOTWEAR).answers == ()


def test_what_is_over_and_what_is_another_s_is_no_answer(light):
    holding(light, QUERY)
    for values in ({"keep_until": light.now}, {"keep_until": None, "state": "received"}):
        with light.databases["KE"].write() as connection:
            connection.execute(record.update().values(**values))
        assert asked(light, **FOOTWEAR).answers == ()


@pytest.mark.parametrize("rule", [QUERY, HIT])
def test_nothing_goes_past_a_tripwire_and_an_alarm_is_kept(rule, nodes):
    holding(nodes, rule)
    with nodes.databases["KE"].write() as connection:
        tripwires.add(connection, kind="token", value="adler", note="", by="officer", now=nodes.now)
    answer = asked(nodes, **FOOTWEAR)
    assert (answer.answers, answer.hits) == ((), ())
    with nodes.databases["KE"].read() as connection:
        assert [(row.recipient, row.where) for row in tripwires.alarms(connection)] == [("TZ", "query")]


def test_the_log_has_who_asked_for_what_and_which_groups_of_which_version_went(nodes):
    rid = holding(nodes, QUERY)
    holding(nodes, HIT, PERSONS, reference="R-2")
    put_in_force(nodes, "KE", {**QUERY, "legal": ["MAA"]})
    asked(nodes, **FOOTWEAR)
    (total,) = rows(nodes, "question")
    told = json.loads(total.detail)
    assert (total.recipient, total.purpose, told["case"], told["records"]) == ("TZ", PURPOSE, "C-7", 2)
    selector = matching.normalised(Selector(**FOOTWEAR))
    assert told["selector"] == answering.digest(selector)
    given = {row.rid: row for row in rows(nodes, "query")}
    row = given[rid]
    assert (row.recipient, row.iss, row.ver, row.groups) == ("TZ", "KE", 1, "case,goods,place_coarse,right")
    assert (row.purpose, row.legal, row.policy_version) == (PURPOSE, "MAA", nodes.versions)
    with nodes.databases["KE"].read() as connection:
        body = json.loads(audit.decision_body(connection, row.decision))
    assert body["query"] == ["case", "goods", "place_coarse", "right"]
    found = holders.holders(nodes.databases["KE"], node="KE", rid=rid)
    assert [(one["recipient"], one["what"]) for one in found["answered"]] == [("TZ", "query")]


def test_a_hit_stands_in_the_log_of_the_record_and_is_no_copy(nodes):
    rid = holding(nodes, HIT)
    asked(nodes, **FOOTWEAR)
    assert [(row.rid, row.groups) for row in rows(nodes, "hit")] == [(rid, "")]
    with nodes.databases["KE"].read() as connection:
        assert recalling.everybody_who_got(connection, "KE", [rid]) == {rid: set()}


def test_a_recall_goes_to_whoever_was_answered(nodes):
    rid = holding(nodes, QUERY)
    asked(nodes, **FOOTWEAR)
    with nodes.databases["KE"].write() as connection:
        report = recalling.recall(
            connection, nodes.publisher("KE"), [rid], reason="erroneous", effect="stop-use", by="officer", second=None,
            rules=RecallRules(), now=nodes.now,
        )  # fmt: skip
    assert report.recipients == {"TZ"}
    assert asked(nodes, **FOOTWEAR).answers == ()


def test_nothing_is_answered_that_cannot_be_logged(light, monkeypatch):
    holding(light, QUERY)

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(answering.audit, "log", fail)
    with pytest.raises(RuntimeError):
        asked(light, **FOOTWEAR)


def test_a_peer_has_a_budget_for_the_day_whatever_it_finds_and_nobody_else_pays(nodes):
    holding(nodes, QUERY)
    two = {"per_day": 2}
    asked(nodes, settings=two, **NOBODY)
    asked(nodes, settings=two, **FOOTWEAR)
    for selector in (FOOTWEAR, NOBODY):
        with pytest.raises(Quota) as refused:
            asked(nodes, settings=two, **selector)
        assert 0 < refused.value.after <= 86_400
    asked(nodes, peer="UG", settings=two, **FOOTWEAR)
    assert len(rows(nodes, "question")) == 3
    nodes.now += refused.value.after
    assert len(asked(nodes, settings=two, **FOOTWEAR).answers) == 1


def test_an_answer_is_bounded_and_says_when_more_matched(light, monkeypatch):
    put_in_force(light, "KE", QUERY)
    for number in range(4):
        day = [{"kind": "seized", "on": f"2025-05-1{number}"}]
        light.release("KE", {**GROUPS, "case": {**GROUPS["case"], "dates": day}}, reference=f"R-{number}")
    monkeypatch.setattr(answering, "MAX_ANSWERS", 3)
    answer = asked(light, **FOOTWEAR)
    assert (len(answer.answers), answer.more) == (3, True)
    newest = verify_record(answer.answers[0].presentation, directory=FED.directory, now=light.now)
    assert newest.facets.day == "2025-05-13"
    monkeypatch.setattr(answering, "ROOM", len(answer.answers[0].presentation) + answering.FRAME + 10)
    answer = asked(light, **FOOTWEAR)
    assert (len(answer.answers), answer.more) == (1, True)
    assert len(rows(light, "query")) == 4


def test_nothing_is_answered_by_a_stale_directory_or_before_a_restore_is_settled(light, monkeypatch):
    holding(light, QUERY)
    made = question(light, **FOOTWEAR).to_bytes()
    late = type("Late", (), {"stale": lambda *_: True})()
    with pytest.raises(DirectoryStale):
        answered(light, "KE", "TZ", made, membership=late)
    monkeypatch.setattr(settlements, "pending", lambda *_: True)
    with pytest.raises(FeedEpochRequired):
        answered(light, "KE", "TZ", made)


def test_a_selector_that_the_search_would_refuse_is_malformed(light):
    for selector in ({"filters": {"hs": frozenset({"64031"})}}, {"words": "---"}):
        with pytest.raises(Malformed):
            asked(light, **selector)
    assert rows(light, "question") == []


def test_an_answer_leaves_at_a_whole_multiple_of_a_slot():
    for elapsed in (0.0, 0.01, 0.249, 0.25, 0.26, 1.1):
        whole = (elapsed + answering.wait_after(elapsed)) / answering.SLOT_SECONDS
        assert whole == pytest.approx(round(whole))
        assert round(whole) >= 1
