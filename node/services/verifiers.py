"""Verify the bodies of large pages in a process beside this one: storing one page and verifying the next overlap.

A worker gets the texts of a page's bodies and the directory's keys, and gives back what `federation.envelope` made of
each: the same function, on another processor. It is started with the first large page and opens no file, no socket and
no database. If it dies, the page is verified here, and the next large page starts another one.

Trust: the worker is our own code and our own child. What it answers is believed as what this process computes.
"""

from __future__ import annotations

import contextlib
import marshal
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from federation import inbox
from federation.envelope import VerifiedRecord
from federation.errors import FederationError, ProblemType, Refused
from federation.membership import Directory
from federation.records import Facets
from node.services import collector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.membership import Class, ListedKey
    from federation.pages import VerifiedPage

WORTH_IT: Final = 64
"""Bodies in a page from which on the way to another process pays."""

REFUSAL: Final = 2
"""Members of an answer that is a refusal: the problem's word and its sentence."""
SHARE: Final = 6
"""How many bodies a worker verifies for one that is verified here: this process has the storing to do as well."""


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
        own = len(texts) // (1 + SHARE * self.workers)
        parts = [texts[own + at :: self.workers] for at in range(self.workers)]
        try:
            waiting = [self._running().submit(_verify, part, keys, now) for part in parts]
            found = inbox.verify_texts(texts[:own], directory=directory, now=now)
            for part, each in zip(parts, waiting, strict=True):
                answers = marshal.loads(each.result())  # noqa: S302 - our own child's answer, over our own pipe
                found |= {text: _unpack(text, answer) for text, answer in zip(part, answers, strict=True)}
        except BrokenProcessPool:
            self.stop()
            return inbox.verify_bodies(page, directory=directory, now=now)
        return inbox.OpenedPage(page, found, now)

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


def _start() -> None:
    # Ctrl-C goes to the whole group: the parent ends its workers itself.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    collector.for_good()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers: they notice."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _verify(texts: Sequence[str], keys: tuple[str, Class, int, tuple[ListedKey, ...]], now: int) -> bytes:
    """In the worker: verify, and answer in the plainest form, which costs a tenth of pickling the objects."""
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
    return marshal.dumps([_pack(text, found[text]) for text in texts])


def _pack(text: str, verdict: VerifiedRecord | FederationError) -> tuple[Any, ...]:
    """All that storing needs, without the texts (the parent has them) and without the groups (they were read)."""
    if isinstance(verdict, FederationError):
        return (str(verdict.problem), verdict.detail)
    # As a rule the disclosures stand in the text in this order, and their names are enough.
    plain = [*verdict.disclosures.values()] == text.split("~")[1:-1]
    return (
        verdict.iss, verdict.rid, verdict.ver, verdict.kind, verdict.sch, verdict.iat, verdict.prev,
        dict(verdict.handling), None if verdict.tomb is None else dict(verdict.tomb), verdict.kid, verdict.jh,
        tuple(verdict.disclosures) if plain else dict(verdict.disclosures), dict(verdict.index), verdict.mask,
        verdict.width, verdict.facets.day,
        {name: tuple(values) for name, values in verdict.facets.values.items()}, verdict.title,
    )  # fmt: skip


def _unpack(text: str, answer: tuple[Any, ...]) -> VerifiedRecord | FederationError:
    if len(answer) == REFUSAL:
        return Refused(ProblemType(answer[0]), answer[1])
    (iss, rid, ver, kind, sch, iat, prev, handling, tomb, kid, jh, shown, index, mask, width, day, values, title) = (
        answer
    )
    jwt, *disclosures = text.removesuffix("~").split("~")
    named = shown if isinstance(shown, dict) else dict(zip(shown, disclosures, strict=True))
    return VerifiedRecord(
        iss=iss, rid=rid, ver=ver, kind=kind, sch=sch, iat=iat, prev=prev, handling=handling, tomb=tomb, kid=kid,
        jwt=jwt, jh=jh, groups={}, disclosures=named, index=index, mask=mask, width=width,
        facets=Facets(day=day, values=values), title=title,
    )  # fmt: skip
