"""What makes a version be found beyond its filters: words, names, numbers and its line; one way in, one way out.

Whoever brings a version into use calls `put` (or leaves it to the follower that comes by), and whoever takes it out of
use, or changes what it says, calls `forget`: nothing is found by what is not held any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.storage import followers, fulltext, lines, names, numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from federation.records.traces import Traces
    from node.storage.lines import Facet


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one version is found by."""

    record: int
    words: str
    traces: Traces
    day: str
    handling: str
    """As it is stored."""
    facets: Collection[Facet]


def put(connection: Connection, entries: Sequence[Entry]) -> None:
    """Make versions be found; what they were found by before is replaced."""
    if not entries:
        return
    followers.lock(connection)  # two would add the same name
    forget(connection, [entry.record for entry in entries])
    fulltext.put(connection, [(entry.record, entry.words) for entry in entries])
    names.put(connection, [(entry.record, {(one.what, one.text) for one in entry.traces.names}) for entry in entries])
    numbers.put(connection, [(entry.record, entry.traces.numbers) for entry in entries])
    lines.put(connection, [(entry.record, entry.day, entry.handling, entry.facets) for entry in entries])


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Let versions be found by nothing of this any more."""
    fulltext.forget(connection, ids)
    names.forget(connection, ids)
    numbers.forget(connection, ids)
    lines.forget(connection, ids)
