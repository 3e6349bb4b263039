"""Tables for spreadsheets: read back they are what was written, and no text is a formula."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import openpyxl
import pytest

from node.services.statistics.spreadsheet import MAX_EXACT, Sheet, to_csv, to_xlsx

FORMULAS = ("=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "=cmd|' /C calc'!A0")
SHEET = Sheet(
    title="Cases: 2025/26",
    columns=("brand", "cases", "weight", "value"),
    rows=(("الساعات", 3, 1.5, Decimal("20.25")), ("=1+1", -4, None, 0), ('plain, "quoted"\nline', 0, 2.0, None)),
)


def read(data, **options):
    return openpyxl.load_workbook(io.BytesIO(data), **options)


def test_a_workbook_reads_back_with_numbers_as_numbers():
    (page,) = read(to_xlsx([SHEET])).worksheets
    rows = list(page.iter_rows(values_only=True))
    assert page.title == "Cases  2025 26"
    assert rows[0] == SHEET.columns
    assert rows[1] == ("الساعات", 3, 1.5, 20.25)
    assert rows[2] == ("'=1+1", -4, None, 0)
    assert rows[3] == ('plain, "quoted"\nline', 0, 2, None)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_begins_like_a_formula_is_none_in_either_form(text):
    sheet = Sheet(title="t", columns=(text,), rows=((text,),))
    for row in read(to_xlsx([sheet])).active.iter_rows():
        for cell in row:
            assert cell.data_type == "s"
            assert str(cell.value).startswith("'")
    rows = list(csv.reader(io.StringIO(to_csv(sheet).decode("utf-8-sig"), newline="")))
    assert len(rows) == 2
    assert all(row[0].startswith("'") for row in rows)


def test_csv_reads_back_and_negative_numbers_stay_numbers():
    data = to_csv(SHEET)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert rows[1:] == [
        ["الساعات", "3", "1.5", "20.25"], ["'=1+1", "-4", "", "0"], ['plain, "quoted"\nline', "0", "2.0", ""],
    ]  # fmt: skip


def test_control_characters_and_numbers_beyond_a_spreadsheet_are_written_so_that_it_opens():
    sheet = Sheet(title="", columns=("a\x00b",), rows=((MAX_EXACT + 1,), ("x" * 40_000,)))
    page = read(to_xlsx([sheet, sheet])).worksheets[0]
    rows = [row[0] for row in page.iter_rows(values_only=True)]
    assert rows == ["a b", str(MAX_EXACT + 1), "x" * 32_767]


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match="as many values"):
        Sheet(title="t", columns=("a", "b"), rows=((1,),))
    with pytest.raises(ValueError, match="finite"):
        Sheet(title="t", columns=("a",), rows=((float("nan"),),))
    with pytest.raises(ValueError, match="at least one"):
        to_xlsx([])
