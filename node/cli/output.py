"""What commands print: results on standard output, everything else on standard error.

With `--json` a result is JSON, one document a line, and nothing else is on standard output. Without it people get
tables. Whatever is printed for people is cleaned of control characters first: titles and texts come from other nodes,
and a terminal obeys what it is told.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from node.services.readable import plain

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE: Final = 200
"""Columns of a table that no terminal limits."""
Advance = "Callable[[int, int], None]"


def instant(seconds: int | None) -> str:
    """A time for people, in UTC.

    >>> instant(0), instant(None)
    ('1970-01-01 00:00:00Z', '')
    """
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


class Output:
    """Where a command prints. `json` is the global option."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def result(self, value: Any) -> None:
        """Print a JSON document on one line; call it only when `json` is set."""
        import orjson

        sys.stdout.write(orjson.dumps(value).decode() + "\n")
        sys.stdout.flush()

    def line(self, text: str) -> None:
        """Print a line of a result for people."""
        sys.stdout.write(plain(text) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Tell the person something that is no part of the result."""
        sys.stdout.flush()
        sys.stderr.write(plain(text) + "\n")
        sys.stderr.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
        """Print a table for people, or the sentence `empty` when it has no rows."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        listed = list(rows)
        if not listed:
            self.line(empty)
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in listed:
            table.add_row(*(Text(plain(cell)) for cell in row))
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE, highlight=False).print(table)

    def pairs(self, rows: Iterable[tuple[str, object]]) -> None:
        """Print names with their values, those without a value left out."""
        told = [(name, plain(value)) for name, value in rows if value not in (None, "", [], ())]
        width = max((len(name) for name, _ in told), default=0)
        for name, value in told:
            self.line(f"{name:<{width}}  {value}")

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[int, int], None]]:
        """A bar on standard error for long work: `(done, all)`. Silent off a terminal and with `--json`."""
        if self.json or not sys.stderr.isatty():
            yield lambda _done, _all: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
            task = bar.add_task(plain(title), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def grouped(digits: str) -> str:
    """A fingerprint in groups of four, as two people read it to each other.

    >>> grouped("e055413faab2")
    'e055 413f aab2'
    """
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
