"""Show one record: exactly the groups that are held, with what binds their reader, and a row in the log.

The version shown is the one in use; superseded and recalled ones are told by name and shown to nobody. The
view passes `federation.grants.may` and is logged in the transaction that reads it, so nothing is seen
unlogged.

Left to others: who may view at all, and who else has the record (`overview`).
Trust: the stored bytes were verified when they were stored; `fsck` verifies them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, select

from federation.errors import NotFound, Tombstoned
from federation.feed import lane_for
from federation.grants import Action
from federation.records import UnknownSchema, get_schema
from node.services import arriving, bodies, search
from node.storage import audit, feeds, records
from node.storage.tables import draft, record, tombstone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.services.arriving import Arrival
    from node.storage.database import Database


class NotAllowed(Exception):  # noqa: N818 - the name is the sentence
    """The record's handling forbids this use, and the text says why: that it exists is no secret here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One version in use, as this node holds it."""

    iss: str
    rid: str
    ver: int
    kind: str
    sch: str
    state: str
    """released, shared or received."""
    title: str
    groups: Mapping[str, Any]
    """The groups held, in the schema's order. Which others exist is not known to anybody but the issuer."""
    handling: Mapping[str, Any]
    """What binds the reader now: the strictest of the issuer's floor, the grant and whatever came later."""
    iat: int
    accepted_at: int
    jh: str
    """SHA-256 of the issuer-signed JWT: what annotations and links name."""
    prev: str | None
    pending: bool
    provenance: Mapping[str, Any]
    """Where it came from: `own` with the national reference and the officers, or the sender and our receipt.
    """

    attachments: Arrival | None = None
    """How complete its pictures and other attachments are; None if it has none."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        value: dict[str, Any] = {
            "iss": self.iss,
            "rid": self.rid,
            "ver": self.ver,
            "kind": self.kind,
            "sch": self.sch,
            "state": self.state,
            "title": self.title,
            "groups": dict(self.groups),
            "handling": dict(self.handling),
            "iat": self.iat,
            "accepted_at": self.accepted_at,
            "jh": self.jh,
            "pending": self.pending,
            "provenance": dict(self.provenance),
        }
        if self.attachments is not None:
            value["attachments"] = self.attachments.to_json()
        return value | ({"prev": self.prev} if self.prev else {})


def show(
    database: Database,
    *,
    rid: str,
    iss: str | None = None,
    ver: int | None = None,
    by: str,
    purpose: str | None,
    now: int,
) -> RecordView:
    """The record with this id, for `purpose`; `by` is named in the disclosure log. `now` in seconds.

    Raises `NotFound`, `Tombstoned`, `NotAllowed`, and `search.CriteriaRefused` for a purpose that is none.
    `iss` is needed only where two issuers have used one id; `ver` refuses any version but this one.
    """
    search.check_purpose(purpose)
    with database.write() as connection:
        row = in_use(connection, rid=rid, iss=iss, ver=ver)
        handling, verdict = search.allowed(row, Action.VIEW, purpose, now=now)
        if not verdict or handling is None:
            raise NotAllowed(verdict.reason)
        opened = bodies.reopen_row(row).groups
        view = RecordView(
            iss=row.iss,
            rid=row.rid,
            ver=row.ver,
            kind=row.kind,
            sch=row.sch,
            state=row.state,
            title=row.title,
            groups={name: opened[name] for name in ordered(row.sch, opened)},
            handling=handling.to_json(),
            iat=row.iat,
            accepted_at=row.accepted_at,
            jh=row.jh,
            prev=row.prev,
            pending=bool(row.pending),
            provenance=_provenance(connection, row),
            attachments=arriving.arrival(connection, row.iss, opened),
        )
        audit.log(
            connection,
            [
                audit.Disclosure(
                    at=now,
                    action="view",
                    actor=by,
                    iss=row.iss,
                    rid=row.rid,
                    ver=row.ver,
                    purpose=purpose,
                    groups=",".join(sorted(opened)),
                )
            ],
        )
    return view


def in_use(connection: Connection, *, rid: str, iss: str | None = None, ver: int | None = None) -> Row[Any]:
    """The version in use of a record, or the error that says what became of it."""
    rows = records.find(connection, rid, iss)
    if len({row.iss for row in rows}) > 1:
        issuers = ", ".join(sorted({row.iss for row in rows}))
        raise NotFound(f"several nodes have a record of this id: say which with iss, one of {issuers}")
    if not rows:
        condition = (tombstone.c.rid == rid,) if iss is None else (tombstone.c.rid == rid, tombstone.c.iss == iss)
        if connection.execute(select(tombstone.c.iss).where(*condition)).first() is not None:
            raise Tombstoned("its originator has recalled this record")
        raise NotFound(f"no record of this id is held and in use{_what_became(connection, rid, iss)}")
    if ver is not None and rows[0].ver != ver:
        raise NotFound(f"that version is not in use; version {rows[0].ver} is")
    return rows[0]


_BECAME: Final = {
    records.EXPIRED: ": its time of keeping is over, and its content was erased",
    records.ERASED: ": its content was erased for a data subject",
    records.RESTRICTED: ": its use is restricted while a data subject's request is open",
}


def _what_became(connection: Connection, rid: str, iss: str | None) -> str:
    """Why the newest version that is known is not in use, where there is something to say."""
    statement = select(record.c.state).where(record.c.rid == rid).order_by(record.c.ver.desc()).limit(1)
    if iss is not None:
        statement = statement.where(record.c.iss == iss)
    return _BECAME.get(connection.scalar(statement) or "", "")


def ordered(sch: str, groups: Mapping[str, Any]) -> list[str]:
    """The names of groups in the order of their schema; what it does not know comes last, by name."""
    try:
        order = get_schema(sch).groups
    except UnknownSchema:
        order = ()
    known = [name for name in order if name in groups]
    return known + sorted(groups.keys() - set(known))


def _provenance(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    if row.state in search.OWN:
        found = connection.execute(select(draft).where(draft.c.rid == row.rid)).first()
        value: dict[str, Any] = {"own": True}
        if found is not None:
            told = {
                "reference": found.reference,
                "released_by": found.released_by,
                "second_by": found.second_by,
            }
            value |= {name: text for name, text in told.items() if text}
        return value
    # In this version every record comes by its issuer's own feed; a relay will name its hub here.
    value = {"own": False, "from": row.iss, "lane": lane_for(op="put", kind=row.kind)}
    feed = feeds.in_feed(connection, row.iss, value["lane"])
    if feed is not None and feed.receipt_at is not None:
        value |= {"receipt_at": feed.receipt_at, "receipt_size": feed.size}
    return value
