"""Perceptual hashes in memory (PDQ, 256 bits), compared exactly.

Four 64-bit words each, a column a word. A question goes over all of them: XOR and bit count, in blocks that stay in the
processor's cache. So nothing within the distance is missed, and a million take a few milliseconds.

Apart from who asks, because numpy is 13 MB of a process, and most nodes are never asked about a picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS: Final = 4
HASH_BYTES: Final = 32
BLOCK: Final = 32_768
"""Hashes compared at once: a block and its counts fit in the cache of one core."""


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

    def near(self, value: bytes, distance: int) -> list[tuple[int, int]]:
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
