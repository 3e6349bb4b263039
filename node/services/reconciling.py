"""Agree with each peer on what it holds of this node's records: daily, and before anything is given after a restore.

`receive` takes the messages of a peer's inventory (`federation.inventories`) in turn and says what is needed next;
`take` adopts what it returns. In quiet times differences become gaps (`storage.gaps`) that officers see. While this
node has to settle with the peer, the peer's counters are learned, what was lost is asked for, and at the end the new
epochs begin and everything is offered again (`settle`).

A peer that shows a tombstone or a version that this node has signed and does not know has proven that this node lost
something: from then on it settles with everybody.

Trust: the peer is the one who signed. What it says of what it holds moves counters of its own feed, never a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, select

from federation.errors import FederationError, NotFound, Quota
from federation.feed import LANES
from federation.inventories import MAX_ROWS, Inventory, Row, Summary, parse_returned, verify_inventory
from node.services import adopting, applying, epochs, reporting
from node.services.restating import restate
from node.services.serving import Server
from node.storage import feeds, gaps, holdings, settlements
from node.storage.tables import record, tombstone

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from crypto.signer import Signer
    from federation.directory import Directory
    from node.services.publishing import Publisher
    from node.storage.database import Database

SPARE_ROWS: Final = 20_000
"""Rows of a peer that are learned beyond four for each record that this node knows: a lost year, not a filled disk."""
SETTLE_SECONDS: Final = 5.0
"""How often the node looks whether it has to go on with a peer."""
AT_ONCE: Final = 4
"""Batches that are offered again while the peer waits for its answer; the rest is done by the node's own loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """This node as the originator whose records a peer holds."""

    node: str
    database: Database
    directory: Callable[[], Directory]
    log_signer: Signer
    clock: Callable[[], int]
    publisher: Callable[[], Publisher]

    def receive(self, peer: str, token: str) -> dict[str, Any]:
        """One message of a peer's inventory; the answer says what is needed next.

        Raises `NotFound` for an inventory that is not the peer's own, or not of this node's records, `Quota` for one of
        more records than this node can have given, and what `verify_inventory` raises.
        """
        now = self.clock()
        message = verify_inventory(token, directory=self.directory(), now=now)
        if message.iss != peer or message.to != self.node:
            raise NotFound("no such inventory")
        if message.part == "rows":
            return self._rows(peer, message)
        if message.part == "end":
            return self._end(peer, message, now)
        with self.database.read() as connection:
            pending = settlements.pending(connection, peer)
            moving = None if pending else self._moving(connection, peer, message)
            if not pending and moving is None:
                # The peer stands in an epoch that ended: what it holds is compared once it has followed.
                return {"equal": False, "settled": True}
            own = Summary.of(holdings.given_to(connection, self.node, peer))
        if message.part == "buckets":
            differ = [
                at for at, (one, other) in enumerate(zip(message.digests, own.digests, strict=True)) if one != other
            ]
            return {"rows": differ}
        equal = (message.count, message.root) == (own.count, own.root)
        with self.database.write() as connection:
            newest = settlements.current(connection)
            pending = newest is not None and settlements.pending(connection, peer)
            if not pending:
                gaps.keep(connection, peer, at=message.iat, count=message.count, equal=equal, token=token)
            elif newest is not None:
                settlements.note(connection, newest.id, peer, offered_after=0)
        if equal and pending:
            return {"equal": True, **self._end(peer, message, now)}
        return {"equal": equal, "buckets": not equal, "settled": not pending}

    def _moving(self, connection: Connection, peer: str, message: Inventory) -> set[str] | None:
        """Records about which entries are on their way to the peer; None where it stands in another epoch."""
        server, moving = self._server(), set[str]()
        for lane in LANES:
            row = feeds.out_feed(connection, peer, lane)
            if row is None:
                continue
            size = 0
            if lane in message.notes:
                shown = server.own(message.notes[lane], peer, lane)
                if not server.continues(connection, shown, row):
                    return None
                size = shown.size
            elif row.epoch:
                return None
            moving |= holdings.in_flight(connection, row.id, size)
        return moving

    def _rows(self, peer: str, message: Inventory) -> dict[str, Any]:
        buckets = set(message.rows)
        told = {row.rid: row for rows in message.rows.values() for row in rows}
        with self.database.write() as connection:
            pending = settlements.pending(connection, peer)
            given = {row.rid: row for row in holdings.given_to(connection, self.node, peer) if row.bucket in buckets}
            if pending:
                self._learn(connection, peer, told.values())
            else:
                moving = self._moving(connection, peer, message)
                if moving is not None:
                    self._compare(connection, peer, told, given, moving, at=message.iat)
            wanted = self._lost(connection, told.values())
        return {"records": [[row.rid, row.ver] for row in wanted][:MAX_ROWS]}

    def _learn(self, connection: Connection, peer: str, rows: Collection[Row]) -> None:
        known = connection.scalar(select(record.c.id).order_by(record.c.id.desc()).limit(1)) or 0
        if settlements.learned_count(connection, peer) + len(rows) > 4 * known + SPARE_ROWS:
            raise Quota("these are more records than this node can have given")
        settlements.learn(connection, peer, rows)

    def _lost(self, connection: Connection, rows: Collection[Row]) -> list[Row]:
        """Of what the peer says it holds: what this node does not know, or knows with fewer groups."""
        held: dict[tuple[str, int], tuple[int, bool]] = {}
        gone: set[str] = set()
        rids = [row.rid for row in rows]
        for start in range(0, len(rids), 500):
            part = rids[start : start + 500]
            found = select(record.c.rid, record.c.ver, record.c.mask, record.c.jwt != "").where(
                record.c.iss == self.node, record.c.rid.in_(part)
            )
            held |= {(rid, ver): (int(mask, 16), full) for rid, ver, mask, full in connection.execute(found)}
            buried = select(tombstone.c.rid).where(tombstone.c.iss == self.node, tombstone.c.rid.in_(part))
            gone |= set(connection.scalars(buried))
        wanted = []
        for row in rows:
            if row.rid in gone or not (row.tomb or row.gm):
                continue
            mask, full = held.get((row.rid, row.ver), (0, True))
            if row.tomb or (full and row.gm & ~mask):
                wanted.append(row)
        return wanted

    def _compare(
        self, connection: Connection, peer: str, told: dict[str, Row], given: dict[str, Row], moving: set[str], *,
        at: int,
    ) -> None:  # fmt: skip
        found: list[tuple[str, str, str]] = []
        more = [row.rid for row in told.values() if row.gm & ~(given[row.rid].gm if row.rid in given else 0)]
        relayed = reporting.may_have_passed(connection, peer, more, node=self.node, directory=self.directory())
        for rid in sorted((told.keys() | given.keys()) - moving):
            difference = _difference(told.get(rid), given.get(rid), relayed.get(rid))
            if difference is not None:
                found.append((rid, *difference))
        gaps.note(connection, peer, found, at=at)

    def take(self, peer: str, data: bytes) -> dict[str, Any]:
        """Adopt what a peer returns; one that does not verify is passed over, and the others count."""
        taken, now, directory = 0, self.clock(), self.directory()
        rids: list[str] = []
        with self.database.write() as connection:
            for token in parse_returned(data):
                try:
                    came, rid = adopting.adopt(connection, token, node=self.node, directory=directory, now=now)
                except FederationError:
                    continue
                if came in {"tombstone", "version"} and not settlements.pending(connection, peer):
                    settlements.mark(connection, "peer", now=now)
                taken += came != "nothing"
                if came in {"version", "groups"}:
                    rids.append(rid)
            newest = settlements.current(connection)
            if newest is not None:
                self._offer(connection, newest, rids, now=now)
            if taken and newest is not None and settlements.pending(connection, peer):
                settlements.count_adopted(connection, newest.id, peer, taken)
        return {"taken": taken}

    def _offer(self, connection: Connection, newest: Any, rids: list[str], *, now: int) -> None:
        """Offer what came back to those with whom this node has settled already: they were not told of it then."""
        publisher = self.publisher()
        if rids and publisher.policy is not None and settlements.held_up(newest, publisher.policy_version) is None:
            applying.Review(publisher, publisher.policy, now=now).batch(connection, rids=rids, limit=None)

    def _end(self, peer: str, message: Inventory, now: int) -> dict[str, Any]:
        with self.database.write() as connection:
            newest = settlements.current(connection)
            if newest is None or not settlements.pending(connection, peer):
                gaps.close(connection, peer, at=message.iat, whole=self._moving(connection, peer, message) == set())
                return {"settled": True}
            if settlements.of_peer(connection, newest.id, peer) is None:
                # The loss came to light half-way through this inventory: what it told before was not learned.
                return {"settled": False}
            epochs.begin(connection, self._server(), peer, message.notes, now=now)
            settlements.note(connection, newest.id, peer, inventory_at=now)
        return {"settled": settle(self.database, self.publisher(), peer, now=now, batches=AT_ONCE)}

    def _server(self) -> Server:
        return Server(node=self.node, directory=self.directory(), log_signer=self.log_signer)


