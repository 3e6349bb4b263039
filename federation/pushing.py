"""Push: how a node that nobody can reach hands its feeds over, and how the other side takes a page unasked.

A node whose directory entry has no endpoint pulls its peers' feeds as everybody does, and pushes its own: one
`PushLoop` a peer, both lanes, urgent first where there is one round, from the size that the peer's newest receipt
confirms. The answer to a page is the receipt. Three things can be answered instead, or be missing:

- nothing: the page was lost, or was kept and the answer lost. The same page goes again; the other side recognises what
  it holds (`held_of`) and answers with the receipt.
- `from-beyond-head` with `from`: the peer holds less than it once confirmed (it was restored). The loop goes on there.
- another problem: the loop waits, longer each time, and tries again.

Trust: the peer can make us send what it is granted again, and cannot make us skip any of it: only its signed receipt
moves the position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from federation.errors import FeedEpochRequired, FromBeyondHead, Malformed, NotFound
from federation.feed import FeedId
from federation.replication import LaneLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from federation.feed import Lane
    from federation.ports import Outbox, PushLink

RECEIPT_SECONDS: Final = 3_600.0
"""So often the peer's receipt is asked for with an empty page though nothing is new: it may have tried its quarantine
again, and has no other way to tell."""
STEPS_BACK: Final = 2
"""How often in one round the peer may say that it stands elsewhere: a second time it is not believed."""


def feed_of(page: Mapping[str, Any], *, sender: str, recipient: str) -> FeedId:
    """The feed of a page (`parse_page`) that `sender` handed over; `NotFound` unless it is its own, to `recipient`."""
    feed = FeedId.parse(page["feed"])
    if feed.sender != sender or feed.recipient != recipient:
        raise NotFound("this page belongs to another feed")
    return feed


def held_of(page: Mapping[str, Any], *, size: int, held: Callable[[int, int], Sequence[str]]) -> int:
    """How many of a page's first entries are held already by a recipient that stands at `size` in the same epoch.

    `held(start, end)` gives the leaves that it stored. Raises `FeedEpochRequired` when the page shows another text
    where one is held: the sender no longer has the history that it signed. What begins at or beyond `size` is left to
    `verify_page` to judge.
    """
    start: int = page["from"]
    end: int = page["to"]
    entries: list[Mapping[str, str]] = page["entries"]
    if start >= size:
        return 0
    if len(entries) != end - start:
        raise Malformed("from, to and the number of entries do not agree")
    known = min(end, size)
    if [row["e"] for row in entries[: known - start]] != list(held(start, known)):
        raise FeedEpochRequired("this feed has another history here than the page shows: begin a new epoch")
    return known - start


def without(page: Mapping[str, Any], count: int) -> bytes:
    """The same page without its first `count` entries: the checkpoint at its end covers it as before."""
    return orjson.dumps({**page, "from": page["from"] + count, "entries": page["entries"][count:]})


@dataclass(slots=True, kw_only=True)
class PushLoop(LaneLoop):
    """Push both lanes to one peer as far as they go, then wait until they grow, or for the timer."""

    link: PushLink
    outbox: Outbox
    on_pushed: Callable[[Lane, int], Any] | None = None
    """Told the lane and the size that is confirmed now."""

    async def drain(self, lane: Lane) -> int:
        """Push pages of one lane until the peer has confirmed all of it; returns how many entries it confirmed."""
        state = self.lanes[lane]
        at: int = await self.offload(self.outbox.confirmed, lane)
        begun = at
        steps_back = 0
        while True:
            data, end, size = await self.offload(self.outbox.page, lane, at, state.limit)
            recently = state.last_success is not None and self.clock() - state.last_success < RECEIPT_SECONDS
            if end == at and (size == 0 or (state.confirmed and recently)):
                break
            began = self.clock()
            try:
                token = await self.link.push(data)
            except FromBeyondHead as refusal:
                if refusal.expected >= at or steps_back == STEPS_BACK:
                    raise
                at, steps_back = refusal.expected, steps_back + 1
                continue
            self._learn_rate(state, len(data), self.clock() - began)
            self._learn_size(state, len(data), end - at)
            before, at = at, await self.offload(self.outbox.accept, lane, token)
            state.confirmed = True
            state.pulled += max(0, at - before)
            if self.on_pushed is not None:
                self.on_pushed(lane, at)
            if at >= size:
                break
            if at <= before and end > before:
                raise Malformed("the peer answers a page with a receipt that does not cover it")
        return max(0, at - min(begun, at))
