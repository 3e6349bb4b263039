"""Is everything where it should be: inventories name what is missing, the replay names what went wrong."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select, update

from federation.policy import compile_policy, load_policy
from node.services import replaying
from node.storage import gaps, holdings, settlements
from node.storage.tables import disclosure, entry_out, feed_out, record
from node.storage.tables.recovery import deviation
from tests.simulator.world import World, policy_text

RULES = [{"effect": "grant", "nodes": ["TZ", "GB"], "groups": ["non-nominal"], "kind": "seizure"}]


@pytest.fixture
def world(tmp_path, make_database):
    made = World(tmp_path, lambda _: make_database(), seed=5, ids=("KE", "TZ", "GB"))
    made.set_policy("KE", RULES)
    for _ in range(4):
        made.write("KE", "seizure")
    made.calm()
    yield made
    made.close()


def show(world, peer):
    """A peer shows KE what it holds of KE's records; the gaps that KE sees then."""
    world.now += 10
    world.runner.run(world.follow(peer, "KE", world.loop(peer, "KE").link)())
    with world.nodes["KE"].database.read() as connection:
        (told,) = [row for row in gaps.inventories(connection) if row.peer == peer] or [None]
        return told, {(row.peer, row.rid, row.what) for row in gaps.listing(connection)}


def some(world, node="TZ"):
    with world.nodes[node].database.read() as connection:
        return connection.execute(select(record).where(record.c.iss == "KE").order_by(record.c.rid)).first()


def test_peers_that_hold_what_they_were_given_show_equal_inventories(world):
    for peer in ("TZ", "GB"):
        told, found = show(world, peer)
        assert (told.equal, told.count, found) == (True, 4, set())


def test_what_is_on_its_way_is_no_gap(world):
    world.write("KE", "seizure")
    told, found = show(world, "TZ")
    assert (told.equal, found) == (False, set())


def test_exactly_what_a_peer_lacks_is_named_and_forgotten_once_it_has_it(world):
    row = some(world)
    with world.nodes["TZ"].database.write() as connection:
        connection.execute(delete(record).where(record.c.id == row.id))
    assert show(world, "TZ")[1] == {("TZ", row.rid, "missing")}
    assert show(world, "GB")[1] == {("TZ", row.rid, "missing")}
    with world.nodes["TZ"].database.write() as connection:
        connection.execute(record.insert().values(**row._asdict()))
    told, found = show(world, "TZ")
    assert (told.equal, found) == (True, set())


def test_what_a_peer_holds_beyond_its_grant_is_named(world):
    with world.nodes["TZ"].database.read() as connection:
        masks = dict(connection.execute(select(record.c.rid, record.c.mask).where(record.c.iss == "KE")).all())
    with world.nodes["KE"].database.read() as connection:
        whole = connection.execute(select(record).where(record.c.iss == "KE").order_by(record.c.rid)).all()
    row = next(one for one in whole if int(one.mask, 16) != int(masks[one.rid], 16))
    with world.nodes["TZ"].database.write() as connection:
        named = (record.c.iss == "KE", record.c.rid == row.rid)
        connection.execute(update(record).where(*named).values(mask=row.mask, disclosures=row.disclosures))
    assert show(world, "TZ")[1] == {("TZ", row.rid, "surplus")}
    with world.nodes["KE"].database.read() as connection:
        assert settlements.current(connection) is None


# The nightly replay


def in_force(world, rules):
    """Put a policy in force in the database, as an activation does, without what follows from it."""
    node = world.nodes["KE"]
    node.policy_version += 1
    text = policy_text("KE", node.policy_version, rules)
    node.policy = compile_policy(load_policy(text, format="json"))


def run(world):
    report = replaying.run(world.nodes["KE"].database, world.publisher("KE"), now=world.clock("KE")())
    return report, {(one.recipient, one.rid, one.what) for one in report.deviations}


@pytest.fixture
def quiet(monkeypatch):
    """No review is due: nothing is explained by it."""
    monkeypatch.setattr("node.services.applying.due", lambda *_, **__: False)


@pytest.mark.usefixtures("quiet")
def test_where_the_policy_and_the_log_agree_nothing_is_found(world):
    report, found = run(world)
    assert (report.records, report.unexplained, found) == (4, 0, set())
    assert report.pairs >= 8


@pytest.mark.usefixtures("quiet")
def test_groups_that_went_after_the_others_or_were_exchanged_are_no_deviation(world):
    """After `more` the newest entry showed one group of many; after an exchange there are two newest entries."""
    for groups in (["non-nominal", "persons"], ["non-nominal"], ["case", "persons"], ["goods", "case"]):
        world.set_policy("KE", [RULES[0] | {"groups": groups}])
        world.calm()
        report, found = run(world)
        assert (report.records, report.unexplained, found) == (4, 0, set()), groups


