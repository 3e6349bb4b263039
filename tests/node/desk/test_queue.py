"""The verification queue and the questions: what waits, what is wrong with it, and what became of each question."""

import json

import pytest
from sqlalchemy import select

from node.services import indexing
from node.services.annotating import AnnotationRefused
from node.services.desk import asking, queue
from node.services.desk.findings import findings
from node.services.search import CriteriaRefused
from node.storage import records
from node.storage.tables import disclosure, record
from tests.factories import NOW, make_federation
from tests.federated import Nodes
from tests.node.statistics.test_following import version

FED = make_federation(["KE", "TZ", "RILO-ESA"])
HUB = "RILO-ESA"
SEIZURE = {
    "case": {"reference": "R-1", "administration": "KE", "dates": [{"kind": "seized", "on": "2025-05-01"}]},
    "goods": [{"line": "1", "wco": ["footwear"]}],
    "quantity": [{"line": "1", "amount": {"n": "40"}}],
    "route": {"chain": [{"role": "origin", "country": "CN"}, {"role": "destination", "country": "KE"}]},
}
CORRECTED = {**SEIZURE, "quantity": [{"line": "1", "amount": {"n": "40", "unit": "H87"}}]}


def federation(make):
    made = Nodes(FED, make, "KE", "TZ", HUB)
    made.policy("KE", {"groups": "non-nominal", "when": {"node": [HUB], "kind": ["seizure"]}})
    return made


@pytest.fixture
def nodes(make_database):
    return federation(make_database)


@pytest.fixture
def light(tmp_path, make_sqlite):
    number = iter(range(9))
    made = federation(lambda: make_sqlite(tmp_path / f"{next(number)}.db"))
    yield made
    for database in made.databases.values():
        database.close()


def waiting(nodes, node=HUB, **more):
    return queue.waiting(nodes.databases[node], node=node, by="A. Officer", purpose=None, now=nodes.now, **more).rows


def asked(nodes, node, **more):
    found = asking.queries(nodes.databases[node], node=node, by="A. Officer", purpose=None, now=nodes.now, **more)
    return [(one["way"], one["member"], one["state"], one["answered_in_version"]) for one in found]


def ask(nodes, rid, **more):
    nodes.now += 1
    return asking.query(
        nodes.databases[HUB], nodes.publisher(HUB), rid, text="unit missing", respond_by="2026-01-10", by="o",
        now=nodes.now, **more,
    )  # fmt: skip


def verify(nodes, rid, **more):
    nodes.now += 1
    return asking.verify(nodes.databases[HUB], nodes.publisher(HUB), rid, by="o", now=nodes.now, **more)


def test_a_query_reaches_the_contact_point_and_the_correction_supersedes_and_closes_it(nodes):
    rid = nodes.release("KE", SEIZURE)
    nodes.pull(HUB, "KE")
    (row,) = waiting(nodes)
    assert (row.iss, row.rid, row.ver, row.findings) == ("KE", rid, 1, ("unit_missing",))
    ask(nodes, rid)
    nodes.pull("KE", HUB)
    assert asked(nodes, "KE") == [("in", HUB, "open", None)]
    assert asked(nodes, HUB) == [("out", "KE", "open", None)]
    nodes.release("KE", CORRECTED)
    nodes.pull(HUB, "KE")
    for node, way, member in (("KE", "in", HUB), (HUB, "out", "KE")):
        assert asked(nodes, node) == [(way, member, "closed", 2)]
        assert asked(nodes, node, state="open") == []
    with nodes.databases[HUB].read() as connection:
        kept = {row.ver: row.state for row in records.by_key(connection, "KE", rid)}
    assert kept == {1: "superseded", 2: "received"}
    assert [(row.ver, row.findings) for row in waiting(nodes)] == [(2, ())]
    verify(nodes, rid)
    assert waiting(nodes) == ()


def test_a_query_is_overdue_after_its_day_and_an_answer_closes_it(light):
    rid = light.release("KE", SEIZURE)
    light.pull(HUB, "KE")
    query = ask(light, rid)
    light.pull("KE", HUB)
    before, light.now = light.now, light.now + 30 * 86_400
    assert asked(light, "KE") == [("in", HUB, "overdue", None)]
    assert asked(light, HUB, state="overdue") == [("out", "KE", "overdue", None)]
    light.now = before
    light.annotate("KE", rid, type="answer", answer_to=query.rid, texts=(("en", "pairs"),), no_names=True)
    light.pull(HUB, "KE")
    assert asked(light, HUB) == [("out", "KE", "closed", None)]


def test_an_answer_of_somebody_else_closes_no_query(light):
    rid = light.release("KE", SEIZURE)
    light.pull(HUB, "KE")
    query = ask(light, rid)
    light.annotate(HUB, rid, type="answer", answer_to=query.rid)
    assert asked(light, HUB) == [("out", "KE", "open", None)]


def test_a_verification_of_an_older_version_or_of_another_node_leaves_the_record_in_the_queue(light):
    rid = light.release("KE", SEIZURE)
    light.pull(HUB, "KE")
    verify(light, rid, result="not_verified")
    assert waiting(light) == ()
    light.release("KE", CORRECTED)
    light.pull(HUB, "KE")
    assert [row.ver for row in waiting(light)] == [2]
    light.pull("KE", HUB)
    assert [row.rid for row in waiting(light, "KE")] == [rid]


