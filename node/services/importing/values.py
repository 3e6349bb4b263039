"""Numbers, yes and no, and lists, as people write them; dates are in `dates`.

Every function answers with a value or with None, and never raises: what can not be read is kept as text by
the caller.
"""

# ruff: noqa: RUF001, RUF002 - digits and signs in the scripts in which they are written

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from node.services.importing.tables import Cell, as_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DecimalSign = Literal[".", ","]

ABSENT: Final = frozenset(
    {
        "", "unknown", "n/a", "n.a.", "na", "#n/a", "-", "--", "---", "–", "—", "?", "??", "null", "nil", "not known",
        "not stated", "not available", "not applicable", "unspecified", "inconnu", "inconnue", "non connu", "s/o",
        "desconocido", "desconocida", "no consta", "s/d", "sin datos", "unbekannt", "k.a.", "nicht bekannt",
        "desconhecido", "desconhecida", "não informado", "sem informação", "неизвестно", "н/д", "нет данных",
        "غير معروف", "غير محدد", "sconosciuto", "onbekend", "nieznany", "bilinmiyor", "不明", "未知",
    }
)  # fmt: skip
"""What people write where they do not know. Absent is the only form of unknown that a record has."""

_YES: Final = frozenset(
    [
        "yes",
        "y",
        "true",
        "1",
        "x",
        "ja",
        "oui",
        "sí",
        "si",
        "sim",
        "да",
        "نعم",
        "tak",
        "evet",
        "是",
        "wahr",
        "vrai",
        "verdadero",
        "verdadeiro",
    ]
)
_NO: Final = frozenset(
    [
        "no",
        "n",
        "false",
        "0",
        "nein",
        "non",
        "não",
        "nao",
        "нет",
        "لا",
        "nie",
        "hayır",
        "否",
        "falsch",
        "faux",
        "falso",
    ]
)

_ABOUT: Final = (
    "about", "approximately", "approx.", "approx", "around", "circa", "ca.", "ca", "c.", "roughly", "some", "nearly",
    "almost", "more than", "over", "at least", "up to", "less than", "at most", "exceeding", "in excess of", "~", "≈",
    ">", "<", "±", ">=", "<=", "≥", "≤", "est.", "environ", "env.", "près de", "plus de", "plus d'", "moins de",
    "au moins", "quelque", "unos", "unas", "alrededor de", "aproximadamente", "aprox.", "más de", "mas de", "menos de",
    "casi", "cerca de", "por lo menos", "al menos", "etwa", "rund", "ungefähr", "zirka", "mehr als", "über", "fast",
    "mindestens", "knapp", "weniger als", "mais de", "pelo menos", "quase", "около", "примерно", "более", "больше",
    "менее", "свыше", "почти", "не менее", "حوالي", "نحو", "أكثر من", "اكثر من", "ما يقارب", "أقل من", "约", "大约",
    "超过", "逾", "近", "más de", "oltre", "ongeveer", "ponad", "około",
)  # fmt: skip
_MULTIPLIERS: Final = {
    "k": 3, "thousand": 3, "mille": 3, "mil": 3, "tausend": 3, "tsd": 3, "тыс": 3, "тысяч": 3, "ألف": 3, "الف": 3,
    "million": 6, "millions": 6, "mio": 6, "mn": 6, "mln": 6, "millionen": 6, "millones": 6, "millón": 6, "milhões": 6,
    "milhão": 6, "миллион": 6, "миллиона": 6, "миллионов": 6, "млн": 6, "مليون": 6,
    "milliard": 9, "milliards": 9, "milliarden": 9, "mrd": 9, "млрд": 9, "миллиардов": 9, "مليار": 9,
    "lakh": 5, "lakhs": 5, "crore": 7, "crores": 7, "万": 4, "万元": 4, "亿": 8,
}  # fmt: skip
"""Number words to powers of ten.

`billion` is left out on purpose: it means 10^9 in one language and 10^12 in the next.
"""

SYMBOLS: Final = {"€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₦": "NGN",
                  "₱": "PHP", "₫": "VND", "฿": "THB", "zł": "PLN", "R$": "BRL", "HK$": "HKD", "US$": "USD"}  # fmt: skip
"""Signs that mean one currency. `$` and `¥` mean several and are not here."""

