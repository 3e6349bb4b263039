"""Bytes altered on the way or by the sender: refused or put aside, and never stored as anything but what was signed."""

import json

import pytest

from federation.envelope import verify_record
from federation.errors import FederationError
from node.storage.tables import entry_in, feed_in, record
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation

GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA"},
    "goods": [{"line": "1", "wco": ["footwear"]}],
    "persons": [{"role": "traveller", "name": "A. Person"}],
}


@pytest.fixture(scope="module")
def fed():
    return make_federation(["KE", "TZ", "ZA"])


def altered(data: bytes, at: int, how: int) -> bytes:
    return data[:at] + bytes([data[at] ^ how]) + data[at + 1 :]


@pytest.mark.parametrize("how", [0x01, 0x20], ids=["the lowest bit", "the case of a letter"])
def test_a_record_with_a_byte_altered_anywhere_is_refused(how, fed):
    token = EvilPeer(fed, "ZA").record(groups=GROUPS).shown("case", "persons").encode()
    verify_record(token.decode(), directory=fed.directory, now=NOW)
    for at in range(len(token)):
        with pytest.raises(FederationError):
            verify_record(altered(token, at, how).decode("latin-1"), directory=fed.directory, now=NOW)


def test_a_record_with_a_byte_missing_or_doubled_anywhere_is_refused(fed):
    token = EvilPeer(fed, "ZA").record(groups=GROUPS).shown("case").encode()
    for at in range(0, len(token), 3):
        for changed in (token[:at] + token[at + 1 :], token[:at] + token[at : at + 1] + token[at:]):
            if changed != token:
                with pytest.raises(FederationError):
                    verify_record(changed.decode(), directory=fed.directory, now=NOW)


