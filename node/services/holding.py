"""Legal holds: what a court or an audit wants kept is not erased, and is out of use from the moment it would have been.

Placing a hold changes nothing about a record that may be used. When its content has to go while the hold lasts,
`erasing` takes it out of everything that officers, peers and indexes read, and sets it aside; only `look` reads it
then, for a stated purpose, with a row in the disclosure log. When the last hold is lifted, what was set aside is erased
in the same transaction.

Trust: whoever may place a hold can keep this node from erasing; a recall says so to its originator (`refusal`), and the
register says who it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from federation.errors import NotFound
from node.services import bodies, exporting, search
from node.storage import audit, holds
from node.storage.tables import record, tombstone

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from node.storage.database import Database

REFUSAL: Final = "legal-hold"
"""The word by which a receipt and the recall board tell that a recall is obeyed and its content kept aside."""
MAX_REASON: Final = 500


class HoldRefused(Exception):  # noqa: N818 - the name is the sentence
    """A hold that cannot be placed or lifted; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What came of lifting: holds that were in force, and bodies that were set aside and are erased now."""

    holds: int
    erased: int


def place(
    database: Database, name: str, *, iss: str | None = None, node: str, by: str, reason: str, now: int
) -> tuple[int, str, str]:
    """Put a record under a hold; returns the hold's number, the issuer and the record id.

    Raises `NotFound` where nothing is known of the record, `HoldRefused` for a reason that is none. A hold on a record
    whose content is gone already holds what may come again.
    """
    _check(reason)
    with database.write() as connection:
        issuer, rid = _known(connection, name, iss, node=node)
        number = holds.place(connection, iss=issuer, rid=rid, reason=reason, by=by, now=now)
        _log(connection, issuer, rid, by=by, now=now, what={"hold": number, "placed": reason})
    return number, issuer, rid


def lift(database: Database, name: str, *, iss: str | None = None, node: str, by: str, reason: str, now: int) -> Lifted:
    """Lift every hold on a record, and erase what only they kept, in one transaction."""
    _check(reason)
    with database.write() as connection:
        issuer, rid = _known(connection, name, iss, node=node)
        lifted = holds.lift(connection, iss=issuer, rid=rid, by=by, reason=reason, now=now)
        if not lifted:
            raise HoldRefused("no hold on this record is in force; `tidewaiter hold list` lists those that are")
        erased = holds.erase_aside(connection, issuer, rid)
        _log(connection, issuer, rid, by=by, now=now, what={"lifted": reason, "erased": erased})
    return Lifted(holds=lifted, erased=erased)


def look(
    database: Database, name: str, *, iss: str | None = None, node: str, by: str, purpose: str, now: int
) -> list[dict[str, Any]]:
    """What is set aside of a record under a hold: versions with their groups. Logged with its purpose.

    Bodies from quarantine are told by their length alone: nobody has verified them.
    """
    search.check_purpose(purpose)
    with database.write() as connection:
        issuer, rid = _known(connection, name, iss, node=node)
        rows = holds.aside(connection, issuer, rid)
        if not rows:
            raise NotFound("nothing is set aside of this record: either no hold is in force, or its content is in use")
        found = []
        for row in rows:
            item: dict[str, Any] = {"iss": row.iss, "rid": row.rid, "source": row.source}
            if row.source == "record":
                opened = bodies.reopen(row.jwt, row.disclosures.split("~") if row.disclosures else [])
                item |= {"ver": row.ver, "jh": row.jh, "groups": dict(opened.groups)}
                item["handling"] = json.loads(row.handling)
            else:
                item["bytes"] = len(row.jwt)
            found.append(item)
        groups = sorted({group for item in found for group in item.get("groups", ())})
        audit.log(
            connection,
            [
                audit.Disclosure(
                    at=now, action="view", actor=by, iss=issuer, rid=rid, groups=",".join(groups), purpose=purpose,
                    detail=json.dumps({"legal_hold": True}),
                )
            ],
        )  # fmt: skip
    return found


def refusal(connection: Connection, iss: str, rid: str) -> str | None:
    """For the receipt of a recall: the word that says that a hold keeps the content, or None."""
    return REFUSAL if holds.is_held(connection, iss, rid) else None


def _check(reason: str) -> None:
    if not (0 < len(reason.strip()) <= MAX_REASON and reason.isprintable()):
        raise HoldRefused(f"the reason is from 1 to {MAX_REASON} printable characters, such as a file number")


def _known(connection: Connection, name: str, iss: str | None, *, node: str) -> tuple[str, str]:
    """Issuer and id of a record that this node knows in whatever state, also recalled."""
    rid, issuer = exporting.resolve(connection, name, iss, node=node)
    found = set(connection.scalars(select(record.c.iss).where(record.c.rid == rid).distinct()))
    found |= set(connection.scalars(select(tombstone.c.iss).where(tombstone.c.rid == rid)))
    if issuer is not None:
        found &= {issuer}
    if not found:
        raise NotFound("nothing is known here of a record of this id")
    if len(found) > 1:
        raise NotFound(f"several nodes have a record of this id: say which, one of {', '.join(sorted(found))}")
    return found.pop(), rid


def _log(connection: Connection, iss: str, rid: str, *, by: str, now: int, what: dict[str, Any]) -> None:
    row = audit.Disclosure(
        at=now, action="hold", actor=by, iss=iss, rid=rid, detail=json.dumps(what, ensure_ascii=False)
    )
    audit.log(connection, [row])
