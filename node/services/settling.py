"""What follows from recalls with time: erasure when the grace is over, undoing what is void, receipts that tell it.

Run now and then by the node itself (`Home.settle`), and by the commands that decide about a recall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.services import stopping
from node.services.revoking import renew_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from crypto.signer import Signer
    from federation.directory import Directory
    from node.storage.database import Database

SECONDS: Final = 60.0
"""How often it is looked whether something is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of one run."""

    erased: int
    void: int


def settle(database: Database, *, node: str, directory: Directory, log_signer: Signer, now: int) -> Settled:
    """Undo void recalls, then erase what is due, in batches; receipts of the feeds that are touched are signed anew."""
    with database.write() as connection:
        undone = stopping.void(connection, directory=directory, node=node, now=now)
        _receipts(connection, undone, node=node, directory=directory, log_signer=log_signer, now=now)
    erased = 0
    while True:
        with database.write() as connection:
            done = stopping.erase_due(connection, now=now)
            _receipts(connection, done, node=node, directory=directory, log_signer=log_signer, now=now)
        erased += len(done)
        if len(done) < stopping.BATCH:
            return Settled(erased=erased, void=len(undone))


def tell(
    connection: Connection, keys: Sequence[tuple[str, str]], *, node: str, directory: Directory, log_signer: Signer,
    now: int,
) -> None:  # fmt: skip
    """Sign the receipts of the feeds that brought recalls of these records anew; they travel with the next round."""
    _receipts(connection, keys, node=node, directory=directory, log_signer=log_signer, now=now)


def _receipts(
    connection: Connection, keys: Sequence[tuple[str, str]], *, node: str, directory: Directory, log_signer: Signer,
    now: int,
) -> None:  # fmt: skip
    for feed in stopping.touched(connection, keys):
        renew_receipt(connection, feed, node=node, directory=directory, signer=log_signer, now=now)
