"""One row read: its cells as values of fields, and what could not be read.

A cell that does not fit its field is never dropped: a word outside a list is taken as it stands, an
unreadable number, date, tariff code or yes/no is kept as the text it is, and each is warned about with row,
column and remedy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from federation.records import codes
from node.services.importing.columns import Bound, present
from node.services.importing.dates import parse_date
from node.services.importing.fields import FIELDS, PACKAGE_PREFIX
from node.services.importing.mapping import Column
from node.services.importing.report import Problem
from node.services.importing.tables import Cell, Row, as_text
from node.services.importing.values import fold, parse_bool, parse_number, split_list
from node.services.importing.words import match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

_SHORT_LIST: Final = 16
_HS_DIGITS: Final = 6
_COUNTRY_SEPARATORS: Final = (",", "/", "+", "&")
_OTHERS: Final = re.compile(
    r"(?i)(?:and |et |y |und |e |и )?(?:(?:many |several )?others?|other brands|etc\.?|u\.\s?a\.?|autres|"
    r"otros|otras|andere|outros|outras|другие|др\.?|among others)|وغيرها|等"
)


@dataclass(slots=True, kw_only=True)
class Reading:
    """The values of one row by field. Filled by `read_row`, not changed after."""

    row: int
    values: dict[str, Any] = field(default_factory=dict)
    """str, list[str], bool, `PartialDate` or `Number`, after the field's kind."""
    written: list[tuple[str, str]] = field(default_factory=list)
    """(field, text) of what could not be read."""
    headers: dict[str, str] = field(default_factory=dict)
    """Their column name, by field."""


def read_row(
    row: Row,
    *,
    reference: str,
    bound: Sequence[Bound],
    constants: Mapping[str, Cell],
    serial_origin: date,
    problems: list[Problem],
) -> Reading:
    """Read all cells of a row; what is wrong is appended to `problems`."""
    reading = Reading(row=row.number)
    reader = _CellReader(reading, reference, serial_origin, problems)
    cells = row.cells
    for one in bound:
        if one.index < len(cells):
            cell = cells[one.index]
            if cell != "" and present(cell, one):
                reader.read(cell, one.field.name, one.header, one.column)
    for name, value in constants.items():
        if name not in reading.values and FIELDS[name].level != "identity":
            reader.read(value, name, "(constant)", Column(column="(constant)", field=name))
    return reading


class _CellReader:
    """Reads the cells of one row into its `Reading`."""

    def __init__(self, reading: Reading, reference: str, origin: date, problems: list[Problem]) -> None:
        self.reading, self.reference, self.origin, self.problems = reading, reference, origin, problems

    def read(self, cell: Cell, name: str, header: str, column: Column) -> None:
        kind = FIELDS[name].kind
        self.reading.headers.setdefault(name, header)
        translated = self._translate(cell, column) if column.codes else None
        if translated is not None and not isinstance(cell, tuple) and kind not in ("codes", "countries", "texts"):
            if not translated:
                return
            cell = translated[0]
        value: Any
        if kind in ("text", "prose"):
            value = as_text(cell)
        elif kind == "date":
            value = parse_date(cell, order=column.order or "dmy", formats=column.formats, serial_origin=self.origin)
        elif kind == "number":
            value = parse_number(cell, decimal=column.decimal)
        elif kind == "yesno":
            value = parse_bool(cell)
        elif kind == "hs":
            value = self._hs(cell)
        elif kind in {"code", "country"}:
            value = self._code(as_text(cell), name, header)
        else:
            value = self._items(cell, name, header, column)
            if column.keep and value != [as_text(cell)]:
                self.reading.written.append((name, as_text(cell)))
        if value is None:
            text = as_text(cell)
            self.reading.written.append((name, text))
            self.problems.append(self._problem(header, text, *_UNREADABLE[kind]))
        elif value not in ([], ""):
            known = self.reading.values.get(name)
            self.reading.values[name] = (
                list(dict.fromkeys(known + value)) if isinstance(known, list) and isinstance(value, list) else value
            )

    def _problem(self, header: str, value: str, wrong: str, remedy: str) -> Problem:
        return Problem(
            severity="warning",
            row=self.reading.row,
            reference=self.reference,
            column=header,
            value=value,
            wrong=wrong,
            remedy=remedy,
        )

    def _translate(self, cell: Cell, column: Column) -> tuple[str, ...] | None:
        return column.codes.get(fold(as_text(cell)))

    def _code(self, text: str, name: str, header: str) -> str:
        """Return the code that is meant, or the text itself with a warning."""
        list_name = FIELDS[name].codes
        if text.startswith(PACKAGE_PREFIX) and name == "unit":
            return text
        code = match(list_name, text)
        if code is None and name == "unit" and (package := match("package", text)) is not None:
            return PACKAGE_PREFIX + package
        if code is None:
            self.problems.append(
                self._problem(header, text, f"not in the list ({_spoken(list_name)})", _choices(list_name))
            )
        return code or text

    def _items(self, cell: Cell, name: str, header: str, column: Column) -> list[str]:
        kind = FIELDS[name].kind
        items = split_list(cell, separators=column.separators)
        if kind == "countries" and len(items) == 1 and match("country", items[0]) is None:
            apart = split_list(items[0], separators=_COUNTRY_SEPARATORS)
            if all(match("country", item) for item in apart):
                items = apart
        if kind == "codes" and len(items) == 1 and not self._known(items[0], name, column):
            apart = split_list(items[0], separators=(",", "/", "+"))
            if all(self._known(item, name, column) for item in apart):
                items = apart
        found: list[str] = []
        for item in items:
            if kind == "texts":
                if name == "brands" and _OTHERS.fullmatch(item):
                    self.reading.written.append((name, as_text(cell)))
                    continue
                found.extend(column.codes.get(fold(item), (item,)))
            elif item.casefold() in column.absent and not (kind == "countries" and item == "NA"):
                continue
            else:
                meant = column.codes.get(fold(item))
                found.extend((self._code(item, name, header),) if meant is None else meant)
        return list(dict.fromkeys(found))

    def _known(self, item: str, name: str, column: Column) -> bool:
        return fold(item) in column.codes or match(FIELDS[name].codes, item) is not None

    def _hs(self, cell: Cell) -> str | None:
        """Digits of a tariff code, at most six; a leading zero that a spreadsheet dropped is put back."""
        text = as_text(cell)
        digits = re.sub(r"[\s.\-]", "", text)
        if not digits.isascii() or not digits.isdecimal() or not 1 < len(digits) <= 12:  # noqa: PLR2004 - national codes
            return None
        if len(digits) % 2 and (isinstance(cell, Decimal) or "." not in text):
            digits = "0" + digits
        if len(digits) > _HS_DIGITS:
            self.reading.written.append(("hs", text))
        return digits[:_HS_DIGITS]


def _spoken(list_name: str) -> str:
    return list_name.replace("_", " ")


def _choices(list_name: str) -> str:
    labels = codes.labels(list_name)
    if len(labels) > _SHORT_LIST:
        return f"a code or name of the list of {_spoken(list_name)} codes; the text is kept as it stands"
    return f"one of {', '.join(labels)}; the text is kept as it stands"


_UNREADABLE: Final = {
    "date": ("not a date that exists", "2021-03-12, 2021-03 or 2021; the text is kept as it stands"),
    "number": (
        "not a number",
        "a number such as 1200 or 1200.50, a range 1000-1200, or 'about 1000'; the text is kept",
    ),
    "yesno": ("neither yes nor no", "yes or no; the text is kept as it stands"),
    "hs": ("not a tariff code", "two, four or six digits; the text is kept as it stands"),
}
