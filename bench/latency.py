"""Release at A to found by filter at B, while both are idle: what an officer of B waits for one new seizure.

A and B are server processes. The clock starts before the request that releases a waiting draft is sent to A's API, and
ends when a search by a brand that only this seizure has, sent to B's API again and again with a few milliseconds
between, has found it: signing, deciding, appending, the hint, the pull, verifying, storing and both API requests are
all inside. Samples are more than a second apart, because a node hints a peer at most once a second; two before
them are not counted. Quantiles are values that were measured, never between two.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.data import seizure
from bench.federation import Federation, closing
from bench.figures import Figure, quantile, tell
from bench.officer import Officer

SAMPLES, QUICK_SAMPLES = 40, 8
NOT_COUNTED = 2
APART_SECONDS = 1.25
PAUSE_SECONDS = 0.003
FIRST_REFERENCE = 1_000_000


def run(*, quick: bool) -> list[Figure]:
    """Median and 95th percentile in milliseconds."""
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        # The timer is far away: what arrives, arrives by hint.
        closing(Federation.found(Path(folder), ("KE", "TZ"), poll=3_600.0)) as federation,
    ):
        federation.start("KE")
        federation.start("TZ")
        giver, finder = Officer(federation, "KE"), Officer(federation, "TZ")
        time.sleep(3.0)
        waits = []
        for number in range(NOT_COUNTED + (QUICK_SAMPLES if quick else SAMPLES)):
            waits.append(_once(giver, finder, number))
            time.sleep(APART_SECONDS)
        giver.close()
        finder.close()
    counted = waits[NOT_COUNTED:]
    tell(f"latency_hint: {len(counted)} samples from {min(counted):.1f} to {max(counted):.1f} ms")
    return [
        ("latency_hint", quantile(counted, 0.5), "ms"),
        ("latency_hint_p95", quantile(counted, 0.95), "ms"),
    ]


def _once(giver: Officer, finder: Officer, number: int) -> float:
    groups = seizure(FIRST_REFERENCE + number, "KE")
    brand = f"Latency {number}"
    groups["right"] = [{"line": "1", "brands": [brand], "types": ["trademark"]}]
    reference = groups["case"]["reference"]
    giver.draft("seizure", reference, groups)
    time.sleep(0.1)
    began = time.perf_counter()
    giver.release("seizure", reference)
    finder.wait(PAUSE_SECONDS, brand=brand)
    return (time.perf_counter() - began) * 1_000
