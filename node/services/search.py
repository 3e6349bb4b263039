"""Find records that this node holds, by filters, days and words, and write down who asked for what.

Every search has a disclosure row in the transaction that reads the hits, and every hit passes
`federation.grants.may`: a record whose handling forbids the purpose is no hit. What is found are versions in
use, by the groups that are held, so nobody finds a record by what was never granted.

Left to others: who may search at all (`node.api.deps`, the command line), and the index of words
(`indexing`). Trust: the criteria are an officer's or a program's words and are checked here, for every face
alike; a cursor is a place in the order of the results and grants nothing, so a forged one finds nothing that
the search would not.
"""

from __future__ import annotations

import calendar
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, func, select

from crypto import b64
from crypto.errors import CryptoError
from federation.grants import PURPOSE, Action, Handling, HandlingRefused, Verdict, may
from federation.records.facts import brand_key
from node.services import arriving
from node.storage import audit, drafts, followers, fulltext, records, tasks
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.services.arriving import Arrival
    from node.storage.database import Database

FIELDS: Final = (
    "category",
    "hs",
    "brand",
    "right",
    "origin",
    "departure",
    "transit",
    "destination",
    "country",
    "procedure",
    "conveyance",
    "detection",
    "outcome",
    "node",
    "kind",
)
"""The filters there are, in the order in which they are shown."""
DEFAULT_PURPOSE: Final = "customs-enforcement"
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_VALUES: Final = 50
"""Values of one filter."""
MAX_VALUE: Final = 200
"""Characters of one value: facets hold none that is longer."""
MAX_WORDS: Final = 200
MAX_MATCHES: Final = 10_000
"""Rows that the word index is asked for. A question that has more says so in `Hits.capped`."""
MAX_ROUNDS: Final = 20
"""How often a page is filled up again where hits may not be shown; then it is given short."""
MAX_CURSOR: Final = 200
LAST_ID: Final = 2**63 - 1

_UPPER: Final = frozenset({"origin", "departure", "transit", "destination", "country", "node"})
_HS: Final = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}")
_DAY: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


