"""A peer that lies about what it holds, and a sender that begins an epoch without cause."""

from __future__ import annotations

import dataclasses

import orjson
import pytest
from sqlalchemy import select

from federation.errors import FederationError
from federation.inventories import MAX_COUNTER, Row, Summary, sign_inventory, verify_inventory
from node.storage import settlements
from node.storage.tables import feed_in, grant_out, record, tombstone
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator.restoring import restore, snapshot
from tests.simulator.world import World

RULES = [{"effect": "grant", "nodes": ["TZ", "ZA"], "groups": ["non-nominal"], "kind": "seizure"}]
LOST = "6f9619ff-8b86-4011-b42d-00cf4fc964ff"


@pytest.fixture
def world(tmp_path, make_database):
    made = World(tmp_path, lambda _: make_database(), seed=11, ids=("KE", "TZ"))
    made.set_policy("KE", RULES)
    made.write("KE", "seizure")
    made.calm()
    restore(made, "KE", snapshot(made, "KE"))
    yield made
    made.close()


def rows(world, table, *where):
    with world.nodes["KE"].database.read() as connection:
        return list(connection.execute(select(table).where(*where)))


def tell(world, told, *returned, iss="ZA", to="KE"):
    """The whole exchange of an inventory, with whatever rows and records the evil peer likes."""
    desk, summary = world.reconciler("KE"), Summary.of(told)
    sign = {
        "fed": "test", "iss": iss, "to": to, "summary": summary, "notes": {}, "signer": world.fed.signer("ZA", "log"),
        "now": world.now,
    }  # fmt: skip
    desk.receive("ZA", sign_inventory(part="root", **sign))
    buckets = desk.receive("ZA", sign_inventory(part="buckets", **sign))["rows"]
    wanted = desk.receive("ZA", sign_inventory(part="rows", buckets=buckets, **sign))["records"]
    taken = desk.take("ZA", orjson.dumps({"records": list(returned)}))["taken"]
    return wanted, taken, desk.receive("ZA", sign_inventory(part="end", **sign))


def test_a_peer_that_feigns_what_it_holds_cannot_make_a_node_adopt_what_it_never_signed(world):
    evil = EvilPeer(world.fed, "ZA")
    rid = rows(world, record)[0].rid
    before = [tuple(row) for row in rows(world, record)]
    forged = evil.record(iss="KE", rid=LOST)
    recall = evil.tombstone(rid, iss="KE", prev=rows(world, record)[0].jh)
    mine = evil.record()
    wanted, taken, _ = tell(
        world,
        [Row(LOST, 1, forged.jh, 0b1, 5), Row(rid, 2, recall.jh, 0, 0, tomb=True)],
        forged.shown(), recall.jwt + "~", mine.shown(), "no record",
    )  # fmt: skip
    assert {tuple(item) for item in wanted} == {(LOST, 1), (rid, 2)}
    assert taken == 0
    assert [tuple(row) for row in rows(world, record)] == before
    assert rows(world, tombstone) == []


def test_a_feigned_inventory_keeps_nobody_else_waiting_and_moves_only_its_own_counters(world):
    rid = rows(world, record)[0].rid
    tell(world, [Row(rid, 9, "A" * 43, 0b1, MAX_COUNTER), Row(LOST, 1, "B" * 43, 0b1, MAX_COUNTER)])
    world.calm()
    counters = {(row.recipient, row.rid): row.gc for row in rows(world, grant_out)}
    assert counters["TZ", rid] < 10
    assert ("ZA", LOST) not in counters
    with world.nodes["KE"].database.read() as connection:
        newest = settlements.current(connection)
        assert settlements.of_peer(connection, newest.id, "TZ").settled_at is not None


