"""Recall records of this node's own, and pass on recalls of records that it passed on.

A recall is a signed tombstone, the record's last version. It goes into the feed of everybody who ever got anything of
the record, by the grants, by the disclosure log and by the reports of regional offices: also of members that are
suspended or have left, who get it if they come back and stand on the board as not confirmed until then. At home the
record is stopped as it is elsewhere.

A node that takes in the tombstone of another's record which it passed on offers it to all to whom it did, in the same
transaction: a tombstone needs no grant, since its originator signed it.

Trust: `by` and `second` are what the caller knows of its officers. Who may recall is decided before this.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs
from federation.envelope import VerifiedRecord, issue_record, reopen_record
from federation.records.tombstone import check_tomb
from node.services import stopping
from node.services.outgoing import Outgoing, Terms
from node.storage import feeds, recalls, records
from node.storage.tables import draft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from node.services.publishing import Publisher
    from node.services.stopping import RecallRules

SCHEMA: Final = "tombstone/1"
FORWARDED: Final = "recall passed on"
OWED: Final = "recall offered again"


class RecallRefused(Exception):  # noqa: N818 - the name is the sentence
    """A recall that cannot be made; nothing was recalled. The sentence says why and what to do."""


@dataclass(slots=True)
class RecallReport:
    """What came of recalls: which records, how many entries, whose feeds grew."""

    rids: list[str] = field(default_factory=list)
    entries: int = 0
    recipients: set[str] = field(default_factory=set)


def named(connection: Connection, node: str, names: Sequence[str]) -> list[str]:
    """The ids of own records by id or by reference; raises `RecallRefused` for a name that is none, or is ambiguous."""
    found = []
    for name in dict.fromkeys(names):
        if records.by_key(connection, node, name) or recalls.get(connection, node, name) is not None:
            found.append(name)
            continue
        rows = connection.execute(draft.select().where(draft.c.reference == name, draft.c.administration == node)).all()
        issued = [row.rid for row in rows if records.by_key(connection, node, row.rid)]
        if len(issued) != 1:
            why = "names several records: give the id" if issued else "is no record that this node has issued"
            raise RecallRefused(f"{name} {why}; `tidewaiter records` lists them")
        found += issued
    return found


def recall(
    connection: Connection, publisher: Publisher, rids: Sequence[str], *, reason: str, effect: str, by: str,
    second: str | None, rules: RecallRules, now: int, ref: Any = None,
) -> RecallReport:  # fmt: skip
    """Sign a tombstone for each record and offer it to everybody who ever got the record, all or nothing.

    `ref` is one line, or {iss, rid} of the record to use instead. Raises `RecallRefused`.
    """
    tomb = {"reason": reason, "effect": effect} | ({} if ref is None else {"ref": ref})
    _check(connection, publisher.node, rids, tomb=tomb, by=by, second=second, rules=rules, now=now)
    holders = everybody_who_got(connection, publisher.node, rids)
    everybody = set().union(*holders.values())
    out = Outgoing(connection, recipients=everybody, by=by, now=now, token=publisher.token)
    report = RecallReport()
    sent: list[tuple[Any, ...]] = []
    granted = feeds.grants(connection, publisher.node, rids)
    for rid in rids:
        tombstone = _sign(connection, publisher, rid, tomb=tomb, now=now)
        stopping.entomb(
            connection, tombstone, came_by=publisher.node, rules=rules, now=now, by=by, second=second
        )  # fmt: skip
        mine = {recipient: row for (recipient, found), row in granted.items() if found == rid}
        sent += _offer(out, tombstone, holders[rid], mine)
        report.rids.append(rid)
    out.write()
    recalls.sent(connection, sent)
    report.entries, report.recipients = out.entries, out.recipients
    return report


def sign_again(
    connection: Connection, publisher: Publisher, rows: Sequence[Row[Any]], *, by: str, now: int
) -> RecallReport:
    """Sign own recalls again with today's key, as the next version of each, and offer them to all who were concerned.

    For recalls whose key is revoked: whoever got them too late to know that they are older than the theft has undone
    them. `rows` are recalls of this node that are in force.
    """
    rids = [row.rid for row in rows]
    holders = everybody_who_got(connection, publisher.node, rids)
    everybody = set().union(*holders.values())
    out = Outgoing(connection, recipients=everybody, by=by, now=now, token=publisher.token)
    granted = feeds.grants(connection, publisher.node, rids)
    sent: list[tuple[Any, ...]] = []
    for row in rows:
        tomb = {"reason": row.reason, "effect": row.effect}
        tombstone = _sign(connection, publisher, row.rid, tomb=tomb | _reference(row), now=now)
        recalls.change(
            connection, publisher.node, row.rid, ver=tombstone.ver, jh=tombstone.jh, kid=tombstone.kid,
            jwt=tombstone.jwt,
        )  # fmt: skip
        recalls.exhume(connection, publisher.node, row.rid)
        records.bury(connection, iss=publisher.node, rid=row.rid, ver=tombstone.ver, jwt=tombstone.jwt, now=now)
        mine = {recipient: given for (recipient, rid), given in granted.items() if rid == row.rid}
        sent += _offer(out, tombstone, holders[row.rid], mine)
    out.write()
    recalls.sent(connection, sent)
    return RecallReport(rids, out.entries, out.recipients)


def forward(
    connection: Connection, tombstone: VerifiedRecord, *, came_by: str, now: int,
    token: Callable[[int], bytes] = os.urandom,
) -> set[str]:  # fmt: skip
    """Pass a recall of another's record on to everybody to whom this node passed the record on; whose feeds grew."""
    iss, rid = tombstone.iss, tombstone.rid
    holders = recalls.holders(connection, iss, [rid])[rid] - {came_by, iss}
    holders -= recalls.offered(connection, iss, rid, tombstone.jh)
    known = recalls.get(connection, iss, rid)
    if not holders:
        return set()
    if known is None or tombstone.jh not in {known.jh, *(other.jh for other in recalls.others(connection, iss, rid))}:
        return set()  # one that changes nothing and is not kept: an entry that names it would come without its body
    granted = {recipient: row for (recipient, _), row in feeds.grants(connection, iss, [rid]).items()}
    out = Outgoing(connection, recipients=holders, by=FORWARDED, now=now, token=token)
    sent = _offer(out, tombstone, holders, granted)
    out.write()
    recalls.sent(connection, sent)
    return out.recipients


