"""Who has this record, and why: every recipient with its reasons, hubs, who looked at it here, and its recall.

For a record of this node's own it is the whole answer as far as this node can know: what it sent itself, and what hubs
reported that they passed on. For a record of somebody else it is who looked at it here and to whom this node passed it
on: who else has it, its issuer knows.

What peers were told that asked stands beside it.

Trust: a receipt binds the node that signed it, a hub's report the hub. The rows at home are under the log's
checkpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, select

from federation.errors import NotFound
from node.services import bodies, overview
from node.storage import feeds, records
from node.storage.tables import decision, disclosure, record, tombstone
from node.storage.tables.relay import relay_passed, relay_reported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.storage.database import Database

SEEN: Final = ("view", "export")
ANSWERED: Final = ("query", "hit")
"""What was told to a peer that asked: groups of the record, or that something is held."""


def holders(database: Database, *, node: str, rid: str, iss: str | None = None) -> dict[str, Any]:
    """Everything that is known here about who has a record. Raises `NotFound` where it is not known at all."""
    with database.read() as connection:
        owner = iss or _issuer(connection, node, rid)
        versions = records.by_key(connection, owner, rid)
        recalled = connection.execute(
            select(tombstone.c.ver, tombstone.c.at).where(tombstone.c.iss == owner, tombstone.c.rid == rid)
        ).first()
        if not versions and recalled is None:
            raise NotFound("no record of this id is known here")
        rows = connection.execute(
            select(disclosure).where(disclosure.c.rid == rid, disclosure.c.iss == owner).order_by(disclosure.c.id)
        ).all()
        sent = [row for row in rows if row.action == "feed"]
        out = {row.id: row for row in feeds.out_feeds(connection)}
        why = _decisions(connection, {row.decision for row in sent if row.decision})
        names = {
            row.ver: {bit: group for group, bit in bodies.reopen_row(row).index.items()} for row in versions if row.jwt
        }
        passed = _passed(connection, node, owner, rid, names)
    value: dict[str, Any] = {"iss": owner, "rid": rid, "own": owner == node}
    views = (
        {view.recipient: view for view in overview.recipients(database, node=node, rid=rid)} if owner == node else {}
    )
    value["recipients"] = [
        {**view.to_json(), **_story([row for row in sent if row.recipient == name], out, why)}
        for name, view in views.items()
    ]
    value["passed_on"] = passed
    value["answered"] = [
        {
            "recipient": row.recipient, "what": row.action, "at": row.at, "ver": row.ver,
            "groups": _listed(row.groups), "purpose": row.purpose, "legal": _listed(row.legal),
            "policy_version": row.policy_version,
        }
        for row in rows
        if row.action in ANSWERED
    ]  # fmt: skip
    value["seen"] = [
        {"actor": row.actor, "action": row.action, "at": row.at, "purpose": row.purpose, "ver": row.ver}
        for row in rows
        if row.action in SEEN
    ]
    if recalled is not None:
        value["recall"] = {"ver": recalled.ver, "at": recalled.at, "confirmed_by": _confirmed(sent, out, "tomb")}
    return value


def _issuer(connection: Connection, node: str, rid: str) -> str:
    found: set[str] = set(connection.scalars(select(record.c.iss).where(record.c.rid == rid).distinct()))
    found |= set(connection.scalars(select(tombstone.c.iss).where(tombstone.c.rid == rid)))
    if not found:
        raise NotFound("no record of this id is known here")
    if node in found:
        return node
    if len(found) > 1:
        raise NotFound(f"several nodes have a record of this id: say which with iss, one of {', '.join(sorted(found))}")
    return found.pop()


def _story(rows: list[Row[Any]], out: Mapping[int, Row[Any]], why: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What went to one recipient, entry by entry, each with its reason."""
    return {
        "entries": [
            {
                "at": row.at, "op": row.detail, "ver": row.ver, "groups": _listed(row.groups),
                "by": row.actor, "confirmed": _has(out.get(row.feed), row.n),
                "policy_version": row.policy_version, "legal": _listed(row.legal),
                "purposes": _listed(row.purpose),
                "rules": list(why.get(row.decision or "", {}).get("granted_by", ())),
            }
            for row in rows
        ]
    }  # fmt: skip


def _listed(text: str | None) -> list[str]:
    return text.split(",") if text else []


def _has(feed: Row[Any] | None, n: int | None) -> bool:
    return feed is not None and n is not None and feed.receipt_size > n


def _confirmed(sent: list[Row[Any]], out: Mapping[int, Row[Any]], op: str) -> list[str]:
    return sorted({row.recipient for row in sent if row.detail == op and _has(out.get(row.feed), row.n)})


def _passed(
    connection: Connection, node: str, owner: str, rid: str, names: Mapping[int, Mapping[int, str]]
) -> list[dict[str, Any]]:
    """By which hub it went on to whom: this node's own passing on, or what hubs reported of a record of its own."""
    if owner == node:
        rows = connection.execute(
            select(relay_reported).where(relay_reported.c.rid == rid).order_by(relay_reported.c.at)
        ).all()
        hubs = [(row.hub, row) for row in rows]
    else:
        rows = connection.execute(
            select(relay_passed)
            .where(relay_passed.c.iss == owner, relay_passed.c.rid == rid)
            .order_by(relay_passed.c.id)
        ).all()
        hubs = [(node, row) for row in rows]
    return [
        {
            "hub": hub, "recipient": row.recipient, "ver": row.ver, "at": row.at,
            "groups": sorted(names.get(row.ver, {}).get(bit, "?") for bit in bodies.bits(int(row.mask or "0", 16))),
        }
        for hub, row in hubs
    ]  # fmt: skip


def _decisions(connection: Connection, hashes: set[str]) -> dict[str, dict[str, Any]]:
    if not hashes:
        return {}
    rows = connection.execute(select(decision).where(decision.c.hash.in_(sorted(hashes))))
    return {row.hash: orjson.loads(row.body) for row in rows}
