"""Shares of peers: counted by the minute, queued, slowed after failures, stopped before the disk is full."""

import asyncio

import pytest

from federation.errors import Maintenance, Quota
from node.services import limits
from node.services.limits import DiskFloor, Share, Shares


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def shares(**share):
    clock = Clock()
    return Shares(Share(**share), clock=clock), clock


KINDS = {
    "requests": ({"requests": 3}, {"requests": 1}, {"requests": 1}),
    "bytes": ({"bytes": 300}, {"size": 100}, {"requests": 1}),
    "entries": ({"entries": 300}, {"entries": 100}, {"entries": 1}),
    "time": ({"seconds": 3}, {"seconds": 1.0}, {"requests": 1}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_who_has_used_up_its_share_waits_until_the_minute_ends_and_nobody_else_does(kind):
    share, use, ask = KINDS[kind]
    made, clock = shares(**share)
    for _ in range(3):
        made.spend("ZA", **use)
    clock.now += 10
    with pytest.raises(Quota) as refused:
        made.spend("ZA", **ask)
    assert refused.value.after == 50
    assert kind in refused.value.detail
    made.spend("KE", **ask)
    clock.now += 50
    made.spend("ZA", **ask)


def test_what_a_refused_request_would_have_used_is_not_counted():
    made, _ = shares(requests=1)
    made.spend("ZA", requests=1)
    for _ in range(1_000):
        with pytest.raises(Quota):
            made.spend("ZA", requests=1, size=10**9)
    assert made._used["ZA"].bytes == 0


def test_the_defaults_let_replication_at_full_speed_pass():
    made = Shares(clock=lambda: 0.0)
    for _ in range(60 * 6):  # six pages of five hundred a second, with their receipts and some hints
        made.spend("KE", requests=3, size=500 * 3_500, entries=500, seconds=0.3)
    made.spend("KE", requests=1, entries=1)


def test_so_many_are_worked_on_at_once_so_many_wait_and_the_next_is_turned_away():
    made, _ = shares(at_once=2, waiting=3)
    inside, peak = 0, 0

    async def one():
        nonlocal inside, peak
        async with made.turn("key", "10.0.0.1"):
            inside += 1
            peak = max(peak, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    async def go():
        results = await asyncio.gather(*(one() for _ in range(9)), return_exceptions=True)
        async with made.turn("other", "10.0.0.1"), made.turn("key", "10.0.0.2"):
            pass
        return results

    results = asyncio.run(go())
    assert sum(isinstance(result, Quota) for result in results) == 4
    assert peak == 2
    assert made._queues == {}


def test_a_turn_is_given_back_whatever_happens_in_it():
    made, _ = shares(at_once=1, waiting=0)

    async def fail():
        async with made.turn("key", ""):
            raise RuntimeError

    async def go():
        for _ in range(5):
            with pytest.raises(RuntimeError):
                await fail()

    asyncio.run(go())


def test_who_fails_again_and_again_is_answered_more_slowly_up_to_a_bound(monkeypatch):
    made, clock = shares()
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(limits.asyncio, "sleep", sleep)

    async def go():
        for _ in range(limits.FREE_FAILURES + 100):
            await made.failed("10.0.0.1")
        slow, waited[:] = list(waited), []
        await made.failed("10.0.0.2")
        clock.now += 60
        await made.failed("10.0.0.1")
        return slow

    slow = asyncio.run(go())
    assert len(slow) == 100
    assert slow == sorted(slow)
    assert slow[-1] == limits.SLOWEST_SECONDS
    assert waited == []


def test_names_that_are_remembered_are_bounded():
    made, _ = shares()
    for number in range(limits.MAX_KNOWN + 50):
        made.spend(f"N-{number}", requests=1)
    assert len(made._used) == limits.MAX_KNOWN


def test_below_the_reserve_nothing_is_taken_in(tmp_path):
    DiskFloor(tmp_path, 0).check()
    with pytest.raises(Maintenance):
        DiskFloor(tmp_path, 2**60).check()
