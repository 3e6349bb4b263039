# ruff: noqa: E501 - bytes of small workbooks
from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.services.importing import read_csv as csv_reader
from node.services.importing import read_xlsx as xlsx_reader
from node.services.importing import tables
from node.services.importing.read_csv import read_csv
from node.services.importing.read_jsonl import read_jsonl
from node.services.importing.read_xlsx import read_xlsx
from node.services.importing.readers import read_bytes, read_table
from node.services.importing.tables import ImportRefused

TEXT = "Réf;Valeur\nA-1;1,5\nA-2;2,5\n"

ENCODINGS = {
    "UTF-8": TEXT.encode(),
    "UTF-8 with a byte order mark": TEXT.encode("utf-8-sig"),
    "UTF-16 with a byte order mark": TEXT.encode("utf-16"),
    "UTF-16 without one, little end first": TEXT.encode("utf-16-le"),
    "UTF-16 without one, big end first": TEXT.encode("utf-16-be"),
    "Windows-1252": TEXT.encode("cp1252"),
}


@pytest.mark.parametrize("case", ENCODINGS, ids=str)
def test_the_encoding_is_found_out(case):
    table = read_csv(ENCODINGS[case])
    assert table.header == ("Réf", "Valeur")
    assert [row.cells for row in table.rows] == [("A-1", "1,5"), ("A-2", "2,5")]


def test_a_guessed_code_page_is_told_and_can_be_named():
    cyrillic = "Номер,Страна\n1,Кения\n".encode("cp1251")
    assert "Windows-1252" in read_csv(cyrillic).notes[0]
    assert read_csv(cyrillic, encoding="cp1251").rows[0].cells == ("1", "Кения")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(separator):
    lines = [["ref", "what", "n"], ["1", "shoes and bags", "5"], ["2", "watches", "7"]]
    table = read_csv("\n".join(separator.join(line) for line in lines).encode())
    assert table.header == ("ref", "what", "n")
    assert len(table.rows) == 2


def test_a_line_that_tells_the_separator_is_taken_at_its_word_and_rows_keep_their_numbers():
    table = read_csv(b"sep=;\r\nref;n\r\n1;2,5\r\n\r\n2;3,5\r\n")
    assert table.header == ("ref", "n")
    assert [(row.number, row.cells[0]) for row in table.rows] == [(3, "1"), (5, "2")]


def test_lines_inside_quotes_belong_to_one_cell():
    table = read_csv(b'ref,what\n1,"two\nlines, with ""quotes"""\n2,x\n')
    assert table.rows[0].cells == ("1", 'two\nlines, with "quotes"')
    assert table.rows[1].number == 3


def test_a_quotation_mark_that_never_closes_swallows_nothing():
    table = read_csv(b'ref,what\n1,"open\n2,shoes\n3,bags\n')
    assert [row.cells for row in table.rows] == [("1", "open"), ("2", "shoes"), ("3", "bags")]
    assert "never closed" in table.notes[0]


def test_quotes_behind_one_that_never_closes_are_still_quotes():
    table = read_csv(b'ref,what\n1,"open\n2,"shoes, bags"\n3,x\n')
    assert [row.cells for row in table.rows] == [("1", "open"), ("2", "shoes, bags"), ("3", "x")]


def test_a_quotation_mark_that_never_closes_swallows_nothing_of_a_large_file_either():
    table = read_csv(b'ref,what\n1,"open\n' + b"2,shoes and other things\n" * 10_000)
    assert len(table.rows) == 10_001


def test_title_lines_above_the_header_are_passed_over():
    table = read_csv(b"Seizures of 2021\n\nref,country,goods\n1,KE,shoes\n")
    assert table.header == ("ref", "country", "goods")
    assert table.rows[0].number == 4


def test_columns_without_a_name_or_with_a_repeated_one_can_be_told_apart():
    assert read_csv(b"ref,,ref\n1,2,3\n").header == ("ref", "column 2", "ref (3)")


def test_an_odd_mark_in_a_row_of_several_lines_is_no_mistake():
    table = read_csv(b'ref,what,size\n1,"two\nlines",6" pipe\n2,x,y\n')
    assert table.rows[0].cells == ("1", "two\nlines", '6" pipe')
    assert table.notes == ()


LIMITS = {
    "too many rows": (csv_reader, "MAX_ROWS", 3, b"a,b\n" + b"1,2\n" * 9, "rows"),
    "too many columns": (csv_reader, "MAX_COLUMNS", 3, b"a,b,c,d\n1,2,3,4\n", "columns"),
    "a cell too long": (csv_reader, "MAX_CELL_CHARACTERS", 10, b"a,b\n1,12345678901\n", "characters"),
}


@pytest.mark.parametrize("case", LIMITS, ids=str)
def test_a_limit_refuses_the_file_and_says_which(case, monkeypatch):
    _, name, limit, data, word = LIMITS[case]
    read_csv(data)
    monkeypatch.setattr(tables, name, limit)
    with pytest.raises(ImportRefused, match=word):
        read_csv(data)


