"""One door to all code lists: what exists, what it is called, and which code a piece of text means.

`LISTS` names the lists. `is_code` answers in a dictionary look-up; `labels` feeds drop-downs; `match` reads
what people write. Lists that come from libraries (countries, currencies) are built at the first question and
kept; the tables are facts that never change while the process runs.

Left to others: the Harmonized System is too long for a drop-down and stands in `harmonized`; a spreadsheet's
own words are the business of its mapping file, which may name any code here.
"""

from __future__ import annotations

import re
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from federation.records import codelists, territories, units, vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from federation.records.codelists import Table

_SOURCES: Final[Mapping[str, Table | Callable[[], Table]]] = {
    "country": territories.countries,
    "currency": territories.currencies,
    "procedure": codelists.PROCEDURES,
    "traffic": codelists.TRAFFIC,
    "basis": codelists.BASES,
    "location_type": codelists.LOCATION_TYPES,
    "conveyance": codelists.CONVEYANCES,
    "detection": codelists.DETECTIONS,
    "wco_category": codelists.WCO_CATEGORIES,
    "eu_category": codelists.EU_CATEGORIES,
    "ipr_type": codelists.IPR_TYPES,
    "unit": units.UNITS,
    "package": units.PACKAGES,
    "value_basis": codelists.VALUE_BASES,
    "outcome": codelists.OUTCOMES,
    "date_kind": codelists.DATE_KINDS,
    "route_role": codelists.ROUTE_ROLES,
    "media_role": vocabulary.MEDIA_ROLES,
    "media_view": vocabulary.MEDIA_VIEWS,
    "rendition": vocabulary.RENDITIONS,
    "link_type": vocabulary.LINK_TYPES,
    "party_role": vocabulary.PARTY_ROLES,
    "nature": vocabulary.NATURES,
    "source_grade": vocabulary.SOURCE_GRADES,
    "text_author": vocabulary.TEXT_AUTHORS,
    "alert_type": vocabulary.ALERT_TYPES,
    "priority": vocabulary.PRIORITIES,
    "action": vocabulary.ACTIONS,
    "annotation_type": vocabulary.ANNOTATION_TYPES,
    "result": vocabulary.RESULTS,
    "tomb_reason": vocabulary.TOMB_REASONS,
    "tomb_effect": vocabulary.TOMB_EFFECTS,
}

LISTS: Final[tuple[str, ...]] = tuple(_SOURCES)
"""The names of all lists that `labels`, `match` and `is_code` know."""

_GAPS: Final = re.compile(r"[\s_\-]+")


def _table(list_name: str) -> Table:
    source = _SOURCES[list_name]
    return source() if callable(source) else source


@cache
def labels(list_name: str) -> Mapping[str, str]:
    """Code to English label, in the order in which a drop-down shows them. `KeyError` for an unknown list.

    >>> labels("procedure")["postal_shipment"]
    'Postal shipment'
    """
    return MappingProxyType({code: text.partition("|")[0] for code, text in _table(list_name).items()})


@cache
def codes_of(list_name: str) -> frozenset[str]:
    """All codes of a list. `KeyError` for an unknown list."""
    return frozenset(_table(list_name))


def is_code(list_name: str, text: str) -> bool:
    """Whether `text` is, letter by letter, a code of the list.

    >>> is_code("country", "NA"), is_code("country", "na")
    (True, False)
    """
    return text in codes_of(list_name)


def label(list_name: str, code: str) -> str:
    """Return the English label of a code, and the code itself when the list does not have it.

    >>> label("conveyance", "sea"), label("conveyance", "canoe")
    ('Sea', 'canoe')
    """
    return labels(list_name).get(code, code)


def match(list_name: str, text: str) -> str | None:
    """Return the code that `text` means, by code, label or common synonym, in any case; else `None`.

    >>> match("wco_category", "Shoes"), match("unit", "kg"), match("country", "Viet Nam")
    ('footwear', 'KGM', 'VN')
    >>> match("country", "NA"), match("country", "n/a")
    ('NA', None)
    """
    if text in codes_of(list_name):
        return text
    return _index(list_name).get(_fold(text))


@cache
def _index(list_name: str) -> dict[str, str]:
    """Map folded text to code. Codes win over labels, labels over synonyms, earlier lines over later."""
    table = _table(list_name)
    found = {_fold(code): code for code in table}
    split = [(code, text.split("|")) for code, text in table.items()]
    for code, names in split:
        found.setdefault(_fold(names[0]), code)
    for code, names in split:
        for name in names[1:]:
            found.setdefault(_fold(name), code)
    return found


def _fold(text: str) -> str:
    return _GAPS.sub(" ", text.casefold()).strip()
