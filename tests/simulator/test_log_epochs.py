"""The disclosure log of a node that was restored from a backup: its peers are told, and nobody calls it a forger."""

from __future__ import annotations

import pytest

from node.storage import evidence, peerlogs, settlements
from tests.simulator.restoring import restore, snapshot
from tests.simulator.world import World

RULES = [{"effect": "grant", "nodes": ["TZ", "GB", "KE"], "groups": ["non-nominal"], "kind": "seizure"}]


@pytest.fixture
def world(tmp_path, make_database):
    made = World(tmp_path, lambda _: make_database(), seed=7, ids=("KE", "TZ", "GB"))
    for node in made.nodes:
        made.set_policy(node, RULES)
    yield made
    made.close()


def accused(world):
    """Who was accused of what, by anybody."""
    found = set()
    for me, node in world.nodes.items():
        with node.database.read() as connection:
            found |= {(me, row.accused, row.type) for row in evidence.listing(connection)}
    return found


def kept(world, me, of="KE"):
    """(size, state) of the checkpoints that a node keeps of another's log, the newest first."""
    with world.nodes[me].database.read() as connection:
        return [(row.size, row.state) for row in peerlogs.listing(connection, of)]


def lose_a_week(world, *, told):
    """KE is backed up, goes on, and is restored; what it did since, it does otherwise."""
    world.write("TZ", "seizure")
    world.look("KE", 5)
    world.calm()
    then = snapshot(world, "KE")
    world.look("KE", 4)
    world.write("TZ", "seizure")
    world.calm()
    world.ask_log("GB", "KE")
    restore(world, "KE", then, told=told)
    world.look("KE", 3)
    for _ in range(3):
        world.write("TZ", "seizure")
        world.calm()
        for asker in ("TZ", "GB"):
            world.ask_log(asker, "KE")
        world.look("KE", 1)


@pytest.mark.parametrize("told", [True, False], ids=["by the command", "behind its back"])
def test_a_node_that_was_restored_is_not_accused_of_a_forked_log(world, told):
    lose_a_week(world, told=told)
    assert accused(world) == set()


@pytest.mark.parametrize("told", [True, False], ids=["by the command", "behind its back"])
def test_peers_keep_the_end_of_the_old_epoch_and_know_what_the_new_one_does_not_vouch_for(world, told):
    lose_a_week(world, told=told)
    with world.nodes["GB"].database.read() as connection:
        rows = peerlogs.listing(connection, "KE")
    (lost,) = [row for row in rows if row.state == "lost"]
    assert lost.epoch == 0
    assert lost.size == max(row.size for row in rows if row.epoch == 0)
    assert "of these" in lost.detail
    newest = rows[0]
    assert newest.epoch > world.now * 1_000_000 - 10**9
    assert newest.state in {"kept", "proven"}


def test_the_same_over_the_signed_road(tmp_path, make_sqlite):
    world = World(tmp_path, make_sqlite, seed=7, ids=("KE", "TZ", "GB"), signed=True)
    try:
        for node in world.nodes:
            world.set_policy(node, RULES)
        lose_a_week(world, told=False)
        assert accused(world) == set()
        assert (9, "lost") in kept(world, "GB")
    finally:
        world.close()


def test_a_node_put_back_behind_its_back_learns_it_from_the_first_page_and_before_it_signs(world):
    """Nobody asks it for its feeds or its log: it fetches, and its next receipt is about to contradict the last."""
    world.write("TZ", "seizure")
    world.look("KE", 2)
    for lane in ("urgent", "bulk"):
        world.poll("KE", "TZ", lane)
    then = snapshot(world, "KE")
    world.look("KE", 2)
    world.write("TZ", "seizure")
    world.poll("KE", "TZ", "bulk")
    restore(world, "KE", then, told=False)
    world.look("KE", 2)
    world.write("TZ", "seizure")
    world.poll("KE", "TZ", "bulk")
    with world.nodes["TZ"].database.read() as connection:
        found = [(row.size, row.epoch > 0, row.state) for row in peerlogs.listing(connection, "KE")]
    with world.nodes["KE"].database.read() as connection:
        assert settlements.current(connection).reason == "peer"
    assert found[0][1:] == (True, "kept")
    assert {state for _, _, state in found} == {"kept"}
