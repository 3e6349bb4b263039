"""Python's collector of cyclic garbage, told to look rarely while records pass by the thousand.

A page or a batch is thousands of small objects that live together and die together: looking through them again and
again meanwhile costs up to a fifth of the time and frees nothing.
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

RARELY: Final = (50_000, 20, 100)
"""Thresholds of `gc.set_threshold`: new objects, and how many younger looks make an older one."""


def for_good() -> None:
    """For a process that does little else: a server, a verifier. What is there now stays, and is not looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


@contextlib.contextmanager
def rarely() -> Iterator[None]:
    """For the time of one piece of work."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
