"""Requests of data subjects over everything a node holds: found, told, corrected, restricted, erased, and logged."""

import json
import random

import pytest
from sqlalchemy import select

from federation.errors import NotFound
from node.services import exporting, holding, indexing, search, showing, subjects, sweeping
from node.services.publishing import Publisher
from node.services.search import Criteria
from node.services.serving import Server
from node.services.subjects import Person, SubjectRefused
from node.storage import drafts, fulltext, records
from node.storage.tables import disclosure, draft, entry_out, facet, record
from node.storage.tables.retention import subject_case
from tests.evil.desk import Victim
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation
from tests.node.test_publishing import SHARE, release, served
from tests.simulator.naive import shown_groups

FED = make_federation(["KE", "TZ", "ZA"])
NAME = "Amína Said"
GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA"},
    "persons": [{"role": "consignee", "name": "SAID, Amina"}, {"role": "consignor", "name": "Omar Bakari"}],
    "documents": {"numbers": ["AB 123-456"]},
    "right": [{"brands": ["Nordwind"]}],
}
OTHER = {
    "case": {"reference": "R-2", "administration": "ZA"},
    "persons": [{"role": "consignor", "name": "Omar Bakari"}],
}
OWN = {
    "case": {"reference": "R-1", "administration": "KE"},
    "persons": [{"role": "consignee", "name": "Amina Said"}, {"role": "consignor", "name": "Omar Bakari"}],
    "transport": {"conveyance": "sea"},
}


@pytest.fixture
def peer():
    return EvilPeer(FED, "ZA")


@pytest.fixture
def victim(database):
    return Victim(FED, database)


def received(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed)
    feed.put(peer.record(groups=OTHER))
    victim.pull(feed)
    while indexing.follow(victim.database, now=NOW):
        pass
    return feed, signed


def find(database, person=None, node="TZ"):
    return subjects.find(database, person or Person(NAME), node=node, by="D. Officer", now=NOW)


def test_a_person_is_found_in_everything_that_has_a_body(peer, victim):
    feed, signed = received(peer, victim)
    third = peer.record(groups=GROUPS)
    feed.append(third.leaf(jh=peer.record().jh), third.shown())  # put aside, unverified
    held = peer.record(groups=GROUPS)
    feed.put(held, grant={**GRANT, "keep_until": NOW + 1})
    victim.pull(feed)
    holding.place(victim.database, held.claims["rid"], node="TZ", by="h", reason="order", now=NOW)
    sweeping.sweep(victim.database, now=NOW + 1)
    with victim.database.write() as connection:
        new = drafts.NewDraft(kind="seizure", administration="TZ", reference="D-1", groups=GROUPS, content_hash="x")
        drafts.put(connection, [new], now=NOW)
        fulltext.put(connection, [(4711, "amina said")])  # what no record stands behind any more
    number, found = find(victim.database)
    assert number == "DS-2026-1"
    assert [(one.where, one.rid) for one in found if one.where != "draft"] == [
        ("received", signed.claims["rid"]), ("quarantine", third.claims["rid"]), ("hold", held.claims["rid"]),
        ("index", None),
    ]  # fmt: skip
    assert [one.reference for one in found if one.where == "draft"] == ["D-1"]
    for one in found:
        if one.where != "index":
            assert [(each.group, each.match) for each in one.groups] == [("persons", "name")]


FITS = {
    "in another order, case and with other marks": ("SAÍD amina", "name"),
    "by a letter or two": ("Amina Sayid", "similar"),
    "inside a sentence": ("the goods were for one amina said of Dar", "name"),
    "not at all": ("Omar Bakari", None),
    "by a first name alone": ("Amina Mwangi", None),
    "an empty text": ("", None),
}


@pytest.mark.parametrize("sentence", FITS)
def test_a_name_fits(sentence):
    text, how = FITS[sentence]
    fit = Person(NAME).match(text)
    assert (None if fit is None else fit[0]) == how


def test_a_person_is_found_by_a_number_however_it_is_written(peer, victim):
    received(peer, victim)
    _, found = find(victim.database, Person("", ("ab123 456",)))
    assert [[(each.group, each.match) for each in one.groups] for one in found] == [[("documents", "identifier")]]


