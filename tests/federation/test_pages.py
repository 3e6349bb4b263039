"""Pages: what is written reads back, in one piece or in many, and only as the continuation of what is held."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.merkle import CompactRange
from federation.errors import FederationError, NotMember
from federation.feed import FeedId
from federation.pages import PageEntry, build_page, note_to_query, verify_page
from tests.evil.peer import EvilPeer
from tests.factories import NOW, YEAR, make_federation
from tests.simulator.naive import tree_root, unb64

FED = make_federation(["KE", "TZ", "ZA"])
FEED = EvilPeer(FED, "ZA").feed("TZ")
for _ in range(9):
    FEED.put(FEED.peer.record())


def opened(data, start, *, fed=FED, now=NOW):
    return verify_page(data, directory=fed.directory, recipient="TZ", start=start, now=now)


@given(st.sets(st.integers(1, 8)))
@settings(max_examples=30, deadline=None)
def test_a_feed_cut_anywhere_gives_the_same_entries_and_the_same_root(cuts):
    held, entries = CompactRange(), []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), 9], strict=True):
        page = opened(FEED.page(start, end), held)
        assert page.complete == (end == 9)
        held = page.range
        entries += [(entry.e, entry.s, entry.rg) for entry in page.entries]
    assert entries == FEED.entries
    assert held.root() == tree_root([leaf.encode() for leaf, _, _ in FEED.entries])


def test_build_page_writes_what_verify_page_reads():
    data = build_page(
        feed=FeedId("ZA", "TZ", "bulk", 0), start=0, checkpoint=FEED.note(2), head=FEED.note(), directory_version=5,
        entries=[PageEntry(leaf, body, rg) for leaf, body, rg in FEED.entries[:2]],
    )  # fmt: skip
    page = opened(data, CompactRange())
    assert (page.start, page.range.size, page.head.size, page.directory_version) == (0, 2, 9, 5)
    assert [entry.s for entry in page.entries] == [body for _, body, _ in FEED.entries[:2]]


def test_an_empty_feed_has_a_page_with_a_checkpoint_of_size_nothing():
    page = opened(EvilPeer(FED, "ZA").feed("TZ").page(), CompactRange())
    assert page.entries == ()
    assert page.complete


def test_a_page_of_somebody_who_is_not_in_the_directory_is_refused():
    stranger = make_federation(["TZ", "ZA", "MA"])
    with pytest.raises(NotMember):
        opened(EvilPeer(stranger, "MA").feed("TZ").page(), CompactRange())


def test_a_head_that_is_behind_the_page_is_a_fork():
    with pytest.raises(FederationError) as refused:
        opened(FEED.page(0, 5, head=FEED.note(3)), CompactRange())
    assert refused.value.problem == "feed-fork"


def test_a_checkpoint_by_a_log_key_that_has_run_out_is_refused():
    with pytest.raises(FederationError) as refused:
        opened(FEED.page(), CompactRange(), now=NOW + YEAR + 1)
    assert refused.value.problem == "bad-signature"


def test_a_note_travels_in_a_query_unpadded():
    note = FEED.note(1)
    assert unb64(note_to_query(note)).decode() == note
    assert "=" not in note_to_query(note)
