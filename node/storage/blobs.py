"""Where the bytes of attachments lie: a local folder or an S3 bucket, by their SHA-256.

Two kinds of objects. What may be served has its content address, `served/<2 letters>/<digest>`; whether it *is* served
is decided elsewhere. Originals have a key by chance, `private/<key>`, and no way from outside leads to a key.

A crash leaves no torn object. In a folder the library writes a temporary file and renames it, without telling the disk
to keep either; so an object is written under `incoming/`, brought to the disk, renamed, and its folder brought to the
disk. S3 stores an object whole or not at all. And nothing is believed for lying at an address: the first look at an
object in this process hashes it, and one that is not what its address says is removed and counts as absent.

Trust: whoever can write to the store can take pictures away; what is changed there is noticed and shown to nobody.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, S3Store

from crypto import b64

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVED: Final = "served"
PRIVATE: Final = "private"
INCOMING: Final = "incoming"
ADDRESS: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""A SHA-256 in base64url: the last letter carries four bits, so it is one of sixteen."""
KEY_BYTES: Final = 24
SOUND: Final = 4_096
"""So many objects are remembered as looked at: a picture that is fetched in pieces is hashed once."""
STRANDED_SECONDS: Final = 3_600
"""A file in `incoming` that is older was left there by a crash."""
DEFAULT_REGION: Final = "us-east-1"
"""S3 signatures name a region; servers of one's own take any."""


class BlobAbsent(Exception):  # noqa: N818 - the name is the sentence
    """No object of this address is here, or what was there was not what its address says and is gone now."""


class BlobsRefused(Exception):  # noqa: N818 - the name is the sentence
    """The store cannot be opened as it is configured; the message names the setting and the remedy."""


def address_of(data: bytes) -> str:
    """The content address of some bytes.

    >>> address_of(b"")
    '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
    """
    return b64.encode(hashlib.sha256(data).digest())


