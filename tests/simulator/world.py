"""The pretended world: N nodes in one process, each with the product's own code and a database of its own, and between
them a network that loses, doubles, delays, cuts and answers after its time; and clocks that jump.

All chance comes from one seeded source, so a seed is a history. Two roads: `signed=False` calls the peer's page server
directly and lets faults happen to the answers; `signed=True` goes through the peer's real HTTP face, every request and
answer signed, and lets faults happen to the bytes on the wire.

What the world knows of who may have what (`Reference`) is computed from the rules that it wrote itself, by set algebra,
never by asking the product.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import random
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import httpx
from fastapi import FastAPI
from sqlalchemy import event, select

from federation.errors import DirectoryStale, FederationError, Malformed
from federation.inventories import PATH
from federation.pages import note_to_query
from federation.policy import compile_policy, load_policy
from federation.receipts import verify_receipt
from federation.replication import LinkDown, PeerLoop
from federation.transport import PeerLink
from node.api import peer as peer_face
from node.api import peer_inventories, peer_log
from node.services import applying, disclosing, epochs, gating, leaving, offering, presenting, recalling
from node.services.bundles import Maker, Taker
from node.services.intake import PeerDesk
from node.services.publishing import Publisher
from node.services.reconciling import Reconciler
from node.services.relaying import Hub, relay_round
from node.services.serving import Server, accept_receipt
from node.services.stopping import RecallRules
from node.storage import applications, audit, drafts, followers, policies, settlements
from node.storage.nonces import Nonces
from node.storage.tables import draft, record, tombstone
from tests.evil.peer import EvilFeed, EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator import content, keys, restoring
from tests.simulator.naive import shown_groups
from tests.simulator.reference import EVIL, GROUP, LIARS, Crash, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HONEST: Final = ("KE", "TZ", "GB", "RILO-ESA")
HANDLING: Final = {"tlp": "amber", "onward": "any-member", "evidence": "ask"}
HUB: Final = "RILO-ESA"
MINIMAL: Final = {
    "seizure": {"case", "place_coarse", "control", "transport", "route", "goods", "quantity", "value", "right",
                "method", "assessment"},
    "alert": {"headline", "texts", "subject", "pattern", "place_coarse", "links"},
}  # fmt: skip
FAULTS: Final = ("drop request", "drop answer", "duplicate", "late", "older answer", "truncate")


class CrashingDatabase:
    """A node's database; its next transaction ends with the process, `before` or `after` its commit."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.moment = inner, None
        self.read = inner.read

    @contextmanager
    def write(self) -> Iterator[Any]:
        moment, self.moment = self.moment, None
        with self.inner.write() as connection:
            yield connection
            if moment == "before":
                raise Crash
        if moment == "after":
            raise Crash


@dataclass
class SimNode:
    """One administration: its database, and what of it survives a crash (nothing else)."""

    id: str
    database: Any
    desk_database: CrashingDatabase
    release_database: CrashingDatabase
    rules: list[dict[str, Any]] = field(default_factory=list)
    policy_version: int = 0
    policy: Any = None
    skew: int = 0
    app: FastAPI | None = None
    loops: dict[str, PeerLoop] = field(default_factory=dict)
    opened: list[tuple[str, Any]] = field(default_factory=list)
    """Pages that were applied, by their sender: to be applied again."""


@dataclass
class Sent:
    """Bytes that left a node."""

    sender: str
    recipient: str
    what: str
    data: bytes


class RecordingDesk:
    """The real desk, watched: which pages were applied."""

    def __init__(self, world: World, node: SimNode, inner: PeerDesk) -> None:
        self._world, self._node, self._inner = world, node, inner
        self.position = inner.position

    def open(self, lane: Any, data: bytes, after: Any) -> Any:
        return self._inner.open(lane, data, after)

    def verify(self, page: Any) -> Any:
        return self._inner.verify(page)

    def apply(self, opened: Any) -> Any:
        applied = self._inner.apply(opened)
        self._node.opened.append((self._inner.peer, opened))
        return applied


class DirectLink:
    """The peer answers in this process: its page server, its own transaction, no HTTP."""

    def __init__(self, world: World, me: SimNode, peer: SimNode) -> None:
        self.world, self.me, self.peer = world, me, peer

    async def fetch(self, *, lane: Any, start: int, limit: int, note: str | None) -> bytes:
        world, peer = self.world, self.peer
        server = Server(node=peer.id, directory=world.fed.directory, log_signer=world.fed.signer(peer.id, "log"))
        data = epochs.serve(
            peer.database, server, recipient=self.me.id, lane=lane, start=start, limit=min(limit, world.page_limit),
            note=note, now=world.clock(peer.id)(),
        )  # fmt: skip
        world.left(peer.id, self.me.id, "page", data)
        return data

    async def deliver_receipt(self, token: str) -> None:
        self.world.left(self.me.id, self.peer.id, "receipt", token.encode())
        receipt = verify_receipt(token, directory=self.world.fed.directory, now=self.world.clock(self.peer.id)())
        with self.peer.database.write() as connection:
            accept_receipt(connection, receipt)

    async def request(self, method: str, path: str, *, body: bytes = b"", content_type: str | None = None) -> bytes:
        """Inventories, which have one road only: the peer's desk for them answers in this process."""
        world, peer = self.world, self.peer
        world.left(self.me.id, peer.id, "inventory", body)
        desk = world.reconciler(peer.id)
        told = desk.receive(self.me.id, body.decode()) if path == PATH else desk.take(self.me.id, body)
        return json.dumps(told).encode()


