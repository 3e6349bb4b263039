"""The replication loop: one per peer, over a durable log, from a stored position.

Catching up after an outage is the same path as the normal case, only longer. Each lane is pulled on its own, so that
an alert does not wait behind a backlog; a hint from the peer wakes the loop, and losing the hint costs only time.
While one page is stored, the next is already verified, and the one after that on its way.

The road (`Link`), the desk that opens and stores pages (`Desk`), the clock and chance are arguments: the simulator runs
this code unchanged in a pretended world.

Trust: the peer decides how fast and how much it answers, within the limits of a page; it cannot move our position.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from federation.errors import FederationError, FeedEpochRequired, ProblemType, Quota
from federation.feed import LANES, Lane
from federation.pages import MAX_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from federation.pages import VerifiedPage
    from federation.ports import Desk, Link

T = TypeVar("T")

FIRST_LIMIT: Final = 50
"""Entries asked for before the link's speed is known."""
PAGE_SECONDS: Final = 20.0
"""A page is at most what the link carries in this time: the longest that an urgent entry waits behind a bulk page."""
RATE_MEMORY: Final = 0.5
"""How much of the measured speed is kept at each new measurement."""


class LinkDown(Exception):  # noqa: N818 - the name is the sentence
    """The peer did not answer: to be tried again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times after failures: doubling from `first` to `last` seconds, spread by `jitter`."""

    first: float = 1.0
    last: float = 300.0
    jitter: float = 0.5

    def wait(self, failures: int, chance: float) -> float:
        """Seconds to wait after the `failures`-th failure in a row; `chance` in [0, 1).

        >>> Backoff(first=1, last=300, jitter=0.5).wait(3, chance=0.0)
        4.0
        """
        base = min(self.last, self.first * 2.0 ** (min(failures, 30) - 1))
        return base * (1.0 + self.jitter * chance)

    def told(self, after: float, chance: float) -> float:
        """Seconds to wait for a peer that says when it will answer again: so long, and no longer than `last`.

        >>> Backoff(first=1, last=300, jitter=0.5).told(20, chance=0.0)
        20.0
        """
        return min(self.last, max(self.first, float(after))) * (1.0 + self.jitter * chance)


@dataclass(slots=True)
class LaneState:
    """What operators see of one lane: no content, only counts and the last problem."""

    failures: int = 0
    problem: str | None = None
    pulled: int = 0
    quarantined: int = 0
    limit: int = FIRST_LIMIT
    confirmed: bool = False
    """Whether the newest receipt is known to have arrived: unknown after a restart."""
    delivered: str | None = None
    """The receipt that arrived last: one of the same size can tell more, of what was erased since."""
    rate: float | None = None
    """Bytes a second that the link carried."""
    entry_bytes: float = 3_500.0
    last_success: float | None = None


class _Courier:
    """Hands receipts over beside the storing of pages; of those that wait, only the newest goes: it covers the rest."""

    def __init__(self, deliver: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        self._deliver = deliver
        self._newest: str | None = None
        self._task: asyncio.Task[None] | None = None

    def hand(self, token: str) -> None:
        """Take a receipt, and go unless under way already."""
        self._newest = token
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._go())

    async def _go(self) -> None:
        while self._newest is not None:
            token, self._newest = self._newest, None
            await self._deliver(token)

    async def done(self) -> None:
        """Wait until everything that was handed in has gone."""
        if self._task is not None:
            await self._task


@dataclass(slots=True, kw_only=True)
class LaneLoop:
    """Work off both lanes between this node and one peer, each at its own pace, then wait for a hint or the timer.

    `clock` gives monotonic seconds, `chance` gives a number in [0, 1), `offload` runs a blocking call beside the event
    loop (in a simulation: just calls it). `poll` is the time between rounds without a hint.
    """

    peer: str
    clock: Callable[[], float]
    chance: Callable[[], float]
    offload: Callable[..., Awaitable[Any]]
    poll: float = 60.0
    backoff: Backoff = field(default_factory=Backoff)
    lanes: dict[Lane, LaneState] = field(default_factory=lambda: {lane: LaneState() for lane in LANES})
    _wake: dict[Lane, asyncio.Event] = field(default_factory=lambda: {lane: asyncio.Event() for lane in LANES})

    def hint(self) -> None:
        """There is something: look now."""
        for event in self._wake.values():
            event.set()

    async def run(self) -> None:
        """Work off both lanes for ever, each at its own pace. Ends only by cancellation."""
        await asyncio.gather(*(self._run_lane(lane) for lane in LANES))

    async def round(self) -> int:
        """Drain both lanes once, urgent first, and return how many entries went. Raises what went wrong."""
        return sum([await self.drain(lane) for lane in LANES])

    async def drain(self, lane: Lane) -> int:
        """Work one lane off until nothing is left, and return how many entries went."""
        raise NotImplementedError

    async def _run_lane(self, lane: Lane) -> None:
        state = self.lanes[lane]
        while True:
            self._wake[lane].clear()
            try:
                await self.drain(lane)
            except Quota as error:
                state.failures += 1
                state.problem = str(error)
                if error.after is not None:
                    # The peer has no share left for us until then: a hint does not make it answer sooner.
                    await asyncio.sleep(self.backoff.told(error.after, self.chance()))
                    continue
                pause = self.backoff.wait(state.failures, self.chance())
            except (LinkDown, FederationError) as error:
                state.failures += 1
                state.problem = str(error)
                pause = self.backoff.wait(state.failures, self.chance())
            else:
                state.failures = 0
                state.problem = None
                state.last_success = self.clock()
                pause = self.poll * (1.0 + 0.2 * self.chance())
            # Not `wait_for`: up to Python 3.11 it loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake[lane].wait()

    @staticmethod
    def _learn_rate(state: LaneState, size: int, elapsed: float) -> None:
        """What the link carried just now, in bytes a second."""
        rate = size / max(elapsed, 1e-6)
        state.rate = rate if state.rate is None else RATE_MEMORY * state.rate + (1 - RATE_MEMORY) * rate

    @staticmethod
    def _learn_size(state: LaneState, size: int, entries: int) -> None:
        """How large a page may be: what the link carries in the time that an urgent entry may wait."""
        if entries:
            state.entry_bytes = size / entries
        if state.rate is not None:
            state.limit = max(1, min(MAX_ENTRIES, int(state.rate * PAGE_SECONDS / state.entry_bytes)))