def test_a_file_beyond_the_size_limit_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "big.csv"
    path.write_bytes(b"a,b\n1,2\n")
    monkeypatch.setattr("node.services.importing.readers.MAX_FILE_BYTES", 4)
    with pytest.raises(ImportRefused, match="split it"):
        read_bytes(path)


REFUSED = {
    "an empty file": ("a.csv", b""),
    "white space": ("a.csv", b" \n\t\n"),
    "zero bytes in a text": ("a.csv", b"ref,what\n1,\x00\n"),
    "an old workbook": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)),
    "a PDF": ("a.pdf", b"%PDF-1.7"),
    "a text named as a workbook": ("a.xlsx", b"ref,what\n1,2\n"),
    "a broken archive": ("a.xlsx", b"PK\x03\x04" + bytes(40)),
    "JSON without an object": ("a.jsonl", b"[1]\n2\n"),
    "a byte that its encoding does not have": ("a.csv", b"ref\n\x81\x8d\x8f\n"),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_no_table_is_refused_with_a_reason(case):
    name, data = REFUSED[case]
    with pytest.raises(ImportRefused, match=r"\w{3}"):
        read_table(data, name=name)


def test_a_missing_file_and_a_folder_are_refused_with_a_reason(tmp_path):
    with pytest.raises(ImportRefused, match="no such file"):
        read_bytes(tmp_path / "none.csv")
    with pytest.raises(ImportRefused, match="not a plain file"):
        read_bytes(tmp_path)


def test_a_bad_line_of_json_lines_is_a_row_of_its_own():
    table = read_jsonl(
        b'{"ref": "1", "n": 5, "to": ["CG", "GA"]}\n{oops\n{"ref": "2", "route": {"origin": "CN"}}\n{"a": 1, "a": 2}\nNaN\n'
    )
    assert table.header == ("ref", "n", "to", "route.origin")
    assert table.rows[0].cells == ("1", Decimal(5), ("CG", "GA"), "")
    assert [bool(row.fault) for row in table.rows] == [False, True, False, True, True]


def test_a_bomb_of_brackets_is_one_bad_line():
    table = read_jsonl(b'{"ref": "1"}\n' + b"[" * 100_000 + b"\n")
    assert table.rows[1].fault


