"""What a search asks: filters, days, words, names and numbers, checked here for every face alike.

Everything is an officer's or a program's words until it has been here. A cursor is a place in the order of the results
and grants nothing, so a forged one finds nothing that the search would not.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from crypto import b64
from crypto.errors import CryptoError
from federation.grants import PURPOSE
from federation.records.facts import brand_key

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "health_safety",
    "pictures",
    "quantity",
    "value",
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
MAX_CURSOR: Final = 200
NEWEST, BEST = "newest", "best"
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
    name: str | None = None
    """A person, company, right holder or brand, in any spelling or script."""
    number: str | None = None
    """A container, waybill, GTIN, registration, reference or telephone number, however it is spaced."""
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    day_from: str | None = None
    """YYYY, YYYY-MM or YYYY-MM-DD: from its first day on."""
    day_to: str | None = None
    """The same: to its last day."""
    order: str | None = None
    """newest, or best where a name or a number is asked for, which is then the default."""
    facets: bool = False
    """Whether to count the filter values over the result."""
    limit: int = DEFAULT_LIMIT
    before: str | None = None
    """The cursor that the page before ended with."""
    after: int | None = None
    """Only versions of later rows: those that this node came to hold since."""
    until: int | None = None
    """Only versions up to this row."""


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


def cursor(place: str, row_id: int) -> str:
    """Where a page ends: its last row, with the row's day or, best first, its score."""
    return b64.encode(orjson.dumps([place, row_id]))


def read_cursor(text: str, order: str) -> tuple[str, int]:
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
            if re.fullmatch(r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?" if order == NEWEST else r"[0-9]{3}\.[0-9]{6}", day):
                return day, row_id
    raise wrong