def _difference(  # noqa: PLR0911 - one for each kind
    told: Row | None, given: Row | None, relayed: tuple[int, str, int] | None
) -> tuple[str, str] | None:  # fmt: skip
    """What differs between what a peer holds and what it was given: the word, and the sentence; None if nothing.

    `relayed` is the version, jh and mask that hubs may have given it: it may hold that besides, and need not.
    """
    has, should = told is not None and bool(told.gm), given is not None and bool(given.gm)
    passed = relayed[2] if told is not None and relayed is not None and relayed[:2] == (told.ver, told.jh) else 0
    if given is not None and given.tomb:
        return ("recalled", "was recalled, and the peer has not buried it") if told is None or not told.tomb else None
    if told is not None and told.tomb:
        return "other", "the peer has a recall of it that this node does not know"
    if not has and not should:
        return None
    if has and not should:
        beyond = told is not None and told.gm & ~passed
        return ("surplus", "the peer has it and should not") if beyond else None
    if not has or told is None or given is None:
        return "missing", "the peer should have it and has not"
    if (told.ver, told.jh) != (given.ver, given.jh):
        return "other", f"the peer has version {told.ver}, and was given version {given.ver}"
    if told.gm & ~(given.gm | passed):
        return "surplus", "the peer has groups that it should not have"
    return ("less", "the peer lacks groups that it was given") if given.gm & ~told.gm else None


