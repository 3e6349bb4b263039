"""A second officer approves the wider audience of a record that was released before, and it goes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from federation.errors import NotFound
from node.services import applying, approvals, officers
from node.services.officers import NotApproved
from node.storage import policies
from node.storage.tables import draft
from node.storage.tables.instruments import approval

if TYPE_CHECKING:
    from sqlalchemy import Row

    from crypto.signer import Signer
    from node.services.publishing import Publisher
    from node.storage.database import Database


def find(database: Database, name: str) -> Row[Any]:
    """What waits for an approval of a record, by its reference or its id. Raises `NotFound` with the remedy."""
    with database.read() as connection:
        rids = select(draft.c.rid).where((draft.c.reference == name) | (draft.c.rid == name))
        row = connection.execute(
            select(approval).where(approval.c.state == "waiting", approval.c.rid.in_(rids))
        ).first()
    if row is None:
        raise NotFound(f"nothing of {name} waits for an approval; `tidewaiter approvals` lists what does")
    return row


def approve(
    database: Database, publisher: Publisher, row: Row[Any], *, by: str, signer: Signer | None = None,
    token: str | None = None, now: int,
) -> applying.Reviewed:  # fmt: skip
    """Keep the approval of exactly what `row` shows, and issue what follows from it, in one transaction.

    Raises `NotApproved` when the one who approves released it, when the signature does not hold, or when what waits
    is not what was shown any more.
    """
    with database.write() as connection:
        policy = policies.in_force(connection) or publisher.policy
        fresh = connection.execute(
            select(approval).where(approval.c.id == row.id, approval.c.state == "waiting")
        ).first()
        if policy is None or fresh is None or fresh.audience_hash != row.audience_hash:
            raise NotApproved("what waits is not what was shown any more; `tidewaiter approvals` lists it as it is now")
        first = connection.scalar(select(draft.c.released_by).where(draft.c.rid == row.rid))
        if first is not None and first.strip().casefold() == by.strip().casefold():
            raise NotApproved(f"{by} released it: a second officer is another person")
        who, signed = officers.approve(
            connection, approvals.claims_of(row), by=by, signer=signer, token=token, node=publisher.node, now=now
        )
        # What was approved before stays so: the new word is for what that did not cover.
        audience = dict(approvals.of(connection, [row]).get(row.rid, {}))
        audience |= {name: frozenset(groups) for name, groups in json.loads(row.audience).items()}
        approvals.give(connection, row, audience, policy=policy.version, by=who, token=signed, now=now)
        return applying.Review(publisher, policy, now=now).batch(connection, rids=[row.rid])
