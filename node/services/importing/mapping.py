"""Mapping files: whose column is which field, in TOML.

A mapping names columns, and for each the field it fills and how its cells are written; constants stand for
what the file does not say because it goes without saying; `ignore` names columns that are left out knowingly.
A mapping with a mistake is refused whole, with all its mistakes at once.
"""

from __future__ import annotations

import dataclasses
import tomllib
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from node.services.importing.fields import FIELDS
from node.services.importing.read_csv import ENCODINGS
from node.services.importing.readers import FileForm
from node.services.importing.tables import MAX_COLUMNS, ImportRefused
from node.services.importing.values import ABSENT, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from node.services.importing.dates import Order
    from node.services.importing.values import DecimalSign

MAX_MAPPING_BYTES: Final = 1_000_000
LIST_SEPARATORS: Final = (";", "|", "\n")
"""How lists are written where the mapping does not say; a comma occurs inside names."""


class MappingRefused(ImportRefused):
    """The mapping file has mistakes; `faults` lists them all."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("the mapping is refused: " + "; ".join(faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of theirs and the field of ours that it fills."""

    column: str
    field: str
    codes: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Their words, folded, to our codes; no code at all means absent."""
    separators: tuple[str, ...] = LIST_SEPARATORS
    formats: tuple[str, ...] = ()
    order: Order | None = None
    decimal: DecimalSign | None = None
    absent: frozenset[str] = ABSENT
    language: str | None = None
    keep: bool = False
    """Whether the words of a goods column are kept beside the codes that they were translated to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportMapping:
    """A whole mapping."""

    name: str
    title: str = ""
    form: FileForm = dataclasses.field(default_factory=FileForm)
    constants: Mapping[str, str] = dataclasses.field(default_factory=dict)
    columns: tuple[Column, ...]
    ignore: tuple[str, ...] = ()
    language: str = "en"
    """The language of descriptions, where a column does not say."""
    written_by: str = "author"
    """Who wrote the descriptions in that language: `author`, or `human` for a translation."""
    kind: Literal["file", "shipped", "template", "guess"] = "file"

    def headers(self) -> frozenset[str]:
        """Return the column names that a file of this kind has, folded."""
        return frozenset(fold(column.column) for column in self.columns) | frozenset(map(fold, self.ignore))


