"""What `less` and `tighten` of a peer left of records: remembered, because their bodies may come by a slower lane.

A row stands until a body with a higher grant counter is taken in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select

from federation.grants import Handling
from federation.ports import Bound
from node.storage.tables.instruments import grant_in

if TYPE_CHECKING:
    from collections.abc import Collection


def find(connection: Connection, iss: str, rids: Collection[str]) -> dict[str, Bound]:
    """What is remembered of these records of one issuer, by record id."""
    rows = connection.execute(select(grant_in).where(grant_in.c.iss == iss, grant_in.c.rid.in_(list(rids))))
    return {
        row.rid: Bound(
            row.gc, row.ver, int(row.mask, 16),
            None if row.handling is None else Handling.from_json(json.loads(row.handling)),
        )
        for row in rows
    }  # fmt: skip


def put(connection: Connection, iss: str, rid: str, bound: Bound) -> None:
    """Remember this instead of what was remembered."""
    connection.execute(delete(grant_in).where(grant_in.c.iss == iss, grant_in.c.rid == rid))
    told = None if bound.handling is None else json.dumps(bound.handling.to_json())
    connection.execute(
        grant_in.insert().values(iss=iss, rid=rid, ver=bound.ver, gc=bound.gc, mask=f"{bound.gm:x}", handling=told)
    )


def forget(connection: Connection, iss: str, rid: str, *, below: int) -> None:
    """Forget what a body with the grant counter `below` has made obsolete."""
    connection.execute(delete(grant_in).where(grant_in.c.iss == iss, grant_in.c.rid == rid, grant_in.c.gc < below))
