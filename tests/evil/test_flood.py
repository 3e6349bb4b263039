"""One peer floods: the others are served within a bound, and the disk keeps its reserve."""

import asyncio
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import orjson
import pytest
from fastapi import FastAPI

from crypto import httpsig
from federation.errors import FederationError
from node.api import peer as peer_face
from node.api import peer_inbox
from node.services.exchange import Exchange
from node.services.limits import DiskFloor, Share, Shares
from node.storage.nonces import Nonces
from node.storage.tables import record
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.served import application, found, free_port, serving

FED = make_federation(["KE", "TZ", "ZA"])
WORK = 0.1
FLOOD = 80
BOUND = 1.0


class Town:
    """TZ in this process, whose pages take their time, and the load that others put on it."""

    def __init__(self, database, monkeypatch, share):
        self.database, self.worked = database, []
        membership = SimpleNamespace(current=lambda: FED.directory, stale=lambda _now: False)
        face = peer_face.PeerFace(
            node="TZ", authority="tz.test", database=database, membership=membership, nonces=Nonces(database),
            http_signer=FED.signer("TZ", "http"), log_signer=FED.signer("TZ", "log"),
            exchange=SimpleNamespace(wake=lambda _peer: None, busy=lambda: None), clock=lambda: NOW,
            shares=Shares(share),
        )  # fmt: skip
        self.app = FastAPI()
        self.app.include_router(peer_face.router(face))

        def page(_face, peer, _lane, **_more):
            self.worked.append(peer)
            time.sleep(WORK)
            return b"{}"

        monkeypatch.setattr(peer_face, "_page", page)

    async def ask(self, client, who):
        path = f"/cnp/1/feeds/{who}/bulk?from=0"
        headers = httpsig.sign_request(
            method="GET", url=f"http://tz.test{path}", headers={}, body=b"", signer=FED.signer(who, "http"), now=NOW
        )
        begun = time.perf_counter()
        response = await client.get(path, headers=headers)
        return response, time.perf_counter() - begun

    def flood(self):
        """ZA asks `FLOOD` times at once, then KE once; (ZA's answers, KE's answer and its time)."""

        async def go():
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(6))
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://tz.test") as client:
                evil = [asyncio.create_task(self.ask(client, "ZA")) for _ in range(FLOOD)]
                while not self.worked:  # noqa: ASYNC110 - until the flood has arrived
                    await asyncio.sleep(0.01)
                answer, waited = await self.ask(client, "KE")
                return [response for response, _ in await asyncio.gather(*evil)], answer, waited

        return asyncio.run(go())


def test_while_one_peer_floods_another_waits_for_a_thread_and_not_for_the_flood(sqlite_database, monkeypatch):
    answers, answer, waited = Town(sqlite_database, monkeypatch, Share(at_once=3, waiting=20)).flood()
    assert answer.status_code == 200
    assert waited < BOUND
    refused = [response for response in answers if response.status_code == 429]
    assert len(refused) == FLOOD - 23
    assert all(response.headers["retry-after"] == "1" for response in refused)
    assert orjson.loads(refused[0].content)["type"] == "urn:cnp:problem:quota"


def test_without_a_queue_of_its_own_the_flood_would_be_everybody_s(sqlite_database, monkeypatch):
    _, answer, waited = Town(sqlite_database, monkeypatch, Share(at_once=10_000)).flood()
    assert answer.status_code == 200
    assert waited > BOUND


