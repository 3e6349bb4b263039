"""XLSX workbooks: checked as an archive before any of it is parsed, then read by openpyxl as a stream.

What is checked first: the size of the file, the number and the declared sizes of its parts, their expansion,
and that no part declares a document type (the door to external entities and entity expansion). `zipfile`
never gives more bytes of a part than its declared size, so that the declared sizes are a bound. Formulas are
never evaluated: the value that the spreadsheet program stored beside a formula is used.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import openpyxl

from node.services.importing.tables import (
    MAX_COLUMNS,
    MAX_EXPANDED_BYTES,
    MAX_ROWS,
    Cell,
    ImportRefused,
    Row,
    Table,
    check_cell,
    check_column_count,
    check_row_count,
    clean_text,
    make_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PARTS: Final = 2_000
MAX_EXPANSION: Final = 500
"""How many times larger than its compressed form a part may be: honest sheets reach 100, bombs 1 000."""
SMALL_PART: Final = 1_000_000
"""A part under this size may be compressed as well as it likes: a column of equal cells is no attack."""

_CHUNK: Final = 1 << 20
_BATCH: Final = 500
_EMPTY_RUN: Final = 5_000


def check_archive(data: bytes) -> bool:
    """Check the archive before it is parsed; return whether any sheet holds formulas."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            _measure(parts)
            texts = [part for part in parts if part.filename.casefold().endswith((".xml", ".rels", ".vml"))]
            formulas = [_check_part(archive, part) for part in texts]
    except ImportRefused:
        raise
    except Exception as fault:  # noqa: BLE001 - zipfile, zlib, lzma and bz2 each raise their own
        raise ImportRefused(f"the workbook is damaged: {str(fault)[:100]}; save it again") from None
    return any(formulas)


def _measure(parts: list[zipfile.ZipInfo]) -> None:
    """Refuse too many parts, too large ones, and what is no workbook, by the archive's own directory."""
    if len(parts) > MAX_PARTS:
        raise ImportRefused(f"the workbook has more than {MAX_PARTS} parts; save a plain copy of the sheet")
    for part in parts:
        if part.flag_bits & 1:
            raise ImportRefused("the workbook is protected by a password; save a copy without one")
        if part.file_size > SMALL_PART and part.file_size > MAX_EXPANSION * part.compress_size:
            raise ImportRefused(f"the part {part.filename[:60]!r} expands more than {MAX_EXPANSION} times")
    total = sum(part.file_size for part in parts)
    if total > MAX_EXPANDED_BYTES:
        raise ImportRefused(f"the workbook expands to {total} bytes; at most {MAX_EXPANDED_BYTES} are read")
    if "[Content_Types].xml" not in {part.filename for part in parts}:
        raise ImportRefused("a ZIP archive, and no XLSX workbook is in it; give the workbook itself")


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    formulas, tail = False, b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            window = tail + chunk
            if not tail and b"\x00" in window[:64]:
                raise ImportRefused(f"the part {part.filename[:60]!r} is not UTF-8; save the workbook again")
            if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
                raise ImportRefused(f"the part {part.filename[:60]!r} declares a document type: no workbook needs one")
            formulas = formulas or b"<f>" in window or b"<f " in window
            tail = window[-16:]
    return formulas and "worksheets/" in part.filename


def read_xlsx(data: bytes, *, sheet: str | None = None, header_row: int | None = None) -> Table:
    """Read one sheet: the one named, else `seizures`, else the first visible sheet that has content."""
    formulas = check_archive(data)
    try:
        return _read(data, sheet=sheet, header_row=header_row, formulas=formulas)
    except ImportRefused:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever openpyxl stumbles over
        # openpyxl has no common error: a damaged part surfaces as whatever was tried with it.
        raise ImportRefused(f"the workbook is damaged ({type(fault).__name__}); open it and save it again") from None


def _read(data: bytes, *, sheet: str | None, header_row: int | None, formulas: bool) -> Table:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of every feature that it drops; none of them is a cell
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        second = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False) if formulas else None
    try:
        candidates = _sheets(book, sheet)
        for name in candidates:
            rows = _rows(book[name], second[name] if second else None)
            if rows:
                notes = (f"the sheet {name!r} was read",) if len(book.sheetnames) > 1 else ()
                old = bool(book.epoch == datetime(1904, 1, 1))  # noqa: DTZ001 - openpyxl's epoch has no zone
                origin = date(1904, 1, 1) if old else date(1899, 12, 30)
                return make_table(rows, kind="xlsx", header_row=header_row, notes=notes, serial_origin=origin)
    finally:
        book.close()
        if second:
            second.close()
    raise ImportRefused("the workbook holds no table: no sheet has any content")


def _sheets(book: Any, wanted: str | None) -> list[str]:
    visible = [ws.title for ws in book.worksheets if ws.sheet_state == "visible"]
    if wanted is not None:
        if wanted not in book.sheetnames:
            raise ImportRefused(f"the mapping names the sheet {wanted!r}; the workbook has {', '.join(visible)[:200]}")
        return [wanted]
    return [name for name in visible if name.casefold() == "seizures"] or visible


def _rows(sheet: Any, with_formulas: Any) -> list[Row]:
    rows: list[Row] = []
    empty = 0
    for number, (values, sources) in enumerate(_batched(sheet, with_formulas), start=1):
        cells = tuple(_cell(value, row=number, column=at) for at, value in enumerate(values, start=1))
        if sources is not None and any(isinstance(text, str) and text.startswith("=") for text in sources):
            cells = tuple(
                as_formula(source) if cell == "" and isinstance(source, str) and source.startswith("=") else cell
                for cell, source in zip(cells, sources, strict=False)
            )
        while cells and cells[-1] == "":
            cells = cells[:-1]
        check_column_count(len(cells), row=number)
        if not cells:
            empty += 1
            if empty > _EMPTY_RUN:
                break  # formatting down to the last row of the sheet, nothing in it
            continue
        empty = 0
        check_row_count(len(rows))
        rows.append(Row(number=number, cells=cells))
    return rows


def as_formula(source: str) -> str:
    """Return a formula whose value the file does not hold, shown so that it is reported and not lost."""
    return f"(formula without a stored value) {source.lstrip('=')[:200]}"


def _batched(sheet: Any, with_formulas: Any) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...] | None]]:
    """Rows of the sheet, and beside them their formulas.

    Warnings are silenced while openpyxl runs, and not between.
    """
    limit = MAX_ROWS + _EMPTY_RUN + 50
    sheet.reset_dimensions()
    values = sheet.iter_rows(max_col=MAX_COLUMNS + 1, max_row=limit, values_only=True)
    sources = None
    if with_formulas is not None:
        with_formulas.reset_dimensions()
        sources = with_formulas.iter_rows(max_col=MAX_COLUMNS + 1, max_row=limit, values_only=True)
    while True:
        batch: list[tuple[tuple[Any, ...], tuple[Any, ...] | None]] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in values:
                batch.append((row, next(sources, None) if sources is not None else None))
                if len(batch) == _BATCH:
                    break
        if not batch:
            return
        yield from batch


def _cell(value: Any, *, row: int, column: int) -> Cell:
    if isinstance(value, str):
        check_cell(value, row=row, column=column)
        return clean_text(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return "" if value is None else clean_text(str(value))


def _number(value: float) -> Cell:
    number = Decimal(repr(value))
    if not number.is_finite() or abs(number.adjusted()) > 30:  # noqa: PLR2004 - no count or amount is that large
        return str(value)[:80]
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number