REFUSED = {
    "in the name of another": {"iss": "TZ"},
    "about the records of a third": {"to": "TZ"},
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_an_inventory_is_refused(sentence, world):
    with pytest.raises(FederationError):
        tell(world, [], **REFUSED[sentence])


def test_an_inventory_is_of_now_and_of_the_presenting_node_s_log_key(world):
    made = {"fed": "test", "iss": "ZA", "to": "KE", "part": "root", "summary": Summary.of([]), "notes": {}}
    for key, now in (("record", NOW), ("http", NOW), ("log", NOW - 301), ("log", NOW + 301)):
        token = sign_inventory(**made, signer=world.fed.signer("ZA", key), now=now)
        with pytest.raises(FederationError):
            verify_inventory(token, directory=world.fed.directory, now=NOW)


def test_more_rows_than_a_node_can_have_given_are_not_kept(world, monkeypatch):
    monkeypatch.setattr("node.services.reconciling.SPARE_ROWS", 0)
    told = [Row(f"6f9619ff-8b86-4011-b42d-{at:012x}", 1, "A" * 43, 1, 1) for at in range(9)]
    with pytest.raises(FederationError) as refused:
        tell(world, told)
    assert refused.value.problem == "quota"


# The other side: a sender that begins an epoch as it likes.


@pytest.fixture
def fed():
    return make_federation(["KE", "TZ", "ZA"])


def epoch_of(feed, old, *, op="epoch"):
    newer = dataclasses.replace(feed, epoch=feed.epoch + 1, entries=[])
    newer.append({"v": 1, "t": NOW, "op": op, **({"old": old} if op == "epoch" else {})})
    return newer


def test_a_new_epoch_that_names_the_checkpoint_that_is_held_is_followed_and_the_old_one_stays(fed, database):
    peer, victim = EvilPeer(fed, "ZA"), Victim(fed, database)
    feed = peer.feed("TZ")
    feed.put(peer.record())
    feed.append(peer.record().leaf())  # a body that never came: it must not be waited for in the epoch that ended
    victim.pull(feed)
    newer = epoch_of(feed, feed.note())
    newer.put(peer.record())
    victim.take(newer.page())
    assert [(row.epoch, row.size, row.head) for row in victim.rows(feed_in)] == [(0, 2, 2), (1, 2, 2)]
    assert len(victim.states()) == 2
    position = victim.desk.position("bulk")
    assert (position.epoch, position.size) == (1, 2)


FORKS = {
    "an epoch that names an older checkpoint": lambda feed: epoch_of(feed, feed.note(1)).page(),
    "an epoch that names another feed's checkpoint": lambda feed: epoch_of(feed, feed.peer.feed("KE").note()).page(),
    "an epoch that names nothing": lambda feed: epoch_of(feed, "").page(),
    "an epoch that begins with a record": lambda feed: _bare(feed).page(),
}


def _bare(feed):
    newer = dataclasses.replace(feed, epoch=1, entries=[])
    newer.put(feed.peer.record())
    return newer


@pytest.mark.parametrize("sentence", FORKS)
def test_is_a_fork_and_nothing_of_it_is_kept(sentence, fed, database):
    peer, victim = EvilPeer(fed, "ZA"), Victim(fed, database)
    feed = peer.feed("TZ")
    feed.put(peer.record())
    feed.put(peer.record())
    victim.pull(feed)
    with pytest.raises(FederationError) as refused:
        victim.take(FORKS[sentence](feed))
    assert refused.value.problem == "feed-fork"
    assert (victim.size(), len(victim.rows(feed_in))) == (2, 1)


def test_an_epoch_that_was_left_is_not_gone_back_to(fed, database):
    peer, victim = EvilPeer(fed, "ZA"), Victim(fed, database)
    feed = peer.feed("TZ")
    feed.put(peer.record())
    victim.pull(feed)
    victim.take(epoch_of(feed, feed.note()).page())
    feed.put(peer.record())
    with pytest.raises(FederationError) as refused:
        victim.take(feed.page(1))
    assert refused.value.problem == "not-found"
