"""Recalls on disk: one row a recalled record, the entries that brought it, and to whom it was offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, and_, exists, func, select, update
from sqlalchemy import delete as sql_delete

from federation.feed import parse_leaf
from node.storage.database import insert_rows
from node.storage.tables import disclosure, entry_out, feed_out, grant_out, tombstone
from node.storage.tables.recalls import recall, recall_again, recall_road, recall_sent
from node.storage.tables.relay import relay_reported

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

STOPPED, KEPT, ERASED, HELD, REFUSED, VOID = "stopped", "kept", "erased", "held", "refused", "void"
"""Out of use and to be erased; the same, spared by a legal hold; erased; waiting for a person; refused by one; signed
with a key that was stolen by then."""
IN_FORCE: Final = (STOPPED, KEPT, ERASED)
STATES: Final = (*IN_FORCE, HELD, REFUSED, VOID)
TOLD: Final = 1_000
"""Erasures named in one receipt: the newest."""
CHUNK: Final = 500


def get(connection: Connection, iss: str, rid: str) -> Row[Any] | None:
    """The recall of a record, in whatever state."""
    return connection.execute(select(recall).where(recall.c.iss == iss, recall.c.rid == rid)).first()


def find(connection: Connection, rid: str) -> list[Row[Any]]:
    """Recalls of records with this id: several issuers may have used one."""
    return list(connection.execute(select(recall).where(recall.c.rid == rid).order_by(recall.c.iss)))


def put(connection: Connection, **values: Any) -> None:
    """Keep a recall, in place of what was known of one of the same record."""
    connection.execute(sql_delete(recall).where(recall.c.iss == values["iss"], recall.c.rid == values["rid"]))
    connection.execute(recall.insert().values(**values))


def change(connection: Connection, iss: str, rid: str, **values: Any) -> None:
    """Change members of a recall."""
    connection.execute(update(recall).where(recall.c.iss == iss, recall.c.rid == rid).values(**values))


def listing(
    connection: Connection, *, states: Collection[str] = STATES, iss: str | None = None, limit: int = 1_000
) -> list[Row[Any]]:
    """Recalls in these states, of all issuers or of one, the newest first."""
    statement = select(recall).where(recall.c.state.in_(list(states)))
    if iss is not None:
        statement = statement.where(recall.c.iss == iss)
    return list(connection.execute(statement.order_by(recall.c.at.desc(), recall.c.rid).limit(limit)))


def due(connection: Connection, *, now: int, limit: int) -> list[Row[Any]]:
    """Recalls whose time of grace is over, and those that only a legal hold spared."""
    over = select(recall).where(recall.c.state.in_((STOPPED, KEPT)), recall.c.due <= now)
    return list(connection.execute(over.order_by(recall.c.due, recall.c.rid).limit(limit)))


def by_keys(connection: Connection, kids: Collection[str]) -> list[Row[Any]]:
    """Recalls that were signed with one of these keys and are not void."""
    if not kids:
        return []
    statement = select(recall).where(recall.c.state != VOID, recall.c.kid.in_(sorted(kids)))
    return list(connection.execute(statement.order_by(recall.c.at, recall.c.rid)))


def keep_another(connection: Connection, **values: Any) -> None:
    """Keep a further tombstone of a recalled record; of each key the first."""
    key = [getattr(recall_again.c, name) == values[name] for name in ("iss", "rid", "kid")]
    if connection.execute(select(recall_again.c.ver).where(*key)).first() is None:
        connection.execute(recall_again.insert().values(**values))


def others(connection: Connection, iss: str, rid: str) -> list[Row[Any]]:
    """Further tombstones of a recalled record, in the order in which they came."""
    statement = select(recall_again).where(recall_again.c.iss == iss, recall_again.c.rid == rid)
    return list(connection.execute(statement.order_by(recall_again.c.at, recall_again.c.kid)))


def own_by_keys(connection: Connection, node: str, kids: Collection[str], *, limit: int) -> list[Row[Any]]:
    """Own recalls in force that were signed with one of these keys."""
    if not kids:
        return []
    statement = select(recall).where(recall.c.iss == node, recall.c.state.in_(IN_FORCE), recall.c.kid.in_(sorted(kids)))
    return list(connection.execute(statement.order_by(recall.c.at, recall.c.rid).limit(limit)))


def recent(connection: Connection, iss: str, *, since: int) -> int:
    """How many recalls of an issuer took effect here since, those that a person approved left out."""
    counted = select(func.count()).select_from(recall)
    condition = (
        recall.c.iss == iss, recall.c.at > since, recall.c.state.in_(IN_FORCE), recall.c.decided_by.is_(None),
    )  # fmt: skip
    return connection.scalar(counted.where(*condition)) or 0


def erased_at_once(connection: Connection, iss: str, *, since: int) -> int:
    """How many recalls of an issuer were erased the moment they came."""
    counted = select(func.count()).select_from(recall)
    condition = (recall.c.iss == iss, recall.c.at > since, recall.c.state == ERASED, recall.c.erased_at == recall.c.at)
    return connection.scalar(counted.where(*condition, recall.c.before != "{}")) or 0


def counts(connection: Connection) -> dict[str, int]:
    """How many recalls are in each state."""
    return {row[0]: row[1] for row in connection.execute(select(recall.c.state, func.count()).group_by(recall.c.state))}


def came(connection: Connection, *, feed: int, n: int, iss: str, rid: str) -> None:
    """An entry of a peer's feed brought a tombstone."""
    there = select(recall_road.c.n).where(recall_road.c.feed == feed, recall_road.c.n == n)
    if connection.execute(there).first() is None:
        connection.execute(recall_road.insert().values(feed=feed, n=n, iss=iss, rid=rid))


