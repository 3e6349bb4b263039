"""Keep what several roads to one record add up to: entries of a hub, and of the issuer once a hub has sent some.

`federation.roads` says what may be held; here the rows are made to fit: a version's row holds the bodies that came, as
far as some road grants them, and what no road grants any more is erased. Older versions are erased as soon as a newer
one is known: they have no road of their own to be taken back by.

Trust: effects come from `federation.inbox`, which has verified what they hold.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from federation.grants import Handling
from federation.keeping import is_over
from federation.records import get_schema
from federation.roads import Claim, Sum, add_up
from node.services import bodies, erasing, indexing, keeping, sweeping
from node.storage import bounds, records
from node.storage import roads as stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from federation.envelope import VerifiedRecord
    from federation.inbox import Along


def apply(connection: Connection, effect: Along, *, now: int) -> None:
    """Write what an entry changes for a record with more roads than its issuer's own."""
    leaf, record = effect.leaf, effect.record
    rows = records.by_key(connection, leaf.iss, leaf.rid)
    claims = stored.claims(connection, leaf.iss, leaf.rid) or _direct(connection, rows, leaf.iss)
    claims[effect.sender] = claims.get(effect.sender, Claim()).after(leaf, effect.handling)
    stored.keep(connection, leaf.iss, leaf.rid, claims)
    verified = max((row.ver for row in rows if row.sch), default=0)
    total = add_up(claims, iss=leaf.iss, verified=max(verified, record.ver if record else 0))
    own = claims.get(leaf.iss)
    counter = 0 if own is None else own.gc
    if _loses(rows, total):
        keeping.tell_of_withdrawal(connection, leaf.iss, leaf.rid, keeping.REDUCED, now)
    for row in rows:
        if row.ver < total.ver and row.jwt:
            erasing.erase_version(connection, row)
    there = next((row for row in rows if row.ver == total.ver), None)
    if is_over(total.handling.keep_until, now):
        _let_go(connection, effect, there, gc=counter, now=now)
    elif there is not None and there.state == records.ERASED:
        records.set_state(connection, [there.id], there.state, gc=counter)
    elif record is not None and record.ver == total.ver:
        _hold(connection, record, there, total.mask, total.handling, gc=counter, now=now)
    elif there is not None and there.jwt:
        _fit(connection, there, total.mask, total.handling, gc=counter)
    if record is not None and record.ver < total.ver and all(row.ver != record.ver for row in rows):
        # Its name is remembered, so that another envelope of the same version is noticed.
        records.reserve(
            connection, iss=leaf.iss, rid=leaf.rid, ver=record.ver, jh=record.jh, gc=counter, now=now, sch=record.sch,
            kind=record.kind, width=record.width,
        )  # fmt: skip
    erasing.explain(connection, leaf.iss, leaf.rid, gc=leaf.gc, sender=effect.sender)


def _loses(rows: Sequence[Row[Any]], total: Sum) -> bool:
    return any(row.jwt and row.ver == total.ver and int(row.mask, 16) & ~total.mask for row in rows)


def _let_go(connection: Connection, effect: Along, row: Row[Any] | None, *, gc: int, now: int) -> None:
    """Its time of keeping is over: only its name is kept."""
    record = effect.record
    if row is not None and row.jwt:
        sweeping.expire(connection, row, now=now, gc=gc)
    elif row is None and record is not None:
        records.reserve(
            connection, iss=record.iss, rid=record.rid, ver=record.ver, jh=record.jh, gc=gc, now=now,
            state=records.EXPIRED, sch=record.sch, kind=record.kind, width=record.width,
        )  # fmt: skip


