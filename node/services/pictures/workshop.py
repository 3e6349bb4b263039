"""Where pictures are worked on: keeps one `worker` process warm, gives it jobs, and replaces it when it breaks.

One picture at a time; whoever comes meanwhile waits in line. The worker is ended after `JOBS` pictures, so that what
one of them may have done to it does not stay, and at once when it says nothing for `SECONDS`.

Trust: the worker's answer is a stranger's: lengths are bounded before they are read, and a rendition is taken only if
it is a bare JPEG of the size that was told (`bare`).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from node.services.pictures import bare, worker

if TYPE_CHECKING:
    from collections.abc import Sequence

JOBS: Final = 200
SECONDS: Final = 30.0
"""Of waiting for one answer: ten times what the largest picture takes."""
MAX_LINE: Final = 4_096
JPEG: Final = "image/jpeg"
_MIME: Final = {"JPEG": JPEG, "PNG": "image/png", "WEBP": "image/webp"}
_ENVIRONMENT: Final = {
    "PYTHONDONTWRITEBYTECODE": "1",
    # More threads would cost address space and win nothing: one picture at a time.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""All that the worker is told of this process's environment: secrets may stand there."""

SENTENCES: Final = {
    "too-large": "has more than 10 MB",
    "too-many-pixels": "has more than 40 million pixels; make it smaller and add it again",
    "not-a-picture": "is no JPEG, PNG or WebP; convert it, or add it as a document, scan, video or file",
    "animated": "has more than one frame; add the one that matters",
    "unknown-pixels": "has a kind of pixels that is not known here; save it as an ordinary picture",
    "damaged": "cannot be decoded to its end: it is damaged or cut off",
    "too-much-memory": "needs more memory than a picture may",
    "too-long": "takes longer than a picture may",
    "broken": "broke the process that decodes pictures, which was replaced",
    "no-box": "has nothing where a box is: boxes are x,y,width,height in pixels of the rendition",
}


class PictureRefused(Exception):  # noqa: N818 - the name is the sentence
    """A picture that is not taken in. `word` is stable; the text says what is wrong and what to do."""

    def __init__(self, word: str) -> None:
        super().__init__(f"the picture {SENTENCES.get(word, SENTENCES['damaged'])}")
        self.word = word


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """A JPEG of ours: pixels and nothing else."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of a picture."""

    full: Rendition
    small: Rendition
    likeness: bytes
    """PDQ, 32 bytes."""
    quality: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What somebody else's picture is."""

    mime: str
    width: int
    height: int
    likeness: bytes
    quality: int


@dataclass(slots=True)
class Workshop:
    """Give it pictures; it blocks until they are done. `close` ends the worker."""

    jobs: int = JOBS
    seconds: float = SECONDS
    peak_kib: int = 0
    """The most memory that any worker said it had resident."""
    alone: bool | None = None
    """Whether the newest worker could give up its network."""
    _process: subprocess.Popen[bytes] | None = None
    _left: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sanitise(self, data: bytes) -> Made:
        """A rendition and a thumbnail without metadata. Raises `PictureRefused`."""
        return _made(*self._do("sanitise", data))

    def redact(self, data: bytes, boxes: Sequence[tuple[int, int, int, int]]) -> Made:
        """The same with boxes (x, y, width, height) filled. Raises `PictureRefused`."""
        return _made(*self._do("redact", data, boxes=[list(box) for box in boxes]))

    def check(self, data: bytes) -> Checked:
        """Decode somebody else's picture within the limits. Raises `PictureRefused`."""
        told, _ = self._do("check", data)
        mime = _MIME.get(str(told.get("format")))
        if mime is None:
            raise PictureRefused("broken")
        return Checked(
            mime=mime, width=_number(told.get("w")), height=_number(told.get("h")), likeness=_hash(told),
            quality=_number(told.get("quality")),
        )  # fmt: skip

    def start(self) -> None:
        """Start the worker now, so that the first picture does not wait for it."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._end()

    def _do(self, job: str, data: bytes, **more: Any) -> tuple[dict[str, Any], list[bytes]]:
        if len(data) > worker.MAX_BYTES:  # before anything else looks at it
            raise PictureRefused("too-large")
        with self._lock:
            process = self._running()
            slow = threading.Event()
            timer = threading.Timer(self.seconds, _kill, (process, slow))
            timer.start()
            try:
                found, parts = _exchange(process, orjson.dumps({"job": job, "size": len(data), **more}), data)
            except (OSError, ValueError, EOFError):
                self._end()
                raise PictureRefused("too-long" if slow.is_set() else "broken") from None
            finally:
                timer.cancel()
            self._left -= 1
            self.peak_kib = max(self.peak_kib, _number(found.get("peak_kib")))
            if self._left <= 0 or found.get("last"):
                self._end()
        if "refused" in found:
            word = str(found["refused"])
            raise PictureRefused(word if word in SENTENCES else "damaged")
        return found, parts

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._process = subprocess.Popen(  # noqa: S603 - our own module, by its path
            [sys.executable, "-I", "-B", str(Path(worker.__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=dict(_ENVIRONMENT), cwd="/", close_fds=True, start_new_session=True,
        )  # fmt: skip
        self._left = self.jobs
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        hello = self._process.stdout.readline(MAX_LINE)
        try:
            self.alone = bool(orjson.loads(hello)["alone"])
        except (ValueError, KeyError, TypeError):
            self._end()
            raise PictureRefused("broken") from None
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


def _kill(process: subprocess.Popen[bytes], slow: threading.Event) -> None:
    slow.set()
    process.kill()


def _exchange(process: subprocess.Popen[bytes], asked: bytes, data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Hand a job over and read its answer, of bounded lengths."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(asked + b"\n")
    process.stdin.write(data)
    process.stdin.flush()
    line = process.stdout.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    found = orjson.loads(line)
    if not isinstance(found, dict) or not isinstance(found.get("parts"), list) or len(found["parts"]) > 2:  # noqa: PLR2004 - a rendition and its thumbnail
        raise ValueError("not an answer")
    parts = []
    for size in found["parts"]:
        if not 0 < _number(size) <= worker.MAX_OUT_BYTES:
            raise ValueError("not a length")
        part = process.stdout.read(size)
        if len(part) != size:
            raise EOFError
        parts.append(part)
    return found, parts


def _made(told: dict[str, Any], parts: list[bytes]) -> Made:
    if len(parts) != 2:  # noqa: PLR2004 - a rendition and its thumbnail
        raise PictureRefused("broken")
    full, small = (_rendition(part) for part in parts)
    if max(full.width, full.height) > worker.MAX_SIDE or max(small.width, small.height) > worker.MAX_THUMBNAIL:
        raise PictureRefused("broken")
    return Made(full=full, small=small, likeness=_hash(told), quality=_number(told.get("quality")))


def _rendition(data: bytes) -> Rendition:
    size = bare.size_of(data)
    if size is None:
        raise PictureRefused("broken")
    return Rendition(data=data, width=size[0], height=size[1])


def _hash(told: dict[str, Any]) -> bytes:
    try:
        value = bytes.fromhex(told["pdq"])
    except (KeyError, TypeError, ValueError):
        raise PictureRefused("broken") from None
    if len(value) != 32:  # noqa: PLR2004 - 256 bits
        raise PictureRefused("broken")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise PictureRefused("broken")
    return value