@pytest.mark.parametrize(("name", "identifiers"), [("", ()), ("x", ()), ("  ", ()), ("", ("12",)), ("a" * 201, ())])
def test_a_question_that_would_find_everything_is_refused(name, identifiers):
    with pytest.raises(SubjectRefused):
        Person(name, identifiers)


def test_the_log_has_the_number_of_the_case_and_not_the_name(peer, victim):
    received(peer, victim)
    number, _ = find(victim.database)
    (row,) = victim.rows(disclosure)
    assert (row.action, row.actor, json.loads(row.detail)["case"]) == ("search", "D. Officer", number)
    assert "said" not in row.detail.lower()
    (case,) = victim.rows(subject_case)
    assert (case.action, case.officer, case.state, case.subject) == ("find", "D. Officer", "done", NAME)


def test_access_tells_the_person_s_part_the_source_and_the_recipients_and_nobody_else_s(database):
    release(database, OWN, rules=[{**SHARE[0], "groups": ["case", "persons"]}])
    told = subjects.access(database, Person(NAME), node="KE", by="D. Officer", now=NOW)
    (item,) = told["records"]
    assert item["data"] == {"persons": [OWN["persons"][0]]}
    assert (item["source"], item["where"]) == ("KE", "own")
    assert [(one["recipient"], one["groups"], one["legal"]) for one in item["recipients"]] == [
        ("TZ", ["persons"], "MAA")
    ]
    assert "Bakari" not in json.dumps(told)
    assert [one["where"] for one in told["others"]] == ["draft"]


def test_access_does_not_name_recipients_that_got_other_groups(database):
    release(database, OWN, rules=[{**SHARE[0], "groups": ["case", "transport"]}])
    (item,) = subjects.access(database, Person(NAME), node="KE", by="D. Officer", now=NOW)["records"]
    assert item["recipients"] == []


def nobody_uses_it(database, rid, node="TZ"):
    with pytest.raises(NotFound, match="restricted"):
        showing.show(database, rid=rid, by="officer", purpose=None, now=NOW)
    assert search.find(database, Criteria(words="nordwind"), by="o", purpose=None, now=NOW).rows == ()
    assert search.find(database, Criteria(filters={"brand": frozenset({"nordwind"})}), by="o", purpose=None,
                       now=NOW).rows == ()  # fmt: skip
    order = exporting.Order(by="o", purpose="evidence", destination="court")
    with pytest.raises(NotFound):
        exporting.export_named(database, [(rid, None)], order, node=node, now=NOW)


def test_a_restricted_record_is_used_by_nobody_also_in_its_next_version_until_the_case_is_closed(peer, victim):
    feed, signed = received(peer, victim)
    rid, database = signed.claims["rid"], victim.database
    before = {(row.field, row.value) for row in victim.rows(facet) if row.record == 1}
    number, stopped = subjects.restrict(database, [("ZA", rid)], subject="file 7", by="D. Officer", now=NOW)
    assert stopped == 1
    nobody_uses_it(database, rid)
    second = peer.record(groups=GROUPS, rid=rid, ver=2, prev=signed.jh)
    feed.put(second, gc=2)
    victim.pull(feed)
    while indexing.follow(database, now=NOW):
        pass
    nobody_uses_it(database, rid)
    resumed, grown = subjects.lift(database, number, node="TZ", by="D. Officer", now=NOW, token=random.randbytes)
    assert (resumed, grown) == (1, set())
    assert showing.show(database, rid=rid, by="officer", purpose=None, now=NOW).ver == 2
    assert [
        row.ver for row in search.find(database, Criteria(words="nordwind"), by="o", purpose=None, now=NOW).rows
    ] == [2]
    assert before == {(row.field, row.value) for row in victim.rows(facet) if row.record == 3}
    with pytest.raises(NotFound):
        subjects.lift(database, number, node="TZ", by="D. Officer", now=NOW, token=random.randbytes)
    assert [row.action for row in victim.rows(disclosure) if row.action == "subject"] == ["subject", "subject"]


