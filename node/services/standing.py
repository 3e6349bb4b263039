"""How things stand: how far the policy in force has come, what lasts how long, and who owes a receipt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import case, func, select

from federation.policy import Effect
from node.storage import applications, audit, policies
from node.storage.tables import disclosure, feed_out

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from federation.policy import Policy

DAY: Final = 86_400
SOON_DAYS: Final = 90
"""So long before an instrument expires one is warned: treaties are renewed slowly."""
CHANGES: Final = ("put", "more", "less", "tighten")


def of_policy(connection: Connection, *, now: int) -> dict[str, Any] | None:
    """The policy in force, how far it is applied, and per recipient and operation how much is sent and confirmed."""
    row = policies.active(connection)
    if row is None:
        return None
    applied = applications.find(connection, row.version)
    confirmed = func.sum(case((disclosure.c.n < feed_out.c.receipt_size, 1), else_=0))
    sent = connection.execute(
        select(disclosure.c.recipient, disclosure.c.detail, func.count(), confirmed)
        .join(feed_out, feed_out.c.id == disclosure.c.feed)
        .where(
            disclosure.c.action == "feed", disclosure.c.actor == "policy", disclosure.c.policy_version == row.version,
            disclosure.c.detail.in_(CHANGES),
        )
        .group_by(disclosure.c.recipient, disclosure.c.detail)
        .order_by(disclosure.c.recipient, disclosure.c.detail)
    )  # fmt: skip
    return {
        "version": row.version, "author": row.author, "activated_by": row.activated_by,
        "activated_at": row.activated_at, "applied": applied is not None and applied.done,
        "position": 0 if applied is None else applied.position, "as_of": None if applied is None else applied.as_of,
        "sent": [
            {"recipient": name, "op": op, "entries": count, "confirmed": int(done or 0)}
            for name, op, count, done in sent
        ],
        "warnings": expiring(policies.read(row.body), now=now),
    }  # fmt: skip


def instruments(policy: Policy, *, now: int) -> list[dict[str, Any]]:
    """The legal instruments of a policy, the rules that rest on them, and how many days they have left."""
    return [
        {
            "id": item.id, "title": item.title, "parties": list(item.parties), "articles": list(item.articles),
            "scope": item.scope, "valid_from": None if item.valid_from is None else item.valid_from.isoformat(),
            "valid_until": None if item.valid_until is None else item.valid_until.isoformat(),
            "days_left": None if item.closes is None else max(0, -((now - item.closes) // DAY)),
            "expired": item.closes is not None and item.closes <= now,
            "rules": [rule.id for rule in policy.rules if rule.effect is Effect.GRANT and item.id in rule.legal],
        }
        for item in policy.instruments
    ]  # fmt: skip


def expiring(policy: Policy, *, now: int) -> list[str]:
    """A sentence for each instrument that closes rules soon, or has closed them."""
    found = []
    for item in instruments(policy, now=now):
        if item["expired"]:
            found.append(
                f"{item['id']} expired on {item['valid_until']}: closed are {', '.join(item['rules']) or 'none'}"
            )
        elif item["days_left"] is not None and item["days_left"] <= SOON_DAYS:
            rules = ", ".join(item["rules"]) or "none"
            found.append(
                f"{item['id']} expires in {item['days_left']} days, on {item['valid_until']}; on it rest {rules}"
            )
    return found


def overdue(connection: Connection, *, now: int) -> list[dict[str, Any]]:
    """Entries that had to be confirmed within a time (`receipt_within`) and were not, oldest first."""
    open_ = connection.execute(
        select(
            disclosure.c.recipient, disclosure.c.decision, disclosure.c.rid, disclosure.c.at, disclosure.c.n,
            feed_out.c.lane,
        )
        .join(feed_out, feed_out.c.id == disclosure.c.feed)
        .where(disclosure.c.action == "feed", disclosure.c.n >= feed_out.c.receipt_size)
        .order_by(disclosure.c.at, disclosure.c.id)
    ).all()  # fmt: skip
    bodies = audit.decision_bodies(connection, sorted({row.decision for row in open_ if row.decision}))
    within = {
        key: (json.loads(body).get("obligations") or {}).get("receipt_within") for key, body in bodies.items()
    }  # fmt: skip
    return [
        {
            "recipient": row.recipient, "rid": row.rid, "lane": row.lane, "n": row.n, "sent": row.at,
            "due": row.at + within[row.decision],
        }
        for row in open_
        if within.get(row.decision) and row.at + within[row.decision] < now
    ]  # fmt: skip