class CriteriaRefused(ValueError):  # noqa: N818 - the name is the sentence
    """A search that cannot be answered as asked: `field` names where, the text what is wrong."""

    def __init__(self, field: str, wrong: str) -> None:
        super().__init__(f"{field}: {wrong}")
        self.field, self.wrong = field, wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What is looked for: one of the values of every filter, within the days, with all the words."""

    words: str | None = None
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    day_from: str | None = None
    """YYYY, YYYY-MM or YYYY-MM-DD: from its first day on."""
    day_to: str | None = None
    """The same: to its last day."""
    limit: int = DEFAULT_LIMIT
    before: str | None = None
    """The cursor that the page before ended with."""


OWN: Final = frozenset({"released", "shared"})
"""States, as lists tell them, of versions that this node issued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One version in use, as lists show it."""

    iss: str
    rid: str
    ver: int
    kind: str
    title: str
    day: str | None
    """ISO date of the event, the first day where only a month or a year is known."""
    state: str
    """released, shared or received."""
    pending: bool
    """Part of what was granted has not arrived yet."""
    tlp: str
    accepted_at: int
    reference: str | None = None
    """What this node calls an own record; None for those of others, whose `case` may tell theirs."""
    attachments: Arrival | None = None
    """How complete its pictures and other attachments are; None if it has none."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        value: dict[str, Any] = {
            "iss": self.iss,
            "rid": self.rid,
            "ver": self.ver,
            "kind": self.kind,
            "title": self.title,
            "state": self.state,
            "pending": self.pending,
            "tlp": self.tlp,
            "accepted_at": self.accepted_at,
        }
        if self.attachments is not None:
            value["attachments"] = {"total": self.attachments.total, "here": self.attachments.here}
        if self.reference is not None:
            value["reference"] = self.reference
        return value | ({"day": self.day} if self.day else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """A page of results."""

    rows: tuple[Hit, ...]
    next: str | None
    """The cursor of the next page; None at the end."""
    lag: int
    """How many rows the index of words is behind; 0 where no words were asked for."""
    capped: bool = False
    """The words match more than could be looked through: older rows may be missing."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        page: dict[str, Any] = {
            "records": [row.to_json() for row in self.rows],
            "lag": self.lag,
            "capped": self.capped,
        }
        return page | ({"next": self.next} if self.next else {})


def find(database: Database, criteria: Criteria, *, by: str, purpose: str | None, now: int) -> Hits:
    """A page of records for `purpose`, newest day first, with a disclosure row naming `by`.

    `now` in seconds. Raises `CriteriaRefused`. `purpose` None states none: `may` then asks only whether
    anything is allowed at all.
    """
    filters = normalised(criteria.filters)
    day_from, day_to = first_day(criteria.day_from), last_day(criteria.day_to)
    if not 1 <= criteria.limit <= MAX_LIMIT:
        raise CriteriaRefused("limit", f"is a number from 1 to {MAX_LIMIT}")
    check_purpose(purpose)
    before = None if criteria.before is None else _read_cursor(criteria.before)
    words = _checked_words(criteria.words)
    with database.write() as connection:
        ids, lag = (None, 0) if words is None else _matching(connection, words)
        shown, last = _page(
            connection,
            filters,
            day_from,
            day_to,
            ids=ids,
            limit=criteria.limit,
            before=before,
            purpose=purpose,
            now=now,
        )
        complete = arriving.arrivals(connection, [row for row, _ in shown])
        names = drafts.references(connection, [row.rid for row, _ in shown if row.state in OWN])
        audit.log(connection, [_row(criteria, filters, shown, by=by, purpose=purpose, now=now)])
        tasks.remember_glimpses(connection, [(row.iss, row.rid) for row, _ in shown], by)
    return Hits(
        rows=tuple(_hit(row, handling, complete.get(row.id), names) for row, handling in shown),
        next=None if last is None else _cursor(*last),
        lag=lag,
        capped=ids is not None and len(ids) >= MAX_MATCHES,
    )


def allowed(row: Row[Any], action: Action, purpose: str | None, *, now: int) -> tuple[Handling | None, Verdict]:
    """The one guard of stored records: the effective handling of a version, and what it says to `action`."""
    handling = _handling(row.handling)
    if handling is None:
        return None, Verdict(False, "its handling cannot be read, and so allows nothing")
    return handling, may(handling, action, purpose, now=now)


@lru_cache(maxsize=512)
def _handling(stored: str) -> Handling | None:
    """Read a stored handling; many records have the same one. None if it cannot be read."""
    try:
        return Handling.from_json(json.loads(stored))
    except (HandlingRefused, ValueError):
        return None


def check_purpose(purpose: str | None) -> None:
    """Refuse a purpose that is none."""
    if purpose is not None and not PURPOSE.fullmatch(purpose):
        raise CriteriaRefused("purpose", f"is a word such as {DEFAULT_PURPOSE}: lower case, digits, - and _")


def normalised(filters: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The filters in the form in which facets are stored; refuses what is no filter.

    >>> normalised({"country": frozenset({"ke"}), "hs": frozenset({"6403.99"})})
    {'country': frozenset({'KE'}), 'hs': frozenset({'640399'})}
    """
    ready: dict[str, frozenset[str]] = {}
    for name, values in filters.items():
        if name not in FIELDS:
            raise CriteriaRefused(name[:64], f"is not a filter; the filters are {', '.join(FIELDS)}")
        if not values or len(values) > MAX_VALUES:
            raise CriteriaRefused(name, f"has from 1 to {MAX_VALUES} values")
        ready[name] = frozenset(form for value in values for form in _forms(name, value))
    return ready


def _forms(name: str, value: str) -> tuple[str, ...]:
    """How a value may stand in the facets."""
    text = value.strip()
    if not text or len(text) > MAX_VALUE or not text.isprintable():
        raise CriteriaRefused(name, f"has a value that is empty, not printable or longer than {MAX_VALUE} characters")
    if name in _UPPER:
        return (text.upper(),)
    if name == "brand":
        return (brand_key(text),)
    if name == "hs":
        code = re.sub(r"[. ]", "", text)
        if not _HS.fullmatch(code):
            raise CriteriaRefused(name, "is a chapter, heading or subheading: two, four or six digits, such as 6403")
        return (code,)
    # Codes are lower case; a published value outside its list keeps its own letters.
    return (text.casefold(), text)


def _checked_words(words: str | None) -> str | None:
    if words is None or not words.strip():
        return None
    if len(words) > MAX_WORDS:
        raise CriteriaRefused("words", f"has at most {MAX_WORDS} characters")
    if not fulltext.normalise(words):
        raise CriteriaRefused("words", "has no letter and no digit to look for")
    return words


def matching_rows(connection: Connection, words: str) -> list[int]:
    """Rows that have all these words, for others than a page of hits; raises `CriteriaRefused`."""
    return _matching(connection, _checked_words(words) or "")[0]


def _matching(connection: Connection, words: str) -> tuple[list[int], int]:
    newest = connection.scalar(select(func.max(record.c.id))) or 0
    lag = max(0, newest - followers.position(connection, fulltext.NAME))
    return fulltext.matching(connection, words, limit=MAX_MATCHES), lag


def _page(
    connection: Connection,
    filters: Mapping[str, frozenset[str]],
    day_from: str | None,
    day_to: str | None,
    *,
    ids: list[int] | None,
    limit: int,
    before: tuple[str, int] | None,
    purpose: str | None,
    now: int,
) -> tuple[list[tuple[Row[Any], Handling]], tuple[str, int] | None]:
    """Up to `limit` hits that may be shown, and the place of the last one if there is more behind it."""
    shown: list[tuple[Row[Any], Handling]] = []
    if ids == []:
        return shown, None
    for _ in range(MAX_ROUNDS):
        rows = records.search(
            connection,
            filters=filters,
            day_from=day_from,
            day_to=day_to,
            ids=ids,
            limit=limit + 1,
            before=before,
            now=now,
        )
        for row in rows:
            if len(shown) == limit:
                return shown, before
            before = (row.day or records.NO_DAY, row.id)
            handling, verdict = allowed(row, Action.SEARCH, purpose, now=now)
            if verdict and handling is not None:
                shown.append((row, handling))
        if len(rows) <= limit:
            return shown, None
    return shown, before


def _hit(row: Row[Any], handling: Handling, attachments: Arrival | None, names: Mapping[str, str]) -> Hit:
    return Hit(
        iss=row.iss,
        rid=row.rid,
        ver=row.ver,
        kind=row.kind,
        title=row.title,
        day=row.day,
        state=row.state,
        pending=bool(row.pending),
        tlp=handling.tlp,
        accepted_at=row.accepted_at,
        reference=names.get(row.rid) if row.state in OWN else None,
        attachments=attachments,
    )


def _row(
    criteria: Criteria,
    filters: Mapping[str, frozenset[str]],
    shown: list[tuple[Row[Any], Handling]],
    *,
    by: str,
    purpose: str | None,
    now: int,
) -> audit.Disclosure:
    """What was asked, and every record whose line was shown: a recall has to reach whoever saw it."""
    asked = {
        "words": criteria.words,
        "filters": {name: sorted(values) for name, values in filters.items()},
        "from": criteria.day_from,
        "to": criteria.day_to,
    }
    detail: dict[str, Any] = {name: value for name, value in asked.items() if value}
    detail["hits"] = [f"{row.iss}/{row.rid}/{row.ver}" for row, _ in shown]
    return audit.Disclosure(
        at=now, action="search", actor=by, purpose=purpose, detail=json.dumps(detail, ensure_ascii=False)
    )


def first_day(value: str | None) -> str | None:
    """The first day of a period.

    >>> first_day("2024-02")
    '2024-02-01'
    """
    if value is None:
        return None
    year, month, day = _period("from", value)
    return f"{year:04}-{month or 1:02}-{day or 1:02}"


def last_day(value: str | None) -> str | None:
    """The last day of a period.

    >>> last_day("2024-02"), last_day("2024")
    ('2024-02-29', '2024-12-31')
    """
    if value is None:
        return None
    year, month, day = _period("to", value)
    month = month or 12
    return f"{year:04}-{month:02}-{day or calendar.monthrange(year, month)[1]:02}"


def _period(name: str, value: str) -> tuple[int, int | None, int | None]:
    found = _DAY.fullmatch(value)
    year, month, day = (int(part) if part else None for part in found.groups()) if found else (None, None, None)
    sound = year and month in {None, *range(1, 13)}
    if sound and year and month and day is not None:
        sound = 1 <= day <= calendar.monthrange(year, month)[1]
    if not sound or year is None:
        raise CriteriaRefused(name, "is a day YYYY-MM-DD, a month YYYY-MM or a year YYYY")
    return year, month, day


def _cursor(day: str, row_id: int) -> str:
    return b64.encode(orjson.dumps([day, row_id]))


def _read_cursor(text: str) -> tuple[str, int]:
    """A cursor, or `CriteriaRefused`: whatever was done to it, it is a place in the results or nothing."""
    wrong = CriteriaRefused("cursor", "is not one that a search gave: take `next` of the page before, or leave it out")
    if len(text) > MAX_CURSOR:
        raise wrong
    try:
        place = orjson.loads(b64.decode(text))
    except (CryptoError, ValueError):
        raise wrong from None
    match place:
        case [str(day), int(row_id)] if type(row_id) is int and 0 < row_id <= LAST_ID:
            if day == records.NO_DAY or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day):
                return day, row_id
    raise wrong
