"""Offer what is live to members that never had it, whenever that can have changed by itself.

A member may have joined, an embargo may have ended, a legal instrument may have come into force: nobody presses a
button for these. The exchange asks here now and then. What somebody already has is neither widened nor narrowed here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from node.storage import feeds, followers

if TYPE_CHECKING:
    from collections.abc import Collection

    from federation.policy import Rule
    from node.services.publishing import Publisher
    from node.storage.database import Database

NAME: Final = "offers"
STANDING: Final = "members in good standing"
BATCH: Final = 200
DAY: Final = 86_400
"""Embargoes and ages that are counted in days change decisions once a day."""


def due(database: Database, publisher: Publisher, *, now: int) -> bool:
    """Whether anything can have changed since it was last looked at."""
    policy = publisher.policy
    if policy is None:
        return False
    with database.read() as connection:
        known = {row.recipient for row in feeds.out_feeds(connection)}
        last = followers.position(connection, NAME)
        before = followers.position(connection, STANDING)
    active = {each.id for each in publisher.directory.members.values() if each.status == "active"}
    if before not in (0, _standing(active)):  # somebody may be back who was suspended while things were released
        return True
    if active - known - {publisher.node}:
        return True
    if before == 0:
        with database.write() as connection:
            followers.advance(connection, STANDING, _standing(active), now=now)
    if last == 0:  # never looked at, and everybody has a feed: all was offered when it was released
        with database.write() as connection:
            followers.advance(connection, NAME, now, now=now)
        return False
    if now - last >= DAY and any(_counts_days(rule) for rule in policy.policy.rules):
        return True
    change = policy.next_change(after=last)
    return change is not None and change <= now


def _standing(active: Collection[str]) -> int:
    """The members in good standing, as one number."""
    return int.from_bytes(hashlib.sha256(" ".join(sorted(active)).encode()).digest()[:6]) + 1


def _counts_days(rule: Rule) -> bool:
    return rule.embargo_days is not None or rule.when.age_at_most_days is not None


def offer_again(database: Database, publisher: Publisher, *, now: int) -> set[str]:
    """Offer in batches, if it is due, and return whose feeds have grown."""
    grown: set[str] = set()
    if not due(database, publisher, now=now):
        return grown
    after: int | None = 0
    while after is not None:
        with database.write() as connection:
            report = publisher.offer_again(connection, now=now, after=after, limit=BATCH)
            if report.last is None:
                active = {each.id for each in publisher.directory.members.values() if each.status == "active"}
                followers.advance(connection, NAME, now, now=now)
                followers.advance(connection, STANDING, _standing(active), now=now)
        grown |= report.recipients
        after = report.last
    return grown
