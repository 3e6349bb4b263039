"""Whether a record answers a selector, judged by some of its groups alone.

One function for both sides: the answerer asks it with the groups that the asker may see, the asker with those that
came. An index finds candidates over all that is held; what counts is only what this says of the groups given, so that
a match on anything else is none.

Trust: groups may be hostile; nothing here raises for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from federation.errors import Malformed
from federation.questions import Selector
from federation.records import get_schema
from federation.records.facts import mapping, objects
from federation.records.traces import number_key
from node.services import search
from node.storage import fulltext, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from federation.questions import Identifier
    from federation.records import Facets

KINDS: Final = frozenset({"seizure", "alert"})
"""What questions are about. Annotations go to whom they concern, and tombstones to everybody who had the record."""


def normalised(selector: Selector) -> Selector:
    """The selector with its filters as facets are stored; raises `Malformed` for what the search would refuse."""
    try:
        filters = search.normalised(selector.filters)
        for day in (selector.day_from, selector.day_to):
            search.first_day(day)
    except search.CriteriaRefused as error:
        raise Malformed(f"selector: {error}") from error
    if selector.words is not None and not fulltext.normalise(selector.words):
        raise Malformed("words: has no letter and no digit to look for")
    return Selector(
        filters=filters, day_from=selector.day_from, day_to=selector.day_to, words=selector.words,
        identifier=selector.identifier,
    )  # fmt: skip


def matches(selector: Selector, groups: Mapping[str, Any], *, kind: str, sch: str) -> bool:
    """Whether these groups of a record answer a selector that `normalised` has made."""
    if kind not in KINDS or not groups:
        return False
    facets = get_schema(sch).facets(groups)
    found = {(name, value) for name, value, _, _ in records.facet_values(0, kind, "", facets)}
    return (
        all(any((name, value) in found for value in values) for name, values in selector.filters.items())
        and _in_period(selector, facets)
        and (selector.words is None or _has_words(selector.words, groups))
        and (selector.identifier is None or _has_number(selector.identifier, groups))
    )


def _in_period(selector: Selector, facets: Facets) -> bool:
    if selector.day_from is None and selector.day_to is None:
        return True
    day = facets.day
    if day is None:
        return False
    return (selector.day_from or day) <= day <= (selector.day_to or day)


def _has_words(words: str, groups: Mapping[str, Any]) -> bool:
    told = set(fulltext.normalise(" ".join(fulltext.words_in(dict(groups)))).split())
    *whole, last = fulltext.normalise(words).split()
    return all(word in told for word in whole) and any(word.startswith(last) for word in told)


def _has_number(identifier: Identifier, groups: Mapping[str, Any]) -> bool:
    wanted = number_key(identifier.value)
    return any(isinstance(text, str) and number_key(text) == wanted for text in _numbers(identifier, groups))


def _numbers(identifier: Identifier, groups: Mapping[str, Any]) -> Iterable[Any]:
    cargo = mapping(groups.get("cargo_ids"))
    match identifier.type:
        case "container":
            return _listed(cargo.get("containers"))
        case "awb":
            return (cargo.get("awb"),)
        case "gtin":
            return (number for item in objects(groups.get("goods")) for number in _listed(item.get("gtin")))
        case "registration":
            return (mapping(item.get("registration")).get("number") for item in objects(groups.get("right")))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
