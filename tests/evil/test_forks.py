"""A member signs two things that no honest node signs: neither is used, both are kept, and anybody can verify it.

The files are judged twice: by the product, and by `tests/evil/prover.py`, which knows the specification only.
"""

import itertools
import json

import pytest

from federation.errors import FederationError, FeedFork
from federation.evidence import parse_evidence, verify_evidence
from federation.evidence.entry import prove_entry
from federation.evidence.form import Evidence
from node.services import evidence as service
from node.services.intake import retry
from node.storage import evidence, quarantine, records
from node.storage.tables import facet, feed_in
from node.storage.tables.evidence import evidence as kept
from node.storage.tables.evidence import feed_note
from tests.evil import prover
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator.naive import b64, canonical

GROUPS = {
    "case": {"reference": "F-1", "administration": "ZA"},
    "right": [{"brands": ["Nordwind"]}],
}


@pytest.fixture(scope="module")
def fed():
    return make_federation(["KE", "TZ", "ZA"])


@pytest.fixture
def peer(fed):
    return EvilPeer(fed, "ZA")


@pytest.fixture
def victim(fed, database):
    return Victim(fed, database)


def proofs(victim, fed) -> list[dict]:
    """What is kept, each proven by the product and by the outsider; returns type and facts."""
    found = []
    for row in victim.rows(kept):
        if row.proven:
            assert prover.holds(row.body.encode(), fed.data)
            found.append(verify_evidence(row.body.encode(), directory=fed.directory).to_json())
    return found


def in_use(victim) -> set[int]:
    with victim.database.read() as connection:
        return {row.ver for row in connection.execute(records.visible())}


def equivocated(peer):
    one = peer.record(groups=GROUPS)
    return one, peer.record(groups=GROUPS, rid=one.claims["rid"])


def test_of_two_envelopes_of_one_version_neither_is_used_and_both_are_kept(fed, peer, victim):
    feed = peer.feed("TZ")
    one, other = equivocated(peer)
    feed.put(one)
    victim.pull(feed)
    assert in_use(victim) == {1}
    feed.put(other, gc=2)
    victim.pull(feed)
    assert in_use(victim) == set()
    assert victim.rows(facet) == []
    assert victim.aside() == {1: "record-equivocation"}
    (proof,) = proofs(victim, fed)
    assert (proof["type"], proof["accused"], proof["ver"]) == ("record-equivocation", "ZA", 1)
    assert set(proof["hashes"]) == {one.jh, other.jh}


def test_the_evidence_shows_no_disclosure(peer, victim):
    feed = peer.feed("TZ")
    one, other = equivocated(peer)
    feed.put(one)
    feed.put(other, gc=2)
    victim.pull(feed)
    (row,) = victim.rows(kept)
    assert "~" not in row.body
    for disclosure in [*one.disclosures.values(), *other.disclosures.values()]:
        assert disclosure not in row.body


@pytest.mark.parametrize("follows", [0, 1])
def test_a_higher_version_heals_whichever_envelope_it_follows(follows, peer, victim):
    feed = peer.feed("TZ")
    pair = equivocated(peer)
    feed.put(pair[0])
    feed.put(pair[1], gc=2)
    feed.put(peer.record(groups=GROUPS, rid=pair[0].claims["rid"], ver=2, prev=pair[follows].jh), gc=3)
    victim.pull(feed)
    assert in_use(victim) == {2}
    assert victim.aside() == {}
    assert victim.aside("explained") == {1: "record-equivocation"}
    assert {row.value for row in victim.rows(facet) if row.field == "brand"} == {"nordwind"}
    assert len(victim.rows(kept)) == 1


def test_the_same_version_sent_again_does_not_end_the_dispute(peer, victim):
    feed = peer.feed("TZ")
    one, other = equivocated(peer)
    feed.put(one)
    feed.put(other, gc=2)
    feed.put(one, gc=3)
    feed.append({**one.leaf(gc=4), "op": "more"}, one.shown())
    victim.pull(feed)
    assert in_use(victim) == set()
    with victim.database.write() as connection:
        for row in quarantine.listing(connection):
            retry(connection, row, node="TZ", directory=victim.world.fed.directory, now=NOW)
    assert in_use(victim) == set()
    assert len(victim.rows(kept)) == 1


