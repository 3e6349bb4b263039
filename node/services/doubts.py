"""After a restore: whose word is missing before a version may be signed, because it may be out already.

A node that was restored from a backup may have signed, and given away, the very version that it is about to sign. Who
holds that one would be shown a second envelope of the same version, which is the proof of a liar. So each of those to
whom the version may have gone has first to show what it holds (`reconciling`): whom the policy gives it to, and whom
any version of the record was given to. Who never had part in the record holds up nothing.

Trust: none of it is taken from outside; it is read from this node's own restored database and its policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from federation.grants import Handling
from federation.policy import decide_all
from node.services import addressing, bodies
from node.storage import feeds, settlements

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from federation.attributes import Attributes
    from federation.envelope import IssuedRecord, VerifiedRecord
    from node.services.publishing import Publisher

UNSURE: Final = (
    "this node was restored from a backup, and this version may be out already: wait until {peers} have shown what "
    "they hold (`tidewaiter recovery status`), or go on without one (`tidewaiter recovery without NODE`)"
)


def restored_at(connection: Connection, publisher: Publisher) -> int | None:
    """When this node was restored, if some peer has not shown yet what it holds; None if nothing is in doubt."""
    found = settlements.missing(connection, (one.id for one in publisher.recipients()))
    return None if found is None else found[0]


def missing(
    connection: Connection,
    publisher: Publisher,
    version: IssuedRecord | VerifiedRecord,
    attributes: Attributes,
    *,
    now: int,
    handling: Handling | None = None,
) -> list[str]:
    """The peers that may hold another envelope of this version, and have not shown what they hold; sorted.

    While the policy in force is older than the one that was lost (`settlements.held_up`), that is every peer: whom the
    lost one gave to is not known.
    """
    recipients = publisher.recipients()
    names = {one.id for one in recipients}
    newest = settlements.current(connection)
    if newest is None or settlements.held_up(newest, publisher.policy_version) is None:
        names &= _involved(connection, publisher, version, attributes, now=now, handling=handling)
    found = settlements.missing(connection, names)
    return [] if found is None else found[1]


def _involved(
    connection: Connection,
    publisher: Publisher,
    version: IssuedRecord | VerifiedRecord,
    attributes: Attributes,
    *,
    now: int,
    handling: Handling | None,
) -> set[str]:
    found = {recipient for recipient, _ in feeds.grants(connection, version.iss, [version.rid])}
    if version.kind == addressing.KIND:
        groups = bodies.reopen(version.jwt, version.disclosures.values()).groups
        found |= addressing.addressed(connection, groups, node=publisher.node).owed
    if publisher.policy is not None:
        decided = decide_all(
            record=attributes, recipients=publisher.recipients(), policy=publisher.policy, now=now,
            floor=handling or Handling.from_json(publisher.handling), issued=version.iat, second_release=True,
        )  # fmt: skip
        found |= {decision.recipient for decision in decided if decision.groups}
    return found
