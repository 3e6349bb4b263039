"""This node's disclosure log towards others, and what others said of theirs.

`checkpoint` brings the log up to date and signs it: every receipt carries one, and peers keep it. `keep` keeps a
peer's checkpoint and notices at once when two of one size differ; `question` asks a peer for its newest one with the
proof that it continues those that are kept, so a peer that only sends and never receives has witnesses too.

A node can be put back to an older state without noticing: files are copied about, a machine goes back to a snapshot. So
whoever is about to get a checkpoint first shows the newest that it keeps, in each page, each question (`shown`): a node
that does not continue its own checkpoint has lost rows, begins a new epoch of its log (`federation.logepochs`) and
settles with all. It signs nothing in the old epoch that could contradict what it has just been shown.

A row is outside the log from its commit until the follower's next run (each second while a node is served), and in any
case only until the next checkpoint is signed: none leaves before all rows of its moment are in it.

Trust: a peer's checkpoint is its word, and nobody needs to believe it; that it is kept here, the peer cannot change.
What a peer shows us of our own counts only by our own signature; one that shows less than it keeps lets us err, and a
node that was put back with all that lies beside its database can then sign two histories.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from federation import auditlog
from federation.errors import FeedFork, FromBeyondHead, Malformed, Refused
from federation.evidence import log_fork
from node.services import evidence
from node.storage import logepochs, logged, peerlogs, settlements

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


class Owner(Protocol):
    """This node, where a peer shows it something."""

    @property
    def node(self) -> str:
        """Its id."""
        ...

    @property
    def directory(self) -> Callable[[], Directory]:
        """Gives the directory that it trusts now."""
        ...


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
    compact, epoch = logged.newest(connection)
    return auditlog.sign_head(fed=fed, node=node, compact=compact, signer=signer, epoch=epoch)


def shown(connection: Connection, note: str, *, directory: Directory, node: str, peer: str, now: int) -> bool:
    """Look at a checkpoint of this node's own log that a peer keeps; False where the log does not continue it.

    Then rows were lost: a new epoch begins, unless the checkpoint is of one that has ended already, and what was lost
    is written into the log. Raises `Refused` where this node has not signed it.
    """
    found = auditlog.open_head(note, fed=directory.fed, node=node, keys=directory.keys_of(node, "log"))
    compact, epoch = logged.newest(connection)
    named = auditlog.epoch_of(found.note)
    same = logged.continues(connection, compact, found)
    if named > epoch or (named == epoch and not same):
        settlements.mark(connection, "peer", now=now, shown=found)
        log.error("this node's disclosure log lost rows", peer=peer, size=found.size)
    if not same:
        logepochs.learn(connection, found, peer=peer, now=now)
    return same


def shown_by(connection: Connection, note: str | None, desk: Owner, *, peer: str, now: int) -> None:
    """The same for what stands in a page, which may be anything."""
    if note is not None:
        with contextlib.suppress(Refused):
            shown(connection, note, directory=desk.directory(), node=desk.node, peer=peer, now=now)


def grown_from(
    connection: Connection, first: int, *, fed: str, node: str, signer: Signer, continued: bool = True
) -> auditlog.Growth:
    """The newest checkpoint, with the proof that it continues the log of `first` rows.

    `continued`: False where it does not (`shown`). Raises `FromBeyondHead` where the log was never as long: whoever
    holds a signed checkpoint of that size has proof.
    """
    compact, epoch = logged.newest(connection)
    note = auditlog.sign_head(fed=fed, node=node, compact=compact, signer=signer, epoch=epoch)
    if not continued:
        return auditlog.Growth(note, (), lost=True)
    if first > compact.size:
        raise FromBeyondHead("the disclosure log is shorter than that", expected=compact.size)
    proof = logged.consistency(connection, first, compact.size) if 0 < first < compact.size else []
    return auditlog.Growth(note, tuple(proof))


def keep(connection: Connection, peer: str, found: Checkpoint, *, came_by: str, now: int) -> bool:
    """Keep a peer's checkpoint, verified; False where it cannot be of the same log as one that is kept."""
    before = peerlogs.newest(connection, peer)
    other = peerlogs.keep(connection, peer, found, came_by=came_by, now=now)
    if other is None:
        if before is not None and before.epoch < auditlog.epoch_of(found.note):
            log.warning("disclosure log began anew", peer=peer, size=before.size)
        return True
    log.error("disclosure log forked", peer=peer, size=found.size)
    return False