def test_in_whatever_order_two_envelopes_and_a_higher_version_come_the_higher_one_is_used(peer, fed, make_database):
    one, other = equivocated(peer)
    higher = peer.record(groups=GROUPS, rid=one.claims["rid"], ver=3, prev=b64(bytes(32)))
    for order in itertools.permutations([one, other, higher]):
        victim, feed = Victim(fed, make_database()), peer.feed("TZ")
        for gc, record in enumerate(order, 1):
            feed.put(record, gc=gc)
            victim.pull(feed)
        assert in_use(victim) == {3}
        assert [proof["type"] for proof in proofs(victim, fed)] == ["record-equivocation"]


@pytest.mark.parametrize("first", [0, 1])
def test_of_a_version_and_one_that_follows_another_neither_is_used(first, fed, peer, victim):
    one = peer.record(groups=GROUPS)
    two = peer.record(groups=GROUPS, rid=one.claims["rid"], ver=2, prev=b64(bytes(32)))
    feed = peer.feed("TZ")
    for gc, record in enumerate([one, two] if first == 0 else [two, one], 1):
        feed.put(record, gc=gc)
    victim.pull(feed)
    assert in_use(victim) == set()
    assert victim.aside() == {1: "version-fork"}
    (proof,) = proofs(victim, fed)
    assert (proof["type"], proof["ver"]) == ("version-fork", 2)
    feed.put(peer.record(groups=GROUPS, rid=one.claims["rid"], ver=3, prev=two.jh), gc=3)
    victim.pull(feed)
    assert in_use(victim) == {3}


def forked(peer, size=3):
    """Two feeds of one name with different entries."""
    one, other = peer.feed("TZ"), peer.feed("TZ")
    for _ in range(size):
        one.put(peer.record())
        other.put(peer.record())
    return one, other


def test_two_histories_shown_one_after_the_other_stop_the_feed_and_are_proven(fed, peer, victim):
    one, other = forked(peer)
    victim.pull(one)
    other.put(peer.record())
    with pytest.raises(FeedFork):
        victim.take(other.page(3, 4, checkpoint=other.note(3), to=3, entries=[]))
    (proof,) = proofs(victim, fed)
    assert (proof["type"], proof["size"], proof["feed"]) == ("feed-fork", 3, "ZA/TZ/bulk/0")
    one.put(peer.record())
    with pytest.raises(FeedFork, match="stands still"):
        victim.pull(one)
    assert victim.size() == 3


def test_a_head_of_another_history_is_proven_on_the_page_that_bears_it(fed, peer, victim):
    one, other = forked(peer)
    with pytest.raises(FeedFork):
        victim.take(one.page(head=other.note()))
    assert [proof["size"] for proof in proofs(victim, fed)] == [3]


def test_a_head_that_was_signed_earlier_and_is_not_kept_is_proven_when_its_size_is_reached(fed, peer, victim):
    one, other = forked(peer, 5)
    victim.take(one.page(0, 2, head=other.note()))
    assert [row.size for row in victim.rows(feed_note)] == [5]
    with pytest.raises(FeedFork):
        victim.take(one.page(2, 5))
    assert [proof["size"] for proof in proofs(victim, fed)] == [5]
    assert victim.size() == 2


def test_an_earlier_head_inside_a_later_page_is_proven_by_a_consistency_proof(fed, peer, victim):
    for size in (3, 4, 5, 6, 7):
        one, other = forked(peer, 8)
        another = Victim(fed, victim.database, node="TZ")
        with another.database.write() as connection:
            for table in (kept, feed_note, service.kept.feed_stop):
                connection.execute(table.delete())
        start = another.size()
        if start:
            pytest.fail("a page of a forked feed was kept")
        other_note = peer.feed("TZ")
        other_note.entries = other.entries[:size]
        with pytest.raises(FeedFork):
            # What the sender signed about `size` entries is none of the eight that it sends now.
            another.desk.apply(another.desk.verify(_with_note(another, one, other_note)))
        (proof,) = proofs(another, fed)
        assert (proof["size"], proof["sizes"]) == (size, [size, 8])


def _with_note(victim, feed, other):
    """A page, opened after another head of the same feed was remembered."""
    from federation.evidence.forks import open_note  # noqa: PLC0415 - the one use
    from federation.feed import FeedId  # noqa: PLC0415

    name = FeedId("ZA", "TZ", "bulk", 0)
    note, _ = open_note(other.note(), feed=name, directory=victim.world.fed.directory)
    with victim.database.write() as connection:
        evidence.remember_note(connection, name, note, now=NOW)
    return victim.desk.open("bulk", feed.page(), None)


