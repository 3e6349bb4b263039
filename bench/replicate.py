"""From A to B: two server processes, signed requests, verified, stored durably, filterable, receipt returned."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.federation import Federation, running
from bench.limit import ed25519_verify

Figure = tuple[str, float, str]


def measure(kind: str, count: int, *, databases: dict[str, str] | None = None) -> tuple[float, float, float]:
    """Records a second from A to B, the limit in the same minute, and B's peak memory in MB."""
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        federation = Federation.found(Path(folder), ["KE", "TZ"], databases=databases, poll=3600.0)
        federation.release("KE", federation.draft("KE", count))
        before = ed25519_verify()
        # B is up and idle; A comes up and tells B that there is something.
        with running(federation, "TZ", "KE"):
            began = time.perf_counter()
            while federation.confirmed("KE", "TZ") < count:
                time.sleep(0.02)
                if time.perf_counter() - began > 300:
                    raise SystemExit(f"{kind}: {federation.received('TZ', 'KE')} of {count} after five minutes")
            seconds = time.perf_counter() - began
            memory = federation.peak_rss_mb("TZ")
        limit = (before + ed25519_verify()) / 2
        return count / seconds, limit, memory


def run(*, quick: bool) -> list[Figure]:
    """The figures on SQLite."""
    small, large = (500, 2_000) if quick else (2_000, 20_000)
    figures: list[Figure] = []
    for count in (small, large):
        rate, limit, memory = measure("sqlite", count)
        figures.append((f"replicate_sqlite_{count}", rate, "1/s"))
        figures.append((f"replicate_sqlite_{count}_ratio", rate / limit, "of_ed25519_verify"))
        figures.append((f"rss_b_{count}", memory, "MB"))
    if not quick:
        _, _, memory = measure("sqlite", 5_000)
        figures.append(("rss_b_5000", memory, "MB"))
    return figures