class EvilLink:
    """The road to the member whose feeds the test writes."""

    def __init__(self, world: World, me: SimNode, peer: str) -> None:
        self.world, self.me, self.peer = world, me, peer

    async def fetch(self, *, lane: Any, start: int, limit: int, note: str | None) -> bytes:
        feed = self.world.evil_feed(self.me.id, lane, self.peer)
        return feed.page(start, min(len(feed.entries), start + min(limit, self.world.page_limit)))

    async def deliver_receipt(self, token: str) -> None:
        receipt = verify_receipt(token, directory=self.world.fed.directory, now=self.world.clock(self.me.id)())
        self.world.evil_receipts[self.peer, self.me.id, receipt.feed.lane] = receipt


class SimLink:
    """A road (`federation.ports.Link`) on which the world's faults happen."""

    def __init__(self, world: World, me: str, peer: str, inner: Any) -> None:
        self.world, self.me, self.peer, self.inner = world, me, peer, inner
        self.answers: list[bytes] = []
        self.receipts: list[str] = []

    async def fetch(self, *, lane: Any, start: int, limit: int, note: str | None) -> bytes:
        world = self.world
        fault = world.fault(self.me, self.peer)
        if fault == "drop request":
            raise LinkDown("lost on the way there")
        if fault == "duplicate":
            await self.inner.fetch(lane=lane, start=start, limit=limit, note=note)
        data: bytes = await self.inner.fetch(lane=lane, start=start, limit=limit, note=note)
        if fault == "drop answer":
            raise LinkDown("lost on the way back")
        if fault == "late":
            self.answers.append(data)
            raise LinkDown("too late")
        if fault == "older answer" and self.answers:
            return self.answers.pop(world.rng.randrange(len(self.answers)))
        if fault == "truncate":
            return data[: world.rng.randrange(len(data))]
        return data

    async def request(self, method: str, path: str, *, body: bytes = b"", content_type: str | None = None) -> bytes:
        fault = self.world.fault(self.me, self.peer)
        if fault in {"drop request", "truncate"}:
            raise LinkDown("lost on the way there")
        data: bytes = await self.inner.request(method, path, body=body, content_type=content_type)
        if fault == "duplicate":
            data = await self.inner.request(method, path, body=body, content_type=content_type)
        if fault in {"late", "drop answer"}:
            raise LinkDown("lost on the way back")
        return data

    async def deliver_receipt(self, token: str) -> None:
        fault = self.world.fault(self.me, self.peer)
        if fault in {"drop request", "truncate"}:
            raise LinkDown("lost on the way there")
        if fault == "late":
            self.receipts.append(token)
            raise LinkDown("too late")
        await self.inner.deliver_receipt(token)
        if fault == "duplicate":
            await self.inner.deliver_receipt(token)
        if fault == "older answer" and self.receipts:
            await self.inner.deliver_receipt(self.receipts.pop(0))
        if fault == "drop answer":
            raise LinkDown("lost on the way back")


class SimTransport(httpx.AsyncBaseTransport):
    """The wire under the real HTTP client of one node: to the real HTTP face of another, and faults on the way."""

    def __init__(self, world: World, me: str) -> None:
        self.world, self.me = world, me
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        world = self.world
        peer = next(
            node for node in world.nodes.values() if address(node.id).removeprefix("http://") == request.url.host
        )
        body = await request.aread()
        head = f"{request.method} {request.url}\n{request.headers.multi_items()}\n".encode()
        world.left(self.me, peer.id, "request", head + body)
        fault = world.fault(self.me, peer.id)
        if fault == "drop request":
            raise httpx.ConnectTimeout("lost on the way there")
        if fault == "older answer" and self.requests:
            # An old request arrives again: whatever is answered, nobody waits for it.
            await self._deliver(peer, self.requests[world.rng.randrange(len(self.requests))])
        self.requests.append(request)
        status, headers, data = await self._deliver(peer, request)
        if fault == "duplicate":
            await self._deliver(peer, request)
        if fault in {"drop answer", "late"}:
            raise httpx.ReadTimeout("lost on the way back")
        if fault == "truncate" and data:
            at = world.rng.randrange(len(data))
            data = data[:at] if world.rng.random() < 0.5 else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(data))

    async def _deliver(self, peer: SimNode, request: httpx.Request) -> tuple[int, Any, bytes]:
        inner = httpx.ASGITransport(app=peer.app)
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        response = await inner.handle_async_request(copy)
        data = await response.aread()
        self.world.left(peer.id, self.me, "answer", f"{response.headers.multi_items()}\n".encode() + data)
        return response.status_code, response.headers, data


