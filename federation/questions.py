"""A question to another node, and the answer to it: their forms and bounds, for both sides.

    POST /cnp/1/query
    {"v": 1, "id": ..., "purpose": ..., "case": ..., "until": seconds,
     "selector": {"filters"?: {name: [value, ...]}, "from"?, "to"?, "words"?, "identifier"?: {"type", "value"}}}

    {"v": 1, "id": ..., "answers": [{"grant": {...}, "sd": <SD-JWT>}, ...],
     "hits": [{"contact", "reference", "until"}], "more": false}

Where nothing is held and where nothing is allowed, the answer is the same bytes but for the id. A hit says that
something is held, whom to ask, under which reference and until when, and nothing of what it is.

Left to others: which records match, and who may have them (`node.services.answering`); who may be asked, and what of an
answer is believed (`node.services.asking`). Trust: a question and an answer are what their sender signed as an HTTP
message, and here their form is checked. A presentation is verified as a record by whoever shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from crypto import jcs, strictjson
from crypto.errors import CryptoError
from federation.envelope import MAX_RECORD_BYTES
from federation.errors import Malformed, TooLarge
from federation.grants import MAX_TIME, PURPOSE, Handling, HandlingRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH: Final = "/cnp/1/query"
VERSION: Final = 1
MAX_QUESTION_BYTES: Final = 16_384
MAX_ANSWER_BYTES: Final = 2_000_000
MAX_ANSWERS: Final = 50
MAX_HITS: Final = 1
"""A node holds something or it does not: a number would tell more."""
MAX_FILTERS: Final = 12
MAX_VALUES: Final = 50
MAX_TEXT: Final = 200
"""Characters of a value, of the words, of the case reference and of a contact."""
MAX_AHEAD: Final = 3_600
"""Seconds from now within which an answer is wanted."""
MAX_SKEW: Final = 300
MAX_LEGAL: Final = 64

IdentifierType = Literal["container", "awb", "gtin", "registration"]
IDENTIFIERS: Final[tuple[IdentifierType, ...]] = get_args(IdentifierType)
FIELDS: Final = frozenset(
    {
        "category", "hs", "brand", "right", "origin", "departure", "transit", "destination", "country", "procedure",
        "conveyance", "detection", "outcome", "health_safety", "pictures", "quantity", "value", "kind",
    }
)  # fmt: skip
"""The filters of the search, without the issuer: a node answers for its own records."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_DAY: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A number by which a consignment, a kind of goods or a right is known."""

    type: IdentifierType
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """What is asked for: one of the values of every filter, within the days, with all the words, with the number."""

    filters: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    day_from: str | None = None
    """YYYY-MM-DD."""
    day_to: str | None = None
    words: str | None = None
    identifier: Identifier | None = None

    def __post_init__(self) -> None:
        # Kind and period say of nothing what it is: a question of these alone would ask for everything.
        if not (self.filters.keys() - {"kind"} or self.words or self.identifier):
            raise Malformed("a selector has a filter beside the kind, words, or an identifier")

    def to_json(self) -> dict[str, Any]:
        """The selector as it travels; what is not asked for is absent."""
        value: dict[str, Any] = {}
        if self.filters:
            value["filters"] = {name: sorted(values) for name, values in self.filters.items()}
        told = {"from": self.day_from, "to": self.day_to, "words": self.words}
        value |= {name: text for name, text in told.items() if text is not None}
        if self.identifier is not None:
            value["identifier"] = {"type": self.identifier.type, "value": self.identifier.value}
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question; purpose and case reference are never absent."""

    id: str
    selector: Selector
    purpose: str
    case: str
    until: int
    """The second after which no answer is waited for."""

    def to_bytes(self) -> bytes:
        """The body of the request (RFC 8785)."""
        return jcs.profile_bytes(
            {
                "v": VERSION, "id": self.id, "selector": self.selector.to_json(), "purpose": self.purpose,
                "case": self.case, "until": self.until,
            }
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A record that the asker may have: the SD-JWT with the groups granted, and what binds its reader."""

    presentation: str
    handling: Handling
    legal: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The item as it travels."""
        return {"sd": self.presentation, "grant": {**self.handling.to_json(), "legal": list(self.legal)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something is held: whom to ask, with which reference, and until when the answerer waits for it."""

    contact: str
    reference: str
    until: int

    def to_json(self) -> dict[str, Any]:
        """The item as it travels."""
        return {"contact": self.contact, "reference": self.reference, "until": self.until}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a node answers."""

    id: str
    answers: tuple[Granted, ...] = ()
    hits: tuple[Hit, ...] = ()
    more: bool = False
    """More matched, of what the asker may have, than one answer holds: ask more narrowly."""

    def to_bytes(self) -> bytes:
        """The body of the response (RFC 8785)."""
        return jcs.profile_bytes(
            {
                "v": VERSION, "id": self.id, "answers": [one.to_json() for one in self.answers],
                "hits": [one.to_json() for one in self.hits], "more": self.more,
            }
        )  # fmt: skip


def parse_question(data: bytes, *, now: int) -> Question:
    """Read a question; `now` in seconds. Raises `TooLarge`, or `Malformed` with the member that is wrong."""
    value = _object(data, MAX_QUESTION_BYTES, "the question")
    _exactly(value, {"v", "id", "selector", "purpose", "case", "until"}, "the question")
    if not isinstance(value["purpose"], str) or not PURPOSE.fullmatch(value["purpose"]):
        raise Malformed("purpose is a word: lower case, digits, - and _")
    until = _time(value["until"], "until")
    if not now - MAX_SKEW <= until <= now + MAX_AHEAD:
        raise Malformed(f"until is a second from now on, at most {MAX_AHEAD} ahead")
    return Question(
        id=_id(value), selector=parse_selector(value["selector"]), purpose=value["purpose"],
        case=text(value["case"], "case"), until=until,
    )  # fmt: skip


def parse_selector(value: Any) -> Selector:
    """Read a selector, or raise `Malformed`."""
    if not isinstance(value, dict) or value.keys() - {"filters", "from", "to", "words", "identifier"}:
        raise Malformed("a selector is an object of filters, from, to, words and identifier")
    return Selector(
        filters=_filters(value.get("filters", {})),
        day_from=_day(value, "from"),
        day_to=_day(value, "to"),
        words=text(value["words"], "words") if "words" in value else None,
        identifier=_identifier(value["identifier"]) if "identifier" in value else None,
    )


def parse_answer(data: bytes, *, question: Question) -> Answer:
    """Read the answer to `question`. Raises `TooLarge`, or `Malformed` with the member that is wrong."""
    value = _object(data, MAX_ANSWER_BYTES, "the answer")
    _exactly(value, {"v", "id", "answers", "hits", "more"}, "the answer")
    if _id(value) != question.id:
        raise Malformed("the answer is to another question")
    if not isinstance(value["more"], bool):
        raise Malformed("more is true or false")
    answers, hits = value["answers"], value["hits"]
    if not isinstance(answers, list) or len(answers) > MAX_ANSWERS:
        raise Malformed(f"answers is a list of at most {MAX_ANSWERS}")
    if not isinstance(hits, list) or len(hits) > MAX_HITS:
        raise Malformed(f"hits is a list of at most {MAX_HITS}")
    return Answer(
        id=question.id, answers=tuple(map(_granted, answers)), hits=tuple(map(_hit, hits)), more=value["more"]
    )


def text(value: Any, name: str) -> str:
    """A line of text that may be shown and logged, or `Malformed`."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable() or not value.strip():
        raise Malformed(f"{name} is one line of text of at most {MAX_TEXT} characters")
    return value


