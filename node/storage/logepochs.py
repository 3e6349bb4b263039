"""Epochs of this node's disclosure log (`federation.logepochs`), on disk: where it begins anew, what it knows it lost.

`begin` is part of marking a restoration (`settlements.mark`): whatever makes a node know that its history is older than
what it once signed, its log begins anew in the same transaction, before anything else is signed.

Trust: what a peer shows counts because this node's own key signed it; nothing else that it says does.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from federation import logepochs
from federation.auditlog import epoch_of
from node.storage import audit, logged
from node.storage.tables.checkpoints import log_lost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from crypto import merkle
    from crypto.checkpoint import Checkpoint

ACTOR = "node"


def begin(connection: Connection, reason: str, *, now: int, shown: Checkpoint | None = None) -> int:
    """Begin a new epoch of the log; returns its number. `reason` as in `settlements.mark`."""
    floor = max(logged.epoch(connection), 0 if shown is None else epoch_of(shown.note))
    number = logepochs.number(now=now, floor=floor, chance=secrets.randbelow(logepochs.MILLION))

    def write(before: int, compact: merkle.CompactRange) -> int:
        note = None if shown is None else shown.note
        detail = logepochs.opening(
            epoch=number, reason=reason, before=before, size=compact.size, root=compact.root(), shown=note
        )
        row = audit.Disclosure(at=now, action=logepochs.OPENING, actor=ACTOR, detail=detail)
        return audit.log(connection, [row])[0]

    logged.begin(connection, number, write)
    return number


def learn(connection: Connection, found: Checkpoint, *, peer: str, now: int) -> bool:
    """Write down that this node once signed a checkpoint that its log does not continue; False where it knew of more.

    It is a row of the log, so that whoever audits it sees how much was lost.
    """
    epoch = epoch_of(found.note)
    known = connection.execute(select(log_lost).where(log_lost.c.epoch == epoch)).first()
    if known is not None and known.size >= found.size:
        return False
    values = {"size": found.size, "note": found.note, "peer": peer, "at": now}
    if known is None:
        connection.execute(log_lost.insert().values(epoch=epoch, **values))
    else:
        connection.execute(log_lost.update().where(log_lost.c.epoch == epoch).values(**values))
    detail = logepochs.lost(epoch=epoch, size=found.size, note=found.note, peer=peer)
    audit.log(connection, [audit.Disclosure(at=now, action=logepochs.LOST, actor=ACTOR, recipient=peer, detail=detail)])
    return True


def losses(connection: Connection) -> Sequence[Row[Any]]:
    """What this node knows that its log lost, by epoch."""
    return connection.execute(select(log_lost).order_by(log_lost.c.epoch)).all()
