"""How complete a record's pictures and other attachments are: a record whose attachments have not arrived says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from federation.records import attached
from node.services import bodies
from node.storage import attachments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How complete a record's attachments are; thumbnails are not counted."""

    total: int
    here: int
    missing: tuple[Mapping[str, Any], ...]
    """Digest, state (wanted, refused) and problem of those that are not here."""

    def sentence(self) -> str:
        """One line for people, such as `2 of 3 attachments are here`."""
        if self.here == self.total:
            return f"{self.total} attachments, all here" if self.total > 1 else "1 attachment, here"
        refused = sum(one["state"] == "refused" for one in self.missing)
        said = f"{self.here} of {self.total} attachments are here"
        return f"{said}, {refused} refused" if refused else f"{said}; the node keeps trying"

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {"total": self.total, "here": self.here, "missing": [dict(one) for one in self.missing]}


def arrival(connection: Connection, iss: str, groups: Mapping[str, Any]) -> Arrival | None:
    """How complete the attachments of a version are; None if it has none."""
    counted = {item.sha256: item for item in attached.attachments(groups) if item.rendition != "thumbnail"}
    if not counted:
        return None
    states = attachments.states(connection, iss, counted)
    missing = []
    for digest in counted:
        row = states.get(digest)
        if row is None or row.state != "here":
            told = {"sha256": digest, "state": "wanted" if row is None or row.state == "erasing" else row.state}
            missing.append(told | ({"problem": row.problem} if row is not None and row.problem else {}))
    return Arrival(total=len(counted), here=len(counted) - len(missing), missing=tuple(missing))


def arrivals(connection: Connection, rows: Iterable[Row[Any]]) -> dict[int, Arrival]:
    """The same for several stored versions, by their rows; those without attachments are missing."""
    listed = {row.id: row for row in rows}
    named = attachments.naming_any(connection, listed)
    found = {
        row_id: arrival(connection, listed[row_id].iss, bodies.reopen_row(listed[row_id]).groups) for row_id in named
    }
    return {row_id: one for row_id, one in found.items() if one is not None}
