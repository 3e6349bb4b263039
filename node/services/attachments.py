"""Fetch what records name, keep what was checked, erase what nothing names any more.

A blob is fetched from where its record came from, in parts, so that a line that breaks costs one part; what has come is
kept in a spool file and the next attempt goes on behind it. The whole is hashed, a picture is decoded under the limits
that bind our own (`pictures.workshop`), and only then it is here. What fails is tried again, later each time; what came
and is not what it should be is refused, and its record says so (`arriving`).

Erasing: `records` marks what may have lost its last name; `sweep` looks again, and removes bytes, spool file, hash and
originals. Bytes are written and removed under the row's lock, so none is erased that somebody has just kept.

Trust: the sender is believed in nothing: neither the size nor the type that its record tells.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import Connection, Row, select

from federation.errors import FederationError, Malformed
from federation.records import attached
from federation.replication import LinkDown
from node.services import bodies
from node.services.pictures import worker
from node.services.pictures.ingest import MAX_FILE, OCTETS, PDF
from node.services.pictures.workshop import PictureRefused, Workshop
from node.storage import attachments, records
from node.storage.blobs import ADDRESS, BlobAbsent, address_of
from node.storage.tables import record
from node.storage.tables.attachments import attachment_of
from node.storage.tables.relay import road

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from federation.records.attached import Attachment
    from federation.transport import Piece
    from node.storage.blobs import Blobs
    from node.storage.database import Database

PIECE: Final = 262_144
"""Bytes asked for at once: two seconds of a slow line, and little to lose."""
FIRST_DELAY: Final = 5
LONGEST_DELAY: Final = 3_600
"""Seconds until the next attempt: doubled from the one to the other."""
MAX_BROKEN: Final = 3
"""So often a picture may break the process that decodes it before nobody tries any more."""
BATCH: Final = 50
SWEEP: Final = 500
STRANDED_SECONDS: Final = 86_400
_AGAIN: Final = frozenset({"broken", "too-long", "too-much-memory"})
"""Refusals that may be the process's and not the picture's."""


class PieceLink(Protocol):
    """The road to one peer, as far as blobs are concerned (`federation.transport.PeerLink`)."""

    async def piece(self, digest: str, start: int, end: int) -> Piece:
        """The bytes from `start` to before `end`, or fewer."""
        ...


@dataclass(slots=True)
class Fetched:
    """What a round of fetching came to."""

    arrived: int = 0
    refused: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Fetches for one node. `spool` is a folder of its own; `link` gives the road to a peer."""

    node: str
    database: Database
    blobs: Blobs
    workshop: Workshop
    spool: Path
    link: Callable[[str], PieceLink]
    clock: Callable[[], int]
    piece: int = PIECE

    async def round(self) -> Fetched:
        """Try everything that is due once."""
        done = Fetched()
        seen: set[tuple[str, str]] = set()
        while True:
            with self.database.read() as connection:
                rows = attachments.due(connection, now=self.clock(), node=self.node, limit=BATCH)
            fresh = [row for row in rows if (row.digest, row.iss) not in seen]
            if not fresh:
                return done
            for row in fresh:
                seen.add((row.digest, row.iss))
                await self._try(row, done)

    async def _try(self, row: Row[Any], done: Fetched) -> None:
        """One attempt, and what came of it written down."""
        with self.database.read() as connection:
            item, sources = _asked_for(connection, row.digest, row.iss)
        if item is None:  # what names it is stopped or restricted, or gone: the sweeper knows, and use may come back
            with self.database.write() as connection:
                attachments.missed(
                    connection,
                    row.digest,
                    row.iss,
                    problem="no record in use names it",
                    next_at=self.clock() + FIRST_DELAY * 60,
                )
                attachments.mark_loose(connection, [row.digest])
            return
        problem, final = "its record came from nobody that can be asked", False
        for source in sources:
            try:
                data = await self._whole(self.link(source), row.digest, item)
                await asyncio.to_thread(self._keep, row.digest, row.iss, item, data)
            except LinkDown:
                problem, final = "its sender does not answer", False
            except PictureRefused as error:
                final = error.word not in _AGAIN or row.attempts + 1 >= MAX_BROKEN
                problem = str(error)
            except _NotTaken as error:
                problem, final = str(error), True
            except FederationError as error:
                problem, final = str(error.problem), False
            else:
                done.arrived += 1
                return
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(row.attempts, 12))
        with self.database.write() as connection:
            attachments.missed(
                connection, row.digest, row.iss, problem=problem, next_at=None if final else self.clock() + delay
            )
        if final:
            self._part(row.digest).unlink(missing_ok=True)
            done.refused += 1
        else:
            done.failed += 1

    async def _whole(self, link: PieceLink, digest: str, item: Attachment) -> bytes:
        """The bytes behind a digest, from where the last attempt ended."""
        part, most = self._part(digest), worker.MAX_OUT_BYTES if item.is_picture else MAX_FILE
        self.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        at = part.stat().st_size if part.exists() else 0
        if at and address_of(part.read_bytes()) == digest:  # all of it came, and what followed failed
            return part.read_bytes()
        while True:
            came = await link.piece(digest, at, at + self.piece)
            if came.total > most:
                raise _NotTaken(f"it has {came.total} bytes, and may have {most}")
            if came.start != at or not came.data:
                raise Malformed("another part than was asked for")
            _append(part, at, came.data)
            at += len(came.data)
            if at >= came.total:
                break
        data = part.read_bytes()
        if address_of(data) != digest:
            part.unlink(missing_ok=True)  # which part was wrong, nobody knows: all of it is fetched again
            raise Malformed("what came is not what its digest says")
        return data

    def _keep(self, digest: str, iss: str, item: Attachment, data: bytes) -> None:
        """Check, store, and only then call it here."""
        mime, likeness, quality = "application/pdf" if data.startswith(PDF) else OCTETS, None, 0
        if item.is_picture:
            checked = self.workshop.check(data)
            mime, likeness, quality = checked.mime, checked.likeness, checked.quality
        self.blobs.put(data)
        with self.database.write() as connection:
            attachments.locked(connection, digest)
            if attachments.find(connection, digest, iss) is None:
                return  # erased while it came: the sweeper of the store finds the bytes
            attachments.keep(connection, digest=digest, iss=iss, size=len(data), mime=mime)
            if likeness is not None and item.rendition != "thumbnail":
                attachments.put_hash(connection, digest, likeness, quality)
            if not self.blobs.exists(digest):
                self.blobs.put(data)
        self._part(digest).unlink(missing_ok=True)

    def _part(self, digest: str) -> Path:
        if not ADDRESS.fullmatch(digest):
            raise _NotTaken("that is no content address")
        return self.spool / f"{digest}.part"


