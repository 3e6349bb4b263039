"""Write down that somebody looked at a page of the desk: one row, and every record that a line was shown of.

An empty look is written down too: that there was nothing is an answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from node.storage import audit, tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection


def note(
    connection: Connection, page: str, shown: Iterable[tuple[str, str, int]], *, by: str, purpose: str | None,
    now: int, asked: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """One row for this look. `shown` are (iss, rid, ver) of the records whose line was shown; `now` in seconds."""
    keys = list(shown)
    detail = {"desk": page, **(asked or {}), "hits": [f"{iss}/{rid}/{ver}" for iss, rid, ver in keys]}
    row = audit.Disclosure(at=now, action="search", actor=by, purpose=purpose, detail=json.dumps(detail))
    audit.log(connection, [row])
    tasks.remember_glimpses(connection, [(iss, rid) for iss, rid, _ in keys], by)
