"""Dates as people write them, to the record's own form: a day, month or year, with `until` and `about`.

A missing part is never made up: "March 2021" is a month, "yesterday" and "12 March" stay text. The forms met
in real files are read by patterns; only what these leave goes to `dateparser`, whose answer counts only when
its year and day stand in the text as digits.
"""

# ruff: noqa: E501, RUF001 - months and dashes in the scripts in which they are written

from __future__ import annotations

import re
import unicodedata
import warnings
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from node.services.importing.values import ascii_digits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.services.importing.tables import Cell

Order = Literal["dmy", "mdy"]

_MIN_YEAR: Final = 1900
_MAX_YEAR: Final = 2100
_SERIALS: Final = range(20_000, 73_050)
"""Day numbers of workbooks that are taken for dates: 1954 to 2099. A lower number is a year or a mistake."""

_MONTH_NAMES: Final = (
    "january jan janvier janv enero ene januar jänner janeiro январь января янв يناير كانون_الثاني gennaio januari styczeń stycznia ocak ianuarie leden ledna",
    "february feb février fevrier févr febrero februar fevereiro fev февраль февраля фев فبراير شباط febbraio februari luty lutego şubat februarie únor února",
    "march mar mars marzo märz maerz mär março marco март марта мар مارس آذار maart marzec marca mart martie březen března mrz",
    "april apr avril avr abril abr апрель апреля апр أبريل ابريل نيسان aprile kwiecień kwietnia nisan aprilie duben dubna",
    "may mai mayo maio май мая مايو أيار maggio mei maj maja mayıs květen května",
    "june jun juin junio juni junho июнь июня июн يونيو حزيران giugno czerwiec czerwca haziran iunie červen června",
    "july jul juillet juil julio juli julho июль июля июл يوليو تموز luglio lipiec lipca temmuz iulie červenec července",
    "august aug août aout agosto ago август августа авг أغسطس اغسطس آب augustus sierpień sierpnia ağustos srpen srpna",
    "september sep sept septembre septiembre setembro set сентябрь сентября сен سبتمبر أيلول settembre wrzesień września eylül septembrie září",
    "october oct octobre octubre oktober okt outubro out октябрь октября окт أكتوبر اكتوبر تشرين_الأول ottobre październik października ekim octombrie říjen října",
    "november nov novembre noviembre novembro ноябрь ноября ноя نوفمبر تشرين_الثاني listopad listopada kasım noiembrie",
    "december dec décembre decembre déc diciembre dic dezember dez dezembro декабрь декабря дек ديسمبر كانون_الأول dicembre grudzień grudnia aralık decembrie prosinec prosince",
)
MONTHS: Final = {
    unicodedata.normalize("NFC", name.replace("_", " ")): number
    for number, names in enumerate(_MONTH_NAMES, start=1)
    for name in names.split()
}
_MONTH = "(?P<month>" + "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True)) + r")\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|º|ª|\.|-го|°)?"
_YEAR = r"(?P<year>\d{4})(?:\s*(?:г\.?|года|год|م|р\.?))?"
_GLUE = r"(?:\s*,\s*|\s+(?:of|de|del|di|van)\s+|\s*[-/.]\s*|\s*)"

