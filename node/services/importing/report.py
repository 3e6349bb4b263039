"""What an import tells: counts that add up, and every problem with its row, column and remedy."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

COLUMNS: Final = ("severity", "row", "reference", "column", "value", "wrong", "remedy")
MAX_SHOWN_VALUE: Final = 500

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a file. An error keeps the seizure out, a warning does not."""

    severity: Literal["error", "warning"]
    row: int
    """As a spreadsheet counts; 0 for the file as a whole."""
    reference: str
    column: str
    value: str
    wrong: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that only a person can answer."""

    reference: str
    question: str


@dataclass(slots=True, kw_only=True)
class Counts:
    """All but `rows` and `warnings` count seizures.

    `records` is the sum of the five ways a seizure can go.
    """

    rows: int = 0
    imported: int = 0
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    warnings: int = 0
    errors: int = 0

    @property
    def records(self) -> int:
        """All seizures seen."""
        return self.imported + self.changed + self.unchanged + self.skipped + self.errors

    def to_json(self) -> dict[str, int]:
        """Return the counts in the order in which they are printed."""
        return {
            "rows": self.rows,
            "records": self.records,
            "imported": self.imported,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "warnings": self.warnings,
            "errors": self.errors,
        }


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """The outcome of one import."""

    status: Literal["imported", "dry-run", "confirm-mapping"]
    mapping: str
    """Name of the mapping that was used or is proposed."""
    mapping_kind: Literal["file", "shipped", "template", "guess"]
    counts: Counts = field(default_factory=Counts)
    problems: list[Problem] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the person should know about how the file was read."""
    mapping_toml: str = ""
    """The proposed mapping, when it is to be confirmed."""
    errors_path: Path | None = None
    """Where errors and warnings were written, when there are any."""


def errors_path_of(path: Path) -> Path:
    """Return where the problems of a file are written: `seizures.xlsx` → `seizures.xlsx.errors.csv`."""
    return path.with_name(path.name + ".errors.csv")


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    >>> safe_cell("=1+1"), safe_cell("watches")
    ("'=1+1", 'watches')
    """
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def render_problems(problems: Iterable[Problem]) -> str:
    """Return the problems as CSV with a header (RFC 4180), errors first, then by row."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for one in sorted(problems, key=lambda item: (item.severity != "error", item.row)):
        cells = (
            one.severity,
            str(one.row),
            one.reference,
            one.column,
            _shown(one.value),
            one.wrong,
            one.remedy,
        )
        writer.writerow([safe_cell(cell) for cell in cells])
    return stream.getvalue()


def write_problems(path: Path, problems: list[Problem]) -> Path | None:
    """Write `<file>.errors.csv` whole or not at all; with no problems, remove the one of an earlier import.

    UTF-8 with a byte order mark, without which a spreadsheet shows other scripts wrongly. `OSError` goes to
    the caller.
    """
    target = errors_path_of(path)
    if not problems:
        if _is_ours(target):
            target.unlink(missing_ok=True)
        return None
    handle, name = tempfile.mkstemp(prefix=".errors-", suffix=".csv", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as stream:
            stream.write(render_problems(problems))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return target


def _is_ours(path: Path) -> bool:
    """Only a file with our own header is removed: somebody may have named another so."""
    try:
        with path.open("rb") as stream:
            return stream.read(200).decode("utf-8-sig", errors="replace").startswith(",".join(COLUMNS))
    except OSError:
        return False


def _shown(value: str) -> str:
    return value if len(value) <= MAX_SHOWN_VALUE else value[:MAX_SHOWN_VALUE] + " …"
