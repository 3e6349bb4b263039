"""Push on both databases: a node that nobody can reach hands its feeds over, and every loss on the way is healed."""

import asyncio
import json
from types import SimpleNamespace

import orjson
import pytest
from sqlalchemy import delete, select

from crypto import b64
from federation.errors import FederationError, FromBeyondHead
from federation.pushing import PushLoop
from federation.replication import LinkDown
from node.services.intake import PeerDesk
from node.services.pushing import FeedOutbox, road_to, take
from node.storage import feeds
from node.storage.tables import entry_in, facet, feed_in, feed_out, record
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.node.test_publishing import release, rows

FED = make_federation(["KE", "TZ", "GB", "ZA"], endpoints={"KE": None, "ZA": None})
LOST = {"before it is kept": "before", "kept and not answered": "after"}


class Road:
    """From KE to TZ's real desk; loses what it is told to lose."""

    def __init__(self, desk):
        self.desk, self.lose, self.pages = desk, None, []

    async def push(self, page):
        self.pages.append(page)
        lose, self.lose = self.lose, None
        if lose == "before":
            raise LinkDown("lost on the way there")
        receipt = take(self.desk, page)
        if lose == "after":
            raise LinkDown("lost on the way back")
        return receipt


class Pair:
    """KE, which has no address, and TZ."""

    def __init__(self, sender, recipient):
        self.sender, self.recipient, self.now, self.stale = sender, recipient, NOW, False
        membership = SimpleNamespace(current=lambda: FED.directory, stale=lambda _now: self.stale)
        self.desk = PeerDesk(
            peer="KE", node="TZ", database=recipient, directory=lambda: FED.directory,
            log_signer=FED.signer("TZ", "log"), clock=lambda: self.now,
        )  # fmt: skip
        self.outbox = FeedOutbox(
            peer="TZ", node="KE", database=sender, membership=membership, log_signer=FED.signer("KE", "log"),
            clock=lambda: self.now,
        )  # fmt: skip
        self.road = Road(self.desk)
        self.restart()

    def restart(self):
        """The sender's process begins again: what it had in memory is gone."""
        self.loop = PushLoop(
            peer="TZ", link=self.road, outbox=self.outbox, clock=lambda: float(self.now), chance=lambda: 0.0,
            offload=_call,
        )  # fmt: skip

    def release(self, *references):
        for reference in references:
            release(self.sender, reference=reference, fed=FED)

    def push(self, lane="bulk"):
        return asyncio.run(self.loop.drain(lane))

    def held(self):
        return len(rows(self.recipient, record))

    def confirmed(self):
        with self.sender.read() as connection:
            return feeds.out_feed(connection, "TZ", "bulk").receipt_size


async def _call(function, *arguments):
    return function(*arguments)


@pytest.fixture
def pair(make_database):
    return Pair(make_database(), make_database())


def test_what_is_pushed_arrives_is_receipted_and_is_not_pushed_again(pair):
    pair.release("R-1", "R-2", "R-3")
    pair.loop.lanes["bulk"].limit = 2
    assert pair.push() == 3
    assert (pair.held(), pair.confirmed(), len(pair.road.pages)) == (3, 3, 2)
    pair.loop.lanes["bulk"].last_success = float(NOW)
    assert pair.push() == 0
    assert len(pair.road.pages) == 2
    pair.release("R-4")
    assert pair.push() == 1
    assert (pair.held(), pair.confirmed()) == (4, 4)


@pytest.mark.parametrize("sentence", LOST)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_push_that_is_lost_is_healed_by_the_next_round(sentence, restarted, pair):
    pair.release("R-1", "R-2")
    pair.push()
    pair.release("R-3")
    pair.road.lose = LOST[sentence]
    with pytest.raises(LinkDown):
        pair.push()
    assert pair.confirmed() == 2
    if restarted:
        pair.restart()
    # The page that the second round sends is longer than the lost one: part of it may be held.
    pair.release("R-4")
    pair.push()
    assert (pair.held(), pair.confirmed()) == (4, 4)