@dataclass(slots=True, kw_only=True)
class PeerLoop(LaneLoop):
    """Pull both lanes of one peer until they are drained, then wait for a hint or the timer."""

    link: Link
    desk: Desk
    on_applied: Callable[[Lane, int, int], None] | None = None
    follow: Callable[[], Awaitable[bool]] | None = None
    """Asked when the peer must begin a new epoch: shows it what is held of its records (`federation.inventories`), and
    says whether it is ready to go on."""
    _following: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def drain(self, lane: Lane) -> int:
        """Pull pages of one lane until the peer has no more.

        A peer that no longer has the history that is held here (it was restored from a backup) is shown what is held
        of its records; then its new epoch is followed, from the first entry.
        """
        try:
            return await self._drain(lane, anew=False)
        except FederationError as error:
            if error.problem is not ProblemType.FEED_EPOCH_REQUIRED or self.follow is None:
                raise
        async with self._following:  # both lanes come here, and one inventory is enough at a time
            if not await self.follow():
                raise FeedEpochRequired("the peer is not ready to begin a new epoch yet")
        return await self._drain(lane, anew=True)

    async def _drain(self, lane: Lane, *, anew: bool) -> int:
        """Pull from the stored position, or `anew` from the beginning of the peer's newest epoch.

        The next page travels while one is stored.
        """
        state = self.lanes[lane]
        position = await self.offload(self.desk.position, lane)
        start, note = (0, None) if anew else (position.size, position.note)
        fetching: asyncio.Task[bytes] | None = self._start(self._fetch(lane, start, note))
        courier = _Courier(lambda token: self._deliver(state, token))
        before: VerifiedPage | None = None
        older: asyncio.Task[None] | None = None
        newer: asyncio.Task[None] | None = None
        taken = 0
        try:
            while fetching is not None:
                data = await fetching
                fetching = None
                page = await self.offload(self.desk.open, lane, data, before)
                self._learn_size(state, len(data), len(page.entries))
                if not page.entries:
                    told = state.confirmed and state.delivered == position.receipt
                    if before is None and not told and position.receipt is not None:
                        # Nothing new will bring the next receipt, and the last one did not arrive, or who knows.
                        courier.hand(position.receipt)
                    break
                if not page.complete:
                    fetching = self._start(self._fetch(lane, page.range.size, page.checkpoint.note))
                if older is not None:  # two pages at most are between the road and the store
                    await older
                older, newer = newer, self._start(self._take_in(lane, page, newer, courier))
                before = page
                taken += len(page.entries)
            for stage in (older, newer):
                if stage is not None:
                    await stage
            await courier.done()
        finally:
            await self._settle(fetching, older, newer, courier)
        return taken

    async def _take_in(
        self, lane: Lane, page: VerifiedPage, previous: asyncio.Task[None] | None, courier: _Courier
    ) -> None:
        """Verify a page beside the storing of the one before it; then store it, in its turn."""
        state = self.lanes[lane]
        opened = await self.offload(self.desk.verify, page)
        if previous is not None:
            await previous
        applied = await self.offload(self.desk.apply, opened)
        state.pulled += len(page.entries)
        state.quarantined += applied.quarantined
        if self.on_applied is not None:
            self.on_applied(lane, applied.stored, applied.quarantined)
        courier.hand(applied.receipt)

    @staticmethod
    def _start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return asyncio.ensure_future(work)

    @staticmethod
    async def _settle(
        fetching: asyncio.Task[bytes] | None,
        older: asyncio.Task[None] | None,
        newer: asyncio.Task[None] | None,
        courier: _Courier,
    ) -> None:
        """On the way out: what travels is dropped, what is being stored is waited for."""
        if fetching is not None:
            fetching.cancel()
        left = [task for task in (fetching, older, newer) if task is not None]
        if left:
            # Awaited together and not one by one: what ends them is theirs, and what ends this loop is not swallowed.
            await asyncio.wait(left)
            for task in left:
                if not task.cancelled():
                    task.exception()  # looked at, so that it is not reported as lost
        with contextlib.suppress(Exception):
            await courier.done()

    async def _fetch(self, lane: Lane, start: int, note: str | None) -> bytes:
        state = self.lanes[lane]
        began = self.clock()
        data = await self.link.fetch(lane=lane, start=start, limit=state.limit, note=note)
        self._learn_rate(state, len(data), self.clock() - began)
        return data

    async def _deliver(self, state: LaneState, token: str) -> None:
        # A receipt that does not arrive is replaced by the next one (they are cumulative), or told again.
        state.confirmed = False
        with contextlib.suppress(LinkDown, FederationError):
            await self.link.deliver_receipt(token)
            state.confirmed, state.delivered = True, token
