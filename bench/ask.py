"""A question to twenty peers at once: from the officer's word to the verified records that are shown.

The asker is this process. The twenty peers are nodes with homes, keys, databases and policies of their own, served by
one process under a path each, as a host of several administrations does. Each holds synthetic seizures of its own,
which its policy grants on request. Deciding whom the question may go to, both logs, signing, twenty answers, and
verifying what came are all inside, and so is the slot of a quarter of a second that an answer waits for. A round in
which a peer did not answer is no figure but a failure.

`ask` asks for a brand of which each peer holds some three records of its 300. `ask_full` asks for what nearly all have,
so that each answers with as many records as an answer may have: the worst case, without a floor.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.federation import POLICY, BenchFailed, Federation, closing, free_port
from bench.figures import Figure, quantile, tell
from federation.questions import Selector
from federation.transport import make_client
from node.services import indexing
from node.services.asking import Asked
from node.services.statistics import following
from node.storage import policies

if TYPE_CHECKING:
    from node.app import Home

ASKER = "KE"
PEERS = (
    "TZ", "UG", "ZA", "GB", "FR", "DE", "NL", "IT", "ES", "PL", "CN", "HK", "SG", "JP", "KR", "AU", "US", "MX", "BR",
    "PE",
)  # fmt: skip
RECORDS, QUICK_RECORDS = 300, 50
SAMPLES, QUICK_SAMPLES = 40, 10
FULL_SAMPLES, QUICK_FULL_SAMPLES = 10, 3
NOT_COUNTED = 2
SETTLE_SECONDS = 180
SOME = ("brand", "Jasper")
MOST = ("right", "trademark")


def run(*, quick: bool) -> list[Figure]:
    """Median and 95th percentile in milliseconds, for some records and for full answers."""
    port = free_port()
    urls = {name: f"http://127.0.0.1:{port}/{name.lower()}" for name in PEERS} | {ASKER: ""}
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        closing(
            Federation.found(Path(folder), (ASKER, *PEERS), urls=urls, ports=dict.fromkeys(PEERS, port), poll=3_600.0)
        ) as federation,
    ):
        _on_request(federation)
        for name in PEERS:
            federation.release(name, federation.draft(name, QUICK_RECORDS if quick else RECORDS))
        federation.start(*PEERS)
        _settle(federation)
        some = asyncio.run(_ask(federation, SOME, NOT_COUNTED + (QUICK_SAMPLES if quick else SAMPLES)))
        most = asyncio.run(_ask(federation, MOST, NOT_COUNTED + (QUICK_FULL_SAMPLES if quick else FULL_SAMPLES)))
    return [
        ("ask", quantile(some, 0.5), "ms"), ("ask_p95", quantile(some, 0.95), "ms"),
        ("ask_full", quantile(most, 0.5), "ms"), ("ask_full_p95", quantile(most, 0.95), "ms"),
    ]  # fmt: skip


def _settle(federation: Federation) -> None:
    """Wait until the nodes have indexed and counted what was just released: an office does not ask in that minute."""
    deadline = time.monotonic() + SETTLE_SECONDS
    for name in PEERS:
        home = federation.homes[name]
        while indexing.lag(home.database) or _uncounted(home):
            if time.monotonic() > deadline:
                raise BenchFailed(f"{name} has not indexed its records in {SETTLE_SECONDS} seconds")
            time.sleep(0.2)
    time.sleep(3.0)


def _uncounted(home: Home) -> int:
    with home.database.read() as connection:
        return following.behind(connection)


def _on_request(federation: Federation) -> None:
    """Nothing goes into feeds: what is measured is asked for."""
    parties = ", ".join(f'"{name}"' for name in (ASKER, *PEERS))
    for name, home in federation.homes.items():
        body = POLICY.format(id=name, parties=parties).replace("version = 1", "version = 2")
        with home.database.write() as connection:
            policies.activate(
                connection, version=2, body=body.replace('"replicate"', '"query"'), author="bench", by="bench too",
                now=int(time.time()),
            )  # fmt: skip


async def _ask(federation: Federation, wanted: tuple[str, str], times: int) -> list[float]:
    home = federation.homes[ASKER]
    name, value = wanted
    selector = Selector(filters={name: frozenset({value})})
    waits, shown = [], 0
    async with make_client(home.settings.allow_addresses) as client:
        asker = home.asker(client)
        for _ in range(times):
            began = time.perf_counter()
            plan = asker.plan(Asked(selector=selector, purpose="customs-enforcement", case="bench", seconds=10.0))
            asker.announce(plan, by="bench")
            found = asker.conclude(plan, await asker.send(plan), by="bench")
            waits.append((time.perf_counter() - began) * 1_000)
            shown = len(found.records)
            if len(found.replies) != len(PEERS) or any(one.answer is None for one in found.replies) or not shown:
                told = sorted({f"{one.state} {one.problem}" for one in found.replies})
                raise BenchFailed(f"not every peer answered, or nothing was found: {', '.join(told)}")
    counted = waits[NOT_COUNTED:]
    tell(f"ask {value}: {len(PEERS)} peers, {shown} records, {len(counted)} samples, {min(counted):.0f} to "
         f"{max(counted):.0f} ms")  # fmt: skip
    return counted