def test_a_root_that_is_not_that_of_the_entries_is_kept_and_proven_once_the_sender_shows_the_true_one(
    fed, peer, victim
):
    one, other = forked(peer)
    with pytest.raises(FeedFork):
        victim.take(one.page(checkpoint=other.note(), head=other.note()))
    (row,) = victim.rows(kept)
    assert not row.proven
    with pytest.raises(FeedFork):
        victim.take(one.page())
    assert [proof["type"] for proof in proofs(victim, fed)] == ["feed-fork"]
    assert victim.rows(feed_in) == []


def test_a_feed_that_stands_still_goes_on_when_an_officer_says_so(fed, peer, victim):
    one, other = forked(peer)
    victim.take(one.page(0, 2))
    with pytest.raises(FeedFork):
        victim.take(one.page(2, 3, head=other.note()))
    with pytest.raises(FeedFork, match="stands still"):
        victim.pull(one)
    (row,) = victim.rows(kept)
    with victim.database.write() as connection:
        assert evidence.resume(connection, row.hash, by="officer", now=NOW) == 1
        assert evidence.resume(connection, row.hash, by="officer", now=NOW) == 0
    victim.pull(one)
    assert victim.size() == 3


def test_an_honest_sender_that_grows_while_it_is_read_is_accused_of_nothing(peer, victim):
    feed = peer.feed("TZ")
    for _ in range(3):
        feed.put(peer.record())
    for end in (1, 2, 3):
        victim.take(feed.page(end - 1, end))
        feed.put(peer.record())
    victim.pull(feed, limit=2)
    assert victim.size() == 6
    assert victim.rows(kept) == []
    assert victim.rows(feed_note) == []


def test_an_entry_of_a_feed_is_proven_by_its_sender_s_own_signature(fed, peer, victim):
    feed = peer.feed("TZ")
    for _ in range(5):
        feed.put(peer.record())
    victim.pull(feed, limit=2)
    with victim.database.read() as connection:
        (row,) = victim.rows(feed_in)
        from federation.feed import FeedId  # noqa: PLC0415

        parts = service.signed_entry(connection, row, FeedId("ZA", "TZ", "bulk", 0), 3)
    found = Evidence(type="relay-breach", accused="ZA", parts=parts)
    assert prove_entry(found, fed.directory).leaf.n == 3
    for changed in (
        {**parts, "leaf": feed.entries[2][0]},
        {**parts, "leaf": feed.entries[3][0].replace('"gc":1', '"gc":2')},
        {**parts, "proof": parts["proof"][:-1]},
        {**parts, "feed": "ZA/KE/bulk/0"},
        {**parts, "note": peer.feed("TZ").note()},
    ):
        with pytest.raises(FederationError):
            prove_entry(Evidence(type="relay-breach", accused="ZA", parts=changed), fed.directory)
    with pytest.raises(FederationError):
        prove_entry(Evidence(type="relay-breach", accused="KE", parts=parts), fed.directory)
    with pytest.raises(FederationError, match="type"):
        verify_evidence(Evidence(type="gossip", accused="ZA", parts=parts).data(), directory=fed.directory)


ONE, OTHER = equivocated(EvilPeer(FED := make_federation(["KE", "TZ", "ZA"]), "ZA"))
PEER = EvilPeer(FED, "ZA")
GOOD = {"v": 1, "type": "record-equivocation", "accused": "ZA", "parts": {"a": ONE.jwt, "b": OTHER.jwt}}
FEED = PEER.feed("TZ")
FEED.put(PEER.record())
SECOND = PEER.record(rid=ONE.claims["rid"], ver=2, prev=ONE.jh)

