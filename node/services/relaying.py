"""The hub's work: pass on what originators let it pass on, and nothing else; and the leave that an originator gives.

`leave` signs, at an originator, the relay grants that go with an entry to a hub. `relay_round`, at a hub, looks at each
record whose content or whose relay grants have changed, or whose recipients can have (another directory), and writes
for each member what follows:

    it may have something that it does not have    put, with the grants that name it
    the originator no longer lets it have a group  less
    it has an older version, and may not have this one    less to nothing: a wrong version does not live on
    the handling became stricter                   tighten

A grant that has expired gives nobody anything more and takes nothing back. Whoever is removed from a group gets nothing
more by it, and what it got is taken back: also a page that was written before shows it nothing (`reach`). A record
is never edited: what leaves is a choice among the disclosures that the originator signed.

Trust: the grants' texts are opened again each time they are used, and the hub makes the receiver's own check
(`federation.relay.covered`) before it appends: what a receiver would refuse is not sent.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs
from federation.attributes import Recipient
from federation.errors import FederationError
from federation.grants import EVIDENCE_PURPOSE, Action, Handling, may, strictest
from federation.policy import relayed
from federation.relay import (
    JOINT,
    MAX_GRANTS,
    Passed,
    RelayGrant,
    covered,
    sign_relay_grant,
    signed_grant,
    stored_grant,
    verify_relay_grant,
)
from node.services import bodies
from node.services.outgoing import Outgoing, Terms
from node.storage import duties, feeds, followers, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from crypto.signer import Signer
    from federation.directory import Directory
    from federation.envelope import IssuedRecord, VerifiedRecord
    from federation.membership import Member
    from federation.policy import Decision, Relayed
    from node.services.publishing import Publisher
    from node.storage.database import Database

DAY: Final = 86_400
SECONDS: Final = 1.0
"""How often a hub looks whether something is due: one look-up in an index where nothing is."""
BATCH: Final = 100
"""Records in one transaction: each is offered to every member."""
FOLLOWER: Final = "relay-directory"
BY: Final = "relay"
"""The actor of disclosure rows: nobody decides here but the originator."""


def leave(
    issued: IssuedRecord | VerifiedRecord, hub: Decision, relayed: Iterable[Relayed], *, fed: str, signer: Signer,
    now: int,
) -> str | None:  # fmt: skip
    """The relay grants for one version and one hub, as an entry carries them; None where nothing may be passed on.

    What the hub takes on (`hub.obligations`) has to allow passing it on; whoever gets it may not pass it on again.
    """
    owed = hub.obligations
    if owed is None:
        return None
    handling = strictest(owed.handling, Handling(onward="none"))
    tokens = []
    for clause in _allowed(owed.handling, relayed, now):
        grant = sign_relay_grant(
            fed=fed, iss=issued.iss, rid=issued.rid, ver=issued.ver, jh=issued.jh, hub=hub.recipient,
            group=clause.group, nodes=clause.nodes, mask=bodies.mask_of(clause.groups, issued.index),
            width=issued.width, grant={**handling.to_json(), "legal": list(owed.legal)}, signer=signer, now=now,
            exp=now + clause.days * DAY,
        )  # fmt: skip
        tokens.append(grant.token)
    return JOINT.join(tokens) or None


def _allowed(handling: Handling, relayed: Iterable[Relayed], now: int) -> list[Relayed]:
    """The clauses whose recipients the handling lets it be passed on to, at most as many as an entry carries."""
    found = []
    for clause in sorted(relayed, key=lambda item: item.days, reverse=True)[:MAX_GRANTS]:
        groups = frozenset() if clause.group is None else frozenset({clause.group})
        target = Recipient(id="the recipients", groups=groups)
        if may(handling, Action.RELAY, _purpose(handling), now=now, to=target):
            found.append(clause)
    return found


Described = frozenset[tuple[str | None, frozenset[str] | None, int, Handling]]
"""What relay grants say, but for their times: group, nodes, mask, handling."""


def described(issued: Any, hub: Decision, relayed: Iterable[Relayed], *, now: int) -> Described:
    """What `leave` would say of a version now."""
    owed = hub.obligations
    if owed is None:
        return frozenset()
    handling = strictest(owed.handling, Handling(onward="none"))
    return frozenset(
        (clause.group, clause.nodes, bodies.mask_of(clause.groups, issued.index), handling)
        for clause in _allowed(owed.handling, relayed, now)
    )


def described_by(text: str, directory: Directory) -> Described:
    """What relay grants of this node say that were signed before."""
    grants = [signed_grant(token, directory=directory) for token in text.split(JOINT) if token]
    return frozenset((grant.group, grant.nodes, grant.mask, grant.handling) for grant in grants)


def leave_for(
    publisher: Publisher, issued: Any, hub: Decision, everybody: Mapping[str, Decision], *, now: int
) -> str | None:
    """The relay grants that go with an entry of `publisher`'s record to a hub; None for who is none, or is not let."""
    clauses = relayed(hub, everybody, publisher.directory.group_members)
    if not clauses:
        return None
    return leave(issued, hub, clauses, fed=publisher.fed, signer=publisher.signer, now=now)


