"""How things stand: peers and their feeds, who has a record and has confirmed it, receipts, the node itself.

Counts, names and times only; nothing here shows what a record says, so nothing here is a disclosure.

Left to others: fetching anything (`exchange`) and showing content (`showing`). Trust: a receipt binds the
peer that signed it, and was verified when it was accepted; here it is only read again. It says that the
peer's node stored an entry, and never that a person read it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, func, select

from crypto import b64
from crypto.errors import CryptoError
from federation.errors import DirectoryStale, NotFound
from node.services import indexing, requests
from node.services.bodies import read_row
from node.storage import audit, drafts, evidence, feeds, policies, quarantine, recalls, records
from node.storage.database import Database, WrongSchema
from node.storage.tables import decision, disclosure, tombstone, withheld
from node.storage.tables import quarantine as held_back

if TYPE_CHECKING:
    from collections.abc import Mapping

    from federation.directory import Directory
    from node.services.membership import Membership

JWS_PARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OutLane:
    """A feed of ours to one peer."""

    lane: str
    epoch: int
    size: int
    confirmed: int
    """How far the peer's newest receipt goes."""
    confirmed_at: int | None
    quarantined: int
    """Entries that the peer holds back, by its receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InLane:
    """A peer's feed to us."""

    lane: str
    epoch: int
    size: int
    """How far it is stored here."""
    head: int
    """How long the peer said it is."""
    updated_at: int
    receipt_at: int | None
    quarantined: int
    """Entries that are held back here."""
    stopped: str | None = None
    """The hash of the evidence because of which the feed stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """A member of the federation, as this node stands with it."""

    id: str
    name: str
    kind: str
    country: str | None
    region: str | None
    roles: tuple[str, ...]
    status: str
    endpoint: str | None
    out: tuple[OutLane, ...] = ()
    incoming: tuple[InLane, ...] = ()
    problems: Mapping[str, int] = field(default_factory=dict)
    """Problem words of what is quarantined from this peer, counted."""
    trouble: str | None = None
    """What the replication loop met last, where one runs in this process."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return asdict(self) | {"problems": dict(self.problems), "roles": list(self.roles)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientView:
    """One recipient and one record of ours."""

    recipient: str
    ver: int | None
    groups: tuple[str, ...]
    """What the newest entry granted; empty where nothing was, or is any more."""
    state: str
    """offered (no receipt yet), confirmed, quarantined (there), withheld (nothing was ever sent)."""
    since: int | None
    """When the entry was written."""
    confirmed_at: int | None
    problem: str | None
    """Why it is quarantined there, in the protocol's word."""
    policy_version: int | None
    granted_by: tuple[str, ...] = ()
    """Rules of our policy, which never leave this node."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return asdict(self) | {"groups": list(self.groups), "granted_by": list(self.granted_by)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """The node itself."""

    id: str
    name: str
    kind: str
    federation: str | None
    federation_class: str | None
    directory_version: int | None
    directory_stale: bool
    policy_version: int | None
    records: Mapping[str, int]
    """Versions by state."""
    drafts: Mapping[str, int]
    quarantined: int
    evidence: int
    """Pieces of evidence against members: more than none is an alarm."""
    recalls: Mapping[str, int]
    """Recalls by what they are here; those that are held wait for a person."""
    requests: Mapping[str, int]
    """What peers said that they hold and nobody has settled: open, and overdue of them."""
    disclosures: int
    index_lag: int

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        counted = {name: dict(getattr(self, name)) for name in ("records", "drafts", "recalls", "requests")}
        return asdict(self) | counted


def peers(
    database: Database, directory: Directory, *, node: str, trouble: Mapping[str, str] | None = None
) -> list[PeerView]:
    """Every other member by its id, with the feeds both ways. `trouble` is what running loops met last."""
    with database.read() as connection:
        outgoing = _grouped(feeds.out_feeds(connection), "recipient")
        incoming = _grouped(feeds.in_feeds(connection), "sender")
        held = _held_by_feed(connection)
        problems = _problems(connection)
        stops = {(row.sender, row.lane, row.epoch): row.evidence for row in evidence.stops(connection)}
    found = []
    for member in sorted(directory.members.values(), key=lambda member: member.id):
        if member.id == node:
            continue
        found.append(
            PeerView(
                id=member.id,
                name=member.name,
                kind=member.kind,
                country=member.country,
                region=member.region,
                roles=tuple(sorted(member.roles)),
                status=member.status,
                endpoint=member.endpoint,
                out=tuple(_out_lane(row) for row in outgoing.get(member.id, ())),
                incoming=tuple(
                    _in_lane(row, held.get(row.id, 0), stops.get((row.sender, row.lane, row.epoch)))
                    for row in incoming.get(member.id, ())
                ),
                problems=problems.get(member.id, {}),
                trouble=(trouble or {}).get(member.id),
            )
        )
    return found


def recipients(database: Database, *, node: str, rid: str) -> list[RecipientView]:
    """Who has this record of ours, and has each confirmed it; then who got nothing of it.

    Raises `NotFound` where `rid` is no record of this node: who else has another's record, only its issuer
    knows.
    """
    with database.read() as connection:
        if not records.by_key(connection, node, rid) and not _buried(connection, node, rid):
            raise NotFound("no record of this id was issued by this node: who else has it, its issuer knows")
        grants = [row for (_, found), row in feeds.grants(connection, node, [rid]).items() if found == rid]
        entries = _newest_entries(connection, node, rid)
        out = {row.id: row for row in feeds.out_feeds(connection)}
        stayed = list(connection.execute(select(withheld).where(withheld.c.iss == node, withheld.c.rid == rid)))
        bodies = _decisions(connection, {row.decision for row in [*grants, *stayed]})
        names = _group_names(connection, node, rid)
    got = [_recipient(row, entries.get(row.recipient), out, bodies, names) for row in grants]
    known = {view.recipient for view in got}
    missed = [_withheld(row, bodies) for row in stayed if row.recipient not in known]
    return sorted(got, key=lambda view: view.recipient) + sorted(missed, key=lambda view: view.recipient)


def receipts(database: Database) -> dict[str, list[dict[str, Any]]]:
    """The newest receipts, with what is quarantined: `received` for what we gave, `given` for what we got."""
    with database.read() as connection:
        received = [
            {
                "feed": f"{row.recipient}/{row.lane}/{row.epoch}",
                "recipient": row.recipient,
                "lane": row.lane,
                "epoch": row.epoch,
                "size": row.size,
                "confirmed": row.receipt_size,
                "at": row.receipt_at,
                "quarantined": [{"n": n, "problem": word} for n, word in sorted(_quarantined(row.receipt).items())],
                "token": row.receipt,
            }
            for row in feeds.out_feeds(connection)
        ]
        given = []
        for row in feeds.in_feeds(connection):
            listed, total = quarantine.of_feed(connection, row.id)
            given.append(
                {
                    "feed": f"{row.sender}/{row.lane}/{row.epoch}",
                    "sender": row.sender,
                    "lane": row.lane,
                    "epoch": row.epoch,
                    "size": row.size,
                    "head": row.head,
                    "at": row.receipt_at,
                    "quarantined": [{"n": item.n, "problem": item.problem} for item in listed],
                    "quarantined_total": total,
                    "token": row.receipt,
                }
            )
    return {"received": received, "given": given}


def node_view(database: Database, membership: Membership, *, node: str, name: str, kind: str, now: int) -> NodeView:
    """What this node is and holds, in counts."""
    directory: Directory | None
    try:
        directory = membership.current()
    except DirectoryStale:
        directory = None
    with database.read() as connection:
        active = policies.active(connection)
        held = connection.scalar(select(func.count()).select_from(held_back).where(held_back.c.state == "held"))
        return NodeView(
            id=node,
            name=name,
            kind=kind,
            federation=directory.fed if directory else None,
            federation_class=directory.class_ if directory else None,
            directory_version=directory.version if directory else None,
            directory_stale=directory is None or membership.stale(now),
            policy_version=None if active is None else active.version,
            records=records.count_by_state(connection, now=now),
            drafts=drafts.counts(connection),
            quarantined=held or 0,
            evidence=sum(evidence.counts(connection).values()),
            recalls=recalls.counts(connection),
            requests=requests.counts(connection, now=now),
            disclosures=audit.count(connection),
            index_lag=indexing.lag(database),
        )


def unready(database: Database, membership: Membership, *, now: int) -> list[str]:
    """Why this node should get no requests now; empty when it should. No content, no names of others."""
    reasons = []
    try:
        database.check_schema()
    except WrongSchema as error:
        reasons.append(str(error))
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is the same
        reasons.append(f"the database does not answer: {type(error).__name__}")
    try:
        membership.current()
        if membership.stale(now):
            reasons.append("the directory has expired: nothing leaves until it is renewed")
    except DirectoryStale:
        reasons.append("this node has joined no federation: run `tidewaiter join URL --root FINGERPRINT`")
    return reasons


def _grouped(rows: list[Row[Any]], name: str) -> dict[str, list[Row[Any]]]:
    found: dict[str, list[Row[Any]]] = {}
    for row in rows:
        found.setdefault(getattr(row, name), []).append(row)
    return found


def _out_lane(row: Row[Any]) -> OutLane:
    return OutLane(
        lane=row.lane,
        epoch=row.epoch,
        size=row.size,
        confirmed=row.receipt_size,
        confirmed_at=row.receipt_at,
        quarantined=len(_quarantined(row.receipt)),
    )


def _in_lane(row: Row[Any], held: int, stopped: str | None) -> InLane:
    return InLane(
        lane=row.lane,
        epoch=row.epoch,
        size=row.size,
        head=row.head,
        updated_at=row.updated_at,
        receipt_at=row.receipt_at,
        quarantined=held,
        stopped=stopped,
    )


def _held_by_feed(connection: Connection) -> dict[int, int]:
    statement = select(held_back.c.feed, func.count()).where(held_back.c.state == "held").group_by(held_back.c.feed)
    return {row[0]: row[1] for row in connection.execute(statement)}


def _problems(connection: Connection) -> dict[str, dict[str, int]]:
    statement = (
        select(held_back.c.sender, held_back.c.problem, func.count())
        .where(held_back.c.state == "held")
        .group_by(held_back.c.sender, held_back.c.problem)
    )
    found: dict[str, dict[str, int]] = {}
    for sender, problem, count in connection.execute(statement):
        found.setdefault(sender, {})[problem] = count
    return found


def _quarantined(token: str | None) -> dict[int, str]:
    """What a stored receipt says is held back there, by entry: it was verified when it was accepted."""
    parts = (token or "").split(".")
    if len(parts) != JWS_PARTS:
        return {}
    try:
        listed = orjson.loads(b64.decode(parts[1])).get("quarantined", [])
        return {int(item["n"]): str(item["type"]) for item in listed}
    except (CryptoError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _buried(connection: Connection, iss: str, rid: str) -> bool:
    statement = select(tombstone.c.ver).where(tombstone.c.iss == iss, tombstone.c.rid == rid)
    return connection.execute(statement).first() is not None


def _newest_entries(connection: Connection, iss: str, rid: str) -> dict[str, Row[Any]]:
    """The newest feed entry about a record to each recipient, by the disclosure log."""
    rows = connection.execute(
        select(disclosure)
        .where(disclosure.c.rid == rid, disclosure.c.iss == iss, disclosure.c.action == "feed")
        .order_by(disclosure.c.id)
    )
    return {row.recipient: row for row in rows}


def _decisions(connection: Connection, hashes: set[str]) -> dict[str, dict[str, Any]]:
    if not hashes:
        return {}
    rows = connection.execute(select(decision).where(decision.c.hash.in_(sorted(hashes))))
    return {row.hash: orjson.loads(row.body) for row in rows}


def _recipient(
    grant: Row[Any],
    entry: Row[Any] | None,
    out: Mapping[int, Row[Any]],
    bodies: Mapping[str, Mapping[str, Any]],
    names: Mapping[int, Mapping[int, str]],
) -> RecipientView:
    feed = None if entry is None else out.get(entry.feed)
    problem, state, confirmed_at = None, "offered", None
    if entry is not None and feed is not None and feed.receipt_size > entry.n:
        problem = _quarantined(feed.receipt).get(entry.n)
        state, confirmed_at = ("quarantined" if problem else "confirmed"), feed.receipt_at
    why = bodies.get(grant.decision, {})
    return RecipientView(
        recipient=grant.recipient,
        ver=grant.ver,
        groups=tuple(sorted(name for bit, name in names.get(grant.ver, {}).items() if int(grant.mask, 16) >> bit & 1)),
        state=state,
        since=None if entry is None else entry.at,
        confirmed_at=confirmed_at,
        problem=problem,
        policy_version=why.get("policy"),
        granted_by=tuple(why.get("granted_by", ())),
    )


def _granted(grant: Row[Any], entry: Row[Any] | None, names: Mapping[int, str] | None) -> tuple[str, ...]:
    """The groups that a recipient has; of a record whose content is gone, those of its last entry."""
    if names is not None:
        return tuple(sorted(name for bit, name in names.items() if int(grant.mask, 16) >> bit & 1))
    return tuple(entry.groups.split(",")) if entry is not None and entry.groups else ()


def _group_names(connection: Connection, iss: str, rid: str) -> dict[int, dict[int, str]]:
    """For each version: which bit of its masks stands for which group."""
    found = records.by_key(connection, iss, rid)
    return {row.ver: {bit: name for name, bit in read_row(row)[1].items()} for row in found if row.jwt}


def _withheld(row: Row[Any], bodies: Mapping[str, Mapping[str, Any]]) -> RecipientView:
    return RecipientView(
        recipient=row.recipient,
        ver=None,
        groups=(),
        state="withheld",
        since=None,
        confirmed_at=None,
        problem=None,
        policy_version=bodies.get(row.decision, {}).get("policy"),
    )
