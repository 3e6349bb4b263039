"""This node's disclosure log towards others, and what others said of theirs.

`checkpoint` brings the log up to date and signs it: every receipt carries one, and peers keep it. `keep` keeps a
peer's checkpoint and notices at once when two of one size differ; `question` asks a peer for its newest one with the
proof that it continues those that are kept, so a peer that only sends and never receives has witnesses too.

A row is outside the log from its commit until the follower's next run (each second while a node is served), and in any
case only until the next checkpoint is signed: none leaves before all rows of its moment are in it.

Trust: a peer's checkpoint is its word, and nobody needs to believe it; that it is kept here, the peer cannot change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog

from federation import auditlog
from federation.errors import FeedFork, FromBeyondHead, Malformed
from federation.evidence import log_fork
from node.services import evidence
from node.storage import logged, peerlogs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection, Row

    from crypto.checkpoint import Checkpoint
    from crypto.signer import Signer
    from federation.directory import Directory
    from node.storage.database import Database

BATCH: Final = 4_000
"""Rows that one run of the follower takes in before others get the database's one write lock."""
QUESTIONS: Final = 8
"""Kept checkpoints of one peer for which a proof is asked at one visit."""

log: Final = structlog.get_logger("tidewaiter.disclosures")


def follow(database: Database) -> None:
    """Take in the rows that wait, batch by batch. Looks without a lock first: mostly there are none."""
    while True:
        with database.read() as connection:
            if not logged.behind(connection):
                return
        with database.write() as connection:
            logged.append(connection, limit=BATCH)


def checkpoint(connection: Connection, *, fed: str, node: str, signer: Signer) -> str:
    """Sign the log with everything that is in the database in this transaction, which may write."""
    return auditlog.sign_head(fed=fed, node=node, compact=logged.append(connection), signer=signer)


def grown_from(connection: Connection, first: int, *, fed: str, node: str, signer: Signer) -> auditlog.Growth:
    """The newest checkpoint, with the proof that it continues the log of `first` rows.

    Raises `FromBeyondHead` where the log was never as long: whoever holds a signed checkpoint of that size has proof.
    """
    compact = logged.append(connection)
    if first > compact.size:
        raise FromBeyondHead("the disclosure log is shorter than that", expected=compact.size)
    proof = logged.consistency(connection, first, compact.size) if 0 < first < compact.size else []
    return auditlog.Growth(auditlog.sign_head(fed=fed, node=node, compact=compact, signer=signer), tuple(proof))


def keep(connection: Connection, peer: str, found: Checkpoint, *, came_by: str, now: int) -> bool:
    """Keep a peer's checkpoint, verified; False where it cannot be of the same log as one that is kept."""
    other = peerlogs.keep(connection, peer, found, came_by=came_by, now=now)
    if other is None:
        return True
    log.error("disclosure log forked", peer=peer, size=found.size)
    return False


def accuse(connection: Connection, directory: Directory, *, now: int) -> int:
    """Keep proof of every fork among the kept checkpoints; returns how many there are. Can be repeated."""
    found: dict[tuple[str, int], list[str]] = {}
    for row in peerlogs.listing(connection):
        if row.state == "broken":
            found.setdefault((row.peer, row.size), []).append(row.note)
    forks = [(peer, notes[0], other) for (peer, _), notes in found.items() for other in notes[1:]]
    for peer, one, other in forks:
        evidence.keep(connection, log_fork(peer, one, other), directory=directory, now=now)
    return len(forks)


async def question(
    database: Database, directory: Directory, peer: str, *, ask: Callable[[int], Awaitable[bytes]], now: int
) -> dict[str, Any]:
    """Ask a peer for its newest checkpoint and hold it against those that are kept.

    `ask(first)` gives the peer's answer about its growth from `first`. Returns what was found: size, how many kept
    checkpoints it was proven to continue, and what broke.
    """
    with database.read() as connection:
        open_ones = peerlogs.unproven(connection, peer, limit=QUESTIONS)
    proven, broken = 0, None
    newest: Checkpoint | None = None
    keys = directory.keys_of(peer, "log", at=now)
    asked: list[Row[Any] | None] = [*open_ones] or [None]
    for row in asked:
        first = 0 if row is None else row.size
        try:
            growth = auditlog.Growth.load(await ask(first))
            newest = auditlog.open_head(growth.note, fed=directory.fed, node=peer, keys=keys)
            if row is not None:
                auditlog.check_growth(before=peerlogs.reopen(row), after=newest, proof=growth.proof)
        except FromBeyondHead:
            broken = "the peer's disclosure log is shorter than a checkpoint that it signed"
        except (FeedFork, Malformed) as error:
            broken = error.detail
        with database.write() as connection:
            if newest is not None:
                keep(connection, peer, newest, came_by="question", now=now)
            if row is not None:
                peerlogs.mark(connection, row.id, "broken" if broken else "proven", broken)
            if broken and row is not None and newest is not None:
                # Of two sizes this is only what this node has seen; at one size it is proof for anybody.
                evidence.keep(connection, log_fork(peer, row.note, newest.note), directory=directory, now=now)
        if broken:
            log.error("disclosure log not continued", peer=peer)
            break
        proven += row is not None
    with database.write() as connection:
        accuse(connection, directory, now=now)
        peerlogs.thin(connection, peer)
    return {"peer": peer, "size": None if newest is None else newest.size, "proven": proven, "broken": broken}
