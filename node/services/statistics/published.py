"""Read published statistics, own and received, as tables; and write them into a file.

What is shown is what is held: a table that was not granted is not there. A view and an export are asked of the
record's handling and logged like those of any record; an export stands in the register, and its file goes when the
record is recalled.

Left to others: who may ask, and writing the file (`exporting.write_file`). Trust: the figures are the issuer's, whose
form nobody has checked; what has another form than expected is skipped, and texts may be hostile.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from federation.errors import NotFound
from federation.grants import Action
from federation.records.facts import mapping, objects, readable
from federation.records.statistics import TABLES, TOTAL
from federation.records.values import DECIMAL
from node.services import bodies, exporting, search, showing
from node.services.exporting import ExportRefused, Made
from node.services.statistics import sdmx
from node.services.statistics.publication import KIND
from node.services.statistics.spreadsheet import Sheet, to_csv, to_xlsx
from node.storage import audit, drafts, exports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from node.services.showing import RecordView
    from node.services.statistics.spreadsheet import Value
    from node.storage.database import Database

Format = Literal["csv", "xlsx", "sdmx-csv"]
FORMATS: Final = ("csv", "xlsx", "sdmx-csv")
SUPPRESSED: Final = "suppressed"
MAX_CELLS: Final = 20_000
"""Cells of a table that are read: a record has no room for more."""
_MAX_EXACT: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One table. A row is its codes, `_T` for a total, and the figure as a decimal text; None is suppressed."""

    name: str
    dims: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who exports for what, where to, in which form; `path` is the file that is written, None where bytes go."""

    by: str
    purpose: str
    destination: str
    format: Format
    path: str | None = None


def show(
    database: Database, name: str, *, node: str, iss: str | None = None, by: str, purpose: str, now: int
) -> tuple[RecordView, tuple[Published, ...]]:
    """The edition of this reference (own) or id, and its tables. Logged as a view.

    Raises `NotFound` for what is no published statistics, and what `showing.show` raises.
    """
    with database.read() as connection:
        rid, issuer = _resolved(connection, name, iss, node=node)
        _edition(connection, rid, issuer)
    view = showing.show(database, rid=rid, iss=issuer, by=by, purpose=purpose, now=now)
    return view, tables_of(view.groups)


def export(database: Database, name: str, order: Order, *, node: str, iss: str | None = None, now: int) -> Made:
    """Write an edition as CSV, as a workbook or as SDMX-CSV; registered and logged in one transaction.

    Raises `ExportRefused`, `NotFound`, `Tombstoned` and `search.CriteriaRefused`.
    """
    exporting.check_order(order.purpose, order.destination)
    if order.format not in FORMATS:
        raise ExportRefused([f"format: is one of {', '.join(FORMATS)}"])
    with database.write() as connection:
        rid, issuer = _resolved(connection, name, iss, node=node)
        row = _edition(connection, rid, issuer)
        handling, verdict = search.allowed(row, Action.EXPORT, order.purpose, now=now)
        if not verdict or handling is None:
            raise ExportRefused([f"{row.iss} {row.rid}: {verdict.reason}"])
        groups = bodies.reopen_row(row).groups
        number = exports.reserve(connection)
        head = [
            ("export", str(number)), ("node", row.iss), ("id", row.rid), ("version", str(row.ver)), ("by", order.by),
            ("purpose", order.purpose), ("destination", order.destination),
            *(("obligation", sentence) for sentence in exporting.obligations(handling)), *_said(groups),
        ]  # fmt: skip
        data = _written(order.format, head, groups, reporter=row.iss)
        told = ",".join(sorted(groups))
        sha256 = exports.put(
            connection, number=number, at=now, officer=order.by, purpose=order.purpose, format_=order.format,
            destination=order.destination, path=order.path, data=data, records=[(row.iss, row.rid, row.ver, told)],
        )  # fmt: skip
        detail = json.dumps({"export": number, "to": order.destination, "sha256": sha256}, ensure_ascii=False)
        logged = audit.Disclosure(
            at=now, action="export", actor=order.by, iss=row.iss, rid=row.rid, ver=row.ver, groups=told,
            purpose=order.purpose, detail=detail,
        )  # fmt: skip
        audit.log(connection, [logged])
    return Made(number=number, data=data, sha256=sha256, records=1, left_out=0)


def _written(form: Format, head: list[tuple[str, str]], groups: Mapping[str, Any], *, reporter: str) -> bytes:
    if form == "csv":
        return _as_csv(head, groups)
    if form == "xlsx":
        return _as_workbook(head, groups)
    period = mapping(mapping(groups.get("about")).get("period"))
    first, last = str(period.get("from")), str(period.get("to"))
    try:
        return sdmx.to_csv(tables_of(groups), reporter=reporter, first=first, last=last)
    except ValueError as error:
        raise ExportRefused([str(error)]) from error


def tables_of(groups: Mapping[str, Any]) -> tuple[Published, ...]:
    """The tables that are held, in the order of the catalogue; a cell of another form than expected is skipped."""
    found = []
    for name, dims in TABLES.items():
        if name not in groups:
            continue
        rows: list[tuple[tuple[str, ...], str | None]] = []
        for cell in list(objects(mapping(groups[name]).get("cells")))[:MAX_CELLS]:
            key, n = cell.get("key"), cell.get("n")
            if not isinstance(key, list) or len(key) != len(dims) or not all(readable(code) for code in key):
                continue
            if cell.get(SUPPRESSED) is True:
                rows.append((tuple(key), None))
            elif isinstance(n, str) and DECIMAL.fullmatch(n):
                rows.append((tuple(key), n))
        rows.sort(key=lambda row: ([code == TOTAL for code in row[0]], row[0]))
        found.append(Published(name=name, dims=dims, rows=tuple(rows)))
    return tuple(found)


def _resolved(connection: Connection, name: str, iss: str | None, *, node: str) -> tuple[str, str | None]:
    """Own editions have a reference, and it may be that of a seizure as well: only editions are looked at."""
    own = drafts.find(connection, node, KIND, [name]).get(name)
    return (name, iss) if own is None else (own.rid, node)


def _edition(connection: Connection, rid: str, iss: str | None) -> Any:
    row = showing.in_use(connection, rid=rid, iss=iss)
    if row.kind != KIND:
        raise NotFound(
            "that record is no published statistics; `tidewaiter search --filter kind=statistics` finds them"
        )
    return row


def _said(groups: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the edition says about itself, name by name."""
    return [(f"about.{path}", text) for path, text in exporting.leaves(mapping(groups.get("about")))]