def _purpose(handling: Handling) -> str | None:
    """Passing on carries all purposes along unchanged, so any one of those allowed stands for them."""
    return min((handling.purposes or frozenset()) - {EVIDENCE_PURPOSE}, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """The regional office that passes on: its name, the directory, and chance for grant ids."""

    node: str
    directory: Directory
    token: Callable[[int], bytes]

    @property
    def may_relay(self) -> bool:
        """Whether the directory lists this node as an active regional office."""
        member = self.directory.member(self.node)
        return member is not None and member.kind == "rilo" and member.status == "active"


def relay_round(database: Database, hub: Hub, *, now: int) -> set[str]:
    """Look at everything that is due, a batch in each transaction; returns whose feeds have grown."""
    grown: set[str] = set()
    if not hub.may_relay:
        return grown
    _follow_directory(database, hub, now=now)
    while True:
        with database.read() as connection:
            if not duties.due(connection, 1):
                return grown
        with database.write() as connection:
            active = [
                member
                for member in hub.directory.members.values()
                if member.status == "active" and member.id != hub.node
            ]
            names = [member.id for member in active]
            out = Outgoing(connection, recipients=names, by=BY, now=now, token=hub.token)
            work = _Work(hub, connection, out, active, now)
            for duty in duties.due(connection, BATCH):
                work.look_at(duty)
                duties.done(connection, duty.iss, duty.rid)
            out.write()
            duties.passed(connection, work.passed)
        grown |= out.recipients


def _follow_directory(database: Database, hub: Hub, *, now: int) -> None:
    """With another directory others may have what is held, or no longer: everything is looked at again."""
    with database.read() as connection:
        known = followers.position(connection, FOLLOWER)
    if hub.directory.version > known:
        with database.write() as connection:
            duties.all_due(connection)
            followers.advance(connection, FOLLOWER, hub.directory.version, now=now)


class _Work:
    """What one transaction passes on."""

    def __init__(
        self, hub: Hub, connection: Connection, out: Outgoing, active: Sequence[Member], now: int
    ) -> None:  # fmt: skip
        self._hub, self._connection, self._out, self._active, self._now = hub, connection, out, active, now
        self.passed: list[tuple[str, str, str, int, str, int]] = []

    def look_at(self, duty: Row[Any]) -> None:
        """Write for every member what follows for one record."""
        issuer = self._hub.directory.member(duty.iss)
        held = records.held(self._connection, [(duty.iss, duty.rid)]).get((duty.iss, duty.rid))
        rows = records.by_key(self._connection, duty.iss, duty.rid)
        # Of a suspended originator nothing is passed on, and nothing taken back. Tombstones travel by themselves.
        if issuer is None or issuer.status != "active" or held is None or held.tombstoned or not rows:
            return
        row = next((row for row in rows if row.state == "received" and row.jwt), rows[0])
        grants = self._grants(duty, row)
        given = feeds.grants(self._connection, duty.iss, [duty.rid])
        for member in self._active:
            if member.id != duty.iss:
                self._for(member, row, grants, given.get((member.id, duty.rid)), lost=duty.lost)

    def _grants(self, duty: Row[Any], row: Row[Any]) -> list[RelayGrant]:
        """The originator's grants for exactly the version that is held, as far as they are any."""
        text = duties.texts_of(self._connection, [duty.hash]).get(duty.hash) if duty.hash else None
        found = []
        for token in text.split(JOINT)[:MAX_GRANTS] if text else []:
            try:
                grant = verify_relay_grant(token, directory=self._hub.directory, now=self._now)
            except FederationError:
                continue  # nothing is passed on by what is no grant
            about = (grant.iss, grant.rid, grant.ver, grant.jh, grant.hub)
            if about == (row.iss, row.rid, row.ver, row.jh, self._hub.node):
                found.append(grant)
        return found

    def _for(
        self, member: Member, row: Row[Any], grants: Sequence[RelayGrant], previous: Row[Any] | None, *, lost: bool
    ) -> None:
        directory, now = self._hub.directory, self._now
        held = int(row.mask, 16) if row.state == "received" and row.jwt else 0
        meant = _mask(grant for grant in grants if grant.includes(member.id, directory)) & held
        usable = [grant for grant in grants if now < grant.exp and grant.includes(member.id, directory)]
        allowed = False
        if held:
            handling = Handling.from_json(json.loads(row.handling))
            allowed = bool(may(handling, Action.RELAY, _purpose(handling), now=now, to=member.recipient()))
        target = _mask(usable) & held if allowed else 0
        before = 0 if previous is None else int(previous.mask, 16)
        same = previous is not None and previous.ver == row.ver
        # What was taken back and given again since is stated again: an entry may have gone out without its body.
        if target and not (same and not target & ~before and not lost):
            self._put(member, row, target, usable, previous)
        elif previous is not None and before and not same:
            self._less(member, row, 0, previous)
        elif previous is not None and before & ~meant:
            self._less(member, row, before & meant, previous)
        elif previous is not None and before and usable and allowed:
            self._tighten(member, row, before, usable, previous)

    def _put(
        self, member: Member, row: Row[Any], mask: int, usable: Sequence[RelayGrant], previous: Row[Any] | None
    ) -> None:
        passed = Passed(
            iss=row.iss, rid=row.rid, ver=row.ver, jh=row.jh, hub=self._hub.node, receiver=member.id, mask=mask
        )
        covered(usable, passed=passed, directory=self._hub.directory, now=self._now)
        terms = self._terms(row, mask, usable)
        text = JOINT.join(grant.token for grant in usable)
        self._out.append(
            "put", row, recipient=member.id, terms=terms, row_id=row.id, previous=previous, relay=text
        )  # fmt: skip
        self.passed.append((row.iss, row.rid, member.id, row.ver, f"{mask:x}", self._now))

    def _less(self, member: Member, row: Row[Any], mask: int, previous: Row[Any]) -> None:
        terms = Terms(mask=mask, grant=None, groups="" if not mask else _names(row, mask), decided=previous.decision)
        self._out.append("less", row, recipient=member.id, terms=terms, row_id=None, previous=previous)
        self.passed.append((row.iss, row.rid, member.id, row.ver, f"{mask:x}", self._now))

    def _tighten(
        self, member: Member, row: Row[Any], mask: int, usable: Sequence[RelayGrant], previous: Row[Any]
    ) -> None:
        terms = self._terms(row, mask, usable)
        if terms.decided != previous.decision:
            self._out.append("tighten", row, recipient=member.id, terms=terms, row_id=None, previous=previous)

    def _terms(self, row: Row[Any], mask: int, usable: Sequence[RelayGrant]) -> Terms:
        """What the receiver takes on: what binds the hub, and what the grants say."""
        handling = strictest(
            Handling.from_json(json.loads(row.handling)), *(grant.handling for grant in usable)
        )  # fmt: skip
        legal = sorted({str(name) for grant in usable for name in grant.grant.get("legal", ())})
        obligations = {**handling.to_json(), "legal": list(legal)}
        stored: dict[str, Any] = {"v": 1, "relay_for": row.iss, "obligations": obligations}
        decided = b64.encode(hashlib.sha256(jcs.profile_bytes(stored)).digest())
        return Terms(
            mask=mask, grant=obligations, groups=_names(row, mask), legal=",".join(legal),
            purposes=None if handling.purposes is None else ",".join(sorted(handling.purposes)),
            decided=self._out.decision(decided, lambda: stored),
        )  # fmt: skip


def reach(text: str, recipient: str, directory: Directory) -> int:
    """What the grants of an entry that was written before still let its recipient have, by today's groups: a mask."""
    grants = [stored_grant(token) for token in text.split(JOINT)]
    return _mask(grant for grant in grants if grant.includes(recipient, directory))


def _mask(grants: Iterable[RelayGrant]) -> int:
    mask = 0
    for grant in grants:
        mask |= grant.mask
    return mask


def _names(row: Row[Any], mask: int) -> str:
    """The names of groups of a held version, for the disclosure row."""
    if not row.jwt:
        return ""
    index: Mapping[str, int] = bodies.reopen_row(row).index
    return ",".join(sorted(name for name, bit in index.items() if mask >> bit & 1))
