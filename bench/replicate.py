"""From node A to node B: how many released seizures a second, and what B weighs.

What is in a second: B asks for pages over loopback HTTP with signed requests, A answers with signed pages, B verifies
every record, stores it durably with the facets that filters use, and A has stored B's receipt. Both are server
processes of their own. What follows later, in batches, is the word index; how long it takes is told as a figure of
its own and counts in B's memory.

How it is timed: A runs until its own word index has caught up and is paused (SIGSTOP), then B starts, and B's first
request waits in A's socket. The clock starts when A is let go on, and ends when A's database has the receipt for
everything. Afterwards B must find every record by filters and hold nothing in quarantine, or there is no figure.

Each size is one federation of A and several receivers, one for each round; the figure is the median round. The limit
(`bench.limit`) is taken before and after each round, and the ratio is of the same round. Memory is the sum of the peak
resident sizes (VmHWM) of B's processes, the largest of the rounds.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import postgres
from bench.federation import BenchFailed, Federation, closing
from bench.figures import Figure, tell
from bench.limit import ed25519_verify

if TYPE_CHECKING:
    from collections.abc import Iterator

SENDER = "KE"
RECEIVERS = ("TZ", "UG", "ZA")
POLL_SECONDS = 0.01
GIVE_UP_SECONDS = 300.0
NEVER = 3_600.0
"""Seconds between rounds without a hint: none falls into a measurement."""


@dataclass(frozen=True, slots=True)
class Round:
    """One copy from A to one receiver."""

    rate: float
    """Records a second."""
    ratio: float
    """Of the limit before and after."""
    memory: float
    """MB, all processes of B."""
    words: float
    """Seconds until the word index had caught up, after the receipt."""


def measure(kind: str, count: int, rounds: int) -> list[Round]:
    """Copy `count` records to each of some receivers, one after the other."""
    receivers = RECEIVERS[:rounds]
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        _databases(kind, (SENDER, *receivers)) as databases,
        closing(Federation.found(Path(folder), (SENDER, *receivers), databases=databases, poll=NEVER)) as federation,
    ):
        federation.release(SENDER, federation.draft(SENDER, count))
        federation.start(SENDER)
        words(federation, SENDER)
        time.sleep(1.0)  # it looks for peers, finds none that answers, and is quiet
        return [one_round(federation, kind, receiver, count) for receiver in receivers]


@contextlib.contextmanager
def _databases(kind: str, ids: tuple[str, ...]) -> Iterator[dict[str, str] | None]:
    if kind == "sqlite":
        yield None
        return
    with postgres.server() as url, postgres.databases(url, ids) as urls:
        yield urls


def one_round(federation: Federation, kind: str, receiver: str, count: int) -> Round:
    before = ed25519_verify()
    federation.pause(SENDER)
    federation.start(receiver)
    time.sleep(1.0)  # its request is on its way by now
    federation.resume(SENDER)
    began = noted = time.perf_counter()
    while federation.confirmed(SENDER, receiver) < count:
        time.sleep(POLL_SECONDS)
        now = time.perf_counter()
        if now - noted > 1.0:
            noted = now
            federation.note_memory(receiver)
        if now - began > GIVE_UP_SECONDS:
            raise BenchFailed(f"{federation.received(receiver, SENDER)} of {count} records after {now - began:.0f} s")
    seconds = time.perf_counter() - began
    limit = (before + ed25519_verify()) / 2
    behind = words(federation, receiver)
    memory = federation.peak_rss_mb(receiver)
    federation.stop(receiver)
    federation.check(receiver, SENDER, count)
    rate = count / seconds
    tell(f"{kind}: {count} records, {rate:.0f}/s, {rate / limit:.3f} of {limit:.0f}/s, {memory:.0f} MB")
    return Round(rate, rate / limit, memory, behind)


def words(federation: Federation, node: str) -> float:
    """Wait until the word index of a node has caught up."""
    began = time.perf_counter()
    while federation.words_behind(node) > 0:
        time.sleep(0.1)
        if time.perf_counter() - began > GIVE_UP_SECONDS:
            raise BenchFailed("the word index does not catch up")
    return time.perf_counter() - began


def sqlite(*, quick: bool) -> list[Figure]:
    """The figures on SQLite, with B's memory."""
    small, large = (500, 2_000) if quick else (2_000, 20_000)
    rounds = 1 if quick else 3
    few, many = measure("sqlite", small, rounds), measure("sqlite", large, rounds)
    # Memory is compared at a quarter of the large size: at less, B has not yet taken what it takes at any size.
    middle = large // 4
    weighed = few if middle == small else measure("sqlite", middle, 1)
    light, heavy = (max(one.memory for one in rounds) for rounds in (weighed, many))
    return [
        *_figures("replicate_sqlite", small, few, many),
        (f"rss_b_{middle}", light, "MB"),
        (f"rss_b_{large}", heavy, "MB"),
        ("rss_b", max(light, heavy), "MB"),
        ("rss_b_large_to_small", heavy / light, "ratio"),
    ]


def on_postgres(*, quick: bool) -> list[Figure]:
    """The figures on PostgreSQL: A and B have a database each on one server."""
    small, large = (500, 2_000) if quick else (2_000, 20_000)
    rounds = 1 if quick else 3
    few, many = measure("postgres", small, rounds), measure("postgres", large, rounds)
    return [
        *_figures("replicate_postgres", small, few, many),
        (f"rss_b_postgres_{large}", max(one.memory for one in many), "MB"),
    ]


def _figures(name: str, small: int, few: list[Round], many: list[Round]) -> list[Figure]:
    def middle(rounds: list[Round], member: str) -> float:
        return statistics.median(getattr(one, member) for one in rounds)

    return [
        (name, middle(many, "rate"), "1/s"),
        (f"{name}_ratio", middle(many, "ratio"), "of_ed25519_verify"),
        (f"{name}_{small}", middle(few, "rate"), "1/s"),
        (f"{name}_{small}_ratio", middle(few, "ratio"), "of_ed25519_verify"),
        (f"{name}_large_to_small", middle(many, "ratio") / middle(few, "ratio"), "ratio"),
        (f"{name}_words_behind", middle(many, "words"), "s"),
    ]