def test_a_page_that_comes_again_changes_nothing_and_is_answered_with_the_receipt_of_today(pair):
    pair.release("R-1", "R-2")
    pair.push()
    before = [tuple(row) for row in rows(pair.recipient, record)]
    pair.now += 60
    receipt = take(pair.desk, pair.road.pages[0])
    assert pair.outbox.accept("bulk", receipt) == 2
    assert [tuple(row) for row in rows(pair.recipient, record)] == before
    with pair.sender.read() as connection:
        assert feeds.out_feed(connection, "TZ", "bulk").receipt_at == NOW + 60


def test_after_an_hour_the_receipt_is_asked_for_with_an_empty_page(pair):
    pair.release("R-1")
    pair.push()
    pair.loop.lanes["bulk"].last_success = float(NOW)
    pair.now += 3_601
    assert pair.push() == 0
    assert json.loads(pair.road.pages[-1])["entries"] == []
    with pair.sender.read() as connection:
        assert feeds.out_feed(connection, "TZ", "bulk").receipt_at == NOW + 3_601


def test_a_recipient_that_lost_what_it_had_confirmed_is_sent_it_again(pair):
    pair.release("R-1", "R-2", "R-3")
    pair.push()
    with pair.recipient.write() as connection:
        for table in (facet, entry_in, feed_in, record):
            connection.execute(delete(table))
    pair.release("R-4")
    pair.push()
    assert (pair.held(), pair.confirmed()) == (4, 4)


def test_a_recipient_that_says_without_end_that_it_stands_elsewhere_is_left_to_the_next_round(pair):
    pair.release("R-1", "R-2", "R-3", "R-4")
    pair.push()
    asked = []

    async def lie(page):
        asked.append(json.loads(page)["from"])
        raise FromBeyondHead("elsewhere", expected=max(0, asked[-1] - 1))

    pair.release("R-5")
    pair.loop.link = SimpleNamespace(push=lie)
    with pytest.raises(FromBeyondHead):
        pair.push()
    assert asked == [4, 3, 2]


def test_with_a_stale_directory_nothing_is_pushed_and_what_is_handed_in_is_still_taken(pair):
    pair.release("R-1")
    data, _, _ = pair.outbox.page("bulk", 0, 10)
    pair.stale = True
    with pytest.raises(FederationError, match="directory-stale"):
        pair.push()
    assert pair.road.pages == []
    take(pair.desk, data)
    assert pair.held() == 1


def test_a_sender_that_was_restored_learns_it_from_the_receipt_and_is_not_believed_to_be_further(pair):
    pair.release("R-1", "R-2", "R-3")
    pair.push()
    with pair.sender.write() as connection:
        row = feeds.out_feed(connection, "TZ", "bulk")
        connection.execute(
            feed_out.update().where(feed_out.c.id == row.id).values(
                size=1, hashes=feeds.pack(feeds.range_at(connection, row.id, 1)), receipt_size=1
            )
        )  # fmt: skip
    pair.restart()
    with pytest.raises(FederationError, match="feed-epoch-required"):
        pair.push()
    assert pair.held() == 3


HANDED_IN = {
    "a page of another sender's feed": (lambda _: EvilPeer(FED, "GB").feed("TZ"), {}, "not-found"),
    "a page for another recipient": (lambda peer: peer.feed("GB"), {}, "not-found"),
    "a page that leaves entries out": (lambda peer: peer.feed("TZ"), {"from": 1, "to": 3}, "from-beyond-head"),
    "a page whose numbers do not agree": (lambda peer: peer.feed("TZ"), {"to": 3}, "malformed"),
    "a page of another epoch": (lambda peer: peer.feed("TZ"), {"feed": "ZA/TZ/bulk/3"}, "bad-signature"),
    "a page with a checkpoint of somebody else": (
        lambda peer: peer.feed("TZ"),
        {"checkpoint": "somebody", "head": "somebody"},
        "bad-signature",
    ),
}