def accuse(connection: Connection, directory: Directory, *, now: int) -> int:
    """Keep proof of every fork among the kept checkpoints; returns how many there are. Can be repeated."""
    found: dict[tuple[str, int, int], list[str]] = {}
    for row in peerlogs.listing(connection):
        if row.state == "broken":
            found.setdefault((row.peer, row.epoch, row.size), []).append(row.note)
    forks = [(peer, notes[0], other) for (peer, _, _), notes in found.items() for other in notes[1:]]
    for peer, one, other in forks:
        evidence.keep(connection, log_fork(peer, one, other), directory=directory, now=now)
    return len(forks)


async def question(
    database: Database, directory: Directory, peer: str, *, ask: Callable[[int, str | None], Awaitable[bytes]], now: int
) -> dict[str, Any]:
    """Ask a peer for its newest checkpoint and hold it against those that are kept.

    `ask(first, note)` gives the peer's answer about its growth from `first`, where `note`, its own checkpoint of that
    size, was signed. Returns what was found: size, how many kept checkpoints it was proven to continue, what broke; and
    where its log began anew, `lost`: [size, how many of these rows are proven to be in it] of each that it lost.
    """
    with database.read() as connection:
        open_ones = peerlogs.unproven(connection, peer, limit=QUESTIONS)
        last = peerlogs.newest(connection, peer)
    proven, broken, fresh = 0, None, set[int]()
    newest: Checkpoint | None = None
    keys = directory.keys_of(peer, "log", at=now)
    asked: list[Row[Any] | None] = [*open_ones]
    if last is None or last.state != "kept":
        # The newest is shown first, proven or not: the peer may have been put back to before it.
        asked.insert(0, last if last is not None and last.state == "proven" else None)
    for row in asked:
        first = 0 if row is None else row.size
        state = "proven"
        try:
            held = last if row is None else row
            growth = auditlog.Growth.load(await ask(first, None if held is None else held.note))
            newest = auditlog.open_head(growth.note, fed=directory.fed, node=peer, keys=keys)
            if row is not None:
                state = _judge(row, growth, newest)
        except FromBeyondHead:
            broken = "the peer's disclosure log is shorter than a checkpoint that it signed"
        except (FeedFork, Malformed) as error:
            broken = error.detail
        with database.write() as connection:
            if newest is not None:
                keep(connection, peer, newest, came_by="question", now=now)
            if row is not None:
                peerlogs.mark(connection, row.id, "broken" if broken else state, broken)
            if broken and row is not None and newest is not None and row.epoch == auditlog.epoch_of(newest.note):
                # Of two sizes this is only what this node has seen; at one size it is proof for anybody.
                evidence.keep(connection, log_fork(peer, row.note, newest.note), directory=directory, now=now)
        if broken:
            log.error("disclosure log not continued", peer=peer)
            break
        proven += row is not None and state == "proven"
        if row is not None and state == "lost":
            fresh.add(row.size)
    lost = _finish(database, directory, peer, fresh, now=now)
    found = {"peer": peer, "size": None if newest is None else newest.size, "proven": proven, "broken": broken}
    return found | ({"lost": lost} if lost else {})


def _finish(
    database: Database, directory: Directory, peer: str, fresh: set[int], *, now: int
) -> list[tuple[int, int]]:  # fmt: skip
    """Keep proof of forks, let go what is covered, and say what the peer's log lost; `fresh`: found out just now."""
    with database.write() as connection:
        accuse(connection, directory, now=now)
        lost = peerlogs.told_lost(connection, peer)
        peerlogs.thin(connection, peer)
    for size, least in lost:
        if size in fresh:
            log.warning("disclosure log of a peer lost rows", peer=peer, size=size, count=size - least)
    return lost


def _judge(row: Row[Any], growth: auditlog.Growth, newest: Checkpoint) -> str:
    """What an answer makes of a kept checkpoint: `proven` or `lost`. Raises `FeedFork` where it breaks the log."""
    if growth.lost:
        if auditlog.epoch_of(newest.note) <= row.epoch:
            raise FeedFork("the disclosure log does not continue a checkpoint of the same epoch")
        return "lost"
    auditlog.check_growth(before=peerlogs.reopen(row), after=newest, proof=growth.proof)
    return "proven"
