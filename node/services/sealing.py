"""Seal a stream with age, and open it again, without holding it in memory.

To a recipient (`age1...`) the file is a plain age file: any age program opens it with the identity. With a passphrase
the file begins with one line, `tidewaiter-sealed/1 <base64>`: an age identity of this file alone, itself sealed with
the passphrase (scrypt); the age file to that identity follows.

Trust: age's pieces are each authenticated, and the last one is marked: what was altered or cut short is refused. What
has been read before the fault must not be used; callers keep it apart until the end.
"""

from __future__ import annotations

import base64
import io
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import pyrage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FRAME: Final = b"tidewaiter-sealed/1 "
MAX_FRAME: Final = 4_096


class SealRefused(Exception):  # noqa: N818 - the name is the sentence
    """The file cannot be opened, or the key is none; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What a file is sealed to: a recipient's public key, or a passphrase."""

    recipient: str | None = None
    passphrase: str | None = None


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens a file: the identity's text (`AGE-SECRET-KEY-1...`), or a passphrase."""

    identity: str | None = None
    passphrase: str | None = None


def new_identity() -> tuple[str, str]:
    """A fresh pair: the identity, to be kept, and the recipient, to seal to."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def read_identity(text: str) -> str:
    """The first identity in an identity file; raises `SealRefused`."""
    for line in text.splitlines():
        if line.startswith("AGE-SECRET-KEY-1"):
            return line.strip()
    raise SealRefused("the file holds no identity; it has a line that begins with AGE-SECRET-KEY-1")


def seal(write: Callable[[IO[bytes]], Any], path: Path, lock: Lock) -> None:
    """Seal into a new file what `write` writes. The file is its owner's alone; a failure removes it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            recipient = _recipient(lock, file)
            with _piped(write) as source:
                pyrage.encrypt_io(source, file, [recipient])
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _recipient(lock: Lock, file: IO[bytes]) -> Any:
    if lock.passphrase is not None:
        identity = pyrage.x25519.Identity.generate()
        locked = pyrage.passphrase.encrypt(str(identity).encode(), lock.passphrase)
        file.write(FRAME + base64.b64encode(locked) + b"\n")
        return identity.to_public()
    try:
        return pyrage.x25519.Recipient.from_str(lock.recipient or "")
    except pyrage.RecipientError:
        raise SealRefused(
            "this is no age recipient; it begins with age1, as `tidewaiter backup-key` prints it"
        ) from None


def unseal(path: Path, opener: Opener, read: Callable[[IO[bytes]], Any]) -> Any:
    """Open a file and let `read` read it to its end; returns what that returns.

    Raises `SealRefused` when the key does not fit, or a byte was changed or is missing.
    """
    with path.open("rb") as file:
        identity = _identity(file, opener)
        try:
            with _drained(read) as (sink, outcome):
                _decrypt(file, sink, identity)
        except (pyrage.DecryptError, _Damaged) as error:
            raise SealRefused(
                "the file does not open: it is another key's, or damaged; give its own key, or another copy"
            ) from error
    return outcome()


class _Damaged(Exception):  # noqa: N818 - the name is the sentence
    """A piece of the file is not what was sealed."""


def _decrypt(file: IO[bytes], sink: IO[bytes], identity: Any) -> None:
    try:
        pyrage.decrypt_io(file, sink, [identity])
    except BrokenPipeError:
        raise
    except OSError as error:  # so the library tells of a piece that does not hold
        raise _Damaged from error


def _identity(file: IO[bytes], opener: Opener) -> Any:
    start = file.peek(len(FRAME))[: len(FRAME)] if isinstance(file, io.BufferedReader) else b""
    framed = start == FRAME
    if framed != (opener.passphrase is not None):
        kind = "a passphrase" if framed else "a key"
        raise SealRefused(f"the file was sealed with {kind}: give {'--passphrase-file' if framed else '--identity'}")
    text = opener.identity or ""
    if framed:
        line = file.readline(MAX_FRAME)
        try:
            text = pyrage.passphrase.decrypt(base64.b64decode(line[len(FRAME) :]), opener.passphrase or "").decode()
        except (pyrage.DecryptError, ValueError) as error:
            raise SealRefused("the passphrase does not open this file, or its first line is damaged") from error
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        raise SealRefused("this is no age identity; it begins with AGE-SECRET-KEY-1") from None


@contextmanager
def _piped(write: Callable[[IO[bytes]], Any]) -> Iterator[IO[bytes]]:
    """What `write` writes, to be read: it runs in a thread of its own. What it raises is raised here."""
    reader, writer = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(writer, "wb") as sink:
                write(sink)
        except BrokenPipeError:
            pass  # the reader gave up, and says why
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failed.append(error)

    thread = threading.Thread(target=run, name="backup")
    thread.start()
    try:
        with os.fdopen(reader, "rb") as source:
            yield source
    finally:
        thread.join()
    if failed:
        raise failed[0]


@contextmanager
def _drained(read: Callable[[IO[bytes]], Any]) -> Iterator[tuple[IO[bytes], Callable[[], Any]]]:
    """A sink whose bytes `read` reads, in a thread of its own; and what it returned, once the sink is closed."""
    reader, writer = os.pipe()
    done: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(reader, "rb") as source:
                done.append(read(source))
                while source.read(1 << 16):  # what is left is decrypted to its end, so that a cut end is noticed
                    pass
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failed.append(error)

    def outcome() -> Any:
        return done[0]

    thread = threading.Thread(target=run, name="restore")
    thread.start()
    sealed: BaseException | None = None
    try:
        with os.fdopen(writer, "wb") as sink:
            yield sink, outcome
    except BrokenPipeError:
        pass
    except (pyrage.DecryptError, _Damaged) as error:
        sealed = error
    finally:
        thread.join()
    if sealed is not None:  # a cut stream also looks to the reader like a cut archive: the seal says why
        raise sealed
    if failed:
        raise failed[0]
