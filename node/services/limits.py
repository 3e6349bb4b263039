"""Each peer's share of this node, so that one that floods keeps neither others waiting nor the disk full.

A window of a minute counts what a peer used: requests, bytes both ways, entries taken in, and time that was worked for
it. Who is beyond its share is answered `quota` with the seconds until the window ends. Beside that, of one peer only so
many requests are worked on at once, and only so many wait; the next one is turned away before anything is read. And
whoever fails again and again (a bad signature, another's feed, what there is not) is answered more slowly each time.

The counts are of this process and are forgotten with it: a restart gives everybody a new minute, which is less than a
restart costs. What must outlive it, the nonces of requests, is in the database and grows no faster than the share lets.

Trust: before a signature holds, a request is counted for the key that it names and the address that it came from, and
for no peer: nobody spends another's share.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from federation.errors import Maintenance, Quota

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

WINDOW_SECONDS: Final = 60.0
FREE_FAILURES: Final = 30
"""In a minute from one address: a peer with a wrong clock or new keys is not yet somebody who tries."""
STEP_SECONDS: Final = 0.05
SLOWEST_SECONDS: Final = 2.0
MAX_SLOWED: Final = 64
"""Answers that are held back at a time: holding back must not itself fill the memory."""
MAX_KNOWN: Final = 4_096
"""Names and addresses that are remembered; beyond, the oldest go. More than a federation has members and proxies."""
DISK_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one peer may use in a minute. The defaults are far above what replication at full speed needs."""

    requests: int = 6_000
    """At full speed a link needs some fifteen a second."""
    bytes: int = 4_000_000_000
    """In and out. Three thousand records a second are 630 MB a minute."""
    entries: int = 600_000
    """Taken in. Three thousand a second are 180 000."""
    seconds: int = 200
    """Of work, waiting for the database included: more than three processors' minute."""
    at_once: int = 3
    """Requests that are worked on at a time; with six threads or more, half are always for others."""
    waiting: int = 64
    """Requests that wait for those; the next is turned away."""


@dataclass(slots=True)
class _Used:
    since: float
    requests: int = 0
    bytes: int = 0
    entries: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Queue:
    free: asyncio.Semaphore
    inside: int = 0


@dataclass(slots=True)
class Shares:
    """Counts what each peer uses, and lets it have its share. The event loop's and its threads'."""

    share: Share = field(default_factory=Share)
    clock: Callable[[], float] = time.monotonic
    _used: dict[str, _Used] = field(default_factory=dict)
    _queues: dict[tuple[str, str], _Queue] = field(default_factory=dict)
    _failures: dict[str, tuple[float, int]] = field(default_factory=dict)
    _slowed: int = 0

    def spend(
        self, peer: str, *, requests: int = 0, size: int = 0, entries: int = 0, seconds: float = 0.0
    ) -> None:  # fmt: skip
        """Count what a peer uses; raises `Quota` when its share of this minute was used up before."""
        now = self.clock()
        used = self._used.get(peer)
        if used is None or now - used.since >= WINDOW_SECONDS:
            _make_room(self._used)
            used = self._used[peer] = _Used(now)
        share = self.share
        over = (
            "requests" if used.requests >= share.requests
            else "bytes" if used.bytes >= share.bytes
            else "entries" if used.entries >= share.entries
            else "time" if used.seconds >= share.seconds
            else None
        )  # fmt: skip
        if over is not None and (requests or entries):
            after = max(1, math.ceil(used.since + WINDOW_SECONDS - now))
            raise Quota(f"this peer has used up its share of {over} for this minute", after=after)
        used.requests += requests
        used.bytes += size
        used.entries += entries
        used.seconds += seconds

    @contextlib.asynccontextmanager
    async def turn(self, key: str, address: str) -> AsyncIterator[None]:
        """Wait for a turn among the requests that name this key and came from there; `Quota` if too many wait."""
        who = (key, address)
        queue = self._queues.get(who)
        if queue is None:
            queue = self._queues[who] = _Queue(asyncio.Semaphore(self.share.at_once))
        if queue.inside >= self.share.at_once + self.share.waiting:
            raise Quota("too many requests of this peer wait already", after=1)
        queue.inside += 1
        try:
            async with queue.free:
                yield
        finally:
            queue.inside -= 1
            if queue.inside == 0:
                del self._queues[who]

    async def failed(self, address: str) -> None:
        """Somebody at this address was refused: after many refusals in a minute the answer waits."""
        now = self.clock()
        since, count = self._failures.get(address, (now, 0))
        if now - since >= WINDOW_SECONDS:
            since, count = now, 0
        _make_room(self._failures)
        self._failures[address] = (since, count + 1)
        pause = min(SLOWEST_SECONDS, STEP_SECONDS * max(0, count + 1 - FREE_FAILURES))
        if pause and self._slowed < MAX_SLOWED:
            self._slowed += 1
            try:
                await asyncio.sleep(pause)
            finally:
                self._slowed -= 1


def _make_room(known: dict[str, _Used] | dict[str, tuple[float, int]]) -> None:
    while len(known) >= MAX_KNOWN:
        known.pop(next(iter(known)), None)


@dataclass(slots=True)
class DiskFloor:
    """Room that stays free on the disk of the home: what comes in stops before, what goes out goes on.

    For a database on another machine that machine's own limits hold.
    """

    folder: Path
    reserve: int
    clock: Callable[[], float] = time.monotonic
    _looked: float = -math.inf
    _free: int = 0

    def check(self) -> None:
        """Raise `Maintenance` when there is less room than the reserve."""
        now = self.clock()
        if now - self._looked >= DISK_LOOK_SECONDS:
            self._free, self._looked = shutil.disk_usage(self.folder).free, now
        if self._free < self.reserve:
            raise Maintenance("there is no room to take anything in at the moment; what is held goes on being served")