def load_mapping(
    text: str | bytes, *, name: str = "mapping", kind: Literal["file", "shipped"] = "file"
) -> ImportMapping:
    """Read a mapping file; `MappingRefused` lists every mistake in it."""
    if len(text) > MAX_MAPPING_BYTES:
        raise MappingRefused([f"more than {MAX_MAPPING_BYTES} bytes: this is no mapping file"])
    try:
        raw = tomllib.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except UnicodeDecodeError:
        raise MappingRefused(["not UTF-8; save it as UTF-8"]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        raise MappingRefused([f"not TOML: {fault}"]) from None
    return _Loader(raw, name=name, kind=kind).load()


def read_mapping(path: Path, *, kind: Literal["file", "shipped"] = "file") -> ImportMapping:
    """Read a mapping from a file."""
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise MappingRefused([f"{path}: {fault.strerror or 'can not be read'}"]) from None
    return load_mapping(data, name=path.stem, kind=kind)


class _Loader:
    """Takes a parsed mapping apart and collects what is wrong with it."""

    def __init__(self, raw: dict[str, Any], *, name: str, kind: Literal["file", "shipped"]) -> None:
        self.raw, self.name, self.kind = raw, name, kind
        self.faults: list[str] = []

    def load(self) -> ImportMapping:
        raw = self.raw
        self._known(
            raw,
            "",
            {
                "name",
                "title",
                "language",
                "written_by",
                "file",
                "constants",
                "dates",
                "numbers",
                "absent",
                "columns",
                "ignore",
            },
        )
        dates, numbers, file = (self._table(raw, part) for part in ("dates", "numbers", "file"))
        self._known(dates, "dates.", {"order", "formats"})
        self._known(numbers, "numbers.", {"decimal"})
        self._known(file, "file.", {"encoding", "separator", "sheet", "header_row"})
        defaults = {**dates, **numbers}
        if "absent" in raw:
            defaults["absent"] = raw["absent"]
        columns = [self._column(entry, position, defaults) for position, entry in enumerate(self._entries(raw))]
        seen: set[str] = set()
        for column in filter(None, columns):
            if column.field in seen and FIELDS[column.field].kind not in ("texts", "codes", "countries"):
                self.faults.append(f"two columns fill the field {column.field!r}: only a list may have several")
            seen.add(column.field)
        constants = self._constants(raw)
        if "reference" not in seen:
            self.faults.append("no column fills the field 'reference': it tells seizures apart, name its column")
        mapping = ImportMapping(
            name=self._string(raw, "name", "") or self.name,
            title=self._string(raw, "title", "") or "",
            form=self._form(file),
            constants=constants,
            columns=tuple(filter(None, columns)),
            ignore=self._strings(raw, "ignore", ""),
            language=self._string(raw, "language", "") or "en",
            written_by=self._choice(raw, "written_by", "", ("author", "human", "machine")) or "author",
            kind=self.kind,
        )
        if self.faults:
            raise MappingRefused(self.faults)
        return mapping

    def _entries(self, raw: dict[str, Any]) -> list[Any]:
        entries = raw.get("columns", [])
        if not isinstance(entries, list) or not entries:
            self.faults.append("columns: write one [[columns]] table a column, with column = and field =")
            return []
        if len(entries) > MAX_COLUMNS:
            self.faults.append(f"columns: more than {MAX_COLUMNS}")
            return []
        return entries

    def _column(self, entry: Any, position: int, defaults: dict[str, Any]) -> Column | None:
        where = f"columns[{position}]."
        if not isinstance(entry, dict):
            self.faults.append(f"columns[{position}]: write a table with column = and field =")
            return None
        allowed = {
            "column",
            "field",
            "codes",
            "separators",
            "formats",
            "order",
            "decimal",
            "absent",
            "language",
            "keep",
        }
        self._known(entry, where, allowed)
        name, target = self._string(entry, "column", where), self._string(entry, "field", where)
        if name is None or target is None:
            self.faults.extend(f"{where}{key} is missing" for key in ("column", "field") if key not in entry)
            return None
        if target not in FIELDS:
            self.faults.append(f"{where}field: {target!r} is no field; the fields are {', '.join(FIELDS)}")
            return None
        merged = {**defaults, **entry}
        return Column(
            column=name,
            field=target,
            codes=self._codes(entry, where),
            separators=self._strings(entry, "separators", where) or LIST_SEPARATORS,
            formats=self._strings(merged, "formats", where),
            order=self._choice(merged, "order", where, ("dmy", "mdy")),
            decimal=self._choice(merged, "decimal", where, (".", ",")),
            absent=frozenset(word.casefold() for word in self._strings(merged, "absent", where)) | {""}
            if "absent" in merged
            else ABSENT,
            language=self._string(entry, "language", where),
            keep=self._flag(entry, "keep", where),
        )

    def _codes(self, entry: dict[str, Any], where: str) -> dict[str, tuple[str, ...]]:
        codes: dict[str, tuple[str, ...]] = {}
        for word, meant in self._table(entry, "codes", where).items():
            targets = [meant] if isinstance(meant, str) else meant
            if not isinstance(targets, list) or not all(isinstance(code, str) for code in targets):
                self.faults.append(f"{where}codes.{word}: write our code as text, or a list of codes")
                continue
            codes[fold(word)] = tuple(filter(None, targets))
        return codes

    def _constants(self, raw: dict[str, Any]) -> dict[str, str]:
        constants: dict[str, str] = {}
        for name, value in self._table(raw, "constants").items():
            if name not in FIELDS or name == "reference":
                self.faults.append(f"constants.{name}: this is no field that can be constant")
            elif not isinstance(value, str | int) or isinstance(value, bool):
                self.faults.append(f"constants.{name}: write it as text")
            else:
                constants[name] = str(value)  # where a column fills the field too, it stands in for empty cells
        return constants

    def _form(self, file: dict[str, Any]) -> FileForm:
        encoding, separator = (
            self._string(file, "encoding", "file."),
            self._string(file, "separator", "file."),
        )
        if encoding is not None and encoding.casefold() not in ENCODINGS:
            self.faults.append(f"file.encoding: {encoding!r} is not among {', '.join(sorted(ENCODINGS))}")
        if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
            self.faults.append("file.separator: write one character, such as ; or \\t")
        header_row = file.get("header_row")
        if header_row is not None and (
            isinstance(header_row, bool) or not isinstance(header_row, int) or header_row < 1
        ):
            self.faults.append("file.header_row: write the number of the row that holds the headers, 1 or more")
            header_row = None
        return FileForm(
            encoding=encoding.casefold() if encoding else None,
            separator=separator,
            sheet=self._string(file, "sheet", "file."),
            header_row=header_row,
        )

    def _known(self, table: dict[str, Any], where: str, allowed: set[str]) -> None:
        self.faults.extend(
            f"{where}{key} is not known here; known are {', '.join(sorted(allowed))}"
            for key in table
            if key not in allowed
        )

    def _table(self, table: dict[str, Any], key: str, where: str = "") -> dict[str, Any]:
        value = table.get(key, {})
        if not isinstance(value, dict):
            self.faults.append(f"{where}{key}: write a table")
            return {}
        return value

    def _string(self, table: dict[str, Any], key: str, where: str) -> str | None:
        value = table.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self.faults.append(f"{where}{key}: write a text")
        return None

    def _strings(self, table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.faults.append(f"{where}{key}: write a list of texts")
        return ()

    def _flag(self, table: dict[str, Any], key: str, where: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            self.faults.append(f"{where}{key}: write true or false")
            return False
        return value

    def _choice(self, table: dict[str, Any], key: str, where: str, allowed: tuple[str, ...]) -> Any:
        value = table.get(key)
        if value is not None and value not in allowed:
            self.faults.append(f"{where}{key}: write {' or '.join(repr(item) for item in allowed)}")
            return None
        return value


def dump_mapping(mapping: ImportMapping, *, comments: Callable[[Column], str] = lambda _: "") -> str:
    """Return the mapping as TOML text that `load_mapping` reads back.

    `comments` gives a remark for a column.
    """
    lines = [f"name = {_quote(mapping.name)}", f"language = {_quote(mapping.language)}", ""]
    form = {
        "encoding": mapping.form.encoding, "separator": mapping.form.separator,
        "sheet": mapping.form.sheet, "header_row": mapping.form.header_row,
    }  # fmt: skip
    if any(value is not None for value in form.values()):
        lines += (
            ["[file]"]
            + [
                f"{key} = {value if isinstance(value, int) else _quote(value)}"
                for key, value in form.items()
                if value is not None
            ]
            + [""]
        )
    if mapping.constants:
        lines += ["[constants]"] + [f"{key} = {_quote(value)}" for key, value in mapping.constants.items()] + [""]
    for column in mapping.columns:
        remark = comments(column)
        lines += ["[[columns]]" + (f"  # {remark}" if remark else ""), f"column = {_quote(column.column)}"]
        lines.append(f"field = {_quote(column.field)}")
        for key, value in (
            ("order", column.order),
            ("decimal", column.decimal),
            ("language", column.language),
        ):
            if value:
                lines.append(f"{key} = {_quote(value)}")
        if column.separators != LIST_SEPARATORS:
            lines.append(f"separators = {_quotes(column.separators)}")
        if column.formats:
            lines.append(f"formats = {_quotes(column.formats)}")
        if column.absent != ABSENT:
            lines.append(f"absent = {_quotes(tuple(sorted(column.absent)))}")
        if column.codes:
            lines.append(
                "codes = { " + ", ".join(f"{_quote(k)} = {_quotes(v)}" for k, v in column.codes.items()) + " }"
            )
        lines.append("")
    if mapping.ignore:
        lines.insert(2, f"ignore = {_quotes(mapping.ignore)}")
    return "\n".join(lines)


def _quote(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(sign):04x}" if unicodedata.category(sign) == "Cc" else {'"': '\\"', "\\": "\\\\"}.get(sign, sign)
        for sign in text
    )
    return f'"{escaped}"'


def _quotes(texts: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_quote, texts)) + "]"