BAD = {
    "it is no JSON": b"evidence",
    "a name stands twice": canonical(GOOD)[:-1].encode() + b',"v":1}',
    "it is of a version to come": {**GOOD, "v": 2},
    "its version is true": {**GOOD, "v": True},
    "it says something more": {**GOOD, "note": "x"},
    "its type is unknown": {**GOOD, "type": "gossip"},
    "its type is a list": {**GOOD, "type": ["feed-fork"]},
    "it accuses nobody of the federation": {**GOOD, "accused": "XX"},
    "it accuses another member": {**GOOD, "accused": "KE"},
    "a part is missing": {**GOOD, "parts": {"a": ONE.jwt}},
    "a part is more": {**GOOD, "parts": {**GOOD["parts"], "c": "x"}},
    "a part is a number": {**GOOD, "parts": {"a": 1, "b": OTHER.jwt}},
    "the parts are the same": {**GOOD, "parts": {"a": ONE.jwt, "b": ONE.jwt}},
    "the parts are of two records": {**GOOD, "parts": {"a": ONE.jwt, "b": PEER.record().jwt}},
    "the parts are two versions": {**GOOD, "parts": {"a": ONE.jwt, "b": SECOND.jwt}},
    "a signature is another's": {
        **GOOD, "parts": {"a": ONE.jwt, "b": PEER.record(rid=ONE.claims["rid"], signer=FED.signer("KE")).jwt},
    },
    "a signature is by a key of another use": {
        **GOOD, "parts": {"a": ONE.jwt, "b": PEER.record(rid=ONE.claims["rid"], signer=FED.signer("ZA", "log")).jwt},
    },
    "a JWT is of another federation": {
        **GOOD, "parts": {"a": ONE.jwt, "b": PEER.record(rid=ONE.claims["rid"], fed="live").jwt},
    },
    "a JWT shows disclosures": {**GOOD, "parts": {"a": ONE.jwt, "b": OTHER.shown()}},
    "a version follows the one before": {**GOOD, "type": "version-fork", "parts": {"a": ONE.jwt, "b": SECOND.jwt}},
    "the version chain is the wrong way round": {
        **GOOD, "type": "version-fork", "parts": {"a": SECOND.jwt, "b": ONE.jwt},
    },
    "the notes say the same": {
        **GOOD, "type": "feed-fork", "parts": {"feed": "ZA/TZ/bulk/0", "a": FEED.note(), "b": FEED.note()},
    },
    "the notes are of two sizes": {
        **GOOD, "type": "feed-fork", "parts": {"feed": "ZA/TZ/bulk/0", "a": FEED.note(0), "b": FEED.note()},
    },
    "the notes are of two feeds": {
        **GOOD, "type": "feed-fork",
        "parts": {"feed": "ZA/TZ/bulk/0", "a": FEED.note(),
                  "b": FEED.note(root=b"1" * 32, origin="cnp/test/ZA/KE/bulk/0")},
    },
    "a note is signed with the record key": {
        **GOOD, "type": "feed-fork",
        "parts": {"feed": "ZA/TZ/bulk/0", "a": FEED.note(),
                  "b": FEED.note(root=b"1" * 32, signer=PEER.signers["record"])},
    },
    "the feed is another member's": {
        **GOOD, "type": "feed-fork",
        "parts": {"feed": "KE/TZ/bulk/0", "a": FEED.note(), "b": FEED.note(root=b"1" * 32)},
    },
    "the consistency proof proves nothing": {
        **GOOD, "type": "feed-fork",
        "parts": {"feed": "ZA/TZ/bulk/0", "a": FEED.note(), "b": FEED.note(2, root=b"1" * 32), "prefix": b64(bytes(32)),
                  "proof": [b64(bytes(32))]},
    },
    "a feed that grew honestly is called a fork": {
        **GOOD, "type": "feed-fork",
        "parts": {"feed": "ZA/TZ/bulk/0", "a": FEED.note(), "b": FEED.note(), "prefix": b64(FEED.root()), "proof": []},
    },
    "it is too large": {**GOOD, "parts": {"a": "x" * 400_000, "b": "y" * 400_000}},
}  # fmt: skip


@pytest.mark.parametrize("sentence", BAD)
def test_evidence_proves_nothing_when(sentence):
    file = BAD[sentence]
    data = file if isinstance(file, bytes) else json.dumps(file).encode()
    with pytest.raises(FederationError):
        verify_evidence(data, directory=FED.directory)


def test_evidence_has_one_form_and_one_name():
    data = json.dumps(GOOD).encode()
    assert verify_evidence(data, directory=FED.directory).accused == "ZA"
    found = parse_evidence(data)
    assert found.data() == canonical(GOOD).encode()
    assert parse_evidence(found.data()).hash == found.hash
    assert prover.holds(found.data(), FED.data)


def test_evidence_under_a_key_that_was_revoked_says_so():
    revoked = FED.with_key("ZA", "record", revoked={"since": NOW, "reason": "compromised"})
    proof = verify_evidence(json.dumps(GOOD).encode(), directory=revoked.directory)
    assert proof.revoked == (FED.signer("ZA").kid,)


@pytest.mark.parametrize("part", ["a", "b"])
def test_every_altered_character_of_a_part_makes_the_evidence_worthless(part):
    text = GOOD["parts"][part]
    for at in range(0, len(text), 7):
        other = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        changed = {**GOOD, "parts": {**GOOD["parts"], part: other}}
        with pytest.raises(FederationError):
            verify_evidence(json.dumps(changed).encode(), directory=FED.directory)
