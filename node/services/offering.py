"""Look again at what was released whenever the answer can have changed by itself.

A member may have joined, be back after a suspension, or be removed from a group; an embargo may have ended, a legal
instrument may have begun or expired, a record may have become too old for a rule, or a policy was activated whose
review a crash broke off: nobody presses a button for these. The exchange asks here now and then; what follows is
`applying`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.services import applying, gating
from node.storage import followers

if TYPE_CHECKING:
    from node.services.publishing import Publisher
    from node.storage.database import Database


def offer_again(database: Database, publisher: Publisher, *, now: int) -> set[str]:
    """Review in batches, if it is due, and return whose feeds have grown."""
    grown: set[str] = set()
    standing = gating.standing(publisher.directory)
    with database.read() as connection:
        before = followers.position(connection, gating.STANDING)
    # Somebody may be back who was suspended while things were released or taken back, or has left a group.
    anew = before not in {0, standing}
    if anew or applying.due(database, publisher, now=now):
        for done in applying.advance(database, publisher, now=now, anew=anew):
            grown |= done.recipients
    if before != standing:
        with database.write() as connection:
            followers.advance(connection, gating.STANDING, standing, now=now)
    return grown
