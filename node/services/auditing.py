"""The disclosure log for those who check it: an export for an oversight body, a proof of one row, the node's own check.

An export is a folder: `rows.jsonl` (a line a position: leaf, salt, row), `decisions.jsonl` (what the rows' decisions
say), `checkpoint` (signed over all of it), `directory.json` (the keys), `peers.jsonl` (what peers signed of theirs, for
whoever audits them) and `README.txt`. Where the log began anew (`federation.logepochs`) its rows say so. Making one is
itself a row of the log, the last of the export, with who asked, who agreed and why. It holds who looked at what: it is
written for its owner's eyes alone (mode 0600).

Trust: two names stand in the row, and the command line cannot prove either. What the export says, its reader checks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, select

from federation import auditlog
from federation.errors import Malformed, NotFound
from node.services import disclosing
from node.storage import audit, logged, peerlogs
from node.storage.tables import decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from crypto.checkpoint import Checkpoint
    from crypto.signer import Signer
    from federation.directory import Directory
    from node.storage.database import Database

ROWS: Final = "rows.jsonl"
DECISIONS: Final = "decisions.jsonl"
CHECKPOINT: Final = "checkpoint"
DIRECTORY: Final = "directory.json"
PEERS: Final = "peers.jsonl"
README: Final = "README.txt"
SPARE: Final = 500

_TOLD: Final = """\
The disclosure log of {node} in the federation {fed}: {size} rows, exported {at} (seconds) by {by}, agreed by {second},
for the purpose {purpose}.

Check it with a checkpoint that somebody else kept (a peer's `tidewaiter audit peers --of {node}`, or one that was
printed), on any machine with this software and without a node:

    tidewaiter audit verify THIS_FOLDER --checkpoint KEPT --directory directory.json
    python -m federation.verifylog THIS_FOLDER --checkpoint KEPT --directory directory.json

A log that began anew (the node was restored from a backup) has a row `log-epoch` there, and a row `log-lost` for each
checkpoint of before that it does not continue; the check says what that leaves unproven.

Take the directory from somewhere else than this folder if you can: whoever wrote the folder wrote that file too.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export holds."""

    rows: int
    decisions: int
    note: str


def export(
    database: Database, folder: Path, *, directory: Directory, directory_json: bytes, node: str, signer: Signer,
    by: str, second: str, purpose: str, now: int,
) -> Exported:  # fmt: skip
    """Write the log with everything that is needed to check it into a new folder.

    Raises `Malformed` where by and second are one person or the folder has something in it.
    """
    if by.strip().casefold() == second.strip().casefold():
        raise Malformed("an export needs a second person: by and second are the same name")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise Malformed(f"{folder} has something in it: choose an empty folder")
    with database.write() as connection:
        told = f"disclosure log; agreed by {second}"
        audit.log(connection, [audit.Disclosure(at=now, action="export", actor=by, purpose=purpose, detail=told)])
        note = disclosing.checkpoint(connection, fed=directory.fed, node=node, signer=signer)
        size = logged.head(connection).size
    with database.read() as connection:
        _write(folder / ROWS, lines(connection, size))
        found = connection.execute(select(decision).order_by(decision.c.hash))
        _write(folder / DECISIONS, (orjson.dumps({"hash": row.hash, "body": row.body}) for row in found))
        count = connection.scalar(select(func.count()).select_from(decision)) or 0
        _write(folder / PEERS, (orjson.dumps(each) for each in peers(connection)))
    _write(folder / CHECKPOINT, [note.encode()], end=b"")
    _write(folder / DIRECTORY, [directory_json], end=b"")
    text = _TOLD.format(node=node, fed=directory.fed, size=size, at=now, by=by, second=second, purpose=purpose)
    _write(folder / README, [text.encode()], end=b"")
    return Exported(rows=size, decisions=count, note=note)


def lines(connection: Connection, size: int) -> Iterator[bytes]:
    """The lines of an export of the first `size` positions; what the log never had comes at the end."""
    for n, leaf, salt, row in logged.through(connection, size):
        yield auditlog.line_of(n, leaf, salt, row)
    for row in logged.never_logged(connection, limit=SPARE):
        yield auditlog.unlogged_line(row)


def check(database: Database, checkpoints: Sequence[Checkpoint]) -> auditlog.Verdict:
    """Hold this node's own database against checkpoints of its log, without an export."""
    with database.read() as connection:
        size = max(logged.count(connection), logged.head(connection).size)
        return auditlog.verify_export(lines(connection, size), checkpoints)


def prove(database: Database, row_id: int, *, fed: str, node: str, signer: Signer) -> auditlog.RowProof:
    """One row with the proof that it stands in the log; `NotFound` where it does not."""
    with database.write() as connection:
        note = disclosing.checkpoint(connection, fed=fed, node=node, signer=signer)
        size = logged.head(connection).size
        at = logged.position(connection, row_id)
        row = None if at is None else logged.row_at(connection, at.n)
        if at is None or row is None:
            raise NotFound("the disclosure log has no row of this number")
        proof = tuple(logged.inclusion(connection, at.n, size))
    told = {name: value for name, value in row.items() if value is not None}
    return auditlog.RowProof(row=told, salt=bytes(at.salt), n=at.n, proof=proof, note=note)


def peers(connection: Connection, peer: str | None = None) -> list[dict[str, Any]]:
    """Peers' checkpoints as they are given out to auditors: the signed notes, and what is known of each."""
    return [
        {
            "peer": row.peer, "epoch": row.epoch, "size": row.size, "state": row.state, "came_by": row.came_by,
            "at": row.at, "note": row.note,
        }
        | ({} if row.detail is None else {"detail": row.detail})
        for row in peerlogs.listing(connection, peer)
    ]  # fmt: skip


def _write(path: Path, parts: Iterable[bytes], *, end: bytes = b"\n") -> None:
    """Write a new file that only its owner can read, durably."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        for part in parts:
            file.write(part)
            file.write(end)
        file.flush()
        os.fsync(file.fileno())
