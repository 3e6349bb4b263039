"""Which rows words, a name and a number leave over, and how well each fits; all three read the same follower's indexes.

What is indexed is what the granted groups say, so a row is no candidate for what was never granted. Whether a candidate
may be shown is left to the search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, func, select

from federation import spelling
from federation.records.traces import MAX_KEY, asked_keys
from node.services.criteria import BEST, MAX_WORDS, NEWEST, CriteriaRefused
from node.storage import followers, fulltext, names, numbers
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.services.criteria import Criteria

MAX_MATCHES: Final = 10_000
MAX_WITH_WORDS: Final = 5_000
"""Rows that an index is asked for. A question that has more says so in `capped`."""
EXACT, BEGUN = 100.0, 90.0
"""How well a number fits that is the one asked for, or begins with it."""


@dataclass(frozen=True, slots=True)
class Matched:
    """By what a row was found: person, company, holder, brand, container, awb, ...; how alike, from 0 to 100."""

    what: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The rows that are left over."""

    rows: frozenset[int]
    matched: Mapping[int, Matched] = field(default_factory=dict)
    lag: int = 0
    """Rows that the indexes are behind."""
    capped: bool = False


def check(criteria: Criteria) -> None:
    """Raise `CriteriaRefused` for what cannot be looked for."""
    if criteria.words is not None and criteria.words.strip():
        if len(criteria.words) > MAX_WORDS:
            raise CriteriaRefused("words", f"has at most {MAX_WORDS} characters")
        if not fulltext.normalise(criteria.words):
            raise CriteriaRefused("words", "has no letter and no digit to look for")
    if criteria.name is not None:
        if len(criteria.name) > spelling.MAX_NAME:
            raise CriteriaRefused("name", f"has at most {spelling.MAX_NAME} characters")
        if not spelling.fold(criteria.name):
            raise CriteriaRefused("name", "has no letter and no digit to look for")
    if criteria.number is not None and not asked_keys(criteria.number):
        raise CriteriaRefused(
            "number", f"is a number such as CSQU3054383, with 4 to {MAX_KEY} letters and digits, one digit at least"
        )
    if criteria.order not in {None, NEWEST, BEST}:
        raise CriteriaRefused("order", f"is {NEWEST} or {BEST}")
    if criteria.order == BEST and criteria.name is None and criteria.number is None:
        raise CriteriaRefused("order", f"{BEST} needs a name or a number; filters and words fit or do not: {NEWEST}")


def find(connection: Connection, criteria: Criteria) -> Candidates | None:
    """The rows that fulfil all that is asked of the indexes; None where nothing is. `criteria` were checked."""
    rows: list[frozenset[int]] = []
    matched: dict[int, Matched] = {}
    capped = False
    if criteria.words is not None and criteria.words.strip():
        found = fulltext.matching(connection, criteria.words, limit=MAX_WITH_WORDS)
        capped = len(found) >= MAX_WITH_WORDS
        rows.append(frozenset(found))
    if criteria.name is not None:
        like = names.like(connection, criteria.name, limit=MAX_MATCHES)
        capped = capped or len(like) >= MAX_MATCHES
        matched |= {one.record: Matched(one.what, one.score) for one in like}
        rows.append(frozenset(one.record for one in like))
    if criteria.number is not None:
        numbered = numbers.matching(connection, asked_keys(criteria.number), limit=MAX_MATCHES)
        capped = capped or len(numbered) >= MAX_MATCHES
        for one in numbered:
            score, before = EXACT if one.exact else BEGUN, matched.get(one.record)
            matched[one.record] = Matched(one.what, score if before is None else (score + before.score) / 2)
        rows.append(frozenset(one.record for one in numbered))
    if not rows:
        return None
    left = frozenset.intersection(*rows)
    newest = connection.scalar(select(func.max(record.c.id))) or 0
    return Candidates(
        rows=left, matched={row: matched[row] for row in left if row in matched}, capped=capped,
        lag=max(0, newest - followers.position(connection, fulltext.NAME)),
    )  # fmt: skip
