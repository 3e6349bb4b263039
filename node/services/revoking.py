"""When the directory changes: what a stolen key has signed goes out of use, and what waited for it is judged again.

`sweep` looks through what is held under each key that is newly revoked. A version that this node took in at or after
`revoked.since` leaves the records and waits in quarantine as `revoked-key`; the version before it, if it is sound,
comes back into use. Nothing is thrown away: when the originator signs the record again, its next version takes the
place of what waits (`federation.revocation` says why only our own time of receipt counts).

`retry_waiting` judges again what was refused for what the directory said: a suspended sender that is active again, a
key that was not listed yet. Nobody has to press a button for a member that comes back.

Left to others: signing again (`reissuing`); tombstones in their time of grace (`federation.revocation.is_void`).
Trust: the directory is the trusted one. `accepted_at` is our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, delete, func, select, update

from federation.errors import ProblemType
from federation.feed import FeedId
from federation.inbox import Quarantine
from federation.records import get_schema
from federation.revocation import kid_of, revoked_record_keys
from node.services import bodies, erasing, indexing, intake
from node.storage import feeds, followers, quarantine, records
from node.storage.tables import entry_in, entry_out, feed_in, record
from node.storage.tables import quarantine as held_back
from node.storage.tables.checkpoints import key_swept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crypto.signer import Signer
    from federation.directory import Directory
    from federation.membership import ListedKey
    from node.storage.database import Database

BATCH: Final = 200
FOLLOWER: Final = "directory"
HEADER: Final = 1_600
"""Characters of a JWT that certainly hold its header (at most 1 kB, in base64url)."""
WAITING: Final = (ProblemType.SUSPENDED, ProblemType.UNKNOWN_KEY, ProblemType.NOT_MEMBER)
"""Problems that a newer directory can solve by itself."""
Entries = dict[tuple[str, str, int], tuple[int, int]]
"""(iss, rid, ver) → (feed, n) of the entry that brought a body."""
OUT_OF_USE: Final = "revoked"
"""The state of a version whose feed entry cannot be found any more: it cannot wait in quarantine, and is not used."""
_DETAIL: Final = "signed with a key that was revoked from before it came: it waits until its originator signs it again"


@dataclass(slots=True)
class Settled:
    """What a new directory changed here."""

    moved: int = 0
    """Versions that went to quarantine."""
    restored: int = 0
    """Versions that came back into use because the one after them went."""
    taken_in: int = 0
    """Entries that were in quarantine and hold now."""
    feeds: set[int] = field(default_factory=set)
    """Incoming feeds whose receipt changed."""


def settle(database: Database, directory: Directory, *, node: str, signer: Signer, now: int) -> Settled | None:
    """Do what this version of the directory asks for, once; None where it was done before."""
    with database.read() as connection:
        if followers.position(connection, FOLLOWER) >= directory.version:
            return None
    done = sweep(database, directory, node=node, now=now)
    retry_waiting(database, directory, node=node, now=now, done=done)
    with database.write() as connection:
        for feed in sorted(done.feeds):
            renew_receipt(connection, feed, node=node, directory=directory, signer=signer, now=now)
        followers.advance(connection, FOLLOWER, directory.version, now=now)
    return done


def sweep(database: Database, directory: Directory, *, node: str, now: int) -> Settled:
    """Put what was taken in under a revoked key, since it may have been misused, out of use. Can be repeated."""
    done = Settled()
    for listed in revoked_record_keys(directory):
        if listed.node == node:
            continue  # what this node signed itself it knows; it signs it again (`reissuing`)
        with database.read() as connection:
            swept = connection.execute(select(key_swept).where(key_swept.c.kid == listed.kid)).first()
            if swept is not None and swept.since <= (listed.revoked_since or 0):
                continue
            void = _void(connection, listed)
            entries = _entries(connection, void) if void else {}
        moved = 0
        for start in range(0, len(void), BATCH):
            ids = [row.id for row in void[start : start + BATCH]]
            with database.write() as connection:
                # A regional office may have passed it on: from now on its entry has no body there.
                connection.execute(update(entry_out).where(entry_out.c.record.in_(ids)).values(record=None))
                for row_id in ids:
                    moved += _move(connection, row_id, entries, done, now=now)
        with database.write() as connection:
            connection.execute(delete(key_swept).where(key_swept.c.kid == listed.kid))
            connection.execute(
                key_swept.insert().values(kid=listed.kid, since=listed.revoked_since or 0, moved=moved, at=now)
            )
        done.moved += moved
    return done


def retry_waiting(
    database: Database, directory: Directory, *, node: str, now: int, done: Settled | None = None
) -> Settled:
    """Judge again what a newer directory can have put right, in the order in which it came."""
    done = Settled() if done is None else done
    with database.read() as connection:
        found = connection.scalars(
            select(held_back.c.id)
            .where(held_back.c.state == "held", held_back.c.problem.in_([str(word) for word in WAITING]))
            .order_by(held_back.c.feed, held_back.c.n)
        )
        waiting = list(found)
    for start in range(0, len(waiting), BATCH):
        with database.write() as connection:
            for row_id in waiting[start : start + BATCH]:
                row = quarantine.get(connection, row_id)
                if row is None or row.state != "held":
                    continue
                effect = intake.retry(connection, row, node=node, directory=directory, now=now)
                if not isinstance(effect, Quarantine):
                    done.taken_in += 1
                    done.feeds.add(row.feed)
    return done


def renew_receipt(
    connection: Connection, feed: int, *, node: str, directory: Directory, signer: Signer, now: int
) -> None:
    """Sign the receipt of an incoming feed anew, at the same size: what is in quarantine has changed."""
    row = feeds.in_feed_by_id(connection, feed)
    receipt = intake.make_receipt(
        connection, FeedId(row.sender, node, row.lane, row.epoch), feeds.unpack(row.size, row.hashes),
        feed=feed, directory=directory, signer=signer, now=now,
    )  # fmt: skip
    feeds.keep_receipt(connection, feed, receipt.token, now=now)


def _void(connection: Connection, listed: ListedKey) -> list[Row[Any]]:
    """Versions of the key's owner that were taken in since then, and are signed with it."""
    rows: Iterable[Row[Any]] = connection.execute(
        select(record.c.id, record.c.iss, record.c.rid, record.c.ver, func.substr(record.c.jwt, 1, HEADER).label("jwt"))
        .where(record.c.iss == listed.node, record.c.accepted_at >= (listed.revoked_since or 0), record.c.jwt != "")
        # The newest first: when a version goes, the one before it is looked at with what is left.
        .order_by(record.c.rid, record.c.ver.desc())
    )
    # Of a cut JWT only the header is read, which stands whole in it.
    return [row for row in rows if kid_of(f"{row.jwt.partition('.')[0]}.e30.AA") == listed.kid]