def roads(connection: Connection, iss: str, rid: str) -> list[Row[Any]]:
    """The entries (feed, n) that brought the tombstone of a record."""
    statement = select(recall_road).where(recall_road.c.iss == iss, recall_road.c.rid == rid)
    return list(connection.execute(statement.order_by(recall_road.c.feed, recall_road.c.n)))


def erased_by(connection: Connection, feed: int) -> list[Row[Any]]:
    """Recalls that came by this feed and whose content is erased: the newest thousand, oldest first."""
    statement = (
        select(recall.c.iss, recall.c.rid, recall.c.ver, recall.c.erased_at)
        .join(recall_road, (recall_road.c.iss == recall.c.iss) & (recall_road.c.rid == recall.c.rid))
        .where(recall_road.c.feed == feed, recall.c.state == ERASED)
        .distinct()
        .order_by(recall.c.erased_at.desc(), recall.c.rid)
        .limit(TOLD)
    )
    return list(reversed(connection.execute(statement).all()))


HANDED_OUT: Final = ("feed", "query")
"""Disclosures that left a copy with their recipient: entries of feeds, and answers to questions."""


def holders(connection: Connection, iss: str, rids: Sequence[str]) -> dict[str, set[str]]:
    """Who ever got any of these records from this node, by rid: by the grants and by the disclosure log."""
    found: dict[str, set[str]] = {rid: set() for rid in rids}
    for start in range(0, len(rids), CHUNK):
        some = list(rids[start : start + CHUNK])
        granted = select(grant_out.c.rid, grant_out.c.recipient).where(
            grant_out.c.iss == iss, grant_out.c.rid.in_(some)
        )
        logged = select(disclosure.c.rid, disclosure.c.recipient).where(
            disclosure.c.rid.in_(some), disclosure.c.iss == iss, disclosure.c.action.in_(HANDED_OUT),
            disclosure.c.recipient.is_not(None),
        )  # fmt: skip
        for rid, recipient in [*connection.execute(granted), *connection.execute(logged.distinct())]:
            found[rid].add(recipient)
    return found


