"""What a record tells, read without trust: from our own drafts and from what other nodes have signed.

Others may issue members and codes that this version does not know, and a hostile one may put anything
anywhere. Nothing here raises: what has another type than expected is skipped. What is taken is bounded in
length and number, so that one record cannot fill an index, and holds no control characters, which no database
would store.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from federation.attributes import Attributes
from federation.records.attached import digests
from federation.records.codelists import EU_TO_WCO
from federation.records.values import band, decimal_of, first_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

MAX_VALUE: Final = 200
"""Characters. A longer text is no code and no brand, and is not indexed."""

MAX_VALUES: Final = 500
"""Values of one field. The longest known seizure names some thirty brands."""

_UNSTORABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

ROLES: Final = ("origin", "departure", "transit", "destination")

EVENT_KINDS: Final = (("seized",), ("detained", "found"))
"""Which kinds of date tell when the event was, the best first."""

BLOB: Final = "blob"
"""The name under which the digests of attachments stand among the facets."""

_YES: Final = frozenset({"yes"})

_TLP: Final = "amber"
"""What a record without a readable marking is taken for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Filter values for the search index."""

    day: str | None = None
    """ISO date of the earliest seizure, else detention or finding, else publication; a period's first."""
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Field to values, only fields that have some: category, hs, brand (casefolded), right, origin,
    departure, transit, destination, country (of the place), procedure, conveyance, detection, outcome;
    health_safety and pictures, whose one value is yes; quantity and value, orders of magnitude with their unit or
    currency, such as 100-999 H87; and blob, the digests of attachments, which the store keeps apart
    (`node.storage.attachments`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The record side of searches and of policy conditions. Empty means that the record does not tell."""

    categories: frozenset[str] = frozenset()
    hs: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()
    route: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    """Role to countries."""
    country: frozenset[str] = frozenset()
    procedure: frozenset[str] = frozenset()
    conveyance: frozenset[str] = frozenset()
    detection: frozenset[str] = frozenset()
    outcome: frozenset[str] = frozenset()
    health_safety: bool | None = None
    occurred: date | None = None
    """The earliest day the event can have happened."""
    published: date | None = None
    source_grade: str | None = None
    media: bool = False
    quantities: frozenset[str] = frozenset()
    """Order of magnitude and unit of each amount, such as 100-999 H87."""
    values: frozenset[str] = frozenset()
    """Order of magnitude and currency of each sum of money, such as 1000-9999 EUR."""
    blobs: frozenset[str] = frozenset()
    """Digests of attachments."""

    def facets(self) -> Facets:
        """Give the values for the search index."""
        moment = self.occurred or self.published
        named = {
            "category": self.categories,
            "hs": self.hs,
            "brand": self.brands,
            "right": self.rights,
            "country": self.country,
            "procedure": self.procedure,
            "conveyance": self.conveyance,
            "detection": self.detection,
            "outcome": self.outcome,
            "health_safety": _YES if self.health_safety else None,
            "pictures": _YES if self.media else None,
            "quantity": self.quantities,
            "value": self.values,
            BLOB: self.blobs,
            **self.route,
        }
        # A plain dict: what a verifying process beside this one hands back must travel between processes.
        values = {name: found for name, found in named.items() if found}
        return Facets(day=moment.isoformat() if moment else None, values=values)

    def attributes(
        self,
        *,
        kind: str,
        groups: frozenset[str],
        nominal: frozenset[str],
        minimal: frozenset[str],
        handling: Mapping[str, Any],
    ) -> Attributes:
        """Answer what a policy may ask. The day of publication does not count: it is not the event's."""
        tlp = handling.get("tlp")
        return Attributes(
            kind=kind,
            groups=groups,
            nominal=nominal,
            minimal=minimal,
            tlp=tlp if isinstance(tlp, str) and tlp else _TLP,
            rights=self.rights or None,
            brands=self.brands or None,
            categories=self.categories or None,
            hs=self.hs or None,
            **{role: self.route.get(role) or None for role in ROLES},
            health_safety=self.health_safety,
            occurred=self.occurred,
            status=self.outcome or None,
            source_grade=self.source_grade,
            media=self.media,
        )


def of_seizure(groups: Mapping[str, Any]) -> Facts:
    """Read `seizure/1`, whichever groups are there."""
    goods = list(objects(groups.get("goods")))
    rights = list(objects(groups.get("right")))
    control = mapping(groups.get("control"))
    place = mapping(groups.get("place")) or mapping(groups.get("place_coarse"))
    assessment = mapping(groups.get("assessment"))
    occurred, published = _days(groups)
    grade = assessment.get("source_grade")
    return Facts(
        categories=categories(goods),
        hs=_set(_code_of(item.get("hs")) for item in goods),
        brands=_brands(rights),
        rights=_set(text for item in rights for text in _list(item.get("types"))),
        route=_route(groups),
        country=_set([place.get("country")]),
        procedure=_set([control.get("procedure")]),
        conveyance=_set([mapping(groups.get("transport")).get("conveyance")]),
        detection=_set([control.get("detection")]),
        outcome=_set(item.get("outcome") for item in objects(assessment.get("procedures"))),
        health_safety=_all_or_any(goods),
        occurred=occurred,
        published=published,
        source_grade=grade if isinstance(grade, str) and len(grade) == 1 else None,
        media=bool(_list(groups.get("media"))) or bool(_list(mapping(groups.get("documents")).get("media"))),
        quantities=_bands(groups, "quantity", "amount", "unit"),
        values=_bands(groups, "value", "money", "currency"),
        blobs=digests(groups),
    )


def of_alert(groups: Mapping[str, Any]) -> Facts:
    """Read `alert/1`, whichever groups are there."""
    subject = mapping(groups.get("subject"))
    pattern = mapping(groups.get("pattern"))
    risky = subject.get("health_safety")
    return Facts(
        categories=categories([subject]),
        hs=_set(_code_of(item) for item in _list(subject.get("hs"))),
        brands=_brands([subject]),
        rights=_set(_list(subject.get("types"))),
        route=_roles(objects(pattern.get("chain"))),
        country=_set([mapping(groups.get("place_coarse")).get("country")]),
        conveyance=_set(_list(pattern.get("conveyance"))),
        health_safety=risky if isinstance(risky, bool) else None,
        media=bool(_list(groups.get("media"))) or bool(_list(mapping(groups.get("documents")).get("media"))),
        blobs=digests(groups),
    )


def of_nothing(groups: Mapping[str, Any]) -> Facts:
    """Read a record that describes no goods: an annotation, a tombstone."""
    return Facts(media=bool(_list(groups.get("media"))), blobs=digests(groups))


def mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Go through the objects in a list; nothing if it is no list."""
    return (item for item in _list(value) if isinstance(item, dict))


def readable(value: Any) -> bool:
    """Whether a value is a text that may be indexed or shown in a list."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_VALUE:
        return False
    # Codes, nearly all of what is read here, need no search for what cannot be stored.
    return (value.isascii() and value.isprintable()) or not _UNSTORABLE.search(value)


def categories(goods: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """WCO categories, as written or as the EU sector implies them."""
    found: list[Any] = []
    for item in goods:
        found += _list(item.get("wco"))
        found += [EU_TO_WCO.get(text) for text in _list(item.get("eu")) if isinstance(text, str)]
    return _set(found)


def _set(found: Iterable[Any]) -> frozenset[str]:
    kept: set[str] = set()
    for value in found:
        if readable(value):
            kept.add(value)
            if len(kept) == MAX_VALUES:
                break
    return frozenset(kept)


def brand_key(written: str) -> str:
    """Return the form in which brands are compared: what a rule names must be found however it was typed.

    >>> brand_key("  LOUIS   Vuitton ")
    'louis vuitton'
    """
    return " ".join(unicodedata.normalize("NFC", written).casefold().split())


def _brands(items: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    written = (text for item in items for text in _list(item.get("brands")))
    return _set(brand_key(text) for text in written if isinstance(text, str) and len(text) <= MAX_VALUE)


def _bands(groups: Mapping[str, Any], group: str, member: str, unit: str) -> frozenset[str]:
    """Read the orders of magnitude out of the figures, and where they are withheld out of the bands."""
    found: list[Any] = []
    for item in objects(groups.get(group)):
        figure = mapping(item.get(member))
        number = decimal_of(figure.get("n"))
        if number is not None:
            found.append(_with_unit(band(number), figure.get(unit)))
    if not found:
        found = [_with_unit(item.get("band"), item.get(unit)) for item in objects(groups.get(f"{group}_band"))]
    return _set(found)


def _with_unit(magnitude: Any, unit: Any) -> Any:
    return f"{magnitude} {unit}" if readable(magnitude) and readable(unit) else magnitude


def _code_of(value: Any) -> Any:
    code = mapping(value)
    return code.get("code") if code.get("scheme") == "HS" else None


def _route(groups: Mapping[str, Any]) -> Mapping[str, frozenset[str]]:
    """Read the chain, and where it is withheld its two ends."""
    chain = _roles(objects(mapping(groups.get("route")).get("chain")))
    ends = mapping(groups.get("route_ends"))
    either = {role: _set(_list(ends.get(role))) for role in ("departure", "destination")}
    return {**{role: found for role, found in either.items() if found}, **chain}


def _roles(chain: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    found: dict[str, list[Any]] = {}
    for step in chain:
        role = step.get("role")
        if isinstance(role, str) and role in ROLES:
            found.setdefault(role, []).append(step.get("country"))
    sets = {role: _set(found[role]) for role in ROLES if role in found}
    return {role: countries for role, countries in sets.items() if countries}


def _all_or_any(goods: list[dict[str, Any]]) -> bool | None:
    """Take a danger in one line for a danger; its absence must be said of every line."""
    said = [item.get("health_safety") for item in goods]
    if True in [flag for flag in said if isinstance(flag, bool)]:
        return True
    return False if said and all(flag is False for flag in said) else None


def _days(groups: Mapping[str, Any]) -> tuple[date | None, date | None]:
    """Find the earliest day of the event, and of its publication."""
    first: dict[str, date] = {}
    for item in objects(mapping(groups.get("case")).get("dates")):
        kind, day = item.get("kind"), first_day(item.get("on"))
        if isinstance(kind, str) and day is not None and (kind not in first or day < first[kind]):
            first[kind] = day

    def earliest(*kinds: str) -> date | None:
        return min((first[kind] for kind in kinds if kind in first), default=None)

    event = next((found for kinds in EVENT_KINDS if (found := earliest(*kinds))), None)
    if event is None:
        event = first_day(mapping(groups.get("place")).get("on"))
    if event is None:
        event = first_day(mapping(groups.get("place_coarse")).get("month"))
    return event, earliest("published")
