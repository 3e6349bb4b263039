"""The loop over doubles: what it asks for, in which order, and that every failure leaves it where it stood."""

import asyncio
from types import SimpleNamespace

import pytest

from federation.errors import Malformed, Quota
from federation.ports import Applied, Position
from federation.replication import Backoff, LinkDown, PeerLoop


class Road:
    """A link to a peer that has `total` entries in each lane; `broken` lists what goes wrong, call by call."""

    def __init__(self, total=10, broken=()):
        self.total, self.broken = total, list(broken)
        self.asked, self.receipts = [], []

    async def fetch(self, *, lane, start, limit, note):
        self.asked.append((lane, start, limit))
        if self.broken and (fault := self.broken.pop(0)):
            raise fault
        return f"{start} {min(self.total, start + min(limit, 4))} {self.total}".encode()

    async def deliver_receipt(self, token):
        if self.broken and (fault := self.broken.pop(0)):
            raise fault
        self.receipts.append(token)


class Memory:
    """A desk that counts; `breaks` is the moment of `apply` at which it fails, once."""

    def __init__(self):
        self.sizes = {"urgent": 0, "bulk": 0}
        self.applied, self.breaks = [], None

    def position(self, lane):
        return Position(self.sizes[lane], 0, None, f"receipt {self.sizes[lane]}" if self.sizes[lane] else None)

    def open(self, lane, data, after):
        start, end, head = map(int, data.split())
        held = after.range.size if after is not None else self.sizes[lane]
        if start != held:
            raise Malformed("not where this node stands")
        return SimpleNamespace(
            entries=[None] * (end - start), range=SimpleNamespace(size=end), complete=end >= head, start=start, lane=lane,  # noqa: E501 - a row of a table
            checkpoint=SimpleNamespace(note="note"),
        )  # fmt: skip

    def verify(self, page):
        return SimpleNamespace(page=page)

    def apply(self, opened):
        page = opened.page
        moment, self.breaks = self.breaks, None
        if moment == "before":
            raise LinkDown("lost before it was kept")
        assert self.sizes[page.lane] == page.start
        self.sizes[page.lane] = page.range.size
        self.applied += [(page.lane, n) for n in range(page.start, page.range.size)]
        if moment == "after":
            raise LinkDown("kept and not answered")
        return Applied(page.range.size, f"receipt {page.range.size}", len(page.entries), 0)


async def call(function, *arguments):
    return function(*arguments)


def loop_of(road, desk, **more):
    ticks = iter(range(10_000))
    return PeerLoop(
        peer="KE", link=road, desk=desk, clock=lambda: float(next(ticks)), chance=lambda: 0.0, offload=call, **more
    )


def test_a_round_takes_both_lanes_to_their_heads_and_the_urgent_one_first():
    road, desk = Road(), Memory()
    assert asyncio.run(loop_of(road, desk).round()) == 20
    assert desk.applied == [("urgent", n) for n in range(10)] + [("bulk", n) for n in range(10)]
    assert road.receipts == ["receipt 4", "receipt 8", "receipt 10"] * 2


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_page_that_broke_is_healed_by_the_next_round(moment):
    road, desk = Road(), Memory()
    loop = loop_of(road, desk)
    desk.breaks = moment
    with pytest.raises(LinkDown):
        asyncio.run(loop.drain("bulk"))
    asyncio.run(loop.drain("bulk"))
    assert desk.applied == [("bulk", n) for n in range(10)]


@pytest.mark.parametrize("at", range(6))
def test_a_road_that_breaks_anywhere_loses_nothing_and_doubles_nothing(at):
    road, desk = Road(broken=[None] * at + [LinkDown("down")]), Memory()
    loop = loop_of(road, desk)
    try:
        asyncio.run(loop.drain("bulk"))
    except LinkDown:
        asyncio.run(loop.drain("bulk"))
    assert desk.applied == [("bulk", n) for n in range(10)]


def test_a_receipt_that_did_not_arrive_is_told_again_once_and_only_until_it_arrives():
    road, desk = Road(total=3, broken=[None, LinkDown("down")]), Memory()
    loop = loop_of(road, desk)
    asyncio.run(loop.drain("bulk"))
    assert road.receipts == []
    for _ in range(3):
        asyncio.run(loop.drain("bulk"))
    assert road.receipts == ["receipt 3"]