def settle(database: Database, publisher: Publisher, peer: str, *, now: int, batches: int | None = None) -> bool:
    """Offer a peer everything again, in the newest epoch; True once it is done and pages are answered.

    Goes on where it stopped, also after a crash. Does nothing before the peer's inventory is in, nor while the policy
    in force is older than the one that was lost.
    """
    while batches is None or batches > 0:
        with database.write() as connection:
            newest = settlements.current(connection)
            if newest is None:
                return True
            row = settlements.of_peer(connection, newest.id, peer, for_update=True)
            if row is not None and row.settled_at is not None:
                return True
            if row is None or row.inventory_at is None:
                return False
            if settlements.held_up(newest, publisher.policy_version) is not None:
                return False
            last = restate(connection, publisher, peer, after=row.offered_after, now=now)
            if last is None:
                settlements.note(connection, newest.id, peer, settled_at=now)
                settlements.forget_learned(connection, peer)
                return True
            settlements.note(connection, newest.id, peer, offered_after=last)
        batches = None if batches is None else batches - 1
    return False


def settle_all(database: Database, publisher: Publisher, *, now: int) -> set[str]:
    """Finish with every peer whose inventory is in; whose feeds have grown."""
    with database.read() as connection:
        peers = settlements.ready(connection)
    return {peer for peer in peers if settle(database, publisher, peer, now=now)}
