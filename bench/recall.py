"""One record that 200 members hold is recalled: from the officer's word to the commit that offers it to all of them.

What is in the time: the tombstone is built and signed, the record is stopped at home (state, filters, words), everybody
who ever got it is found in the grants and in the disclosure log, and for each of the 200 a leaf, a feed entry, the
feed's new compact range, a grant, a disclosure row and a row of the board are written, in one transaction on SQLite in
a home with synchronous writes. What is recalled lies among others that the same 200 hold. Releasing is not counted.
"""

from __future__ import annotations

import string
import tempfile
import time
from pathlib import Path

from bench.federation import BenchFailed, Federation, closing
from bench.figures import Figure, quantile, tell
from node.services import recalling
from node.services.stopping import RecallRules

SENDER = "KE"
HOLDERS = 200
RECIPIENTS = tuple(
    name
    for name in (first + second for first in string.ascii_uppercase for second in string.ascii_uppercase)
    if name != SENDER
)[:HOLDERS]


def run(*, quick: bool) -> list[Figure]:
    """Median and 95th percentile of recalls, in milliseconds."""
    count = 10 if quick else 60
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        closing(Federation.found(Path(folder), (SENDER,), only_listed=RECIPIENTS)) as federation,
    ):
        federation.release(SENDER, federation.draft(SENDER, count))
        home = federation.homes[SENDER]
        publisher = home.publisher()
        with home.database.read() as connection:
            rids = recalling.named(connection, SENDER, [f"SZ-{number:08d}" for number in range(count)])
        tell(f"recall: {count} records released to {HOLDERS} members")
        times = []
        for rid in rids[: count // 2]:
            began = time.perf_counter()
            with home.database.write() as connection:
                report = recalling.recall(
                    connection, publisher, [rid], reason="erroneous", effect="stop-use", by="bench", second=None,
                    rules=RecallRules(limit=count), now=int(time.time()),
                )  # fmt: skip
            times.append((time.perf_counter() - began) * 1_000)
            if len(report.recipients) != HOLDERS:
                raise BenchFailed(f"offered to {len(report.recipients)} members instead of {HOLDERS}")
    return [("recall", quantile(times, 0.5), "ms"), ("recall_p95", quantile(times, 0.95), "ms")]