class _NotTaken(Exception):  # noqa: N818 - the name is the sentence
    """What came cannot be kept, and would not be better the next time."""


def _append(part: Path, at: int, data: bytes) -> None:
    """Write a part where it belongs: a file that another attempt made longer meanwhile is cut to it."""
    with part.open("r+b" if part.exists() else "x+b") as file:
        file.seek(at)
        file.truncate()
        file.write(data)


def _asked_for(connection: Connection, digest: str, iss: str) -> tuple[Attachment | None, list[str]]:
    """What the records in use say of an issuer's blob, and whom to ask for it."""
    statement = (
        select(record)
        .join(attachment_of, attachment_of.c.record == record.c.id)
        .where(attachment_of.c.digest == digest, record.c.iss == iss, record.c.state.in_(records.LIVE))
        .order_by(record.c.id)
    )
    for row in connection.execute(statement):
        for item in attached.attachments(bodies.reopen_row(row).groups):
            if item.sha256 == digest:
                return item, senders(connection, row)
    return None, []


def senders(connection: Connection, row: Row[Any]) -> list[str]:
    """The nodes that a record came from, its issuer first: they hold what it names."""
    roads = select(road.c.sender).where(road.c.iss == row.iss, road.c.rid == row.rid).order_by(road.c.sender)
    return [row.iss, *(sender for sender in connection.scalars(roads) if sender != row.iss)]


def sweep(database: Database, blobs: Blobs, spool: Path) -> int:
    """Erase what nothing names any more: bytes, part, hash, originals. How many blobs went."""
    with database.write() as connection:
        going = attachments.begin_erasing(connection, limit=SWEEP)
    for digest in going:
        with database.write() as connection:
            attachments.locked(connection, digest)
            if attachments.drop_erasing(connection, digest):
                kept = attachments.originals(connection, digest=digest)
                for each in kept:
                    blobs.delete_private(each.key)
                attachments.drop_originals(connection, [each.id for each in kept])
                blobs.delete(digest)
                (spool / f"{digest}.part").unlink(missing_ok=True)
    return len(going)


def reconcile(database: Database, blobs: Blobs, *, now: int) -> tuple[int, int]:
    """Compare store and tables: how many stranded objects were removed, and how many missing ones are wanted again.

    What a crash left between the store and the database; young objects are spared, they may be on their way in.
    """
    with database.write() as connection:
        attachments.orphans(connection)
        known, keys = attachments.all_here(connection), attachments.all_keys(connection)
    removed = 0
    for address, stored_at in blobs.addresses_with_times():
        if address not in known and now - stored_at > STRANDED_SECONDS:
            with database.write() as connection:
                if not attachments.locked(connection, address):
                    blobs.delete(address)
                    removed += 1
    for key, stored_at in blobs.private_with_times():
        if key not in keys and now - stored_at > STRANDED_SECONDS:
            blobs.delete_private(key)
            removed += 1
    lost = [digest for digest in known if not blobs.exists(digest)]
    with database.write() as connection:
        for digest in lost:
            attachments.lost(connection, digest)
    blobs.tidy()
    return removed, len(lost)


def read(database: Database, blobs: Blobs, digest: str) -> bytes:
    """The bytes of a blob that is here; one that is damaged is wanted again. Raises `BlobAbsent`."""
    try:
        return blobs.get(digest)
    except BlobAbsent:
        with database.write() as connection:
            attachments.lost(connection, digest)
        raise