def passed_on(connection: Connection, rids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Who got own records through a regional office, by its reports: rid → recipient → hub."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(rids), CHUNK):
        rows = connection.execute(
            select(relay_reported.c.rid, relay_reported.c.recipient, relay_reported.c.hub)
            .where(relay_reported.c.rid.in_(list(rids[start : start + CHUNK])))
            .order_by(relay_reported.c.hub.desc())
        )
        for rid, recipient, hub in rows:
            found.setdefault(rid, {})[recipient] = hub
    return found


def owed(connection: Connection, node: str, *, limit: int) -> list[tuple[str, str]]:
    """Records (iss, rid) whose recall somebody has not been offered who should have been.

    A regional office has reported since that it passed an own record on; the feed that had the entry ended before its
    recipient had confirmed it; or the tombstone came back to this node after it had lost it.
    """
    mine = and_(recall.c.iss == node, recall.c.state.in_(IN_FORCE))
    there = exists().where(
        recall_sent.c.iss == recall.c.iss, recall_sent.c.rid == recall.c.rid,
        recall_sent.c.recipient == relay_reported.c.recipient,
    )  # fmt: skip
    late = select(recall.c.iss, recall.c.rid).join(relay_reported, relay_reported.c.rid == recall.c.rid)
    newer = feed_out.alias()
    ended = (
        select(recall_sent.c.iss, recall_sent.c.rid)
        .join(feed_out, feed_out.c.id == recall_sent.c.feed)
        .join(
            newer,
            and_(
                newer.c.recipient == feed_out.c.recipient, newer.c.lane == feed_out.c.lane,
                newer.c.epoch > feed_out.c.epoch,
            ),
        )
        .where(feed_out.c.receipt_size <= recall_sent.c.n)
    )  # fmt: skip
    nobody = ~exists().where(recall_sent.c.iss == recall.c.iss, recall_sent.c.rid == recall.c.rid)
    returned = select(recall.c.iss, recall.c.rid).where(mine, recall.c.by.is_(None), nobody)
    found: dict[tuple[str, str], None] = {}
    for statement in (late.where(mine, ~there), ended, returned):
        found |= dict.fromkeys((row.iss, row.rid) for row in connection.execute(statement.distinct().limit(limit)))
    return list(found)[:limit]


def lost(connection: Connection, iss: str, rid: str) -> set[str]:
    """Recipients whose entry stands in a feed that ended before they confirmed it."""
    newer = feed_out.alias()
    statement = (
        select(recall_sent.c.recipient)
        .join(feed_out, feed_out.c.id == recall_sent.c.feed)
        .join(newer, and_(newer.c.recipient == feed_out.c.recipient, newer.c.lane == feed_out.c.lane))
        .where(
            recall_sent.c.iss == iss, recall_sent.c.rid == rid, newer.c.epoch > feed_out.c.epoch,
            feed_out.c.receipt_size <= recall_sent.c.n,
        )
    )  # fmt: skip
    return set(connection.scalars(statement))


def sent(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Note to whom tombstones were offered: rows (iss, rid, recipient, feed, lane, epoch, n, at)."""
    for iss, rid in {(row[0], row[1]) for row in rows}:
        names = [row[2] for row in rows if (row[0], row[1]) == (iss, rid)]
        for start in range(0, len(names), CHUNK):
            connection.execute(
                sql_delete(recall_sent).where(
                    recall_sent.c.iss == iss, recall_sent.c.rid == rid,
                    recall_sent.c.recipient.in_(names[start : start + CHUNK]),
                )
            )  # fmt: skip
    insert_rows(connection, recall_sent, ("iss", "rid", "recipient", "feed", "lane", "epoch", "n", "at"), rows)


def offered(connection: Connection, iss: str, rid: str, jh: str) -> set[str]:
    """To whom exactly this tombstone of a record was offered, and not one before it."""
    statement = (
        select(recall_sent.c.recipient, entry_out.c.leaf)
        .join(entry_out, and_(entry_out.c.feed == recall_sent.c.feed, entry_out.c.n == recall_sent.c.n))
        .where(recall_sent.c.iss == iss, recall_sent.c.rid == rid)
    )
    return {recipient for recipient, leaf in connection.execute(statement) if parse_leaf(leaf).jh == jh}


def sent_of(connection: Connection, keys: Collection[tuple[str, str]]) -> list[Row[Any]]:
    """To whom tombstones were offered."""
    rids = sorted({rid for _, rid in keys})
    found: list[Row[Any]] = []
    for start in range(0, len(rids), CHUNK):
        statement = select(recall_sent).where(recall_sent.c.rid.in_(rids[start : start + CHUNK]))
        found += connection.execute(statement.order_by(recall_sent.c.rid, recall_sent.c.recipient)).all()
    return [row for row in found if (row.iss, row.rid) in set(keys)]


def confirm(connection: Connection, *, feed: int, size: int, erased: Collection[tuple[str | None, str, int]]) -> None:
    """A receipt says what was erased: (issuer or None for this node, rid, when); counts for entries below its size."""
    for iss, rid, at in erased:
        condition = [recall_sent.c.feed == feed, recall_sent.c.rid == rid, recall_sent.c.n < size]
        if iss is not None:
            condition.append(recall_sent.c.iss == iss)
        connection.execute(
            update(recall_sent).where(*condition, recall_sent.c.erased_at.is_(None)).values(erased_at=at)
        )


def exhume(connection: Connection, iss: str, rid: str) -> None:
    """Take a tombstone away that is void."""
    connection.execute(sql_delete(tombstone).where(tombstone.c.iss == iss, tombstone.c.rid == rid))


def tombstones(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The JWTs of tombstones, own and passed on."""
    rids = sorted({rid for _, rid in keys})
    found: dict[tuple[str, str], str] = {}
    for start in range(0, len(rids), CHUNK):
        rows = connection.execute(select(tombstone).where(tombstone.c.rid.in_(rids[start : start + CHUNK])))
        found |= {(row.iss, row.rid): row.jwt for row in rows}
    return found


def further_tombstones(
    connection: Connection, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str, str | None], str]:
    """The JWTs of further tombstones of recalled records, by (iss, rid, jh)."""
    rids = sorted({rid for _, rid in keys})
    found: dict[tuple[str, str, str | None], str] = {}
    for start in range(0, len(rids), CHUNK):
        rows = connection.execute(select(recall_again).where(recall_again.c.rid.in_(rids[start : start + CHUNK])))
        found |= {(row.iss, row.rid, row.jh): row.jwt for row in rows}
    return found
