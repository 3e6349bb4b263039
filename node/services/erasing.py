"""Take content away, everywhere a body can be: the one place that knows all of them.

A recall, the end of a time of keeping, a data subject's right and `less` to nothing end here. What goes of a record
that is held: its JWT and disclosures, facets and words, bodies in quarantine. (iss, rid, ver, jh), leaves and
tombstones stay: they say nothing of the case, and prove what was given.

Trust: the caller has checked that the content must go; nothing here asks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from federation.records import get_schema
from node.services import bodies
from node.storage import quarantine, records

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


def unindex(connection: Connection, row: Row[Any]) -> None:
    """Take a version out of the filters and out of the words."""
    if row.jwt and row.state in records.LIVE:
        facets = get_schema(row.sch).facets(bodies.reopen_row(row).groups)
        records.drop_facets(connection, row.id, row.kind, row.iss, facets)
    records.forget_words(connection, row.id)


def erase_version(connection: Connection, row: Row[Any], *, gc: int | None = None) -> None:
    """Erase the content of one version; its name stays. `gc` is the grant counter that took it away."""
    unindex(connection, row)
    records.erase(connection, row.id, gc=gc)


def erase_record(connection: Connection, iss: str, rid: str) -> None:
    """Erase every version of a record, and its bodies in quarantine."""
    for row in records.by_key(connection, iss, rid):
        if row.jwt:
            erase_version(connection, row)
    quarantine.erase(connection, iss, rid)
