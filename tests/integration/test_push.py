"""A node behind a firewall, over real HTTP: it fetches and pushes, and nobody ever calls it."""

import asyncio
import time

import pytest
from sqlalchemy import select

from federation.errors import FederationError
from node.storage import feeds
from node.storage.tables import record
from tests.served import application, found, free_port, release, serving


@pytest.fixture
def pair(tmp_path):
    port = free_port()
    homes = found(tmp_path, {"KE": "", "TZ": f"http://127.0.0.1:{port}"})
    with serving(application(homes["TZ"]), port):
        yield homes
    homes["KE"].database.close()


def held(home, issuer):
    with home.database.read() as connection:
        return len(connection.execute(select(record.c.id).where(record.c.iss == issuer)).all())


def confirmed(home, recipient):
    with home.database.read() as connection:
        row = feeds.out_feed(connection, recipient, "bulk")
    return 0 if row is None else row.receipt_size


async def _with_exchange(home, work):
    exchange = home.exchange()
    try:
        return await work(exchange)
    finally:
        await exchange.stop()


def test_records_go_both_ways_though_nobody_can_reach_one_of_the_two(pair):
    release(pair["KE"], [f"K-{n}" for n in range(60)])
    release(pair["TZ"], ["T-1", "T-2"])
    told = asyncio.run(_with_exchange(pair["KE"], lambda exchange: exchange.sync()))
    assert told == {"TZ": {"entries": 2, "pushed": 60, "problem": None}}
    assert (held(pair["TZ"], "KE"), held(pair["KE"], "TZ")) == (60, 2)
    assert (confirmed(pair["KE"], "TZ"), confirmed(pair["TZ"], "KE")) == (60, 2)


def test_what_is_released_while_the_exchange_runs_is_brought_at_once_and_without_a_hint(pair):
    async def work(exchange):
        exchange._match_loops(pair["KE"].membership.current())
        assert set(exchange.pushers) == {"TZ"}
        running = [asyncio.create_task(exchange._send_hints()), asyncio.create_task(exchange._watch_feeds())]
        await asyncio.sleep(1.0)
        await asyncio.to_thread(release, pair["KE"], ["K-1"])
        deadline = time.monotonic() + 20
        while held(pair["TZ"], "KE") == 0 and time.monotonic() < deadline:  # noqa: ASYNC110 - what a server does
            await asyncio.sleep(0.05)
        for task in running:
            task.cancel()

    asyncio.run(_with_exchange(pair["KE"], work))
    assert held(pair["TZ"], "KE") == 1
    assert confirmed(pair["KE"], "TZ") == 1


def test_a_page_signed_for_by_another_node_than_its_sender_is_refused_over_the_wire(pair):
    release(pair["KE"], ["K-1"])
    page, _, _ = pair["KE"].exchange().outbox("TZ").page("bulk", 0, 10)

    async def work(exchange):
        # The page of TZ to KE, handed to TZ by KE: signed for by one who is not its sender.
        foreign = page.replace(b'"KE/TZ/bulk/0"', b'"TZ/KE/bulk/0"')
        with pytest.raises(FederationError, match="not-found"):
            await exchange.link("TZ").push(foreign)
        exchange.http_signer = pair["KE"].signer("log")
        with pytest.raises(FederationError, match="wrong-key-use"):
            await exchange.link("TZ").push(page)

    asyncio.run(_with_exchange(pair["KE"], work))
    assert held(pair["TZ"], "KE") == 0
