"""Look again at what was released whenever the answer can have changed by itself.

A member may have joined, or be back after a suspension; an embargo may have ended, a legal instrument may have begun or
expired, a record may have become too old for a rule, or a policy was activated whose review a crash broke off: nobody
presses a button for these. The exchange asks here now and then; what follows is `applying`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from node.services import applying
from node.storage import followers

if TYPE_CHECKING:
    from collections.abc import Collection

    from node.services.publishing import Publisher
    from node.storage.database import Database

STANDING: Final = "members in good standing"


def offer_again(database: Database, publisher: Publisher, *, now: int) -> set[str]:
    """Review in batches, if it is due, and return whose feeds have grown."""
    grown: set[str] = set()
    standing = _standing({each.id for each in publisher.directory.members.values() if each.status == "active"})
    with database.read() as connection:
        before = followers.position(connection, STANDING)
    # Somebody may be back who was suspended while things were released or taken back.
    anew = before not in {0, standing}
    if anew or applying.due(database, publisher, now=now):
        for done in applying.advance(database, publisher, now=now, anew=anew):
            grown |= done.recipients
    if before != standing:
        with database.write() as connection:
            followers.advance(connection, STANDING, standing, now=now)
    return grown


def _standing(active: Collection[str]) -> int:
    """The members in good standing, as one number."""
    return int.from_bytes(hashlib.sha256(" ".join(sorted(active)).encode()).digest()[:6]) + 1
