"""A node that was restored from a backup: it notices, learns what it lost, and nothing that was recalled comes back."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import select

from federation.errors import Maintenance
from federation.feed import parse_leaf
from node.services.checking import fsck
from node.storage import settlements
from node.storage.tables import draft, entry_out, feed_in, feed_out, grant_out, record
from tests.simulator.restoring import restore, snapshot
from tests.simulator.world import Crash, World

RULES = [
    {"effect": "grant", "nodes": ["TZ", "GB"], "groups": ["non-nominal"], "kind": "seizure"},
    {"effect": "grant", "nodes": ["TZ"], "groups": ["non-nominal"], "kind": "alert"},
]


@pytest.fixture
def world(tmp_path, make_database):
    made = World(tmp_path, lambda _: make_database(), seed=7, ids=("KE", "TZ", "GB"))
    made.set_policy("KE", RULES)
    yield made
    made.close()


@pytest.fixture
def two(tmp_path, make_sqlite):
    """Two nodes, in one kind of database: for what is done many times."""
    made = World(tmp_path, make_sqlite, seed=7, ids=("KE", "TZ"))
    made.set_policy("KE", RULES)
    yield made
    made.close()


def rows(world, node, table, *where):
    with world.nodes[node].database.read() as connection:
        return list(connection.execute(select(table).where(*where)))


def held(world, node):
    """(rid, ver) → mask of what a node uses of KE's records."""
    live = rows(world, node, record, record.c.iss == "KE", record.c.state.in_(("received", "released")))
    return {(row.rid, row.ver): (int(row.mask, 16), row.jh) for row in live}


def counters(world, node):
    return {row.rid: row.gc for row in rows(world, node, record, record.c.iss == "KE")}


def settled(world, node):
    with world.nodes[node].database.read() as connection:
        newest = settlements.current(connection)
        return {row.peer for row in settlements.of_all(connection, newest.id) if row.settled_at is not None}


@pytest.mark.parametrize("told", [True, False], ids=["by the command", "behind its back"])
def test_a_restored_node_learns_what_it_lost_and_everybody_agrees_again(world, told):
    for _ in range(3):
        world.write("KE", "seizure")
    world.calm()
    then = snapshot(world, "KE")
    lost = [world.write("KE", "seizure"), world.write("KE", "alert")]
    corrected = world.write("KE", "seizure", next(iter(world.newest)))
    world.calm()
    before = {node: held(world, node) for node in ("TZ", "GB")}
    had = {node: counters(world, node) for node in ("TZ", "GB")}
    restore(world, "KE", then, told=told)
    assert len(held(world, "KE")) == 3
    world.calm()
    assert settled(world, "KE") == {"TZ", "GB"}
    assert {node: held(world, node) for node in ("TZ", "GB")} == before
    assert held(world, "KE").keys() == before["TZ"].keys() | before["GB"].keys()
    assert {world.rid(reference) for reference in [*lost[:1], corrected]} <= {rid for rid, _ in held(world, "KE")}
    for node in ("TZ", "GB"):
        assert all(gc >= had[node][rid] for rid, gc in counters(world, node).items())
        given = rows(world, "KE", grant_out, grant_out.c.recipient == node)
        assert {row.rid: row.gc for row in given} == counters(world, node)
        epochs = {row.epoch for row in rows(world, node, feed_in, feed_in.c.sender == "KE")}
        assert epochs == {0, 1}
    assert world.leaks == []
    assert fsck(world.nodes["KE"].database, node="KE", directory=world.fed.directory, now=world.now) == []


def test_the_same_over_the_signed_road(tmp_path, make_sqlite):
    world = World(tmp_path, make_sqlite, seed=7, ids=("KE", "TZ"), signed=True)
    try:
        world.set_policy("KE", RULES)
        world.write("KE", "seizure")
        world.calm()
        then = snapshot(world, "KE")
        world.write("KE", "seizure")
        world.calm()
        before = held(world, "TZ")
        restore(world, "KE", then, told=False)
        world.calm()
        assert held(world, "TZ") == before
        assert held(world, "KE").keys() == before.keys()
        assert world.leaks == []
    finally:
        world.close()


