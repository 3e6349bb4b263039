"""Show a peer what this node holds of its records (the holder's side of `federation.inventories`).

Read once, in one look at the database; what the peer then asks for is read when it asks. Nothing is shown but the
peer's own records, as they were given to this node.

Trust: the peer learns what it gave, and what of it is still here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from crypto import sdjwt
from federation.inventories import Part, Presented, Summary, present, sign_inventory
from node.services import bodies
from node.storage import feeds, holdings
from node.storage.tables import record, tombstone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any

    from crypto.signer import Signer
    from federation.feed import Lane
    from federation.inventories import Road
    from node.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is held of one peer's records, at one moment (`federation.inventories.Holder`)."""

    fed: str
    node: str
    peer: str
    database: Database
    signer: Signer
    now: int
    summary: Summary
    notes: Mapping[Lane, str]

    def sign(self, part: Part, buckets: Sequence[int] = ()) -> str:
        """One message of this inventory."""
        return sign_inventory(
            fed=self.fed, iss=self.node, to=self.peer, part=part, summary=self.summary, notes=self.notes,
            signer=self.signer, now=self.now, buckets=buckets,
        )  # fmt: skip

    def rows(self, bucket: int) -> int:
        """How many rows a bucket has."""
        return len(self.summary.rows.get(bucket, ()))

    def held(self, wanted: Sequence[tuple[str, int]]) -> list[str]:
        """The records asked for, if they are held and the peer's own."""
        found = []
        with self.database.read() as connection:
            for rid, ver in wanted:
                own = (record.c.iss == self.peer, record.c.rid == rid, record.c.ver == ver)
                gone = (tombstone.c.iss == self.peer, tombstone.c.rid == rid, tombstone.c.ver == ver)
                buried = connection.scalar(select(tombstone.c.jwt).where(*gone))
                if buried is not None:
                    found.append(sdjwt.present(buried, []))
                    continue
                row = connection.execute(select(record).where(*own)).first()
                if row is not None and row.jwt:
                    mask = int(row.mask, 16)
                    found.append(bodies.presentation(row.jwt, row.disclosures, mask, mask))
        return found


def holding(database: Database, *, fed: str, node: str, peer: str, signer: Signer, now: int) -> Holding:
    """What this node holds of a peer's records now. `signer` is the `log` key's, `now` in seconds."""
    notes: dict[Lane, str] = {}
    with database.read() as connection:
        summary = Summary.of(holdings.held_of(connection, peer))
        for row in feeds.in_feeds(connection):  # by epoch: the newest one stays
            if row.sender == peer and row.note is not None:
                notes[cast("Lane", row.lane)] = row.note
    return Holding(
        fed=fed, node=node, peer=peer, database=database, signer=signer, now=now, summary=summary, notes=notes
    )


async def show(road: Road, make: Callable[[], Holding], offload: Callable[..., Awaitable[Any]]) -> Presented:
    """Present an inventory over a road; `make` reads it, beside the event loop."""
    return await present(road, await offload(make))
