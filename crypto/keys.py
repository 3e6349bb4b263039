"""Public keys: which are admitted, what they are called, and whether a signature is theirs.

Ed25519 only (RFC 8032). A key's id is its RFC 7638 thumbprint. Every `PublicKey` was admitted: a point of
small order, off the curve, outside the prime-order subgroup, or in a second spelling cannot become one,
because with some of them a signature covers every message, and with others two verifiers disagree.

Verification is libsodium's, through PyNaCl, because it is nearly twice as fast as the one in `cryptography`.
It accepts nothing that the other refuses: a test holds it to that on the Wycheproof set and on constructed
points.

Left to others: to whom a key belongs, for which use and when (the directory).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from crypto import b64
from crypto.errors import BadSignature, KeyRefused, MalformedBase64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto.strictjson import JsonValue

KeyUse: TypeAlias = Literal["record", "log", "http"]
"""What a listed key is for: records and relay grants; checkpoints and receipts; requests and responses."""

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An admitted Ed25519 key: 32 bytes and the id under which it is looked up.

    Raises `KeyRefused` when the bytes are not a key that may be admitted.
    """

    raw: bytes
    kid: str

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise KeyRefused(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}")
        # Canonical, on the curve, not of small order, in the prime-order subgroup (RFC 8032, section 5.1.7
        # leaves the last two to the application).
        if not crypto_core_ed25519_is_valid_point(self.raw):
            raise KeyRefused("the public key is a weak, foreign or non-canonical point of Ed25519")

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if `signature` (64 bytes, RFC 8032) covers `message`; raise `BadSignature` otherwise."""
        # The length is checked here: libsodium takes signature and message as one string and would read a
        # short signature on into the message.
        if len(signature) == SIGNATURE_BYTES:
            try:
                crypto_sign_open(signature + message, self.raw)
            except BadSignatureError:
                pass
            else:
                return
        raise BadSignature(f"the signature by {self.kid!r} does not cover these bytes")

    def jwk(self) -> dict[str, str]:
        """Return the key as a JSON Web Key (RFC 8037, section 2) with its id."""
        return {"kty": "OKP", "crv": "Ed25519", "x": b64.encode(self.raw), "kid": self.kid}


def admit_raw(raw: bytes) -> PublicKey:
    """Return the key of these 32 bytes under its thumbprint, or raise `KeyRefused`."""
    return PublicKey(raw=raw, kid=_thumbprint_of(b64.encode(raw)))


def admit_jwk(jwk: Mapping[str, JsonValue]) -> PublicKey:
    """Return the key of a JSON Web Key under its thumbprint, or raise `KeyRefused`.

    Members other than `kty`, `crv` and `x` are not looked at, and `kid` least of all: an id is computed,
    never chosen. The exception is `d`: who sends a private key has lost it.
    """
    if "d" in jwk:
        raise KeyRefused("the JWK holds a private key (`d`): remove it, and do not use this key again")
    return admit_raw(_x_of(jwk))


def thumbprint(jwk: Mapping[str, JsonValue]) -> str:
    """Return the SHA-256 thumbprint (RFC 7638) of an Ed25519 JWK as base64url, or raise `KeyRefused`.

    >>> thumbprint({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
    """
    return _thumbprint_of(b64.encode(_x_of(jwk)))


def _thumbprint_of(x: str) -> str:
    # The required members in lexical order, without spaces (RFC 7638, section 3; RFC 8037, section 2).
    return b64.encode(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def _x_of(jwk: Mapping[str, JsonValue]) -> bytes:
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
        raise KeyRefused("only Ed25519 keys are admitted: `kty` must be OKP and `crv` Ed25519")
    x = jwk.get("x")
    if not isinstance(x, str):
        raise KeyRefused("the JWK has no `x`: the public key as base64url")
    try:
        return b64.decode(x)
    except MalformedBase64:
        raise KeyRefused("`x` of the JWK is not canonical unpadded base64url") from None
