"""The exchange: for whom there is a loop, whom a hint wakes, what a round with everybody tells."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from node.services.exchange import Exchange
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "GB", "ZA"], endpoints={"ZA": None})


class Silence(httpx.AsyncBaseTransport):
    """A world in which nobody answers; remembers who was asked."""

    def __init__(self):
        self.asked = []

    async def handle_async_request(self, request):
        self.asked.append((request.method, request.url.path))
        raise httpx.ConnectTimeout("nobody")


@pytest.fixture
def exchange(sqlite_database):
    fed = SimpleNamespace(now=FED)
    wire = Silence()
    made = Exchange(
        node="TZ", database=sqlite_database, membership=SimpleNamespace(current=lambda: fed.now.directory),
        log_signer=FED.signer("TZ", "log"), http_signer=FED.signer("TZ", "http"),
        client=httpx.AsyncClient(transport=wire), poll_seconds=3_600.0, directory_url=None, directory_poll_seconds=60.0,
        clock=lambda: NOW,
    )  # fmt: skip
    return made, fed, wire


def test_there_is_a_loop_for_every_active_peer_with_an_address_and_for_nobody_else(exchange):
    made, fed, _ = exchange

    async def go():
        made._match_loops(fed.now.directory)
        assert set(made.loops) == {"KE", "GB"}
        fed.now = FED.with_node("GB", status="suspended")
        made._match_loops(fed.now.directory)
        assert set(made.loops) == {"KE"}
        made._match_loops(FED.directory)
        assert set(made.loops) == {"KE", "GB"}
        await made.stop()

    asyncio.run(go())


def test_a_hint_wakes_the_loop_of_its_sender_and_a_stranger_s_nobody(exchange):
    made, fed, wire = exchange

    async def go():
        made._match_loops(fed.now.directory)
        while len(wire.asked) < 4:  # noqa: ASYNC110 - waits for what another task does
            await asyncio.sleep(0.01)
        made.wake("KE")
        made.wake("XX")
        while len(wire.asked) < 6:  # noqa: ASYNC110 - waits for what another task does
            await asyncio.sleep(0.01)
        await made.stop()

    asyncio.run(asyncio.wait_for(go(), 20))


def test_a_round_with_everybody_tells_what_went_wrong_with_whom(exchange):
    made, _, wire = exchange

    async def go():
        results = await made.sync()
        await made.client.aclose()
        return results

    results = asyncio.run(go())
    assert results.keys() == {"KE", "GB"}
    assert {result["entries"] for result in results.values()} == {0}
    assert all("does not answer" in result["problem"] for result in results.values())
    assert {path for _, path in wire.asked} == {"/ke/cnp/1/feeds/TZ/urgent", "/gb/cnp/1/feeds/TZ/urgent"}


def test_a_hint_that_nobody_takes_costs_nothing(exchange):
    made, _, wire = exchange

    async def go():
        sending = asyncio.ensure_future(made._send_hints())
        made.grown(["KE", "ZA"])
        made.grown(["KE"])
        while not wire.asked:  # noqa: ASYNC110 - waits for what another task does
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        made.grown(["KE"])
        await asyncio.sleep(0.05)
        sending.cancel()
        await made.client.aclose()

    asyncio.run(asyncio.wait_for(go(), 20))
    assert wire.asked == [("POST", "/ke/cnp/1/hints")]
