"""Sign again what a revoked key of this node had signed, so that nothing of it is lost at those who put it aside.

Every recall of this node that is in force under a revoked key is signed again, first of all: whoever took it in too
late to know that it is older than the theft undoes it, and uses the record until the new recall comes. Every record of
this node that is in use and whose newest version stands under a revoked record key gets a next version: the same words,
the new key, `prev` as always. All of them, not only those made since the key may have been misused: a peer that was
slow took an older one in later than that, and only the peer knows.

Trust: the words come from our own store, where the thief of a key was not. Whoever was, the disclosure log tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from crypto.errors import CryptoError
from federation.errors import Refused
from federation.revocation import kid_of, revoked_record_keys
from node.services import recalling
from node.storage import recalls, records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy import Connection, Row

    from federation.directory import Directory
    from node.services.publishing import Publisher
    from node.storage.database import Database

BATCH: Final = 200


@dataclass(slots=True)
class Reissued:
    """What came of it."""

    records: int = 0
    recalls: int = 0
    entries: int = 0
    recipients: set[str] = field(default_factory=set)


def revoked_kids(directory: Directory, node: str) -> set[str]:
    """The revoked record keys of a node."""
    return {listed.kid for listed in revoked_record_keys(directory) if listed.node == node}


def affected(connection: Connection, directory: Directory, *, node: str, now: int, after: int = 0) -> list[Row[Any]]:
    """The next versions in use that stand under a revoked key of this node, by row."""
    revoked = revoked_kids(directory, node)
    if not revoked:
        return []
    found: list[Row[Any]] = []
    statement = (
        records.visible().where(record.c.iss == node, record.c.id > after, records.in_time(now)).order_by(record.c.id)
    )
    with connection.execute(statement.execution_options(yield_per=BATCH)) as rows:
        for row in rows:
            if kid_of(row.jwt) in revoked:
                found.append(row)
                if len(found) == BATCH:
                    break
    return found


def reissue(
    database: Database, publisher: Publisher, *, by: str, now: int, told: Callable[[Reissued], None] | None = None
) -> Reissued:
    """Sign again and offer, in batches of one transaction each; what was done stays done if it is broken off.

    Raises `Refused` while the key that would sign is not one that peers accept: rotate it first, or wait until the
    directory lists the new one. Raises `Maintenance` after a restore, at a record whose next version may be out already
    (`doubts`): what was signed before it stays.
    """
    try:
        publisher.directory.key(publisher.signer.kid, use="record", at=now, node=publisher.node)
    except CryptoError as error:
        raise Refused.because(error) from error
    done = Reissued()
    _recalls(database, publisher, done, by=by, now=now, told=told)
    after = 0
    while True:
        with database.write() as connection:
            rows: Sequence[Row[Any]] = affected(
                connection, publisher.directory, node=publisher.node, now=now, after=after
            )
            if not rows:
                return done
            report = publisher.sign_again(connection, rows, by=by, now=now)
        after = rows[-1].id
        done.records += report.released
        done.entries += report.entries
        done.recipients |= report.recipients
        if told is not None:
            told(done)


def _recalls(
    database: Database, publisher: Publisher, done: Reissued, *, by: str, now: int,
    told: Callable[[Reissued], None] | None,
) -> None:  # fmt: skip
    kids = revoked_kids(publisher.directory, publisher.node)
    while True:
        with database.write() as connection:
            rows = recalls.own_by_keys(connection, publisher.node, kids, limit=BATCH)
            if not rows:
                return
            report = recalling.sign_again(connection, publisher, rows, by=by, now=now)
        done.recalls += len(rows)
        done.entries += report.entries
        done.recipients |= report.recipients
        if told is not None:
            told(done)
