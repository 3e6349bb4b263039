"""Counters beside the database that only grow: how a node notices that its database is older than it was.

`counters.json` in the home holds, for each feed, the longest that it ever was, the same of the disclosure log, and the
highest versions of policy and directory that were in force. `advance` raises them, `behind` compares. A database that
was put back by copying files about, without `tidewaiter restore`, is found out so before anything leaves.

Trust: whoever can write to the home can lower the counters. Then the peers notice, by the checkpoints that they hold.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from node.services.files import write_whole
from node.storage import logged, policies, settlements
from node.storage.tables import feed_out

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from node.storage.database import Database

FILE: Final = "counters.json"
SECONDS: Final = 5.0
"""How often a running node raises them: what leaves within this time before a crash is found out by peers instead."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What the node has reached. `feeds`: "recipient/lane" → (epoch, size)."""

    feeds: dict[str, tuple[int, int]] = field(default_factory=dict)
    policy: int = 0
    directory: int = 0
    log: tuple[int, int] = (0, 0)
    """(epoch, size) of the disclosure log."""

    def raised(self, other: Counters) -> Counters:
        """The higher of both, each for itself."""
        names = self.feeds.keys() | other.feeds.keys()
        feeds = {name: max(self.feeds.get(name, (0, 0)), other.feeds.get(name, (0, 0))) for name in names}
        return Counters(
            feeds, max(self.policy, other.policy), max(self.directory, other.directory), max(self.log, other.log)
        )


def read(home: Path) -> Counters:
    """The counters as they were last written; none where there is no file, or it is not one of ours."""
    try:
        value: Any = json.loads((home / FILE).read_text("utf-8"))
        feeds = {str(name): (int(epoch), int(size)) for name, (epoch, size) in value["feeds"].items()}
        epoch, size = value.get("log", (0, 0))  # homes of before that have none
        return Counters(feeds, int(value["policy"]), int(value["directory"]), (int(epoch), int(size)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Counters()


def write(home: Path, counters: Counters) -> None:
    """Put them on the disk, whole or not at all."""
    value = {
        "feeds": counters.feeds, "policy": counters.policy, "directory": counters.directory, "log": counters.log,
    }  # fmt: skip
    write_whole(home / FILE, json.dumps(value, sort_keys=True).encode() + b"\n")


def of_database(connection: Connection, *, directory: int) -> Counters:
    """What the database says."""
    newest = (
        select(feed_out.c.recipient, feed_out.c.lane, func.max(feed_out.c.epoch).label("epoch"))
        .group_by(feed_out.c.recipient, feed_out.c.lane)
        .subquery()
    )
    rows = connection.execute(
        select(feed_out.c.recipient, feed_out.c.lane, feed_out.c.epoch, feed_out.c.size).join(
            newest,
            (feed_out.c.recipient == newest.c.recipient)
            & (feed_out.c.lane == newest.c.lane)
            & (feed_out.c.epoch == newest.c.epoch),
        )
    )
    active = policies.active(connection)
    return Counters(
        {f"{row.recipient}/{row.lane}": (row.epoch, row.size) for row in rows},
        0 if active is None else active.version,
        directory,
        (logged.epoch(connection), logged.head(connection).size),
    )


def advance(home: Path, database: Database, *, directory: int) -> None:
    """Raise the counters to what the database has reached. Writes only what is new."""
    with database.read() as connection:
        now = of_database(connection, directory=directory)
    before = read(home)
    raised = before.raised(now)
    if raised != before and os.access(home, os.W_OK):
        write(home, raised)


def behind(home: Path, connection: Connection) -> list[str]:
    """In which feeds the database is behind the counters: "TZ/bulk: 7 entries, and there were 12"."""
    before, now = read(home), of_database(connection, directory=0)
    found = []
    for name, (epoch, size) in sorted(before.feeds.items()):
        there = now.feeds.get(name, (0, 0))
        if there < (epoch, size):
            found.append(f"{name}: {there[1]} entries of epoch {there[0]}, and there were {size} of epoch {epoch}")
    if now.log < before.log:
        found.append(f"disclosure log: {now.log[1]} rows, and there were {before.log[1]}")
    if now.policy < before.policy:
        found.append(f"policy: version {now.policy or 'none'}, and version {before.policy} was in force")
    return found


def notice(home: Path, database: Database, *, now: int) -> list[str]:
    """Where the database is older than the counters say, begin to settle with every peer; what was found.

    From then on the counters are those of the database, so that this is noticed once.
    """
    with database.read() as connection:
        found = behind(home, connection)
    if not found:
        return []
    before = read(home)
    with database.write() as connection:
        there = of_database(connection, directory=before.directory)
        policy = before.policy if there.policy < before.policy else None
        settlements.mark(connection, "counters", now=now, policy_version=policy)
        log = (logged.epoch(connection), logged.head(connection).size)
    write(home, Counters(there.feeds, there.policy, before.directory, log))
    return found
