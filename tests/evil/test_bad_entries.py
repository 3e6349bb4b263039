"""A bad entry in mid-feed: kept aside with the right word, told in the receipt, and what comes after it arrives."""

import pytest

from federation.receipts import verify_receipt
from node.services import indexing
from node.services.intake import retry
from node.storage import quarantine
from tests.evil.bad import BAD, STRANGE
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation


@pytest.fixture(scope="module")
def fed():
    return make_federation(["KE", "TZ", "ZA"])


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_entry_in_mid_feed_is_put_aside_and_the_feed_goes_on(sentence, fed, sqlite_database):
    append, problem = BAD[sentence]
    feed = EvilPeer(fed, "ZA").feed("TZ")
    victim = Victim(fed, sqlite_database)
    before = feed.peer.record()
    feed.put(before)
    n = append(feed)
    after = feed.peer.record()
    feed.put(after)

    applied = victim.pull(feed, limit=2)

    assert victim.aside() == {n: problem}
    states = victim.states()
    assert states[before.claims["rid"]] == states[after.claims["rid"]] == "received"
    receipt = verify_receipt(applied.receipt, directory=fed.directory, now=NOW)
    assert (receipt.size, receipt.root) == (len(feed.entries), feed.root())
    assert [(item.n, item.type) for item in receipt.quarantined] == [(n, problem)]


def test_all_bad_entries_at_once_stop_the_feed_on_neither_database(fed, database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    victim = Victim(fed, database)
    deserved = {}
    good = []
    for append, problem in BAD.values():
        deserved[append(feed)] = problem
        good.append(feed.peer.record())
        feed.put(good[-1])
    victim.pull(feed)
    assert victim.aside() == deserved
    states = victim.states()
    assert {states[record.claims["rid"]] for record in good} == {"received"}


def test_what_was_put_aside_is_refused_again_by_a_retry(fed, database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    victim = Victim(fed, database)
    deserved = {append(feed): problem for append, problem in BAD.values()}
    victim.pull(feed)
    with database.write() as connection:
        for row in quarantine.listing(connection):
            if row.problem != "body-withheld":
                retry(connection, row, node="TZ", directory=fed.directory, now=NOW)
    assert victim.aside() == deserved


@pytest.mark.parametrize("sentence", STRANGE)
def test_a_strange_record_is_taken_in_on_both_databases(sentence, fed, database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    victim = Victim(fed, database)
    STRANGE[sentence](feed)
    feed.put(feed.peer.record())
    victim.pull(feed)
    assert victim.aside() == {}
    assert set(victim.states().values()) == {"received"}
    while indexing.follow(database, now=NOW):
        pass
