"""The end of a time of keeping, jumped over in every state that a body can be in: from then on nobody reads it."""

import json

import pytest
from sqlalchemy import select, update

from federation.keeping import stated
from node.services import indexing, intake, search, showing, sweeping
from node.services.search import Criteria
from node.storage import fulltext, quarantine, records, tasks
from node.storage.tables import facet, feed_in, record
from node.storage.tables import quarantine as kept_aside
from tests.evil.desk import Victim
from tests.evil.peer import FLOOR, GRANT, EvilPeer
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "ZA"])
DAY = 86_400
UNTIL = NOW + 10 * DAY
WORD = "nordwind"
GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA"},
    "right": [{"brands": ["Nordwind"]}],
}
BOUND = {**GRANT, "keep_until": UNTIL}


@pytest.fixture
def peer():
    return EvilPeer(FED, "ZA")


@pytest.fixture
def victim(database):
    return Victim(FED, database)


def received(peer, victim, **members):
    """A record that TZ received under a grant that ends after ten days, found by its words."""
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, **{"grant": BOUND, **members})
    victim.pull(feed)
    while indexing.follow(victim.database, now=victim.world.now):
        pass
    return feed, signed


def content(victim) -> list[str]:
    """Every text of a body in the tables that keep bodies, and what the indexes have of it."""
    found = [row.jwt + row.disclosures + row.title for row in victim.rows(record)]
    found += [row.body or "" for row in victim.rows(kept_aside)]
    with victim.database.read() as connection:
        words = fulltext.matching(connection, WORD, limit=9)
    return [text for text in found if text] + [row.value for row in victim.rows(facet)] + [str(row) for row in words]


def nobody_reads_it(victim, rid, now):
    database = victim.database
    with pytest.raises(Exception, match="time of keeping is over"):
        showing.show(database, rid=rid, by="officer", purpose=None, now=now)
    assert search.find(database, Criteria(), by="officer", purpose=None, now=now).rows == ()
    assert search.find(database, Criteria(words=WORD), by="officer", purpose=None, now=now).rows == ()
    with database.read() as connection:
        assert records.count_by_state(connection, now=now).get("received", 0) == 0


SOURCES = {
    "the grant": (FLOOR, BOUND),
    "the floor that the originator signed": ({**FLOOR, "keep_until": UNTIL}, GRANT),
    "the earlier of both": ({**FLOOR, "keep_until": UNTIL}, {**GRANT, "keep_until": UNTIL + DAY}),
    "a day instead of a second": (FLOOR, {**GRANT, "keep_until": "2026-01-11"}),
}


@pytest.mark.parametrize("sentence", SOURCES)
def test_nobody_reads_what_is_over_before_the_sweeper_came_and_nothing_is_left_after_it(sentence, peer, victim):
    floor, grant = SOURCES[sentence]
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS, h=floor)
    feed.put(signed, grant=grant)
    victim.pull(feed)
    while indexing.follow(victim.database, now=NOW):
        pass
    rid = signed.claims["rid"]
    assert showing.show(victim.database, rid=rid, by="officer", purpose=None, now=UNTIL - 1).groups
    assert sweeping.sweep(victim.database, now=UNTIL - 1).versions == 0
    nobody_reads_it(victim, rid, UNTIL)
    assert sweeping.sweep(victim.database, now=UNTIL).versions == 1
    nobody_reads_it(victim, rid, UNTIL)
    assert content(victim) == []
    (row,) = victim.rows()
    assert (row.state, row.jh, row.ver, row.keep_until) == ("expired", signed.jh, 1, None)
    assert sweeping.sweep(victim.database, now=UNTIL + DAY).versions == 0


@pytest.mark.parametrize("state", ["received", "superseded", "restricted", "stopped"])
def test_a_version_is_erased_in_whatever_state_it_is(state, peer, victim):
    received(peer, victim)
    with victim.database.write() as connection:
        connection.execute(update(record).values(state=state))
    assert sweeping.sweep(victim.database, now=UNTIL).versions == 1
    assert [row.jwt for row in victim.rows()] == [""]