def address(node: str) -> str:
    return f"http://{node.lower()}.sim"


class World:
    """Nodes, network, clocks, and the reference of who may have what."""

    def __init__(
        self, folder: Path, make_sqlite: Callable[[Path], Any], *, seed: int, ids: tuple[str, ...] = HONEST,
        signed: bool = False, fault_rate: float = 0.0,
    ) -> None:  # fmt: skip
        self.rng = random.Random(seed)  # noqa: S311 - chance of a test
        self.signed, self.fault_rate, self.page_limit = signed, fault_rate, 3
        self.now = NOW
        members = [*ids, *LIARS]
        self.groups = {1: {node for node in ids if node != HUB}}
        """Versions of the named group of the directory."""
        self.unlooked: set[str] = set()
        """Nodes that have not looked again since the group changed."""
        self.fed = make_federation(
            members, endpoints={node: address(node) for node in members}, groups={GROUP: {"1": sorted(self.groups[1])}}
        )
        self.nodes: dict[str, SimNode] = {}
        for name in ids:
            database = make_sqlite(folder / f"{name}.db")
            if database.is_sqlite:
                event.listen(database.engine, "connect", _hurry)
                event.listen(database.writer, "connect", _hurry)
            self.nodes[name] = SimNode(name, database, CrashingDatabase(database), CrashingDatabase(database))
        self.cut: set[frozenset[str]] = set()
        self.tokens: dict[str, tuple[str, tuple[int, ...], str]] = {}
        """Token → (reference, the versions that it is in, group)."""
        self.versions: dict[tuple[str, int], Version] = {}
        self.newest: dict[str, int] = {}
        self.sent: list[Sent] = []
        self.leaks: list[str] = []
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.liars = {node: EvilPeer(self.fed, node) for node in LIARS}
        self.evil_feeds: dict[tuple[str, str, str], EvilFeed] = {}
        self.overshared: list[tuple[str, str, int]] = []
        """(victim, lane, n) of what the lying hub passed on beyond its leave."""
        self.evil_expected: dict[tuple[str, str, int], str | None] = {}
        """(recipient, lane, n) of the evil peer's feeds → the problem that it deserves, or None."""
        self.evil_receipts: dict[tuple[str, str, str], Any] = {}
        self.rids: dict[str, str] = {}
        self.recalled: dict[str, str] = {}
        """Reference → the node that recalled it."""
        self.bundles: list[tuple[str, str, bytes]] = []
        """(from, to, bytes) of every bundle that was made: couriers may be late, and come twice."""
        self.backups: dict[str, list[bytes]] = {}
        """Node → its database as it was."""
        self.restorations: defaultdict[str, int] = defaultdict(int)
        self.amnesic: set[str] = set()
        """Nodes that were restored from a backup and have not yet learned what they lost."""
        self.runner = asyncio.Runner()
        if signed:
            for node in self.nodes.values():
                node.app = self._face(node)

    def close(self) -> None:
        self.runner.close()
        for node in self.nodes.values():
            node.database.close()

    def clock(self, node: str) -> Callable[[], int]:
        return lambda: self.now + (self.nodes[node].skew if node in self.nodes else 0)

    # What the network does

    def fault(self, one: str, other: str) -> str | None:
        """The fault of this exchange; raises what a cut road looks like."""
        if frozenset((one, other)) in self.cut:
            self.counts["cut"] += 1
            raise httpx.ConnectError("no road") if self.signed and EVIL not in (one, other) else LinkDown("no road")
        if self.rng.random() >= self.fault_rate:
            return None
        chosen = self.rng.choice(FAULTS)
        self.counts[chosen] += 1
        return chosen

    def left(self, sender: str, recipient: str, what: str, data: bytes) -> None:
        """Bytes leave a node: nothing in them may be what the recipient was not granted by now."""
        self.sent.append(Sent(sender, recipient, what, data))
        for token in content.tokens_in(data):
            reference, vers, group = self.tokens[token]
            versions = [self.versions[reference, ver] for ver in vers if (reference, ver) in self.versions]
            if not versions:
                self.leaks.append(f"{sender} sent {recipient} in a {what} what was lost of {reference} v{vers}")
            elif not any(self._may_leave(version, group, sender, recipient) for version in versions):
                self.leaks.append(f"{sender} sent {recipient} in a {what} the {group} of {reference} v{vers}")

    def _counts(self, ground: int | None, recipient: str) -> bool:
        return ground is None or recipient in self.in_group(f"{GROUP}@{ground}")

    def _may_leave(self, version: Version, group: str, sender: str, recipient: str) -> bool:
        if recipient == version.node and group in version.at_all(sender):
            return True  # given back to its originator, who lost it
        if sender == HUB and group in version.passable(recipient, lambda ground: self._counts(ground, recipient)):
            return True
        return version.node == sender and group in version.granted.get(recipient, set())

    def renew_faces(self, me: str) -> None:
        """A node has another key: what holds the old one is made anew."""
        node = self.nodes[me]
        node.loops.clear()
        if node.app is not None:
            node.app = self._face(node)

    def evil_feed(self, recipient: str, lane: str, sender: str = EVIL) -> EvilFeed:
        return self.evil_feeds.setdefault((sender, recipient, lane), self.liars[sender].feed(recipient, lane))

    def in_group(self, name: str) -> set[str]:
        """Who is in a version of the group, and in its newest."""
        return self.groups.get(int(name.partition("@")[2]), set()) & self.groups[max(self.groups)]

    def change_group(self, members: set[str]) -> None:
        """The directory gets another version of the group; who is no longer in it may have nothing more by it."""
        number = max(self.groups) + 1
        self.groups[number] = members
        listed = {str(version): sorted(names) for version, names in self.groups.items()}
        times = {str(version): NOW - 40_000 + version for version in self.groups}
        self.fed = self.fed.changed(
            version=self.fed.directory.version + 1, groups={GROUP: listed}, group_times={GROUP: times}
        )
        self.unlooked = set(self.nodes)
        for me in self.nodes:
            self._narrow(me)

    def loop(self, me: str, peer: str) -> PeerLoop:
        """The replication loop of one node for one peer; after a crash a new one."""
        node = self.nodes[me]
        if peer in node.loops:
            return node.loops[peer]
        if peer in LIARS:
            link: Any = SimLink(self, me, peer, EvilLink(self, node, peer))
        elif self.signed:
            client = httpx.AsyncClient(transport=SimTransport(self, me), trust_env=False)
            link = PeerLink(
                peer=peer, node=me, client=client, directory=lambda: self.fed.directory,
                signer=self.fed.signer(me, "http"), clock=self.clock(me),
            )  # fmt: skip
        else:
            link = SimLink(self, me, peer, DirectLink(self, node, self.nodes[peer]))
        desk = PeerDesk(
            peer=peer, node=me, database=node.desk_database, directory=lambda: self.fed.directory,
            log_signer=self.fed.signer(me, "log"), clock=self.clock(me),
        )  # fmt: skip
        node.loops[peer] = PeerLoop(
            peer=peer, link=link, desk=RecordingDesk(self, node, desk), clock=lambda: float(self.now),
            chance=self.rng.random, offload=_call, follow=None if peer in LIARS else self.follow(me, peer, link),
        )  # fmt: skip
        return node.loops[peer]

    def follow(self, me: str, peer: str, road: Any) -> Any:
        """What a node does when a peer must begin a new epoch: shows it what it holds of the peer's records."""

        async def follow() -> bool:
            make = partial(
                presenting.holding, self.nodes[me].database, fed="test", node=me, peer=peer,
                signer=self.fed.signer(me, "log"), now=self.clock(me)(),
            )  # fmt: skip
            return (await presenting.show(road, make, _call)).settled

        return follow

    def look(self, me: str, count: int) -> None:
        """An officer looks at so many records."""
        rows = [audit.Disclosure(at=self.clock(me)(), action="view", actor="ann", rid=f"r{n}") for n in range(count)]
        with self.nodes[me].database.write() as connection:
            audit.log(connection, rows)

    def ask_log(self, me: str, peer: str) -> dict[str, Any]:
        """One node asks another for its disclosure log's newest checkpoint, and holds it against those that it kept."""

        async def ask(first: int, note: str | None) -> bytes:
            if self.signed:
                query = {"from": str(first)} | ({} if note is None else {"cp": note_to_query(note)})
                return await self.loop(me, peer).link.request("GET", "/cnp/1/log", query=query)
            with self.nodes[peer].database.write() as connection:
                continued = note is None or disclosing.shown(
                    connection, note, directory=self.fed.directory, node=peer, peer=me, now=self.clock(peer)()
                )
                return disclosing.grown_from(
                    connection, first, fed="test", node=peer, signer=self.fed.signer(peer, "log"), continued=continued
                ).dump()

        self.now += 1
        if frozenset((me, peer)) in self.cut:
            return {}
        question = disclosing.question(
            self.nodes[me].database, self.fed.directory, peer, ask=ask, now=self.clock(me)()
        )  # fmt: skip
        with contextlib.suppress(LinkDown, FederationError):
            return self.runner.run(question)
        return {}

    def reconciler(self, node: str) -> Reconciler:
        """The desk at which others show a node what they hold of its records."""
        return Reconciler(
            node=node, database=self.nodes[node].database, directory=lambda: self.fed.directory,
            log_signer=self.fed.signer(node, "log"), clock=self.clock(node), publisher=lambda: self.publisher(node),
        )  # fmt: skip

    def poll(self, me: str, peer: str, lane: str) -> str | None:
        """Drain one lane; returns the problem that ended it, if one did."""
        self.now += 1
        try:
            self.runner.run(self.loop(me, peer).drain(lane))  # type: ignore[arg-type]
        except Crash:
            self.crash(me)
            return "crash"
        except LinkDown:
            return "down"
        except FederationError as error:
            return str(error.problem)
        return None

    def round(self, me: str) -> None:
        """Look at the directory, and pull both lanes of every peer once, as far as it goes."""
        keys.look(self, me)
        for peer in [*self.nodes, *LIARS]:
            if peer != me:
                for lane in ("urgent", "bulk"):
                    self.poll(me, peer, lane)

    def crash(self, me: str) -> None:
        """The process ends: loops and what they had in memory are gone, the database stays."""
        self.nodes[me].loops.clear()
        self.counts["crash"] += 1

    def _still(self) -> None:
        """All roads open, no faults, clocks right."""
        self.cut.clear()
        self.fault_rate = 0.0
        for node in self.nodes.values():
            node.skew = 0
            node.desk_database.moment = node.release_database.moment = None
            node.loops.clear()

    def calm(self) -> None:
        """All roads open, no faults, clocks right: then everything arrives."""
        self._still()
        for me, node in self.nodes.items():
            if node.policy is not None:
                self.review(me)
        for me in self.nodes:
            for peer in self.nodes:
                if peer != me:
                    self.ask_log(me, peer)
        for _ in range(4 if self.amnesic else 3):
            for me in self.nodes:
                self.round(me)
            if HUB in self.nodes:
                self.pass_on()
            for me in self.nodes:
                self.go_on_with_recalls(me)
        for me in self.amnesic:
            self._go_on_without_liars(me)
        self.amnesic.clear()
        if any([keys.sign_again(self, me) for me in self.nodes]):  # noqa: C419 - all of them, not up to the first
            self.calm()

    def recall(self, reference: str, *, effect: str) -> None:
        """The originator recalls a record: nobody may have anything of it any more."""
        version = self.versions[reference, self.newest[reference]]
        me, now = version.node, self.clock(version.node)()
        self.now += 1
        with self.nodes[me].database.write() as connection:
            recalling.recall(
                connection, self.publisher(me), [self.rid(reference)], reason="erroneous", effect=effect, by="officer",
                second="another officer" if effect == "erase" else None, rules=RecallRules(), now=now,
            )  # fmt: skip
        self.recalled[reference] = me
        del self.newest[reference]
        for (one, _), each in self.versions.items():
            if one == reference:
                each.end()

    def go_on_with_recalls(self, me: str) -> None:
        """What a node does by itself for recalls under way."""
        database, now = self.nodes[me].database, self.clock(me)()
        with database.write() as connection:
            recalling.offer_owed(connection, node=me, now=now, token=self.rng.randbytes)

    def make_bundle(self, me: str, to: str) -> None:
        """A node writes all that it has for another into a sealed file."""
        file = io.BytesIO()
        try:
            Maker(
                node=me, database=self.nodes[me].database, membership=self._member(), token=self.rng.randbytes,
                log_signer=self.fed.signer(me, "log"), clock=self.clock(me), desk=partial(self._desk, me),
            ).make(to, file, by="officer")  # fmt: skip
        except FederationError:
            return  # a restored node gives nobody anything before they have settled
        self.bundles.append((me, to, file.getvalue()))

    def carry(self, pick: int, *, damage: int) -> None:
        """A bundle arrives: perhaps again, perhaps late, perhaps with one byte changed."""
        if not self.bundles:
            return
        me, to, data = self.bundles[pick % len(self.bundles)]
        if damage:
            at = damage % len(data)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        self.nodes[to].loops.pop(me, None)
        taker = Taker(
            node=to, database=self.nodes[to].database, membership=self._member(), openers=[self.fed.openers[to]],
            clock=self.clock(to), desk=partial(self._desk, to),
        )  # fmt: skip
        self.now += 1
        with contextlib.suppress(FederationError):
            taker.take(data, by="officer")
        self.counts["bundle"] += 1

    def _desk(self, me: str, peer: str) -> PeerDesk:
        return PeerDesk(
            peer=peer, node=me, database=self.nodes[me].database, directory=lambda: self.fed.directory,
            log_signer=self.fed.signer(me, "log"), clock=self.clock(me), witness=False,
        )  # fmt: skip

    def _member(self) -> Any:
        def no_news(*_: Any, **__: Any) -> Any:
            raise DirectoryStale("the directory of the pretended world travels by itself")

        mirror = SimpleNamespace(files=dict, refresh=no_news)
        return SimpleNamespace(current=lambda: self.fed.directory, stale=lambda _now: False, mirror=mirror)

    def backup(self, me: str) -> None:
        """Remember all that a node has on disk."""
        self.backups[me] = restoring.snapshot(self, me)

    def restore(self, me: str, *, told: bool) -> None:
        """The node is as it was when it was backed up; what nobody but it had is lost for ever."""
        if me not in self.backups:
            return
        self.counts["restored"] += 1
        self.restorations[me] += 1
        self.now += 1
        self.crash(me)
        restoring.restore(self, me, self.backups[me], told=told)
        self.amnesic.add(me)
        for node in self.nodes.values():
            for loop in node.loops.values():
                # What is still under way from before, or to it, never arrives.
                for pending in ("answers", "receipts"):
                    getattr(loop.link, pending, []).clear()
        for reference in [one for one, node in self.recalled.items() if node == me and not self._is_buried(me, one)]:
            del self.recalled[reference]  # nobody but this node had heard of the recall
        for reference, ver in sorted(self.versions):
            if self.versions[reference, ver].node == me and reference not in self.recalled:
                self._survives(me, reference, ver)
        self.set_policy(me, self.nodes[me].rules)  # its people put in force again what they had decided
        if told:
            self._go_on_without_liars(me)

    def _go_on_without_liars(self, me: str) -> None:
        """Its officers know who never shows what it holds."""
        with self.nodes[me].database.write() as connection:
            newest = settlements.current(connection)
            for liar in LIARS if newest is not None else ():
                settlements.waive(connection, newest.id, liar, by="officer")

    def _is_buried(self, me: str, reference: str) -> bool:
        there = select(tombstone.c.rid).where(tombstone.c.iss == me, tombstone.c.rid == self.rid(reference))
        for node in self.nodes.values():
            with node.database.read() as connection:
                if connection.execute(there).first() is not None:
                    return True
        return False

    def _survives(self, me: str, reference: str, ver: int) -> None:
        """After a restore a version is what all nodes together hold of it; with nobody holding it, it is none."""
        version = self.versions[reference, ver]
        rid = self.rid(reference)
        found: set[str] | None = None
        for node in self.nodes.values():
            with node.database.read() as connection:
                rows = connection.execute(
                    select(record.c.disclosures).where(
                        record.c.iss == me, record.c.rid == rid, record.c.ver == ver, record.c.jwt != ""
                    )
                )
                for (disclosures,) in rows:
                    found = (found or set()) | _names(disclosures)
        if found is None:
            del self.versions[reference, ver]
            left = [other for one, other in self.versions if one == reference]
            if left:
                self.newest[reference] = max(left)
            else:
                self.newest.pop(reference, None)
            return
        self.newest[reference] = max(ver, self.newest.get(reference, 0))
        version.groups &= found
        version.granted = {who: groups & found for who, groups in version.granted.items()}
        version.relayed = {who: groups & found for who, groups in version.relayed.items()}

    # What administrations do

    def set_policy(self, me: str, rules: list[dict[str, Any]], *, batches: int | None = None) -> None:
        """Put other rules in force and look again at what was released; with `batches` only at the first of it."""
        node = self.nodes[me]
        node.rules, node.policy_version = rules, node.policy_version + 1
        body = policy_text(me, node.policy_version, rules)
        node.policy = compile_policy(load_policy(body, format="json"))
        self.now += 1
        with node.database.write() as connection:
            policies.activate(
                connection, version=node.policy_version, body=body, author="one", by="two", now=self.clock(me)()
            )
        self.unlooked.discard(me)  # the review of these rules goes by the newest directory
        self._narrow(me)
        self.review(me, batches=batches)

    def review(self, me: str, *, batches: int | None = None) -> None:
        """Go on with the review of the policy in force, at most so many batches of two records."""
        node, database = self.nodes[me], self.nodes[me].release_database
        while batches != 0:
            work = applying.advance(database, self.publisher(me), now=self.clock(me)(), limit=2)
            try:
                for number, _ in enumerate(work, 1):
                    if number == batches:
                        work.close()
                        break
            except Crash:
                self.counts["crash of a review"] += 1
                database = node.database
                continue
            break
        if batches is None:
            leaving.renew(node.database, self.publisher(me), now=self.clock(me)())
        self._narrow(me)

    def look_at_members(self, me: str) -> None:
        """Review everything if the directory says something else of who is in good standing and in which groups."""
        node = self.nodes[me]
        if node.policy is None:
            return
        with node.database.read() as connection:
            seen = followers.position(connection, gating.STANDING)
        if seen != gating.standing(self.fed.directory):
            offering.offer_again(node.database, self.publisher(me), now=self.clock(me)())
            leaving.renew(node.database, self.publisher(me), now=self.clock(me)())
            self.unlooked.discard(me)
            self._narrow(me)

    def _narrow(self, me: str) -> None:
        """What may leave now: what the rules allow of records that are reviewed; of others, less what they forbid."""
        with self.nodes[me].database.read() as connection:
            row = applications.find(connection, self.nodes[me].policy_version)
            rows = connection.execute(
                select(draft.c.reference, record.c.ver, record.c.id).join(record, record.c.rid == draft.c.rid)
            )
            numbers = {(one.reference, one.ver): one.id for one in rows}
        for reference, ver in self.newest.items():
            version = self.versions[reference, ver]
            if version.node == me:
                # A restored node gives nothing before it has settled, and then by the policy in force.
                reviewed = me in self.amnesic or row.done or numbers[reference, ver] <= row.position
                reviewed = reviewed and me not in self.unlooked
                for recipient, groups in self.allowed(version).items():
                    before = version.granted.get(recipient, set())
                    version.grant(recipient, groups if reviewed else groups & before)
                if reviewed:
                    for recipient, groups in self.through_the_hub(version).items():
                        version.relay(recipient, groups)

    def allowed(self, version: Version) -> dict[str, set[str]]:
        """Who may have which groups, by the rules in force: grants less withholdings, nothing by default."""
        result = {}
        for recipient in [*self.nodes, *LIARS]:
            if recipient != version.node:
                granted, withheld = set(), set()
                for rule in self._rules(version, recipient):
                    (granted if rule["effect"] == "grant" else withheld).update(named_groups(rule, version))
                result[recipient] = (granted - withheld) & version.groups
        return result

    def through_the_hub(self, version: Version) -> dict[str, dict[int | None, set[str]]]:
        """Who may have which groups from the hub: those that it has by a rule with `relay`, less withholdings."""
        result: dict[str, dict[int | None, set[str]]] = {}
        if version.node == HUB or HUB not in self.nodes:
            return result
        has = self.allowed(version)[HUB]
        for recipient in self.nodes:
            if recipient in {version.node, HUB}:
                continue
            passed: dict[int | None, set[str]] = {}
            withheld = set()
            rules = [rule for rule in self._rules(version, HUB) if rule["effect"] == "grant"]
            # Passing on to a group binds the hub to that group; bound to two of them, it may pass on to nobody.
            bound = {rule["relay_group"] for rule in rules if "relay_group" in rule}
            for rule in rules if len(bound) <= 1 else ():
                ground = rule.get("relay_group")
                named = recipient in rule.get("relay", ()) and not bound
                if named or (ground and self._counts(ground, recipient)):
                    passed[ground] = passed.get(ground, set()) | named_groups(rule, version)
            for rule in self._rules(version, recipient):
                if rule["effect"] == "withhold":
                    withheld |= named_groups(rule, version)
            result[recipient] = {ground: (groups & has) - withheld for ground, groups in passed.items()}
        return result

    def _rules(self, version: Version, recipient: str) -> list[dict[str, Any]]:
        rules = self.nodes[version.node].rules
        return [rule for rule in rules if self._names(rule, recipient) and rule["kind"] == version.kind]

    def _names(self, rule: dict[str, Any], recipient: str) -> bool:
        if "group" in rule:
            return recipient in self.in_group(f"{GROUP}@{rule['group']}")
        return recipient in rule["nodes"]

    def pass_on(self) -> None:
        """The hub passes on what it may."""
        hub = Hub(node=HUB, directory=self.fed.directory, token=self.rng.randbytes)
        relay_round(self.nodes[HUB].database, hub, now=self.clock(HUB)())

    def publisher(self, me: str) -> Publisher:
        return Publisher(
            fed="test", node=me, signer=self.fed.signer(me), directory=self.fed.directory,
            policy=self.nodes[me].policy, handling=HANDLING, token=self.rng.randbytes,
        )  # fmt: skip

    def write(self, me: str, kind: str, reference: str | None = None) -> str:
        """Draft and release a record, or its next version."""
        node = self.nodes[me]
        self.now += 1
        if reference is None:
            reference = self._token()
            ver = 1
        else:
            ver = self.newest[reference] + 1
        hidden: list[tuple[str, str]] = [(reference, "case")]

        def mint(group: str) -> str:
            hidden.append((self._token(), group))
            return hidden[-1][0]

        if kind == "seizure":
            groups = content.seizure(self.rng, mint, reference=reference, administration=me[:2])
        else:
            groups = content.alert(self.rng, mint)
        new = drafts.NewDraft(
            kind=kind, administration=me, reference=reference, groups=groups,
            content_hash=hashlib.sha256(json.dumps(groups).encode()).hexdigest()[:43],
        )  # fmt: skip
        with node.database.write() as connection:
            there = drafts.find(connection, me, kind, [reference])
            if ver == 1:
                drafts.put(connection, [new], now=self.now)
            else:
                drafts.change(connection, there[reference], new, now=self.now)
            waiting = self._waiting(connection, reference)
        version = Version(node=me, kind=kind, ver=ver, groups=derived(set(groups)))
        for who, allowed in self.allowed(version).items():
            if allowed:
                version.grant(who, allowed)
        before = self.versions.get((reference, ver - 1))
        try:
            self._release(me, waiting)
        except Crash:
            self.counts["crash of a release"] += 1
            with node.database.read() as connection:
                waiting = self._waiting(connection, reference)
            self._release(me, waiting)
        self.versions[reference, ver] = version
        self.newest[reference] = ver
        self.rid(reference)
        for token, group in hidden:
            # The reference is the same in all versions: after a restore an earlier one may be the newest again.
            before_this = self.tokens[token][1] if token in self.tokens else ()
            self.tokens[token] = (reference, (*before_this, ver), group)
        for who, groups in self.through_the_hub(version).items():
            version.relay(who, groups)
        if before is not None:
            before.end()
        return reference

    @staticmethod
    def _waiting(connection: Any, reference: str) -> list[int]:
        waiting = set(drafts.waiting(connection))
        return [
            one
            for one in connection.scalars(select(draft.c.id).where(draft.c.reference == reference))
            if one in waiting
        ]

    def _release(self, me: str, ids: list[int]) -> None:
        node = self.nodes[me]
        for report in self.publisher(me).release(
            node.release_database, ids, by="officer", second=None, now=self.clock(me)()
        ):
            assert not report.refused, report.refused

    def _token(self) -> str:
        return f"tk{self.rng.randbytes(8).hex()}"

    def rid(self, reference: str) -> str:
        """The record's id, asked once: a node that was restored may have forgotten it."""
        if reference not in self.rids:
            (node,) = {version.node for (one, _), version in self.versions.items() if one == reference}
            with self.nodes[node].database.read() as connection:
                found = connection.scalar(select(draft.c.rid).where(draft.c.reference == reference))
            assert found is not None
            self.rids[reference] = found
        return self.rids[reference]

    def held_groups(self, me: str, iss: str, rid: str) -> dict[int, set[str]]:
        """Version → the groups that a node holds of a record in use, read from its stored bytes."""
        with self.nodes[me].database.read() as connection:
            rows = connection.execute(
                select(record.c.ver, record.c.disclosures).where(
                    record.c.iss == iss, record.c.rid == rid, record.c.state.in_(("received", "released", "shared"))
                )
            )
            return {row.ver: _names(row.disclosures) for row in rows}

    def reapply(self, me: str) -> None:
        """Apply a page a second time, as if its answer had come twice to the last step."""
        node = self.nodes[me]
        if not node.opened:
            return
        peer, opened = self.rng.choice(node.opened)
        before = fingerprint(node.database)
        desk = PeerDesk(
            peer=peer, node=me, database=node.database, directory=lambda: self.fed.directory,
            log_signer=self.fed.signer(me, "log"), clock=self.clock(me),
        )  # fmt: skip
        try:
            desk.apply(opened)
        except Malformed:
            self.counts["applied again"] += 1
        else:
            raise AssertionError("a page was applied twice")
        assert fingerprint(node.database) == before

    def _face(self, node: SimNode) -> FastAPI:
        app = FastAPI()
        membership = SimpleNamespace(current=lambda: self.fed.directory, stale=lambda _now: False)
        face = peer_face.PeerFace(
            node=node.id, authority=address(node.id).removeprefix("http://"), database=node.database,
            membership=membership, nonces=Nonces(node.database), http_signer=self.fed.signer(node.id, "http"),
            log_signer=self.fed.signer(node.id, "log"),
            exchange=SimpleNamespace(wake=lambda _peer: None, busy=lambda: None),
            clock=self.clock(node.id),
        )  # fmt: skip
        app.include_router(peer_face.router(face))
        app.include_router(peer_log.router(face))
        app.include_router(peer_inventories.router(face, self.reconciler(node.id)))
        return app


