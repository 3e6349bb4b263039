"""The standard page of the statistics: twelve tables and their row of the log, over seizures that are counted.

What is in the time: one look with no filter at a home's SQLite database, as an officer's request does it. Keeping and
counting the records is told apart, in records a second; records are put into the store as they are after a page was
verified, because signatures are measured elsewhere.
"""

from __future__ import annotations

import base64
import json
import tempfile
import time
from pathlib import Path

from bench import data
from bench.figures import Figure, quantile, tell
from federation.records.facts import of_seizure
from node.services.statistics import following, tables
from node.storage import records
from node.storage.database import Database
from node.storage.records import NewVersion

NODES = ("KE", "TZ", "GB", "FR", "CN")
BATCH = 1_000
LOOKS = 20
HANDLING = json.dumps({"tlp": "green", "onward": "none", "evidence": "ask"})


def run(*, quick: bool) -> list[Figure]:
    """95th percentile of a look at the page in milliseconds, and records counted a second."""
    count, now = 10_000 if quick else 100_000, int(time.time())
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'node.db'}")
        database.upgrade()
        for start in range(0, count, BATCH):
            with database.write() as connection:
                records.keep(connection, [version(number) for number in range(start, start + BATCH)], now=now)
        tell(f"statistics: {count} records are kept")
        began = time.perf_counter()
        while following.follow(database, now=now):
            pass
        rate = count / (time.perf_counter() - began)
        times = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            tables.look(database, tuple(tables.STANDARD), tables.Filters(), by="bench", now=now)
            times.append((time.perf_counter() - began) * 1_000)
        database.close()
    return [("statistics", quantile(times, 0.95), "ms"), ("statistics_counted", rate, "records/s")]


def version(number: int) -> NewVersion:
    """A made-up seizure as it is kept after a page was verified."""
    node = NODES[number % len(NODES)]
    groups = data.seizure(number, node)
    disclosures = [
        base64.urlsafe_b64encode(json.dumps(["salt", name, value]).encode()).rstrip(b"=").decode()
        for name, value in groups.items()
    ]
    return NewVersion(
        iss=node, rid=f"bench-{number}", ver=1, kind="seizure", sch="seizure/1", jh="h", jwt="jwt",
        disclosures=disclosures, mask=(1 << len(groups)) - 1, width=24, iat=0, prev=None, handling=HANDLING,
        title="bench", state="received", pending=False, gc=1, facets=of_seizure(groups).facets(),
    )  # fmt: skip
