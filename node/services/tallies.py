"""Counts of filter values over a result: what an officer can narrow it by.

Counted are versions that the same search for the same purpose may show, over the groups that are held: no count tells
of what was not granted. Of a large result the newest are counted, and the answer says how many.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.grants import Action, Handling, HandlingRefused, may
from node.storage import lines, searching

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from node.storage.searching import Wanted

MAX_COUNTED: Final = 10_000
"""Versions that are counted at most."""
MAX_VALUES: Final = 25
"""Values told of one field, the most frequent first."""
_CHAPTER: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallies:
    """How often each value occurs among the versions that were counted."""

    fields: Mapping[str, tuple[tuple[str, int], ...]]
    counted: int
    complete: bool
    """False where the result has more versions than were counted: then the newest were."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "counted": self.counted,
            "complete": self.complete,
            "fields": {
                name: [{"value": value, "records": n} for value, n in values] for name, values in self.fields.items()
            },
        }


def over(connection: Connection, wanted: Wanted, *, purpose: str | None, now: int) -> Tallies:
    """Count over the result of a search. HS codes are counted by chapter."""

    def allowed(handling: str) -> bool:
        try:
            return bool(may(Handling.from_json(json.loads(handling)), Action.SEARCH, purpose, now=now))
        except (HandlingRefused, ValueError):
            return False

    places, complete = searching.newest(connection, wanted, limit=MAX_COUNTED, look=searching.LOOK)
    counts, counted = lines.count(connection, [row for _, row in places], allowed=allowed, now=now)
    fields: dict[str, list[tuple[str, int]]] = {}
    for (name, value), n in counts.items():
        if name != "hs" or len(value) == _CHAPTER:
            fields.setdefault(name, []).append((value, n))
    return Tallies(
        fields={
            name: tuple(sorted(fields[name], key=lambda one: (-one[1], one[0]))[:MAX_VALUES]) for name in sorted(fields)
        },
        counted=counted,
        complete=complete,
    )
