"""A legal hold keeps what has to be erased, and keeps it from everybody but those who hold it, until it is lifted."""

import json

import pytest

from federation.errors import NotFound
from node.services import exporting, holding, indexing, search, showing, sweeping
from node.services.holding import HoldRefused
from node.services.search import Criteria
from node.storage import fulltext, holds
from node.storage.tables import disclosure, facet, quarantine
from node.storage.tables.retention import held_body, hold
from tests.evil.desk import Victim
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "ZA"])
UNTIL = NOW + 86_400
GROUPS = {"case": {"reference": "R-1", "administration": "ZA"}, "right": [{"brands": ["Nordwind"]}]}
BOUND = {**GRANT, "keep_until": UNTIL}


@pytest.fixture
def peer():
    return EvilPeer(FED, "ZA")


@pytest.fixture
def victim(database):
    return Victim(FED, database)


@pytest.fixture
def signed(peer, victim):
    """A record that TZ holds, and that a court wants kept."""
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, grant=BOUND)
    victim.pull(feed)
    while indexing.follow(victim.database, now=NOW):
        pass
    number, iss, _ = place(victim, signed)
    assert (number, iss) == (1, "ZA")
    return signed


def place(victim, signed):
    return holding.place(
        victim.database, signed.claims["rid"], node="TZ", by="H. Officer", reason="order 17", now=NOW
    )  # fmt: skip


def lift(victim, signed):
    return holding.lift(
        victim.database, signed.claims["rid"], node="TZ", by="H. Officer", reason="case closed", now=NOW
    )  # fmt: skip


def look(victim, signed):
    return holding.look(
        victim.database, signed.claims["rid"], node="TZ", by="H. Officer", purpose="evidence", now=NOW
    )  # fmt: skip


def recall(peer, victim, signed):
    urgent, tomb = peer.feed("TZ", "urgent"), peer.tombstone(signed.claims["rid"])
    urgent.append(tomb.leaf(op="tomb", gm="000000", gc=2), tomb.jwt + "~")
    victim.pull(urgent)
    sweeping.sweep(victim.database, now=NOW + 60 * 86_400)


def take_back(peer, victim, signed):
    urgent = peer.feed("TZ", "urgent")
    urgent.append({**signed.leaf(), "gm": "000000", "op": "less", "gc": 2, "grant": BOUND})
    victim.pull(urgent)


def run_out(peer, victim, signed):
    sweeping.sweep(victim.database, now=UNTIL)


ENDS = {"its time of keeping is over": run_out, "all of it is taken back": take_back}


@pytest.mark.parametrize("sentence", ENDS)
def test_content_under_a_hold_is_out_of_use_and_kept_aside_when(sentence, peer, victim, signed):
    ENDS[sentence](peer, victim, signed)
    rid, database = signed.claims["rid"], victim.database
    with pytest.raises(NotFound):
        showing.show(database, rid=rid, by="officer", purpose=None, now=NOW)
    assert search.find(database, Criteria(words="nordwind"), by="officer", purpose=None, now=NOW).rows == ()
    order = exporting.Order(by="officer", purpose="evidence", destination="court")
    with pytest.raises(exporting.ExportRefused):
        exporting.export_found(database, Criteria(), order, node="TZ", now=NOW)
    assert [row.jwt for row in victim.rows()] == [""]
    assert victim.rows(facet) == []
    with database.read() as connection:
        assert fulltext.matching(connection, "nordwind", limit=5) == []
    (kept,) = look(victim, signed)
    assert kept["groups"].keys() == GROUPS.keys()
    assert lift(victim, signed) == holding.Lifted(holds=1, erased=1)
    assert victim.rows(held_body) == []
    with pytest.raises(NotFound, match="nothing is set aside"):
        look(victim, signed)


