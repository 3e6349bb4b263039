"""Nodes that ask one another without a network: `ask` goes through the product's own code on both sides."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from federation.questions import Selector, parse_question
from node.services import indexing
from node.services.answering import Answerer
from node.services.asking import Asked, Asker
from node.storage import policies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from federation.directory import Directory
    from tests.federated import Nodes

PURPOSE = "customs-enforcement"
GROUPS: dict[str, Any] = {
    "case": {"reference": "R-1", "administration": "KE", "dates": [{"kind": "seized", "on": "2025-05-17"}]},
    "place": {"country": "KE", "on": "2025-05-17"},
    "place_coarse": {"country": "KE", "month": "2025-05"},
    "goods": [{"line": "1", "wco": ["footwear"], "gtin": ["4006381333931"]}],
    "right": [{"line": "1", "brands": ["Adler"], "types": ["trademark"], "registration": {"number": "TM 12-345"}}],
    "transport": {"conveyance": "sea"},
    "cargo_ids": {"containers": ["CSQU3054383"], "awb": "020-12345675"},
    "persons": [{"role": "importer", "name": "Jonah Mwangi"}],
    "narrative": [{"lang": "en", "by": "author", "text": "behind a wall of tiles"}],
}
NAMES = ["persons", "companies"]
"""Groups by which an asker's policy lets words and numbers go out."""


@dataclass
class Member:
    """A `Membership` whose directory is that of the nodes; `late` is when it expires."""

    nodes: Nodes
    late: bool = False

    def current(self) -> Directory:
        return self.nodes.fed.directory

    def stale(self, now: int) -> bool:
        return self.late


@dataclass
class Road:
    """The road to a peer: `answer` gets the body and gives the bytes that come back."""

    answer: Callable[[bytes], Any]

    async def request(self, method: str, path: str, *, body: bytes, content_type: str) -> bytes:
        assert (method, path, content_type) == ("POST", "/cnp/1/query", "application/json")
        found = self.answer(body)
        return await found if asyncio.iscoroutine(found) else found


def answerer(nodes: Nodes, node: str, **settings: Any) -> Answerer:
    return Answerer(
        **{
            "node": node, "database": nodes.databases[node], "membership": Member(nodes),
            "contact": f"Duty office of {node}", **settings,
        }
    )  # fmt: skip


def answered(nodes: Nodes, node: str, peer: str, body: bytes, **settings: Any) -> bytes:
    """What `node` answers to the bytes of a question of `peer`."""
    question = parse_question(body, now=nodes.now)
    return answerer(nodes, node, **settings).answer(question, peer=peer, now=nodes.now).to_bytes()


def asker(nodes: Nodes, node: str, roads: Mapping[str, Callable[[bytes], Any]] | None = None) -> Asker:
    """Who asks; a peer without a road of its own is answered by the node itself."""

    def link(peer: str) -> Road:
        return Road((roads or {}).get(peer, lambda body: answered(nodes, peer, node, body)))

    return Asker(
        node=node, database=nodes.databases[node], membership=Member(nodes), policy=lambda: nodes.policies.get(node),
        link=link, clock=lambda: nodes.now, token=nodes.token,
    )  # fmt: skip


def ask(nodes: Nodes, node: str, roads: Any = None, *, seconds: float = 5.0, **asked: Any) -> Any:
    """A question of an officer of `node`, from the plan to what is shown."""
    made = asker(nodes, node, roads)
    peers = asked.pop("peers", None)
    told = {"purpose": asked.pop("purpose", PURPOSE), "case": asked.pop("case", "C-7")}
    plan = made.plan(Asked(selector=Selector(**asked), peers=peers, seconds=seconds, **told))
    made.announce(plan, by="officer")
    return made.conclude(plan, asyncio.run(made.send(plan)), by="officer")


def put_in_force(nodes: Nodes, node: str, *rules: dict[str, Any]) -> None:
    """These rules, also for who reads them from the database."""
    nodes.policy(node, *rules)
    text = {
        "country": node, "version": nodes.versions, "author": "one", "approver": "two",
        "instrument": [{"id": "MAA", "title": "Agreement"}],
        "rule": [{"id": f"rule-{at}", "effect": "grant", **rule} for at, rule in enumerate(rules)],
    }  # fmt: skip
    with nodes.databases[node].write() as connection:
        policies.activate(
            connection, version=nodes.versions, body=json.dumps(text), author="a", by="b", now=nodes.now
        )  # fmt: skip


def index(nodes: Nodes, node: str) -> None:
    """Bring the index of words up to date."""
    while indexing.follow(nodes.databases[node], now=nodes.now):
        pass
