"""Tell one peer everything again: what it may have of each record now, with counters beyond all that it has seen.

After a restore the originator cannot know which of its later entries a peer has applied. So it states the present: for
every live record what the policy in force grants (`put`, or `less` to nothing where it grants nothing and the peer
holds something), for every other record that the peer holds that it is withdrawn. At the peer nothing happens twice: a
`put` of what it holds changes nothing.

Trust: counters come from the peer's own inventory; the decisions come from this node's policy alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, select

from federation.grants import Handling
from federation.records import get_schema
from node.services import approvals, bodies
from node.services.outgoing import Outgoing, Terms
from node.services.publishing import Offer
from node.storage import records, settlements
from node.storage.tables import grant_out, record, tombstone

if TYPE_CHECKING:
    from node.services.publishing import Publisher

BATCH: Final = 300
NOTHING: Final = Terms(mask=0, grant=None)


@dataclass(frozen=True, slots=True)
class Counter:
    """What a recipient was granted of a record before, as far as it is known: what `Outgoing` needs of it."""

    gc: int
    mask: str


def restate(connection: Connection, publisher: Publisher, peer: str, *, after: int, now: int) -> int | None:
    """State the next batch of records behind row `after`; returns the last row of it, None once all is stated."""
    member = publisher.directory.member(peer)
    active = member is not None and member.status == "active"
    counters = _counters(connection, publisher.node, peer)
    chosen = records.visible().where(record.c.iss == publisher.node, record.c.id > after).order_by(record.c.id)
    rows = connection.execute(chosen.limit(BATCH)).all()
    if rows and active:
        approved = approvals.of(connection, rows)
        offer = Offer(publisher, connection, by="recovery", now=now, second=None, only=peer, counters=counters)
        for row in rows:
            opened = bodies.reopen_row(row)
            attributes = get_schema(row.sch).attributes(opened.groups, handling=json.loads(row.handling))
            floor = Handling.from_json(json.loads(row.handling))
            offer.add(opened, attributes, row.id, floor=floor, approved=approved.get(row.rid))
        offer.write(now=now)
    if rows:
        return int(rows[-1].id)
    _withdraw(connection, publisher, peer, counters, now=now)
    return None


def _counters(connection: Connection, node: str, peer: str) -> dict[str, Counter]:
    """The highest counter that this node or the peer knows of each record, and what the peer may hold of it."""
    given = connection.execute(
        select(grant_out.c.rid, grant_out.c.gc, grant_out.c.mask).where(
            grant_out.c.iss == node, grant_out.c.recipient == peer
        )
    )
    found = {row.rid: Counter(row.gc, row.mask) for row in given}
    for rid, row in settlements.learned_of(connection, peer).items():
        before = found.get(rid, Counter(0, "0"))
        mask = int(before.mask, 16) | int(row.gm, 16)
        found[rid] = Counter(max(before.gc, row.gc), f"{mask:x}")
    return found


def _withdraw(
    connection: Connection, publisher: Publisher, peer: str, counters: dict[str, Counter], *, now: int
) -> None:
    """Records that are not live here any more, and that the peer may still hold: `less` to nothing."""
    gone = set(connection.scalars(select(tombstone.c.rid).where(tombstone.c.iss == publisher.node)))
    live = set(
        connection.scalars(select(record.c.rid).where(record.c.iss == publisher.node, record.c.state == "released"))
    )
    left = sorted(rid for rid, counter in counters.items() if rid not in live | gone and int(counter.mask, 16))
    out = Outgoing(connection, recipients=[peer], by="recovery", now=now, token=publisher.token)
    for rid in left:
        rows = records.by_key(connection, publisher.node, rid)
        if rows:
            out.append("less", rows[0], recipient=peer, terms=NOTHING, row_id=None, previous=counters[rid])
    out.write()