_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
_APOSTROPHES = re.compile(r"(?<=\d)['\u2019\u02bc`](?=\d{3})")
_PLAIN = re.compile(r"\d{1,18}(?:\.\d{1,9})?")
_BODY = re.compile(r"\d[\d.,]*(?:[eE][+-]?\d{1,2})?|[.,]\d+")
_RANGE_WORD = re.compile(
    r"\s*(?:-|\u2013|\u2014|\u2012|\u2212|\bto\b|\bà\b|\bbis\b|\ba\b|\bal\b|\bдо\b|\band\b|إلى|至|~)\s*"
)
_LEAD_WORD = re.compile(r"^(?:between|from|entre|de|von|zwischen|от|между|من|bis zu)\s+")
_GROUPS = re.compile(r"\d{1,3}(?:[.,]\d{2,3})*[.,]\d{3}")
_ABOUT_PREFIX = re.compile(
    "^(?:" + "|".join(re.escape(word) for word in sorted(set(_ABOUT), key=len, reverse=True)) + r")(?=[\s\d(]|$)\s*"
)
_TOKEN = re.compile(r"[A-Z]{2}\$|R\$|[€£₹₩₽₺₴₦₱₫฿$¥]|zł")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A count or an amount: decimal strings, as the record wants them."""

    n: str
    to: str | None = None
    about: bool = False
    unit: str | None = None
    """What stood behind the number: a unit, or a currency code."""
    wording: str | None = None
    """The cell's own words, where they said more than the number."""
    ambiguous: bool = False
    """Whether a lone separator was read by the column's habit and could have been the other."""


def ascii_digits(text: str) -> str:
    """Digits of every script as 0-9, Arabic decimal and thousands signs as dot and comma.

    >>> ascii_digits("٢٠٢١"), ascii_digits("١٬٢٣٤٫٥")
    ('2021', '1,234.5')
    """
    if text.isascii():
        return text
    text = text.replace("\u066b", ".").replace("\u066c", ",").replace("\uff0e", ".").replace("\uff0c", ",")
    return "".join(str(unicodedata.decimal(sign)) if not sign.isascii() and sign.isdecimal() else sign for sign in text)