def test_after_a_restart_the_last_receipt_is_told_again():
    road, desk = Road(total=3), Memory()
    asyncio.run(loop_of(road, desk).drain("bulk"))
    asyncio.run(loop_of(road, desk).drain("bulk"))
    assert road.receipts == ["receipt 3", "receipt 3"]


def test_the_number_of_entries_asked_for_follows_what_the_link_carries():
    road, desk = Road(total=100), Memory()
    loop = loop_of(road, desk)
    asyncio.run(loop.drain("bulk"))
    limits = [limit for _, _, limit in road.asked]
    assert limits[0] == 50
    assert all(1 <= limit <= 500 for limit in limits)
    assert limits[-1] != 50


def test_the_loop_runs_until_it_is_cancelled_and_a_hint_wakes_it():
    async def go():
        road, desk = Road(total=0, broken=[LinkDown("down")] * 2), Memory()
        loop = loop_of(road, desk, poll=3_600.0, backoff=Backoff(first=0.01, last=0.01))
        running = asyncio.ensure_future(loop.run())
        while len(road.asked) < 4:  # noqa: ASYNC110 - waits for what another task does
            await asyncio.sleep(0.005)
        seen = len(road.asked)
        road.total = 2
        await asyncio.sleep(0.05)
        assert len(road.asked) == seen
        loop.hint()
        while len(desk.applied) < 4:  # noqa: ASYNC110 - waits for what another task does
            await asyncio.sleep(0.005)
        assert {state.failures for state in loop.lanes.values()} == {0}
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(asyncio.wait_for(go(), 20))


def test_a_loop_that_is_ended_while_it_puts_away_a_page_after_a_fault_ends():
    """The road breaks while a page is being stored, and the node shuts down just then."""

    async def go():
        storing, go_on = asyncio.Event(), asyncio.Event()
        road, desk = Road(broken=[None, LinkDown("down")]), Memory()

        async def slow(function, *arguments):
            if function == desk.apply:
                storing.set()
                await go_on.wait()
            return function(*arguments)

        loop = loop_of(road, desk, poll=3_600.0, backoff=Backoff(first=3_600.0, last=3_600.0))
        loop.offload = slow
        running = asyncio.ensure_future(loop._run_lane("bulk"))
        await storing.wait()
        await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.sleep(0.02)
        go_on.set()
        await asyncio.wait({running}, timeout=2)
        ended = running.cancelled()
        running.cancel()
        return ended

    assert asyncio.run(go())


def test_a_peer_that_says_when_it_will_answer_again_is_left_alone_until_then():
    async def go():
        told = [Quota("no share left", after=1), Quota("no share left", after=1)]
        road, desk = Road(total=2, broken=told), Memory()
        loop = loop_of(road, desk, poll=3_600.0, backoff=Backoff(first=0.01, last=0.3))
        running = asyncio.ensure_future(loop.run())
        await asyncio.sleep(0.1)
        loop.hint()
        await asyncio.sleep(0.1)
        assert len(road.asked) == 2  # one a lane; failures alone would have let it ask again ten times over
        assert all("no share left" in state.problem for state in loop.lanes.values())
        while len(desk.applied) < 4:  # noqa: ASYNC110 - waits for what another task does
            await asyncio.sleep(0.005)
        assert {state.problem for state in loop.lanes.values()} == {None}
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(asyncio.wait_for(go(), 20))


def test_a_peer_cannot_make_a_node_wait_for_ever_nor_hurry():
    backoff = Backoff(first=1, last=300, jitter=0.5)
    assert [backoff.told(after, 0.0) for after in (0, 1, 20, 999_999)] == [1, 1, 20, 300]
    assert 20 < backoff.told(20, 0.9) < 30


def test_waiting_times_double_up_to_the_last_and_are_spread():
    backoff = Backoff(first=1, last=300, jitter=0.5)
    assert [backoff.wait(n, 0.0) for n in (1, 2, 3, 20, 10_000)] == [1, 2, 4, 300, 300]
    assert backoff.wait(1, 0.999) < 1.5
