"""Take back what this node has lost: its own signed records, returned by whoever holds them.

What is taken back verifies against this node's own keys, by the same steps as a record of anybody else; nothing but
this node's own word can come back to it. A tombstone ends the record, whatever else is held or comes; a version brings
the groups that the peer was shown, and another peer may bring more. The draft that it came from counts as released, so
that it is not released a second time under the same version number.

Trust: the peer decides what it returns and what it keeps. It cannot add, alter or date anything.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection, Row, select, update

from federation.envelope import VerifiedRecord, verify_record
from federation.errors import RecordEquivocation, RecordInvalid
from federation.records import get_schema
from node.services import bodies, erasing, stopping
from node.storage import records
from node.storage.tables import draft, tombstone

if TYPE_CHECKING:
    from federation.directory import Directory

Came = Literal["tombstone", "version", "groups", "nothing"]


def adopt(connection: Connection, token: str, *, node: str, directory: Directory, now: int) -> tuple[Came, str]:
    """Verify one returned record and keep what of it was lost; says what it brought, and of which record id.

    Raises what the record was refused for: a `FederationError`; `RecordEquivocation` where this node holds another
    envelope of the same version, signed after the backup was restored.
    """
    found = verify_record(token, directory=directory, now=now)
    if found.iss != node:
        raise RecordInvalid("what is returned to a node is its own record")
    key = (found.iss, found.rid)
    gone = connection.scalar(select(tombstone.c.ver).where(tombstone.c.iss == node, tombstone.c.rid == found.rid))
    if found.tomb is not None:
        if gone is not None:
            return "nothing", found.rid
        erasing.erase_record(connection, *key)
        records.bury(connection, iss=node, rid=found.rid, ver=found.ver, jwt=found.jwt, now=now)
        stopping.learn(connection, found, now=now)
        _settle_draft(connection, found, now=now)
        return "tombstone", found.rid
    if gone is not None:
        return "nothing", found.rid
    held = records.by_key(connection, *key)
    same = next((row for row in held if row.ver == found.ver), None)
    if same is not None:
        return _more(connection, same, found), found.rid
    _keep(connection, held, found, now=now)
    _settle_draft(connection, found, now=now)
    return "version", found.rid


def _keep(connection: Connection, held: list[Row[Any]], found: VerifiedRecord, *, now: int) -> None:
    newest = all(row.ver < found.ver for row in held)
    if newest:
        for row in held:
            if row.state == "released":
                erasing.unindex(connection, row)
                records.set_state(connection, [row.id], "superseded")
    version = records.NewVersion(
        iss=found.iss, rid=found.rid, ver=found.ver, kind=found.kind, sch=found.sch, jh=found.jh, jwt=found.jwt,
        disclosures=bodies.in_bit_order(found.disclosures, found.index), mask=found.mask, width=found.width,
        iat=found.iat, prev=found.prev, handling=json.dumps(dict(found.handling)), title=found.title,
        state="released" if newest else "superseded", pending=False, gc=0, facets=found.facets,
    )  # fmt: skip
    (row_id,) = records.keep(connection, [version], now=now)
    if not newest:
        records.drop_facets(connection, row_id, version.kind, version.iss, version.facets)


def _more(connection: Connection, row: Row[Any], found: VerifiedRecord) -> Came:
    """The same version, perhaps with groups that the first peer who returned it was not shown."""
    if row.jh != found.jh:
        raise RecordEquivocation("this node signed another envelope of the same version", version=found.ver)
    if not row.jwt or not found.mask & ~int(row.mask, 16):
        return "nothing"
    before = bodies.reopen_row(row)
    merged = bodies.in_bit_order({**before.disclosures, **found.disclosures}, {**before.index, **found.index})
    erasing.unindex(connection, row)
    facets, title = get_schema(row.sch).indexed(bodies.reopen(row.jwt, merged).groups)
    records.replace_content(
        connection, row.id, disclosures=merged, mask=int(row.mask, 16) | found.mask, title=title, gc=row.gc,
        handling=row.handling, pending=False, day=facets.day,
    )  # fmt: skip
    if row.state in records.LIVE:
        records.add_facets(connection, row.id, row.kind, row.iss, facets)
    return "groups"


def _settle_draft(connection: Connection, found: VerifiedRecord, *, now: int) -> None:
    """The draft that this version came from is out: it must not be signed again under the same number."""
    row = connection.execute(select(draft.c.id, draft.c.ver, draft.c.state).where(draft.c.rid == found.rid)).first()
    if row is not None:
        out = row.ver - 1 if row.state == "draft" else row.ver
        if found.ver > out:
            # Without the hash of its content: what was meant to be released may be something else than what was.
            values = {"state": "released", "ver": found.ver, "content_hash": "", "updated_at": now}
            connection.execute(update(draft).where(draft.c.id == row.id).values(released_by="recovered", **values))
        return
    case = found.groups.get("case")
    if found.tomb is not None or not isinstance(case, dict):
        return
    administration, reference = case.get("administration"), case.get("reference")
    if not isinstance(administration, str) or not isinstance(reference, str):
        return
    there = select(draft.c.id).where(
        draft.c.administration == administration, draft.c.kind == found.kind, draft.c.reference == reference
    )
    if connection.execute(there).first() is None:
        connection.execute(
            draft.insert().values(
                kind=found.kind, administration=administration, reference=reference,
                groups=json.dumps(dict(found.groups), ensure_ascii=False), content_hash="", source=None, warnings=0,
                state="released", rid=found.rid, ver=found.ver, created_at=now, updated_at=now,
                released_by="recovered",
            )
        )  # fmt: skip
