"""The judge over a memory of what is held: each step's verdict, without a database (`tests/evil` has the rest)."""

import pytest

from crypto.merkle import CompactRange
from federation import inbox
from federation.pages import verify_page
from federation.ports import Held, HeldVersion
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator.naive import b64

FED = make_federation(["KE", "TZ", "ZA"])
PEER = EvilPeer(FED, "ZA")
GROUPS = {"case": {"reference": "R", "administration": "ZA"}, "transport": {"conveyance": "sea"}}


class Memory:
    """Holdings in a dictionary."""

    def __init__(self, held=None):
        self.known = held or {}
        self.asked = []

    def held(self, keys):
        self.asked.append(set(keys))
        return {key: self.known[key] for key in keys if key in self.known}


def judged(feed, held=None, *, fed=FED):
    page = verify_page(feed.page(), directory=fed.directory, recipient="TZ", start=CompactRange(), now=NOW)
    memory = Memory(held)
    effects = inbox.judge(
        inbox.verify_bodies(page, directory=fed.directory, now=NOW), directory=fed.directory, holdings=memory
    )
    assert len(memory.asked) <= 1
    return effects


RECORD = PEER.record(groups=GROUPS)
KEY = ("ZA", RECORD.claims["rid"])
SECOND = PEER.record(groups=GROUPS, rid=KEY[1], ver=2, prev=RECORD.jh)
HELD = Held(gc=1, versions={1: HeldVersion(RECORD.jh, RECORD.mask("case"))})
TOMB = PEER.tombstone(KEY[1])

CASES = {
    "a record that is not known is stored": (RECORD.leaf(), RECORD.shown(), None, inbox.Store),
    "the same grant again is skipped": (RECORD.leaf(), RECORD.shown(), HELD, inbox.Skip),
    "a higher grant is stored": (RECORD.leaf(gc=2), RECORD.shown(), HELD, inbox.Store),
    "a higher version is stored": (SECOND.leaf(gc=2), SECOND.shown(), HELD, inbox.Store),
    "more of what is held is added": (RECORD.leaf(op="more", gc=2), RECORD.shown("transport"), HELD, inbox.Extend),
    "more of what is not held is stored, and waits for the rest": (RECORD.leaf(op="more", gc=2), RECORD.shown("transport"), None, inbox.Store),  # noqa: E501 - a row of a table
    "less is applied": ({**RECORD.leaf("case"), "op": "less", "gc": 2}, None, HELD, inbox.Reduce),
    "an older less is skipped": ({**RECORD.leaf("case"), "op": "less", "gc": 1}, None, HELD, inbox.Skip),
    "tighten is applied": ({**RECORD.leaf("case"), "op": "tighten", "gc": 2}, None, HELD, inbox.Tighten),
    "a recall is applied": (TOMB.leaf(op="tomb", gm="000000", gc=1), TOMB.jwt + "~", HELD, inbox.Entomb),
    "a recalled record is skipped": (RECORD.leaf(gc=9), RECORD.shown(), Held(gc=1, tombstoned=True), inbox.Skip),
    "a missing body is waited for": (RECORD.leaf(), None, None, inbox.Await),
    "a missing body of what was overtaken is skipped": (RECORD.leaf(), None, HELD, inbox.Skip),
    "a missing body of what was recalled is skipped": (RECORD.leaf(gc=5), None, Held(tombstoned=True), inbox.Skip),
    "another envelope of a held version is put aside": (
        RECORD.leaf(gc=2),
        RECORD.shown(),
        Held(gc=1, versions={1: HeldVersion(b64(bytes(32)), 0)}),
        inbox.Quarantine,
    ),
    "a version whose neighbour is not held is stored": (SECOND.leaf(), SECOND.shown(), None, inbox.Store),
    "a version that does not follow the one held is put aside": (
        SECOND.leaf(gc=2),
        SECOND.shown(),
        Held(gc=1, versions={1: HeldVersion(b64(bytes(32)), 0)}),
        inbox.Quarantine,
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", CASES)
def test_the_judge(sentence):
    leaf, body, held, verdict = CASES[sentence]
    feed = PEER.feed("TZ")
    feed.append(leaf, body)
    (effect,) = judged(feed, {KEY: held} if held else None)
    assert type(effect) is verdict


def test_fewer_groups_than_were_granted_leave_the_record_pending():
    feed = PEER.feed("TZ")
    feed.append(RECORD.leaf(), RECORD.shown("case"))
    feed.append(SECOND.leaf(gc=2), SECOND.shown())
    first, second = judged(feed)
    assert (first.pending, second.pending) == (True, False)


def test_an_older_version_that_comes_later_is_not_the_newest():
    feed = PEER.feed("TZ")
    feed.put(SECOND)
    feed.put(RECORD, gc=2)
    assert [effect.newest for effect in judged(feed)] == [True, False]


def test_entries_of_one_page_are_judged_as_if_those_before_were_stored():
    feed = PEER.feed("TZ")
    feed.put(RECORD, "case")
    feed.append(RECORD.leaf(op="more", gc=2), RECORD.shown("transport"))
    feed.append({**RECORD.leaf("case"), "op": "less", "gc": 3})
    feed.append(RECORD.leaf(op="more", gc=4), RECORD.shown("transport"))
    feed.append(TOMB.leaf(op="tomb", gm="000000", gc=5), TOMB.jwt + "~")
    feed.put(RECORD, gc=6)
    effects = judged(feed)
    assert [type(effect).__name__ for effect in effects] == ["Store", "Extend", "Reduce", "Extend", "Entomb", "Skip"]
    assert inbox.summary(effects) == {"store": 1, "extend": 2, "reduce": 1, "entomb": 1, "skip": 1}


def test_a_new_epoch_is_the_first_entry_and_asks_for_nothing():
    feed = PEER.feed("TZ")
    feed.append({"v": 1, "t": NOW, "op": "epoch", "old": "note"})
    assert [type(effect) for effect in judged(feed)] == [inbox.Skip]
