"""Two administrations at one host, in one process of the real command, and a third that exchanges with both."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time

import httpx
import pytest
from sqlalchemy import select

from crypto import httpsig
from federation.addresses import LOOPBACK
from node.services.membership import fetcher
from node.storage.tables import record
from tests.served import application, found, free_port, release


@contextlib.contextmanager
def served(*homes):
    command = [sys.executable, "-m", "node", "--json", "serve", *(str(home.settings.home) for home in homes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield [json.loads(process.stdout.readline()) for _ in homes]
        finally:
            process.terminate()
            process.wait(20)


def held(home):
    with home.database.read() as connection:
        return sorted(connection.scalars(select(record.c.iss).where(record.c.state == "received")))


def sent(home, path, signed_for, body=b"{}"):
    """A hint, signed by a home for one address and sent to another path of the same host."""
    headers = {"content-type": "application/json"}
    headers |= httpsig.sign_request(
        method="POST", url=signed_for, headers=headers, body=body, signer=home.signer("http"), now=int(time.time())
    )
    base = signed_for.split("//")[1].split("/")[0]
    return httpx.post(f"http://{base}{path}", headers=headers, content=body, trust_env=False)


def test_nodes_under_prefixes_exchange_with_each_other_and_with_others_and_each_is_only_itself(tmp_path):
    port = free_port()
    host = f"http://127.0.0.1:{port}"
    listen = {"listen": f"127.0.0.1:{port}", "directory_url": f"{host}/ke"}
    homes = found(tmp_path, {"KE": f"{host}/ke", "TZ": f"{host}/tz", "GB": ""}, **listen)
    release(homes["KE"], ["K-1", "K-2"])
    release(homes["TZ"], ["T-1"])
    release(homes["GB"], ["G-1"])
    with served(homes["KE"], homes["TZ"]) as told:
        assert told == [
            {"node": "KE", "address": f"{host}/ke", "url": f"{host}/ke"},
            {"node": "TZ", "address": f"{host}/tz", "url": f"{host}/tz"},
        ]

        async def sync():
            exchange = homes["GB"].exchange()
            try:
                return await exchange.sync()
            finally:
                await exchange.stop()

        assert {peer: result["problem"] for peer, result in asyncio.run(sync()).items()} == {"KE": None, "TZ": None}
        # The two neighbours find each other's feeds by hints and by the loops of their own.
        deadline = time.monotonic() + 30
        while (held(homes["KE"]), held(homes["TZ"])) != (["GB", "TZ"], ["GB", "KE", "KE"]):
            assert time.monotonic() < deadline, (held(homes["KE"]), held(homes["TZ"]))
            time.sleep(0.1)
        assert held(homes["GB"]) == ["KE", "KE", "TZ"]
        hint = "/cnp/1/hints"
        assert sent(homes["GB"], f"/ke{hint}", f"{host}/ke{hint}").status_code == 200
        for path in (f"/tz{hint}", hint):
            refused = sent(homes["GB"], path, f"{host}/ke{hint}")
            assert refused.status_code in {401, 404}
        assert sent(homes["GB"], f"/tz{hint}", f"{host}/ke{hint}").json()["type"] == "urn:cnp:problem:bad-signature"
        assert sent(homes["GB"], f"/tz{hint}", f"{host}{hint}").status_code == 401
        for url in (f"{host}/ke", f"{host}/tz"):
            with fetcher(url, allow=LOOPBACK) as fetch:
                assert b'"timestamp"' in fetch("metadata/timestamp.json")
        for path, status in {"/ke/health/live": 200, "/ug/health/live": 404, "/kenya/health/live": 404}.items():
            assert httpx.get(f"{host}{path}", trust_env=False).status_code == status
    homes["GB"].database.close()


def test_two_nodes_that_would_answer_at_one_path_are_not_served(tmp_path):
    port = free_port()
    homes = found(tmp_path, {"KE": f"http://127.0.0.1:{port}/x", "TZ": f"http://127.0.0.1:{port}/x"})
    command = [sys.executable, "-m", "node", "serve", *(str(home.settings.home) for home in homes.values())]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 1
    assert "KE and TZ would answer at the same path /x" in told.stderr


@pytest.mark.parametrize(("served_prefix", "base"), [(None, "/ke"), ("", "")])
def test_behind_a_proxy_the_signature_is_over_the_public_path_taken_off_or_not(tmp_path, served_prefix, base):
    homes = found(tmp_path, {"KE": "http://ke.test/ke", "GB": ""}, prefix=served_prefix)
    app = application(homes["KE"])

    async def ask(path, signed_for):
        headers = {"content-type": "application/json"}
        headers |= httpsig.sign_request(
            method="POST", url=f"http://ke.test{signed_for}", headers=headers, body=b"{}",
            signer=homes["GB"].signer("http"), now=int(time.time()),
        )  # fmt: skip
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://proxy") as client:
            response = await client.post(path, headers=headers, content=b"{}")
        if response.status_code == 200:
            asked = httpsig.Request(method="POST", url=f"http://ke.test{signed_for}", headers=headers)
            httpsig.verify_response(
                status=200, headers=dict(response.headers), body=response.content, request=asked,
                now=int(time.time()), key_for=lambda _kid: homes["KE"].signer("http").public,
            )  # fmt: skip
        return response.status_code

    hint = "/cnp/1/hints"
    assert asyncio.run(ask(base + hint, f"/ke{hint}")) == 200
    assert asyncio.run(ask(base + hint, f"/tz{hint}")) == 401
    assert asyncio.run(ask(base + hint, hint)) == 401
    if base:
        assert asyncio.run(ask("/%6be" + hint, f"/ke{hint}")) == 404
        assert asyncio.run(ask(hint, f"/ke{hint}")) == 404
    for home in homes.values():
        home.database.close()
