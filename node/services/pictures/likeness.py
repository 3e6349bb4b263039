"""Find pictures that look alike: perceptual hashes (PDQ, 256 bits), compared exactly, within this node.

All hashes are in memory (`hashindex`) from the first question on; new ones are read from the database when a question
comes. Hashes never leave the node.

A picture is shown to who asks only through a record in use that the asker may be shown in a search.

Left to others: the hash itself, which is made where pictures are decoded (`worker`).
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, select

from federation.grants import Action
from node.services import search
from node.storage import attachments, audit, records
from node.storage.tables import record
from node.storage.tables.attachments import attachment_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.services.pictures.hashindex import HashIndex
    from node.services.pictures.workshop import Workshop
    from node.storage.database import Database

DISTANCE: Final = 31
"""Bits of 256 that may differ: the authors of PDQ recommend it, and pictures that have nothing in common differ in
about 128."""
READ: Final = 100_000
MAX_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A picture that looks like the one asked about, and a record that it is in."""

    sha256: str
    distance: int
    iss: str
    rid: str
    ver: int
    title: str

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "sha256": self.sha256, "distance": self.distance, "iss": self.iss, "rid": self.rid, "ver": self.ver,
            "title": self.title,
        }  # fmt: skip


@dataclass(slots=True)
class Finder:
    """Finds among the pictures of one node."""

    database: Database
    _index: HashIndex | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> HashIndex:
        """Read the hashes that were added since; all there are now."""
        from node.services.pictures.hashindex import HashIndex  # noqa: PLC0415 - numpy only where somebody asks

        with self._lock:
            index = self._index = self._index or HashIndex()
            while True:
                with self.database.read() as connection:
                    new = attachments.hashes_after(connection, index.last, limit=READ)
                index.add(new)
                if len(new) < READ:
                    return index

    def similar(
        self, value: bytes, *, by: str, purpose: str | None, now: int, distance: int = DISTANCE,
        limit: int = MAX_SHOWN,
    ) -> list[Similar]:  # fmt: skip
        """Records in use that have a picture within `distance`, nearest first; the question is logged as a search."""
        search.check_purpose(purpose)
        if not 0 <= distance <= DISTANCE:
            raise search.CriteriaRefused("distance", f"is a number of bits from 0 to {DISTANCE}")
        near = self.refresh().near(value, distance)
        with self.database.write() as connection:
            shown = self._shown(connection, near, purpose, limit=limit, now=now)
            hits = [f"{one.iss}/{one.rid}/{one.ver}" for one in shown]
            told = json.dumps({"picture": True, "hits": list(dict.fromkeys(hits))})
            audit.log(
                connection,
                [audit.Disclosure(at=now, action="search", actor=by, purpose=purpose, detail=told)],
            )  # fmt: skip
        return shown

    @staticmethod
    def _shown(
        connection: Connection, near: Sequence[tuple[int, int]], purpose: str | None, *, limit: int, now: int
    ) -> list[Similar]:  # fmt: skip
        shown: list[Similar] = []
        for start in range(0, len(near), limit):
            part = near[start : start + limit]
            digests = attachments.hashed(connection, [row_id for row_id, _ in part])
            for row_id, distance in part:
                digest = digests.get(row_id)
                if digest is None:  # erased since the hash was read
                    continue
                rows = connection.execute(
                    records.visible().where(
                        record.c.id.in_(select(attachment_of.c.record).where(attachment_of.c.digest == digest))
                    )
                )
                for row in rows:
                    state = attachments.find(connection, digest, row.iss)
                    _, verdict = search.allowed(row, Action.SEARCH, purpose, now=now)
                    if verdict and state is not None and state.state == "here":
                        shown.append(
                            Similar(
                                sha256=digest, distance=distance, iss=row.iss, rid=row.rid, ver=row.ver,
                                title=row.title,
                            )
                        )  # fmt: skip
                        if len(shown) == limit:
                            return shown
        return shown


def hash_of(workshop: Workshop, data: bytes) -> bytes:
    """The perceptual hash of a picture that somebody asks about; it is made and thrown away. `PictureRefused`."""
    return workshop.check(data).likeness