def _figure(n: str | None) -> Value:
    """A number where a spreadsheet keeps all its digits, else its text.

    >>> _figure("12"), _figure("90071992547409930"), _figure(None)
    (Decimal('12'), '90071992547409930', None)
    """
    if n is None:
        return None
    return Decimal(n) if Decimal(n) <= _MAX_EXACT else n


def _as_csv(head: list[tuple[str, str]], groups: Mapping[str, Any]) -> bytes:
    """One row a cell, and behind them what the edition says about itself."""
    rows: list[tuple[Value, ...]] = []
    for table in tables_of(groups):
        for key, n in table.rows:
            pairs = [part for pair in zip(table.dims, key, strict=True) for part in pair]
            rows.append((table.name, *pairs, *[""] * (4 - len(pairs)), _figure(n), SUPPRESSED if n is None else ""))
    rows += [("", name, text, "", "", None, "") for name, text in head]
    columns = ("table", "dimension", "value", "second dimension", "second value", "cases", "status")
    return to_csv(Sheet(title="statistics", columns=columns, rows=tuple(rows)))


def _as_workbook(head: list[tuple[str, str]], groups: Mapping[str, Any]) -> bytes:
    """A sheet for each table, after one that says what they are."""
    sheets = [Sheet(title="about", columns=("what", "says"), rows=tuple(head))]
    for table in tables_of(groups):
        rows = tuple((*key, _figure(n), SUPPRESSED if n is None else "") for key, n in table.rows)
        sheets.append(Sheet(title=table.name, columns=(*table.dims, "cases", "status"), rows=rows))
    return to_xlsx(sheets)
