"""From drafts to signed records that are offered to ten recipients: releases a second, one process.

What is in a second: each draft is completed and checked, signed once, decided for every recipient, and written with
its facets, a feed entry, a grant and a disclosure row for each of the ten, in transactions of the product's own size.
The drafts lie in an SQLite database in a home; the recipients are members of the directory. Making the drafts is not
counted. The limit is taken between portions of the release, and that time is not counted either.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.federation import BenchFailed, Federation, closing
from bench.figures import Figure, tell
from bench.limit import ed25519_verify

SENDER = "KE"
RECIPIENTS = ("TZ", "UG", "ZA", "GB", "FR", "DE", "NL", "IT", "CN", "SG")
PORTIONS = 5


def run(*, quick: bool) -> list[Figure]:
    """The rate over the whole, and its ratio to the limit."""
    count = 500 if quick else 20_000
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        closing(Federation.found(Path(folder), (SENDER,), only_listed=RECIPIENTS)) as federation,
    ):
        ids = federation.draft(SENDER, count)
        seconds, ratios = 0.0, []
        for at in range(0, count, count // PORTIONS):
            portion = ids[at : at + count // PORTIONS]
            limit = ed25519_verify()
            began = time.perf_counter()
            federation.release(SENDER, portion)
            took = time.perf_counter() - began
            seconds += took
            ratios.append(len(portion) / took / limit)
            tell(f"release: {at + len(portion)} of {count}, {len(portion) / took:.0f}/s")
        offered = {name: federation.offered(SENDER, name) for name in RECIPIENTS}
        if set(offered.values()) != {count}:
            raise BenchFailed(f"not everything was offered to everybody: {offered}")
    return [
        ("release", count / seconds, "1/s"),
        ("release_ratio", sorted(ratios)[len(ratios) // 2], "of_ed25519_verify"),
    ]