def test_two_cases_about_one_record_have_to_be_closed_both(peer, victim):
    _, signed = received(peer, victim)
    key = ("ZA", signed.claims["rid"])
    numbers = [subjects.restrict(victim.database, [key], subject=word, by="D", now=NOW)[0] for word in ("one", "two")]
    for number, count in zip(numbers, (0, 1), strict=True):
        assert subjects.lift(victim.database, number, node="TZ", by="D", now=NOW, token=random.randbytes)[0] == count


def test_an_own_restricted_record_is_served_to_nobody_and_offered_again_afterwards(database):
    release(database, OWN, rules=[{**SHARE[0], "groups": ["case", "persons"]}])
    with database.read() as connection:
        rid = connection.scalar(select(record.c.rid))
    number, _ = subjects.restrict(database, [("KE", rid)], subject="file 7", by="D", now=NOW)
    assert "s" not in served(database, "TZ")[0]
    resumed, grown = subjects.lift(
        database, number, node="KE", by="D", now=NOW, token=random.randbytes
    )  # fmt: skip
    assert (resumed, grown) == (1, {"TZ"})
    entries = served(database, "TZ")
    assert [shown_groups(entry["s"]) for entry in entries] == [{"case", "persons"}] * 2
    leaves = [json.loads(entry["e"]) for entry in entries]
    assert [leaf["gc"] for leaf in leaves] == [1, 2]
    assert leaves[0]["grant"].keys() == leaves[1]["grant"].keys()


def test_an_own_record_is_corrected_by_a_draft_of_its_next_version(database):
    release(database, OWN, rules=[{**SHARE[0], "groups": ["case", "persons"]}])
    persons = [{"role": "consignor", "name": "Omar Bakari"}]
    number, reference = subjects.rectify(
        database, "R-1", {"persons": persons}, node="KE", subject="file 7", by="D", now=NOW + 1
    )
    assert (number, reference) == ("DS-2026-1", "R-1")
    with database.read() as connection:
        (row,) = connection.execute(select(draft)).all()
        assert connection.scalar(select(entry_out.c.n).where(entry_out.c.n > 0)) is None
    assert (row.state, row.ver, json.loads(row.groups)["persons"]) == ("draft", 2, persons)
    with pytest.raises(SubjectRefused, match="persons"):
        subjects.rectify(database, "R-1", {"persons": "x"}, node="KE", subject="file 7", by="D", now=NOW)
    with pytest.raises(SubjectRefused, match="case"):
        subjects.rectify(database, "R-1", {"case": None}, node="KE", subject="file 7", by="D", now=NOW)


def test_a_received_record_is_erased_for_good_and_its_next_version_comes_in(peer, victim):
    feed, signed = received(peer, victim)
    rid, database = signed.claims["rid"], victim.database
    showing.show(database, rid=rid, by="A. Viewer", purpose=None, now=NOW)
    number = subjects.erase_received(database, [("ZA", rid)], node="TZ", subject=NAME, by="D", now=NOW)
    assert find(database)[1] == []
    with pytest.raises(NotFound, match="data subject"):
        showing.show(database, rid=rid, by="officer", purpose=None, now=NOW)
    feed.put(signed, gc=2)  # a peer that was restored, or an inventory, brings it again
    victim.pull(feed)
    assert find(database)[1] == []
    second = peer.record(groups=OTHER, rid=rid, ver=2, prev=signed.jh)
    feed.put(second, gc=3)
    victim.pull(feed)
    assert showing.show(database, rid=rid, by="officer", purpose=None, now=NOW).ver == 2
    cases = {row.number: row for row in victim.rows(subject_case)}
    assert (cases[number].action, cases[number].state) == ("erase", "done")
    with pytest.raises(SubjectRefused, match="recall"):
        subjects.erase_received(database, [("TZ", rid)], node="TZ", subject=NAME, by="D", now=NOW)