def test_a_group_that_is_taken_back_is_kept_aside_and_the_rest_stays_in_use(peer, victim, signed):
    urgent = peer.feed("TZ", "urgent")
    urgent.append({**signed.leaf("case"), "op": "less", "gc": 2, "grant": BOUND})
    victim.pull(urgent)
    rid = signed.claims["rid"]
    view = showing.show(victim.database, rid=rid, by="officer", purpose=None, now=NOW)
    assert view.groups.keys() == {"case"}
    (kept,) = look(victim, signed)
    assert kept["groups"].keys() == {"case", "right"}


def test_a_quarantined_body_is_kept_aside_and_never_shown(peer, victim):
    feed, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(signed, grant=GRANT)
    feed.append(signed.leaf(jh=peer.record().jh, gc=2, grant=BOUND), signed.shown())
    victim.pull(feed)
    place(victim, signed)
    sweeping.sweep(victim.database, now=UNTIL)
    assert [row.body for row in victim.rows(quarantine)] == [None]
    (kept,) = look(victim, signed)
    assert (kept["source"], kept["bytes"], "groups" in kept) == ("quarantine", len(signed.shown()), False)


def test_a_disputed_body_under_a_hold_is_kept_aside_when_the_dispute_is_settled(peer, victim):
    feed, one = peer.feed("TZ"), peer.record(groups=GROUPS)
    feed.put(one)
    other = peer.record(groups=GROUPS | {"right": [{"brands": ["Suedwind"]}]}, rid=one.claims["rid"])
    feed.put(other, gc=2)
    victim.pull(feed)
    rid = one.claims["rid"]
    disputed = [row.body for row in victim.rows(quarantine) if row.problem == "record-equivocation" and row.body]
    assert disputed
    place(victim, one)
    feed.put(peer.record(groups=GROUPS, rid=rid, ver=2, prev=one.jh), gc=3)
    victim.pull(feed)
    assert {(row.state, row.body) for row in victim.rows(quarantine)} == {("explained", None)}
    kept = [row for row in victim.rows(held_body) if row.source == "quarantine"]
    assert [row.rid for row in kept] == [rid] * len(disputed)


def test_looking_at_what_is_kept_has_a_purpose_and_a_row(peer, victim, signed):
    run_out(peer, victim, signed)
    with pytest.raises(search.CriteriaRefused):
        holding.look(victim.database, signed.claims["rid"], node="TZ", by="x", purpose="Because!", now=NOW)
    look(victim, signed)
    row = victim.rows(disclosure)[-1]
    assert (row.action, row.actor, row.purpose, row.groups) == ("view", "H. Officer", "evidence", "case,right")
    assert json.loads(row.detail) == {"legal_hold": True}


def test_a_second_hold_keeps_on_until_all_are_lifted_and_a_record_without_one_is_erased(peer, victim, signed):
    place(victim, signed)
    with victim.database.read() as connection:
        assert holding.refusal(connection, "ZA", signed.claims["rid"]) == "legal-hold"
        assert [row.aside for row in holds.listing(connection)] == [0, 0]
    assert lift(victim, signed).holds == 2
    with pytest.raises(HoldRefused):
        lift(victim, signed)
    with victim.database.read() as connection:
        assert holding.refusal(connection, "ZA", signed.claims["rid"]) is None
    run_out(peer, victim, signed)
    assert victim.rows(held_body) == []
    assert [row.lifted_by for row in victim.rows(hold)] == ["H. Officer"] * 2


def test_a_hold_needs_a_reason_and_a_record_that_is_known(victim, signed):
    with pytest.raises(HoldRefused):
        holding.place(victim.database, signed.claims["rid"], node="TZ", by="x", reason=" ", now=NOW)
    with pytest.raises(NotFound):
        holding.place(victim.database, "R-99", node="TZ", by="x", reason="order", now=NOW)


def test_a_recalled_record_under_a_hold_is_used_by_nobody_and_erased_when_the_hold_is_lifted(peer, victim, signed):
    recall(peer, victim, signed)
    with pytest.raises(Exception, match="recalled"):
        showing.show(victim.database, rid=signed.claims["rid"], by="officer", purpose=None, now=NOW)
    lift(victim, signed)
    sweeping.sweep(victim.database, now=NOW + 60 * 86_400)
    assert victim.rows(held_body) == []
