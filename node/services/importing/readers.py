"""From a path to a table: which reader it is, and the size checked before a byte is parsed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.services.importing.read_csv import read_csv
from node.services.importing.read_jsonl import read_jsonl
from node.services.importing.read_xlsx import read_xlsx
from node.services.importing.tables import MAX_FILE_BYTES, ImportRefused, Table

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForm:
    """What a mapping tells about the form of its files; what is None is found out."""

    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None
    header_row: int | None = None


def read_bytes(path: Path) -> bytes:
    """Return the bytes of the file; `ImportRefused` when it is missing, no plain file, or too large."""
    try:
        if not path.is_file():
            raise ImportRefused(f"{path}: no such file" if not path.exists() else f"{path}: not a plain file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ImportRefused(f"{path.name} has {size} bytes; at most {MAX_FILE_BYTES} are read: split it")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as fault:
        raise ImportRefused(f"{path}: {fault.strerror or 'can not be read'}") from None
    except ValueError:
        raise ImportRefused("this is no file name") from None
    if len(data) > MAX_FILE_BYTES:
        raise ImportRefused(f"{path.name} has more than {MAX_FILE_BYTES} bytes: split it")
    return data


def read_table(data: bytes, *, name: str, form: FileForm | None = None) -> Table:
    """Read a table from bytes; its first bytes tell what it is, and its name where those leave it open."""
    form = form or FileForm()
    if not data:
        raise ImportRefused("the file is empty")
    if data.startswith(b"PK\x03\x04"):
        return read_xlsx(data, sheet=form.sheet, header_row=form.header_row)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ImportRefused("an old .xls workbook or one with a password; save it as .xlsx without a password")
    if data.startswith(b"%PDF"):
        raise ImportRefused("a PDF; give the table it was printed from, as CSV, XLSX or JSON Lines")
    ending = name.casefold().rpartition(".")[2]
    if ending in ("xlsx", "xlsm"):
        raise ImportRefused("named as a workbook, and it is none: an XLSX file begins with PK")
    if ending in ("jsonl", "ndjson", "json") or (ending not in ("csv", "tsv", "txt") and data.lstrip()[:1] == b"{"):
        return read_jsonl(data, encoding=form.encoding)
    return read_csv(data, encoding=form.encoding, separator=form.separator, header_row=form.header_row)


def identity_of(path: Path) -> str:
    """Tell what makes two imports the same source: the file's name, under which it is exported again."""
    return path.name.casefold()


def digest_of(data: bytes) -> str:
    """SHA-256 of the file, hexadecimal: for the log of imports."""
    return hashlib.sha256(data).hexdigest()
