"""A regional office that lies: it passes on what it was given to whom it was not meant for, or more than was meant.

What its relay grants allow is read here from their bytes, and never asked of the product.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from federation.errors import FederationError
from federation.evidence import verify_evidence
from node.services import epochs
from node.services.serving import Server
from node.storage import evidence
from node.storage.tables import feed_in, quarantine, tombstone
from tests.simulator.naive import b64, shown_mask, unb64
from tests.simulator.reference import EVIL_HUB

if TYPE_CHECKING:
    from tests.simulator.world import World

REFUSED: Final = {"grant-exceeded", "no-relay-grant"}


def pass_on(world: World, giver: str, victim: str, *, lane: str, pick: int) -> None:
    """Take what a node has for the office, and pass one of it on to a node that may not have so much of it."""
    world.now += 1
    offered = [entry for entry in _offered(world, giver) if _too_much(world, entry, victim)]
    if not offered:
        return
    leaf, body, grants = offered[pick % len(offered)]
    feed = world.evil_feed(victim, lane, EVIL_HUB)
    mask = shown_mask(body)
    said: dict[str, Any] = {
        "v": 1, "t": world.now, "op": "put", "iss": leaf["iss"], "rid": leaf["rid"], "ver": leaf["ver"],
        "jh": leaf["jh"], "gm": f"{mask:0{len(leaf['gm'])}x}", "gc": len(feed.entries) + 1,
        "grant": {**leaf["grant"], "onward": "none"},
    }  # fmt: skip
    if grants is not None:
        said["rg"] = b64(hashlib.sha256(grants.encode()).digest())
    n = feed.append(said, body, grants)
    world.overshared.append((victim, lane, n))
    world.counts["overshared"] += 1


def _offered(world: World, giver: str) -> list[tuple[dict[str, Any], str, str | None]]:
    node = world.nodes[giver]
    server = Server(node=giver, directory=world.fed.directory, log_signer=world.fed.signer(giver, "log"))
    found = []
    for lane in ("urgent", "bulk"):
        try:
            data = epochs.serve(
                node.database, server, recipient=EVIL_HUB, lane=lane, start=0, limit=500, note=None,
                now=world.clock(giver)(),
            )  # fmt: skip
        except FederationError:
            continue  # it was restored, and waits for what the office holds
        world.left(giver, EVIL_HUB, "page", data)
        for entry in json.loads(data)["entries"]:
            leaf = json.loads(entry["e"])
            if leaf["op"] in {"put", "more"} and "s" in entry:
                found.append((leaf, entry["s"], entry.get("rg")))
    return found


def _too_much(world: World, entry: tuple[dict[str, Any], str, str | None], victim: str) -> bool:
    leaf, body, text = entry
    if leaf["iss"] == victim:
        return False
    covered = 0
    for token in text.split("~") if text else []:
        claims = json.loads(unb64(token.split(".")[1]))
        nodes, group = claims["to"].get("nodes"), claims["to"].get("group")
        if (nodes is None or victim in nodes) and (group is None or victim in world.in_group(group)):
            covered |= int(claims["mask"], 16)
    return bool(shown_mask(body) & ~covered)


def is_refused_and_shown(world: World) -> None:
    """Promise 7: whatever the office passed on beyond its leave is set aside, and its own entry proves what it did."""
    accused: set[str] = set()
    for victim, lane, n in world.overshared:
        with world.nodes[victim].database.read() as connection:
            feed = connection.execute(select(feed_in).where(feed_in.c.sender == EVIL_HUB, feed_in.c.lane == lane)).one()
            leaf = json.loads(world.evil_feed(victim, lane, EVIL_HUB).entries[n][0])
            key = (leaf["iss"], leaf["rid"])
            problem = connection.scalar(
                select(quarantine.c.problem).where(quarantine.c.feed == feed.id, quarantine.c.n == n)
            )
            buried = connection.scalars(select(tombstone.c.rid).where(tombstone.c.iss == key[0]))
            assert problem in REFUSED or key[1] in set(buried), (victim, lane, n, problem)
            if problem in REFUSED:
                accused.add(victim)
    for victim in accused:
        with world.nodes[victim].database.read() as connection:
            kept = [row for row in evidence.listing(connection) if row.proven]
            proofs = [row.body.encode() for row in kept if row.accused == EVIL_HUB]
        assert proofs, f"{victim} refused what {EVIL_HUB} passed on, and can show it to nobody"
        for data in proofs:
            assert verify_evidence(data, directory=world.fed.directory).accused == EVIL_HUB


__all__ = ["is_refused_and_shown", "pass_on"]
