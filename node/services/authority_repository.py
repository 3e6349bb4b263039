"""The keys of a development authority, and the TUF repository that they sign (python-tuf's Metadata API).

    <folder>/keys/root-1.key ...   one encrypted key file for each key (crypto.signer), and `secret`
    <folder>/repository/           metadata/<n>.root.json, <n>.targets.json, <n>.snapshot.json, timestamp.json
                                   targets/<sha256>.<name>

Only what is signed is decided here: by which role, with how many keys, under which file name. What the
directory says and when things expire is the caller's.

Trust: see `node.services.authority`; the folder is the federation.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import Key, Signature, SSlibKey
from securesystemslib.signer import Signer as TufSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, TargetFile, Targets, Timestamp

from crypto.signer import FileSigner
from federation.errors import DirectoryRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto.signer import Signer

ROLES: Final = {Root.type: (5, 3), Targets.type: (3, 2), Snapshot.type: (1, 1), Timestamp.type: (1, 1)}
"""Keys of each role, and how many of them must sign (protocol, section 9)."""
SECRET_BYTES: Final = 32
OWNER_ONLY: Final = 0o600
PUBLIC: Final = 0o644

Part = TypeVar("Part", Root, Targets, Snapshot, Timestamp)


class Repository:
    """The repository of one authority; `secret` opens its keys and is needed for signing only."""

    def __init__(self, folder: Path, *, secret: bytes = b"") -> None:
        self._keys = folder / "keys"
        self._metadata = folder / "repository" / "metadata"
        self._targets = folder / "repository" / "targets"
        self._secret = secret

    @classmethod
    def create(cls, folder: Path, *, secret: bytes | None, expires: datetime) -> Repository:
        """Make the keys and the first root. With no `secret` one is made and kept with the keys."""
        keys = folder / "keys"
        if keys.exists() or (folder / "repository").exists():
            raise DirectoryRefused(f"{folder}: there is an authority already; take an empty folder")
        keys.mkdir(parents=True, mode=0o700)
        if secret is None:
            secret = secrets.token_hex(SECRET_BYTES).encode()
            write(keys / "secret", secret, mode=OWNER_ONLY)
        repository = cls(folder, secret=secret)
        root = Root(version=1, expires=expires, consistent_snapshot=True)
        for role, (count, threshold) in ROLES.items():
            for number in range(1, count + 1):
                signer = FileSigner.generate()
                signer.save(keys / f"{role}-{number}.key", secret)
                root.add_key(RoleSigner(signer).public_key, role)
            root.roles[role].threshold = threshold
        repository.sign(root)
        return repository

    @classmethod
    def open(cls, folder: Path, *, secret: bytes | None) -> Repository:
        """Open an authority for signing, with the secret that is kept with its keys if none is given."""
        if secret is None:
            try:
                secret = (folder / "keys" / "secret").read_bytes()
            except OSError:
                raise DirectoryRefused(f"{folder}: no secret is kept with the keys; give the passphrase") from None
        return cls(folder, secret=secret)

    def sign(self, part: Part) -> None:
        """Sign with as many keys as the role needs, and write the file under its name."""
        metadata = Metadata(part)
        for number in range(1, ROLES[part.type][1] + 1):
            signer = FileSigner.load(self._keys / f"{part.type}-{number}.key", self._secret)
            metadata.sign(RoleSigner(signer), append=True)
        write(self._file(part), metadata.to_bytes())

    def put(self, name: str, data: bytes) -> TargetFile:
        """Write a target under the name that consistent snapshots give it, and describe it."""
        target = TargetFile.from_data(name, data, ["sha256"])
        write(self._targets / f"{target.hashes['sha256']}.{name}", data)
        return target

    def described(self, part: Signed) -> MetaFile:
        """Describe a signed file for the role above it: version, length and hash."""
        return MetaFile.from_data(part.version, self._file(part).read_bytes(), ["sha256"])

    def root(self) -> Root:
        """Return the newest root."""
        root = self.newest(Root)
        if root is None:
            raise DirectoryRefused(f"{self._metadata}: there is no root; is this the folder of an authority?")
        return root

    def root_bytes(self, version: int) -> bytes:
        """Return the file of one version of the root."""
        try:
            return (self._metadata / f"{version}.root.json").read_bytes()
        except OSError:
            raise DirectoryRefused(f"{self._metadata}: there is no root {version}") from None

    def newest(self, kind: type[Part]) -> Part | None:
        """Return the newest file of a role that has versions in its name, or None before the first."""
        form = re.compile(rf"([1-9][0-9]*)\.{kind.type}\.json")
        versions = {
            int(match[1]): path for path in self._metadata.glob("*.json") if (match := form.fullmatch(path.name))
        }
        if not versions:
            return None
        path = versions[max(versions)]
        try:
            part: Signed = Metadata.from_file(str(path)).signed
        except RepositoryError as error:
            raise DirectoryRefused(f"{path}: {error}") from None
        if not isinstance(part, kind):
            raise DirectoryRefused(f"{path}: is not what its name says")
        return part

    def _file(self, part: Signed) -> Path:
        prefix = "" if part.type == Timestamp.type else f"{part.version}."
        return self._metadata / f"{prefix}{part.type}.json"


class RoleSigner(TufSigner):
    """A `crypto` signer as python-tuf wants to use it."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(signer.public.raw))

    @property
    def public_key(self) -> Key:
        """The key in the form that stands in a root."""
        return self._key

    @classmethod
    def from_priv_key_uri(
        cls,
        priv_key_uri: str,  # noqa: ARG003 - the library's signature
        public_key: Key,  # noqa: ARG003 - the same
        secrets_handler: Callable[[str], str] | None = None,  # noqa: ARG003 - the same
    ) -> RoleSigner:
        """Refuse: the library's own way to open keys by address is not used."""
        raise ValueError("the keys of an authority are opened from its folder")

    def sign(self, payload: bytes) -> Signature:
        """Sign in the form that stands in TUF metadata."""
        return Signature(self._key.keyid, self._signer.sign(payload).hex())


def moment(seconds: int) -> datetime:
    """Return a time as python-tuf wants it."""
    return datetime.fromtimestamp(seconds, UTC)


def write(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Write durably, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
