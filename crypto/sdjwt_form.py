"""The wire form of an SD-JWT: limits, reserved names, digests, and joining (RFC 9901, sections 4 and 5)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, cast

from crypto import b64
from crypto.errors import DisclosureRefused, MalformedBase64

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crypto.strictjson import JsonValue

MAX_TOKEN_BYTES: Final = 262_144
"""A record with all its groups; pictures travel by digest (protocol, section 8)."""

MAX_DISCLOSURES: Final = 400
MAX_DEPTH: Final = 8
"""Arrays and objects inside one another in the processed payload, which itself counts as the first."""

MAX_STRING: Final = 16_384
"""Characters of one string in the record profile: a long narrative fits, a hidden attachment does not."""

SD: Final = "_sd"
SD_ALG: Final = "_sd_alg"
ELEMENT: Final = "..."
RESERVED: Final = frozenset({SD, SD_ALG, ELEMENT})
"""Names that carry digests or say how they were made, and can therefore never be names of claims."""

HASH_NAME: Final = "sha-256"
DIGEST_BYTES: Final = 32
DIGEST_CHARACTERS: Final = 43

SALT_BYTES: Final = 16
SALT_CHARACTERS: Final = 22
"""128 bits (RFC 9901, section 4.2.1): with a shorter salt, a hidden value could be guessed from its
digest."""

_PACKED: Final = DIGEST_BYTES + 1


def present(jwt: str, disclosures: Iterable[str]) -> str:
    """Return the token that shows these disclosures and no others.

    >>> present("h.p.s", ["WyJ4Il0"])
    'h.p.s~WyJ4Il0~'
    """
    return "~".join((jwt, *disclosures, ""))


def jwt_hash(jwt: str) -> str:
    """Return the SHA-256 of the issuer-signed JWT as base64url: `jh`, and `prev` of the next version.

    The same whatever is disclosed. `jwt` is without disclosures and without `~`.
    """
    return b64.encode(sha256(jwt.encode("ascii")).digest())


def digest_of(disclosure: bytes) -> bytes:
    """Return the digest over the base64url text of a disclosure, not over what it encodes (section 4.2.3)."""
    return sha256(disclosure).digest()


def decode_digests(texts: Sequence[str]) -> list[bytes]:
    """Return the 32 bytes of each SHA-256 digest, or raise `DisclosureRefused`.

    All at once: 43 characters end in four bits and two zero bits; with an `A` (six zero bits) behind, each
    digest fills 33 bytes of which the last is zero exactly when the text was canonical.
    """
    if set(map(len, texts)) - {DIGEST_CHARACTERS}:
        raise DisclosureRefused(f"a digest is not {DIGEST_CHARACTERS} characters of base64url (SHA-256)")
    try:
        packed = b64.decode("A".join((*texts, "")))
    except MalformedBase64:
        raise DisclosureRefused("a digest is not base64url") from None
    if packed[DIGEST_BYTES::_PACKED].strip(b"\0"):
        raise DisclosureRefused("a digest is not canonical base64url")
    return [packed[start : start + DIGEST_BYTES] for start in range(0, len(packed), _PACKED)]


def digest_list(members: Mapping[str, JsonValue]) -> list[str]:
    """Return what `_sd` of an object holds, an array of strings or nothing, or raise `DisclosureRefused`."""
    digests = members.get(SD, [])
    if type(digests) is not list or set(map(type, digests)) - {str}:
        raise DisclosureRefused("`_sd` must be an array of strings")
    return cast("list[str]", digests)


def check_salts(salts: Sequence[JsonValue]) -> None:
    """Raise `DisclosureRefused` unless each is text of at least 22 base64url characters."""
    texts = [salt for salt in salts if type(salt) is str and len(salt) >= SALT_CHARACTERS]
    if len(texts) != len(salts) or not b64.is_alphabet("".join(texts)):
        raise DisclosureRefused(f"a salt must be text of at least {SALT_CHARACTERS} base64url characters")
