"""Search over many seizures: three filters and a period, one word, counts over the result, a name in another spelling.

What is in the time: one question to `node.services.search`, as an officer's request asks it, its row of the disclosure
log and the reading of the fifty hits included. Records are put into the store as they are after a page was verified;
their bodies have the size of real ones. Questions are drawn from the records, so that frequent values are asked often.
"""

# ruff: noqa: SIM905 - a list of words is easier to read as a line

from __future__ import annotations

import base64
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import data
from bench.figures import Figure, quantile, tell
from federation.records.facts import of_seizure
from node.services import indexing, search
from node.storage import records
from node.storage.database import Database
from node.storage.records import NewVersion

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = ("KE", "TZ", "GB", "FR", "CN")
BATCH = 1_000
QUESTIONS = 100
HANDLING = json.dumps({"tlp": "green", "onward": "none", "evidence": "ask"})
KEEP = "TIDEWAITER_BENCH_FOLDER"
"""A folder in which the filled database stays, and is used again."""
FIRST = "Mohamed Youssef Ivan Sergei Wei Li Fatima Amina Jean Pierre Carlos Maria Nguyen Kwame Otieno Ahmed".split()
SYLLABLES = "ka mo ri sha ben tov la zhi no du pa wen gar el mi su ta ro ny fe".split()


def run(*, quick: bool) -> list[Figure]:
    """Medians and 95th percentiles in milliseconds."""
    count = 20_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        database = Database(f"sqlite:///{Path(os.environ.get(KEEP) or folder) / f'search-{count}.db'}")
        fill(database, count)
        figures = measure(database, count)
        database.close()
    return figures


def fill(database: Database, count: int) -> None:
    """Keep and index so many seizures; what is there already stays."""
    database.upgrade()
    now = int(time.time())
    with database.read() as connection:
        there = sum(records.count_by_state(connection).values())
    began = time.perf_counter()
    for start in range(there, count, BATCH):
        with database.write() as connection:
            records.keep(connection, [version(number) for number in range(start, start + BATCH)], now=now)
        if start % 100_000 == 0:
            tell(f"search: {start} of {count} records are kept")
    kept = time.perf_counter()
    while indexing.follow(database, now=now):
        pass
    ended = time.perf_counter()
    if there < count:
        tell(f"search: kept at {(count - there) / (kept - began):.0f}/s, indexed at {count / (ended - kept):.0f}/s")


def measure(database: Database, count: int) -> list[Figure]:
    """Ask questions of each kind and tell how long they took."""
    rng, now = random.Random(7), int(time.time())  # noqa: S311 - chance is here to be repeated

    def ask(criteria: search.Criteria) -> None:
        search.find(database, criteria, by="bench", purpose="customs-enforcement", now=now)

    questions: dict[str, Callable[[], search.Criteria]] = {
        "search_filters": lambda: _filters(rng, count),
        "search_words": lambda: search.Criteria(words=data.skew(rng, data.WORDS, 1.4)),
        "search_names": lambda: search.Criteria(name=_misspelt(rng, party(rng.randrange(count)))),
        "search_facets": lambda: search.Criteria(
            filters=_filters(rng, count).filters, day_from="2020", day_to="2022", facets=True
        ),
    }
    figures: list[Figure] = []
    for name, question in questions.items():
        times = []
        for at in range(QUESTIONS + 5):
            criteria = question()
            began = time.perf_counter()
            ask(criteria)
            if at >= 5:  # the first ones warm the caches
                times.append((time.perf_counter() - began) * 1_000)
        figures += [(name, quantile(times, 0.5), "ms"), (f"{name}_p95", quantile(times, 0.95), "ms")]
    return figures


def _filters(rng: random.Random, count: int) -> search.Criteria:
    """Three filters that some record fulfils, and three years."""
    groups = data.seizure(rng.randrange(count), rng.choice(NODES))
    facets = of_seizure(groups).facets().values
    fields = rng.sample(sorted(set(facets) & set(search.FIELDS)), 3)
    year = rng.randint(2018, 2023)
    return search.Criteria(
        filters={name: frozenset({rng.choice(sorted(facets[name]))}) for name in fields},
        day_from=str(year), day_to=str(year + 2),
    )  # fmt: skip


def party(number: int) -> str:
    """The consignee of seizure `number`: a first name that many have, and one of some hundred thousand others."""
    rng = random.Random(number // 3)  # noqa: S311 - chance is here to be repeated
    return f"{data.skew(rng, FIRST)} {''.join(rng.choice(SYLLABLES) for _ in range(3)).capitalize()}"


def _misspelt(rng: random.Random, name: str) -> str:
    first, last = name.split()
    at = rng.randrange(1, len(last) - 1)
    return f"{first} {last[:at]}{last[at]}{last[at:]}" if rng.random() < 0.5 else f"{last[:at]}{last[at + 1 :]} {first}"


def version(number: int) -> NewVersion:
    """A stored version as it is after it was verified."""
    node = NODES[number % len(NODES)]
    groups: dict[str, Any] = data.seizure(number, node)
    if number % 3 == 0:
        groups["persons"] = [{"role": "consignee", "name": party(number)}]
    disclosures = [
        base64.urlsafe_b64encode(json.dumps(["salt" * 6, name, value]).encode()).rstrip(b"=").decode()
        for name, value in groups.items()
    ]
    return NewVersion(
        iss=node, rid=f"bench-{number}", ver=1, kind="seizure", sch="seizure/1", jh="h" * 43, jwt="j" * 1_900,
        disclosures=disclosures, mask=(1 << len(groups)) - 1, width=24, iat=0, prev=None, handling=HANDLING,
        title=f"seizure {number}", state="received", pending=False, gc=1, facets=of_seizure(groups).facets(),
    )  # fmt: skip
