"""A thief with a record key, a directory that says so, and a receiver that believes only its own clock."""

import pytest

from federation.directory import parse_directory
from federation.receipts import verify_receipt
from federation.revocation import is_void
from node.services import intake, revoking
from node.storage import quarantine as aside
from node.storage import records
from node.storage.tables import feed_in, quarantine
from node.storage.tables.checkpoints import key_swept
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation, make_signers

DAY = 86_400
STOLEN = NOW + 5 * DAY
LATER = NOW + 10 * DAY
FED = make_federation(["KE", "TZ", "ZA"])
FRESH = make_signers()["record"]


def revoked(since=STOLEN, fed=FED):
    """The directory that lists the stolen key as revoked, and the new one of its owner."""
    fed = fed.with_key("ZA", "record", revoked={"since": since, "reason": "stolen"})
    (entry,) = [node for node in fed.document["nodes"] if node["id"] == "ZA"]
    keys = [key for key in entry["keys"] if key["kid"] != FRESH.kid]
    new = {**keys[0], "kid": FRESH.kid, "x": FRESH.public.jwk()["x"]}
    new.pop("revoked", None)
    return fed.with_node("ZA", keys=[*keys, new]).changed(version=fed.document["version"] + 1)


@pytest.fixture
def scene(database):
    """Before the theft one record came; after it, one more of the owner's, and two of the thief's."""
    victim, peer = Victim(FED, database), EvilPeer(FED, "ZA")
    feed = peer.feed("TZ")
    early = peer.record(groups={"right": [{"brands": ["Nordwind"]}]})
    feed.put(early)
    victim.pull(feed)
    victim.world.now = LATER
    late = peer.record(iat=LATER)
    forged = peer.record(iat=LATER - 30 * DAY)
    usurped = peer.record(rid=early.claims["rid"], ver=2, prev=early.jh, iat=LATER - 30 * DAY)
    feed.put(late)
    feed.put(forged)
    feed.put(usurped, gc=2)
    victim.pull(feed)
    return victim, feed, early, late, forged, usurped


def settle(victim, fed):
    victim.world.fed = fed
    return revoking.settle(
        victim.database, fed.directory, node="TZ", signer=FED.signer("TZ", "log"), now=victim.world.now
    )


def in_use(victim):
    with victim.database.read() as connection:
        return {(row.rid, row.ver): row.jh for row in connection.execute(records.visible())}


def test_what_a_thief_dates_back_goes_to_quarantine_and_what_came_before_stays_in_use(scene):
    victim, _, early, late, forged, usurped = scene
    assert (early.claims["rid"], 2) in in_use(victim)
    done = settle(victim, revoked())
    assert (done.moved, done.restored) == (3, 1)
    assert in_use(victim) == {(early.claims["rid"], 1): early.jh}
    assert set(victim.aside().values()) == {"revoked-key"}
    assert len(victim.aside()) == 3
    held = {row.body for row in victim.rows(quarantine)}
    assert held == {late.shown(), forged.shown(), usurped.shown()}, "nothing is lost: the bytes wait as they came"


def test_the_version_that_came_back_is_found_again_by_its_words_and_filters(scene):
    victim, _, early, *_ = scene
    settle(victim, revoked())
    with victim.database.read() as connection:
        assert [row.rid for row in records.search(connection, filters={"brand": ["nordwind"]})] == [early.claims["rid"]]


def test_what_the_owner_signs_again_takes_the_place_of_what_waits_and_nothing_is_lost(scene):
    victim, feed, early, late, forged, _ = scene
    fed = revoked()
    settle(victim, fed)
    again = [
        feed.peer.record(rid=old.claims["rid"], ver=2, prev=old.jh, iat=LATER, signer=FRESH) for old in (early, late)
    ]
    feed.put(again[0], gc=3)
    feed.put(again[1], gc=2)
    applied = victim.pull(feed)
    assert in_use(victim) == {(record.claims["rid"], 2): record.jh for record in again}
    assert list(victim.aside().values()) == ["revoked-key"], "only what the owner never signed stays aside"
    (left,) = [row for row in victim.rows(quarantine) if row.state == "held"]
    assert left.rid == forged.claims["rid"]
    assert {row.body for row in victim.rows(quarantine) if row.state == "explained"} == {None}
    assert applied.quarantined == 0


def test_the_receipt_says_what_went_to_quarantine(scene):
    victim, *_ = scene
    (before,) = {row.receipt for row in victim.rows(feed_in)}
    settle(victim, revoked())
    (after,) = {row.receipt for row in victim.rows(feed_in)}
    assert before != after
    receipt = verify_receipt(after, directory=revoked().directory, now=LATER)
    assert [item.type for item in receipt.quarantined] == ["revoked-key"] * 3