def test_a_tightened_time_counts_and_one_that_is_over_already_erases_at_once(peer, victim):
    _, signed = received(peer, victim, grant=GRANT)
    urgent = peer.feed("TZ", "urgent")
    for counter, until in ((2, UNTIL), (3, NOW - 1)):
        leaf = signed.leaf(op="tighten", gc=counter, grant={**GRANT, "keep_until": until})
        urgent.append(leaf)
        victim.pull(urgent)
        (row,) = victim.rows()
        if until == UNTIL:
            assert row.keep_until == UNTIL
    assert (row.state, row.jwt, row.gc) == ("expired", "", 3)
    assert content(victim) == []


def test_what_arrives_too_late_is_known_by_name_alone_and_ends_the_version_before(peer, victim):
    feed, first = received(peer, victim)
    second = peer.record(groups=GROUPS, rid=first.claims["rid"], ver=2, prev=first.jh)
    feed.put(second, gc=2, grant={**GRANT, "keep_until": NOW + 1})
    victim.world.now = NOW + 2
    victim.pull(feed)
    rows = {row.ver: row for row in victim.rows()}
    assert (rows[1].state, rows[2].state, rows[2].jwt, rows[2].jh) == ("superseded", "expired", "", second.jh)
    assert search.find(victim.database, Criteria(), by="officer", purpose=None, now=NOW + 2).rows == ()
    assert victim.aside(None) == {}


def test_more_of_what_is_over_by_then_brings_nothing_back(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, "case", grant=GRANT)
    feed.append({**signed.leaf(op="more", gc=2), "grant": {**GRANT, "keep_until": NOW}}, signed.shown("right"))
    victim.pull(feed)
    assert [(row.state, row.jwt, row.gc) for row in victim.rows()] == [("expired", "", 2)]


def test_the_same_version_under_a_new_grant_is_taken_in_again(peer, victim):
    feed, signed = received(peer, victim)
    sweeping.sweep(victim.database, now=UNTIL)
    victim.world.now = UNTIL
    feed.put(signed, gc=2, grant={**GRANT, "keep_until": UNTIL + DAY})
    victim.pull(feed)
    assert [(row.state, row.keep_until) for row in victim.rows()] == [("received", UNTIL + DAY)]


def test_a_body_that_did_not_come_is_explained_by_a_time_that_has_passed(peer, victim):
    feed = peer.feed("TZ")
    late, missing = peer.record(), peer.record()
    feed.append(late.leaf(grant={**GRANT, "keep_until": NOW}))
    feed.append(missing.leaf(grant=BOUND))
    victim.pull(feed)
    assert victim.aside(None) == {1: "body-withheld"}
    urgent = peer.feed("TZ", "urgent")
    urgent.put(peer.record())
    victim.pull(urgent)
    assert victim.aside() == {1: "body-withheld"}
    assert sweeping.sweep(victim.database, now=UNTIL).explained == 1
    assert victim.aside() == {}


def test_a_body_waiting_at_both_heads_is_not_reported_when_its_time_is_over(peer, victim):
    feed = peer.feed("TZ")
    feed.append(peer.record().leaf(grant=BOUND))
    with victim.database.write() as connection:
        # The head of the other lane is not reached yet: the entry is awaited.
        connection.execute(
            feed_in.insert().values(
                sender="ZA", lane="urgent", epoch=0, size=0, hashes=b"", head=1, updated_at=NOW,
            )
        )  # fmt: skip
    victim.pull(feed)
    assert victim.aside("awaiting") == {0: "body-withheld"}
    victim.world.now = UNTIL
    urgent = peer.feed("TZ", "urgent")
    urgent.put(peer.record())
    victim.pull(urgent)
    assert victim.aside("explained") == {0: "body-withheld"}


