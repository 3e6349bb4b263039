"""Who signs: a `Signer`, behind which a file stands today and a hardware module may stand tomorrow.

A key file is one JSON object: the Ed25519 seed sealed with AES-256-GCM under a key that scrypt (RFC 7914)
derives from the secret, and everything else of the file as associated data, so that a changed file is
noticed as such. The secret is a passphrase or the content of a key file, as bytes; where it comes from is
the caller's matter.

Trust: whoever can write to the file can make us fail to start, and cannot make us sign with a key of theirs
(the seal) unless they have the secret. Whoever reads file and secret is us.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from crypto import b64, jcs, strictjson
from crypto.errors import KeyFileRefused, KeyRefused, MalformedBase64, MalformedJson
from crypto.keys import SIGNATURE_BYTES, PublicKey, admit_raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crypto.strictjson import JsonValue

FORMAT: Final = "tidewaiter-key/1"
SEED_BYTES: Final = 32
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12

SCRYPT_N: Final = 2**14
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1
"""16 MB and some 40 ms for each guess. No other cost is read from a file: a changed file must not make us
allocate gigabytes, and a new cost is a new format."""

MAX_FILE_BYTES: Final = 4096


class Signer(Protocol):
    """Signs with one Ed25519 private key that it never shows.

    `sign` returns 64 bytes (RFC 8032), is safe to call from several threads, and raises `CryptoError` when
    the key cannot be reached. `kid` is the thumbprint of `public`.
    """

    @property
    def kid(self) -> str: ...  # noqa: D102 - told above

    @property
    def public(self) -> PublicKey: ...  # noqa: D102 - told above

    def sign(self, message: bytes) -> bytes: ...  # noqa: D102 - told above


class FileSigner:
    """A `Signer` whose key lies in memory, and encrypted in a file."""

    __slots__ = ("_seed_and_public", "public")

    def __init__(self, seed: bytes) -> None:
        """Take a seed of 32 bytes (RFC 8032, section 5.1.5); raise `KeyRefused` for another length."""
        if len(seed) != SEED_BYTES:
            raise KeyRefused(f"an Ed25519 private key has {SEED_BYTES} bytes, not {len(seed)}")
        raw, self._seed_and_public = crypto_sign_seed_keypair(seed)
        self.public: PublicKey = admit_raw(raw)

    def __repr__(self) -> str:
        return f"FileSigner(kid={self.kid!r})"

    @property
    def kid(self) -> str:
        """The thumbprint of the public key."""
        return self.public.kid

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, 64 bytes."""
        return crypto_sign(message, self._seed_and_public)[:SIGNATURE_BYTES]

    @classmethod
    def generate(cls, *, token: Callable[[int], bytes] = secrets.token_bytes) -> FileSigner:
        """Make a new key from 32 bytes of `token`."""
        return cls(token(SEED_BYTES))

    def save(
        self,
        path: Path,
        secret: bytes,
        *,
        replace: bool = False,
        token: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """Write the key to `path`, sealed with `secret`, readable by the owner alone; raise `KeyFileRefused`.

        The file is there whole and on the disk when this returns, or it is not there. An existing file is
        kept unless `replace` is given (to change the secret): a private key that is overwritten is lost.
        """
        seed = self._seed_and_public[:SEED_BYTES]
        save_sealed(path, seed, kid=self.kid, secret=secret, replace=replace, token=token)

    @classmethod
    def load(cls, path: Path, secret: bytes) -> FileSigner:
        """Read the key at `path` with `secret`.

        Raises `KeyFileRefused`, which says what is wrong: the file, its format, or the secret.
        """
        seed, kid = read_sealed(path, secret)
        try:
            signer = cls(seed)
        except KeyRefused as error:
            raise KeyFileRefused(f"{path} opens and holds no Ed25519 key: {error}") from None
        if signer.kid != kid:
            raise KeyFileRefused(f"{path} opens and holds another key than its `kid` says")
        return signer


def save_sealed(
    path: Path,
    private: bytes,
    *,
    kid: str,
    secret: bytes,
    replace: bool = False,
    token: Callable[[int], bytes] = secrets.token_bytes,
) -> None:
    """Write a private key of 32 bytes, of whatever kind, to a key file; what `FileSigner.save` says holds."""
    _check_secret(secret)
    salt, nonce = token(SALT_BYTES), token(NONCE_BYTES)
    head: dict[str, JsonValue] = {
        "format": FORMAT,
        "kid": kid,
        "kdf": "scrypt-16384-8-1",
        "salt": b64.encode(salt),
        "cipher": "aes-256-gcm",
        "nonce": b64.encode(nonce),
    }
    sealed = AESGCM(_derive(secret, salt)).encrypt(nonce, private, jcs.profile_bytes(head))
    _write_private(path, strictjson.dumps({**head, "sealed": b64.encode(sealed)}) + b"\n", replace=replace)


def read_sealed(path: Path, secret: bytes) -> tuple[bytes, str]:
    """Return the private key in a key file and the `kid` that it names; raise `KeyFileRefused`."""
    _check_secret(secret)
    head, salt, nonce, sealed = _read(path)
    try:
        private = AESGCM(_derive(secret, salt)).decrypt(nonce, sealed, jcs.profile_bytes(head))
    except InvalidTag:
        raise KeyFileRefused(
            f"{path} does not open with this secret: it is another secret, or the file was changed"
        ) from None
    return private, str(head["kid"])


class RotatingSigner:
    """A `Signer` whose key can be replaced while others hold it: what runs for weeks signs with today's key.

    Between asking for `kid` or `public` and signing, a thread keeps to the key that it was told: a header never names
    another key than the one that signed.
    """

    __slots__ = ("_current", "_told")

    def __init__(self, current: Signer) -> None:
        self._current = current
        self._told = threading.local()

    def __repr__(self) -> str:
        return f"RotatingSigner(kid={self._current.kid!r})"

    def replace(self, current: Signer) -> None:
        """Sign with this key from now on."""
        self._current = current

    @property
    def kid(self) -> str:
        """The thumbprint of the key that this thread signs with next."""
        return self._pin().kid

    @property
    def public(self) -> PublicKey:
        """The key that this thread signs with next."""
        return self._pin().public

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, 64 bytes, by the key that this thread asked for last."""
        signer: Signer = getattr(self._told, "signer", None) or self._current
        return signer.sign(message)

    def _pin(self) -> Signer:
        self._told.signer = self._current
        return self._current


def _check_secret(secret: bytes) -> None:
    if not secret:
        raise KeyFileRefused("the secret is empty: give a passphrase or a key file that is not empty")


def _derive(secret: bytes, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(secret)


def _read(path: Path) -> tuple[dict[str, JsonValue], bytes, bytes, bytes]:
    """Return head, salt, nonce and sealed seed of a key file."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileRefused(f"{path} cannot be read: {error.strerror}") from None
    try:
        members = strictjson.parse_profile(raw, max_bytes=MAX_FILE_BYTES, max_depth=1)
        if not isinstance(members, dict) or members.get("format") != FORMAT:
            raise KeyFileRefused(f"{path} is not a key file of the format {FORMAT}")
        if members.get("kdf") != "scrypt-16384-8-1" or members.get("cipher") != "aes-256-gcm":
            raise KeyFileRefused(f"{path} is sealed in a way this version does not know")
        salt, nonce, sealed = (b64.decode(str(members.get(name))) for name in ("salt", "nonce", "sealed"))
    except (MalformedJson, MalformedBase64) as error:
        raise KeyFileRefused(f"{path} is not a key file: {error}") from None
    if len(salt) != SALT_BYTES or len(nonce) != NONCE_BYTES:
        raise KeyFileRefused(f"{path} has a salt or nonce of the wrong length")
    head = {name: value for name, value in members.items() if name != "sealed"}
    return head, salt, nonce, sealed


def _write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write whole or not at all, mode 0600 from the first moment, durable on return."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                beside.replace(path)
            else:
                path.hardlink_to(beside)  # fails when there is a file, which a rename does not
        finally:
            with contextlib.suppress(FileNotFoundError):
                beside.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise KeyFileRefused(f"{path} exists, and a private key is never overwritten by accident") from None
    except OSError as error:
        raise KeyFileRefused(f"{path} cannot be written: {error.strerror}") from None
