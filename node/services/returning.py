"""The workbook comes back: a contact point's own file, with what became of each row in columns beside its own.

Own columns, their order and, in a workbook, their formatting stay. Beside them stand: the reference here, the open
queries of others about the record, which members have it and have confirmed it, hits abroad (sightings, and feedback
that found something), and why a row was not imported. An import passes these columns over, so the same file can be
worked on, imported and returned again. What is written is text, whatever a spreadsheet would take it for.

Only counts, names of members and words of the protocol are written: nothing that another record says.

Trust: the file is hostile until it is read (`importing`); the copy that is returned is read from the same bytes.
"""

from __future__ import annotations

import csv
import io
import warnings
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.services import overview
from node.services.importing.columns import bind
from node.services.importing.fields import BESIDE
from node.services.importing.readers import FileForm, read_bytes, read_table
from node.services.importing.report import safe_cell
from node.services.importing.run import choose
from node.services.importing.tables import ImportRefused, as_text
from node.services.readable import plain
from node.storage import drafts, remarks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from node.services.importing.mapping import ImportMapping
    from node.services.importing.report import Problem
    from node.services.importing.tables import Table
    from node.storage.database import Database

COLUMNS: Final = BESIDE[7:]
SUFFIXES: Final = frozenset({".csv", ".xlsx"})
_HITS: Final = frozenset({("sighting", None), ("feedback", "found"), ("sighting", "found")})
_WHY_MANY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The file with its columns, and how many of its rows are records here."""

    data: bytes
    rows: int
    known: int


def returned(
    database: Database, path: Path, *, node: str, administration: str, mapping: ImportMapping | None,
    problems: Sequence[Problem],
) -> Returned:  # fmt: skip
    """Fill the columns for a file as it was imported. `problems`: what a dry run of its import says.

    Raises `ImportRefused` for a file that is no table, or in which no column is the reference.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ImportRefused(f"{path.name}: comes back as what it was, and that is .csv or .xlsx")
    data = read_bytes(path)
    table = read_table(data, name=path.name, form=mapping.form if mapping else FileForm())
    chosen, guess, _ = choose(table, mapping, None, path=path, administration=administration)
    if guess is not None and not guess.complete:
        raise ImportRefused("no column was recognised as the reference; give the mapping of the import")
    bound = next(
        one for one in bind(table, chosen, administration=administration).bound if one.field.name == "reference"
    )
    references = {
        row.number: as_text(row.cells[bound.index]) for row in table.rows if bound.index < len(row.cells)
    }  # fmt: skip
    told = _told(database, {text for text in references.values() if text}, node=node, administration=administration)
    why: defaultdict[int, list[str]] = defaultdict(list)
    for one in problems:
        if one.severity == "error" and len(why[one.row]) < _WHY_MANY:
            why[one.row].append(
                f"{one.column}: {one.wrong}; {one.remedy}" if one.column else f"{one.wrong}; {one.remedy}"
            )
    cells = {
        row.number: (*told.get(references.get(row.number, ""), ("", "", "", "")), " | ".join(why.get(row.number, ())))
        for row in table.rows
    }
    made = _workbook(data, table, cells) if table.kind == "xlsx" else _csv(table, cells)
    known = sum(1 for row in table.rows if told.get(references.get(row.number, "")))
    return Returned(data=made, rows=len(table.rows), known=known)


def _told(
    database: Database, references: set[str], *, node: str, administration: str
) -> dict[str, tuple[str, str, str, str]]:
    """Reference → what stands beside it."""
    with database.read() as connection:
        found = drafts.find(connection, administration, "seizure", references)
        about = {name: remarks.about(connection, node, row.rid) for name, row in found.items() if row.state != "draft"}
        answered = {
            (one.iss, one.rid)
            for rows in about.values()
            for one in rows
            if one.type == "query"
            and any(answer.iss == node for answer in remarks.answers(connection, one.iss, one.rid))
        }
    told = {}
    for name, row in found.items():
        if row.state == "draft":
            told[name] = ("draft, not released", "", "", "")
            continue
        queries = [
            f"{one.iss}: {'answered' if (one.iss, one.rid) in answered else 'open'}"
            + (f", by {one.respond_by}" if one.respond_by and (one.iss, one.rid) not in answered else "")
            for one in about[name]
            if one.type == "query" and one.iss != node
        ]
        hits = sorted({one.iss for one in about[name] if (one.type, one.result) in _HITS and one.iss != node})
        have = [
            f"{one.recipient}{'' if one.confirmed_at else ' (not confirmed)'}"
            for one in overview.recipients(database, node=node, rid=row.rid)
            if one.groups
        ]
        told[name] = (row.rid, "; ".join(queries), ", ".join(have), ", ".join(hits))
    return told


def _csv(table: Table, cells: Mapping[int, Sequence[str]]) -> bytes:
    own = [at for at, name in enumerate(table.header) if name not in COLUMNS]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([*(table.header[at] for at in own), *COLUMNS])
    for row in table.rows:
        kept = [as_text(row.cells[at]) if at < len(row.cells) else "" for at in own]
        writer.writerow([safe_cell(plain(text)) for text in (*kept, *cells[row.number])])
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


def _workbook(data: bytes, table: Table, cells: Mapping[int, Sequence[str]]) -> bytes:
    import openpyxl  # noqa: PLC0415 - large, and only for who returns a workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it drops; the file that was sent stays as it is
        book = openpyxl.load_workbook(io.BytesIO(data), keep_links=False)
    page, header_row = _page(book, table)
    there = {str(cell.value): cell.column for cell in page[header_row] if cell.value is not None}
    end = max(there.values())
    for name in COLUMNS:
        end = end if name in there else end + 1
        at = there.get(name, end)
        _put(page, header_row, at, name)
        for number, values in cells.items():
            _put(page, number, at, values[COLUMNS.index(name)])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _page(book: Any, table: Table) -> tuple[Any, int]:
    """The sheet that was read, and the row of its headers."""
    first = table.rows[0].number if table.rows else 2
    for page in book.worksheets:
        for number in range(first - 1, 0, -1):
            told = [str(cell.value).strip() for cell in page[number] if cell.value is not None]
            if told and set(told) <= {*table.header, *COLUMNS} and told[0] == table.header[0]:
                return page, number
    raise ImportRefused("the headers of the workbook are not found again; save it once, or use CSV")


def _put(page: Any, row: int, column: int, text: str) -> None:
    cell = page.cell(row=row, column=column)
    cell.value = plain(safe_cell(text)) or None
    if cell.value is not None:
        cell.data_type = "s"  # never a formula
