"""What every reader hands on: a header, rows of cells, and the limits they keep to.

A cell keeps the type that its file gave it: text stays text, a number that a workbook stored as a number is a
`Decimal` and is never read again as text with a guessed decimal sign, a date that a workbook stored as a date
is a `date`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

Cell = str | Decimal | date | bool | tuple[str, ...]
"""One value of a table; the empty string where there is none."""

MAX_FILE_BYTES: Final = 50_000_000
"""A file larger than this is split by its owner: an import holds its table in memory."""
MAX_EXPANDED_BYTES: Final = 200_000_000
"""What the parts of a workbook may add up to once decompressed."""
MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 200
MAX_CELL_CHARACTERS: Final = 32_768
"""The limit of a spreadsheet cell itself; nothing that a person types is longer."""


class ImportRefused(Exception):  # noqa: N818 - the name is the sentence
    """The file as a whole can not be read. The message names what is wrong and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: `number` as a spreadsheet counts (the first row of the file is 1)."""

    number: int
    cells: tuple[Cell, ...]
    fault: str = ""
    """Why nothing of this row could be read; then `cells` holds its raw text, if anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A whole file, read: the header's names (unique, in order) and the rows below it."""

    kind: str
    """csv, xlsx or jsonl"""
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What the person should know about how the file was read."""
    serial_origin: date = field(default=date(1899, 12, 30))
    """Day 0 of a workbook's date numbers; 1904-01-01 in some old ones."""


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def clean_text(text: str) -> str:
    r"""Return the text without control and direction marks, with plain ends; a lone surrogate becomes U+FFFD.

    Direction marks are dropped because they make two equal references look equal and compare unequal.

    >>> clean_text(" PS-1\u200f ")
    'PS-1'
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def name_columns(cells: tuple[Cell, ...]) -> tuple[str, ...]:
    """Make header cells unique names: a nameless column is `column 7`, a repeated one gets its number."""
    names: list[str] = []
    seen: set[str] = set()
    for position, cell in enumerate(cells, start=1):
        name = " ".join(as_text(cell).split()) or f"column {position}"
        if name in seen:
            name = f"{name} ({position})"
        seen.add(name)
        names.append(name)
    return tuple(names)


def as_text(cell: Cell) -> str:
    """Return the cell as a person would write it.

    >>> as_text(Decimal("12.50")), as_text(True), as_text(("CG", "GA"))
    ('12.50', 'yes', 'CG; GA')
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, date):
        return cell.isoformat()
    return "; ".join(cell)


def find_header(rows: list[Row], *, header_row: int | None) -> int:
    """Return the position in `rows` of the header: the row told, else the first that is as wide as the table.

    Title lines above a table fill one or two cells; the header is the first of the first twenty rows that
    fills at least half as many cells as the fullest of them, all with text.
    """
    if header_row is not None:
        for position, row in enumerate(rows):
            if row.number == header_row:
                return position
        raise ImportRefused(f"the mapping says that row {header_row} holds the headers, and the file has no such row")
    head = rows[:20]
    widths = [sum(1 for cell in row.cells if cell != "") for row in head]
    fullest = max(widths, default=0)
    if not fullest:
        raise ImportRefused("the file holds no table: no row has any content")
    for position, (row, width) in enumerate(zip(head, widths, strict=True)):
        if width * 2 >= fullest and all(isinstance(cell, str) for cell in row.cells):
            return position
    return 0


def make_table(
    rows: list[Row],
    *,
    kind: str,
    header_row: int | None,
    notes: tuple[str, ...] = (),
    serial_origin: date | None = None,
) -> Table:
    """Split rows into header and body.

    Rows without any content are left out, cells beyond the header are kept.
    """
    position = find_header(rows, header_row=header_row)
    width = max(len(row.cells) for row in rows[position:])
    cells = rows[position].cells
    while width > len(cells) and all(row.cells[width - 1] == "" for row in rows[position:] if len(row.cells) >= width):
        width -= 1
    header = name_columns(cells + ("",) * (width - len(cells)))
    body = tuple(row for row in rows[position + 1 :] if row.fault or any(cell != "" for cell in row.cells))
    if serial_origin is None:
        return Table(kind=kind, header=header, rows=body, notes=notes)
    return Table(kind=kind, header=header, rows=body, notes=notes, serial_origin=serial_origin)


def check_cell(text: str, *, row: int, column: int) -> None:
    """Refuse a file with a cell beyond the limit."""
    if len(text) > MAX_CELL_CHARACTERS:
        raise ImportRefused(
            f"row {row}, column {column}: a cell of {len(text)} characters; at most {MAX_CELL_CHARACTERS} fit"
        )


def check_row_count(count: int) -> None:
    """Refuse a file with more rows than the limit."""
    if count > MAX_ROWS:
        raise ImportRefused(f"more than {MAX_ROWS} rows; split the file")


def check_column_count(count: int, *, row: int) -> None:
    """Refuse a file with more columns than the limit."""
    if count > MAX_COLUMNS:
        raise ImportRefused(f"row {row} has more than {MAX_COLUMNS} columns; at most {MAX_COLUMNS} are read")
