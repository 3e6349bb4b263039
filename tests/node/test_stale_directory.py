"""A directory that is too old, or kept from this node, stops what goes out and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import shutil

import pytest

from federation.errors import DirectoryStale
from federation.replication import LinkDown
from federation.trust import folder_fetch
from node.api import peer as peer_face
from node.services import authority, disclosing, membership
from node.storage import audit, feeds
from tests.node.conftest import NOW

DAY = 86_400


@pytest.fixture
def published(home_template, tmp_path):
    """The authority's folder of KE's federation, to publish a next version in."""
    return shutil.copytree(home_template.parent / "authority", tmp_path / "authority")


def newer(published):
    authority.set_group(published, "east", ["KE", "TZ"])
    authority.publish(published, now=NOW, lifetime=10 * DAY)


def ways_out(home):
    """Everything that takes content of records out of this node."""
    exchange = home.exchange()
    with home.database.write() as connection:
        feeds.ensure(connection, ["TZ"])

    class Face:
        node, database, membership, clock = home.settings.id, home.database, home.membership, home.clock
        log_signer = home.signer("log")

    return {
        "a page that a peer fetches": lambda: peer_face._page(Face, "TZ", "bulk", start=0, limit=9, note=None),
        "a page that is pushed": lambda: exchange.outbox("TZ").page("bulk", 0, 9),
        "records that are given back": lambda: asyncio.run(exchange.present("TZ")),
    }


@pytest.mark.parametrize("way", ["a page that a peer fetches", "a page that is pushed", "records that are given back"])
def test_a_stale_directory_stops(way, home, clock):
    go = ways_out(home)[way]
    clock.now = NOW + 11 * DAY
    with pytest.raises(DirectoryStale, match="expired"):
        go()
    clock.now = NOW
    with contextlib.suppress(LinkDown):  # the peer is not there: but it was asked
        go()


def test_a_stale_directory_stops_nothing_else(home, clock):
    clock.now = NOW + 11 * DAY
    with home.database.write() as connection:
        audit.log(connection, [audit.Disclosure(at=NOW, action="view", actor="ann")])
        note = disclosing.checkpoint(connection, fed="test", node="KE", signer=home.signer("log"))
    assert note.startswith("cnp/test/KE/disclosures\n1\n")
    assert home.exchange().desk("TZ").position("bulk").size == 0
    assert home.membership.current().version == 1


class Peers:
    """Peers of KE who say which directory they work by, and serve what they are told to."""

    def __init__(self, home, monkeypatch, serves=None):
        self.exchange, self.asked = home.exchange(), []

        def fetcher(url, **_):
            peers = self

            class Road:
                def __enter__(self):
                    peers.asked.append(url)
                    if serves is None:
                        raise membership.DirectoryUnreachable("nobody answers")
                    return serves(url)

                def __exit__(self, *_):
                    pass

            return Road()

        monkeypatch.setattr(membership, "fetcher", fetcher)

    def say(self, version, *names):
        for name in names:
            self.exchange._noticed(name, version)

    def poll(self):
        asyncio.run(self.exchange._refresh())


def test_peers_at_a_newer_version_make_a_frozen_node_stale_within_one_poll(home, monkeypatch):
    peers = Peers(home, monkeypatch)
    peers.say(2, "TZ", "GB")
    assert not home.membership.stale(NOW), "first it is looked for"
    peers.poll()
    assert home.membership.stale(NOW)
    with pytest.raises(DirectoryStale):
        ways_out(home)["a page that a peer fetches"]()


def test_a_frozen_address_keeps_no_newer_directory_from_a_node_whose_peers_have_it(
    home, published, monkeypatch, tmp_path
):
    old = shutil.copytree(published, tmp_path / "frozen")
    newer(published)
    peers = Peers(home, monkeypatch, lambda url: folder_fetch((old if "frozen" in url else published) / "repository"))
    peers.exchange.directory_url = "http://frozen.test"
    peers.say(2, "TZ")
    peers.poll()
    assert peers.asked[0] == "http://frozen.test"
    assert home.membership.current().version == 2
    assert not home.membership.stale(NOW)


def test_one_peer_that_lies_about_a_newer_directory_stops_nobody(home, published, monkeypatch):
    peers = Peers(home, monkeypatch, lambda _: folder_fetch(published / "repository"))
    peers.say(10**6, "ZA")
    peers.poll()
    assert not home.membership.stale(NOW)
    assert home.membership.current().version == 1


def test_a_frozen_node_sends_again_once_it_has_the_directory_or_nobody_says_otherwise(
    home, published, monkeypatch, clock
):
    peers = Peers(home, monkeypatch)
    peers.say(2, "TZ", "GB")
    peers.poll()
    assert home.membership.stale(NOW)
    clock.now += membership.CLAIM_SECONDS
    assert not home.membership.stale(clock.now), "what was said an hour ago counts no more"
    peers.say(2, "TZ", "GB")
    assert home.membership.stale(clock.now)
    newer(published)
    monkeypatch.setattr(membership, "fetcher", None)
    home.membership._directory = home.membership.mirror.refresh(folder_fetch(published / "repository"), now=clock.now)
    assert not home.membership.stale(clock.now)


def test_a_suspended_member_s_word_about_the_directory_counts_for_nothing(home, published, monkeypatch):
    authority.set_status(published, "ZA", "suspended")
    authority.set_status(published, "GB", "suspended")
    authority.publish(published, now=NOW, lifetime=10 * DAY)
    home.membership.mirror.refresh(folder_fetch(published / "repository"), now=NOW)
    home.membership._looked = 0.0
    peers = Peers(home, monkeypatch)
    peers.say(9, "ZA", "GB", "XX")
    peers.poll()
    assert not home.membership.stale(NOW)