@pytest.mark.parametrize("sentence", HANDED_IN)
def test_nothing_is_taken_in_of(sentence, make_database):
    database = make_database()
    desk = PeerDesk(
        peer="ZA", node="TZ", database=database, directory=lambda: FED.directory, log_signer=FED.signer("TZ", "log"),
        clock=lambda: NOW,
    )  # fmt: skip
    make, changed, problem = HANDED_IN[sentence]
    feed = make(EvilPeer(FED, "ZA"))
    feed.put(feed.peer.record())
    feed.put(feed.peer.record())
    with pytest.raises(FederationError) as refused:
        take(desk, feed.page(**changed))
    assert str(refused.value.problem) == problem
    assert rows(database, record) == []


def test_a_second_history_that_is_handed_in_is_refused_and_the_first_one_stays(sqlite_database):
    desk = PeerDesk(
        peer="ZA", node="TZ", database=sqlite_database, directory=lambda: FED.directory,
        log_signer=FED.signer("TZ", "log"), clock=lambda: NOW,
    )  # fmt: skip
    peer = EvilPeer(FED, "ZA")
    first, second = peer.feed("TZ"), peer.feed("TZ")
    for _ in range(2):
        first.put(peer.record())
    second.put(peer.record())
    second.put(peer.record())
    second.put(peer.record())
    take(desk, first.page())
    held = [tuple(row) for row in rows(sqlite_database, record)]
    for page in (second.page(), second.page(0, 1), second.page(1, 3)):
        with pytest.raises(FederationError, match="feed-epoch-required"):
            take(desk, page)
    with pytest.raises(FederationError, match="feed-fork"):
        take(desk, second.page(2, 3))
    assert [tuple(row) for row in rows(sqlite_database, record)] == held


def test_a_longer_page_whose_beginning_is_held_is_taken_in_from_there(sqlite_database):
    desk = PeerDesk(
        peer="ZA", node="TZ", database=sqlite_database, directory=lambda: FED.directory,
        log_signer=FED.signer("TZ", "log"), clock=lambda: NOW,
    )  # fmt: skip
    peer = EvilPeer(FED, "ZA")
    feed = peer.feed("TZ")
    for _ in range(5):
        feed.put(peer.record())
    take(desk, feed.page(0, 2))
    token = take(desk, feed.page(1, 4))
    assert orjson.loads(_claims(token))["size"] == 4
    with sqlite_database.read() as connection:
        assert connection.scalars(select(entry_in.c.n).order_by(entry_in.c.n)).all() == [0, 1, 2, 3]
    assert len(rows(sqlite_database, record)) == 4


def test_a_page_of_another_that_is_held_already_tells_the_one_who_hands_it_in_nothing(sqlite_database):
    def desk(peer):
        return PeerDesk(
            peer=peer, node="TZ", database=sqlite_database, directory=lambda: FED.directory,
            log_signer=FED.signer("TZ", "log"), clock=lambda: NOW,
        )  # fmt: skip

    feeds_in = {}
    for name in ("GB", "ZA"):
        feeds_in[name] = EvilPeer(FED, name).feed("TZ")
        feeds_in[name].put(feeds_in[name].peer.record())
        feeds_in[name].put(feeds_in[name].peer.record())
        take(desk(name), feeds_in[name].page())
    with pytest.raises(FederationError, match="not-found"):
        take(desk("ZA"), feeds_in["GB"].page(0, 1))


def test_the_road_between_two_members_follows_from_their_addresses():
    roads = {
        (one, other): road_to(FED.directory, one, other) for one in ("KE", "TZ") for other in FED.directory.members
    }
    assert roads == {
        ("KE", "KE"): None, ("KE", "TZ"): "pushed", ("KE", "GB"): "pushed", ("KE", "ZA"): "bundles",
        ("TZ", "KE"): "pushes", ("TZ", "TZ"): None, ("TZ", "GB"): "fetched", ("TZ", "ZA"): "pushes",
    }  # fmt: skip


def _claims(token):
    return b64.decode(token.split(".")[1])
