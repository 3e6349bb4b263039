"""Pages as a peer gets them, on both databases: limits, notes, other epochs. Bodies are in `test_publishing`."""

import json

import pytest

from crypto.merkle import CompactRange
from federation.errors import FederationError
from federation.pages import verify_page
from node.services.serving import Server
from node.storage import feeds
from tests.factories import NOW, make_federation
from tests.simulator.naive import root_of_note, tree_root

FED = make_federation(["KE", "TZ"])
LEAVES = [f'{{"n":{n}}}' for n in range(7)]


@pytest.fixture
def page(database):
    """Pages of a feed with seven entries."""
    with database.write() as connection:
        feeds.ensure(connection, ["TZ"])
        feed = feeds.lock(connection, ["TZ"])["TZ", "bulk"]
        feeds.append(connection, [feeds.NewEntry(feed, leaf, None, "0") for leaf in LEAVES])
    server = Server(node="KE", directory=FED.directory, log_signer=FED.signer("KE", "log"))

    def ask(start=0, limit=500, note=None, recipient="TZ", lane="bulk"):
        with database.read() as connection:
            return server.page(connection, recipient=recipient, lane=lane, start=start, limit=limit, note=note, now=NOW)

    return ask


def test_pages_continue_each_other_by_the_note_of_the_one_before(page):
    held, note, seen = CompactRange(), None, []
    while True:
        opened = verify_page(page(held.size, 3, note), directory=FED.directory, recipient="TZ", start=held, now=NOW)
        if not opened.entries:
            break
        held, note = opened.range, opened.checkpoint.note
        seen += [entry.e for entry in opened.entries]
    assert seen == LEAVES
    assert held.root() == tree_root([leaf.encode() for leaf in LEAVES])


def test_the_head_is_the_newest_and_the_checkpoint_that_of_the_page(page):
    body = json.loads(page(0, 2))
    assert root_of_note(body["checkpoint"])[1:] == (2, tree_root([leaf.encode() for leaf in LEAVES[:2]]))
    assert root_of_note(body["head"])[1:] == (7, tree_root([leaf.encode() for leaf in LEAVES]))


def test_a_feed_that_has_nothing_yet_has_a_checkpoint_of_size_nothing(page):
    for recipient, lane in (("TZ", "urgent"), ("XX", "bulk")):
        body = json.loads(page(recipient=recipient, lane=lane))
        assert body["entries"] == []
        assert root_of_note(body["checkpoint"])[1:] == (0, tree_root([]))


REFUSED = {
    "a start beyond the head": (lambda page: page(8), "from-beyond-head"),
    "a note of another size": (lambda page: page(2, note=json.loads(page(0, 3))["checkpoint"]), "malformed"),
    "a note of another feed": (
        lambda page: page(0, note=json.loads(page(lane="urgent"))["checkpoint"]),
        "bad-signature",
    ),
    "a note that is none": (lambda page: page(0, note="note"), "bad-signature"),
    "an altered note": (
        lambda page: page(3, note=json.loads(page(0, 3))["checkpoint"].replace("\n3\n", "\n2\n")),
        "bad-signature",
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_page_is_not_given_for(sentence, page):
    ask, word = REFUSED[sentence]
    with pytest.raises(FederationError) as refused:
        ask(page)
    assert refused.value.problem == word


def test_more_than_a_page_has_is_never_given(page, monkeypatch):
    monkeypatch.setattr("node.services.serving.MAX_ENTRIES", 4)
    assert len(json.loads(page(limit=1_000_000))["entries"]) == 4
