"""Claims by sender, of records that a hub passed on (`federation.roads`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from federation.grants import Handling
from federation.roads import Claim
from node.storage.database import insert_rows
from node.storage.tables.relay import road

if TYPE_CHECKING:
    from collections.abc import Collection

_COLUMNS = ("iss", "rid", "sender", "ver", "gc", "mask", "base", "base_gc", "tight", "tight_gc")


def claims(connection: Connection, iss: str, rid: str) -> dict[str, Claim]:
    """What each sender grants of a record; nothing for one that came by its issuer's feed alone."""
    found = {}
    for row in connection.execute(select(road).where(road.c.iss == iss, road.c.rid == rid)):
        found[row.sender] = Claim(
            ver=row.ver, gc=row.gc, mask=int(row.mask, 16), base=_read(row.base), base_gc=row.base_gc,
            tight=_read(row.tight), tight_gc=row.tight_gc,
        )  # fmt: skip
    return found


def keep(connection: Connection, iss: str, rid: str, found: dict[str, Claim]) -> None:
    """Write all claims of a record anew."""
    connection.execute(road.delete().where(road.c.iss == iss, road.c.rid == rid))
    rows = [
        (
            iss, rid, sender, claim.ver, claim.gc, f"{claim.mask:x}", _text(claim.base), claim.base_gc,
            _text(claim.tight), claim.tight_gc,
        )
        for sender, claim in sorted(found.items())
    ]  # fmt: skip
    insert_rows(connection, road, _COLUMNS, rows)


def counters(connection: Connection, iss: str, rids: Collection[str]) -> dict[str, dict[str, int]]:
    """Record id → sender → the highest counter applied, of those records that have roads."""
    found: dict[str, dict[str, int]] = {}
    statement = select(road.c.rid, road.c.sender, road.c.gc).where(road.c.iss == iss, road.c.rid.in_(list(rids)))
    for row in connection.execute(statement):
        found.setdefault(row.rid, {})[row.sender] = row.gc
    return found


def forget(connection: Connection, iss: str, rid: str) -> None:
    """The record was recalled: no claim to it counts any more."""
    connection.execute(road.delete().where(road.c.iss == iss, road.c.rid == rid))


def _text(handling: Handling | None) -> str | None:
    return None if handling is None else json.dumps(handling.to_json())


def _read(text: Any) -> Handling | None:
    return None if text is None else Handling.from_json(json.loads(text))
