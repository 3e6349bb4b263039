"""The Merkle log over the disclosure rows, on disk.

Rows are written by `audit.log` in the transaction of what they tell, together with a note of which rows they are
(`log_pending`). `append` takes rows that are noted and not logged yet, gives each the next position and a salt, and
appends its leaf. The head's row is locked from the first moment, so positions are given by one at a time; a note is
seen as soon as its rows are, so a transaction that commits late is only later in the log and never passed over. The
numbers of the rows, which come from a sequence on PostgreSQL, decide nothing.

Trust: whoever can write to the database can change rows until the log that covers them has been signed and given out.
That is why every checkpoint is preceded by `append` in its own transaction, and why the follower runs each second.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update

from crypto import merkle
from federation.auditlog import SALT_BYTES, leaf_of
from node.storage.database import insert_rows
from node.storage.feeds import pack, unpack
from node.storage.tables import disclosure
from node.storage.tables.checkpoints import HEAD, log_block, log_head, log_leaf, log_pending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crypto.checkpoint import Checkpoint

BLOCK: Final = 256
"""Leaves whose root is kept: a proof reads at most so many leaves at each of its ends."""
NAMES: Final = tuple(str(column.name) for column in disclosure.c)
READ: Final = 2_000
"""Rows fetched at once when the log is read through."""


def note_pending(connection: Connection, ids: Sequence[int]) -> None:
    """Note rows that were just written, in runs: nearly always one."""
    runs: list[tuple[int, int]] = []
    for row in ids:
        if runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    insert_rows(connection, log_pending, ("first", "last"), runs)


def behind(connection: Connection) -> bool:
    """Whether rows wait for the log."""
    return connection.execute(select(log_pending.c.id).limit(1)).first() is not None


def head(connection: Connection) -> merkle.CompactRange:
    """The log's compact range, not locked."""
    row = connection.execute(select(log_head.c.size, log_head.c.hashes).where(log_head.c.id == HEAD)).one()
    return unpack(row.size, row.hashes)


def epoch(connection: Connection) -> int:
    """The log's epoch; 0 for one that never began anew."""
    return connection.scalar(select(log_head.c.epoch).where(log_head.c.id == HEAD)) or 0


def begin(connection: Connection, number: int, write: Callable[[int, merkle.CompactRange], int]) -> None:
    """Go on in another epoch, behind all rows that wait.

    `write(before, range)` writes the disclosure row that opens it, and returns its number: that row comes next,
    whatever else was committed meanwhile.
    """
    compact = append(connection)
    row_id = write(epoch(connection), compact)
    rows = connection.execute(select(disclosure).where(disclosure.c.id == row_id)).all()
    compact = _append(connection, compact, rows, os.urandom)
    connection.execute(delete(log_pending).where(log_pending.c.first == row_id, log_pending.c.last == row_id))
    connection.execute(
        update(log_head).where(log_head.c.id == HEAD).values(size=compact.size, hashes=pack(compact), epoch=number)
    )


def continues(connection: Connection, compact: merkle.CompactRange, found: Checkpoint) -> bool:
    """Whether the log, whose range is `compact`, is one that a checkpoint of any epoch was signed over, grown."""
    if found.size > compact.size:
        return False
    return found.root == (compact.root() if found.size == compact.size else root_at(connection, found.size))


def append(
    connection: Connection, *, limit: int | None = None, token: Callable[[int], bytes] = os.urandom
) -> merkle.CompactRange:
    """Append the rows that wait, at most `limit` of them, and return the log's compact range.

    Call it inside a transaction that may write, and as late in it as can be: the head stays locked until its end.
    """
    return newest(connection, limit=limit, token=token)[0]


