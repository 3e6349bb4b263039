"""Encryption to a node: X25519 keys for what is carried by hand, in the form of age (age-encryption.org/v1).

A key's id is its RFC 7638 thumbprint, as for the keys that sign. A public key is admitted only if it gives a shared
secret that is not the same for everybody: a point of small order would open what is sealed to it. A private key lies in
a file of the same form as a signing key's (`crypto.signer`), sealed with the same secret.

The cipher is age's, through pyrage (the Rust implementation): a file key per message, X25519, HKDF, ChaCha20-Poly1305
in pieces of 64 kB, so a changed byte is always noticed. It proves nothing of who sealed it: whoever knows the public
key can. What is inside must be signed.

Trust: whoever reads the private key's file and the secret reads everything that was ever sealed to it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyrage
from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
from nacl.exceptions import CryptoError as SodiumError

from crypto import b64
from crypto.errors import KeyFileRefused, KeyRefused, MalformedBase64, SealRefused
from crypto.signer import read_sealed, save_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


KEY_BYTES: Final = 32
ALG: Final = "X25519"
_TOP_BIT: Final = 0x80
_PRIME: Final = 2**255 - 19
_SOME_SCALAR: Final = bytes(range(32))
"""Any scalar will do for the look at the point: the product is the same, all zero, for every one or for none."""
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


@dataclass(frozen=True, slots=True)
class EncKey:
    """An admitted X25519 public key. Raises `KeyRefused` when it may not be admitted."""

    raw: bytes
    kid: str

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise KeyRefused(f"an X25519 public key has {KEY_BYTES} bytes, not {len(self.raw)}")
        # A second spelling of a point would be a second id for one key (RFC 7748, section 5, masks the top bit).
        if self.raw[-1] & _TOP_BIT or int.from_bytes(self.raw, "little") >= _PRIME:
            raise KeyRefused("the X25519 public key is not canonical")
        try:
            crypto_scalarmult(_SOME_SCALAR, self.raw)
        except SodiumError:
            raise KeyRefused("the X25519 public key is a point of small order") from None

    @property
    def recipient(self) -> str:
        """The key as age writes it: `age1...`."""
        return _bech32("age", self.raw)

    def jwk(self) -> dict[str, str]:
        """The key as a JSON Web Key (RFC 8037, section 2) with its id."""
        return {"kty": "OKP", "crv": ALG, "x": b64.encode(self.raw), "kid": self.kid}

    def seal(self, data: bytes) -> bytes:
        """Encrypt so that only the holder of the private key reads it."""
        sealed: bytes = pyrage.encrypt(data, [pyrage.x25519.Recipient.from_str(self.recipient)])
        return sealed


def admit_enc(x: object) -> EncKey:
    """Return the key whose 32 bytes are `x` in base64url, under its thumbprint, or raise `KeyRefused`."""
    try:
        raw = b64.decode(x) if isinstance(x, str) else b""
    except MalformedBase64:
        raise KeyRefused("`x` of the key is not canonical unpadded base64url") from None
    # RFC 7638, section 3: the required members in lexical order.
    members = f'{{"crv":"{ALG}","kty":"OKP","x":"{b64.encode(raw)}"}}'
    return EncKey(raw=raw, kid=b64.encode(hashlib.sha256(members.encode()).digest()))


class Opener:
    """Opens what was sealed to one X25519 key, whose private half lies in memory, and encrypted in a file."""

    __slots__ = ("_identity", "_secret", "public")

    def __init__(self, secret: bytes) -> None:
        """Take a private key of 32 bytes (RFC 7748, section 5); raise `KeyRefused` for another length."""
        if len(secret) != KEY_BYTES:
            raise KeyRefused(f"an X25519 private key has {KEY_BYTES} bytes, not {len(secret)}")
        self._secret = secret
        self._identity = pyrage.x25519.Identity.from_str(_bech32("age-secret-key-", secret).upper())
        self.public: EncKey = admit_enc(b64.encode(crypto_scalarmult_base(secret)))

    def __repr__(self) -> str:
        return f"Opener(kid={self.kid!r})"

    @property
    def kid(self) -> str:
        """The thumbprint of the public key."""
        return self.public.kid

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed, or raise `SealRefused`: changed, cut off, or for another key."""
        try:
            data: bytes = pyrage.decrypt(sealed, [self._identity])
        except pyrage.DecryptError:
            raise SealRefused("it was changed on the way, or is sealed to another key") from None
        return data

    @classmethod
    def generate(cls, *, token: Callable[[int], bytes] = secrets.token_bytes) -> Opener:
        """Make a new key from 32 bytes of `token`."""
        return cls(token(KEY_BYTES))

    def save(self, path: Path, secret: bytes) -> None:
        """Write the private key to `path`, sealed with `secret`; an existing file is never overwritten."""
        save_sealed(path, self._secret, kid=self.kid, secret=secret)

    @classmethod
    def load(cls, path: Path, secret: bytes) -> Opener:
        """Read the private key at `path`; raises `KeyFileRefused`, which says what is wrong."""
        raw, kid = read_sealed(path, secret)
        opener = cls(raw)
        if opener.kid != kid:
            raise KeyFileRefused(f"{path} opens and holds another key than its `kid` says")
        return opener


def open_with(openers: Sequence[Opener], sealed: bytes) -> bytes:
    """Open with whichever of these keys it was sealed to, or raise `SealRefused`."""
    for opener in openers[:-1]:
        try:
            return opener.open(sealed)
        except SealRefused:
            continue
    if not openers:
        raise SealRefused("this node has no key that opens anything")
    return openers[-1].open(sealed)


def _bech32(prefix: str, raw: bytes) -> str:
    """Write bytes as age writes its keys (BIP 173, without the limit of 90 characters)."""
    bits = "".join(f"{byte:08b}" for byte in raw)
    bits += "0" * (-len(bits) % 5)
    values = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    spread = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    check = _polymod([*spread, *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [(check >> 5 * (5 - place)) & 31 for place in range(6)]
    return f"{prefix}1{''.join(_BECH32[value] for value in values)}"


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if (top >> place) & 1 else 0
    return check