@pytest.mark.usefixtures("quiet")
def test_an_entry_that_never_went_out_is_named(world):
    """The sender withholds: an entry, its grant and its row are missing, as if they had never been."""
    row = some(world, "KE")
    with world.nodes["KE"].database.write() as connection:
        gone = (disclosure.c.rid == row.rid, disclosure.c.recipient == "TZ")
        connection.execute(delete(disclosure).where(*gone))
    report, found = run(world)
    assert (report.unexplained, found) == (1, {("TZ", row.rid, "should-have")})


@pytest.mark.usefixtures("quiet")
def test_what_went_out_beyond_the_policy_is_named_with_its_groups(world):
    row = some(world, "KE")
    with world.nodes["KE"].database.write() as connection:
        feed = select(feed_out.c.id).where(feed_out.c.recipient == "GB", feed_out.c.lane == "bulk").scalar_subquery()
        wider = (entry_out.c.feed == feed, entry_out.c.record == row.id)
        connection.execute(update(entry_out).where(*wider).values(mask="ffffff"))
    report, found = run(world)
    assert (report.unexplained, found) == (1, {("GB", row.rid, "should-not")})
    assert report.deviations[0].groups


@pytest.mark.usefixtures("quiet")
def test_a_policy_that_was_never_applied_is_found_out(world):
    in_force(world, [RULES[0] | {"nodes": ["TZ"]}])
    report, found = run(world)
    assert report.unexplained == 4
    assert {(who, what) for who, _, what in found} == {("GB", "should-not")}


def test_what_is_due_or_not_settled_is_explained(world, monkeypatch):
    in_force(world, [RULES[0] | {"nodes": ["TZ"]}])
    monkeypatch.setattr("node.services.applying.due", lambda *_, **__: True)
    report, found = run(world)
    assert (report.unexplained, len(found)) == (0, 4)
    assert {one.explained for one in report.deviations} == {"a review of what is out is due or under way"}
    monkeypatch.setattr("node.services.applying.due", lambda *_, **__: False)
    with world.nodes["KE"].database.write() as connection:
        settlements.mark(connection, "restored", now=world.now)
    assert run(world)[0].unexplained == 0


@pytest.mark.usefixtures("quiet")
def test_runs_are_kept_with_what_they_found_and_old_ones_go(world, monkeypatch):
    monkeypatch.setattr(replaying, "RUNS", 2)
    in_force(world, [RULES[0] | {"nodes": ["TZ"]}])
    for _ in range(4):
        run(world)
    with world.nodes["KE"].database.read() as connection:
        row, found = replaying.last(connection)
        assert (row.unexplained, len(found)) == (4, 4)
        assert len(connection.execute(select(deviation)).all()) == 8


# What hubs pass on


def test_what_a_removed_member_still_shows_of_what_a_hub_gave_it_is_a_gap(tmp_path, make_database):
    world = World(tmp_path, lambda _: make_database(), seed=5, ids=("KE", "TZ", "RILO-ESA"))
    try:
        rule = {"effect": "grant", "nodes": ["RILO-ESA"], "groups": ["minimal"], "kind": "seizure", "relay_group": 1}
        world.set_policy("KE", [rule])
        world.look_at_members("KE")
        rid = world.rid(world.write("KE", "seizure"))
        world.calm()
        assert show(world, "TZ")[1] == set()
        world.change_group({"KE"})
        assert show(world, "TZ")[1] == {("TZ", rid, "surplus")}
        world.calm()
        assert show(world, "TZ")[1] == set()
    finally:
        world.close()


def test_what_a_hub_passed_on_by_our_leave_is_no_gap_and_what_it_gave_beyond_is(tmp_path, make_database):
    world = World(tmp_path, lambda _: make_database(), seed=5, ids=("KE", "TZ", "RILO-ESA"))
    try:
        direct = {"effect": "grant", "nodes": ["TZ"], "groups": ["case"], "kind": "seizure"}
        world.set_policy("KE", [direct, {**direct, "nodes": ["RILO-ESA"], "groups": ["minimal"], "relay": ["TZ"]}])
        for _ in range(3):
            world.write("KE", "seizure")
        world.calm()
        with world.nodes["KE"].database.read() as connection:
            granted = {row.rid: row.gm for row in holdings.given_to(connection, "KE", "TZ")}
            whole = connection.execute(select(record).where(record.c.iss == "KE").order_by(record.c.rid)).all()
        with world.nodes["TZ"].database.read() as connection:
            held = {row.rid: row.gm for row in holdings.held_of(connection, "KE")}
        assert all(held[rid] & ~gm for rid, gm in granted.items())  # the hub has brought it more
        told, found = show(world, "TZ")
        assert (told.equal, found) == (True, set())
        row = next(one for one in whole if int(one.mask, 16) & ~held[one.rid])
        with world.nodes["TZ"].database.write() as connection:
            named = (record.c.iss == "KE", record.c.rid == row.rid)
            connection.execute(update(record).where(*named).values(mask=row.mask, disclosures=row.disclosures))
        told, found = show(world, "TZ")
        assert (told.equal, found) == (False, {("TZ", row.rid, "surplus")})
    finally:
        world.close()