def newest(
    connection: Connection, *, limit: int | None = None, token: Callable[[int], bytes] = os.urandom
) -> tuple[merkle.CompactRange, int]:
    """The same, with the log's epoch."""
    locked = select(log_head.c.size, log_head.c.hashes, log_head.c.epoch).where(log_head.c.id == HEAD).with_for_update()
    row = connection.execute(locked).one()
    compact = unpack(row.size, row.hashes)
    while limit is None or limit > 0:
        waiting = connection.execute(select(log_pending).order_by(log_pending.c.id).limit(READ)).all()
        if not waiting:
            break
        for runs in _adjoining(waiting):
            room = READ if limit is None else min(READ, limit)
            if room == 0:
                break
            # Their rows may be more than a transaction should take (those from before there was a log): a part of them.
            rows = connection.execute(
                select(disclosure)
                .where(disclosure.c.id >= runs[0].first, disclosure.c.id <= runs[-1].last)
                .order_by(disclosure.c.id)
                .limit(room)
            ).all()
            compact = _append(connection, compact, rows, token)
            limit = None if limit is None else limit - len(rows)
            end = runs[-1].last if len(rows) < room else rows[-1].id
            done = [run.id for run in runs if run.last <= end]
            connection.execute(delete(log_pending).where(log_pending.c.id.in_(done)))
            if len(done) < len(runs):
                rest = log_pending.c.id == runs[len(done)].id
                connection.execute(update(log_pending).where(rest).values(first=max(runs[len(done)].first, end + 1)))
    if compact.size != row.size:
        connection.execute(
            update(log_head).where(log_head.c.id == HEAD).values(size=compact.size, hashes=pack(compact))
        )
    return compact, row.epoch


def _adjoining(waiting: Sequence[Row[Any]]) -> list[list[Row[Any]]]:
    """Runs, put together where one begins behind the other: then they are read and let go as one."""
    joined: list[list[Row[Any]]] = []
    for run in waiting:
        if joined and joined[-1][-1].last + 1 == run.first:
            joined[-1].append(run)
        else:
            joined.append([run])
    return joined