def test_a_flood_over_real_http_spends_its_share_and_the_others_are_served(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    limits = {"peer_requests": 60, "peer_bytes": 10**9, "peer_entries": 10**6, "peer_seconds": 200, "peer_at_once": 3,
              "disk_reserve": 0}  # fmt: skip
    homes = found(tmp_path, {"KE": url, "TZ": "", "GB": ""}, limits=limits)
    now = int(time.time())

    def requests(name, count):
        target = f"{url}/cnp/1/feeds/{name}/bulk?from=0&limit=5"
        return [
            (target, httpsig.sign_request(method="GET", url=target, headers={}, body=b"", signer=signer, now=now))
            for signer in [homes[name].signer("http")]
            for _ in range(count)
        ]

    evil, good = requests("TZ", 240), requests("GB", 15)
    statuses, retries, waits = [], set(), []
    with serving(application(homes["KE"]), port):

        def flood(part):
            with httpx.Client(trust_env=False) as client:
                for target, headers in part:
                    response = client.get(target, headers=headers)
                    statuses.append(response.status_code)
                    retries.add(response.headers.get("retry-after"))

        threads = [threading.Thread(target=flood, args=(evil[at::8],)) for at in range(8)]
        for thread in threads:
            thread.start()
        with httpx.Client(trust_env=False) as client:
            for target, headers in good:
                begun = time.perf_counter()
                assert client.get(target, headers=headers).status_code == 200
                waits.append(time.perf_counter() - begun)
        for thread in threads:
            thread.join()
    assert statuses.count(200) == 60
    assert statuses.count(429) == 180
    assert any(retry is not None and 1 <= int(retry) <= 60 for retry in retries)
    assert statistics.median(waits) < BOUND
    for name in ("TZ", "GB"):
        homes[name].database.close()


def test_a_peer_with_a_million_entries_is_taken_in_by_its_share_and_goes_on_in_the_next_minute(sqlite_database):
    clock = SimpleNamespace(now=0.0)
    victim = Victim(FED, sqlite_database)
    shares = Shares(Share(entries=10), clock=lambda: clock.now)
    from dataclasses import replace  # noqa: PLC0415

    victim.desk = replace(victim.desk, admit=lambda entries: shares.spend("ZA", entries=entries))
    feed = EvilPeer(FED, "ZA").feed("TZ")
    for _ in range(30):
        feed.put(feed.peer.record())
    with pytest.raises(FederationError, match="quota"):
        victim.pull(feed, limit=5)
    assert len(victim.rows(record)) == 10
    clock.now += 60
    with pytest.raises(FederationError, match="quota"):
        victim.pull(feed, limit=5)
    assert len(victim.rows(record)) == 20


@pytest.mark.parametrize("reserve", [0, 2**60])
def test_below_the_disk_s_reserve_nothing_is_taken_in_and_what_is_held_is_served(reserve, sqlite_database, tmp_path):
    membership = SimpleNamespace(
        current=lambda: FED.directory, stale=lambda _now: False, claim=lambda *_given, **_named: False
    )
    exchange = Exchange(
        node="TZ", database=sqlite_database, membership=membership, log_signer=FED.signer("TZ", "log"),
        http_signer=FED.signer("TZ", "http"), client=None, poll_seconds=60.0, directory_url=None,
        directory_poll_seconds=60.0, clock=lambda: NOW, floor=DiskFloor(tmp_path, reserve),
    )  # fmt: skip
    face = peer_face.PeerFace(
        node="TZ", authority="tz.test", database=sqlite_database, membership=membership,
        nonces=Nonces(sqlite_database), http_signer=FED.signer("TZ", "http"), log_signer=FED.signer("TZ", "log"),
        exchange=exchange, clock=lambda: NOW,
    )  # fmt: skip
    app = FastAPI()
    app.include_router(peer_face.router(face))
    app.include_router(peer_inbox.router(face))
    feed = EvilPeer(FED, "ZA").feed("TZ")
    feed.put(feed.peer.record())

    async def ask(method, path, body=b""):
        headers = {"content-type": "application/json"} if body else {}
        headers |= httpsig.sign_request(
            method=method, url=f"http://tz.test{path}", headers=headers, body=body, signer=FED.signer("ZA", "http"),
            now=NOW,
        )  # fmt: skip
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tz.test") as client:
            return await client.request(method, path, headers=headers, content=body or None)

    response = asyncio.run(ask("POST", "/cnp/1/inbox", feed.page()))
    assert response.status_code == (503 if reserve else 200)
    if reserve:
        assert orjson.loads(response.content)["type"] == "urn:cnp:problem:maintenance"
    with sqlite_database.read() as connection:
        assert len(connection.execute(record.select()).all()) == (0 if reserve else 1)
    assert asyncio.run(ask("GET", "/cnp/1/feeds/ZA/bulk?from=0")).status_code == 200
    assert asyncio.run(ask("POST", "/cnp/1/hints", b"{}")).status_code == 200
