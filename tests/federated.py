"""A few nodes with the product's own code and databases of their own, and the exchange between them by hand.

Smaller than the simulator: no faults and no chance, for histories that are told step by step.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from crypto import merkle
from federation.pages import verify_page
from federation.policy import compile_policy, load_policy
from federation.receipts import verify_receipt
from node.services import annotating, applying, erasing, leaving
from node.services.intake import PeerDesk
from node.services.publishing import Publisher
from node.services.relaying import Hub, relay_round
from node.services.serving import Server, accept_receipt
from node.storage import drafts, feeds, quarantine, records, remarks
from node.storage.tables import draft, record
from tests.factories import NOW, Fed
from tests.simulator.naive import shown_groups

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLING = {"tlp": "amber", "onward": "any-member", "evidence": "ask"}
SEIZURE = {
    "case": {"reference": "R-1", "administration": "KE"},
    "transport": {"conveyance": "sea"},
    "method": {"cover_load": "tiles"},
}


class Nodes:
    """Nodes by id; `fed` may be replaced by a later version of the same federation."""

    def __init__(self, fed: Fed, make_database: Callable[[], Any], *ids: str) -> None:
        self.fed, self.now = fed, NOW
        self.databases = {node: make_database() for node in ids}
        self.policies: dict[str, Any] = {}
        self.versions = 0
        self.token = random.Random(5).randbytes  # noqa: S311 - chance of a test

    def policy(self, node: str, *rules: dict[str, Any]) -> None:
        """Put these rules in force; instruments and people are made up."""
        self.versions += 1
        text = {
            "country": node, "version": self.versions, "author": "one", "approver": "two",
            "instrument": [{"id": "MAA", "title": "Agreement"}],
            "rule": [{"id": f"rule-{at}", "effect": "grant", **rule} for at, rule in enumerate(rules)],
        }  # fmt: skip
        self.policies[node] = compile_policy(load_policy(json.dumps(text), format="json"))

    def publisher(self, node: str) -> Publisher:
        return Publisher(
            fed="test", node=node, signer=self.fed.signer(node), directory=self.fed.directory,
            policy=self.policies.get(node), handling=HANDLING, token=self.token,
        )  # fmt: skip

    def release(
        self, node: str, groups: dict[str, Any] = SEIZURE, *, kind: str = "seizure", reference: str = "R-1"
    ) -> str:
        """Draft and release a record, or its next version; returns its id."""
        self.now += 1
        new = drafts.NewDraft(
            kind=kind, administration=node, reference=reference, groups=groups, content_hash=str(self.now)
        )
        database = self.databases[node]
        with database.write() as connection:
            there = drafts.find(connection, node, kind, [reference]).get(reference)
            if there is None:
                drafts.put(connection, [new], now=self.now)
            else:
                drafts.change(connection, there, new, now=self.now)
            ids = drafts.waiting(connection)
        for report in self.publisher(node).release(database, ids, by="officer", second=None, now=self.now):
            assert not report.refused, report.refused
        with database.read() as connection:
            return connection.scalar(select(draft.c.rid).where(draft.c.reference == reference, draft.c.kind == kind))

    def desk(self, node: str, peer: str) -> PeerDesk:
        return PeerDesk(
            peer=peer, node=node, database=self.databases[node], directory=lambda: self.fed.directory,
            log_signer=self.fed.signer(node, "log"), clock=lambda: self.now,
        )  # fmt: skip

    def page(self, node: str, peer: str, lane: str, start: int) -> bytes:
        """The page of `peer`'s feed to `node`."""
        server = Server(node=peer, directory=self.fed.directory, log_signer=self.fed.signer(peer, "log"))
        with self.databases[peer].read() as connection:
            return server.page(connection, recipient=node, lane=lane, start=start, limit=500, note=None, now=self.now)

    def pull(self, node: str, peer: str, *lanes: str) -> None:
        """`node` takes in what `peer` has for it."""
        self.now += 1
        desk = self.desk(node, peer)
        for lane in lanes or ("urgent", "bulk"):
            data = self.page(node, peer, lane, desk.position(lane).size)
            page = desk.open(lane, data, None)
            if page.entries:
                desk.apply(desk.verify(page))

    def receipts(self, node: str, peer: str) -> None:
        """`node` gets the receipts that `peer` has for its feeds."""
        with self.databases[peer].read() as connection:
            tokens = [row.receipt for row in feeds.in_feeds(connection) if row.sender == node and row.receipt]
        for token in tokens:
            receipt = verify_receipt(token, directory=self.fed.directory, now=self.now)
            with self.databases[node].write() as connection:
                accept_receipt(connection, receipt)

    def relay(self, hub: str = "RILO-ESA") -> set[str]:
        """The hub looks at what is due."""
        self.now += 1
        made = Hub(node=hub, directory=self.fed.directory, token=self.token)
        return relay_round(self.databases[hub], made, now=self.now)

    def review(self, node: str) -> None:
        """Look again at what was released, under today's policy."""
        self.now += 1
        publisher = self.publisher(node)
        assert publisher.policy is not None
        with self.databases[node].write() as connection:
            applying.Review(publisher, publisher.policy, now=self.now).batch(connection, limit=None)

    def renew(self, node: str) -> set[str]:
        """Other leave for hubs, as today's policy says."""
        self.now += 1
        return leaving.renew(self.databases[node], self.publisher(node), now=self.now)

    def held(self, node: str, iss: str, rid: str) -> dict[int, set[str]]:
        """Version → groups that are in use."""
        with self.databases[node].read() as connection:
            rows = connection.execute(
                select(record).where(record.c.iss == iss, record.c.rid == rid, record.c.state.in_(records.LIVE))
            )
            return {row.ver: shown_groups(f"x~{row.disclosures}~") if row.disclosures else set() for row in rows}

    def aside(self, node: str) -> list[tuple[str, str]]:
        """What is in quarantine: (sender, problem)."""
        with self.databases[node].read() as connection:
            return [(row.sender, row.problem) for row in quarantine.listing(connection)]

    def open(self, data: bytes, node: str, start: merkle.CompactRange | None = None) -> Any:
        """A page, opened as `node` would."""
        begin = start or merkle.CompactRange()
        return verify_page(data, directory=self.fed.directory, recipient=node, start=begin, now=self.now)

    def annotate(self, node: str, *about: str, type: str, **more: Any) -> Any:  # noqa: A002 - the word of the schema
        """Say something about records, and have it on its way."""
        self.now += 1
        remark = annotating.Remark(about=about, type=type, **more)
        return annotating.annotate(self.databases[node], self.publisher(node), remark, by="officer", now=self.now)

    def about(self, node: str, iss: str, rid: str) -> list[tuple[str, str]]:
        """What a node holds of what was said about a record: (by, type)."""
        with self.databases[node].read() as connection:
            return [(row.iss, row.type) for row in remarks.about(connection, iss, rid)]

    def tomb(self, node: str, iss: str, rid: str, *, ver: int = 2) -> None:
        """A recall arrives at a node, by whichever road."""
        with self.databases[node].write() as connection:
            erasing.erase_record(connection, iss, rid)
            records.bury(connection, iss=iss, rid=rid, ver=ver, jwt="", now=self.now)