def _granted(value: Any) -> Granted:
    if not isinstance(value, dict):
        raise Malformed("an item of answers is an object")
    _exactly(value, {"sd", "grant"}, "an item of answers")
    presentation, grant = value["sd"], value["grant"]
    if not isinstance(presentation, str) or len(presentation) > MAX_RECORD_BYTES or not isinstance(grant, dict):
        raise Malformed("sd is an SD-JWT and grant an object")
    legal = grant.get("legal")
    if not isinstance(legal, list) or len(legal) > MAX_LEGAL:
        raise Malformed(f"legal is a list of at most {MAX_LEGAL} names")
    try:
        handling = Handling.from_json(grant)
    except HandlingRefused as error:
        raise Malformed(f"grant: {error}") from error
    return Granted(presentation=presentation, handling=handling, legal=tuple(text(name, "legal") for name in legal))


def _hit(value: Any) -> Hit:
    if not isinstance(value, dict):
        raise Malformed("an item of hits is an object")
    _exactly(value, {"contact", "reference", "until"}, "an item of hits")
    return Hit(
        contact=text(value["contact"], "contact"), reference=text(value["reference"], "reference"),
        until=_time(value["until"], "until"),
    )  # fmt: skip


def _filters(value: Any) -> Mapping[str, frozenset[str]]:
    if not isinstance(value, dict) or len(value) > MAX_FILTERS:
        raise Malformed(f"filters is an object of at most {MAX_FILTERS}")
    found = {}
    for name, values in value.items():
        if name not in FIELDS:
            raise Malformed(f"a filter is one of {', '.join(sorted(FIELDS))}")
        if not isinstance(values, list) or not 0 < len(values) <= MAX_VALUES:
            raise Malformed(f"the filter {name} has from 1 to {MAX_VALUES} values")
        found[name] = frozenset(text(one, f"the filter {name}") for one in values)
    return MappingProxyType(found)


def _identifier(value: Any) -> Identifier:
    if not isinstance(value, dict) or value.keys() != {"type", "value"} or value["type"] not in IDENTIFIERS:
        raise Malformed(f"an identifier has a type, one of {', '.join(IDENTIFIERS)}, and a value")
    number = text(value["value"], "value")
    if not any(sign.isalnum() for sign in number):
        raise Malformed("the value of an identifier has no letter and no digit")
    return Identifier(type=value["type"], value=number)


def _day(value: dict[str, Any], name: str) -> str | None:
    day = value.get(name)
    if day is not None and not (isinstance(day, str) and _DAY.fullmatch(day)):
        raise Malformed(f"{name} is a day YYYY-MM-DD")
    return day


def _object(data: bytes, most: int, what: str) -> dict[str, Any]:
    if len(data) > most:
        raise TooLarge(f"{what} has at most {most} bytes")
    try:
        value: Any = strictjson.parse_profile(data, max_bytes=most, max_depth=5)
    except CryptoError as error:
        raise Malformed(f"{what} is not JSON of the strict kind") from error
    if not isinstance(value, dict):
        raise Malformed(f"{what} is an object")
    return value


def _exactly(value: dict[str, Any], members: set[str], what: str) -> None:
    if value.keys() != members:
        raise Malformed(f"{what} has exactly the members {', '.join(sorted(members))}")
    if "v" in members and (type(value["v"]) is not int or value["v"] != VERSION):
        raise Malformed(f"v of {what} is {VERSION}")


def _id(value: dict[str, Any]) -> str:
    if not isinstance(value["id"], str) or not _ID.fullmatch(value["id"]):
        raise Malformed("id is 22 characters of base64url")
    return value["id"]


def _time(value: Any, name: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_TIME:
        raise Malformed(f"{name} is a time in seconds")
    return value
