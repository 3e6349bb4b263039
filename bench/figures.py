"""What the benchmarks say and what they must reach: one floor a figure, and nothing else that is judged."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

Figure = tuple[str, float, str]
"""Name, value, unit."""
STARTED = time.monotonic()


@dataclass(frozen=True, slots=True)
class Floor:
    """The least, or for times and sizes the most, that a figure may be."""

    bound: float
    at_most: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value is within the floor."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g}"


FLOORS = {
    "issue_ratio": Floor(0.35),
    "verify_ratio": Floor(0.45),
    "decide": Floor(1.0, at_most=True),
    "replicate_sqlite_ratio": Floor(0.27),
    "replicate_postgres_ratio": Floor(0.20),
    # "Not falling": two rates of medians are compared, and each is known to a few per cent.
    "replicate_sqlite_large_to_small": Floor(0.95),
    "replicate_postgres_large_to_small": Floor(0.95),
    "release": Floor(1_000),
    "more": Floor(2_000),
    "review": Floor(120, at_most=True),
    # "Bounded": the size does not depend on the number of records; what it is made of is imported code and one batch.
    "review_rss": Floor(300, at_most=True),
    "statistics": Floor(300, at_most=True),
    "followers_words": Floor(0.12),
    "followers_sums": Floor(0.12),
    "followers_caught_up": Floor(10, at_most=True),
    "followers_words_postgres": Floor(0.12),
    "followers_sums_postgres": Floor(0.12),
    "followers_caught_up_postgres": Floor(10, at_most=True),
    "search_filters": Floor(15, at_most=True),
    "search_filters_p95": Floor(100, at_most=True),
    "search_words": Floor(25, at_most=True),
    "search_words_p95": Floor(60, at_most=True),
    "search_names_p95": Floor(150, at_most=True),
    "search_facets_p95": Floor(300, at_most=True),
    "recall": Floor(100, at_most=True),
    "recall_p95": Floor(100, at_most=True),
    "ask_p95": Floor(1_000, at_most=True),
    "bundle_ratio": Floor(0.7),
    "rss_b": Floor(250, at_most=True),
    # "The same": what 15 000 records more may add is what an allocator keeps, not what the records weigh.
    "rss_b_large_to_small": Floor(1.10, at_most=True),
    "pictures_intake": Floor(0.8),
    "pictures_similar": Floor(20, at_most=True),
    "latency_hint": Floor(50, at_most=True),
    "latency_hint_p95": Floor(200, at_most=True),
    "urgent_lane": Floor(60, at_most=True),
}


def quantile(values: list[float], part: float) -> float:
    """The value that `part` of the values do not exceed; of few values the next higher one, never one between.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5), quantile([1.0, 2.0, 3.0, 4.0], 0.95)
    (2.0, 4.0)
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * part // 1) - 1)]


def tell(text: str) -> None:
    """Progress, beside the figures."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)
