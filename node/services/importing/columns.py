"""A mapping laid over a table: which cell of a row fills which field, and what whole columns tell.

Whether 1,234 is a thousand or one and a bit, and whether 03/04 is in March or in April, no cell tells alone.
The other cells of its column do, unless the mapping says it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from node.services.importing.dates import Order, decide_order, parse_date
from node.services.importing.fields import FIELDS, Field
from node.services.importing.tables import Cell, ImportRefused, Table
from node.services.importing.values import decide_decimal, fold, is_absent, parse_number

if TYPE_CHECKING:
    from node.services.importing.mapping import Column, ImportMapping

MONTH_FIRST: Final = frozenset({"US", "PR", "GU", "AS", "VI", "MP", "FM", "MH", "PW", "PH"})
"""Administrations that write the month before the day, where a column leaves it open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One column of the table bound to a field."""

    index: int
    header: str
    column: Column
    field: Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """All bound columns, and what the person should know about how they are read."""

    bound: tuple[Bound, ...]
    notes: tuple[str, ...]


def bind(table: Table, mapping: ImportMapping, *, administration: str) -> Binding:
    """Lay the mapping over the table; `ImportRefused` when the column of the reference is not there."""
    positions = {fold(name): index for index, name in reversed(list(enumerate(table.header)))}
    bound: list[Bound] = []
    notes: list[str] = []
    missing: list[str] = []
    for column in mapping.columns:
        index = positions.get(fold(column.column))
        if index is None:
            missing.append(column.column)
            continue
        found = Bound(index=index, header=table.header[index], column=column, field=FIELDS[column.field])
        found, remark = _decide(table, found, administration=administration)
        bound.append(found)
        notes.extend(remark)
    if not any(one.field.name == "reference" for one in bound):
        wanted = next(column.column for column in mapping.columns if column.field == "reference")
        shown = ", ".join(table.header)[:300]
        raise ImportRefused(f"the mapping takes the reference from the column {wanted!r}; the file has {shown}")
    if missing:
        notes.append(f"columns of the mapping that the file does not have: {', '.join(missing)[:500]}")
    used = {one.index for one in bound}
    ignored = {fold(name) for name in mapping.ignore}
    left = [name for index, name in enumerate(table.header) if index not in used and fold(name) not in ignored]
    if left:
        notes.append(f"columns that are not imported: {', '.join(left)[:500]}")
    return Binding(bound=tuple(bound), notes=tuple(notes))


def _decide(table: Table, one: Bound, *, administration: str) -> tuple[Bound, list[str]]:
    """Find out what the cells of the column together tell about its decimals or its day and month."""
    kind, column = one.field.kind, one.column
    if kind == "number" and column.decimal is None:
        cells = [row.cells[one.index] for row in table.rows if one.index < len(row.cells)]
        decimal = decide_decimal(cells)
        if decimal is None:
            doubt = next((text for text in cells if (found := parse_number(text)) and found.ambiguous), None)
            if doubt is None:
                return one, []
            remark = (
                f"column {one.header!r}: nothing tells whether {doubt!r} has decimals; its separator is "
                "taken for that of thousands; `decimal` in the mapping decides it"
            )
            return one, [remark]
        return replace(one, column=replace(column, decimal=decimal)), []
    if kind == "date" and column.order is None:
        cells = [row.cells[one.index] for row in table.rows if one.index < len(row.cells)]
        order = decide_order(cells)
        remarks: list[str] = []
        if order is None:
            order = _default_order(administration)
            read = ((text, parse_date(text, order=order)) for text in cells)
            doubt = next((text for text, date in read if date and date.ambiguous), None)
            if doubt is not None:
                first = "day" if order == "dmy" else "month"
                remarks.append(
                    f"column {one.header!r}: nothing tells if {doubt!r} begins with the day or the month: "
                    f"the {first} is taken for first; `order` in the mapping decides it"
                )
        return replace(one, column=replace(column, order=order)), remarks
    return one, []


def _default_order(administration: str) -> Order:
    return "mdy" if administration in MONTH_FIRST else "dmy"


def present(cell: Cell, one: Bound) -> bool:
    """Whether a cell of this column says anything."""
    country = one.field.codes == "country"
    return not is_absent(cell, absent=one.column.absent, country=country)
