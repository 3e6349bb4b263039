"""A second officer's approval of a release: one version of a record, for one audience.

A rule with `needs_release` gives nothing until a second officer has approved the very record, by the hash of what is
signed, and its audience: which recipients get which groups. When a later policy would give it to more recipients, or
more of it, the approval does not cover that: what was approved stays, the rest waits here until somebody approves the
wider audience. A new version is another record to approve.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from crypto import b64, jcs
from node.storage.tables.instruments import approval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from federation.policy import CompiledPolicy
    from node.services.outgoing import Subject

    Audience = Mapping[str, frozenset[str]]
    Signing = Callable[[Mapping[str, Any]], str]


def of(connection: Connection, rows: Sequence[Any]) -> dict[str, dict[str, frozenset[str]]]:
    """What was approved of these versions: by record, recipient → groups. An approval of other content is none."""
    if not rows:
        return {}
    versions = {row.rid: (row.ver, row.jh) for row in rows}
    found = connection.execute(select(approval).where(approval.c.rid.in_(list(versions)), approval.c.state == "given"))
    return {
        row.rid: {name: frozenset(groups) for name, groups in json.loads(row.audience).items()}
        for row in found
        if versions[row.rid] == (row.ver, row.jh)
    }


def give(
    connection: Connection,
    subject: Any,
    audience: Audience,
    *,
    policy: int,
    by: str,
    token: str | None,
    now: int,
) -> None:
    """Keep an approval of a version for an audience; the one before, and what waited, count no more."""
    connection.execute(delete(approval).where(approval.c.rid == subject.rid, approval.c.state == "waiting"))
    connection.execute(
        update(approval).where(approval.c.rid == subject.rid, approval.c.state == "given").values(state="void")
    )
    connection.execute(
        approval.insert().values(
            rid=subject.rid, ver=subject.ver, jh=subject.jh, audience=_text(audience),
            audience_hash=hash_of(subject.rid, subject.ver, subject.jh, audience), state="given", policy=policy,
            asked_at=now, by=by, at=now, token=token,
        )
    )  # fmt: skip


def carry(connection: Connection, before: Any, subject: Subject, *, now: int) -> None:
    """Let an approval stand for the same words, signed anew as the next version. Its signature stays what it was."""
    row = connection.execute(
        select(approval).where(
            approval.c.rid == before.rid, approval.c.ver == before.ver, approval.c.jh == before.jh,
            approval.c.state == "given",
        )
    ).first()  # fmt: skip
    if row is not None:
        audience = {name: frozenset(groups) for name, groups in json.loads(row.audience).items()}
        give(connection, subject, audience, policy=row.policy, by=row.by, token=row.token, now=now)


def wait(
    connection: Connection,
    waiting: Mapping[str, tuple[Subject, Audience]],
    *,
    reviewed: Sequence[str],
    policy: CompiledPolicy,
    now: int,
) -> None:
    """Note which of the reviewed records wait for an approval, and of which audience; the others wait no more."""
    if not policy.needing_release and not waiting:
        if reviewed:
            connection.execute(
                delete(approval).where(approval.c.rid.in_(list(reviewed)), approval.c.state == "waiting")
            )
        return
    before = {
        row.rid: row
        for row in connection.execute(
            select(approval).where(approval.c.rid.in_(list(reviewed)), approval.c.state == "waiting")
        )
    }
    hashes = {rid: hash_of(rid, one.ver, one.jh, audience) for rid, (one, audience) in waiting.items()}
    stale = [row.id for rid, row in before.items() if hashes.get(rid) != row.audience_hash]
    if stale:
        connection.execute(delete(approval).where(approval.c.id.in_(stale)))
    fresh = [
        {
            "rid": rid, "ver": one.ver, "jh": one.jh, "audience": _text(audience), "audience_hash": hashes[rid],
            "state": "waiting", "policy": policy.version, "asked_at": now,
        }
        for rid, (one, audience) in waiting.items()
        if rid not in before or before[rid].audience_hash != hashes[rid]
    ]  # fmt: skip
    if fresh:
        connection.execute(approval.insert(), fresh)


def waits(connection: Connection, *, limit: int = 1_000) -> list[Row[Any]]:
    """What waits for a second officer, oldest first."""
    return list(
        connection.execute(select(approval).where(approval.c.state == "waiting").order_by(approval.c.id).limit(limit))
    )


def claims_of(row: Row[Any]) -> dict[str, Any]:
    """What a second officer signs for a release that waits."""
    return claims(row.rid, row.ver, row.jh, row.audience_hash)


def claims(rid: str, ver: int, jh: str, audience: str) -> dict[str, Any]:
    """What a second officer signs: the version by its hash, the audience by its own."""
    return {"what": "release", "rid": rid, "ver": ver, "jh": jh, "audience": audience}


def hash_of(rid: str, ver: int, jh: str, audience: Audience) -> str:
    """The hash of one version's audience: base64url SHA-256 over JCS."""
    value: dict[str, Any] = {
        "rid": rid, "ver": ver, "jh": jh, "audience": {name: sorted(groups) for name, groups in audience.items()},
    }  # fmt: skip
    return b64.encode(hashlib.sha256(jcs.profile_bytes(value)).digest())


def signed_by(connection: Connection, rid: str) -> Iterable[Row[Any]]:
    """All approvals of a record that were given, also those that are void by now, newest first."""
    statement = select(approval).where(approval.c.rid == rid, approval.c.by.is_not(None)).order_by(approval.c.id.desc())
    return connection.execute(statement)


def _text(audience: Audience) -> str:
    return json.dumps({name: sorted(groups) for name, groups in sorted(audience.items())})
