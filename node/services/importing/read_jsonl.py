"""JSON Lines: one object a line; also one array of objects, which some exports write instead.

A line that is no object is a row that can not be read: it is reported and the rest goes on.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from node.services.importing.read_csv import decode
from node.services.importing.tables import (
    Cell,
    ImportRefused,
    Row,
    Table,
    check_cell,
    check_column_count,
    check_row_count,
    clean_text,
    name_columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_DEPTH: Final = 8


class _BadLine(ValueError):  # noqa: N818 - the name is the sentence
    """This line is no object that can be laid out as a row."""


def read_jsonl(data: bytes, *, encoding: str | None = None) -> Table:
    """Read JSON Lines.

    Members of nested objects become columns named with dots; lists of plain values stay lists.
    """
    text, notes = decode(data, encoding=encoding)
    if not text.strip():
        raise ImportRefused("the file is empty")
    columns: dict[str, int] = {}
    flat: list[tuple[int, dict[str, Cell], str]] = []
    for number, line in _objects(text):
        check_row_count(len(flat) + 1)
        try:
            members = _flatten(_parse(line) if isinstance(line, str) else line)
        except _BadLine as fault:
            raw = line if isinstance(line, str) else "(no object)"
            flat.append((number, {}, f"{fault}: {raw[:80]}"))
            continue
        for name, cell in members.items():
            if isinstance(cell, str):
                check_cell(cell, row=number, column=columns.get(name, len(columns)) + 1)
            columns.setdefault(name, len(columns))
        check_column_count(len(columns), row=number)
        flat.append((number, members, ""))
    if not columns:
        raise ImportRefused("no line holds a JSON object with members")
    names = tuple(columns)
    rows = tuple(
        Row(number=number, cells=tuple(members.get(name, "") for name in names), fault=fault)
        for number, members, fault in flat
        if fault or any(cell != "" for cell in members.values())
    )
    return Table(kind="jsonl", header=name_columns(names), rows=rows, notes=notes)


def _objects(text: str) -> Iterator[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        try:
            whole = _parse(text)
        except _BadLine as fault:
            raise ImportRefused(f"the file begins as a JSON array and is none: {fault}") from None
        yield from enumerate(whole, start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_members)
    except _BadLine:
        raise
    except (ValueError, RecursionError, ArithmeticError):
        raise _BadLine("not valid JSON") from None


def _refuse_constant(name: str) -> None:
    raise _BadLine(f"{name} is no JSON value")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _BadLine("a member occurs twice in one object")
    return members


def _flatten(value: Any) -> dict[str, Cell]:
    if not isinstance(value, dict):
        raise _BadLine("not a JSON object")
    cells: dict[str, Cell] = {}
    todo: list[tuple[str, Any, int]] = [(name, member, 1) for name, member in reversed(value.items())]
    while todo:
        name, member, depth = todo.pop()
        if isinstance(member, dict):
            if depth == _MAX_DEPTH:
                raise _BadLine(f"nested more than {_MAX_DEPTH} deep")
            todo.extend((f"{name}.{inner}", deeper, depth + 1) for inner, deeper in reversed(member.items()))
        else:
            name = clean_text(name)
            if name in cells:
                raise _BadLine(f"two members mean the column {name}")
            cells[name] = _cell(member)
    return cells


def _cell(member: Any) -> Cell:
    if member is None:
        return ""
    if isinstance(member, str):
        return clean_text(member)
    if isinstance(member, bool):
        return member
    if isinstance(member, int | Decimal):
        number = Decimal(member)
        if not number.is_finite() or abs(number.adjusted()) > 30:  # noqa: PLR2004 - no count or amount is that large
            return str(member)[:80]
        return number
    if isinstance(member, list) and all(isinstance(item, str | int | Decimal) for item in member):
        return tuple(filter(None, (clean_text(str(item)) for item in member)))
    raise _BadLine("a list holds more than plain values")
