"""Groups, and pieces of groups, that more than one schema has: identity, cargo, route, parties, documents.

The checks only; what the pieces mean is told where the schema shows them, in the docstrings of `seizure` and
`alert`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from federation.records.checks import Findings, Path, boolean, code, listed, members, number, pattern, text
from federation.records.identifiers import is_awb, is_container, is_flight, is_imo
from federation.records.values import day, media, texts, url

NOMINAL: Final = frozenset({"persons", "companies", "documents", "narrative"})
"""The groups that can name somebody, in whichever schema they stand."""

_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_NODE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OFFICE_OF_NO_COUNTRY: Final = "RILO"

_MAX_REFERENCE: Final = 200
"""Characters. Longer than any register's number, shorter than a story."""

_BANDS: Final = frozenset({"<1", *(f"{10**digits}-{10 ** (digits + 1) - 1}" for digits in range(24))})
"""Every order of magnitude that a decimal of the record profile can have."""

country: Final = code("country")
node_id: Final = pattern(_NODE_ID, what="an administration", remedy="write its code, such as KE")


def reference(value: Any, path: Path, found: Findings) -> None:
    """Check a national reference: half of the identity, so its form is not a matter of taste."""
    text(value, path, found)
    if isinstance(value, str) and value:
        one_line = value.strip() and "\n" not in value and "\t" not in value and "\r" not in value
        if not one_line or len(value) > _MAX_REFERENCE:
            found.error(path, value, "is no reference", f"write one line of at most {_MAX_REFERENCE} characters")


def administration(value: Any, path: Path, found: Findings) -> None:
    """Check the code of an administration: a country's as a rule, and always one short word."""
    node_id(value, path, found)
    if isinstance(value, str) and _NODE_ID.fullmatch(value) and not value.startswith(_OFFICE_OF_NO_COUNTRY):
        country(value, path, found)


def band(value: Any, path: Path, found: Findings) -> None:
    """Check an order of magnitude, such as 100-999."""
    text(value, path, found)
    if isinstance(value, str) and value and value not in _BANDS:
        found.error(path, value, "is not a band", "write an order of magnitude, such as 1-9, 10-99, 100-999")


LINK: Final = members({"type": code("link_type"), "title": text, "publisher": text, "url": url, "on": day}, "type")
CARGO_IDS: Final = members(
    {
        "containers": listed(number(is_container, what="an ISO 6346 number with a right check digit")),
        "imo": number(is_imo, what="an IMO number with a right check digit"),
        "flight": number(is_flight, what="a flight number"),
        "awb": number(is_awb, what="an air waybill number with a right check digit"),
        "bill_of_lading": text,
        "seals": texts,
    },
)
PLACE_COARSE: Final = members(
    {
        "country": country,
        "location_type": code("location_type"),
        "month": pattern(_MONTH, what="a month", remedy="write YYYY-MM"),
    },
)
CHAIN: Final = listed(
    members({"role": code("route_role"), "country": country, "custody": boolean}, "role", "country"),
)
PERSONS: Final = listed(
    members({"role": code("party_role"), "name": text, "nationality": country, "address": text}, "role"),
)
COMPANIES: Final = listed(
    members({"role": code("party_role"), "name": text, "country": country, "address": text}, "role"),
)
DOCUMENTS: Final = members({"numbers": texts, "tracking": texts, "plates": texts, "media": media})