ASIDE = {
    "the leaf's grant": {"grant": BOUND},
    "the floor in the body": {"h": {**FLOOR, "keep_until": UNTIL}},
}


@pytest.mark.parametrize("sentence", ASIDE)
def test_a_quarantined_body_is_erased_by(sentence, peer, victim):
    members = ASIDE[sentence]
    feed = peer.feed("TZ")
    # Another envelope under a wrong hash: put aside, and its body kept as it came.
    signed = peer.record(groups=GROUPS, **({"h": members["h"]} if "h" in members else {}))
    feed.append(signed.leaf(jh=peer.record().jh, **({"grant": members["grant"]} if "grant" in members else {})),
                signed.shown())  # fmt: skip
    victim.pull(feed)
    assert victim.aside() == {0: "record-invalid"}
    assert sweeping.sweep(victim.database, now=UNTIL - 1).quarantined == 0
    assert sweeping.sweep(victim.database, now=UNTIL).quarantined == 1
    assert content(victim) == []
    assert (victim.aside(), victim.aside("erased")) == ({}, {0: "record-invalid"})


def test_a_retry_takes_nothing_in_whose_time_is_over(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, grant=BOUND)
    victim.world.fed = FED.with_node("ZA", status="suspended")
    victim.pull(feed)
    assert victim.aside() == {0: "suspended"}
    with victim.database.write() as connection:
        (row,) = quarantine.listing(connection)
        intake.retry(connection, row, node="TZ", directory=FED.directory, now=UNTIL)
    assert content(victim) == []
    assert [row.state for row in victim.rows()] == ["expired"]


def test_an_index_that_comes_too_late_has_no_words_of_it(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, grant=BOUND)
    victim.pull(feed)
    while indexing.follow(victim.database, now=UNTIL):
        pass
    with victim.database.read() as connection:
        assert fulltext.matching(connection, WORD, limit=9) == []


def test_whoever_saw_it_is_told_once(peer, victim):
    _, signed = received(peer, victim)
    rid = signed.claims["rid"]
    showing.show(victim.database, rid=rid, by="A. Viewer", purpose=None, now=NOW)
    search.find(victim.database, Criteria(), by="B. Searcher", purpose=None, now=NOW)
    for _ in range(2):
        sweeping.sweep(victim.database, now=UNTIL)
    with victim.database.read() as connection:
        told = {(row.officer, row.seen, row.why, row.rid) for row in tasks.notices(connection)}
        assert len(tasks.notices(connection)) == 2
    assert told == {("A. Viewer", "view", "keep-until", rid), ("B. Searcher", "search", "keep-until", rid)}


def test_a_sweep_of_many_takes_them_in_batches_and_leaves_the_others(peer, victim, monkeypatch):
    monkeypatch.setattr(sweeping, "BATCH", 3)
    feed = peer.feed("TZ")
    for number in range(10):
        feed.put(peer.record(), grant=BOUND if number % 5 else GRANT)
    victim.pull(feed)
    assert sweeping.sweep(victim.database, now=UNTIL).versions == 8
    assert sorted(row.state for row in victim.rows()) == ["expired"] * 8 + ["received"] * 2


def test_the_column_is_that_of_the_handling_whatever_changes_it(peer, victim):
    received(peer, victim)
    with victim.database.read() as connection:
        for row in connection.execute(select(record)):
            assert (row.keep_until, row.review_by) == records.times(row.handling)
            assert json.loads(row.handling)["keep_until"] == row.keep_until


UNREADABLE = ["", "[]", "{}", '{"grant":[]}', '{"grant":{"keep_until":"soon"}}', '{"grant":{"keep_until":-1}}', "\0"]


@pytest.mark.parametrize("leaf", UNREADABLE)
def test_what_cannot_be_read_sets_no_time(leaf):
    assert stated(leaf, leaf, leaf) is None
    assert stated(leaf, f"a.{leaf}.c~", "x.eyJrZWVwX3VudGlsIjo3fQ.y") == 7
