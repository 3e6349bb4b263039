"""The envelope of evidence: {"v":1,"type":...,"accused":...,"parts":{...}}, canonical, named by its content hash.

Parts are texts, or lists of texts, and hold what was signed exactly as it was signed. The envelope bears no signature:
whoever hands it over need not be believed. The same proof found twice is the same bytes, because makers put
exchangeable parts into one order; so it is kept once, by its hash.

Trust: the bytes are hostile until a prover has held each part against the keys of the accused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs, strictjson
from crypto.errors import CryptoError
from federation.errors import FederationError, Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto.strictjson import JsonValue
    from federation.membership import Directory, ListedKey

    Part = str | tuple[str, ...]

MAX_EVIDENCE_BYTES: Final = 655_360
"""Two issuer-signed JWTs at their largest (262 144 characters each) in their frame, with room for a proof."""
MAX_PARTS: Final = 16
MAX_LISTED: Final = 256
"""Texts in a list: a Merkle proof has at most 2 x 53 hashes, a record at most 400 disclosures, of which a proof needs
the digests shown."""
MAX_DEPTH: Final = 3

_TYPE: Final = re.compile(r"[a-z][a-z-]{0,31}")
_NAME: Final = re.compile(r"[a-z][a-z_]{0,31}")
_NODE: Final = re.compile(r"[A-Z][A-Z0-9-]{1,31}")
_MEMBERS: Final = frozenset({"v", "type", "accused", "parts"})


class EvidenceRefused(FederationError):  # noqa: N818 - the name is the sentence
    """The evidence has its form and proves nothing: an honest node could have signed all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is said to prove something; only a prover says whether it does."""

    type: str
    accused: str
    parts: Mapping[str, Part]

    def data(self) -> bytes:
        """The file: JCS (RFC 8785), the same bytes for the same evidence."""
        parts: dict[str, JsonValue] = {
            name: list(part) if isinstance(part, tuple) else part for name, part in self.parts.items()
        }
        return jcs.profile_bytes({"v": 1, "type": self.type, "accused": self.accused, "parts": parts})

    @property
    def hash(self) -> str:
        """SHA-256 of the file as base64url: its name."""
        return b64.encode(sha256(self.data()).digest())

    def text(self, name: str) -> str:
        """A part that is one text; raises `Malformed`."""
        part = self.parts.get(name)
        if not isinstance(part, str):
            raise Malformed(f"the evidence has no text {name!r} among its parts")
        return part

    def texts(self, name: str) -> tuple[str, ...]:
        """A part that is a list of texts; raises `Malformed`."""
        part = self.parts.get(name)
        if not isinstance(part, tuple):
            raise Malformed(f"the evidence has no list {name!r} among its parts")
        return part

    def hashes(self, name: str) -> list[bytes]:
        """A part that is a list of hashes in base64url; raises `Malformed`."""
        try:
            return [b64.decode(text) for text in self.texts(name)]
        except CryptoError as error:
            raise Malformed(f"the part {name!r} is no list of hashes") from error

    def only(self, *names: str) -> None:
        """Raise `Malformed` unless the parts are exactly these: nothing is carried that nobody looked at."""
        if self.parts.keys() != set(names):
            raise Malformed(f"evidence of this type has exactly the parts {', '.join(sorted(names))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What was proven: made by provers alone."""

    type: str
    accused: str
    sentence: str
    """What is proven, for people; names no content."""
    facts: Mapping[str, Any]
    """What the sentence is about: feed, iss, rid, ver, hashes."""
    keys: tuple[ListedKey, ...]
    """Keys of the accused that signed it."""

    @property
    def revoked(self) -> tuple[str, ...]:
        """Ids of those keys that are revoked by now: a thief may have signed with them."""
        return tuple(sorted({key.kid for key in self.keys if key.revoked_since is not None}))

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "type": self.type, "accused": self.accused, "sentence": self.sentence, **self.facts,
            "keys": sorted({key.kid for key in self.keys}), "revoked": list(self.revoked),
        }  # fmt: skip


def parse_evidence(data: bytes) -> Evidence:
    """Read a file of evidence strictly; raises `Malformed`, `TooLarge`. What it proves is another question."""
    if len(data) > MAX_EVIDENCE_BYTES:
        raise TooLarge(f"evidence has at most {MAX_EVIDENCE_BYTES} bytes")
    try:
        value: Any = strictjson.parse_profile(
            data, max_bytes=MAX_EVIDENCE_BYTES, max_depth=MAX_DEPTH, max_string=MAX_EVIDENCE_BYTES
        )
    except CryptoError as error:
        raise Malformed(f"the evidence is not strict JSON: {error}") from error
    if not isinstance(value, dict) or value.keys() != _MEMBERS or type(value["v"]) is not int or value["v"] != 1:
        raise Malformed("evidence has exactly the members v (1), type, accused and parts")
    type_, accused, parts = value["type"], value["accused"], value["parts"]
    if not (isinstance(type_, str) and _TYPE.fullmatch(type_)):
        raise Malformed("the type of the evidence is no word")
    if not (isinstance(accused, str) and _NODE.fullmatch(accused)):
        raise Malformed("the accused is no node id")
    if not isinstance(parts, dict) or not 0 < len(parts) <= MAX_PARTS or not all(map(_NAME.fullmatch, parts)):
        raise Malformed(f"the parts are an object of at most {MAX_PARTS} named parts")
    return Evidence(type=type_, accused=accused, parts={name: _part(name, part) for name, part in parts.items()})


def log_keys(directory: Directory, node: str) -> tuple[ListedKey, ...]:
    """Every `log` key that a node lists, expired and revoked ones included: what was signed stays signed."""
    return directory.by_use.get((node, "log"), ())


def _part(name: str, part: Any) -> Part:
    if isinstance(part, str):
        return part
    if isinstance(part, list) and len(part) <= MAX_LISTED and all(isinstance(text, str) for text in part):
        return tuple(part)
    raise Malformed(f"the part {name!r} is neither a text nor a list of at most {MAX_LISTED} texts")
