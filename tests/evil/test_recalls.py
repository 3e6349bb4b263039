"""Recalls as they come in: any order, any road, too many at once, with a stolen key, before anything came."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.services import intake, recall_decisions, settling, stopping
from node.services.stopping import DAY, RecallRules
from node.storage import evidence, quarantine, recalls, records
from node.storage.tables import facet, record, tombstone
from node.storage.tables.recalls import recall
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation

GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA"},
    "right": [{"brands": ["Nordwind"]}],
    "goods": [{"line": "1", "wco": ["footwear"]}],
}
STOP = {"reason": "erroneous", "effect": "stop-use"}
ERASE = {"reason": "court-order", "effect": "erase"}
FED = make_federation(["KE", "TZ", "ZA"])


@pytest.fixture
def peer():
    return EvilPeer(FED, "ZA")


@pytest.fixture
def victim(database):
    return Victim(FED, database)


def entomb(feed, peer, signed, tomb=STOP, **members):
    """Append the recall of a record to a feed, of whomever."""
    stone = peer.tombstone(signed.claims["rid"], tomb=tomb)
    return feed.append(stone.leaf(op="tomb", gm="000000", **{"gc": 9, **members}), stone.jwt + "~")


def settle(victim, now=None, fed=FED):
    return settling.settle(
        victim.database, node="TZ", directory=fed.directory, log_signer=fed.signer("TZ", "log"),
        now=victim.world.now if now is None else now,
    )  # fmt: skip


def in_use(victim):
    with victim.database.read() as connection:
        return {row.rid for row in connection.execute(records.visible())}


def contents(victim):
    return [row for row in victim.rows(record) if row.jwt or row.disclosures or row.title]


def states(victim):
    return {row.rid: row.state for row in victim.rows(recall)}


def test_a_recall_stops_use_at_once_and_erases_when_the_grace_is_over(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    assert in_use(victim) == {signed.claims["rid"]}
    entomb(urgent, peer, signed)
    victim.pull(urgent)
    assert in_use(victim) == set()
    assert victim.rows(facet) == []
    assert len(contents(victim)) == 1
    assert settle(victim, NOW + 7 * DAY - 1).erased == 0
    assert len(contents(victim)) == 1
    assert settle(victim, NOW + 7 * DAY).erased == 1
    assert contents(victim) == []
    assert states(victim) == {signed.claims["rid"]: "erased"}


def test_what_two_keys_of_the_originator_ask_to_erase_is_erased_at_once(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    entomb(urgent, peer, signed, ERASE)
    applied = victim.pull(urgent)
    assert contents(victim) == []
    told = quarantine_free_claims(applied.receipt)
    assert told["erased"] == [{"rid": signed.claims["rid"], "ver": 2, "at": NOW}]


def quarantine_free_claims(token):
    import json  # noqa: PLC0415

    from tests.simulator.naive import unb64  # noqa: PLC0415

    return json.loads(unb64(token.split(".")[1]))


def test_by_another_road_erasure_waits_for_the_grace_whatever_the_recall_asks(peer, victim):
    bulk, signed = peer.feed("TZ"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    other = EvilPeer(FED, "KE").feed("TZ", "urgent")
    entomb(other, peer, signed, ERASE)
    Victim(FED, victim.database, sender="KE").pull(other)
    assert in_use(victim) == set()
    assert len(contents(victim)) == 1
    assert settle(victim, NOW + 7 * DAY).erased == 1


def test_no_more_than_a_few_are_erased_at_once_in_an_hour(peer, victim):
    bulk, urgent = peer.feed("TZ"), peer.feed("TZ", "urgent")
    signed = [peer.record(groups=GROUPS) for _ in range(stopping.AT_ONCE + 3)]
    for one in signed:
        bulk.put(one)
    victim.pull(bulk)
    for one in signed:
        entomb(urgent, peer, one, ERASE)
    victim.pull(urgent)
    assert in_use(victim) == set()
    assert sorted(states(victim).values()) == ["erased"] * stopping.AT_ONCE + ["stopped"] * 3


def test_a_second_officer_of_the_receiver_confirms_and_it_is_erased(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    entomb(urgent, peer, signed)
    victim.pull(urgent)
    decide(victim, "confirm", signed)
    assert contents(victim) == []
    token = victim.desk.position("urgent").receipt
    assert [row["rid"] for row in quarantine_free_claims(token)["erased"]] == [signed.claims["rid"]]


def decide(victim, what, signed, fed=FED, by="officer"):
    recall_decisions.decide(
        victim.database, what, rid=signed.claims["rid"], iss=None, by=by, node="TZ", rules=RecallRules(),
        directory=fed.directory, log_signer=fed.signer("TZ", "log"), now=victim.world.now,
    )  # fmt: skip


def test_a_recall_before_the_original_keeps_it_out_by_every_road(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    entomb(urgent, peer, signed)
    victim.pull(urgent)
    bulk.put(signed)
    bulk.put(peer.record(groups=GROUPS, rid=signed.claims["rid"], ver=2, prev=signed.jh), gc=12)
    victim.pull(bulk)
    assert in_use(victim) == set()
    assert victim.rows(record) == []
    assert states(victim) == {signed.claims["rid"]: "erased"}  # nothing was here


def test_a_recall_erases_bodies_in_quarantine_and_no_retry_brings_them_back(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed, gm="ff" + signed.leaf()["gm"])  # a mask wider than the record
    victim.pull(bulk)
    assert victim.aside() == {0: "grant-exceeded"}
    entomb(urgent, peer, signed)
    victim.pull(urgent)
    assert [row.body for row in victim.rows(quarantine.quarantine)] == [None]
    assert victim.aside() == {}
    assert in_use(victim) == set()


ROADS = {
    "bulk": ["put", "more"],
    "urgent": ["less", "tomb"],
    "other": ["tomb"],
}


def orders():
    """Every interleaving of the three roads, each in its own order."""
    steps = [road for road, entries in ROADS.items() for _ in entries]
    return sorted(set(itertools.permutations(steps)))


ORDERS = orders()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, make_sqlite):
    made = itertools.count()

    def make():
        return make_sqlite(tmp_path_factory.mktemp("orders") / f"{next(made)}.db")

    return make


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.sampled_from(ORDERS), tomb=st.sampled_from([STOP, ERASE]), corrected=st.booleans())
def test_a_recall_dominates_in_any_order_of_arrival_over_two_roads(fresh, order, tomb, corrected):
    database = fresh()
    try:
        play(database, order, tomb, corrected)
    finally:
        database.close()


@pytest.mark.parametrize("order", [ORDERS[0], ORDERS[len(ORDERS) // 2], ORDERS[-1]])
def test_a_recall_dominates_on_both_databases(order, database):
    play(database, order, STOP, corrected=True)


def play(database, order, tomb, corrected):
    peer, victim, third = EvilPeer(FED, "ZA"), Victim(FED, database), Victim(FED, database, sender="KE")
    signed = peer.record(groups=GROUPS)
    feeds = {"bulk": peer.feed("TZ"), "urgent": peer.feed("TZ", "urgent")}
    other = EvilPeer(FED, "KE").feed("TZ", "urgent")
    stone = peer.tombstone(signed.claims["rid"], ver=3, tomb=tomb)
    feeds["bulk"].put(signed, "case")
    if corrected:
        feeds["bulk"].put(peer.record(groups=GROUPS, rid=signed.claims["rid"], ver=2, prev=signed.jh), gc=2)
    else:
        feeds["bulk"].append({**signed.leaf("case", "right"), "op": "more", "gc": 2}, signed.shown("right"))
    feeds["urgent"].append({**signed.leaf("case"), "op": "less", "gc": 3})
    feeds["urgent"].append(stone.leaf(op="tomb", gm="000000", gc=4), stone.jwt + "~")
    other.append(stone.leaf(op="tomb", gm="000000", gc=1), stone.jwt + "~")
    recalled = False
    for road in order:
        one = third if road == "other" else victim
        feed = other if road == "other" else feeds[road]
        start = one.desk.position(feed.lane).size
        one.take(feed.page(start, start + 1), feed.lane)
        recalled = recalled or road == "other" or (road == "urgent" and start == 1)
        if recalled:
            assert in_use(victim) == set()
            assert victim.rows(facet) == []
    assert recalled
    settle(victim, NOW + 8 * DAY)
    assert contents(victim) == []
    assert [row.jwt for row in victim.rows(tombstone)] == [stone.jwt]
    assert all(row.body is None for row in victim.rows(quarantine.quarantine))


def thieves(victim, peer, count, limit):
    """A thief of the record key recalls `count` records that are held, by a road of its own."""
    bulk, signed = peer.feed("TZ"), [peer.record(groups=GROUPS) for _ in range(count)]
    for one in signed:
        bulk.put(one)
    victim.pull(bulk, limit=400)
    assert len(in_use(victim)) == count
    other = EvilPeer(FED, "KE").feed("TZ", "urgent")
    for one in signed:
        entomb(other, peer, one, ERASE)
    road = Victim(FED, victim.database, sender="KE")
    road.world.now = NOW + 60
    road.desk = type(road.desk)(
        peer="KE", node="TZ", database=victim.database, directory=lambda: road.world.fed.directory,
        log_signer=FED.signer("TZ", "log"), clock=lambda: road.world.now, rules=RecallRules(limit=limit),
    )  # fmt: skip
    road.pull(other, limit=400)
    return signed, road


def test_a_thief_stops_no_more_than_the_limit_and_after_the_revocation_all_is_back(peer, victim):
    signed, _ = thieves(victim, peer, 60, 20)
    assert len(in_use(victim)) == 40
    assert list(states(victim).values()).count("held") == 40
    revoked = FED.with_key("ZA", "record", revoked={"since": NOW + 30, "reason": "compromised"})
    assert settle(victim, NOW + 120).void == 0
    assert settle(victim, NOW + 120, revoked).void == 60
    assert in_use(victim) == {one.claims["rid"] for one in signed}
    assert {row.value for row in victim.rows(facet) if row.field == "brand"} == {"nordwind"}
    assert set(states(victim).values()) == {"void"}
    assert victim.rows(tombstone) == []
    assert settle(victim, NOW + 30 * DAY, revoked) == settling.Settled(erased=0, void=0)
    assert len(in_use(victim)) == 60


def test_of_a_thousand_recalls_by_a_thief_at_most_the_limit_is_applied_and_all_come_back(peer, sqlite_database):
    victim = Victim(FED, sqlite_database)
    thieves(victim, peer, 1_000, 100)
    counted = list(states(victim).values())
    assert (counted.count("stopped"), counted.count("held")) == (100, 900)
    assert len(in_use(victim)) == 900
    assert len(contents(victim)) == 1_000
    revoked = FED.with_key("ZA", "record", revoked={"since": NOW + 1, "reason": "compromised"})
    assert settle(victim, NOW + DAY, revoked).void == 1_000
    assert len(in_use(victim)) == 1_000


def test_a_recall_that_came_before_the_key_was_stolen_stays(peer, victim):
    signed, _ = thieves(victim, peer, 2, 20)
    revoked = FED.with_key("ZA", "record", revoked={"since": NOW + 61, "reason": "compromised"})
    assert settle(victim, NOW + 120, revoked).void == 0
    assert in_use(victim) == set()
    assert len(signed) == 2


def test_recalls_beyond_the_limit_wait_for_a_person_and_the_receipt_says_so(peer, victim):
    signed, road = thieves(victim, peer, 4, 1)
    told = quarantine_free_claims(road.desk.position("urgent").receipt)
    assert [item["type"] for item in told["quarantined"]] == ["recall-held"] * 3
    with victim.database.write() as connection:
        for row in quarantine.listing(connection):
            effect = intake.retry(connection, row, node="TZ", directory=FED.directory, now=NOW + 9_000)
            assert effect.problem == "recall-held"  # a retry is no decision
    assert len(in_use(victim)) == 3
    road.world.now = victim.world.now = NOW + 120
    decide(victim, "approve", signed[1])
    decide(victim, "refuse", signed[2])
    assert in_use(victim) == {one.claims["rid"] for one in signed[2:]}
    told = quarantine_free_claims(road.desk.position("urgent").receipt)
    assert [item["type"] for item in told["quarantined"]] == ["recall-refused", "recall-held"]
    decide(victim, "approve", signed[2])  # one may think better of it
    assert in_use(victim) == {signed[3].claims["rid"]}
    assert states(victim)[signed[1].claims["rid"]] == "stopped"


def test_the_limit_is_by_originator_and_by_the_hour(peer, victim):
    _, road = thieves(victim, peer, 3, 2)
    assert len(in_use(victim)) == 1
    fresh_one = peer.record(groups=GROUPS)
    bulk = peer.feed("TZ", "urgent")
    entomb(bulk, peer, fresh_one)
    victim.world.now = NOW + 60 + 3_601
    victim.pull(bulk)
    assert states(victim)[fresh_one.claims["rid"]] == "erased"
    other = EvilPeer(FED, "KE")
    own = other.record()
    feed = other.feed("TZ", "bulk")
    feed.put(own)
    road.pull(feed)
    assert own.claims["rid"] in in_use(victim)


def test_a_recall_by_somebody_else_is_no_recall(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    victim.pull(bulk)
    stone = peer.record(
        groups={}, rid=signed.claims["rid"], ver=2, kind="tombstone", sch="tombstone/1", tomb=STOP, prev=signed.jh,
        signer=FED.signer("KE"),
    )  # fmt: skip
    urgent.append(stone.leaf(op="tomb", gm="000000", gc=2), stone.jwt + "~")
    victim.pull(urgent)
    assert victim.aside() == {0: "unknown-key"}
    assert in_use(victim) == {signed.claims["rid"]}
    assert victim.rows(recall) == []


def test_a_record_in_dispute_is_recalled_like_any_other_and_the_proof_stays(peer, victim):
    bulk, urgent, signed = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record(groups=GROUPS)
    bulk.put(signed)
    bulk.put(peer.record(groups=GROUPS, rid=signed.claims["rid"]), gc=2)
    victim.pull(bulk)
    entomb(urgent, peer, signed, ERASE)
    victim.pull(urgent)
    assert contents(victim) == []
    assert victim.aside() == {}
    with victim.database.read() as connection:
        assert evidence.counts(connection) == {"record-equivocation": 1}
        assert recalls.counts(connection) == {"erased": 1}
