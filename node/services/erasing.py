"""Take content away, everywhere a body can be: the one place that knows all of them.

A recall, the end of a time of keeping, a data subject's right and `less` to nothing end here. What goes of a record
that is held: its JWT and disclosures, facets and words, bodies in quarantine. (iss, rid, ver, jh), leaves and
tombstones stay: they say nothing of the case, and prove what was given.

Of a record under a legal hold the same goes, out of every place that anything reads, and is set aside where only the
hold's officers find it (`holding`).

Trust: the caller has checked that the content must go; nothing here asks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from federation.records import get_schema
from node.services import bodies
from node.storage import holds, quarantine, records, remarks

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection, Row


def unindex(connection: Connection, row: Row[Any]) -> None:
    """Take a version out of the filters and out of the words."""
    if row.jwt and row.state in records.LIVE:
        facets = get_schema(row.sch).facets(bodies.reopen_row(row).groups)
        records.drop_facets(connection, row.id, row.kind, row.iss, facets)
    records.forget_words(connection, row.id)


def spare(connection: Connection, row: Row[Any]) -> bool:
    """Before content of a version goes: set all of it aside if its record is under a hold; True if it is."""
    if not row.jwt or not holds.is_held(connection, row.iss, row.rid):
        return False
    holds.set_aside(
        connection, iss=row.iss, rid=row.rid, source="record", ver=row.ver, jh=row.jh, jwt=row.jwt,
        disclosures=row.disclosures, handling=row.handling,
    )  # fmt: skip
    return True


def erase_version(
    connection: Connection, row: Row[Any], *, gc: int | None = None, state: str = records.WITHDRAWN
) -> None:
    """Erase the content of one version; its name stays.

    `gc` is the grant counter that took it away, `state` what the version is from now on.
    """
    spare(connection, row)
    unindex(connection, row)
    records.erase(connection, row.id, gc=gc, state=state)


def erase_record(
    connection: Connection, iss: str, rid: str, *, state: str = records.WITHDRAWN,
    but: Collection[tuple[str, str]] = (),
) -> None:  # fmt: skip
    """Erase every version of a record, its bodies in quarantine, and the remarks on it.

    `but` are remarks (iss, rid) that stay: a request about the record to its originator has still to reach it.
    """
    for row in records.by_key(connection, iss, rid):
        if row.jwt:
            erase_version(connection, row, state=state)
    spare_quarantined(connection, quarantine.bodies(connection, iss, rid))
    quarantine.erase(connection, iss, rid)
    # What was said about a record falls with it: a remark tells that there was such a record, and what of it.
    for key in remarks.keys_about(connection, iss, rid):
        for row in [] if key in but else records.by_key(connection, *key):
            if row.jwt:
                erase_version(connection, row, state=state)


def erase_quarantined(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """Erase bodies in quarantine whose time of keeping is over."""
    spare_quarantined(connection, rows)
    quarantine.erase_bodies(connection, [row.id for row in rows])


def explain(connection: Connection, iss: str, rid: str, *, gc: int, sender: str | None = None) -> None:
    """A later grant was applied: what was awaited of earlier ones is explained, and bodies that it settles go."""
    spare_quarantined(connection, quarantine.settled(connection, iss, rid, gc=gc))
    quarantine.explain(connection, iss, rid, gc=gc, sender=sender)


def spare_quarantined(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """Before bodies in quarantine go: set aside those whose record is under a hold."""
    held = holds.of(connection, {(row.iss, row.rid) for row in rows if row.iss and row.rid})
    for row in rows:
        if (row.iss, row.rid) in held:
            holds.set_aside(connection, iss=row.iss, rid=row.rid, source="quarantine", jwt=row.body)
