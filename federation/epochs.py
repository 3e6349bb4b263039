"""A new epoch of a feed: when a recipient follows its sender into one.

A sender that lost its newest history (it was restored from a backup) cannot continue its feed: it would put other
entries where it once signed some. It begins epoch + 1, whose first entry names the checkpoint that the recipient holds:
its own signed word, given back to it. The recipient keeps the old epoch as history and goes on from size 0 of the new
one. A first entry that names anything else is a second history of the feed: `feed-fork`.

Trust: the sender can begin an epoch whenever it likes, and never without saying, signed, where the old one ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from federation.errors import FeedFork, Malformed
from federation.feed import parse_leaf

if TYPE_CHECKING:
    from federation.pages import VerifiedPage


def check_new_epoch(page: VerifiedPage, *, held: str | None) -> None:
    """Check that the page begins a new epoch honestly; `held` is the note of the newest epoch that is held, if any.

    Raises `Malformed` for a page that does not begin the epoch, `FeedFork` where entry 0 names another history.
    """
    if page.start != 0 or not page.entries:
        raise Malformed("the first page of a new epoch begins with its first entry")
    leaf = parse_leaf(page.entries[0].e)
    if leaf.op != "epoch" or leaf.n != 0:
        raise FeedFork("the sender began a new epoch without saying where the old one ended")
    if held is not None and leaf.old != held:
        raise FeedFork("the sender's new epoch names another end of the old one than the checkpoint held here")
