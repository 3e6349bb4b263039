"""The names and numbers by which somebody looks for a case: read without trust, out of the groups that are there.

Names are those of persons, companies and right holders, and brands. Numbers are what is painted, printed or stamped:
containers, air waybills, ships, seals, GTINs, registrations, documents, references; telephone numbers as far as a text
of an address or a narrative has them. A number is filed without spaces and punctuation, so it is found however it was
typed.

Left to others: validation (`federation.records.identifiers`) and the index. Trust: none; what has another type than
expected is skipped, and one record gives at most `MAX_TRACES` of each.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.records.facts import mapping, objects, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_TRACES: Final = 500
MAX_KEY: Final = 64
"""Characters of the key of a number; a longer text is no number."""
MIN_KEY: Final = 4
"""A shorter one is found in everything."""
_GTIN_DIGITS: Final = 14
_SHORT_GTINS: Final = frozenset({8, 12, 13})
_PHONE_DIGITS: Final = 8
"""So many last digits are the same with and without the prefixes of country and area."""
_PHONE: Final = re.compile(r"(?<![\w.])(?:\+|00)?\(?\d[\d ()./-]{6,20}\d(?!\w)", re.ASCII)
_MIN_PHONE: Final = 8
_MAX_PHONE: Final = 15
"""ITU-T E.164 numbers have at most so many digits."""
_NOT_IN_KEYS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, order=True)
class Trace:
    """One name or number. `what` says what it is, `text` is as it was written."""

    what: str
    """Of names: person, company, holder, brand. Of numbers: container, awb, imo, flight, bill_of_lading, seal, gtin,
    registration, application, document, tracking, plate, reference, phone."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What a record is looked for by."""

    names: tuple[Trace, ...]
    numbers: tuple[Trace, ...]


def traces(groups: Mapping[str, Any]) -> Traces:
    """Read the names and numbers of a seizure or an alert, whichever groups are there."""
    return Traces(names=_bounded(_names(groups)), numbers=_bounded(_numbers(groups)))


def number_key(text: str) -> str:
    """The form in which a number is filed and asked for: letters and digits alone, in capitals.

    >>> number_key("csqu 305438-3"), number_key("020-1234 5675")
    ('CSQU3054383', '02012345675')
    """
    return _NOT_IN_KEYS.sub("", unicodedata.normalize("NFKC", text).upper())


def keys_of(trace: Trace) -> frozenset[str]:
    """The keys under which a number is filed; none for one that is too short or too long to be one.

    A GTIN is also filed with its leading zeros (GS1 General Specifications: GTIN-8, 12 and 13 are GTIN-14 with zeros),
    a telephone number by its last digits alone.

    >>> sorted(keys_of(Trace("gtin", "4006381333931"))), sorted(keys_of(Trace("phone", "+44 20 7946 0958")))
    (['04006381333931', '4006381333931'], ['#79460958'])
    """
    key = number_key(text=trace.text)
    if trace.what == "phone":
        return frozenset({"#" + key[-_PHONE_DIGITS:]})
    if not MIN_KEY <= len(key) <= MAX_KEY:
        return frozenset()
    if trace.what == "gtin" and key.isdecimal() and len(key) in _SHORT_GTINS:
        return frozenset({key, key.zfill(_GTIN_DIGITS)})
    return frozenset({key})


def asked_keys(text: str) -> frozenset[str]:
    """The keys that a typed or scanned number may be filed under; none if it is no number.

    >>> sorted(asked_keys("020 7946 0958")), asked_keys("watch")
    (['#79460958', '02079460958'], frozenset())
    """
    key = number_key(text)
    digits = sum(char.isdecimal() for char in key)
    if not MIN_KEY <= len(key) <= MAX_KEY or not digits:
        return frozenset()
    found = {key}
    if key.isdecimal() and len(key) in _SHORT_GTINS:
        found.add(key.zfill(_GTIN_DIGITS))
    if key.isdecimal() and _MIN_PHONE <= len(key) <= _MAX_PHONE:
        found.add("#" + key[-_PHONE_DIGITS:])
    return frozenset(found)


def _names(groups: Mapping[str, Any]) -> Iterator[Trace]:
    for group, what in (("persons", "person"), ("companies", "company")):
        for party in objects(groups.get(group)):
            yield from _texts(what, [party.get("name")])
    for right in (*objects(groups.get("right")), mapping(groups.get("subject"))):
        yield from _texts("holder", [right.get("holder")])
        yield from _texts("brand", right.get("brands"))
    for procedure in objects(mapping(groups.get("assessment")).get("procedures")):
        yield from _texts("holder", [procedure.get("right_holder")])


def _numbers(groups: Mapping[str, Any]) -> Iterator[Trace]:
    cargo, documents = mapping(groups.get("cargo_ids")), mapping(groups.get("documents"))
    yield from _texts("container", cargo.get("containers"))
    yield from _texts("seal", cargo.get("seals"))
    for what in ("awb", "imo", "flight", "bill_of_lading"):
        yield from _texts(what, [cargo.get(what)])
    yield from _texts("document", documents.get("numbers"))
    yield from _texts("tracking", documents.get("tracking"))
    yield from _texts("plate", documents.get("plates"))
    for goods in (*objects(groups.get("goods")), mapping(groups.get("subject"))):
        yield from _texts("gtin", goods.get("gtin"))
    for right in objects(groups.get("right")):
        yield from _texts("registration", [mapping(right.get("registration")).get("number")])
    yield from _texts("application", [mapping(mapping(groups.get("control")).get("basis")).get("application")])
    for procedure in objects(mapping(groups.get("assessment")).get("procedures")):
        yield from _texts("application", [procedure.get("application")])
    yield from _texts("reference", [mapping(groups.get("case")).get("reference")])
    yield from _phones(groups)


def _phones(groups: Mapping[str, Any]) -> Iterator[Trace]:
    parties = (*objects(groups.get("persons")), *objects(groups.get("companies")))
    texts = [party.get("address") for party in parties]
    texts += [item.get("text") for item in objects(groups.get("narrative"))]
    for text in texts:
        for found in _PHONE.findall(text) if isinstance(text, str) else ():
            if _MIN_PHONE <= sum(char.isdecimal() for char in found) <= _MAX_PHONE:
                yield Trace("phone", found)


def _texts(what: str, values: Any) -> Iterator[Trace]:
    for value in values if isinstance(values, list) else ():
        if readable(value):
            yield Trace(what, value)


def _bounded(found: Iterable[Trace]) -> tuple[Trace, ...]:
    kept: set[Trace] = set()
    for trace in found:
        kept.add(trace)
        if len(kept) == MAX_TRACES:
            break
    return tuple(sorted(kept))
