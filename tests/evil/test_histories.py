"""What an entry means depends on what came before: lanes, counters, recalls, standing, bodies that stay away."""

import pytest

from node.services.intake import retry
from node.storage import quarantine
from node.storage.tables import facet, record, tombstone
from tests.evil.desk import Victim
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation

GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA"},
    "right": [{"brands": ["Nordwind"]}],
    "goods": [{"line": "1", "wco": ["footwear"]}],
}


@pytest.fixture(scope="module")
def fed():
    return make_federation(["KE", "TZ", "ZA"])


@pytest.fixture
def peer(fed):
    return EvilPeer(fed, "ZA")


@pytest.fixture
def victim(fed, database):
    return Victim(fed, database)


def facets(victim) -> set[tuple[str, str]]:
    return {(row.field, row.value) for row in victim.rows(facet)}


def test_more_adds_groups_to_what_is_held(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, "case")
    feed.append({**signed.leaf("case", "right"), "op": "more", "gc": 2}, signed.shown("right"))
    victim.pull(feed)
    (row,) = victim.rows()
    assert (int(row.mask, 16), row.gc, row.pending) == (signed.mask("case", "right"), 2, False)
    assert ("brand", "nordwind") in facets(victim)


def test_more_that_leaves_a_gap_is_used_as_far_as_it_goes_and_the_rest_is_told_as_withheld(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, "case")
    feed.append({**signed.leaf("case", "right", "goods"), "op": "more", "gc": 2}, signed.shown("right"))
    victim.pull(feed)
    assert victim.aside() == {1: "body-withheld"}
    (row,) = victim.rows()
    assert (int(row.mask, 16), row.pending) == (signed.mask("case", "right"), True)


