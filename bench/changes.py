"""A change of policy over what was shared before: `more` for 10 000 records, and a review of 100 000 × 200.

`more`: one group more for one recipient that holds every record. Issuing is `applying.advance`, as an activation does
it: read, decide, compare, append, in its own transactions. Applying is what the recipient does with the pages: open,
verify, store, one process, no network (pages are made before the clock starts).

`review`: another policy over 100 000 live records and 200 members in some forty classes, most of whom hold a part of
each record; a new rule gives five of them one group more of some records, and nothing changes for the others. The
records are copies of 2 000 signed ones under other ids, so that building them does not take an hour; the review
reads, decides and compares each for itself. It runs in a process of its own, whose peak resident size is told.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, select, text

from bench import policy_bench
from bench.federation import BenchFailed, Federation, closing
from bench.figures import Figure, tell
from crypto.signer import FileSigner
from federation.directory import parse_directory
from federation.policy import CompiledPolicy, Rule, When, classify, compile_policy
from node.services import applying
from node.services.publishing import Publisher
from node.services.serving import Server
from node.storage import drafts, policies
from node.storage.database import Database
from node.storage.tables import entry_in, entry_out, grant_out, record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.attributes import Recipient

HOLDER = "TZ"
TEMPLATES = 2_000
YEAR = 365 * 86_400
LEFT_OUT = frozenset({"green", "health"})
"""Rules that give something to everybody: the state would be twice as large, and no harder to compare."""


def more(*, quick: bool) -> list[Figure]:
    """Issue and apply `more` for one recipient."""
    count = 500 if quick else 10_000
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        closing(Federation.found(Path(folder), ("KE", HOLDER))) as federation,
    ):
        home, now = federation.homes["KE"], int(time.time())
        with home.database.read() as connection:
            active = policies.active(connection)
        first = "" if active is None else active.body
        _activate(home.database, first.replace("version = 1", "version = 2", 1) + WITHHELD, 2, now)
        federation.release("KE", federation.draft("KE", count))
        _take_in(federation, count)
        _activate(home.database, first.replace("version = 1", "version = 3", 1), 3, now)
        began = time.perf_counter()
        done = applying.Reviewed()
        for batch in applying.advance(home.database, home.publisher(), now=now):
            done.add(batch)
        issuing = count / (time.perf_counter() - began)
        if done.mores != count:
            raise BenchFailed(f"not one `more` a record: {done.counts()}")
        tell(f"more: {count} issued, {issuing:.0f}/s")
        seconds = _take_in(federation, 2 * count)
    return [("more", issuing, "1/s"), ("more_apply", count / seconds, "1/s")]


WITHHELD = """
[[rule]]
id = "method-stays-home"
effect = "withhold"
groups = ["method"]
when = { kind = ["seizure"] }
"""


def _activate(database: Database, body: str, version: int, now: int) -> None:
    with database.write() as connection:
        policies.activate(connection, version=version, body=body, author="bench", by="bench too", now=now)


def _take_in(federation: Federation, size: int) -> float:
    """Let the holder take in all pages of its bulk lane; returns the seconds that it took at the desk."""
    sender, holder = federation.homes["KE"], federation.homes[HOLDER]
    desk = holder.exchange().desk("KE")
    server = Server(node="KE", directory=sender.membership.current(), log_signer=sender.signer("log"))
    seconds = 0.0
    while (position := desk.position("bulk")).size < size:
        with sender.database.read() as connection:
            data = server.page(
                connection, recipient=HOLDER, lane="bulk", start=position.size, limit=500, note=position.note,
                now=int(time.time()),
            )  # fmt: skip
        began = time.perf_counter()
        applied = desk.apply(desk.verify(desk.open("bulk", data, None)))
        seconds += time.perf_counter() - began
        if applied.quarantined:
            raise BenchFailed("a page that should be taken in was put aside")
    with holder.database.read() as connection:
        if connection.scalar(select(func.count()).select_from(entry_in)) != size:
            raise BenchFailed("the holder did not take in what was sent")
    return seconds


def review(*, quick: bool) -> list[Figure]:
    """Review many records for 200 members under a changed policy."""
    count, templates = (4_000, 400) if quick else (100_000, TEMPLATES)
    old, new, members = _policies()
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        path = Path(folder) / "node.db"
        database = Database(f"sqlite:///{path}")
        database.upgrade()
        publisher = _publisher(old, members)
        _build(database, publisher, templates=templates, copies=count // templates)
        with database.read() as connection:
            held = connection.scalar(select(func.count()).select_from(grant_out)) or 0
            before = connection.scalar(select(func.count()).select_from(entry_out)) or 0
        database.close()
        tell(f"review: {count} records, {held} grants, {len(classify(new, members).members)} classes")
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, looked, entries, peak = pool.apply(_review, (str(path),))
        database = Database(f"sqlite:///{path}")
        with database.read() as connection:
            after = connection.scalar(select(func.count()).select_from(entry_out)) or 0
        database.close()
    if looked != count or not entries or after - before != entries:
        raise BenchFailed(f"{looked} of {count} records were reviewed, {entries} entries issued")
    tell(f"review: {entries} entries issued in {seconds:.1f} s")
    return [
        ("review", seconds, "s"),
        ("review_records", looked / seconds, "1/s"),
        ("review_grants", float(held), "grants"),
        ("review_entries", float(entries), "entries"),
        ("review_rss", peak, "MB"),
    ]


def _review(path: str) -> tuple[float, int, int, float]:
    """In a process of its own: seconds, records, entries, peak resident MB."""
    _, new, members = _policies()
    database = Database(f"sqlite:///{path}")
    publisher = _publisher(new, members)
    began = time.perf_counter()
    done = applying.Reviewed()
    for batch in applying.advance(database, publisher, now=policy_bench.NOW):
        done.add(batch)
    seconds = time.perf_counter() - began
    database.close()
    return seconds, done.records, done.entries, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _policies() -> tuple[CompiledPolicy, CompiledPolicy, list[Recipient]]:
    policy, members = policy_bench.policy().policy, policy_bench.recipients()
    rules = tuple(rule for rule in policy.rules if rule.id not in LEFT_OUT)
    five = frozenset(member.id for member in members[:5])
    added = Rule(id="added", groups=frozenset({"control"}), when=When(node=five, brand=frozenset({"orion", "peak"})))
    old = replace(policy, rules=rules, version=1)
    return compile_policy(old), compile_policy(replace(old, rules=(*rules, added), version=2)), members


def _publisher(policy: CompiledPolicy, members: Sequence[Recipient]) -> Publisher:
    signer = FileSigner(bytes(32))
    return Publisher(
        fed="bench", node="ZZ", signer=signer, directory=_directory(members), policy=policy,
        handling={"tlp": "green", "onward": "none", "evidence": "ask"}, token=os.urandom,
    )  # fmt: skip


def _directory(members: Sequence[Recipient]) -> Any:
    groups: dict[str, dict[str, list[str]]] = {}
    for member in members:
        for name in member.groups:
            group, _, version = name.partition("@")
            groups.setdefault(group, {}).setdefault(version, []).append(member.id)
    return parse_directory(
        orjson.dumps(
            {
                "fed": "bench", "class": "exercise", "version": 1, "issued": policy_bench.NOW,
                "regions": list(policy_bench.REGIONS), "groups": groups,
                "nodes": [_node(number, member) for number, member in enumerate(members)],
            }
        )
    )  # fmt: skip


def _node(number: int, member: Recipient) -> dict[str, Any]:
    (role,) = member.roles
    place = {"country": member.country} if member.country else {}
    place |= {"region": member.region} if member.region else {}
    keys = [
        FileSigner((number * 3 + at + 1).to_bytes(32)) for at in range(3)
    ]  # fmt: skip
    return {
        "id": member.id, "name": member.id, "kind": {"member": "administration"}.get(role, role), **place,
        "roles": [role], "status": "active", "endpoints": [], "protocols": ["cnp/1"],
        "keys": [
            {
                "kid": key.kid, "use": use, "x": key.public.jwk()["x"], "nbf": policy_bench.NOW - YEAR,
                "exp": policy_bench.NOW + YEAR,
            }
            for use, key in zip(("record", "log", "http"), keys, strict=True)
        ],
    }  # fmt: skip


def _build(database: Database, publisher: Publisher, *, templates: int, copies: int) -> None:
    """Release templates to all members, and copy records and grants under other ids."""
    from bench.data import seizure  # noqa: PLC0415 - imported where it is needed, beside what it makes

    now = policy_bench.NOW
    new = [
        drafts.NewDraft(
            kind="seizure", administration="ZZ", reference=f"SZ-{number}", groups=seizure(number, "ZA"),
            content_hash=str(number),
        )
        for number in range(templates)
    ]  # fmt: skip
    with database.write() as connection:
        drafts.put(connection, new, now=now)
        ids = drafts.waiting(connection)
    for report in publisher.release(database, ids, by="bench", second=None, now=now):
        if report.refused:
            raise BenchFailed(f"a synthetic record was refused: {report.refused[0]}")
    columns = ", ".join(f'"{column.name}"' for column in record.c if column.name not in {"id", "rid"})
    given = ", ".join(f'"{column.name}"' for column in grant_out.c if column.name != "rid")
    for copy in range(1, copies):
        rid = f"'{copy:08x}' || substr(rid, 9)"
        with database.write() as connection:
            connection.execute(
                text(
                    f"INSERT INTO record (id, rid, {columns}) SELECT id + {copy * templates}, {rid}, {columns} "  # noqa: S608 - our own names
                    f"FROM record WHERE id <= {templates}"
                )
            )
            connection.execute(
                text(
                    f"INSERT INTO grant_out (rid, {given}) SELECT {rid}, {given} FROM grant_out "  # noqa: S608 - our own names
                    "WHERE rid IN (SELECT rid FROM record WHERE id <= :templates)"
                ),
                {"templates": templates},
            )
        if copy % 10 == 0:
            tell(f"review: {(copy + 1) * templates} records made")
