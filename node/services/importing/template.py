"""The product's own workbook to fill in: a row a goods line, code lists as drop-downs, a page of help.

Drop-downs offer codes and refuse nothing: several codes in one cell, and words that no list has, are read as
well. Columns where a spreadsheet would spoil what is typed (dates of a month, numbers with leading zeros) are
text.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import openpyxl
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from federation.records import codes
from node.services.importing.fields import FIELDS, Field
from node.services.importing.headers import LANGUAGES, label_in

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS: Final = 2_000
"""Rows prepared with drop-downs and text columns; rows below them are read all the same."""
SHEET: Final = "seizures"

_TEXT_KINDS: Final = ("text", "texts", "date", "hs")
_HEAD: Final = PatternFill("solid", fgColor="1F3A5F")
_REQUIRED: Final = PatternFill("solid", fgColor="8A1C1C")
_NOMINAL: Final = PatternFill("solid", fgColor="6B5B00")


def write_template(path: Path, *, language: str = "en") -> None:
    """Write the template whole or not at all.

    `language` is one of `headers.LANGUAGES`; `OSError` goes to the caller.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no template in {language!r}; there is one in {', '.join(LANGUAGES)}")
    book = build_template(language=language)
    handle, name = tempfile.mkstemp(prefix=".template-", suffix=".xlsx", dir=path.resolve().parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            book.save(stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def build_template(*, language: str = "en") -> openpyxl.Workbook:
    """Return the template as a workbook in memory."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = SHEET
    fields = list(FIELDS.values())
    _headers(sheet, fields, language)
    _explain(book.create_sheet("help"), fields, language)
    lists: Any = book.create_sheet("lists")
    lists.sheet_state = "hidden"
    _drop_downs(sheet, lists, fields)
    return book


def _headers(sheet: Any, fields: Sequence[Field], language: str) -> None:
    for position, field in enumerate(fields, start=1):
        cell = sheet.cell(row=1, column=position, value=label_in(field.name, language))
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = _REQUIRED if field.level == "identity" else _NOMINAL if field.nominal else _HEAD
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        letter = get_column_letter(position)
        sheet.column_dimensions[letter].width = 32 if field.kind == "prose" else 18
        if field.kind in _TEXT_KINDS:
            sheet.column_dimensions[letter].number_format = "@"
            for row in range(2, 102):  # the column's own format is not enough for every spreadsheet program
                sheet.cell(row=row, column=position).number_format = "@"
    sheet.row_dimensions[1].height = 32
    sheet.freeze_panes = "C2"
    sheet.sheet_view.rightToLeft = language == "ar"


def _explain(sheet: Any, fields: Sequence[Field], language: str) -> None:
    intro = (
        "One row is one goods line. Rows with the same reference are one seizure.",
        "Leave empty what is not known. What no list has may be written in words.",
        "Dates: 2021-03-12, or 2021-03, or 2021. Several values in one cell: semicolons between them.",
        "Brown columns can name somebody: they stay at home unless a sharing rule names them.",
    )
    for row, text in enumerate(intro, start=1):
        sheet.cell(row=row, column=1, value=text)
    start = len(intro) + 2
    for column, text in enumerate(("Column", "What to write", "Codes"), start=1):
        sheet.cell(row=start, column=column, value=text).font = Font(bold=True)
    for row, field in enumerate(fields, start=start + 1):
        sheet.cell(row=row, column=1, value=label_in(field.name, language))
        sheet.cell(row=row, column=2, value=field.help)
        if field.codes and field.codes not in ("country", "currency"):
            shown = "; ".join(f"{code} = {label}" for code, label in codes.labels(field.codes).items())
            sheet.cell(row=row, column=3, value=shown)
    sheet.column_dimensions["A"].width = 30
    sheet.column_dimensions["B"].width = 80
    sheet.column_dimensions["C"].width = 120


def _drop_downs(sheet: Any, lists: Any, fields: Sequence[Field]) -> None:
    columns: dict[str, str] = {}
    for field in fields:
        if field.codes and field.codes not in columns:
            columns[field.codes] = _list_column(lists, len(columns) + 1, field.codes, list(codes.labels(field.codes)))
        if field.kind == "yesno" and "yesno" not in columns:
            columns["yesno"] = _list_column(lists, len(columns) + 1, "yesno", ["yes", "no"])
    for position, field in enumerate(fields, start=1):
        source = columns.get("yesno" if field.kind == "yesno" else field.codes)
        if source is None:
            continue
        choice = DataValidation(type="list", formula1=source, allow_blank=True, showErrorMessage=False)
        choice.promptTitle, choice.prompt, choice.showInputMessage = field.label[:32], field.help[:255], True
        letter = get_column_letter(position)
        choice.add(f"{letter}2:{letter}{ROWS}")
        sheet.add_data_validation(choice)


def _list_column(lists: Any, position: int, name: str, items: list[str]) -> str:
    lists.cell(row=1, column=position, value=name)
    for row, item in enumerate(items, start=2):
        lists.cell(row=row, column=position, value=item)
    letter = get_column_letter(position)
    return f"lists!${letter}$2:${letter}${len(items) + 1}"