def everybody_who_got(connection: Connection, node: str, rids: Sequence[str]) -> dict[str, set[str]]:
    """Who ever got own records, from this node or, by its reports, from a regional office."""
    holders = recalls.holders(connection, node, rids)
    for rid, through in recalls.passed_on(connection, rids).items():
        holders[rid] |= through.keys() - {node}
    return holders


def offer_owed(
    connection: Connection, *, node: str, now: int, token: Callable[[int], bytes] = os.urandom, limit: int = 100
) -> set[str]:
    """Offer recalls to those who should have been offered them and were not; whose feeds grew.

    Somebody got the record through a regional office that reported it since; an entry was in a feed that ended; or this
    node has lost what it sent.
    """
    grown: set[str] = set()
    for iss, rid in recalls.owed(connection, node, limit=limit):
        known = recalls.get(connection, iss, rid)
        if known is None or known.state not in recalls.IN_FORCE:
            continue
        there = {row.recipient for row in recalls.sent_of(connection, [(iss, rid)])}
        if iss == node:
            want = everybody_who_got(connection, node, [rid])[rid]
        else:
            want = recalls.holders(connection, iss, [rid])[rid] - {known.came_by, iss}
        missing = (want - there) | recalls.lost(connection, iss, rid)
        if not missing:
            continue
        tombstone = reopen_record(known.jwt, [])
        granted = {recipient: row for (recipient, _), row in feeds.grants(connection, iss, [rid]).items()}
        out = Outgoing(connection, recipients=missing, by=OWED, now=now, token=token)
        rows = _offer(out, tombstone, missing, granted)
        out.write()
        recalls.sent(connection, rows)
        grown |= out.recipients
    return grown


def _check(
    connection: Connection, node: str, rids: Sequence[str], *, tomb: Mapping[str, Any], by: str, second: str | None,
    rules: RecallRules, now: int,
) -> None:  # fmt: skip
    report = check_tomb(dict(tomb))
    if not report.ok:
        raise RecallRefused("; ".join(f"{fault.path}: {fault.wrong}; {fault.remedy}" for fault in report.errors))
    if second is not None and second.casefold() == by.casefold():
        raise RecallRefused("the second officer is the one who recalls; a second officer is another person")
    if tomb["effect"] == "erase" and second is None:
        raise RecallRefused("the effect erase is erased everywhere at once: it needs a second officer")
    before = recalls.recent(connection, node, since=now - stopping.HOUR)
    if before + len(rids) > rules.limit and second is None:
        raise RecallRefused(f"more than {rules.limit} recalls in an hour need a second officer")
    for rid in rids:
        known = recalls.get(connection, node, rid)
        if known is not None and not (known.state == recalls.STOPPED and tomb["effect"] == "erase" != known.effect):
            raise RecallRefused(f"{rid} is recalled already; `tidewaiter recalls show {rid}` tells how far it is")
        if known is None and not records.by_key(connection, node, rid):
            raise RecallRefused(f"{rid} is no record that this node has issued")


def _sign(
    connection: Connection, publisher: Publisher, rid: str, *, tomb: Mapping[str, Any], now: int
) -> VerifiedRecord:
    """The tombstone that follows the record's last version, or an earlier tombstone that asked for less."""
    last = recalls.get(connection, publisher.node, rid) or records.by_key(connection, publisher.node, rid)[0]
    issued = issue_record(
        fed=publisher.fed, iss=publisher.node, rid=rid, ver=last.ver + 1, prev=last.jh, kind="tombstone", sch=SCHEMA,
        handling=publisher.handling, groups={}, signer=publisher.signer, now=now, token=publisher.token, tomb=tomb,
    )  # fmt: skip
    return reopen_record(issued.jwt, [])


def _reference(row: Row[Any]) -> dict[str, Any]:
    return {} if row.ref is None else {"ref": json.loads(row.ref)}


def _offer(
    out: Outgoing, tombstone: VerifiedRecord, holders: set[str], granted: Mapping[str, Row[Any]]
) -> list[tuple[Any, ...]]:
    """One `tomb` entry for each holder; returns the rows of the board."""
    why: dict[str, Any] = {
        "iss": tombstone.iss, "rid": tombstone.rid, "recall": dict(tombstone.tomb or {}), "jh": tombstone.jh,
    }  # fmt: skip
    decided = out.decision(b64.encode(sha256(jcs.profile_bytes(why)).digest()), lambda: why)
    terms = Terms(mask=0, grant=None, decided=decided)
    rows = []
    for recipient in sorted(holders):
        feed, n = out.next(recipient, "urgent")
        out.append("tomb", tombstone, recipient=recipient, terms=terms, row_id=None, previous=granted.get(recipient))
        rows.append(
            (tombstone.iss, tombstone.rid, recipient, feed.id, feed.lane, feed.epoch, n, out.now)
        )  # fmt: skip
    return rows
