"""What the specification says, once more and slowly, for tests to compare with: nothing of the product is imported."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, section 2.1, by its recursive definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def root_of_note(note: str) -> tuple[str, int, bytes]:
    """Origin, size and root in a checkpoint, its signature unread."""
    lines = note.split("\n")
    return lines[0], int(lines[1]), base64.b64decode(lines[2])


def shown_groups(body: str) -> set[str]:
    """The names of the groups that an SD-JWT shows."""
    return {json.loads(unb64(piece))[1] for piece in body.split("~")[1:-1]}


def shown_mask(body: str) -> int:
    """The bits of the sorted digests that an SD-JWT shows."""
    jwt, *pieces = body.split("~")[:-1]
    digests = json.loads(unb64(jwt.split(".")[1]))["_sd"]
    mask = 0
    for piece in pieces:
        mask |= 1 << digests.index(b64(hashlib.sha256(piece.encode()).digest()))
    return mask


def canonical(value: Any) -> str:
    """JCS for what leaves hold: strings, small integers, ASCII names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