def test_less_erases_what_is_no_longer_granted(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    urgent.append({**signed.leaf("case"), "op": "less", "gc": 2})
    victim.pull(urgent)
    (row,) = victim.rows()
    assert (row.disclosures, row.state) == (signed.disclosures["case"], "received")
    assert ("brand", "nordwind") not in facets(victim)


def test_less_to_nothing_erases_the_content_and_keeps_the_name(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    urgent.append({**signed.leaf(), "op": "less", "gc": 2, "gm": "000000"})
    victim.pull(urgent)
    (row,) = victim.rows()
    assert (row.jwt, row.disclosures, row.title, row.state, row.jh) == ("", "", "", "withdrawn", signed.jh)
    assert facets(victim) == set()


def test_what_was_taken_back_in_the_urgent_lane_does_not_come_in_by_the_bulk_lane(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    urgent.append({**signed.leaf(), "op": "less", "gc": 2, "gm": "000000"})
    victim.pull(urgent)
    victim.pull(bulk)
    assert victim.states() == {signed.claims["rid"]: "withdrawn"}
    assert [row.jwt for row in victim.rows()] == [""]
    assert victim.aside(None) == {}


def test_a_body_that_was_held_back_because_of_a_later_less_is_explained_by_it(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.append(signed.leaf())
    urgent.append({**signed.leaf(), "op": "less", "gc": 2, "gm": "000000"})
    victim.pull(urgent)
    victim.pull(bulk)
    assert victim.aside(None) == {}


def test_a_grant_that_was_taken_back_can_be_given_again(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    urgent.append({**signed.leaf(), "op": "less", "gc": 2, "gm": "000000"})
    victim.pull(urgent)
    bulk.put(signed, "case", gc=3)
    victim.pull(bulk)
    (row,) = victim.rows()
    assert (row.state, row.gc, row.disclosures) == ("received", 3, signed.disclosures["case"])


def test_a_missing_body_is_withheld_only_when_both_heads_are_reached(peer, victim):
    bulk, urgent = peer.feed("TZ"), peer.feed("TZ", "urgent")
    urgent.append(peer.record().leaf(), None)
    urgent.put(peer.record())
    bulk.append(peer.record().leaf())
    bulk.put(peer.record())
    victim.take(urgent.page(0, 1), "urgent")
    victim.take(bulk.page(0, 1))
    assert victim.aside("awaiting") == {0: "body-withheld"}
    assert victim.aside("held") == {}
    victim.take(bulk.page(1, 2))
    assert victim.aside("held") == {}
    victim.take(urgent.page(1, 2), "urgent")
    with victim.database.read() as connection:
        assert len(quarantine.listing(connection, state="held")) == 2


def test_a_higher_version_explains_a_missing_body(peer, victim):
    feed, first = peer.feed("TZ"), peer.record()
    second = peer.record(rid=first.claims["rid"], ver=2, prev=first.jh)
    feed.append(first.leaf())
    feed.put(second, gc=2)
    victim.pull(feed, limit=1)
    assert victim.aside("held") == {}
    assert victim.aside("explained") == {0: "body-withheld"}
    assert victim.states() == {first.claims["rid"]: "received"}


def test_the_higher_version_is_the_one_in_use_whichever_came_first(peer, victim):
    feed, first = peer.feed("TZ"), peer.record(groups=GROUPS)
    second = peer.record(rid=first.claims["rid"], ver=2, prev=first.jh)
    feed.put(second)
    feed.put(first, gc=2)
    victim.pull(feed)
    assert {row.ver: row.state for row in victim.rows()} == {1: "superseded", 2: "received"}
    assert ("brand", "nordwind") not in facets(victim)


def test_a_recalled_record_is_erased(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    recall = peer.tombstone(signed.claims["rid"], prev=signed.jh)
    urgent.append(recall.leaf(op="tomb", gm="000000", gc=2), recall.shown() if recall.disclosures else recall.jwt + "~")
    victim.pull(urgent)
    assert victim.aside(None) == {}
    assert [(row.jwt, row.disclosures) for row in victim.rows()] == [("", "")]
    assert facets(victim) == set()


def test_a_late_copy_of_a_recalled_record_is_not_taken_in(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    recall = peer.tombstone(signed.claims["rid"], prev=signed.jh)
    urgent.append(recall.leaf(op="tomb", gm="000000"), recall.jwt + "~")
    victim.pull(urgent)
    bulk.put(signed, gc=9)
    victim.pull(bulk)
    assert victim.rows() == []
    assert len(victim.rows(tombstone)) == 1


def test_a_recall_erases_a_body_in_quarantine_and_no_retry_brings_it_back(fed, peer, victim):
    bulk, urgent = peer.feed("TZ"), peer.feed("TZ", "urgent")
    early = peer.record(iat=NOW + 1_000)
    bulk.put(early)
    victim.pull(bulk)
    assert victim.aside() == {0: "clock-skew"}
    recall = peer.tombstone(early.claims["rid"], prev=early.jh)
    urgent.append(recall.leaf(op="tomb", gm="000000"), recall.jwt + "~")
    victim.pull(urgent)
    with victim.database.write() as connection:
        (row,) = quarantine.listing(connection, state="erased")
        assert row.body is None
        retry(connection, row, node="TZ", directory=fed.directory, now=NOW + 2_000)
    assert victim.rows() == []


def test_a_retry_takes_in_what_today_s_checks_allow_and_a_second_one_changes_nothing(fed, peer, victim):
    feed, early = peer.feed("TZ"), peer.record(iat=NOW + 1_000, groups=GROUPS)
    feed.put(early)
    victim.pull(feed)
    with victim.database.write() as connection:
        (row,) = quarantine.listing(connection)
        retry(connection, row, node="TZ", directory=fed.directory, now=NOW + 2_000)
        retry(connection, row, node="TZ", directory=fed.directory, now=NOW + 2_000)
    assert victim.states() == {early.claims["rid"]: "received"}
    assert ("brand", "nordwind") in facets(victim)
    assert victim.aside() == {}


def test_a_higher_grant_wins_over_a_retry(fed, peer, victim):
    feed, early = peer.feed("TZ"), peer.record(iat=NOW + 1_000, groups=GROUPS)
    feed.put(early)
    victim.pull(feed)
    victim.world.now = NOW + 2_000
    feed.put(early, "case", gc=2)
    victim.pull(feed)
    with victim.database.write() as connection:
        (row,) = quarantine.listing(connection)
        retry(connection, row, node="TZ", directory=fed.directory, now=NOW + 2_000)
    (row,) = victim.rows(record)
    assert row.disclosures == early.disclosures["case"]


def test_the_entries_of_a_suspended_sender_are_put_aside_and_its_recalls_count(fed, peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record()
    bulk.put(signed)
    victim.pull(bulk)
    victim.world.fed = fed.with_node("ZA", status="suspended")
    bulk.put(peer.record())
    recall = peer.tombstone(signed.claims["rid"], prev=signed.jh)
    urgent.append(recall.leaf(op="tomb", gm="000000", gc=2), recall.jwt + "~")
    urgent.append({**signed.leaf(), "op": "less", "gc": 3, "gm": "000000"})
    victim.pull(bulk)
    victim.pull(urgent)
    with victim.database.read() as connection:
        assert [row.problem for row in quarantine.listing(connection)] == ["suspended", "suspended"]
    assert len(victim.rows(tombstone)) == 1
    assert [row.jwt for row in victim.rows()] == [""]


def test_a_record_of_another_member_is_put_aside_even_when_it_is_genuine(fed, peer, victim):
    genuine = EvilPeer(fed, "KE").record()
    feed = peer.feed("TZ")
    feed.put(genuine)
    for op in ("less", "tighten", "more"):
        feed.append({**genuine.leaf(), "op": op, "gc": 2}, genuine.shown() if op == "more" else None)
    victim.pull(feed)
    assert set(victim.aside().values()) == {"no-relay-grant"}
    assert victim.rows() == []


def test_nobody_else_can_recall_a_record(fed, peer, victim):
    own = Victim(fed, victim.database, sender="KE")
    honest, genuine = EvilPeer(fed, "KE").feed("TZ"), EvilPeer(fed, "KE").record()
    honest.put(genuine)
    own.pull(honest)
    forged = peer.tombstone(genuine.claims["rid"], iss="KE", prev=genuine.jh)
    mine = peer.tombstone(genuine.claims["rid"], prev=genuine.jh)
    urgent = peer.feed("TZ", "urgent")
    urgent.append(forged.leaf(op="tomb", gm="000000", gc=5), forged.jwt + "~")
    urgent.append({**mine.leaf(op="tomb", gm="000000", gc=6), "iss": "KE"}, mine.jwt + "~")
    victim.pull(urgent)
    assert set(victim.aside().values()) == {"unknown-key", "record-invalid"}
    assert victim.states() == {genuine.claims["rid"]: "received"}


def test_records_of_two_members_under_one_id_are_two_records(fed, peer, victim):
    mine = peer.record()
    theirs = EvilPeer(fed, "KE").record(rid=mine.claims["rid"])
    one, other = peer.feed("TZ"), EvilPeer(fed, "KE").feed("TZ")
    one.put(mine)
    other.put(theirs)
    victim.pull(one)
    Victim(fed, victim.database, sender="KE").pull(other)
    assert {(row.iss, row.state) for row in victim.rows()} == {("ZA", "received"), ("KE", "received")}


def test_handling_is_the_strictest_of_floor_and_grant_and_tightens(peer, victim):
    bulk, urgent = peer.feed("TZ"), peer.feed("TZ", "urgent")
    signed = peer.record(h={"tlp": "amber", "onward": "none", "evidence": "yes"})
    bulk.put(signed, grant={**GRANT, "tlp": "green", "evidence": "no"})
    victim.pull(bulk)
    assert '"tlp": "amber"' in victim.rows()[0].handling
    assert '"evidence": "no"' in victim.rows()[0].handling
    urgent.append({**signed.leaf(), "op": "tighten", "gc": 2, "grant": {**GRANT, "tlp": "red"}})
    victim.pull(urgent)
    assert '"tlp": "red"' in victim.rows()[0].handling
    urgent.append({**signed.leaf(), "op": "tighten", "gc": 3, "grant": {**GRANT, "tlp": "clear"}})
    victim.pull(urgent)
    assert '"tlp": "red"' in victim.rows()[0].handling


def test_the_same_body_twice_is_held_once(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed)
    feed.put(signed)
    feed.put(signed, "case", gc=2)
    feed.put(signed, gc=1)
    victim.pull(feed)
    (row,) = victim.rows()
    assert (row.disclosures, row.gc) == (signed.disclosures["case"], 2)
    assert len(victim.rows(facet)) == len(facets(victim))
