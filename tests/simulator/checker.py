"""The promises of the protocol page (section 13), checked over what each node has on disk and what has left it.

Each check recomputes what it compares with: roots by the recursive definition, facets from stored bytes, grants from
the world's own set algebra. `History` remembers what was seen before, so that it can tell what was lost or rewritten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from federation.records import get_schema
from node.services import bodies
from node.storage import records
from node.storage.tables import disclosure, entry_in, entry_out, facet, feed_in, feed_out, quarantine, record, tombstone
from node.storage.tables.checkpoints import peer_log
from node.storage.tables.evidence import evidence, feed_stop
from node.storage.tables.relay import road
from tests.simulator.naive import b64, root_of_note, tree_root, unb64
from tests.simulator.reference import EVIL, LIARS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulator.world import SimNode, World


IN_USE = record.c.state.in_(records.LIVE)


@dataclass
class History:
    """What was seen of every feed so far."""

    leaves: dict[tuple[str, str, str, str, int], list[str]] = field(default_factory=dict)
    """(node, direction, peer, lane, epoch) → the leaves."""
    restorations: dict[str, int] = field(default_factory=dict)

    def forget(self, restorations: Mapping[str, int]) -> None:
        """Of a node that was restored nothing that was seen before counts: its past is another one now."""
        for node, times in restorations.items():
            if times > self.restorations.get(node, 0):
                self.leaves = {key: leaves for key, leaves in self.leaves.items() if key[0] != node}
        self.restorations = dict(restorations)


def check(world: World, history: History) -> None:
    """All promises, of all nodes, now."""
    assert not world.leaks, world.leaks  # promise 5
    history.forget(world.restorations)
    for node in world.nodes.values():
        with node.database.read() as connection:
            feeds_only_grow(node, connection, history)
            nothing_happened_twice(connection)
            nothing_left_without_a_row(world, node, connection)
    for node in world.nodes.values():
        what_is_confirmed_is_there(world, node)
    nobody_holds_what_was_not_granted(world)
    recall_dominates(world)
    no_honest_node_is_accused(world)


def recall_dominates(world: World) -> None:
    """Promise 4: whoever has heard of a recall uses nothing of the record, whatever came before or after."""
    for me, node in world.nodes.items():
        with node.database.read() as connection:
            live = {tuple(row) for row in connection.execute(select(record.c.iss, record.c.rid).where(IN_USE))}
            gone = {tuple(row) for row in connection.execute(select(tombstone.c.iss, tombstone.c.rid))}
        assert not live & gone, f"{me} uses what was recalled"


def no_honest_node_is_accused(world: World) -> None:
    """Whatever befalls a node, restores and couriers included: nobody keeps anything against any but the liars."""
    for me, node in world.nodes.items():
        with node.database.read() as connection:
            kept = {
                (row.accused, row.type)
                for row in connection.execute(select(evidence).where(evidence.c.accused.not_in(LIARS)))
            }
            stopped = set(connection.scalars(select(feed_stop.c.sender).where(feed_stop.c.sender.not_in(LIARS))))
            broken = set(connection.scalars(select(peer_log.c.peer).where(peer_log.c.state == "broken")))
        assert not kept, f"{me} keeps evidence against {sorted(kept)}"
        assert not stopped, f"{me} takes nothing more from {sorted(stopped)}"
        assert not broken, f"{me} says that the disclosure logs of {sorted(broken)} are broken"


def feeds_only_grow(node: SimNode, connection: Any, history: History) -> None:
    """Promise 3: what is seen of a feed is a beginning of what is seen later, and roots are those of the leaves."""
    for row in connection.execute(select(feed_in)):
        leaves = list(
            connection.scalars(select(entry_in.c.leaf).where(entry_in.c.feed == row.id).order_by(entry_in.c.n))
        )
        _grown(history, (node.id, "in", row.sender, row.lane, row.epoch), leaves)
        assert len(leaves) == row.size
        root = tree_root([leaf.encode() for leaf in leaves])
        assert root_of_note(row.note)[1:] == (row.size, root)
        receipt = json.loads(unb64(row.receipt.split(".")[1]))
        assert (receipt["size"], receipt["root"]) == (row.size, b64(root))
    for row in connection.execute(select(feed_out)):
        leaves = list(
            connection.scalars(select(entry_out.c.leaf).where(entry_out.c.feed == row.id).order_by(entry_out.c.n))
        )
        _grown(history, (node.id, "out", row.recipient, row.lane, row.epoch), leaves)
        assert len(leaves) == row.size
        assert [json.loads(leaf)["n"] for leaf in leaves] == list(range(row.size))


def _grown(history: History, key: tuple[str, str, str, str, int], leaves: list[str]) -> None:
    before = history.leaves.get(key, [])
    assert leaves[: len(before)] == before, f"the feed {key} was rewritten"
    history.leaves[key] = leaves


def nothing_happened_twice(connection: Any) -> None:
    """Promise 2: versions and facets are there once, and no version is found by what it does not hold."""
    rows = list(connection.execute(select(record)))
    assert len({(row.iss, row.rid, row.ver) for row in rows}) == len(rows)
    in_use: dict[tuple[str, str], int] = {}
    expected = set()
    for row in rows:
        if row.state in records.LIVE:
            in_use[row.iss, row.rid] = in_use.get((row.iss, row.rid), 0) + 1
            facets = get_schema(row.sch).facets(bodies.reopen_row(row).groups)
            expected |= set(records.facet_values(row.id, row.kind, row.iss, facets))
    assert set(in_use.values()) <= {1}, "two versions of one record are in use"
    found = [
        tuple(row) for row in connection.execute(select(facet.c.field, facet.c.value, facet.c.day, facet.c.record))
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected


def nothing_left_without_a_row(world: World, node: SimNode, connection: Any) -> None:
    """Promise 6: each feed entry has its disclosure row, with the groups that the reference grants."""
    logged: dict[tuple[int, int], Any] = {}
    for row in connection.execute(select(disclosure).where(disclosure.c.action == "feed")):
        assert (row.feed, row.n) not in logged
        logged[row.feed, row.n] = row
    entries = list(connection.execute(select(entry_out, feed_out.c.recipient).join(feed_out)))
    given = [(entry, leaf) for entry in entries if (leaf := json.loads(entry.leaf))["op"] != "epoch"]
    assert logged.keys() == {(entry.feed, entry.n) for entry, _ in given}
    for entry, leaf in given:
        row = logged[entry.feed, entry.n]
        assert (row.recipient, row.iss, row.rid, row.ver) == (entry.recipient, leaf["iss"], leaf["rid"], leaf["ver"])
        assert bool(row.groups) == bool(int(leaf["gm"], 16))


def what_is_confirmed_is_there(world: World, sender: SimNode) -> None:
    """Promise 1: every entry below a receipt is stored at the recipient, kept in quarantine, or overtaken."""
    with sender.database.read() as connection:
        feeds = list(connection.execute(select(feed_out).where(feed_out.c.receipt_size > 0)))
        given = {
            feed.id: list(
                connection.scalars(
                    select(entry_out.c.leaf)
                    .where(entry_out.c.feed == feed.id, entry_out.c.n < feed.receipt_size)
                    .order_by(entry_out.c.n)
                )
            )
            for feed in feeds
        }
    for feed in feeds:
        if feed.recipient in world.amnesic:
            continue  # it stands further back than it said, and pulls again what lies between
        with world.nodes[feed.recipient].database.read() as connection:
            _confirmed(connection, sender.id, feed, given[feed.id])


def _confirmed(connection: Any, sender: str, feed: Any, given: list[str]) -> None:
    mine = connection.execute(
        select(feed_in).where(feed_in.c.sender == sender, feed_in.c.lane == feed.lane, feed_in.c.epoch == feed.epoch)
    ).one()
    leaves = list(connection.scalars(select(entry_in.c.leaf).where(entry_in.c.feed == mine.id).order_by(entry_in.c.n)))
    assert leaves[: feed.receipt_size] == given
    aside = set(connection.scalars(select(quarantine.c.n).where(quarantine.c.feed == mine.id)))
    waiting: dict[tuple[str, str], int] = {}
    for row in connection.execute(select(quarantine).where(quarantine.c.state == "held", quarantine.c.gc.is_not(None))):
        waiting[row.iss, row.rid] = max(row.gc, waiting.get((row.iss, row.rid), 0))
    gone = {(row.iss, row.rid) for row in connection.execute(select(tombstone.c.iss, tombstone.c.rid))}
    versions: dict[tuple[str, str], dict[int, Any]] = {}
    for row in connection.execute(select(record)):
        versions.setdefault((row.iss, row.rid), {})[row.ver] = row
    roads = {(row.iss, row.rid): row.gc for row in connection.execute(select(road).where(road.c.sender == sender))}
    for n, text in enumerate(given):
        leaf = json.loads(text)
        if leaf["op"] == "epoch":
            continue
        key = (leaf["iss"], leaf["rid"])
        counter = max((row.gc for row in versions.get(key, {}).values()), default=0)
        if key in roads:  # it came by more than one sender: each has a counter of its own
            there = roads[key] >= leaf["gc"] or n in aside or key in gone  # what is recalled needs no counters
            assert there, f"entry {n} of {sender}'s {feed.lane} lane was confirmed and not applied"
            continue
        stored = versions.get(key, {}).get(leaf["ver"])
        if leaf["op"] == "less":
            stored = max(versions.get(key, {}).values(), key=lambda row: row.gc, default=None)
        applied = stored is not None and stored.gc >= leaf["gc"]
        assert applied or counter > leaf["gc"] or n in aside or key in gone or waiting.get(key, 0) >= leaf["gc"], (
            f"entry {n} of {sender}'s {feed.lane} lane was confirmed and is nowhere"
        )


def nobody_holds_what_was_not_granted(world: World) -> None:
    """Promise 5, at rest: what a node holds in use of a version is part of what it was ever granted of it."""
    for (reference, ver), version in world.versions.items():
        rid = world.rid(reference)
        for recipient in world.nodes:
            if recipient != version.node:
                held = world.held_groups(recipient, version.node, rid).get(ver, set())
                ever = version.at_all(recipient)
                assert held <= ever, f"{recipient} holds {held - ever} of {reference} v{ver}"


def all_is_delivered(world: World) -> None:
    """After calm: everybody holds the newest version of every record, as far as it was granted, and has said so."""
    for reference, node in world.recalled.items():
        for recipient in world.nodes:
            assert world.held_groups(recipient, node, world.rid(reference)) == {}, f"{recipient} uses what was recalled"
    for reference, ver in world.newest.items():
        version, rid = world.versions[reference, ver], world.rid(reference)
        for recipient in world.nodes:
            if recipient != version.node:
                held = world.held_groups(recipient, version.node, rid)
                granted = version.at_rest(recipient)
                assert held == ({ver: granted} if granted else {}), (reference, recipient)
    for node in world.nodes.values():
        with node.database.read() as connection:
            newest = {
                (row.recipient, row.lane): row
                for row in connection.execute(
                    select(feed_out).where(feed_out.c.recipient.not_in(LIARS)).order_by(feed_out.c.epoch)
                )
            }
            for row in newest.values():
                assert row.receipt_size == row.size, (node.id, row.recipient, row.lane)
            honest = select(quarantine).where(quarantine.c.state == "held", quarantine.c.sender.not_in(LIARS))
            assert [tuple(row) for row in connection.execute(honest)] == []


def evil_entries_came_out_as_deserved(world: World) -> None:
    """Promise 8: the good entries of the evil peer's feeds are held, the bad ones are aside with the right word."""
    for (recipient, lane, n), problem in world.evil_expected.items():
        with world.nodes[recipient].database.read() as connection:
            row = connection.execute(select(feed_in).where(feed_in.c.sender == EVIL, feed_in.c.lane == lane)).one()
            assert row.size == len(world.evil_feed(recipient, lane).entries)
            found = connection.execute(
                select(quarantine.c.problem, quarantine.c.state).where(quarantine.c.feed == row.id, quarantine.c.n == n)
            ).first()
            if problem is not None:
                # A key that is not the sender's may be stolen, and listed as such, when the entry is judged again.
                words = {problem} | ({"revoked-key"} if problem == "unknown-key" else set())
                assert found is not None, (recipient, lane, n)
                assert (found.problem in words, found.state) == (True, "held"), (recipient, lane, n, found.problem)
                continue
            assert found is None
            leaf = json.loads(world.evil_feed(recipient, lane).entries[n][0])
            held = connection.execute(select(record.c.state).where(record.c.rid == leaf["rid"])).scalar_one()
            assert held == "received"
        listed = {item.n: item.type for item in world.evil_receipts[EVIL, recipient, lane].quarantined}
        assert (problem is None) == (n not in listed)
