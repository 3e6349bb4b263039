"""The types that occur in every schema: When, Amount, Money, Text, Code, Media.

They are richer than today's records need, because a later change would be expensive: a date has a kind and a
precision, a quantity may be "about" or a range, money says what it measures, a text comes in several
languages, a code names its scheme and edition, since the Harmonized System changes every five years.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from federation.records import harmonized
from federation.records.checks import (
    Check,
    Findings,
    Path,
    code,
    integer,
    listed,
    members,
    number,
    only_true,
    pattern,
    text,
)
from federation.records.identifiers import is_gtin
from federation.records.units import DEPRECATED_UNITS

DECIMAL: Final = re.compile(r"(?:0|[1-9][0-9]{0,23})(?:\.[0-9]{1,9})?")
"""No sign, no exponent, no thousands separator, no leading zero: one number has one form."""

_DAY: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?(?:-([0-9]{2}))?")
_MOMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?Z)?")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_ZONE: Final = re.compile(r"Z|UTC|[+-][0-9]{2}:[0-9]{2}|[A-Z][A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+")
_LINE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")
_DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_MIME: Final = re.compile(r"[a-z0-9.+-]{1,64}/[a-z0-9.+-]{1,64}")
_URL: Final = re.compile(r"https?://[^\s<>\"]{1,2000}")
_HS: Final = re.compile(r"[0-9]{2}(?:[0-9]{2}){0,2}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

MAX_INTEGER: Final = 2**53 - 1
"""The protocol's limit for whole numbers."""


def first_day(written: object) -> date | None:
    """Return the first day that a date of year, month or day precision can mean; `None` for anything else.

    >>> first_day("2024-05"), first_day("2024"), first_day("2024-02-30")
    (datetime.date(2024, 5, 1), datetime.date(2024, 1, 1), None)
    """
    if not isinstance(written, str):
        return None
    form = _DAY.fullmatch(written)
    if form is None or not written.isascii():
        return None
    year, month, day = form.groups(default="01")
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def day(value: Any, path: Path, found: Findings) -> None:
    """Check a date, which is as precise as it is known: a year, a month or a day."""
    if first_day(value) is not None:
        return
    text(value, path, found)
    if isinstance(value, str) and value:
        found.error(path, value, "is not a date", "write YYYY-MM-DD, or YYYY-MM or YYYY when no more is known")


def moment(value: Any, path: Path, found: Findings) -> None:
    """Check a day, or a time in UTC."""
    if isinstance(value, str):
        form = _MOMENT.fullmatch(value)
        if form is not None and first_day(form[1]) is not None:
            return
    text(value, path, found)
    if isinstance(value, str) and value:
        found.error(path, value, "is not a time", "write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ (UTC)")


line: Final = pattern(_LINE, what="a line id", remedy="write a short id, such as 1, 2, 3")
decimal: Final = pattern(DECIMAL, what="a decimal number", remedy="write digits with a point, such as 1200 or 2.5")
language: Final = pattern(_LANGUAGE, what="a language tag", remedy="write a tag such as en, fr, pt-BR", strict=False)
digest: Final = pattern(_DIGEST, what="a SHA-256 digest", remedy="write 43 characters of unpadded base64url")
url: Final = pattern(_URL, what="a web address", remedy="write an address that begins with https:// or http://")
uuid: Final = pattern(_UUID, what="a record id", remedy="write the record's UUID in small letters")
gtin: Final = number(is_gtin, what="a GTIN with a right check digit")
texts: Final = listed(text)

_zone: Final = pattern(_ZONE, what="a time zone", remedy="write Africa/Nairobi or +03:00", strict=False)
_about: Final = {"about": only_true}
_unit_code: Final = code("unit")


def unit(value: Any, path: Path, found: Findings) -> None:
    """Check a unit of Recommendation 20; deprecated and deleted codes get their own remedy."""
    if isinstance(value, str) and value in DEPRECATED_UNITS:
        found.warn(path, value, "is deprecated or deleted in Recommendation 20", f"write {DEPRECATED_UNITS[value]}")
    else:
        _unit_code(value, path, found)


