"""Pages: the only object in which feeds are exchanged, over all roads (pull, push, bundle).

`build_page` writes one at the sender; `verify_page` opens one at the recipient and hands out entries whose place in
the feed is proven. What stands in an entry is judged later and one by one (`federation.inbox`), so that one bad entry
never stops a feed. The steps of `verify_page`, numbered in the code:

 1. size and strict JSON                  4. every leaf is hashed, as the exact text that was sent
 2. the feed is from a member, to us      5. the checkpoint is the sender's, of this feed, of size `to`
 3. it begins where we stand              6. its root is ours after appending; the head is not behind

Trust: the sender can put anything into a page, and can never again put anything else in its place.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from crypto import merkle, strictjson
from crypto.checkpoint import Checkpoint, open_checkpoint
from crypto.errors import CryptoError
from federation.errors import (
    FeedFork,
    FromBeyondHead,
    Malformed,
    NotFound,
    NotMember,
    Refused,
    TooLarge,
)
from federation.feed import FeedId, key_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.directory import Directory

MAX_PAGE_BYTES: Final = 8 * 1024 * 1024
MAX_ENTRIES: Final = 500
PAGE_DEPTH: Final = 3

_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_MEMBERS: Final = frozenset({"feed", "from", "to", "entries", "checkpoint", "head", "dir"})
MAX_LOG: Final = 4_096
"""Characters of `log`: a note with one signature has some hundreds."""


@dataclass(frozen=True, slots=True)
class PageEntry:
    """One entry as it travels: the leaf's exact text, the body and the relay grant where there are any."""

    e: str
    s: str | None = None
    rg: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPage:
    """A page that continues the feed. Only `verify_page` makes one; the entries' contents are still unjudged."""

    feed: FeedId
    start: int
    entries: tuple[PageEntry, ...]
    range: merkle.CompactRange
    """The compact range after the page: what the recipient stores beside the entries."""
    checkpoint: Checkpoint
    head: Checkpoint
    directory_version: int
    log: str | None = None
    """The newest checkpoint of the recipient's own disclosure log that the sender keeps: unverified, shown back."""

    @property
    def complete(self) -> bool:
        """Whether the sender had nothing beyond this page when it wrote it."""
        return self.range.size >= self.head.size


def build_page(
    *,
    feed: FeedId,
    start: int,
    entries: Sequence[PageEntry],
    checkpoint: str,
    head: str,
    directory_version: int,
    log: str | None = None,
) -> bytes:
    """Write a page; `checkpoint` is the signed note at size `start + len(entries)`, `head` the newest one.

    `log` is the newest checkpoint of the recipient's own disclosure log that is kept here, if there is one.
    """
    members: list[dict[str, str]] = []
    for entry in entries:
        row = {"e": entry.e}
        if entry.s is not None:
            row["s"] = entry.s
        if entry.rg is not None:
            row["rg"] = entry.rg
        members.append(row)
    return orjson.dumps(
        {
            "feed": str(feed),
            "from": start,
            "to": start + len(members),
            "entries": members,
            "checkpoint": checkpoint,
            "head": head,
            "dir": directory_version,
        }
        | ({} if log is None else {"log": log})
    )


