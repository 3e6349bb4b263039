"""`python -m bench [--quick] [--check] [NAME...]`: measure, one line a figure on standard output.

    BENCH <name> <value> <unit>

Progress and, at the end, a table of floors and values go to standard error. The exit status is 0 also when a floor is
missed, unless `--check` is given; it is 2 when something could not be measured. NAME is a benchmark or the name of a
figure. How each figure is measured stands at the top of its module; `docs/benchmarks.md` says what it means.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bench import (
    ask,
    bundle,
    changes,
    crypto_bench,
    followers,
    latency,
    pictures,
    policy_bench,
    recall,
    release,
    replicate,
    search,
    statistics,
    urgent,
)
from bench.figures import FLOORS, Figure, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BENCHMARKS: dict[str, tuple[Callable[..., list[Figure]], tuple[str, ...]]] = {
    "crypto": (crypto_bench.run, ("ed25519_verify", "issue", "verify", "record_bytes")),
    "decide": (policy_bench.run, ("decide",)),
    "release": (release.run, ("release",)),
    "more": (changes.more, ("more",)),
    "review": (changes.review, ("review",)),
    "recall": (recall.run, ("recall",)),
    "replicate_sqlite": (replicate.sqlite, ("replicate_sqlite", "rss_b")),
    "replicate_postgres": (replicate.on_postgres, ("replicate_postgres", "rss_b_postgres")),
    "statistics": (statistics.run, ("statistics",)),
    "followers": (followers.run, ("followers_words", "followers_sums", "followers_caught_up")),
    "search": (search.run, ("search_filters", "search_words", "search_names", "search_facets")),
    "ask": (ask.run, ("ask",)),
    "pictures_intake": (pictures.intake, ("pictures_intake", "pictures_worker_rss")),
    "pictures_similar": (pictures.similar, ("pictures_similar",)),
    "bundle": (bundle.run, ("bundle",)),
    "latency_hint": (latency.run, ("latency_hint",)),
    "urgent_lane": (urgent.run, ("urgent_lane",)),
}
"""Name, what measures it, and how the names of its figures begin."""
ONLY_IN_FULL = "_large_to_small"
"""Comparisons of sizes mean nothing at the sizes of a quick run: told there, and not judged."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for and print it. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure this node's software on this machine."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHMARKS)}; all if none is given"
    )
    parser.add_argument("--quick", action="store_true", help="smaller and fewer measurements, under two minutes")
    parser.add_argument("--check", action="store_true", help="exit with status 1 if a floor is missed")
    options = parser.parse_args(arguments)
    chosen = [name for name in BENCHMARKS if not options.names or any(_means(word, name) for word in options.names)]
    for word in options.names:
        if not any(_means(word, name) for name in BENCHMARKS):
            parser.error(f"there is no benchmark {word!r}; there are {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    failed: list[str] = []
    for name in chosen:
        tell(f"measuring {name}")
        try:
            measured = BENCHMARKS[name][0](quick=options.quick)
        except Exception as error:  # noqa: BLE001 - one benchmark that fails does not take the others with it
            failed.append(name)
            tell(f"{name} could not be measured: {type(error).__name__}: {error}")
            continue
        for figure, value, unit in measured:
            print(f"BENCH {figure} {_shown(value)} {unit}", flush=True)
        figures += measured
    missed = _table([one for one in figures if not (options.quick and one[0].endswith(ONLY_IN_FULL))])
    if failed:
        print(f"not measured: {', '.join(failed)}", file=sys.stderr)
        return 2
    return 1 if missed and options.check else 0


def _means(word: str, name: str) -> bool:
    return word == name or any(word == figure or word.startswith(f"{figure}_") for figure in BENCHMARKS[name][1])


def _shown(value: float) -> str:
    return f"{value:.0f}" if value >= 1_000 else f"{value:.4g}"


def _table(figures: Sequence[Figure]) -> int:
    """Print floors beside values; returns how many are missed."""
    judged = [(name, value, unit, FLOORS[name]) for name, value, unit in figures if name in FLOORS]
    for name, value, unit, floor in judged:
        word = "ok    " if floor.holds(value) else "MISSED"
        print(f"{word} {name:<36} {_shown(value):>10} {unit:<18} floor: {floor}", file=sys.stderr)
    return sum(not floor.holds(value) for _, value, _, floor in judged)


if __name__ == "__main__":
    sys.exit(main())
