"""Find pictures that look alike: perceptual hashes (PDQ, 256 bits), compared exactly, within this node.

All hashes are in memory, four 64-bit words each, a column a word; new ones are read from the database when a question
comes. A question goes over all of them: XOR and bit count, in blocks that stay in the processor's cache. So nothing
within the distance is missed, and a million take a few milliseconds. Hashes never leave the node.

A picture is shown to who asks only through a record in use that the asker may be shown in a search.

Left to others: the hash itself, which is made where pictures are decoded (`worker`).
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import Connection, select

from federation.grants import Action
from node.services import search
from node.storage import attachments, audit, records
from node.storage.tables import record
from node.storage.tables.attachments import attachment_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.services.pictures.workshop import Workshop
    from node.storage.database import Database

WORDS: Final = 4
HASH_BYTES: Final = 32
DISTANCE: Final = 31
"""Bits of 256 that may differ: the authors of PDQ recommend it, and pictures that have nothing in common differ in
about 128."""
BLOCK: Final = 32_768
"""Hashes compared at once: a block and its counts fit in the cache of one core."""
READ: Final = 100_000
MAX_SHOWN: Final = 200


class HashIndex:
    """Hashes with their ids, ids rising. Grows at its end; one writer at a time, readers see a whole prefix."""

    def __init__(self) -> None:
        self._ids = np.zeros(0, dtype=np.int64)
        self._words = np.zeros((WORDS, 0), dtype=np.uint64)
        self.size = 0

    @property
    def last(self) -> int:
        """The highest id, 0 where there is none."""
        return int(self._ids[self.size - 1]) if self.size else 0

    def add(self, new: Sequence[tuple[int, bytes]]) -> None:
        """Append (id, hash) pairs; what is no hash is left out."""
        sound = [(row_id, value) for row_id, value in new if len(value) == HASH_BYTES]
        if not sound:
            return
        self._reserve(self.size + len(sound))
        end = self.size + len(sound)
        words = np.frombuffer(b"".join(value for _, value in sound), dtype="<u8").reshape(-1, WORDS)
        self._words[:, self.size : end] = words.T
        self._ids[self.size : end] = [row_id for row_id, _ in sound]
        self.size = end

    def near(self, value: bytes, distance: int = DISTANCE) -> list[tuple[int, int]]:
        """(id, distance) of every hash within `distance` bits, nearest first. Exact: none is missed."""
        if len(value) != HASH_BYTES:
            raise ValueError(f"a hash has {HASH_BYTES} bytes")
        asked = np.frombuffer(value, dtype="<u8")
        found: list[tuple[int, int]] = []
        words, ids, size = self._words, self._ids, self.size
        mixed, first, second = np.empty(BLOCK, "<u8"), np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.uint8)
        for start in range(0, size, BLOCK):
            end = min(start + BLOCK, size)
            here, count, more = mixed[: end - start], first[: end - start], second[: end - start]
            # Half of the bits first: where they differ in more than may differ in all, the rest cannot help, and of
            # pictures that have nothing in common nearly none comes further.
            np.bitwise_count(np.bitwise_xor(words[0, start:end], asked[0], out=here), out=count)
            np.bitwise_count(np.bitwise_xor(words[1, start:end], asked[1], out=here), out=more)
            (at,) = np.nonzero(np.add(count, more, out=count) <= distance)
            if at.size:
                rest = words[2:, start:end][:, at] ^ asked[2:, None]
                whole = count[at].astype(np.int64) + np.bitwise_count(rest).sum(axis=0, dtype=np.int64)
                near = whole <= distance
                found += zip(ids[start:end][at][near].tolist(), whole[near].tolist(), strict=True)
        return sorted(found, key=lambda each: (each[1], each[0]))

    def _reserve(self, wanted: int) -> None:
        room = self._ids.shape[0]
        if wanted <= room:
            return
        room = max(wanted, room + room // 2, 1024)
        ids, words = np.zeros(room, dtype=np.int64), np.zeros((WORDS, room), dtype=np.uint64)
        ids[: self.size], words[:, : self.size] = self._ids[: self.size], self._words[:, : self.size]
        self._ids, self._words = ids, words


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
    index: HashIndex = field(default_factory=HashIndex)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> int:
        """Read the hashes that were added since; how many there are now."""
        with self._lock:
            while True:
                with self.database.read() as connection:
                    new = attachments.hashes_after(connection, self.index.last, limit=READ)
                self.index.add(new)
                if len(new) < READ:
                    return self.index.size

    def similar(
        self, value: bytes, *, by: str, purpose: str | None, now: int, distance: int = DISTANCE,
        limit: int = MAX_SHOWN,
    ) -> list[Similar]:  # fmt: skip
        """Records in use that have a picture within `distance`, nearest first; the question is logged as a search."""
        search.check_purpose(purpose)
        if not 0 <= distance <= DISTANCE:
            raise search.CriteriaRefused("distance", f"is a number of bits from 0 to {DISTANCE}")
        self.refresh()
        near = self.index.near(value, distance)
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