def test_what_was_released_before_the_restore_is_not_signed_a_second_time(world):
    world.write("KE", "seizure")
    world.calm()
    then = snapshot(world, "KE")
    lost = world.write("KE", "seizure")
    world.calm()
    restore(world, "KE", then)
    world.calm()
    (row,) = rows(world, "KE", draft, draft.c.reference == lost)
    assert (row.state, row.ver, row.released_by) == ("released", 1, "recovered")
    world.write("KE", "seizure", lost)
    world.calm()
    assert world.newest[lost] == 2
    assert (row.rid, 2) in held(world, "TZ")
    assert world.leaks == []


def test_after_a_restore_a_withdrawal_outruns_every_counter_that_the_peer_has_seen(world):
    reference = world.write("KE", "seizure")
    world.calm()
    then = snapshot(world, "KE")
    for _ in range(3):
        world.write("KE", "seizure", reference)
    world.calm()
    restore(world, "KE", then)
    world.calm()
    world.set_policy("KE", [RULES[0] | {"nodes": ["GB"]}])
    world.write("KE", "seizure", reference)
    world.calm()
    rid = world.rid(reference)
    assert (rid, 5) in held(world, "GB")
    assert not [key for key in held(world, "TZ") if key[0] == rid]


def test_what_may_be_out_already_waits_for_those_who_may_have_it_and_for_nobody_else(two):
    world = two
    first = world.write("KE", "seizure")
    world.calm()
    then = snapshot(world, "KE")
    world.write("KE", "seizure", first)
    world.calm()
    restore(world, "KE", then)
    world.newest[first] = 1
    with pytest.raises(AssertionError, match=r"may be out already: wait until TZ have shown what they hold"):
        world.write("KE", "seizure", first)
    old = rows(world, "KE", record, record.c.iss == "KE")
    with world.nodes["KE"].database.write() as connection, pytest.raises(Maintenance, match="wait until TZ have shown"):
        world.publisher("KE").sign_again(connection, old, by="officer", now=world.now)
    assert [row.ver for row in rows(world, "KE", record, record.c.iss == "KE")] == [1]
    with world.nodes["KE"].database.write() as connection:
        newest = settlements.current(connection)
        settlements.waive(connection, newest.id, "TZ", by="officer")
        assert settlements.missing(connection, ["TZ"]) is None
        settlements.waive(connection, newest.id, "TZ", by=None)
    fresh = world.write("KE", "seizure")
    world.calm()
    assert settled(world, "KE") == {"TZ"}, "ZA, a member too, has never shown anything"
    assert (world.rid(fresh), 1) in held(world, "TZ")
    world.newest[first] = 2
    world.write("KE", "seizure", first)
    world.calm()
    assert (world.rid(first), 3) in held(world, "TZ")


def test_no_old_cursor_is_accepted_silently(world):
    world.write("KE", "seizure")
    world.calm()
    then = snapshot(world, "KE")
    world.write("KE", "seizure")
    world.calm()
    restore(world, "KE", then, told=False)
    world.write("KE", "seizure")  # its feeds are as long again as what the peers hold
    world.calm()
    for node in ("TZ", "GB"):
        for row in rows(world, "KE", feed_out, feed_out.c.recipient == node, feed_out.c.epoch == 1):
            (leaf,) = rows(world, "KE", entry_out, entry_out.c.feed == row.id, entry_out.c.n == 0)
            old = rows(world, node, feed_in, feed_in.c.sender == "KE", feed_in.c.lane == row.lane, feed_in.c.epoch == 0)
            assert parse_leaf(leaf.leaf).old == old[0].note
    assert len(held(world, "TZ")) == 3
    assert settled(world, "KE") == {"TZ", "GB"}


def test_nothing_is_given_to_a_peer_that_has_not_shown_what_it_holds(world):
    world.write("KE", "seizure")
    world.calm()
    restore(world, "KE", snapshot(world, "KE"))
    world.write("KE", "seizure")
    loop = world.loop("TZ", "KE")
    loop.follow = None
    for lane in ("urgent", "bulk"):
        assert world.poll("TZ", "KE", lane) == "feed-epoch-required"
    assert len(held(world, "TZ")) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", range(7))