def test_what_an_office_asks_goes_to_the_narrative_unless_it_names_nobody(light):
    rid = light.release("KE", SEIZURE)
    light.pull(HUB, "KE")
    ask(light, rid)
    ask(light, rid, no_names=True)
    found = asking.queries(light.databases[HUB], node=HUB, by="o", purpose=None, now=light.now)
    assert {(one["text"], one["narrative"]) for one in found} == {("unit missing", None), (None, "unit missing")}


def test_nobody_asks_himself_and_no_other_result_is_signed(light):
    rid = light.release(HUB, SEIZURE)
    with pytest.raises(AnnotationRefused, match="another member"):
        ask(light, rid)
    with pytest.raises(AnnotationRefused, match="result"):
        verify(light, rid, result="perhaps")


def test_the_queue_is_paged_and_filtered_by_member_oldest_first(database):
    keep(database, *[version(iss=iss) for iss in ("ZA", "KE", "ZA", "ZA")])
    seen, after = [], 0
    while after is not None:
        page = queue.waiting(database, node=HUB, member="ZA", limit=2, after=after, by="o", purpose=None, now=NOW)
        seen.append([row.rid for row in page.rows])
        after = page.next
    assert [len(one) for one in seen] == [2, 1]
    with database.read() as connection:
        chosen = select(record.c.rid).where(record.c.iss == "ZA").order_by(record.c.id)
        assert [rid for page in seen for rid in page] == list(connection.scalars(chosen))
    for wrong in ({"limit": 0}, {"after": -1}, {"after": 2**63}):
        with pytest.raises(CriteriaRefused):
            queue.waiting(database, node=HUB, by="o", purpose=None, now=NOW, **wrong)


def keep(database, *versions):
    with database.write() as connection:
        records.keep(connection, versions, now=NOW)


def test_records_of_the_same_day_brand_and_country_are_likely_the_same_event(database):
    alike = {
        "case": {"reference": "R", "administration": "ZA", "dates": [{"kind": "seized", "on": "2025-03-04"}]},
        "place": {"country": "ZA"},
        "right": [{"brands": ["Nike"]}],
    }
    keep(
        database, version(alike), version(alike, iss="KE"), version({**alike, "place": {"country": "TZ"}}),
        version({**alike, "right": [{"brands": ["Puma"]}]}),
        version(alike, iss="TZ", purposes=["evidence"]),
    )  # fmt: skip
    page = queue.waiting(database, node=HUB, by="o", purpose="customs-enforcement", now=NOW)
    first, second, *others = page.rows
    assert first.same_event == (f"KE/{second.rid}",)
    assert second.same_event == (f"ZA/{first.rid}",)
    assert [row.same_event for row in others] == [(), ()]  # the one for evidence is neither listed nor named


def test_a_container_that_two_records_name_makes_them_likely_the_same_event(light):
    cargo = {"cargo_ids": {"containers": ["CSQU3054383"]}}
    for reference in ("R-1", "R-2"):
        own = {**SEIZURE, **cargo, "case": {**SEIZURE["case"], "reference": reference}}
        light.release("KE", own, reference=reference)
    light.pull(HUB, "KE")
    while indexing.follow(light.databases[HUB], now=light.now):
        pass
    one, two = waiting(light)
    assert (one.same_event, two.same_event) == ((f"KE/{two.rid}",), (f"KE/{one.rid}",))


WRONG = {
    "unit_missing": {"quantity": [{"amount": {"n": "4"}}]},
    "category_missing": {"goods": [{"line": "1", "hs": {"scheme": "HS", "code": "6403"}}]},
    "currency_missing": {"value": [{"money": {"n": "4", "basis": "declared"}}]},
    "basis_missing": {"value": [{"money": {"n": "4", "currency": "KES"}}]},
    "date_unknown": {"case": {"reference": "R"}},
    "date_in_future": {"case": {"dates": [{"kind": "seized", "on": "2030-01-01"}]}},
    "destination_missing": {"route": {"chain": [{"role": "origin", "country": "CN"}]}},
    "line_unknown": {"goods": [{"line": "1", "wco": ["footwear"]}], "right": [{"line": "2"}]},
    "place_contradicts_route": {"place": {"country": "KE", "on": "2025-01-01"}, "route": {"discovered_in": "TZ"}},
    "papers_contradict_conveyance": {"transport": {"conveyance": "sea"}, "cargo_ids": {"awb": "1"}},
}


@pytest.mark.parametrize("word", WRONG)
def test_it_is_found_that(word):
    assert findings(WRONG[word], iat=NOW) == (word,)


@pytest.mark.parametrize("groups", [{}, {"quantity": 3, "route": [], "case": "x"}, {"transport": {"conveyance": []}}])
def test_of_what_was_not_granted_nothing_is_missing_and_no_form_raises(groups):
    assert set(findings(groups, iat=NOW)) <= {"date_unknown"}
    assert findings({}, iat=NOW) == ()


def test_every_look_is_logged_with_what_was_shown_also_an_empty_one(light):
    waiting(light)
    rid = light.release("KE", SEIZURE)
    light.pull(HUB, "KE")
    waiting(light)
    asked(light, HUB)
    with light.databases[HUB].read() as connection:
        rows = connection.scalars(select(disclosure.c.detail).where(disclosure.c.action == "search"))
        told = [(item["desk"], item["hits"]) for item in map(json.loads, rows)]
    assert told == [("queue", []), ("queue", [f"KE/{rid}/1"]), ("queries", [])]