def workbook(rows, **sheets) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, more in sheets.items():
        sheet = book.create_sheet(title)
        for row in more:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def repacked(data: bytes, **changed: bytes) -> bytes:
    """The workbook with parts replaced or added; names as keys with `__` for slashes and dots as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changed:
                new.writestr(name, old.read(name))
        for name, content in changed.items():
            new.writestr(name, content)
    return stream.getvalue()


def test_cells_of_a_workbook_keep_their_types():
    table = read_xlsx(
        workbook([["ref", "on", "n", "x"], ["A", date(2021, 3, 12), 12.5, True], ["B", None, 600.0, None]])
    )
    assert table.rows[0].cells == ("A", date(2021, 3, 12), Decimal("12.5"), True)
    assert table.rows[1].cells[2] == Decimal(600)
    assert str(table.rows[1].cells[2]) == "600"


def test_the_sheet_named_seizures_is_read_before_the_first():
    table = read_xlsx(workbook([["a", "b"], ["1", "2"]], Seizures=[["ref", "n"], ["9", "8"]]))
    assert table.header == ("ref", "n")
    assert "Seizures" in table.notes[0]


def test_a_formula_is_never_evaluated_and_one_without_a_stored_value_is_not_lost():
    table = read_xlsx(workbook([["ref", "n"], ["A", "=1+1"]]))
    assert table.rows[0].cells[1] == "(formula without a stored value) 1+1"
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>ref</t></is></c><c r="B1" t="inlineStr"><is><t>n</t></is></c></row>'
        b'<row r="2"><c r="A2" t="inlineStr"><is><t>A</t></is></c><c r="B2"><f>40+1</f><v>42</v></c></row>'
        b"</sheetData></worksheet>"
    )
    table = read_xlsx(repacked(workbook([["ref", "n"]]), **{"xl/worksheets/sheet1.xml": sheet}))
    assert table.rows[0].cells == ("A", Decimal(42))


NOISE = b"".join(hashlib.sha256(bytes([a, b])).hexdigest().encode() for a in range(128) for b in range(140))
"""More than a megabyte that does not compress away."""

HOSTILE = {
    "an external entity": (
        "xl/worksheets/sheet1.xml",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet>&e;</worksheet>',
        "document type",
    ),
    "an entity far behind the beginning": (
        "xl/sharedStrings.xml",
        b"<!--" + NOISE + b'--><!DOCTYPE x [<!ENTITY e "e">]><sst/>',
        "document type",
    ),
    "a part in UTF-16": ("xl/styles.xml", "<!DOCTYPE x><styleSheet/>".encode("utf-16"), "UTF-8"),
    "a part that expands a thousand times": ("xl/media/bomb.bin", bytes(20_000_000), "expands"),
    "a damaged sheet": ("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row r=", "damaged"),
}


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_hostile_workbook_is_refused(case):
    name, content, word = HOSTILE[case]
    with pytest.raises(ImportRefused, match=word):
        read_xlsx(repacked(workbook([["ref", "n"], ["A", 1]]), **{name: content}))


def test_a_workbook_is_measured_before_it_is_parsed(monkeypatch):
    data = workbook([["ref", "n"], ["A", 1]])
    monkeypatch.setattr(xlsx_reader, "MAX_EXPANDED_BYTES", 100)
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *_, **__: pytest.fail("parsed before it was measured"))
    with pytest.raises(ImportRefused, match="expands to"):
        read_xlsx(data)


def test_a_workbook_with_too_many_parts_is_refused(monkeypatch):
    monkeypatch.setattr(xlsx_reader, "MAX_PARTS", 3)
    with pytest.raises(ImportRefused, match="parts"):
        read_xlsx(workbook([["ref"]]))


def test_a_size_that_lies_is_found_out():
    data = bytearray(repacked(workbook([["ref"]]), **{"xl/lie.xml": b"<a>" + b"x" * 100_000 + b"</a>"}))
    at = data.rindex(b"xl/lie.xml") - 46  # its entry in the central directory
    struct.pack_into("<L", data, at + 24, 10)  # the uncompressed size, from 100 007 bytes
    with pytest.raises(ImportRefused, match="damaged"):
        read_xlsx(bytes(data))


def test_a_cell_far_to_the_right_or_far_down_does_not_fill_the_memory():
    def sheet(cell: bytes) -> bytes:
        row = cell.lstrip(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return (
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
            b'<c r="A1" t="inlineStr"><is><t>ref</t></is></c></row><row r="'
            + row
            + b'"><c r="'
            + cell
            + b'"><v>1</v></c></row>'
            b"</sheetData></worksheet>"
        )

    base = workbook([["ref"]])
    with pytest.raises(ImportRefused, match="columns"):
        read_xlsx(repacked(base, **{"xl/worksheets/sheet1.xml": sheet(b"GS2")}))
    table = read_xlsx(repacked(base, **{"xl/worksheets/sheet1.xml": sheet(b"A99999999")}))
    assert table.rows == ()


MODEST = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PIECES = st.lists(
    st.sampled_from([b"ref", b",", b";", b"\n", b'"', b"\r", b"\t", b"|", b"\xff", b"\xfe", b"\x00", b"{", b"}", b'"a":', b"[", b"]", b"1", b"\xc3\xa9", b"\\ud800", b"sep=,\n", b"PK\x03\x04"]),
    max_size=40,
).map(b"".join)  # fmt: skip


def survives(reader, data: bytes) -> None:
    said = "read"
    try:
        reader(data)
    except ImportRefused as refused:
        said = str(refused)
    assert said


@MODEST
@given(st.one_of(st.binary(max_size=300), PIECES))
def test_any_bytes_as_csv_are_read_or_refused(data):
    survives(read_csv, data)


@MODEST
@given(st.one_of(st.binary(max_size=300), PIECES))
def test_any_bytes_as_json_lines_are_read_or_refused(data):
    survives(read_jsonl, data)


@MODEST
@given(st.one_of(st.binary(max_size=300), PIECES))
def test_any_bytes_as_a_workbook_are_read_or_refused(data):
    survives(read_xlsx, data)


BASE = workbook([["ref", "n", "on"], ["A", 1, date(2021, 3, 12)], ["B", 2.5, None]])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(BASE) - 1), st.integers(0, 255))
def test_a_workbook_with_any_byte_changed_is_read_or_refused(position, byte):
    survives(read_xlsx, BASE[:position] + bytes([byte]) + BASE[position + 1 :])


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        [
            "xl/worksheets/sheet1.xml",
            "xl/workbook.xml",
            "xl/styles.xml",
            "[Content_Types].xml",
            "xl/_rels/workbook.xml.rels",
        ]
    ),
    st.data(),
)
def test_a_workbook_with_any_part_cut_or_changed_inside_is_read_or_refused(name, data):
    with zipfile.ZipFile(io.BytesIO(BASE)) as archive:
        part = archive.read(name)
    at = data.draw(st.integers(0, len(part) - 1))
    put = data.draw(
        st.sampled_from([b"", b"<", b"9999999999", b'"', b"ZZZZZZ1", b"\x00", b"-1", b"NaN", b"&amp;", b"&x;"])
    )
    survives(read_xlsx, repacked(BASE, **{name: part[:at] + put + part[at + 1 :]}))
