"""Identifiers that carry a check digit: containers, ships, goods, air waybills.

Each question answers yes or no and never raises, whatever text it gets. A wrong check digit is a warning for
the one who types and never a reason to refuse: the number may be what was really painted on the box.

`python-stdnum` does the arithmetic for ISO 6346, IMO and GTIN. An air waybill is too simple for a library:
eleven digits, three of the airline and eight of the serial, whose last is the remainder of the first seven by
7 (IATA Resolution 600a).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from stdnum import ean, imo, iso6346

_AWB: Final = re.compile(r"[0-9]{3}[- ]?[0-9]{4} ?[0-9]{4}")
_CONTAINER: Final = re.compile(r"[A-Z]{3}[UJZR] ?[0-9]{6}[- ]?[0-9]")
_IMO: Final = re.compile(r"(?:IMO ?)?[0-9]{7}")
_GTIN: Final = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_FLIGHT: Final = re.compile(r"[A-Z0-9]{2,3} ?[0-9]{1,4}[A-Z]?")
_UNLOCODE: Final = re.compile(r"[A-Z]{2} ?[A-Z2-9]{3}")


@lru_cache(maxsize=4096)
def is_container(text: str) -> bool:
    """Check an ISO 6346 number: owner code, category, serial number and check digit.

    >>> is_container("CSQU3054383"), is_container("CSQU3054384")
    (True, False)
    """
    return _CONTAINER.fullmatch(text) is not None and iso6346.is_valid(text.replace("-", ""))


def is_imo(text: str) -> bool:
    """Check a ship's IMO number, with or without the letters IMO.

    >>> is_imo("IMO 9319466"), is_imo("9319467")
    (True, False)
    """
    return _IMO.fullmatch(text) is not None and imo.is_valid(text)


def is_gtin(text: str) -> bool:
    """Check a GTIN of 8, 12, 13 or 14 digits with its check digit.

    >>> is_gtin("4006381333931"), is_gtin("4006381333932")
    (True, False)
    """
    return _GTIN.fullmatch(text) is not None and ean.is_valid(text)


def is_awb(text: str) -> bool:
    """Check an air waybill number and its check digit.

    >>> is_awb("020-12345675"), is_awb("020-12345676")
    (True, False)
    """
    if _AWB.fullmatch(text) is None:
        return False
    digits = text.replace("-", "").replace(" ", "")
    return int(digits[3:10]) % 7 == int(digits[10])


def is_flight(text: str) -> bool:
    """Check the form of an airline designator with a flight number.

    >>> is_flight("KQ101"), is_flight("the morning flight")
    (True, False)
    """
    return _FLIGHT.fullmatch(text) is not None


def is_unlocode(text: str) -> bool:
    """Check the form of a UN/LOCODE; the list itself changes twice a year.

    >>> is_unlocode("KEMBA"), is_unlocode("Mombasa")
    (True, False)
    """
    return _UNLOCODE.fullmatch(text) is not None