def _append(
    connection: Connection, compact: merkle.CompactRange, rows: Sequence[Row[Any]], token: Callable[[int], bytes]
) -> merkle.CompactRange:
    if not rows:
        return compact
    salts = token(SALT_BYTES * len(rows))
    made = []
    for at, row in enumerate(rows):
        salt = salts[at * SALT_BYTES : (at + 1) * SALT_BYTES]
        made.append((compact.size + at, row.id, salt, leaf_of(dict(zip(NAMES, row, strict=True)), salt)))
    insert_rows(connection, log_leaf, ("n", "row", "salt", "leaf"), made)
    leaves = [item[3] for item in made]
    blocks = []
    while leaves:
        room = BLOCK - compact.size % BLOCK
        part, leaves = leaves[:room], leaves[room:]
        inside = _last_block(compact).extend(part)
        compact = compact.extend(part)
        if inside.size == BLOCK:
            blocks.append((compact.size // BLOCK - 1, inside.root()))
    insert_rows(connection, log_block, ("n", "root"), blocks)
    return compact


def _last_block(compact: merkle.CompactRange) -> merkle.CompactRange:
    """The part of a range that lies in its last, unfinished block."""
    size = compact.size % BLOCK
    return merkle.CompactRange(size, compact.hashes[len(compact.hashes) - size.bit_count() :])


def subtree(connection: Connection, begin: int, end: int) -> bytes:
    """The root over the leaves from `begin` to `end`, a subtree of the log as proofs name them."""
    whole = begin // BLOCK, end // BLOCK
    if begin % BLOCK or whole[0] == whole[1]:
        return merkle.root_of(_leaves(connection, begin, end))
    roots = list(
        connection.scalars(
            select(log_block.c.root).where(log_block.c.n >= whole[0], log_block.c.n < whole[1]).order_by(log_block.c.n)
        )
    )
    if end % BLOCK:
        roots.append(merkle.root_of(_leaves(connection, whole[1] * BLOCK, end)))
    # A tree over blocks has the shape of the tree over their leaves: both are cut at the largest power of two.
    return merkle.root_of([bytes(root) for root in roots])


def root_at(connection: Connection, size: int) -> bytes:
    """The root that the log had at an earlier size."""
    return subtree(connection, 0, size) if size else merkle.EMPTY_ROOT


def consistency(connection: Connection, first: int, size: int) -> list[bytes]:
    """The proof that the log of `first` rows is a beginning of the log of `size`."""
    return merkle.consistency_path(first, size, lambda begin, end: subtree(connection, begin, end))


def inclusion(connection: Connection, n: int, size: int) -> list[bytes]:
    """The proof that leaf `n` stands in the log of `size`."""
    return merkle.inclusion_path(n, size, lambda begin, end: subtree(connection, begin, end))


def position(connection: Connection, row_id: int) -> Row[Any] | None:
    """Where a disclosure row stands in the log: n, salt and leaf. Reads through the log: for single questions."""
    return connection.execute(select(log_leaf).where(log_leaf.c.row == row_id).order_by(log_leaf.c.n)).first()


def through(connection: Connection, size: int) -> Iterator[tuple[int, bytes, bytes, dict[str, Any] | None]]:
    """The log from its beginning to `size`: position, leaf, salt, and the row, None where it is gone."""
    joined = log_leaf.outerjoin(disclosure, disclosure.c.id == log_leaf.c.row)
    start = 0
    while start < size:
        rows = connection.execute(
            select(log_leaf.c.n.label("position"), log_leaf.c.leaf, log_leaf.c.salt, disclosure)
            .select_from(joined)
            .where(log_leaf.c.n >= start, log_leaf.c.n < size)
            .order_by(log_leaf.c.n)
            .limit(READ)
        ).all()
        if not rows:
            return
        for row in rows:
            told = dict(zip(NAMES, row[3:], strict=True))
            yield row.position, bytes(row.leaf), bytes(row.salt), None if told["id"] is None else told
        start = rows[-1].position + 1


def between(connection: Connection, start: int, end: int) -> list[dict[str, Any]]:
    """The rows at the positions from `start` to `end`, those that are still there."""
    statement = (
        select(disclosure)
        .join(log_leaf, log_leaf.c.row == disclosure.c.id)
        .where(log_leaf.c.n >= start, log_leaf.c.n < end)
        .order_by(log_leaf.c.n)
    )
    return [dict(zip(NAMES, row, strict=True)) for row in connection.execute(statement)]


def row_at(connection: Connection, n: int) -> dict[str, Any] | None:
    """The disclosure row that stands at a position; None where it is gone."""
    statement = select(disclosure).join(log_leaf, log_leaf.c.row == disclosure.c.id).where(log_leaf.c.n == n)
    row = connection.execute(statement).first()
    return None if row is None else dict(zip(NAMES, row, strict=True))


def never_logged(connection: Connection, *, limit: int = 100) -> list[dict[str, Any]]:
    """Rows that stand in the table, wait for nothing and are not in the log: somebody has put them there."""
    waits = select(log_pending.c.id).where(
        log_pending.c.first <= disclosure.c.id, log_pending.c.last >= disclosure.c.id
    )
    statement = (
        select(disclosure)
        .where(disclosure.c.id.not_in(select(log_leaf.c.row)), ~waits.exists())
        .order_by(disclosure.c.id)
        .limit(limit)
    )
    return [dict(zip(NAMES, row, strict=True)) for row in connection.execute(statement)]


def count(connection: Connection) -> int:
    """How many leaves there are: as many as the head says, unless somebody took some out."""
    return connection.scalar(select(func.count()).select_from(log_leaf)) or 0


def _leaves(connection: Connection, begin: int, end: int) -> list[bytes]:
    found = connection.scalars(
        select(log_leaf.c.leaf).where(log_leaf.c.n >= begin, log_leaf.c.n < end).order_by(log_leaf.c.n)
    )
    return [bytes(leaf) for leaf in found]
