"""An alert behind a bulk backlog on a slow line: seconds from its release at A to its being found at B.

A has tens of thousands of released seizures that B lacks, and B is pulling them over a line of 128 kbit/s that both
nodes' traffic shares in both directions (`bench.slowlink`): pages, requests, hints and receipts. At random moments an
alert is released at A's API, and B's API is searched for it four times a second; the two APIs are asked directly and
not over the line. The backlog must still be on its way when the last alert has come, or there is no figure.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.federation import BenchFailed, Federation, closing, free_port
from bench.figures import Figure, quantile, tell
from bench.officer import Officer
from bench.slowlink import Line, slow_link

BYTES_A_SECOND = 128_000 / 8
PAUSE_SECONDS = 0.25
GIVE_UP_SECONDS = 120.0
FLOWING_BYTES = 50_000


def run(*, quick: bool) -> list[Figure]:
    """Median and 95th percentile in seconds."""
    backlog, alerts, longest = (3_000, 2, 5.0) if quick else (20_000, 8, 20.0)
    ids = ("KE", "TZ")
    ports = {name: free_port() for name in ids}
    doors = {name: free_port() for name in ids}
    routes = {doors[name]: ports[name] for name in ids}
    urls = {name: f"http://127.0.0.1:{doors[name]}" for name in ids}
    chance = random.Random(7)  # noqa: S311 - not a secret, a repeatable bench
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        closing(Federation.found(Path(folder), ids, ports=ports, urls=urls)) as federation,
    ):
        federation.release("KE", federation.draft("KE", backlog))
        tell(f"urgent_lane: {backlog} records wait at A")
        with slow_link(routes, bytes_a_second=BYTES_A_SECOND) as line:
            federation.start("KE")
            federation.start("TZ")
            _until_it_flows(line)
            giver, finder = Officer(federation, "KE"), Officer(federation, "TZ")
            waits = []
            for number in range(alerts):
                time.sleep(chance.uniform(0.0, longest))
                waits.append(_once(giver, finder, number))
                tell(f"urgent_lane: alert {number + 1} came after {waits[-1]:.1f} s")
            giver.close()
            finder.close()
            received = federation.received("TZ", "KE")
            federation.stop()
    if received >= backlog:
        raise BenchFailed("the backlog was through before the last alert: nothing had to wait")
    tell(f"urgent_lane: {received} of {backlog} records of the backlog had come by then")
    return [
        ("urgent_lane", quantile(waits, 0.95), "s"),
        ("urgent_lane_p50", quantile(waits, 0.5), "s"),
    ]


def _until_it_flows(line: Line) -> None:
    """Wait until the line has carried more than all that is not a page of the backlog."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while line.carried < FLOWING_BYTES:
        if time.monotonic() > deadline:
            raise BenchFailed("the backlog does not flow")
        time.sleep(0.1)


def _once(giver: Officer, finder: Officer, number: int) -> float:
    brand, reference = f"Urgent {number}", f"ALERT-{number}"
    giver.draft("alert", reference, _alert(brand))
    began = time.perf_counter()
    giver.release("alert", reference)
    finder.wait(PAUSE_SECONDS, kind="alert", brand=brand)
    return time.perf_counter() - began


def _alert(brand: str) -> dict[str, Any]:
    return {
        "headline": {
            "title": [{"lang": "en", "by": "author", "text": f"Counterfeit {brand} in mixed loads"}],
            "type": "new_modus_operandi",
            "priority": "high",
            "actions": ["inform"],
        },
        "subject": {"wco": ["footwear"], "brands": [brand], "types": ["trademark"]},
        "pattern": {
            "chain": [{"role": "departure", "country": "CN"}, {"role": "destination", "country": "TZ"}],
            "conveyance": ["sea"],
            "method": [{"lang": "en", "by": "author", "text": "Behind a false wall at the front of the container"}],
        },
    }