def _ordered(check: Check) -> Check:
    """Extend a check: the upper end of a range is not below the lower."""

    def checked(value: Any, path: Path, found: Findings) -> None:
        check(value, path, found)
        if type(value) is dict and "to" in value:
            low, high = decimal_of(value.get("n")), decimal_of(value["to"])
            if low is not None and high is not None and high < low:
                found.error((path, "to"), value["to"], "is below the lower end of the range", "exchange the two")

    return checked


def decimal_of(written: object) -> Decimal | None:
    """Return the number that a decimal text means, or `None`."""
    return Decimal(written) if isinstance(written, str) and DECIMAL.fullmatch(written) else None


def band(number: Decimal) -> str:
    """Name the decimal order of magnitude that a number lies in.

    >>> [band(decimal_of(text)) for text in ("0.5", "1", "9.9", "10", "1234")]
    ['<1', '1-9', '1-9', '10-99', '1000-9999']
    """
    if number < 1:
        return "<1"
    digits = len(str(int(number)))
    return f"{10 ** (digits - 1)}-{10**digits - 1}"


def when(kinds: str = "date_kind") -> Check:
    """`When`: what happened, on which day as far as known, until when."""
    check = members({"kind": code(kinds), "on": day, "until": day, **_about, "tz": _zone}, "kind", "on")

    def checked(value: Any, path: Path, found: Findings) -> None:
        check(value, path, found)
        if type(value) is dict and "until" in value:
            start, end = first_day(value.get("on")), first_day(value["until"])
            # Compared as written: 2024-05-20 until 2024-05 ends in the same month and is no contradiction.
            if start and end and value["until"] < value["on"][: len(value["until"])]:
                found.error((path, "until"), value["until"], "is before the beginning", "exchange the two")

    return checked


amount: Final = _ordered(
    members({"n": decimal, "to": decimal, **_about, "unit": unit, "as_written": text}, "n"),
)
packages: Final = _ordered(
    members({"n": decimal, "to": decimal, **_about, "code": code("package"), "as_written": text}, "n"),
)
_money: Final = _ordered(
    members(
        {
            "n": decimal,
            "to": decimal,
            **_about,
            "currency": code("currency"),
            "basis": code("value_basis"),
            "scope": text,
        },
        "n",
        "currency",
    ),
)


def money(value: Any, path: Path, found: Findings) -> None:
    """`Money`: a sum that says in which currency it is and, as far as known, what it measures."""
    _money(value, path, found)
    if type(value) is dict and value and "basis" not in value:
        found.warn((path, "basis"), None, "is missing", "say what the value measures: declared, retail_genuine, ...")


translations: Final = listed(members({"lang": language, "by": code("text_author"), "text": text}, "lang", "by", "text"))
"""`Text`: one text in one or more languages, each saying who wrote it."""

_code_members: Final = members({"scheme": text, "edition": text, "code": text}, "scheme", "edition", "code")


def hs(value: Any, path: Path, found: Findings) -> None:
    """`Code` of the Harmonized System: two, four or six digits, existing in the edition that it names."""
    _code_members(value, path, found)
    if type(value) is not dict or value.get("scheme") != "HS":
        if type(value) is dict and isinstance(value.get("scheme"), str):
            found.warn((path, "scheme"), value["scheme"], "is not the Harmonized System", "write HS, or keep it")
        return
    written = value.get("code")
    if not isinstance(written, str) or not written:
        return
    if not _HS.fullmatch(written):
        found.warn((path, "code"), written, "is not a code of the Harmonized System", "write 2, 4 or 6 digits")
    elif value.get("edition") == harmonized.EDITION and written not in harmonized.codes():
        found.warn(
            (path, "code"),
            written,
            f"is not in the edition {harmonized.EDITION}",
            "look it up, or name its edition",
        )


grade: Final = integer(1, 6, what="an information grade of the Admiralty system", strict=False)

media: Final = listed(
    members(
        {
            "sha256": digest,
            "size": integer(0, MAX_INTEGER, what="a size in bytes"),
            "mime": pattern(_MIME, what="a media type", remedy="write a type such as image/jpeg"),
            "role": code("media_role"),
            "rendition": code("rendition"),
            "of": digest,
            "original": digest,
            "w": integer(1, 100_000, what="a width in pixels"),
            "h": integer(1, 100_000, what="a height in pixels"),
            "view": code("media_view"),
            "caption": translations,
        },
        "sha256",
        "size",
        "mime",
        "role",
    ),
)
