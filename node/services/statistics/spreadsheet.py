"""Tables as CSV and XLSX that a spreadsheet shows and does not obey.

A text that begins like a formula is written with an apostrophe before it (`importing.report.safe_cell`), control
characters become spaces, and in XLSX a text is stored as a text whatever it looks like. Numbers stay numbers.

Left to others: what may be published, and writing the file (`exporting.write_file`). Trust: texts come from anywhere.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from node.services.importing.report import safe_cell
from node.services.readable import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = str | int | float | Decimal | None
"""None is a figure that is not there (unknown, or suppressed): an empty cell."""
MAX_ROWS: Final = 1_048_575
"""A sheet of XLSX has no more below its header."""
MAX_TEXT: Final = 32_767
"""A cell of XLSX holds no more characters."""
MAX_EXACT: Final = 2**53
"""A spreadsheet keeps no more digits of a number: larger ones are written as text."""
_TITLE: Final = 31
_NOT_IN_TITLES: Final = re.compile(r"[\[\]:*?/\\']")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table with its name: a title for each column, and rows of as many values."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("rows: each has as many values as there are columns")
        if any(isinstance(value, float | Decimal) and not math.isfinite(value) for row in self.rows for value in row):
            raise ValueError("rows: a number is finite; leave a figure that is not there out with None")
        if len(self.rows) > MAX_ROWS:
            raise ValueError(f"rows: a sheet has at most {MAX_ROWS} of them; narrow the table")


def to_csv(sheet: Sheet) -> bytes:
    """The table as CSV (RFC 4180), UTF-8 with a mark, without which a spreadsheet shows other scripts wrongly."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    for row in (sheet.columns, *sheet.rows):
        writer.writerow(["" if value is None else _text(value) if isinstance(value, str) else value for value in row])
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


def to_xlsx(sheets: Sequence[Sheet]) -> bytes:
    """The tables as a workbook, one sheet each; a ValueError says when there is none."""
    import openpyxl  # noqa: PLC0415 - large, and only for who asks for a workbook
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    if not sheets:
        raise ValueError("sheets: give at least one; a workbook without any cannot be opened")
    book = openpyxl.Workbook(write_only=True)
    for number, sheet in enumerate(sheets, start=1):
        # openpyxl tells two of one name apart by a number behind it.
        page = book.create_sheet(_NOT_IN_TITLES.sub(" ", plain(sheet.title))[:_TITLE].strip() or f"table {number}")
        for row in (sheet.columns, *sheet.rows):
            cells = []
            for value in row:
                cell = WriteOnlyCell(page)
                if isinstance(value, str) or (isinstance(value, int) and abs(value) > MAX_EXACT):
                    cell.value = _text(str(value))[:MAX_TEXT] if isinstance(value, str) else str(value)
                    cell.data_type = "s"
                else:
                    cell.value = value
                cells.append(cell)
            page.append(cells)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _text(value: str) -> str:
    r"""The text with its apostrophe where it needs one, and without control characters.

    >>> _text("a\x00b"), _text("\t=1")
    ('a b', "' =1")
    """
    return plain(safe_cell(value))