def fold(text: str) -> str:
    """For comparing what people write: compatible forms joined, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_absent(cell: Cell, *, absent: Collection[str] = ABSENT, country: bool = False) -> bool:
    """Whether the cell says nothing. `NA` in a column of countries is Namibia.

    >>> is_absent("N/A"), is_absent("NA", country=True), is_absent("NA")
    (True, False, True)
    """
    if not isinstance(cell, str):
        return cell == ()
    if not cell:
        return True
    if country and cell.strip() == "NA":
        return False
    return len(cell) < 24 and cell.strip().casefold() in absent  # noqa: PLR2004 - no such word is longer


def parse_bool(cell: Cell) -> bool | None:
    """Yes or no in the languages of the trade, or None."""
    if isinstance(cell, bool):
        return cell
    word = fold(as_text(cell)).rstrip(".")
    return True if word in _YES else False if word in _NO else None


def decide_decimal(cells: Iterable[Cell]) -> DecimalSign | None:
    """Return the decimal sign of a column: what its clear values say, by majority; None when none is clear.

    >>> decide_decimal(["1.234", "1.234,56"]), decide_decimal(["1,234", "12.5"]), decide_decimal(["1,234"])
    (',', '.', None)
    """
    votes = {".": 0, ",": 0}
    for cell in cells:
        if isinstance(cell, str):
            for body in _BODY.findall(_squeeze(ascii_digits(cell))):
                sign = _clear_sign(body)
                if sign is not None:
                    votes[sign] += 1
    if votes["."] == votes[","]:
        return None
    return "." if votes["."] > votes[","] else ","


def parse_number(cell: Cell, *, decimal: DecimalSign | None = None) -> Number | None:
    """Read a number, a range or an approximate number with what stands around it, or None.

    `decimal` is what the column uses. Without it, a lone separator before exactly three digits separates
    thousands.

    >>> parse_number("1.234,56").n, parse_number("1 234,5").n, parse_number("1,234", decimal=",").n
    ('1234.56', '1234.5', '1.234')
    >>> parse_number("about 3 000 pairs")
    Number(n='3000', to=None, about=True, unit='pairs', wording='about 3 000 pairs', ambiguous=False)
    >>> parse_number("1000-1200").to
    '1200'
    """
    if isinstance(cell, Decimal):
        return Number(n=normal(cell)) if cell >= 0 else None
    if not isinstance(cell, str):
        return None
    return _parse_text(cell, decimal)


@lru_cache(maxsize=20_000)
def _parse_text(text: str, decimal: DecimalSign | None) -> Number | None:  # noqa: C901, PLR0911 - steps in order
    if _PLAIN.fullmatch(text) and _clear_sign(text) != ",":
        whole, dot, rest = text.partition(".")
        if not dot or len(rest) != 3 or whole == "0":  # noqa: PLR2004 - a group of thousands has three digits
            return Number(n=normal(Decimal(text)))
    if len(text) > 120:  # noqa: PLR2004 - a sentence is no number
        return None
    rest = _squeeze(ascii_digits(unicodedata.normalize("NFKC", text).strip())).strip()
    rest, about = _strip_about(rest)
    unit, rest = _take_currency(rest)
    rest, about_again = _strip_about(rest)
    about = about or about_again
    rest = _LEAD_WORD.sub("", rest.casefold()) if _LEAD_WORD.match(rest.casefold()) else rest
    first = _BODY.match(rest)
    if first is None:
        return None
    low, low_ambiguous = _read(first[0], decimal)
    rest = rest[first.end() :]
    high, high_ambiguous = None, False
    if (joint := _RANGE_WORD.match(rest)) and (second := _BODY.match(rest, joint.end())):
        high, high_ambiguous = _read(second[0], decimal)
        rest = rest[second.end() :]
        if high is None:
            return None
    if low is None:
        return None
    rest = rest.strip()
    if rest.startswith("+"):
        about, rest = True, rest[1:].strip()
    power, rest = _take_multiplier(rest)
    if rest and unit is None:
        if not re.fullmatch(r"[^\W\d_][^\d]{0,39}", rest) and rest not in ("m2", "m3", "m²", "m³"):
            return None
        unit, rest = rest.strip(" ."), ""
    if rest:
        return None
    low, high = low.scaleb(power), high.scaleb(power) if high is not None else None
    if high is not None and high < low:
        return None
    return Number(
        n=normal(low),
        to=normal(high) if high is not None and high != low else None,
        about=about,
        unit=unit,
        wording=None if unit is None and not about and high is None and not power else text,
        ambiguous=decimal is None and (low_ambiguous or high_ambiguous),
    )


def normal(number: Decimal) -> str:
    """Return a decimal string without exponent and without idle zeros.

    >>> normal(Decimal("600.00")), normal(Decimal("1E+3"))
    ('600', '1000')
    """
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"


def _squeeze(text: str) -> str:
    """Thousands set apart by spaces or apostrophes, joined; other white space as single spaces."""
    text = _APOSTROPHES.sub("", _SPACES.sub(" ", text))
    return re.sub(r"(?<![\d.,])(\d{1,3}(?: \d{3})+)(?!\d)", lambda match: match[1].replace(" ", ""), text)


def _strip_about(text: str) -> tuple[str, bool]:
    folded = text.casefold()
    if len(folded) == len(text) and (match := _ABOUT_PREFIX.match(folded)):
        return text[match.end() :], True
    return text, False


def _take_currency(text: str) -> tuple[str | None, str]:
    """Return a currency sign or code at either end, and what is left."""
    if match := _TOKEN.match(text) or re.match(r"[A-Z]{3}(?=[\s\d])", text):
        return SYMBOLS.get(match[0], match[0]), text[match.end() :].strip()
    if match := re.search(r"(?:[A-Z]{2}\$|R\$|[€£₹₩₽₺₴₦₱₫฿$¥]|zł|(?<=[\s\d])[A-Z]{3})$", text):
        return SYMBOLS.get(match[0], match[0]), text[: match.start()].strip()
    return None, text


def _take_multiplier(text: str) -> tuple[int, str]:
    word, _, rest = text.partition(" ")
    power = _MULTIPLIERS.get(word.casefold().rstrip("."))
    if power is None:
        return 0, text
    for filler in ("of ", "de ", "d'"):
        rest = rest.removeprefix(filler)
    return power, rest.strip()


def _clear_sign(body: str) -> DecimalSign | None:
    """Return the decimal sign that this number can only have; None when it has none or could have both."""
    body = body.rstrip(".,")
    dots, commas = body.count("."), body.count(",")
    if dots and commas:
        last: DecimalSign = "." if body.rfind(".") > body.rfind(",") else ","
        return last if body.count(last) == 1 else None
    if not dots and not commas:
        return None
    sign: DecimalSign = "." if dots else ","
    other: DecimalSign = "," if dots else "."
    if dots + commas > 1:
        return other
    whole, _, rest = body.partition(sign)
    if len(rest) != 3 or not whole or whole == "0" or len(whole) > 3 or whole.startswith("0"):  # noqa: PLR2004
        return sign
    return None


def _read(body: str, decimal: DecimalSign | None) -> tuple[Decimal | None, bool]:
    """Return the number, and whether its lone separator could have been the other."""
    body = body.rstrip(".,")
    clear = _clear_sign(body)
    sign = clear or decimal
    ambiguous = clear is None and ("." in body or "," in body)
    if sign is None:
        sign = "," if "." in body else "."  # three digits behind a lone separator: thousands
    thousands = "," if sign == "." else "."
    whole, mark, rest = body.partition(sign)
    if mark and thousands in rest:
        return None, False
    groups = whole.split(thousands)
    # Two digits to a group are Indian (12,34,567); the last group always has three.
    if len(groups) > 1 and not _GROUPS.fullmatch(thousands.join(groups)):
        return None, False
    try:
        number = Decimal("".join(groups) + ("." + rest if mark else ""))
    except InvalidOperation:
        return None, False
    if not number.is_finite() or abs(number.adjusted()) > 24:  # noqa: PLR2004 - no count or amount is that large
        return None, False
    return number, ambiguous


def split_list(cell: Cell, *, separators: Iterable[str]) -> list[str]:
    """Return the items of a list cell, in order, without blanks and repeats.

    >>> split_list("CG; GA;CG", separators=[";"])
    ['CG', 'GA']
    """
    if isinstance(cell, tuple):
        items = list(cell)
    else:
        text = as_text(cell)
        for separator in separators:
            text = text.replace(separator, "\n")
        items = text.split("\n")
    return list(dict.fromkeys(filter(None, (item.strip() for item in items))))