def test_a_page_with_a_byte_altered_anywhere_is_refused_or_its_body_is_put_aside(fed, sqlite_database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    signed = feed.peer.record(groups=GROUPS)
    feed.put(signed, "case", "goods")
    page = feed.page()
    victim = Victim(fed, sqlite_database)
    verdicts = set()
    for at in range(0, len(page), 5):
        try:
            opened = victim.desk.verify(victim.desk.open("bulk", altered(page, at, 1), None))
        except FederationError as error:
            verdicts.add(str(error.problem))
            continue
        bodies = list(opened.bodies.values())
        if page == altered(page, at, 1) or json.loads(altered(page, at, 1)) == json.loads(page):
            continue
        # The leaf is chained; what is not chained is the body, which bears its own signature, and `dir`, a hint.
        if opened.page.directory_version != 1:
            continue
        assert all(isinstance(body, FederationError) for body in bodies), at
        verdicts.add("aside")
    assert {"aside", "malformed", "feed-fork", "bad-signature"} <= verdicts
    assert victim.rows(feed_in) == []


def test_what_is_stored_is_byte_for_byte_what_was_signed(fed, database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    signed = feed.peer.record(groups=GROUPS)
    feed.put(signed, "case", "goods")
    victim = Victim(fed, database)
    victim.pull(feed)
    (row,) = victim.rows(record)
    assert row.jwt == signed.jwt
    assert set(row.disclosures.split("~")) == {signed.disclosures["case"], signed.disclosures["goods"]}
    (leaf,) = victim.rows(entry_in)
    assert leaf.leaf == feed.entries[0][0]


PAGES = {
    "it begins elsewhere than it says": ({"from": 1, "to": 3}, "from-beyond-head"),
    "its end is not its number of entries": ({"to": 3}, "malformed"),
    "its beginning is negative": ({"from": -1}, "malformed"),
    "its beginning is a text": ({"from": "0"}, "malformed"),
    "its directory version is missing": ({"dir": None}, "malformed"),
    "it is another recipient's": ({"feed": "ZA/KE/bulk/0"}, "not-found"),
    "it is another sender's": ({"feed": "KE/TZ/bulk/0"}, "not-found"),
    "it is of another lane": ({"feed": "ZA/TZ/urgent/0"}, "not-found"),
    "it is of another epoch": ({"feed": "ZA/TZ/bulk/1"}, "bad-signature"),
    "its feed is no feed": ({"feed": "ZA/TZ/bulk"}, "malformed"),
    "its entries are no list": ({"entries": {}}, "malformed"),
    "an entry is no object": ({"entries": ["x", "y"]}, "malformed"),
    "an entry has members of its own": ({"entries": [{"e": "{}", "x": "1"}] * 2}, "malformed"),
    "an entry has a body that is no text": ({"entries": [{"e": "{}", "s": 1}] * 2}, "malformed"),
    "an entry's leaf holds a raw control character": ({"entries": [{"e": "{\0}"}] * 2}, "malformed"),
    "it has more entries than a page may": ({"entries": [{"e": "{}"}] * 501, "to": 501}, "too-large"),
    "an entry is left out": ({"entries": [{"e": "{}"}], "to": 1}, "malformed"),
    "its entries are others than it signed": ({"entries": [{"e": "{}"}] * 2}, "feed-fork"),
    "its checkpoint is no note": ({"checkpoint": "note"}, "bad-signature"),
    "it says something more": ({"extra": 1}, "malformed"),
}


@pytest.mark.parametrize("sentence", PAGES)
def test_a_page_is_refused_whole(sentence, fed, sqlite_database):
    changed, problem = PAGES[sentence]
    feed = EvilPeer(fed, "ZA").feed("TZ")
    feed.put(feed.peer.record())
    feed.put(feed.peer.record())
    victim = Victim(fed, sqlite_database)
    with pytest.raises(FederationError) as refused:
        victim.take(feed.page(**changed))
    assert refused.value.problem == problem
    assert victim.rows(feed_in) == victim.rows(record) == []


NOTES = {
    "by the record key": (lambda feed: feed.note(signer=feed.peer.signers["record"]), "bad-signature"),
    "by the http key": (lambda feed: feed.note(signer=feed.peer.signers["http"]), "bad-signature"),
    "by another member": (lambda feed: feed.note(signer=feed.peer.fed.signer("KE", "log")), "bad-signature"),
    "of another feed": (lambda feed: feed.note(origin="cnp/test/ZA/KE/bulk/0"), None),
    "of another lane": (lambda feed: feed.note(origin="cnp/test/ZA/TZ/urgent/0"), None),
    "of another federation": (lambda feed: feed.note(origin="cnp/live/ZA/TZ/bulk/0"), None),
    "under another name": (lambda feed: feed.note(key_name="cnp/test/KE"), None),
    "of another size": (lambda feed: feed.note(size=1), None),
    "of another root": (lambda feed: feed.note(root=bytes(32)), "feed-fork"),
}


@pytest.mark.parametrize("member", ["checkpoint", "head"])
@pytest.mark.parametrize("sentence", NOTES)
def test_a_page_with_a_note_is_refused(sentence, member, fed, sqlite_database):
    make, problem = NOTES[sentence]
    feed = EvilPeer(fed, "ZA").feed("TZ")
    feed.put(feed.peer.record())
    feed.put(feed.peer.record())
    with pytest.raises(FederationError) as refused:
        Victim(fed, sqlite_database).take(feed.page(**{member: make(feed)}))
    assert problem is None or refused.value.problem == problem


def test_a_page_of_more_than_eight_megabytes_is_refused_unread(fed, sqlite_database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    with pytest.raises(FederationError) as refused:
        Victim(fed, sqlite_database).take(feed.page() + b" " * (8 * 1024 * 1024))
    assert refused.value.problem == "too-large"


def test_two_histories_of_one_feed_are_a_fork(fed, database):
    peer = EvilPeer(fed, "ZA")
    one, other = peer.feed("TZ"), peer.feed("TZ")
    for _ in range(3):
        one.put(peer.record())
        other.put(peer.record())
    for feed in (one, other):
        feed.put(peer.record())
    victim = Victim(fed, database)
    victim.take(one.page(0, 3))
    with pytest.raises(FederationError) as refused:
        victim.take(other.page(3, 4))
    assert refused.value.problem == "feed-fork"
    # An empty page of the other history tells as much.
    with pytest.raises(FederationError) as refused:
        victim.take(other.page(3, 3, head=other.note(3)))
    assert refused.value.problem == "feed-fork"
    # Two histories are proven: until an officer says so, nothing is taken of either.
    with pytest.raises(FederationError) as refused:
        victim.take(one.page(3, 4))
    assert refused.value.problem == "feed-fork"


def test_a_page_that_was_taken_in_is_refused_the_second_time_and_changes_nothing(fed, database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    feed.put(feed.peer.record())
    victim = Victim(fed, database)
    opened = victim.desk.verify(victim.desk.open("bulk", feed.page(), None))
    victim.desk.apply(opened)
    before = victim.rows(record), victim.rows(feed_in), victim.rows(entry_in)
    for again in (lambda: victim.desk.apply(opened), lambda: victim.take(feed.page())):
        with pytest.raises(FederationError) as refused:
            again()
        assert refused.value.problem == "malformed"
    assert (victim.rows(record), victim.rows(feed_in), victim.rows(entry_in)) == before


def test_a_page_from_beyond_the_position_says_where_to_go_on(fed, sqlite_database):
    feed = EvilPeer(fed, "ZA").feed("TZ")
    for _ in range(3):
        feed.put(feed.peer.record())
    victim = Victim(fed, sqlite_database)
    victim.take(feed.page(0, 1))
    with pytest.raises(FederationError) as refused:
        victim.take(feed.page(2, 3))
    assert (refused.value.problem, refused.value.expected) == ("from-beyond-head", 1)
