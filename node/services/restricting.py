"""Stop the use of records while a data subject's request about them is open, and let them be used again.

A restricted version keeps its content, is in no index, is found, shown, exported, passed on and served to nobody. What
arrives of such a record meanwhile is restricted as well. It is reversible: when the last case about a record is
closed, its newest version is in use again, and of an own record those peers that missed it are offered it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from federation.feed import parse_leaf
from federation.records import get_schema
from node.services import bodies, erasing, indexing
from node.services.outgoing import Outgoing, Terms
from node.storage import cases, feeds, records
from node.storage.tables import disclosure, entry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection, Row


def stop(connection: Connection, keys: Collection[tuple[str, str]]) -> int:
    """Take the live versions of these records out of use; returns how many that were."""
    stopped = 0
    for iss, rid in keys:
        for row in records.by_key(connection, iss, rid):
            if row.state in records.LIVE:
                erasing.unindex(connection, row)
                records.set_state(connection, [row.id], records.RESTRICTED)
                stopped += 1
    return stopped


def enforce(connection: Connection, keys: Collection[tuple[str, str]]) -> None:
    """After something came in of these records: what is restricted stays so."""
    if keys:
        stop(connection, cases.restricted(connection, keys))


def resume(
    connection: Connection, keys: Collection[tuple[str, str]], *, node: str, by: str, now: int,
    token: Callable[[int], bytes],
) -> tuple[int, set[str]]:  # fmt: skip
    """Let those of these records be used again that no case restricts; how many, and whose feeds have grown."""
    resumed, grown = 0, set()
    for iss, rid in sorted(set(keys) - cases.restricted(connection, keys)):
        rows = [row for row in records.by_key(connection, iss, rid) if row.jwt]
        if not rows or rows[0].state != records.RESTRICTED:
            continue
        row, *older = rows
        records.set_state(connection, [row.id], "released" if iss == node else "received")
        records.set_state(connection, [one.id for one in older if one.state == records.RESTRICTED], "superseded")
        groups = bodies.reopen_row(row).groups
        records.add_facets(connection, row.id, row.kind, row.iss, get_schema(row.sch).facets(groups))
        indexing.again(connection, row.id)
        resumed += 1
        if iss == node:
            grown |= _offer_again(connection, row, by=by, now=now, token=token)
    return resumed, grown


def _offer_again(
    connection: Connection, row: Row[Any], *, by: str, now: int, token: Callable[[int], bytes]
) -> set[str]:
    """Peers may have come by while its body was not shown: the same grant again. Who has it already sees no change."""
    granted = {}
    for (recipient, _), grant in feeds.grants(connection, row.iss, [row.rid]).items():
        newest = (
            select(disclosure)
            .where(
                disclosure.c.rid == row.rid, disclosure.c.iss == row.iss, disclosure.c.recipient == recipient,
                disclosure.c.action == "feed",
            )
            .order_by(disclosure.c.id.desc())
            .limit(1)
        )  # fmt: skip
        logged = connection.execute(newest).first()
        if logged is not None and grant.ver == row.ver and int(grant.mask, 16):
            granted[recipient] = (grant, logged)
    out = Outgoing(connection, recipients=granted, by=by, now=now, token=token)
    for recipient, (grant, logged) in sorted(granted.items()):
        leaf = connection.scalar(
            select(entry_out.c.leaf).where(entry_out.c.feed == logged.feed, entry_out.c.n == logged.n)
        )
        told = {} if leaf is None else dict(parse_leaf(leaf).grant or {})
        told.pop("gid", None)
        terms = Terms(
            mask=int(grant.mask, 16), grant=told, groups=logged.groups or "", legal=logged.legal,
            purposes=logged.purpose, decided=grant.decision, policy_version=logged.policy_version,
        )  # fmt: skip
        out.append("put", row, recipient=recipient, terms=terms, row_id=row.id, previous=grant)
    out.write()
    return out.recipients
