"""The words that a bulletin's page has beside its author's, and the names of countries, in some languages.

Names of countries are those of the package `pycountry` in its translations. Names of codes (categories, procedures) are
those of the code lists, in English: a bulletin in another language shows them marked as English.
"""

from __future__ import annotations

import gettext
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pycountry

from federation.records.codes import label

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGLISH: Final = "en"
RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})
_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "en": {
            "cases": "Cases", "total": "Total", "suppressed": "not published", "unknown": "not told",
            "several": "several", "other": "other", "share": "Share", "sources": "Sources", "period": "Period",
            "by": "Published by",
            "as_of": "As of", "reporting": "Reporting", "note": "About these figures", "version": "version",
            "hatched": "Hatched: not published, because single contributors could be recognised.",
            "numbers": "Numbers on the map refer to the rows of the table.", "figure": "Figure",
        },
        "fr": {
            "cases": "Affaires", "total": "Total", "suppressed": "non publié", "unknown": "non indiqué",
            "several": "plusieurs", "other": "autre", "share": "Part", "sources": "Sources", "period": "Période",
            "by": "Publié par", "as_of": "État au", "reporting": "Déclarants", "note": "À propos de ces chiffres",
            "version": "version", "hatched": "Hachuré : non publié, car des déclarants seraient reconnaissables.",
            "numbers": "Les numéros de la carte renvoient aux lignes du tableau.", "figure": "Figure",
        },
        "es": {
            "cases": "Casos", "total": "Total", "suppressed": "no publicado", "unknown": "no indicado",
            "several": "varios", "other": "otro", "share": "Cuota", "sources": "Fuentes", "period": "Período",
            "by": "Publicado por", "as_of": "Situación al", "reporting": "Declarantes", "note": "Sobre estas cifras",
            "version": "versión", "hatched": "Rayado: no publicado, porque se reconocería a declarantes.",
            "numbers": "Los números del mapa remiten a las filas de la tabla.", "figure": "Figura",
        },
    }
)  # fmt: skip
LANGUAGES: Final = tuple(_WORDS)
_SPECIAL: Final = MappingProxyType({"_T": "total", "(unknown)": "unknown", "(several)": "several", "(other)": "other"})
_LISTS: Final = MappingProxyType(
    {"category": "wco_category", "right": "ipr_type", "conveyance": "conveyance", "procedure": "procedure"}
)
_COUNTRIES: Final = frozenset({"origin", "departure", "transit", "destination"})


def word(name: str, language: str) -> str:
    """A word of the page; in English where the language has none."""
    return _WORDS.get(language, _WORDS[ENGLISH])[name]


def named(dimension: str, code: str, language: str) -> str:
    """What a code of a dimension is called.

    >>> named("origin", "CN", "fr"), named("category", "footwear", "fr"), named("origin", "_T", "es")
    ('Chine', 'Footwear', 'Total')
    """
    if code in _SPECIAL:
        return word(_SPECIAL[code], language)
    if dimension in _COUNTRIES:
        return _country(code, language)
    return label(_LISTS[dimension], code) if dimension in _LISTS else code


@lru_cache(maxsize=1024)
def _country(code: str, language: str) -> str:
    found = pycountry.countries.get(alpha_2=code)
    if found is None:
        return code
    name = str(getattr(found, "common_name", found.name))
    if language == ENGLISH:
        return name
    translation = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True)
    return translation.gettext(name)
