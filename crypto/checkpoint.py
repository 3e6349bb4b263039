"""Checkpoints: what a node signs about a log, as C2SP signed notes (tlog-checkpoint and signed-note, v1.0.0).

    cnp/example/KE/UG/bulk/1                                    the origin: which log
    42                                                          its size
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=                its root

    — cnp/example/KE bQ8q3L...                                  key name, key hash and signature

Narrower than the standard on purpose: exactly three lines (extension lines cannot be audited), Ed25519 only,
and a size 0 only with the root of the empty tree. The origin names federation, feed, lane and epoch, and the
key name federation and node, so that a note never stands for another log, another node or another object:
nothing else that is signed begins with a line of this form.

What this module leaves to others: which keys a node lists (`federation.directory`), whether two checkpoints
fit together (`crypto.merkle`, `federation.feed`).
Trust: the note is hostile until `open_checkpoint` has returned. Lines by unknown signers are skipped unread.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from crypto.errors import BadSignature, CheckpointRefused
from crypto.merkle import EMPTY_ROOT, HASH_BYTES, MAX_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crypto.keys import PublicKey
    from crypto.signer import Signer

MAX_SIGNATURES: Final = 16
"""As many as every reader of signed notes has to accept: room for the log's keys and its witnesses."""

MAX_NOTE_CHARACTERS: Final = 98_304
"""Sixteen post-quantum cosignatures of 5 kB and the text."""

ED25519: Final = b"\x01"
"""The signature type of plain Ed25519 (signed-note, "Signature types")."""

_KEY_HASH_BYTES: Final = 4

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)

_SIGNATURE_LINE: Final = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<blob>[A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A verified statement by the holder of key `kid`: the log `origin` had this root at this size."""

    origin: str
    size: int
    root: bytes
    kid: str
    note: str
    """The exact text that was verified: evidence that can be handed to others."""


def sign_checkpoint(*, origin: str, size: int, root: bytes, key_name: str, signer: Signer) -> str:
    """Return the signed note for a log's size and root. `ValueError` where they cannot make a note."""
    if not _is_name(origin) or not _is_name(key_name):
        raise ValueError("origin and key name are not empty and hold no space, plus sign or control character")
    if not 0 <= size <= MAX_SIZE or len(root) != HASH_BYTES or (size == 0 and root != EMPTY_ROOT):
        raise ValueError("this is not the size and root of a tree")
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    named = key_hash(key_name, signer.public)  # before it signs: a rotating signer keeps to the key that was asked for
    blob = base64.b64encode(named + signer.sign(text.encode())).decode()
    return f"{text}\n\u2014 {key_name} {blob}\n"


def open_checkpoint(note: str, *, origin: str, key_name: str, keys: Iterable[PublicKey]) -> Checkpoint:
    """Return what the note says, now known to come from the holder of one of `keys`.

    `origin` is the log that was asked for, `key_name` the node that keeps it, `keys` all its log keys.
    Raises `CheckpointRefused` when the note is malformed, about another log, or not signed by such a key, and
    also when a line that bears the name and hash of such a key does not verify (signed-note, "Signatures").
    """
    # 1. Syntax: the text, one empty line, the signature lines, each ended by a newline.
    text, signatures = _split(note)
    # 2. The text says what it has to say about the log that was asked for.
    size, root = _read_text(text, origin=origin)
    # 3. Every line by a known key has to verify. Short hashes collide: every key with that hash is tried.
    kid = _verify(text.encode(), signatures, key_name=key_name, keys=keys)
    return Checkpoint(origin=origin, size=size, root=root, kid=kid, note=note)


def key_hash(key_name: str, key: PublicKey) -> bytes:
    """Return the four bytes by which a signature line names its key (signed-note, "Ed25519 signatures")."""
    return sha256(key_name.encode() + b"\n" + ED25519 + key.raw).digest()[:_KEY_HASH_BYTES]


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE_CHARACTERS:
        raise CheckpointRefused(f"the note is longer than {MAX_NOTE_CHARACTERS} characters")
    # Characters below U+0020 have no place in a note; lone surrogates are no text at all.
    if any(("\ud800" <= each <= "\udfff") or (each < " " and each != "\n") for each in note):
        raise CheckpointRefused("the note holds a control character or a lone surrogate")
    head, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise CheckpointRefused("the note has no signature lines, or does not end with a newline")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise CheckpointRefused(f"the note has more than {MAX_SIGNATURES} signatures")
    return head + "\n", [_read_signature(line) for line in lines]


def _read_signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    blob = _base64(match["blob"]) if match else b""
    if match is None or len(blob) <= _KEY_HASH_BYTES:
        raise CheckpointRefused("a signature line is not a dash, a key name and base64, each after one space")
    return match["name"], blob


def _read_text(text: str, *, origin: str) -> tuple[int, bytes]:
    lines = text[:-1].split("\n")
    if len(lines) != 3:  # noqa: PLR2004 - origin, size, root
        raise CheckpointRefused("the text of a checkpoint has exactly three lines")
    if lines[0] != origin:
        raise CheckpointRefused("the checkpoint is about another log")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) > MAX_SIZE:
        raise CheckpointRefused("the size is not a decimal number without leading zeros")
    size, root = int(lines[1]), _base64(lines[2])
    if len(root) != HASH_BYTES:
        raise CheckpointRefused(f"the root is not {HASH_BYTES} bytes in canonical base64")
    if size == 0 and root != EMPTY_ROOT:
        raise CheckpointRefused("the empty log has one root, and this is not it")
    return size, root


def _verify(
    message: bytes, signatures: Sequence[tuple[str, bytes]], *, key_name: str, keys: Iterable[PublicKey]
) -> str:
    by_hash: dict[bytes, list[PublicKey]] = {}
    for key in keys:
        by_hash.setdefault(key_hash(key_name, key), []).append(key)
    signers = [
        _signer_of(message, blob[_KEY_HASH_BYTES:], candidates)
        for name, blob in signatures
        if name == key_name and (candidates := by_hash.get(blob[:_KEY_HASH_BYTES]))
    ]
    if not signers:
        raise CheckpointRefused("no key of this node has signed the checkpoint")
    return signers[0]


def _signer_of(message: bytes, signature: bytes, candidates: Sequence[PublicKey]) -> str:
    for key in candidates:
        try:
            key.verify(signature, message)
        except BadSignature:
            continue
        return key.kid
    raise CheckpointRefused("a signature in the name of this node does not cover the checkpoint")


def _base64(text: str) -> bytes:
    """Return the bytes of standard, padded, canonical base64 (RFC 4648, section 4), else nothing."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""


def _is_name(text: str) -> bool:
    return bool(text) and not any(each.isspace() or each < " " or each == "+" for each in text)
