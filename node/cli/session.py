"""What every command is given: the home, the printer, and the way to open the one with the other's options."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from node.cli.output import Output

if TYPE_CHECKING:
    from node.app import Home

HOME_VARIABLE: Final = "TIDEWAITER_HOME"
BY_KEY: Final = {"ignore_unknown_options": True}
"""Settings of commands that take the id of a key: one in sixty-four begins with a hyphen, and is no option for that."""
MAX_INPUT_BYTES: Final = 20_000_000
"""Of a file that a command reads whole: policies, cards, pages, directories. Imports have their own limits."""


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one call."""

    home: Path
    out: Output

    @contextmanager
    def opened(self, *, migrate: bool = False) -> Iterator[Home]:
        """This home's parts, closed at the end."""
        from node.app import open_home

        home = open_home(self.home, migrate=migrate)
        try:
            yield home
            home.count()
        finally:
            home.close()


class Refusal(Exception):  # noqa: N818 - what it is called towards the user
    """A command that cannot do what was asked: the sentence says why and what to do; `status` is the exit status."""

    def __init__(self, sentence: str, *, status: int = 1) -> None:
        super().__init__(sentence)
        self.status = status


def session(context: typer.Context) -> Session:
    """The session that the root command made."""
    found = context.find_root().obj
    assert isinstance(found, Session)  # noqa: S101 - set by the root callback, for the type checker
    return found


def default_home() -> Path:
    """`TIDEWAITER_HOME`, else a folder among the user's own data."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given) if given else Path.home() / ".local" / "share" / "tidewaiter"


def officer(name: str | None) -> str:
    """Who acts: the name that was given, else the user of this machine."""
    if name is not None:
        if not name.strip() or not name.isprintable():
            raise Refusal("--by: is empty or not printable; write a name", status=2)
        return name.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"


def read_input(path: Path, *, what: str) -> bytes:
    """A whole file, or standard input for `-`; refused when it is larger than anything of its kind."""
    if str(path) == "-":
        data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    else:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_INPUT_BYTES + 1)
        except OSError as error:
            raise Refusal(f"{path}: {error.strerror or 'cannot be read'}; give {what}") from None
    if len(data) > MAX_INPUT_BYTES:
        raise Refusal(f"{path}: is larger than {MAX_INPUT_BYTES} bytes; give {what}")
    return data
