"""Two or three nodes in one process with real faces, feeds, databases and stores: pictures go from one to another."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from federation.policy import compile_policy, load_policy
from federation.transport import PeerLink
from node.api import peer as peer_face
from node.api import peer_blobs
from node.services import attachments, drafting, showing
from node.services.intake import PeerDesk
from node.services.pictures.ingest import About, Intake
from node.services.publishing import Publisher
from node.services.serving import Server
from node.storage import drafts
from node.storage.nonces import Nonces
from node.storage.tables import record
from tests.factories import NOW, Fed
from tests.node.api.conftest import seizure

if TYPE_CHECKING:
    from pathlib import Path

HANDLING = {"tlp": "amber", "onward": "none", "evidence": "ask"}
POLICY = """
country = "KE"
version = {version}
author = "A. Author"
approver = "B. Approver"
[[instrument]]
id = "MAA"
title = "An agreement"
[[rule]]
id = "pictures"
effect = "grant"
mode = "replicate"
groups = {groups}
legal = ["MAA"]
{more}
[rule.when]
node = {nodes}
"""
ALL = '["non-nominal", "media"]'


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """The road between nodes: every byte that leaves is kept, and a fault may happen to an answer."""

    nodes: dict[str, Node]
    me: str
    faults: list[Any] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        peer = self.nodes[request.url.host.removesuffix(".sim").upper()]
        response = await httpx.ASGITransport(app=peer.app).handle_async_request(request)
        data = await response.aread()
        peer.left.append((self.me, request.url.path, str(response.headers.multi_items()).encode() + data))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            if fault is not None:
                response.headers, data = fault(response.headers, data)
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(data))


@dataclass
class Node:
    """One administration."""

    id: str
    fed: Fed
    database: Any
    blobs: Any
    workshop: Any
    folder: Path
    nodes: dict[str, Node]
    now: int = NOW
    app: Any = None
    left: list[tuple[str, str, bytes]] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    policy: Any = None
    version: int = 0

    def __post_init__(self) -> None:
        self.nodes[self.id] = self
        self.app = FastAPI()
        membership = SimpleNamespace(current=lambda: self.fed.directory, stale=lambda _now: False)
        face = peer_face.PeerFace(
            node=self.id, authority=f"{self.id.lower()}.sim", database=self.database, membership=membership,
            nonces=Nonces(self.database), http_signer=self.fed.signer(self.id, "http"),
            log_signer=self.fed.signer(self.id, "log"),
            exchange=SimpleNamespace(wake=lambda _peer: None, busy=lambda: None), clock=lambda: self.now,
        )  # fmt: skip
        self.app.include_router(peer_face.router(face))
        self.app.include_router(peer_blobs.router(face, self.blobs))

    # What an officer does

    def draft(self, reference: str, **groups: Any) -> None:
        drafting.keep(
            self.database, kind="seizure", groups=self._seizure(reference, **groups), administration=self.id,
            reference=None, now=self.now,
        )  # fmt: skip

    def _seizure(self, reference: str, **groups: Any) -> dict[str, Any]:
        made = seizure(reference, **groups)
        return made | {"case": made["case"] | {"administration": self.id}}

    def add(self, reference: str, data: bytes, **about: Any) -> Any:
        intake = Intake(
            node=self.id, database=self.database, blobs=self.blobs, workshop=self.workshop, token=os.urandom
        )
        return intake.add(reference, data, About(**about), by="an officer", now=self.now)

    def allow(self, nodes: str, groups: str = ALL, more: str = "") -> None:
        self.version += 1
        self.policy = compile_policy(load_policy(self.policy_text(nodes, groups, more), format="toml"))

    def policy_text(self, nodes: str, groups: str = ALL, more: str = "") -> str:
        text = POLICY.format(version=self.version, nodes=nodes, groups=groups, more=more)
        return text.replace('country = "KE"', f'country = "{self.id}"')

    def publisher(self) -> Publisher:
        return Publisher(
            fed="test", node=self.id, signer=self.fed.signer(self.id), directory=self.fed.directory,
            policy=self.policy, handling=HANDLING, token=os.urandom,
        )  # fmt: skip

    def release(self) -> str:
        with self.database.read() as connection:
            waiting = drafts.waiting(connection)
        (report,) = list(self.publisher().release(self.database, waiting, by="an officer", second=None, now=self.now))
        assert not report.refused, report.refused
        return report.rids[0]

    # What the node does

    def link(self, peer: str) -> PeerLink:
        client = httpx.AsyncClient(transport=Wire(self.nodes, self.id, self.faults), trust_env=False)
        return PeerLink(
            peer=peer, node=self.id, client=client, directory=lambda: self.fed.directory,
            signer=self.fed.signer(self.id, "http"), clock=lambda: self.now,
        )  # fmt: skip

    def pull(self, peer: str) -> None:
        """Take in both lanes of a peer as far as they go; pages only."""
        other = self.nodes[peer]
        desk = PeerDesk(
            peer=peer, node=self.id, database=self.database, directory=lambda: self.fed.directory,
            log_signer=self.fed.signer(self.id, "log"), clock=lambda: self.now,
        )  # fmt: skip
        server = Server(node=peer, directory=self.fed.directory, log_signer=self.fed.signer(peer, "log"))
        for lane in ("urgent", "bulk"):
            while True:
                at = desk.position(lane)
                with other.database.read() as connection:
                    data = server.page(
                        connection, recipient=self.id, lane=lane, start=at.size, limit=100, note=at.note, now=self.now
                    )
                other.left.append((self.id, "page", data))
                opened = desk.verify(desk.open(lane, data, None))
                if not opened.page.entries:
                    break
                desk.apply(opened)

    def fetcher(self, **more: Any) -> attachments.Fetcher:
        return attachments.Fetcher(
            node=self.id, database=self.database, blobs=self.blobs, workshop=self.workshop,
            spool=self.folder / "spool", link=self.link, clock=lambda: self.now, **more,
        )  # fmt: skip

    def fetch(self, **more: Any) -> attachments.Fetched:
        return asyncio.run(self.fetcher(**more).round())

    def sweep(self) -> int:
        return attachments.sweep(self.database, self.blobs, self.folder / "spool")

    def ask(self, peer: str, digest: str, start: int = 0, end: int = 100) -> Any:
        return asyncio.run(self.link(peer).piece(digest, start, end))

    def view(self, rid: str) -> Any:
        return showing.show(self.database, rid=rid, by="an officer", purpose=None, now=self.now)

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(table)))

    def record(self, rid: str) -> Any:
        return [row for row in self.rows(record) if row.rid == rid][-1]