def test_a_crash_in_the_middle_of_reconciliation_changes_nothing_in_the_end(two, step, moment):
    """The database of the restored node fails at each of its transactions in turn, lost or kept but unanswered."""
    world = two
    for _ in range(2):
        world.write("KE", "seizure")
    world.calm()
    then = snapshot(world, "KE")
    world.write("KE", "seizure")
    world.write("KE", "alert")
    world.calm()
    before = held(world, "TZ")
    restore(world, "KE", then)
    ke = world.nodes["KE"]
    failing = FailingDatabase(ke.database, step, moment)
    ke.database = failing
    for lane in ("urgent", "bulk", "urgent", "bulk"):
        try:
            world.poll("TZ", "KE", lane)
        except (Crash, ExceptionGroup):
            world.loop("TZ", "KE")
            world.nodes["TZ"].loops.clear()
    ke.database = failing.inner
    world.nodes["TZ"].loops.clear()
    world.calm()
    world.calm()
    assert held(world, "TZ") == before
    assert settled(world, "KE") == {"TZ"}
    assert fsck(ke.database, node="KE", directory=world.fed.directory, now=world.now) == []


class FailingDatabase:
    """A database whose n-th transaction ends with the process."""

    def __init__(self, inner, step, moment):
        self.inner, self.left, self.moment = inner, step, moment
        self.read, self.close = inner.read, inner.close

    def write(self):

        @contextmanager
        def transaction():
            now, self.left = self.left == 0, self.left - 1
            with self.inner.write() as connection:
                yield connection
                if now and self.moment == "before":
                    raise Crash
            if now and self.moment == "after":
                raise Crash

        return transaction()


def test_a_recipient_that_was_restored_too_is_settled_with_again(world):
    world.write("KE", "seizure")
    world.calm()
    ours, theirs = snapshot(world, "KE"), snapshot(world, "TZ")
    world.write("KE", "seizure")
    world.calm()
    restore(world, "KE", ours)
    world.calm()
    world.now += 60
    restore(world, "TZ", theirs)
    world.calm()
    assert len(held(world, "TZ")) == 2
    assert {row.epoch for row in rows(world, "TZ", feed_in, feed_in.c.sender == "KE")} >= {0, 2}
    assert world.leaks == []


def test_a_node_restored_twice_begins_two_epochs(world):
    world.write("KE", "seizure")
    world.calm()
    then = snapshot(world, "KE")
    for _ in range(2):
        world.write("KE", "seizure")
        world.calm()
        world.now += 60
        restore(world, "KE", then, told=False)
        world.calm()
    assert len(held(world, "TZ")) == 3
    assert len(held(world, "KE")) == 3
    assert {row.epoch for row in rows(world, "TZ", feed_in, feed_in.c.sender == "KE")} == {0, 1, 2}


def test_what_may_be_out_already_is_not_signed_before_everybody_has_shown_what_it_holds(two):
    world = two
    reference = world.write("KE", "seizure")
    world.calm()
    restore(world, "KE", snapshot(world, "KE"))
    (row,) = rows(world, "KE", draft, draft.c.reference == reference)
    with world.nodes["KE"].database.write() as connection:
        connection.execute(draft.update().where(draft.c.id == row.id).values(state="draft", ver=2, content_hash="x"))

    def release():
        reports = world.publisher("KE").release(
            world.nodes["KE"].database, [row.id], by="officer", second=None, now=world.now
        )
        return [(report.released, [refused.faults for refused in report.refused]) for report in reports]

    ((released, ((sentence,),)),) = release()
    assert released == 0
    assert "TZ" in sentence
    world.now += 1
    fresh = world.write("KE", "seizure")  # what is new can have been shown to nobody
    world.calm()
    assert settled(world, "KE") >= {"TZ"}
    assert (world.rid(fresh), 1) in held(world, "TZ")