def _direct(connection: Connection, rows: Sequence[Row[Any]], iss: str) -> dict[str, Claim]:
    """The claim of the issuer's own feed, of a record that had no other road so far."""
    counter = max((row.gc for row in rows), default=0)
    if not counter:
        return {}
    newest = next((row for row in rows if row.state == "received"), rows[0])
    handling = Handling.from_json(json.loads(newest.handling)) if newest.jwt else None
    claim = Claim(ver=newest.ver, gc=counter, mask=int(newest.mask, 16), base=handling, base_gc=counter)
    left = bounds.find(connection, iss, [newest.rid]).get(newest.rid)
    if left is not None and left.gc == counter:
        # A withdrawal that may have come before its body: what it left is granted, held or not.
        claim = replace(claim, ver=left.ver, mask=left.gm, tight=left.handling, tight_gc=counter, base_gc=counter - 1)
    return {iss: claim}


def _hold(
    connection: Connection, record: VerifiedRecord, row: Row[Any] | None, mask: int, handling: Handling, *, gc: int,
    now: int,
) -> None:  # fmt: skip
    """Hold a body, and what is held of the same version already, as far as `mask` allows."""
    if row is not None and row.jwt:
        before = bodies.reopen_row(row)
        disclosures = {**before.disclosures, **record.disclosures}
        index = {**before.index, **record.index}
    else:
        disclosures, index = dict(record.disclosures), dict(record.index)
    kept = {group: text for group, text in disclosures.items() if mask >> index[group] & 1}
    if not kept:
        # Nothing of it may be held: only its name, so that another envelope of the version is noticed.
        if row is None:
            records.reserve(
                connection, iss=record.iss, rid=record.rid, ver=record.ver, jh=record.jh, gc=gc, now=now,
                sch=record.sch, kind=record.kind, width=record.width,
            )  # fmt: skip
        elif row.jwt:
            erasing.erase_version(connection, row, gc=gc)
        return
    held = bodies.mask_of(kept, index)
    opened = bodies.reopen(record.jwt, kept.values())
    facets, title = get_schema(record.sch).indexed(opened.groups)
    if row is not None:
        state = records.RESTRICTED if row.state == records.RESTRICTED else "received"
        erasing.unindex(connection, row)
        if row.jwt and held != int(row.mask, 16) | held:
            erasing.spare(connection, row)
        records.revive(
            connection, row.id, jwt=record.jwt, sch=record.sch, kind=record.kind, width=record.width, iat=record.iat,
            prev=record.prev, disclosures=bodies.in_bit_order(kept, index), mask=held, title=title, gc=gc,
            handling=json.dumps(handling.to_json()), pending=held != mask, day=facets.day,
            state=state, accepted_at=row.accepted_at if row.jwt and row.jh == record.jh else now,
        )  # fmt: skip
        if state in records.LIVE:
            records.add_facets(connection, row.id, record.kind, record.iss, facets)
            indexing.again(connection, row.id)
        return
    version = records.NewVersion(
        iss=record.iss, rid=record.rid, ver=record.ver, kind=record.kind, sch=record.sch, jh=record.jh, jwt=record.jwt,
        disclosures=bodies.in_bit_order(kept, index), mask=held, width=record.width, iat=record.iat, prev=record.prev,
        handling=json.dumps(handling.to_json()), title=title, state="received", pending=held != mask, gc=gc,
        facets=facets,
    )  # fmt: skip
    records.keep(connection, [version], now=now)


def _fit(connection: Connection, row: Row[Any], mask: int, handling: Handling, *, gc: int) -> None:
    """Erase of a held version what no road grants any more, and bind it by what those say that do."""
    held = int(row.mask, 16)
    if not held & mask:
        erasing.erase_version(connection, row, gc=gc)
        return
    if held & ~mask:
        erasing.spare(connection, row)
    kept = bodies.chosen(row.disclosures, held, mask)
    erasing.unindex(connection, row)
    opened = bodies.reopen(row.jwt, kept)
    facets, title = get_schema(row.sch).indexed(opened.groups)
    records.replace_content(
        connection, row.id, disclosures=kept, mask=held & mask, title=title, gc=gc,
        handling=json.dumps(handling.to_json()), pending=(held & mask) != mask, day=facets.day,
    )  # fmt: skip
    if row.state in records.LIVE:
        records.add_facets(connection, row.id, row.kind, row.iss, facets)
        indexing.again(connection, row.id)