def verify_page(
    data: bytes,
    *,
    directory: Directory,
    recipient: str,
    start: merkle.CompactRange,
    now: int,
    feed: FeedId | None = None,
) -> VerifiedPage:
    """Open a page that continues the feed at `start`, or raise the reason it does not.

    `now`, in seconds, is the time of receipt: the sender's `log` key must be valid then. `recipient` is this node's
    id, `feed` the feed that was asked for, where one was. Raises `Malformed`,
    `TooLarge`, `NotFound` (not ours), `NotMember`, `FromBeyondHead`, `FeedFork` (the sender signed another history),
    or `Refused` with the word of the floor below.
    """
    page = parse_page(data)  # step 1
    named = FeedId.parse(page["feed"])
    if named.recipient != recipient or (feed is not None and named != feed):  # step 2
        raise NotFound("this page belongs to another feed")
    if named.sender not in directory.members:
        raise NotMember("the sender of this page is not in the directory")
    begin, end = page["from"], page["to"]
    if begin > start.size:  # step 3
        raise FromBeyondHead("the page begins beyond what is held here", expected=start.size)
    if begin < start.size:
        raise Malformed(f"the page begins at {begin}, and entries below {start.size} are held already")
    entries = tuple(PageEntry(row["e"], row.get("s"), row.get("rg")) for row in page["entries"])
    grown = start.extend(merkle.leaf_hash(entry.e.encode()) for entry in entries)  # step 4
    if grown.size != end:
        raise Malformed("from, to and the number of entries do not agree")
    checkpoint = _open(page["checkpoint"], directory=directory, feed=named, now=now)  # step 5
    head = _open(page["head"], directory=directory, feed=named, now=now)
    if checkpoint.size != grown.size:
        raise Malformed("the checkpoint is not of the page's end")
    if checkpoint.root != grown.root():  # step 6
        raise FeedFork("the sender's signed root is not the root of the entries that it sent", notes=(checkpoint, head))
    if head.size < checkpoint.size or (head.size == checkpoint.size and head.root != checkpoint.root):
        raise FeedFork(
            "the head that the sender signed is behind the page, or of another history", notes=(checkpoint, head)
        )
    return VerifiedPage(
        feed=named,
        start=begin,
        entries=entries,
        range=grown,
        checkpoint=checkpoint,
        head=head,
        directory_version=page["dir"],
        log=page.get("log"),
    )


def feed_of(data: bytes) -> FeedId | None:
    """The feed that a page says it is of, before anything of it is verified; None where it cannot be told."""
    if len(data) > MAX_PAGE_BYTES:
        return None
    try:
        page: Any = orjson.loads(data)
        return FeedId.parse(page["feed"])
    except (orjson.JSONDecodeError, Malformed, KeyError, TypeError):
        return None


def note_to_query(note: str) -> str:
    """A checkpoint note as the `cp` parameter of a request: unpadded base64url."""
    return base64.urlsafe_b64encode(note.encode()).rstrip(b"=").decode()


def _open(note: str, *, directory: Directory, feed: FeedId, now: int) -> Checkpoint:
    try:
        return open_checkpoint(
            note,
            origin=feed.origin(directory.fed),
            key_name=key_name(directory.fed, feed.sender),
            keys=directory.keys_of(feed.sender, "log", at=now),
        )
    except CryptoError as error:
        raise Refused.because(error) from error


def parse_page(data: bytes) -> dict[str, Any]:
    """A page of the agreed form, by its members; nothing of it is verified. Raises `TooLarge`, `Malformed`."""
    if len(data) > MAX_PAGE_BYTES:
        raise TooLarge(f"a page has at most {MAX_PAGE_BYTES} bytes")
    try:
        # Not the record profile: the type of every member is looked at below, so nothing is null or a fraction.
        page: Any = strictjson.parse(data, max_depth=PAGE_DEPTH)
    except CryptoError as error:
        raise Malformed(f"the page is not strict JSON: {error}") from error
    if not isinstance(page, dict) or page.keys() - {"log"} != _MEMBERS:
        raise Malformed("the page has feed, from, to, entries, checkpoint, head and dir, and besides only log")
    numbers = (page["from"], page["to"], page["dir"])
    if any(type(number) is not int or not 0 <= number <= merkle.MAX_SIZE for number in numbers):
        raise Malformed("from, to and dir of a page are numbers")
    if not isinstance(page["checkpoint"], str) or not isinstance(page["head"], str):
        raise Malformed("checkpoint and head of a page are signed notes")
    if not isinstance(page.get("log", ""), str) or len(page.get("log", "")) > MAX_LOG:
        raise Malformed("log of a page is a signed note")
    _check_entries(page["entries"])
    found: dict[str, Any] = page
    return found


def _check_entries(entries: Any) -> None:
    if not isinstance(entries, list):
        raise Malformed("the entries of a page are a list")
    if len(entries) > MAX_ENTRIES:
        raise TooLarge(f"a page has at most {MAX_ENTRIES} entries")
    for row in entries:
        if not isinstance(row, dict) or "e" not in row or row.keys() - {"e", "s", "rg"}:
            raise Malformed("an entry of a page has e, and besides only s and rg")
        if not all(isinstance(value, str) for value in row.values()):
            raise Malformed("e, s and rg of an entry are strings")
        if _CONTROL.search(row["e"]):
            # JCS escapes them, so this is no leaf, and a database that has no such characters could not keep it.
            raise Malformed("e of an entry holds control characters")