def test_an_own_record_is_recalled_before_what_is_left_of_it_is_erased(database):
    release(database, OWN)
    with database.read() as connection:
        rid = connection.scalar(select(record.c.rid))
    with pytest.raises(SubjectRefused, match="recall"):
        subjects.erase_own(database, [("KE", rid)], subject=NAME, by="D", now=NOW)
    with database.write() as connection:
        records.bury(connection, iss="KE", rid=rid, ver=2, jwt="tombstone", now=NOW)
    subjects.erase_own(database, [("KE", rid)], subject=NAME, by="D", now=NOW)
    assert find(database, node="KE")[1] == []
    with database.read() as connection:
        (kept,) = connection.execute(select(draft)).all()
    assert (kept.reference, kept.groups) == ("R-1", "{}")


def asker():
    return Publisher(
        fed="test", node="TZ", signer=FED.signer("TZ"), directory=FED.directory, policy=None,
        handling={"tlp": "amber", "onward": "none", "evidence": "ask"}, token=random.Random(5).randbytes,  # noqa: S311
    )  # fmt: skip


def ask(victim, rid, what="erase", *, number=None, groups=("persons",), narrative=None):
    return subjects.ask(
        victim.database, asker(), ("ZA", rid), what, number=number, groups=groups, narrative=narrative,
        respond_by=None, by="D. Officer", now=NOW,
    )  # fmt: skip


def test_the_originator_alone_is_asked_and_the_request_names_nobody(peer, victim):
    _, signed = received(peer, victim)
    number, _ = find(victim.database)
    asked = ask(victim, signed.claims["rid"], number=number)
    assert asked.recipients == ("ZA",)
    view = showing.show(victim.database, rid=asked.rid, by="officer", purpose=None, now=NOW)
    assert view.groups["note"]["type"] == "query"
    assert "said" not in json.dumps(dict(view.groups)).lower()
    assert view.groups["about"][0]["rid"] == signed.claims["rid"]


@pytest.mark.parametrize("restricted_before", [False, True])
def test_the_request_reaches_the_originator_though_the_record_is_erased_here_at_once(peer, victim, restricted_before):
    _, signed = received(peer, victim)
    rid, database = signed.claims["rid"], victim.database
    if restricted_before:  # what an officer does first, while the request is looked into
        subjects.restrict(database, [("ZA", rid)], subject="file 7", by="D", now=NOW)
    other = ask(victim, rid, "rectify")
    asked = ask(victim, rid, narrative="all on our client, Mr Said")
    subjects.erase_received(database, [("ZA", rid)], node="TZ", subject=NAME, by="D", now=NOW, asked=[asked.rid])
    server = Server(node="TZ", directory=FED.directory, log_signer=FED.signer("TZ", "log"))
    with database.read() as connection:
        page = json.loads(server.page(connection, recipient="ZA", lane="urgent", start=0, limit=9, note=None, now=NOW))
    shown = {json.loads(entry["e"])["rid"]: shown_groups(entry["s"]) for entry in page["entries"] if "s" in entry}
    assert shown == {asked.rid: {"about", "note", "texts", "narrative"}}
    assert other.rid not in shown  # what else was said of the record has gone with it


def test_a_request_names_groups_and_a_case_that_there_are(peer, victim):
    _, signed = received(peer, victim)
    rid = signed.claims["rid"]
    with pytest.raises(SubjectRefused, match=r"bogus is no group of seizure/1; its groups are .*persons"):
        ask(victim, rid, "rectify", groups=["persons", "bogus"])
    with pytest.raises(SubjectRefused, match="--case: DS-2026-99 is in no row of the register"):
        ask(victim, rid, number="DS-2026-99")
    with pytest.raises(SubjectRefused, match="an own record"):
        subjects.ask(
            victim.database, asker(), ("TZ", rid), "erase", number=None, groups=(), narrative=None, respond_by=None,
            by="D", now=NOW,
        )  # fmt: skip
    assert victim.rows(draft) == []


def test_a_correction_takes_away_only_groups_that_the_record_has(database):
    release(database, OWN, rules=[{**SHARE[0], "groups": ["case", "persons"]}])
    for group, told in (("bogus", "no group of seizure/1"), ("narrative", "the record has no narrative; it has case")):
        with pytest.raises(SubjectRefused, match=told):
            subjects.rectify(database, "R-1", {group: None}, node="KE", subject="file 7", by="D", now=NOW)
    with database.read() as connection:
        assert connection.execute(select(subject_case)).all() == []
