"""What may leave while a policy is not applied to everything yet.

A policy binds from the moment of its activation, and its review (`applying`) takes a while. In between a grant that
is written down may be one that the new policy would not make. So as long as the review of the policy in force has not
reached a record, or the clock has moved past an embargo, an expiry or the end of a day since, what a page shows of it
is decided anew, and the smaller of the two counts. The same holds when the directory says something else of who is in
good standing and in which groups: a removed member gets nothing more from the moment at which this node knows of it.
It costs a decision a body, for as long as it takes, and no outage.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from federation.policy import classify
from node.services import addressing, applying, approvals, bodies, deciding
from node.storage import applications, followers, policies, records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from federation.directory import Directory
    from federation.policy import CompiledPolicy


STANDING: Final = "members in good standing"
"""The follower that remembers by which members and groups everything was looked at last."""


def standing(directory: Directory) -> int:
    """The members in good standing and the groups that they are in, as one number."""
    active = sorted(
        f"{each.id} {' '.join(sorted(each.groups))}" for each in directory.members.values() if each.status == "active"
    )
    return int.from_bytes(hashlib.sha256("\n".join(active).encode()).digest()[:6]) + 1


class Gate:
    """For one recipient: the groups that may leave of each record that the review has not reached."""

    def __init__(
        self,
        connection: Connection,
        policy: CompiledPolicy,
        *,
        directory: Directory,
        recipient: str,
        reached: int,
        now: int,
    ) -> None:
        self._connection, self._policy, self._reached, self._now = connection, policy, reached, now
        self._node, self._recipient = policy.country, recipient
        member = directory.member(recipient)
        self._classes = None if member is None else classify(policy, (member.recipient(),))

    def masks(self, rows: Iterable[int]) -> dict[int, int]:
        """The mask that the policy in force allows now, of each of these rows of our own that is not reviewed yet."""
        wanted = sorted({row for row in rows if row > self._reached})
        chosen = records.visible().where(record.c.id.in_(wanted), record.c.iss == self._node)
        found = self._connection.execute(chosen).all() if wanted else []
        approved = approvals.of(self._connection, found) if self._policy.needing_release else {}
        masks = dict.fromkeys((row.id for row in found), 0)
        if self._classes is None:
            return masks
        for row in found:
            if row.kind == addressing.KIND and self._owed(row):
                masks[row.id] = int(row.mask, 16)
                continue
            own, given = deciding.read(row), approved.get(row.rid)
            ((outcome, _),) = deciding.outcomes(own, self._classes, now=self._now, approved=given)[0]
            masks[row.id] = bodies.mask_of(outcome.groups, own.index)
        return masks

    def _owed(self, row: Row[Any]) -> bool:
        """Whether an annotation is owed to the recipient, whatever the policy says."""
        groups, _ = bodies.read_row(row)
        return self._recipient in addressing.addressed(self._connection, groups, node=self._node).owed


def gate(connection: Connection, *, directory: Directory, recipient: str, now: int | None) -> Gate | None:
    """The gate for a recipient's page; None when everything is reviewed. Without `now` the clock is not asked."""
    policy = policies.in_force(connection)
    if policy is None:
        return None
    row: Any = applications.find(connection, policy.version)
    seen = followers.position(connection, STANDING)
    moved = (
        row is None
        or (now is not None and applying.clock_moved(policy, since=row.as_of, now=now))
        or seen not in {0, standing(directory)}
    )
    if not moved and row.done:
        return None
    reached = 0 if moved else row.position
    at = now if now is not None else (0 if row is None else row.as_of)
    return Gate(connection, policy, directory=directory, recipient=recipient, reached=reached, now=at)