_ISO = re.compile(
    r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2})"
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?)?)?"
)
_NUMERIC = re.compile(
    r"(\d{1,2})\s*([-/. ])\s*(\d{1,2})\s*\2\s*(\d{4}|\d{2})(?:\s+\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]m)?)?\.?"
)
_MONTH_YEAR = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{4})")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_CJK = re.compile(r"(\d{4})\s*[年년]\s*(?:(\d{1,2})\s*[月월]\s*(?:(\d{1,2})\s*[日号일])?)?")
_QUARTERS = (
    re.compile(r"q\s?(?P<q>[1-4])[\s/.,-]*(?P<year>\d{4})"),
    re.compile(r"(?P<year>\d{4})[\s/.,-]*q\s?(?P<q>[1-4])"),
    re.compile(r"(?P<q>[1-4])(?:st|nd|rd|th|er|e|ème|º|\.|-й)?\s*(?:quarter|quarts?|trimestre|quartal|квартал)(?:\s+(?:of|de|del|d'))?\s*(?P<year>\d{4})"),
    re.compile(r"t(?P<q>[1-4])[\s/.,-]*(?P<year>\d{4})"),
)  # fmt: skip
_TEXTS = (
    re.compile(rf"(?:[^\W\d_]+\.?,?\s+)?{_DAY}{_GLUE}{_MONTH}{_GLUE}{_YEAR}\.?"),
    re.compile(rf"(?:[^\W\d_]+\.?,?\s+)?{_MONTH}\s*{_DAY}\s*,?\s*{_YEAR}\.?"),
    re.compile(rf"{_YEAR}{_GLUE}{_MONTH}{_GLUE}{_DAY}"),
    re.compile(rf"{_MONTH}{_GLUE}{_YEAR}\.?"),
    re.compile(rf"{_YEAR}{_GLUE}{_MONTH}"),
)
_SHORT_YEAR = re.compile(rf"{_DAY}[-/. ]{_MONTH}[-/. ](?P<year>\d{{2}})")
_SAME_MONTH = re.compile(r"(?P<first>\d{1,2})\.?\s*(?:-|–|to|bis|au|al|a|до)\s*(?P<rest>\d{1,2}\D.*)")
_ABOUT = re.compile(
    r"^(?:about|approx\.?|approximately|around|circa|ca\.?|c\.|~|vers|environ|etwa|um|hacia|alrededor de|cerca de|около|early|mid|mid-|"
    r"late|end of|beginning of|middle of|début|mi-|fin|anfang|mitte|ende|principios de|mediados de|finales de|início de|"
    r"meados de|fim de|в начале|в конце|начало|конец|أوائل|أواخر|حوالي)[\s-]*(?=\S)"
)
_RANGE = re.compile(
    r"\s+(?:-|–|—|to|until|till|bis|au|à|al|a|até|до|по|إلى)\s+|\s*–\s*|(?<=\d{4}-\d{2}-\d{2})/(?=\d{4})"
)
_YEARS = re.compile(r"(\d{4})\s*[-–/]\s*(\d{4})")
_LEAD = re.compile(r"^(?:from|between|du|de|von|vom|del|desde|с|من|on|le|el|am|em|في|in)\s+(?=\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDate:
    """A day, month or year; `until` when it is a span."""

    on: str
    until: str | None = None
    about: bool = False
    ambiguous: bool = False
    """Whether day and month could change places, and only the column's habit tells."""


def decide_order(cells: Iterable[Cell]) -> Order | None:
    """Which of day and month comes first in a column: what its clear dates say; None when no date is clear.

    >>> decide_order(["03/04/2021", "25/12/2021"]), decide_order(["12/25/2021"]), decide_order(["03/04/2021"])
    ('dmy', 'mdy', None)
    """
    votes = {"dmy": 0, "mdy": 0}
    for cell in cells:
        if isinstance(cell, str) and (match := _NUMERIC.fullmatch(ascii_digits(cell.strip()).casefold())):
            first, second = int(match[1]), int(match[3])
            if first > 12 >= second:  # noqa: PLR2004 - months
                votes["dmy"] += 1
            elif second > 12 >= first:  # noqa: PLR2004 - months
                votes["mdy"] += 1
    if votes["dmy"] == votes["mdy"]:
        return None
    return "dmy" if votes["dmy"] > votes["mdy"] else "mdy"


def parse_date(
    cell: Cell,
    *,
    order: Order = "dmy",
    formats: tuple[str, ...] = (),
    serial_origin: date = date(1899, 12, 30),
) -> PartialDate | None:
    """Read a date, or None. `formats` are strptime patterns that are tried first, as the mapping tells them.

    >>> parse_date("12 mars 2021").on, parse_date("2021年3月").on, parse_date("٢٠٢١").on
    ('2021-03-12', '2021-03', '2021')
    >>> parse_date("31/02/2021") is None, parse_date("yesterday") is None
    (True, True)
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, date):
        return PartialDate(on=cell.isoformat()) if _MIN_YEAR <= cell.year <= _MAX_YEAR else None
    if isinstance(cell, Decimal):
        if cell == cell.to_integral_value():
            cell = format(cell.to_integral_value(), "f")
        else:
            return _serial(int(cell), serial_origin)
    if not isinstance(cell, str) or len(cell) > 80:  # noqa: PLR2004 - a sentence is no date
        return None
    return _parse(cell, order, formats, serial_origin)


@lru_cache(maxsize=20_000)
def _parse(text: str, order: Order, formats: tuple[str, ...], origin: date) -> PartialDate | None:
    text = ascii_digits(unicodedata.normalize("NFKC", text)).strip().strip("'\"")
    for pattern in formats:
        if found := _strptime(text, pattern):
            return found
    if match := _ISO.fullmatch(text):
        return _checked(match[1], match[2], match[3])
    folded = " ".join(text.casefold().split())
    if found := _single(folded, order, origin) or _span(folded, order, origin):
        return found
    stripped = _LEAD.sub("", folded)
    if stripped != folded:
        found = _single(stripped, order, origin) or _span(stripped, order, origin)
    elif (about := _ABOUT.sub("", folded)) != folded:
        found = _single(about, order, origin)
        if found is None and (match := re.match(r"(?:de|of|d')\s*", about)):
            found = _single(about[match.end() :], order, origin)
        return replace(found, about=True) if found else None
    return found or _slowly(folded)


def _single(text: str, order: Order, origin: date) -> PartialDate | None:  # noqa: PLR0911 - one form a line
    if match := _ISO.fullmatch(text):
        return _checked(match[1], match[2], match[3])
    if match := _NUMERIC.fullmatch(text):
        return _numeric(match, order)
    if match := _MONTH_YEAR.fullmatch(text):
        return _checked(match[2], match[1], None)
    if match := _COMPACT.fullmatch(text):
        return _checked(match[1], match[2], match[3])
    if match := _CJK.fullmatch(text):
        return _checked(match[1], match[2], match[3])
    if text.isdecimal() and len(text) == 5:  # noqa: PLR2004 - day numbers of our time have five digits
        return _serial(int(text), origin)
    for pattern in _QUARTERS:
        if match := pattern.fullmatch(text):
            first = 3 * int(match["q"]) - 2
            start, end = (
                _checked(match["year"], str(first), None),
                _checked(match["year"], str(first + 2), None),
            )
            return replace(start, until=end.on) if start and end else None
    for pattern in _TEXTS:
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            return _checked(parts["year"], str(MONTHS[parts["month"]]), parts.get("day"))
    if match := _SHORT_YEAR.fullmatch(text):
        return _checked(_century(match["year"]), str(MONTHS[match["month"]]), match["day"])
    return None


def _numeric(match: re.Match[str], order: Order) -> PartialDate | None:
    first, sign, second = match[1], match[2], match[3]
    year = match[4] if len(match[4]) == 4 else _century(match[4])  # noqa: PLR2004 - digits of a year
    both = int(first) <= 12 and int(second) <= 12 and first != second  # noqa: PLR2004 - months
    if sign == ".":
        return _checked(year, second, first)  # dots are written where the day comes first
    if order == "mdy":
        found = _checked(year, first, second) or _checked(year, second, first)
    else:
        found = _checked(year, second, first) or _checked(year, first, second)
    return replace(found, ambiguous=both) if found else None


def _span(text: str, order: Order, origin: date) -> PartialDate | None:
    if match := _YEARS.fullmatch(text):
        ends = _checked(match[1], None, None), _checked(match[2], None, None)
    elif (match := _SAME_MONTH.fullmatch(text)) and (last := _single(match["rest"], order, origin)):
        year, month, *day = last.on.split("-") if last.on.count("-") == 2 else ("", "")  # noqa: PLR2004 - a whole date
        ends = (_checked(year, month, match["first"]), last) if day else (None, None)
    else:
        parts = _RANGE.split(text)
        if len(parts) != 2:  # noqa: PLR2004 - a span has two ends
            return None
        ends = _single(parts[0], order, origin), _single(parts[1], order, origin)
    start, end = ends
    if start is None or end is None or start.until or end.until or end.on < start.on:
        return None
    return replace(start, until=end.on)


def _checked(year: str, month: str | None, day: str | None) -> PartialDate | None:
    """Return the date if there is such a day, month or year."""
    number = int(year)
    if not _MIN_YEAR <= number <= _MAX_YEAR:
        return None
    if month is None:
        return PartialDate(on=f"{number:04}")
    try:
        found = date(number, int(month), int(day) if day is not None else 1)
    except ValueError:
        return None
    return PartialDate(on=found.isoformat() if day is not None else found.isoformat()[:7])


def _century(year: str) -> str:
    """Two digits as spreadsheets read them: 00 to 68 are this century's, 69 to 99 the last one's."""
    return ("20" if int(year) < 69 else "19") + year  # noqa: PLR2004 - the POSIX pivot


def _serial(number: int, origin: date) -> PartialDate | None:
    return PartialDate(on=(origin + timedelta(days=number)).isoformat()) if number in _SERIALS else None


def _strptime(text: str, pattern: str) -> PartialDate | None:
    try:
        found = datetime.strptime(text, pattern)  # noqa: DTZ007 - a calendar day has no zone
    except (ValueError, re.error):
        return None
    if not _MIN_YEAR <= found.year <= _MAX_YEAR or not any(
        sign in pattern for sign in ("%Y", "%y", "%G", "%c", "%x", "%D", "%F")
    ):
        return None
    whole = found.date().isoformat()
    if any(sign in pattern for sign in ("%d", "%e", "%j", "%c", "%x", "%D", "%F")):
        return PartialDate(on=whole)
    return PartialDate(on=whole[:7] if any(sign in pattern for sign in ("%m", "%b", "%B")) else whole[:4])


def _slowly(text: str) -> PartialDate | None:
    """Other languages.

    The library completes what is missing from today's date: only what stands in the text counts.
    """
    years = re.findall(r"(?<!\d)\d{4}(?!\d)", text)
    if len(years) != 1 or not re.search(r"[^\W\d_]{3}", text) or not _MIN_YEAR <= int(years[0]) <= _MAX_YEAR:
        return None
    found = _dateparser(text)
    if found is None or found[0].year != int(years[0]):
        return None
    when, period = found
    if period == "month":
        return PartialDate(on=when.date().isoformat()[:7]) if not re.search(r"(?<!\d)\d{1,2}(?!\d)", text) else None
    if period != "day" or not re.search(rf"(?<!\d)0?{when.day}(?!\d)", text):
        return None
    return PartialDate(on=when.date().isoformat())


@lru_cache(maxsize=2_000)
def _dateparser(text: str) -> tuple[datetime, str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of its own regular expressions and of days without years
            found = _reader().get_date_data(text)
    except Exception:  # noqa: BLE001 - a text that upsets the library is no date
        return None
    if found is None or found.date_obj is None:
        return None
    return found.date_obj, str(found.period)


@lru_cache(maxsize=1)
def _reader():  # type: ignore[no-untyped-def]  # noqa: ANN202 - the stubs lack the settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dateparser.date import DateDataParser  # noqa: PLC0415 - slow to load, and seldom needed

        return DateDataParser(
            settings={
                "PARSERS": ["absolute-time"],
                "REQUIRE_PARTS": ["month", "year"],
                "STRICT_PARSING": False,
                "DATE_ORDER": "DMY",
                "RETURN_AS_TIMEZONE_AWARE": False,
                "PREFER_DAY_OF_MONTH": "first",
            }
        )
