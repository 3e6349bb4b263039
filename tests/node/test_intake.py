"""The desk on both databases: a page is applied as a whole or not at all (`tests/evil` shows what it refuses)."""

import pytest
from sqlalchemy import select

from federation.receipts import verify_receipt
from node.services import indexing, intake
from node.storage import feeds, fulltext, records
from node.storage.tables import entry_in, facet, feed_in, quarantine, record
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "ZA"])


@pytest.fixture
def feed():
    made = EvilPeer(FED, "ZA").feed("TZ")
    made.put(made.peer.record(groups={"right": [{"brands": ["Nordwind"]}]}))
    made.append("[]")
    made.put(made.peer.record())
    return made


MOMENTS = {
    "before the versions": (records, "keep"),
    "at the quarantine": (intake.quarantine, "put"),
    "at the cursor": (feeds, "advance"),
    "at the receipt": (feeds, "keep_receipt"),
}


@pytest.mark.parametrize("sentence", MOMENTS)
def test_a_page_that_breaks_leaves_nothing_behind(sentence, feed, database, monkeypatch):
    module, name = MOMENTS[sentence]
    victim = Victim(FED, database)

    def fail(*_args, **_more):
        raise RuntimeError("power cut")

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(RuntimeError):
        victim.pull(feed)
    for table in (record, facet, quarantine, entry_in, feed_in):
        assert victim.rows(table) == []
    monkeypatch.undo()
    victim.pull(feed)
    assert len(victim.rows(record)) == 2
    assert victim.desk.position("bulk").size == 3


def test_the_position_is_that_of_the_last_page_with_its_note_and_receipt(feed, database):
    victim = Victim(FED, database)
    assert victim.desk.position("bulk").size == 0
    applied = victim.pull(feed)
    position = victim.desk.position("bulk")
    assert (position.size, position.epoch, position.receipt) == (3, 0, applied.receipt)
    assert position.note is not None
    assert victim.desk.position("urgent").size == 0
    assert (applied.stored, applied.quarantined, applied.size) == (2, 1, 3)


def test_the_receipt_is_signed_in_the_transaction_and_tells_root_and_quarantine(feed, database):
    applied = Victim(FED, database).pull(feed)
    receipt = verify_receipt(applied.receipt, directory=FED.directory, now=NOW)
    assert (receipt.root, receipt.quarantined_total) == (feed.root(), 1)
    with database.read() as connection:
        assert connection.scalar(select(feed_in.c.receipt)) == applied.receipt


def test_what_is_stored_is_found_by_its_words_and_no_longer_when_it_is_taken_back(feed, database):
    victim = Victim(FED, database)
    victim.pull(feed)
    while indexing.follow(database, now=NOW):
        pass
    with database.read() as connection:
        assert len(fulltext.matching(connection, "nordwind", limit=5)) == 1
        assert indexing.lag(database) == 0
    (row,) = [row for row in victim.rows(record) if row.title and "ordwind" in row.title]
    urgent = feed.peer.feed("TZ", "urgent")
    urgent.append(
        {"v": 1, "t": NOW, "op": "less", "iss": "ZA", "rid": row.rid, "ver": 1, "jh": row.jh, "gm": "000000", "gc": 2}
    )
    victim.pull(urgent)
    with database.read() as connection:
        assert fulltext.matching(connection, "nordwind", limit=5) == []
        assert records.search(connection, filters={"brand": ["nordwind"]}) == []


def test_two_feeds_of_one_sender_are_followed_apart(database):
    peer, victim = EvilPeer(FED, "ZA"), Victim(FED, database)
    for lane, count in (("urgent", 1), ("bulk", 2)):
        feed = peer.feed("TZ", lane)
        for _ in range(count):
            feed.put(peer.record())
        victim.pull(feed)
    assert {row.lane: row.size for row in victim.rows(feed_in)} == {"urgent": 1, "bulk": 2}
