"""The exchange with all peers: one replication loop each, hints both ways, the directory kept fresh.

Loops are started for every active member that has an address, and stopped when the directory no longer lists it. Hints
go out when feeds have grown, at most one a second and peer; a hint that is lost costs only time. While the directory is
stale nothing is offered to anybody (egress stops at the pages), and receiving goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog

from federation.errors import DirectoryStale, FederationError, Malformed
from federation.pages import note_to_query
from federation.pushing import PushLoop
from federation.replication import LaneLoop, LinkDown, PeerLoop
from federation.transport import PeerLink
from node.services import disclosing, indexing, presenting, reporting
from node.services.intake import PeerDesk
from node.services.limits import DiskFloor, Shares
from node.services.pushing import FeedOutbox, take
from node.services.stopping import RecallRules
from node.services.verifiers import Verifiers
from node.storage import feeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import httpx

    from crypto.signer import Signer
    from federation.directory import Directory
    from federation.feed import Lane
    from federation.inventories import Presented
    from node.services.membership import Membership
    from node.storage.database import Database

HINT_SECONDS: Final = 1.0
"""At most one hint a second and peer (protocol page, section 8)."""
HINT_RETRY_SECONDS: Final = 5.0
WATCH_SECONDS: Final = 0.5
"""How often feeds are looked at that another process (a release on the command line) has made longer."""
OFFER_SECONDS: Final = 3_600.0
INVENTORY_SECONDS: Final = 86_400.0
INVENTORY_FIRST_SECONDS: Final = 300.0
"""After the start, when what had to be fetched mostly is."""
NOTICE_SECONDS: Final = 60.0
REFRESH_ATTEMPTS: Final = 3
WITNESS_SECONDS: Final = 900.0
"""How often peers are asked for the newest checkpoint of their disclosure logs."""
INDEX_SECONDS: Final = 1.0
INDEX_PAUSE_SECONDS: Final = 0.05
BUSY_SECONDS: Final = 2.0
"""So long after a page, in or out, the next one is expected, and the word index waits."""
INDEX_LAG_SECONDS: Final = 30.0
"""And so long it waits at most between two batches."""

log: Final = structlog.get_logger("tidewaiter.exchange")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something that the node does by itself now and then, beside its replication."""

    name: str
    seconds: float
    """From the end of one run to the beginning of the next."""
    run: Callable[[], Iterable[str] | None]
    """Blocks, in a thread of its own; returns whose feeds have grown. What it raises is logged, and it is run again."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """What runs beside the HTTP server. `run` ends only by cancellation."""

    node: str
    database: Database
    membership: Membership
    log_signer: Signer
    http_signer: Signer
    client: httpx.AsyncClient
    poll_seconds: float
    directory_url: str | None
    directory_poll_seconds: float
    clock: Callable[[], int]
    verifiers: Verifiers = field(default_factory=lambda: Verifiers(0))
    loops: dict[str, PeerLoop] = field(default_factory=dict)
    pushers: dict[str, PushLoop] = field(default_factory=dict)
    """Loops that push, where this node has no address at which peers could fetch."""
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _grown: set[str] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    offer_again: Callable[[], Iterable[str]] | None = None
    """Offers what is live to members that never had it; blocks; returns whose feeds have grown."""
    chores: Sequence[Chore] = ()
    followers: Sequence[Callable[[], bool]] = ()
    """What follows the records beside the word index, a batch at a time; each says whether there is more to do."""
    rules: RecallRules = field(default_factory=RecallRules)
    shares: Shares = field(default_factory=Shares)
    floor: DiskFloor | None = None
    _busy_at: float = -1e9
    _looked_at: float = -1e9
    _newer: threading.Event = field(default_factory=threading.Event)
    _taking: dict[str, asyncio.Lock] = field(default_factory=dict)
    _hinting: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _hinted: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Keep loops, hints, directory and word index going."""
        self.verifiers.start()
        await asyncio.gather(
            self._follow_directory(),
            self._send_hints(),
            self._watch_feeds(),
            self._index(),
            self._present_daily(),
            self._follow_hubs(),
            self._ask_logs(),
            *(self._do(chore) for chore in self.chores),
        )

    async def _do(self, chore: Chore) -> None:
        """Run a chore again and again; a fault in it must not end the exchange."""
        while True:
            try:
                grown: Iterable[str] | None = await asyncio.to_thread(chore.run)
                if grown:
                    self.grown(grown)
            except Exception as error:  # noqa: BLE001 - the exchange goes on, and the chore is run again
                log.error("chore failed", chore=chore.name, error=type(error).__name__)  # noqa: TRY400 - a trace may hold content
            await asyncio.sleep(chore.seconds)

    def wake(self, peer: str) -> None:
        """A hint from a peer: look there now."""
        loop = self.loops.get(peer)
        if loop is not None:
            loop.hint()

    def grown(self, recipients: Iterable[str]) -> None:
        """The feeds to these peers have grown: tell them. Call from the event loop."""
        self._grown.update(recipients)
        self._wake.set()

    def busy(self) -> None:
        """Pages are going out: what can wait (the word index) waits."""
        self._busy_at = time.monotonic()

    def link(self, peer: str) -> PeerLink:
        """The signed road to a peer."""
        return PeerLink(
            peer=peer, node=self.node, client=self.client, directory=self.membership.current,
            signer=self.http_signer, clock=self.clock,
        )  # fmt: skip

    def desk(self, peer: str) -> PeerDesk:
        """The desk at which a peer's pages are opened."""
        return PeerDesk(
            peer=peer, node=self.node, database=self.database, directory=self.membership.current,
            log_signer=self.log_signer, clock=self.clock, verifiers=self.verifiers,
            noticed=partial(self._noticed, peer), rules=self.rules, admit=partial(self._admit, peer),
        )  # fmt: skip

    def loop_for(self, peer: str) -> PeerLoop:
        """A replication loop for a peer, not started."""
        return PeerLoop(
            peer=peer, link=self.link(peer), desk=self.desk(peer), clock=time.monotonic, chance=random.random,
            offload=asyncio.to_thread, poll=self.poll_seconds, on_applied=partial(self._applied, peer),
            follow=partial(self._follow, peer),
        )  # fmt: skip

    async def present(self, peer: str) -> Presented:
        """Show a peer what is held of its records, and give back what it has lost. Egress, as pages are."""
        if await asyncio.to_thread(self.membership.stale, self.clock()):
            raise DirectoryStale("this node's directory has expired: nothing leaves until it is renewed")
        fed = self.membership.current().fed
        make = partial(
            presenting.holding, self.database, fed=fed, node=self.node, peer=peer, signer=self.log_signer,
            now=self.clock(),
        )  # fmt: skip
        shown = await presenting.show(self.link(peer), make, asyncio.to_thread)
        log.info("inventory shown", peer=peer, returned=shown.returned)
        return shown

    async def present_all(self) -> list[dict[str, Any]]:
        """Show every peer that has an address what is held of its records; what came of it, by peer."""
        directory = await asyncio.to_thread(self.membership.current)
        found: list[dict[str, Any]] = []
        for member in sorted(directory.members.values(), key=lambda member: member.id):
            if member.id == self.node or member.status != "active" or member.endpoint is None:
                continue
            try:
                shown = await self.present(member.id)
            except (LinkDown, FederationError) as error:
                found.append({"peer": member.id, "equal": None, "problem": str(error)})
            else:
                found.append({"peer": member.id, "equal": shown.equal, "problem": None})
        return found

    async def _present_daily(self) -> None:
        """Once a day, and soon after the start: what is held of each peer's records, so that it sees gaps."""
        await asyncio.sleep(INVENTORY_FIRST_SECONDS)
        while True:
            try:
                await self.present_all()
            except Exception as error:  # noqa: BLE001 - the exchange goes on, and tomorrow it is tried again
                log.error("inventories failed", error=type(error).__name__)  # noqa: TRY400 - a trace may hold content
            await asyncio.sleep(INVENTORY_SECONDS)

    async def _follow(self, peer: str) -> bool:
        """The peer lost its newest history: it learns from us what we hold, before it gives us anything."""
        return (await self.present(peer)).settled

    def _admit(self, peer: str, entries: int) -> None:
        """Before entries are taken in: room on the disk, and what is left of the peer's share."""
        if entries and self.floor is not None:
            self.floor.check()
        self.shares.spend(peer, entries=entries)

    def outbox(self, peer: str) -> FeedOutbox:
        """Where the pages for a peer are written that cannot fetch them."""
        return FeedOutbox(
            peer=peer, node=self.node, database=self.database, membership=self.membership,
            log_signer=self.log_signer, clock=self.clock,
        )  # fmt: skip

    def pusher_for(self, peer: str) -> PushLoop:
        """A loop that pushes to a peer, not started."""
        return PushLoop(
            peer=peer, link=self.link(peer), outbox=self.outbox(peer), clock=time.monotonic, chance=random.random,
            offload=asyncio.to_thread, poll=self.poll_seconds, on_pushed=lambda _lane, _size: self.busy(),
        )  # fmt: skip

    async def take(self, peer: str, page: bytes) -> str:
        """Take in a page that a peer handed over; the receipt. Pages of one peer are taken in one after the other."""
        async with self._taking.setdefault(peer, asyncio.Lock()):
            receipt = await asyncio.to_thread(take, self.desk(peer), page)
        self.busy()
        return receipt

    def _applied(self, peer: str, lane: Lane, stored: int, quarantined: int) -> None:
        self._busy_at = time.monotonic()
        log.info("page applied", peer=peer, lane=lane, stored=stored, quarantined=quarantined)

    async def _follow_directory(self) -> None:
        """Keep the directory fresh; when members come, offer them what they may have of what is out already."""
        refreshed, offered = time.monotonic(), -OFFER_SECONDS
        members: frozenset[str] | None = None
        while True:
            if self._newer.is_set() or time.monotonic() - refreshed > self.directory_poll_seconds:
                self._newer.clear()
                refreshed = time.monotonic()
                await self._refresh()
            with contextlib.suppress(DirectoryStale):
                directory = await asyncio.to_thread(self.membership.current)
                self._match_loops(directory)
                now = frozenset(member.id for member in directory.members.values() if member.status == "active")
                # Also at the start, and every hour: a member may have joined, or an embargo have ended, meanwhile.
                if now != members or time.monotonic() - offered > OFFER_SECONDS:
                    members, offered = now, time.monotonic()
                    await self._offer()
            await asyncio.sleep(1.0)

    async def _refresh(self) -> None:
        """Fetch the newest directory from its address, or else from a peer: it does not matter who serves it.

        An address that serves an old one is no better than one that serves none: peers who say that they work by a
        newer one are asked for it.
        """
        addresses = [self.directory_url] if self.directory_url else []
        claimants: list[str] = []
        with contextlib.suppress(DirectoryStale):
            members = self.membership.current().members
            claimants = self.membership.claimants(self.clock())
            addresses += [members[peer].endpoints[0] for peer in claimants if members[peer].endpoints]
            peers = [member.endpoint for member in members.values() if member.endpoint is not None]
            addresses += random.sample(peers, k=len(peers))
        for address in [*dict.fromkeys(addresses)][: REFRESH_ATTEMPTS + len(claimants)]:
            try:
                await asyncio.to_thread(self.membership.refresh, address, now=self.clock())
            except FederationError as error:
                log.warning("directory not refreshed", address=address, problem=str(error.problem), detail=error.detail)
            else:
                if not self.membership.claimants(self.clock()):
                    return
                log.warning("directory behind", address=address)
        if claimants:
            self.membership.sought(self.clock())
            if self.membership.frozen(self.clock()):
                log.error("directory kept from this node", problem="directory-stale")

    async def _offer(self) -> None:
        if self.offer_again is None:
            return
        try:
            grown = await asyncio.to_thread(self.offer_again)
            if grown:
                self.grown(grown)
        except Exception as error:  # noqa: BLE001 - the exchange goes on without it, and tries again in an hour
            log.error("offering again failed", error=type(error).__name__)  # noqa: TRY400 - a trace may hold content

    def _noticed(self, peer: str, version: int) -> None:
        """A peer works by a newer directory than this node: look for it. A lie costs one look a minute."""
        with contextlib.suppress(DirectoryStale):
            behind = self.membership.claim(peer, version, now=self.clock())
            if behind and time.monotonic() - self._looked_at > NOTICE_SECONDS:
                self._looked_at = time.monotonic()
                self._newer.set()

    def _match_loops(self, directory: Directory) -> None:
        """A loop for every active member with an address, two where this node has none, and for nobody else."""
        wanted: dict[str, tuple[str, Callable[[], LaneLoop]]] = {}
        for peer in roads(directory, self.node, with_endpoint=True):
            wanted[f"replicate {peer}"] = (peer, partial(self._puller, peer))
            if pushes(directory, self.node):
                wanted[f"push {peer}"] = (peer, partial(self._pusher, peer))
        for name, (peer, make) in wanted.items():
            if name not in self._tasks:
                self._tasks[name] = asyncio.create_task(self._keep_running(make(), peer), name=name)
        for name in self._tasks.keys() - wanted.keys():
            self._tasks.pop(name).cancel()
        self.loops = {peer: loop for peer, loop in self.loops.items() if f"replicate {peer}" in wanted}
        self.pushers = {peer: loop for peer, loop in self.pushers.items() if f"push {peer}" in wanted}

    def _puller(self, peer: str) -> LaneLoop:
        self.loops[peer] = self.loop_for(peer)
        return self.loops[peer]

    def _pusher(self, peer: str) -> LaneLoop:
        self.pushers[peer] = self.pusher_for(peer)
        return self.pushers[peer]

    async def _keep_running(self, loop: LaneLoop, peer: str) -> None:
        """A loop must not die of a fault of ours: log it, wait, go on from the stored position."""
        while True:
            try:
                await loop.run()
            except Exception as error:  # noqa: BLE001 - the last resort, told in the log
                log.error("replication loop failed", peer=peer, error=type(error).__name__)  # noqa: TRY400 - a trace may hold content
                await asyncio.sleep(5.0)

    async def _send_hints(self) -> None:
        """Hints to those whose feeds have grown, each on its own: one that does not answer keeps nobody waiting."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            now = time.monotonic()
            due = {
                peer
                for peer in self._grown - self._hinting.keys()
                if now - self._hinted.get(peer, -HINT_SECONDS) >= HINT_SECONDS
            }
            self._grown -= due
            for peer in sorted(due):
                self._hinted[peer] = now
                self._hinting[peer] = asyncio.create_task(self._hint(peer))
            if self._grown:
                asyncio.get_running_loop().call_later(HINT_SECONDS, self._wake.set)

    async def _hint(self, peer: str) -> None:
        if peer in self.pushers:
            # It could not fetch: what has grown is brought to it.
            self.pushers[peer].hint()
            self._hinting.pop(peer, None)
            return
        try:
            await self.link(peer).hint()
        except LinkDown:
            # It may be the connection and not the peer: once more, later. What is lost then costs only time.
            self._grown.add(peer)
            asyncio.get_running_loop().call_later(HINT_RETRY_SECONDS, self._wake.set)
        except FederationError as error:
            log.info("hint refused", peer=peer, problem=str(error.problem))
        finally:
            self._hinting.pop(peer, None)

    async def _watch_feeds(self) -> None:
        known: dict[tuple[str, str], int] | None = None
        while True:
            sizes, confirmed = await asyncio.to_thread(self._feed_sizes)
            # At the start: whoever has not confirmed everything is told that this node is up again.
            before = confirmed if known is None else known
            grown = {key[0] for key, size in sizes.items() if size > before.get(key, 0)}
            if grown:
                fresh = {peer for peer in grown if time.monotonic() - self._hinted.get(peer, -9.0) > WATCH_SECONDS}
                if fresh:
                    self.grown(fresh)
            known = sizes
            await asyncio.sleep(WATCH_SECONDS)

    def _feed_sizes(self) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
        """Sizes, and how much of them is confirmed, by (recipient, lane)."""
        with self.database.read() as connection:
            rows = feeds.out_feeds(connection)
        sizes = {(row.recipient, row.lane): row.size for row in rows}
        return sizes, {(row.recipient, row.lane): row.receipt_size for row in rows}

    async def _index(self) -> None:
        """Keep the word index and other followers up: at once when it is quiet, else only now and then."""
        waited = 0.0
        while True:
            busy = time.monotonic() - self._busy_at < BUSY_SECONDS
            if busy and waited < INDEX_LAG_SECONDS:
                await asyncio.sleep(INDEX_SECONDS)
                waited += INDEX_SECONDS
                continue
            more = await asyncio.to_thread(indexing.follow, self.database, now=self.clock())
            if not more:  # words first: a search waits for them
                for follower in self.followers:
                    more = await self._batch(follower) or more
            waited = 0.0
            # Between batches others get SQLite's one write lock.
            await asyncio.sleep(INDEX_PAUSE_SECONDS if more else INDEX_SECONDS)

    @staticmethod
    async def _batch(follower: Callable[[], bool]) -> bool:
        try:
            return await asyncio.to_thread(follower)
        except Exception as error:  # noqa: BLE001 - the word index goes on, and the follower is asked again
            log.error("follower failed", error=type(error).__name__)  # noqa: TRY400 - a trace may hold content
            return False

    async def sync(self) -> dict[str, Any]:
        """One round with every peer now, and what came of it (for `tidewaiter sync`)."""
        directory = await asyncio.to_thread(self.membership.current)
        results: dict[str, Any] = {}
        for peer in roads(directory, self.node, with_endpoint=True):
            loops: list[LaneLoop] = [self.loop_for(peer)]
            if pushes(directory, self.node):
                loops.append(self.pusher_for(peer))
            problem, counts = None, []
            for loop in loops:
                try:
                    counts.append(await loop.round())
                except (LinkDown, FederationError) as error:
                    counts.append(sum(lane.pulled for lane in loop.lanes.values()))
                    problem = problem or str(error)
            results[peer] = {"entries": counts[0], "problem": problem}
            if len(counts) > 1:
                results[peer]["pushed"] = counts[1]
        return results

    async def ask_logs(self) -> list[dict[str, Any]]:
        """Ask every peer for its newest checkpoint of its disclosure log, and hold it against those that are kept."""
        directory = await asyncio.to_thread(self.membership.current)
        found = []
        for member in sorted(directory.members.values(), key=lambda member: member.id):
            if member.id == self.node or member.status != "active" or member.endpoint is None:
                continue
            link = self.link(member.id)

            async def ask(first: int, note: str | None, link: PeerLink = link) -> bytes:
                query = {"from": str(first)} | ({} if note is None else {"cp": note_to_query(note)})
                return await link.request("GET", "/cnp/1/log", query=query)

            with contextlib.suppress(LinkDown, FederationError):
                found.append(await disclosing.question(self.database, directory, member.id, ask=ask, now=self.clock()))
        return found

    async def _ask_logs(self) -> None:
        """Be a witness: also for peers that only send, and so give no receipts."""
        while True:
            await asyncio.sleep(WITNESS_SECONDS)
            try:
                await self.ask_logs()
            except Exception as error:  # noqa: BLE001 - the exchange goes on, and asks again
                log.error("asking for logs failed", error=type(error).__name__)  # noqa: TRY400 - a trace may hold content

    async def relay_reports(self) -> dict[str, str | None]:
        """Ask the hubs what they passed on of this node's records; hub → the problem, or None."""

        async def ask(hub: str, position: int) -> str:
            query = {"after": str(position)}
            answer = await self.link(hub).request("GET", "/cnp/1/relay-reports", query=query)
            try:
                return answer.decode("ascii")
            except UnicodeDecodeError as error:
                raise Malformed("a relay report is a compact JWS") from error

        directory = await asyncio.to_thread(self.membership.current)
        return await reporting.fetch(
            self.database, ask, directory=directory, node=self.node, clock=self.clock
        )  # fmt: skip

    async def _follow_hubs(self) -> None:
        """Fetch relay reports now and then; nothing is asked where no hub was given anything."""
        while True:
            await asyncio.sleep(reporting.SECONDS)
            with contextlib.suppress(DirectoryStale):
                for hub, problem in (await self.relay_reports()).items():
                    if problem is not None:
                        log.info("relay report not fetched", peer=hub)

    async def stop(self) -> None:
        """Cancel all loops."""
        for task in (*self._tasks.values(), *self._hinting.values()):
            task.cancel()
        for task in list(self._tasks.values()):
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        await self.client.aclose()
        self.verifiers.stop()


def pushes(directory: Directory, node: str) -> bool:
    """Whether a node has no address in the directory, so that it must bring what others would fetch."""
    member = directory.member(node)
    return member is not None and member.endpoint is None


def roads(directory: Directory, node: str, *, with_endpoint: bool) -> list[str]:
    """The active members other than `node` that have an address, or those that have none."""
    return sorted(
        member.id
        for member in directory.members.values()
        if member.id != node and member.status == "active" and (member.endpoint is not None) == with_endpoint
    )