def fingerprint(database: Any) -> str:
    """All that a database holds, as one hash."""
    digest = hashlib.sha256()
    with database.read() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            if not name.startswith(("sqlite", "fulltext")):
                rows = connection.exec_driver_sql(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - our own tables
                digest.update(repr((name, sorted(map(repr, rows)))).encode())
    return digest.hexdigest()


def derived(groups: set[str]) -> set[str]:
    """The coarse groups that come with the full ones of `content.seizure`."""
    coarse = {"place": "place_coarse", "route": "route_ends", "quantity": "quantity_band", "value": "value_band"}
    return groups | {coarse[name] for name in groups & coarse.keys()}


def named_groups(rule: dict[str, Any], version: Version) -> set[str]:
    """What a rule's words mean for a version."""
    words = {
        "minimal": MINIMAL[version.kind],
        "non-nominal": version.groups - content.NOMINAL,
        "all": version.groups,
    }
    return {group for name in rule["groups"] for group in words.get(name, {name})}


def policy_text(me: str, version: int, rules: list[dict[str, Any]]) -> str:
    """The rules as a policy that the product reads."""
    written = []
    for number, rule in enumerate(rules):
        item: dict[str, Any] = {
            "id": f"rule-{number}", "effect": rule["effect"], "groups": rule["groups"],
            "when": {"kind": [rule["kind"]]},
        }  # fmt: skip
        item["when"] |= {"group": [f"{GROUP}@{rule['group']}"]} if "group" in rule else {"node": rule["nodes"]}
        if rule["effect"] == "grant":
            item["legal"] = ["MAA"]
            if "relay" in rule:
                item["relay"] = {"to": rule["relay"], "days": 90}
            if "relay_group" in rule:
                item["relay"] = {"to": f"group:{GROUP}@{rule['relay_group']}", "days": 90}
            if "obligations" in rule:
                item["obligations"] = rule["obligations"]
        written.append(item)
    return json.dumps(
        {
            "country": me, "version": version, "author": "one", "approver": "two",
            "instrument": [{"id": "MAA", "title": "Agreement"}], "rule": written,
        }
    )  # fmt: skip


def _names(disclosures: str) -> set[str]:
    return shown_groups(f"x~{disclosures}~") if disclosures else set()


def _hurry(driver: Any, _: Any) -> None:
    # Crashes here are of processes, never of the machine: nothing has to reach the disk.
    driver.execute("PRAGMA synchronous=OFF")


async def _call(function: Any, *arguments: Any) -> Any:
    return function(*arguments)