@dataclass(frozen=True, slots=True)
class Blobs:
    """An opened store; `folder` is where it lies if it is a local one."""

    store: Any
    folder: Path | None = None
    _sound: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def put(self, data: bytes) -> str:
        """Keep bytes under their content address, once; durable once it returns."""
        digest = address_of(data)
        if not self._there(digest, len(data)):
            self._write(_path(digest), data)
        self._remember(digest, len(data))
        return digest

    def get(self, digest: str) -> bytes:
        """The whole object, hashed. Raises `BlobAbsent`."""
        data = self._read(_path(digest))
        if address_of(data) != digest:
            self.delete(digest)
            raise BlobAbsent(f"{digest} was damaged in the store, and is removed")
        self._remember(digest, len(data))
        return data

    def piece(self, digest: str, start: int, end: int) -> tuple[bytes, int]:
        """The bytes from `start` to before `end` (fewer at the object's end), and the size of the whole object.

        The first look hashes the whole of it. A start beyond the end gives no bytes. Raises `BlobAbsent`.
        """
        size = self._sound.get(digest)
        if size is None or self._size(digest) != size:
            data = self.get(digest)
            return data[start:end], len(data)
        if start >= min(end, size):
            return b"", size
        try:
            return bytes(obstore.get_range(self.store, _path(digest), start=start, end=min(end, size))), size
        except FileNotFoundError:
            raise BlobAbsent(f"{digest} is not here") from None

    def exists(self, digest: str) -> bool:
        """Whether an object lies there; what it holds is seen when it is read."""
        return self._size(digest) is not None

    def delete(self, digest: str) -> None:
        """Remove an object; one that is not there is removed already."""
        self._sound.pop(digest, None)
        self._remove(_path(digest))

    def addresses(self) -> Iterator[str]:
        """The content addresses of everything that may be served, in no order."""
        return (address for address, _ in self.addresses_with_times())

    def addresses_with_times(self) -> Iterator[tuple[str, int]]:
        """The same, each with the second at which it was stored."""
        return ((name, at) for name, at in self._listed(SERVED) if ADDRESS.fullmatch(name))

    def put_private(self, data: bytes) -> str:
        """Keep an original under a key by chance; durable once it returns."""
        key = b64.encode(secrets.token_bytes(KEY_BYTES))
        self._write(f"{PRIVATE}/{key}", data)
        return key

    def restore_private(self, key: str, data: bytes) -> None:
        """Put an original back under the key that it had; durable once it returns."""
        self._write(f"{PRIVATE}/{key}", data)

    def get_private(self, key: str) -> bytes:
        """An original. The caller compares it with the hash that it kept. Raises `BlobAbsent`."""
        return self._read(f"{PRIVATE}/{key}")

    def delete_private(self, key: str) -> None:
        """Remove an original."""
        self._remove(f"{PRIVATE}/{key}")

    def private_keys(self) -> Iterator[str]:
        """The keys of all originals, in no order."""
        return (key for key, _ in self.private_with_times())

    def private_with_times(self) -> Iterator[tuple[str, int]]:
        """The same, each with the second at which it was stored."""
        return self._listed(PRIVATE)

    def _listed(self, shelf: str) -> Iterator[tuple[str, int]]:
        for batch in obstore.list(self.store, shelf):
            for found in batch:
                yield found["path"].rpartition("/")[2], int(found["last_modified"].timestamp())

    def tidy(self) -> int:
        """Remove what crashes left half-written; how many there were."""
        if self.folder is None:
            return 0
        stranded = 0
        for path in (self.folder / INCOMING).glob("*"):
            if time.time() - path.stat().st_mtime > STRANDED_SECONDS:
                path.unlink(missing_ok=True)
                stranded += 1
        return stranded

    def _there(self, digest: str, size: int) -> bool:
        """Whether the object is here and sound: an object that was torn elsewhere is written again."""
        if self._size(digest) != size:
            return False
        if self._sound.get(digest) == size:
            return True
        try:
            return len(self.get(digest)) == size
        except BlobAbsent:
            return False

    def _write(self, path: str, data: bytes) -> None:
        if self.folder is None:
            # Of two that write one address, the second finds the first one's object: it is the same.
            try:
                obstore.put(self.store, path, data, mode="create")
            except AlreadyExistsError:
                obstore.put(self.store, path, data)
            return
        waiting = f"{INCOMING}/{secrets.token_hex(16)}"
        obstore.put(self.store, waiting, data)
        _to_disk(self.folder / waiting)
        shelf = (self.folder / path).parent
        if not shelf.is_dir():
            shelf.mkdir(parents=True, exist_ok=True)
            _to_disk(shelf.parent)
        obstore.rename(self.store, waiting, path)
        _to_disk(shelf)

    def _read(self, path: str) -> bytes:
        try:
            return bytes(obstore.get(self.store, path).bytes())
        except FileNotFoundError:
            raise BlobAbsent(f"{path} is not here") from None

    def _remove(self, path: str) -> None:
        try:
            obstore.delete(self.store, path)
        except FileNotFoundError:
            return

    def _size(self, digest: str) -> int | None:
        try:
            return int(obstore.head(self.store, _path(digest))["size"])
        except FileNotFoundError:
            return None

    def _remember(self, digest: str, size: int) -> None:
        self._sound[digest] = size
        while len(self._sound) > SOUND:
            self._sound.popitem(last=False)


def open_blobs(url: str, *, endpoint: str | None = None, credentials: Mapping[str, str] | None = None,
               region: str = DEFAULT_REGION) -> Blobs:  # fmt: skip
    """Open the store at `file:///folder` or `s3://bucket/prefix`; a folder is made if it is not there.

    `credentials` has `access_key_id` and `secret_access_key`; without it the environment's AWS_ variables count.
    Raises `BlobsRefused`.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        folder = Path(parts.path)
        try:
            (folder / INCOMING).mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        except OSError as error:
            raise BlobsRefused(f"blobs.url: {folder} cannot be made: {error.strerror}") from error
        return Blobs(LocalStore(prefix=folder), folder)
    if parts.scheme == "s3" and parts.netloc:
        settings: dict[str, Any] = {"region": region, **(credentials or {})}
        if endpoint is not None:
            settings["endpoint"] = endpoint
        plain = endpoint is not None and endpoint.startswith("http://")
        return Blobs(
            S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={"allow_http": plain, "timeout": "30s"},
                **settings,
            )
        )
    raise BlobsRefused("blobs.url: is neither file:///FOLDER nor s3://BUCKET/PREFIX")


def _path(digest: str) -> str:
    """Where an address lies. Anything else than an address never becomes a path."""
    if not ADDRESS.fullmatch(digest):
        raise BlobAbsent("that is no content address")
    return f"{SERVED}/{digest[:2]}/{digest}"


def _to_disk(path: Path) -> None:
    """Let the disk keep a file, or the names in a folder, before anything builds on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
