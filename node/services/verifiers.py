"""Verify the bodies of large pages in a process beside this one: storing one page and verifying the next overlap.

A worker gets the texts of a page's bodies and the directory's keys, and gives back what `federation.envelope` made of
each: the same function, on another processor. It is started with the first large page and opens no file, no socket and
no database. If it dies, the page is verified here, and the next large page starts another one.

Trust: the worker is our own code and our own child. What it answers is believed as what this process computes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from federation import inbox
from federation.errors import FederationError, ProblemType, Refused
from federation.membership import Directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from federation.envelope import VerifiedRecord
    from federation.membership import Class, ListedKey
    from federation.pages import VerifiedPage

WORTH_IT: Final = 64
"""Bodies in a page from which on the way to another process pays."""


@dataclass(slots=True)
class Verifiers:
    """Up to `workers` processes that verify bodies; with 0 everything is verified here."""

    workers: int
    _pool: ProcessPoolExecutor | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, page: VerifiedPage, *, directory: Directory, now: int) -> inbox.OpenedPage:
        """Verify the bodies of a page, here or beside. Blocks: not for the event loop."""
        texts = [entry.s for entry in page.entries if entry.s is not None]
        if self.workers == 0 or len(texts) < WORTH_IT:
            return inbox.verify_bodies(page, directory=directory, now=now)
        keys = (directory.fed, directory.class_, directory.version, tuple(directory.keys.values()))
        try:
            found = self._running().submit(_verify, texts, keys, now).result()
        except BrokenProcessPool:
            self.stop()
            return inbox.verify_bodies(page, directory=directory, now=now)
        return inbox.OpenedPage(page, {text: _verdict(each) for text, each in found.items()})

    def start(self) -> None:
        """Start a worker now, so that the first large page does not wait for it."""
        if self.workers:
            self._running().submit(os.getpid)

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                # Spawned, not forked: this process has threads and open databases.
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_start)
            return self._pool

    def stop(self) -> None:
        """End the workers."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _verdict(answer: VerifiedRecord | tuple[ProblemType, str]) -> VerifiedRecord | FederationError:
    """Errors come back as their word and sentence: not every exception survives the way between processes."""
    return Refused(*answer) if isinstance(answer, tuple) else answer


def _start() -> None:
    # Ctrl-C goes to the whole group: the parent ends its workers itself.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers: they notice."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _verify(
    texts: Sequence[str], keys: tuple[str, Class, int, tuple[ListedKey, ...]], now: int
) -> Mapping[str, VerifiedRecord | tuple[ProblemType, str]]:
    fed, class_, version, listed = keys
    directory = Directory(
        fed=fed,
        class_=class_,
        version=version,
        issued=0,
        regions=(),
        members=MappingProxyType({}),
        groups=MappingProxyType({}),
        keys={key.kid: key for key in listed},
        by_use=MappingProxyType({}),
    )
    found = inbox.verify_texts(texts, directory=directory, now=now)
    # What a record is found by was read from its groups already, and storing it needs them no more: they stay here.
    return {
        text: (each.problem, each.detail) if isinstance(each, FederationError) else replace(each, groups={})
        for text, each in found.items()
    }
