"""Character-separated text: find out its encoding and separator, then read it row by row.

The `csv` module of the standard library does the splitting. What it leaves open is done here: encodings,
separators, and a quotation mark that is never closed, which would otherwise swallow every row after it
without a word.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Final

from node.services.importing.tables import (
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
    from collections.abc import Iterable, Iterator

SEPARATORS: Final = (",", ";", "\t", "|")
ENCODINGS: Final = {
    "utf-8", "utf-16", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1256", "iso8859-1", "iso8859-2",
    "iso8859-15", "gb18030", "big5", "shift_jis", "euc_kr", "koi8-r", "cp866", "cp437", "cp850",
}  # fmt: skip
"""What a mapping may name. Old office programs still write the code page of their country."""

_SAMPLE_ROWS: Final = 60
_MAX_REPAIRS: Final = 20
"""How many quotation marks may never close before quotes are given up: each costs another reading."""


def decode(data: bytes, *, encoding: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text of `data` and notes for the person.

    Sniffs a byte order mark, UTF-16, UTF-8, then Windows-1252.
    """
    if encoding is not None:
        return _decode_as(data, encoding), ()
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return _decode_as(data, name), ()
    sample = data[:4096]
    if (nul := sample.count(0)) and nul * 3 >= len(sample):
        # Half the bytes of Latin text in UTF-16 are zero, all on one side.
        return _decode_as(data, "utf-16-be" if sample[::2].count(0) > sample[1::2].count(0) else "utf-16-le"), ()
    if nul:
        raise ImportRefused("this is no text table: it holds zero bytes; save it as CSV (UTF-8) or as XLSX")
    try:
        return data.decode("utf-8"), ()
    except UnicodeDecodeError:
        note = "not UTF-8: read as Windows-1252; if letters look wrong, name `encoding` in the mapping"
        return _decode_as(data, "cp1252"), (note,)


def _decode_as(data: bytes, encoding: str) -> str:
    try:
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as fault:
        raise ImportRefused(
            f"byte {fault.start} is not {encoding}; save as UTF-8, or name `encoding` in the mapping"
        ) from None


def find_separator(text: str) -> str:
    r"""Return the separator whose split gives the most rows of one width, and the widest of those.

    >>> find_separator("ref;value\\nA;1,5\\nB;2,5\\n")
    ';'
    """
    sample = text[:200_000]
    best, best_score = ",", (0, 0.0)
    for separator in SEPARATORS:
        widths = Counter[int]()
        try:
            for count, cells in enumerate(csv.reader(io.StringIO(sample, newline=""), delimiter=separator)):
                if count == _SAMPLE_ROWS:
                    break
                if len(cells) > 1:
                    widths[len(cells)] += 1
        except csv.Error:
            continue
        if widths:
            width, rows = max(widths.items(), key=lambda item: (item[1] * (item[0] - 1), item[0]))
            score = (rows * (width - 1), rows / sum(widths.values()))
            if score > best_score:
                best, best_score = separator, score
    return best


def read_csv(
    data: bytes, *, encoding: str | None = None, separator: str | None = None, header_row: int | None = None
) -> Table:
    """Read character-separated text; `ImportRefused` when it is none or is beyond the limits."""
    text, notes = decode(data, encoding=encoding)
    if not text.strip():
        raise ImportRefused("the file is empty")
    if "\x00" in text:
        raise ImportRefused("this is no text table: it holds zero characters; save it as CSV (UTF-8) or as XLSX")
    skip = 0
    first = text[:8].splitlines()[0].strip().strip('"')
    if first.casefold().startswith("sep=") and len(first) == len("sep=") + 1:
        separator, skip = separator or first[-1], 1  # a line that spreadsheets write to tell the separator
    separator = separator or find_separator(text)
    rows: list[Row] = []
    loose: list[int] = []
    for number, cells, unclosed in _records(text, separator):
        if number <= skip:
            continue
        check_row_count(len(rows) - 1)
        check_column_count(len(cells), row=number)
        if unclosed:
            loose.append(number)
        for column, cell in enumerate(cells, start=1):
            check_cell(cell, row=number, column=column)
        rows.append(Row(number=number, cells=tuple(map(clean_text, cells))))
    if loose:
        notes += (f"row {loose[0]}: a quotation mark is opened and never closed; its first line was read alone",)
    return make_table(rows, kind="csv", header_row=header_row, notes=notes)


class _Lines:
    """Lines of a text that remember what the row in hand was made of."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken.append(line)
        return line


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str], bool]]:
    """Yield row number, cells, and whether the row was split without quotes, as one of them never closes."""
    lines = _Lines(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=separator)
    number = repaired = 0
    while True:
        lines.taken.clear()
        cells: list[str] | None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            for _ in lines:  # a cell beyond the module's own limit: does its quotation mark ever close?
                pass
            cells = None
        number += 1
        if not _merged(lines.taken, separator):
            if cells is None:
                raise ImportRefused(f"row {number} holds a cell of more than {csv.field_size_limit()} characters")
            yield number, cells, False
            continue
        # The row swallowed what follows. Its first line is split as it stands, and reading goes on behind it.
        first, rest = lines.taken[0], lines.taken[1:]
        yield number, _split_plainly(first, separator), True
        repaired += 1
        if repaired == _MAX_REPAIRS:
            for position, line in enumerate(rest, start=number + 1):
                yield position, _split_plainly(line, separator), True
            return
        lines = _Lines(itertools.chain(rest, lines))
        reader = csv.reader(lines, delimiter=separator)


def _merged(lines: list[str], separator: str) -> bool:
    """Whether these lines are several rows that a quotation mark, never closed, made into one.

    Rows of several lines are common and fine; so is an odd mark inside a cell (6" pipe). Only both together,
    in a form that a strict reader refuses, is taken for a mistake.
    """
    if len(lines) == 1 or sum(line.count('"') for line in lines) % 2 == 0:
        return False
    try:
        for _ in csv.reader(lines, delimiter=separator, strict=True):
            pass
    except csv.Error:
        return True
    return False


def _split_plainly(line: str, separator: str) -> list[str]:
    return [cell.strip('"') for cell in line.rstrip("\r\n").split(separator)]