def _entries(connection: Connection, rows: Iterable[Row[Any]]) -> Entries:
    """The last entry that brought a body of each. Reads the leaves through, once."""
    wanted = {(row.iss, row.rid, row.ver) for row in rows}
    found: Entries = {}
    leaves = connection.execute(
        select(entry_in.c.feed, entry_in.c.n, entry_in.c.leaf)
        .order_by(entry_in.c.feed, entry_in.c.n)
        .execution_options(yield_per=BATCH * 10)
    )
    for feed, n, text in leaves:
        try:
            leaf = orjson.loads(text)
            key = (leaf["iss"], leaf["rid"], leaf["ver"])
            if key in wanted and leaf["op"] in {"put", "more"}:
                found[key] = (feed, n)
        except (ValueError, KeyError, TypeError):
            continue  # a leaf that was quarantined for its form
    return found


def _move(connection: Connection, row_id: int, entries: Entries, done: Settled, *, now: int) -> int:
    row = connection.execute(select(record).where(record.c.id == row_id)).first()
    if row is None or not row.jwt:
        return 0
    erasing.unindex(connection, row)
    where = entries.get((row.iss, row.rid, row.ver))
    if where is None:
        records.set_state(connection, [row.id], OUT_OF_USE)
    else:
        feed, n = where
        came = connection.execute(
            select(entry_in.c.leaf, feed_in.c.sender)
            .join(feed_in, feed_in.c.id == entry_in.c.feed)
            .where(entry_in.c.feed == feed, entry_in.c.n == n)
        ).one()
        held = int(row.mask, 16)
        quarantine.put_aside(
            connection, feed, n, sender=came.sender, leaf=came.leaf, iss=row.iss, rid=row.rid, gc=row.gc,
            body=bodies.presentation(row.jwt, row.disclosures, held, held), problem=ProblemType.REVOKED_KEY,
            detail=_DETAIL, now=now,
        )  # fmt: skip
        # Not a trace of it stays among the records: what the thief called version 2 must not stand in the way of the
        # version 2 that the originator signs.
        records.delete(connection, row.id)
        done.feeds.add(feed)
    if row.state in records.LIVE:
        done.restored += _bring_back(connection, row.iss, row.rid)
    return 1


def _bring_back(connection: Connection, iss: str, rid: str) -> int:
    """The highest version that is left is the one to use."""
    left = [row for row in records.by_key(connection, iss, rid) if row.jwt and row.state == "superseded"]
    if not left:
        return 0
    row = left[0]
    facets = get_schema(row.sch).facets(bodies.reopen_row(row).groups)
    records.set_state(connection, [row.id], "received")
    records.add_facets(connection, row.id, row.kind, row.iss, facets)
    indexing.again(connection, row.id)
    return 1
