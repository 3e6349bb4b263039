"""The same records by a bundle and over HTTP, in one run: made and applied, against pulled, in records a second.

A releases seizures for B and C. C pulls them over loopback HTTP as `bench.replicate` has it: two server processes, to
A's having stored the receipt. Then A makes a bundle for B and B applies it, with a verifying process beside it as
`tidewaiter bundle apply` has one; the clock runs from before the making to after the applying, the file between them is
written to disk and mapped again. Afterwards B must find every record by filters and hold nothing in quarantine.

HTTP has two processes that work side by side, and a bundle is made first and applied then: the ratio says what that and
the sealing cost.
"""

from __future__ import annotations

import mmap
import statistics
import tempfile
import time
from pathlib import Path

from bench import replicate
from bench.federation import BenchFailed, Federation, closing
from bench.figures import Figure, tell
from node.services.verifiers import Verifiers

SENDER = "KE"
RECEIVERS = ("TZ", "UG", "ZA")
RECORDS, QUICK_RECORDS = 10_000, 1_000


def run(*, quick: bool) -> list[Figure]:
    """Both rates and their ratio; the median of the rounds."""
    count = QUICK_RECORDS if quick else RECORDS
    receivers = RECEIVERS[:1] if quick else RECEIVERS
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        closing(Federation.found(Path(folder), (SENDER, *receivers, "RW"), poll=replicate.NEVER)) as federation,
    ):
        federation.release(SENDER, federation.draft(SENDER, count))
        federation.start(SENDER)
        replicate.words(federation, SENDER)
        time.sleep(1.0)  # it looks for peers, finds none that answers, and is quiet
        over_http = replicate.one_round(federation, "http", "RW", count).rate
        federation.stop(SENDER)
        rates = [_carry(federation, Path(folder), receiver, count) for receiver in receivers]
    rate = statistics.median(rates)
    return [("bundle", rate, "1/s"), ("bundle_http", over_http, "1/s"), ("bundle_ratio", rate / over_http, "")]


def _carry(federation: Federation, folder: Path, receiver: str, count: int) -> float:
    sender, home, path = federation.homes[SENDER], federation.homes[receiver], folder / f"{receiver}.cnp"
    verifiers = Verifiers(home.settings.verifiers)
    verifiers.start()
    time.sleep(2.0)
    began = time.perf_counter()
    with path.open("wb") as file:
        made = sender.bundle_maker().make(receiver, file, by="bench")
    between = time.perf_counter()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        taken = home.bundle_taker(verifiers).take(data, by="bench")
    seconds = time.perf_counter() - began
    verifiers.stop()
    if not taken.complete or taken.entries != made.entries:
        raise BenchFailed(f"{taken.entries} of {count} records came by the bundle: {taken.problems[:1]}")
    federation.check(receiver, SENDER, count)
    tell(
        f"bundle: {count} records in {made.chunks} chunks, made {count / (between - began):.0f}/s, "
        f"made and applied {count / seconds:.0f}/s"
    )
    return count / seconds
