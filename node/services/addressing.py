"""To whom an annotation goes, whatever the policy says of it (protocol page, section 3).

It goes to the originator of what it is about, whole, and an answer also to whoever asked. Anybody else gets of it what
the annotator's policy grants, and only who holds every record that it names, as far as this node knows: a remark on a
record tells that there is such a record.

Trust: the annotation is this node's own. What a recipient holds is read from what this node has given it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from crypto import b64, jcs
from node.services import bodies
from node.services.outgoing import Outgoing, Terms
from node.storage.tables import grant_out

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from federation.envelope import IssuedRecord, VerifiedRecord
    from federation.grants import Handling

KIND: Final = "annotation"
Key = tuple[str, str]
"""(iss, rid) of a record."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """Whom an annotation is owed to, and who else may have it by policy."""

    owed: frozenset[str]
    holders: frozenset[str]


def named(groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records that an annotation speaks of, as far as they are told in the form of the schema."""
    about = groups.get("about")
    listed = about if isinstance(about, list) else []
    return [
        item
        for item in listed
        if isinstance(item, dict) and isinstance(item.get("iss"), str) and isinstance(item.get("rid"), str)
    ]


def addressed(connection: Connection, groups: Mapping[str, Any], *, node: str) -> Addressed:
    """Read who an own annotation goes to from its groups."""
    keys = {(item["iss"], item["rid"]) for item in named(groups)}
    note = groups.get("note")
    asked = note.get("answer_to") if isinstance(note, dict) else None
    owed = {iss for iss, _ in keys}
    if isinstance(asked, dict) and isinstance(asked.get("iss"), str):
        owed.add(asked["iss"])
    holders: set[str] | None = None
    for key in keys:
        having = _having(connection, key)
        holders = having if holders is None else holders & having
    return Addressed(frozenset(owed - {node}), frozenset(holders or set()))


def _having(connection: Connection, key: Key) -> set[str]:
    """Who holds something of a record: its issuer, and whom this node gave it to."""
    rows = connection.execute(
        select(grant_out.c.recipient, grant_out.c.mask).where(grant_out.c.iss == key[0], grant_out.c.rid == key[1])
    )
    return {key[0]} | {row.recipient for row in rows if int(row.mask, 16)}


def owed_terms(out: Outgoing, issued: IssuedRecord | VerifiedRecord, floor: Handling) -> Terms:
    """The terms of an annotation for whom it is owed to: all of it, under its own floor."""
    obligations = {**floor.to_json(), "legal": []}
    stored: dict[str, Any] = {
        "v": 1,
        "by": "protocol: it concerns the recipient",
        "obligations": obligations,
    }
    decided = b64.encode(hashlib.sha256(jcs.profile_bytes(stored)).digest())
    return Terms(
        mask=bodies.mask_of(issued.index, issued.index),
        grant=obligations,
        groups=",".join(sorted(issued.index)),
        purposes=None if floor.purposes is None else ",".join(sorted(floor.purposes)),
        decided=out.decision(decided, lambda: stored),
    )
