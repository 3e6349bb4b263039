"""Give hubs other leave where the policy or the directory says something else than when their entries were written.

What a hub may pass on can change while what it holds stays the same: a rule gains or loses its `relay`, a withholding
rule comes for one member, a member is let in again. Then the record goes to the hub once more, with other relay grants
or with none, and the hub withdraws what it may not pass on any more. What the hub itself holds is the policy review's
business (`applying`): whoever has something else coming from there is left to it.

Trust: the decisions are the policy's in force; the grants are signed here as at a release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from federation.policy import Decision, classify, relayed
from federation.policy.relaying import HUB_ROLE
from federation.relay import text_hash
from node.services import addressing, approvals, bodies, deciding, publishing, relaying
from node.services.outgoing import Outgoing
from node.storage import duties, feeds, followers, records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from federation.attributes import Recipient
    from federation.policy import Classes, CompiledPolicy
    from node.services.publishing import Publisher
    from node.storage.database import Database

SECONDS: Final = 30.0
BATCH: Final = 100
NAME: Final = "relay-leave"
BY: Final = "policy"


def renew(database: Database, publisher: Publisher, *, now: int) -> set[str]:
    """Look at all own records once for each policy and directory; returns whose feeds have grown."""
    policy = publisher.policy
    hubs = [who for who in publisher.recipients() if HUB_ROLE in who.roles]
    if policy is None or not hubs:
        return set()
    mark = policy.version << 32 | publisher.directory.version
    with database.read() as connection:
        if followers.position(connection, NAME) == mark:
            return set()
        needed = bool(policy.relays) or bool(duties.given_to_hubs(connection, publisher.node))
    grown: set[str] = set()
    classes = classify(policy, publisher.recipients())
    after: int | None = 0 if needed else None
    while after is not None:
        with database.write() as connection:
            batch = _Batch(publisher, policy, classes, hubs, connection, now)
            after = batch.run(after)
        grown |= batch.out.recipients
    with database.write() as connection:
        followers.advance(connection, NAME, mark, now=now)
    return grown


class _Batch:
    """One transaction's records."""

    def __init__(  # noqa: PLR0917 - called from one place
        self,
        publisher: Publisher,
        policy: CompiledPolicy,
        classes: Classes,
        hubs: Sequence[Recipient],
        connection: Connection,
        now: int,
    ) -> None:
        self._publisher, self._policy, self._classes, self._hubs = publisher, policy, classes, hubs
        self._connection, self._now = connection, now
        names = [who.id for who in hubs]
        self.out = Outgoing(connection, recipients=names, by=BY, now=now, token=publisher.token)
        self._leaves: list[tuple[str, str, str, int, str]] = []

    def run(self, after: int) -> int | None:
        """Look at the next records; returns where to go on, None at the end."""
        connection, node = self._connection, self._publisher.node
        chosen = records.visible().where(record.c.iss == node, record.c.id > after, records.in_time(self._now))
        rows = connection.execute(chosen.order_by(record.c.id).limit(BATCH)).all()
        if not rows:
            return None
        given = feeds.grants(connection, node, [row.rid for row in rows])
        texts = duties.texts_given(connection, node, [row.rid for row in rows])
        approved = approvals.of(connection, rows) if self._policy.needing_release else {}
        for row in rows:
            held = [(who, given[who.id, row.rid]) for who in self._hubs if (who.id, row.rid) in given]
            holding = [(who, grant) for who, grant in held if grant.ver == row.ver and int(grant.mask, 16)]
            if holding and row.kind != addressing.KIND:
                self._record(row, holding, texts, approved.get(row.rid))
        self.out.write()
        duties.given(connection, self._leaves, now=self._now)
        return int(rows[-1].id)

    def _record(
        self, row: Row[Any], holding: list[tuple[Recipient, Any]], texts: dict[tuple[str, str], str], approved: Any
    ) -> None:
        own = deciding.read(row)
        outcomes, _ = deciding.outcomes(own, self._classes, now=self._now, approved=approved)
        recipients = self._classes.recipients
        everybody = {
            recipients[bit].id: Decision(recipients[bit], outcome)
            for outcome, who in outcomes
            for bit in bodies.bits(who)
        }
        for who, grant in holding:
            hub = everybody[who.id]
            mask = bodies.mask_of(hub.groups, own.index)
            if mask != int(grant.mask, 16):
                continue  # the review will give or take, and the leave goes with it
            clauses = relayed(hub, everybody, self._publisher.directory.group_members)
            wanted = relaying.described(own, hub, clauses, now=self._now)
            if wanted == relaying.described_by(texts.get((row.rid, who.id), ""), self._publisher.directory):
                continue
            text = relaying.leave_for(self._publisher, own, hub, everybody, now=self._now)
            terms = publishing.terms_of(self.out, bodies.reopen_row(row), hub)
            self.out.append(
                "put", own, recipient=who.id, terms=terms, row_id=row.id, previous=grant, relay=text
            )  # fmt: skip
            self._leaves.append((row.iss, row.rid, who.id, row.ver, "" if text is None else text_hash(text)))