def test_a_retry_takes_nothing_in_that_the_key_had_signed(scene):
    victim, *_ = scene
    fed = revoked()
    settle(victim, fed)
    revoking.retry_waiting(victim.database, fed.directory, node="TZ", now=LATER)
    with victim.database.write() as connection:
        for row in aside.listing(connection):
            intake.retry(connection, row, node="TZ", directory=fed.directory, now=LATER)
    assert len(victim.aside()) == 3


def test_a_directory_is_settled_once_and_an_earlier_misuse_looks_again(scene):
    victim, *_ = scene
    fed = revoked()
    settle(victim, fed)
    assert settle(victim, fed) is None
    earlier = revoked(since=NOW - 1, fed=fed)
    assert settle(victim, earlier).moved == 1
    assert in_use(victim) == {}
    assert [row.since for row in victim.rows(key_swept)] == [NOW - 1]


def test_a_sweep_that_breaks_is_finished_by_the_next(scene, monkeypatch):
    victim, *_ = scene
    monkeypatch.setattr(revoking, "BATCH", 1)
    real, moves = revoking._move, iter(range(9))

    def breaking(*args, **more):
        if next(moves) == 1:
            raise RuntimeError("power cut")
        return real(*args, **more)

    monkeypatch.setattr(revoking, "_move", breaking)
    with pytest.raises(RuntimeError):
        settle(victim, revoked())
    assert len(victim.aside()) == 1
    assert settle(victim, revoked()).moved == 2
    assert len(victim.aside()) == 3


def test_the_same_bytes_that_come_again_keep_the_time_at_which_they_first_came(database):
    victim, peer = Victim(FED, database), EvilPeer(FED, "ZA")
    feed, early = peer.feed("TZ"), peer.record()
    feed.put(early)
    victim.pull(feed)
    victim.world.now = LATER
    feed.put(early, gc=2)
    victim.pull(feed)
    assert settle(victim, revoked()).moved == 0
    assert len(in_use(victim)) == 1


def test_bytes_that_came_after_their_name_count_from_when_they_came(database):
    """A withdrawal overtakes its record: that the version's name was known early makes its bytes no older."""
    victim, peer = Victim(FED, database), EvilPeer(FED, "ZA")
    feed, urgent, early = peer.feed("TZ"), peer.feed("TZ", "urgent"), peer.record()
    urgent.append({name: value for name, value in early.leaf(op="less", gm="0" * 6, gc=2).items() if name != "grant"})
    victim.pull(urgent)
    victim.world.now = LATER
    feed.put(early, gc=3)
    victim.pull(feed)
    assert len(in_use(victim)) == 1
    assert settle(victim, revoked()).moved == 1


VOID = {
    "received after the misuse began": (STOLEN, True),
    "received in the second before": (STOLEN - 1, False),
}


@pytest.mark.parametrize("sentence", VOID)
def test_what_a_revoked_key_signed_is_void_when(sentence):
    received, expected = VOID[sentence]
    directory = parse_directory(revoked().data)
    assert is_void(FED.signer("ZA").kid, received, directory) is expected
    assert not is_void(FRESH.kid, received, directory)
    assert not is_void(FED.signer("KE").kid, received, directory)
    assert not is_void(None, received, directory)


# A member that is suspended, and back


def test_what_a_suspended_member_sent_comes_into_use_when_it_is_back_without_anybody_s_doing(database):
    victim, peer = Victim(FED, database), EvilPeer(FED, "ZA")
    feed, urgent = peer.feed("TZ"), peer.feed("TZ", "urgent")
    kept, recalled = peer.record(), peer.record()
    feed.put(recalled)
    victim.pull(feed)
    suspended = FED.with_node("ZA", status="suspended").changed(version=2)
    victim.world.fed = suspended
    settle(victim, suspended)
    feed.put(kept)
    victim.pull(feed)
    tombstone = peer.tombstone(recalled.claims["rid"], prev=recalled.jh)
    urgent.append(tombstone.leaf(op="tomb", gc=2, gm="0" * 6), tombstone.shown())
    victim.pull(urgent)
    assert victim.aside() == {1: "suspended"}, "its data waits, its recall counts"
    assert (recalled.claims["rid"], 1) not in in_use(victim)
    assert settle(victim, FED.changed(version=3)).taken_in == 1
    assert victim.aside() == {}
    assert set(in_use(victim)) == {(kept.claims["rid"], 1)}


def test_what_came_under_a_key_that_was_not_listed_yet_comes_into_use_when_it_is(database):
    victim, peer = Victim(FED, database), EvilPeer(FED, "ZA")
    feed, early = peer.feed("TZ"), peer.record(signer=FRESH)
    feed.put(early)
    victim.pull(feed)
    assert victim.aside() == {0: "unknown-key"}
    assert settle(victim, revoked()).taken_in == 1
    assert set(in_use(victim)) == {(early.claims["rid"], 1)}
