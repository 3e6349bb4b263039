"""The followers of the records: what words and names are found by, and the sums of the statistics.

What is in the time: each follower over records that are kept and not followed yet, alone, in a home's SQLite database
and in a PostgreSQL of its own; and both together after 20 000 records, as a node that has just received them. The limit
is Ed25519 verification, of which each record costs one.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import limit, postgres
from bench.figures import Figure, tell
from bench.statistics import BATCH, version
from node.services import indexing
from node.services.statistics import following
from node.storage import records
from node.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable

CAUGHT_UP = 20_000
"""Records after which it is told how long both followers need."""


def run(*, quick: bool) -> list[Figure]:
    """Each follower as a ratio to the limit, and seconds until both have caught up, on both databases."""
    count, figures = 4_000 if quick else CAUGHT_UP, list[Figure]()
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'node.db'}")
        database.upgrade()
        figures += _measured(database, count, "")
        database.close()
    with postgres.server() as url, postgres.databases(url, ("followers",)) as urls:
        database = Database(urls["followers"])
        database.upgrade()
        figures += _measured(database, count, "_postgres")
        database.close()
    return figures


def _measured(database: Database, count: int, suffix: str) -> list[Figure]:
    now = int(time.time())
    for start in range(0, count, BATCH):
        with database.write() as connection:
            records.keep(connection, [version(number) for number in range(start, start + BATCH)], now=now)
    tell(f"followers: {count} records are kept{suffix.replace('_', ' in ')}")
    before = limit.ed25519_verify()
    words = _seconds(database, indexing.follow, now)
    sums = _seconds(database, following.follow, now)
    best = max(before, limit.ed25519_verify())
    return [
        (f"followers_words{suffix}", count / words / best, "of ed25519_verify"),
        (f"followers_sums{suffix}", count / sums / best, "of ed25519_verify"),
        (f"followers_caught_up{suffix}", (words + sums) * CAUGHT_UP / count, "s for 20 000 records"),
    ]


def _seconds(database: Database, follow: Callable[..., bool], now: int) -> float:
    began = time.perf_counter()
    while follow(database, now=now):
        pass
    return time.perf_counter() - began
