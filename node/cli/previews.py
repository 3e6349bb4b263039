"""How a preview of a policy is shown and written out, and how an officer's key is opened."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from typing import TYPE_CHECKING, Any, Final

import typer

from node.cli.session import Refusal, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crypto.signer import Signer
    from federation.policy import Change

SHOWN: Final = 50
COLUMNS: Final = ("record", "recipient", "group", "was", "becomes")
PASSPHRASE_VARIABLE: Final = "TIDEWAITER_PASSPHRASE"  # noqa: S105 - the name of a variable


def show(at: Session, found: dict[str, Any], titles: dict[str, str]) -> None:
    """Print what would be gained and lost, the first of it as a table, and the warnings."""
    for word, count in (("gained", found["gains"]), ("lost", found["losses"])):
        at.out.line(f"{count} {word}.")
        rows = [
            (
                titles.get(one["rid"], one["rid"]), one["recipient"], one["group"], one["was"] or "nothing",
                one["becomes"] or "nothing",
            )
            for one in found[word][:SHOWN]
        ]  # fmt: skip
        if rows:
            at.out.table(COLUMNS, rows, empty="")
        if count > len(rows):
            at.out.line(f"and {count - len(rows)} more; `tidewaiter policy diff FILE --export FILE` lists all")
    at.out.line(f"{found['handlings']} times other obligations on groups that stay.")
    for warning in found["warnings"]:
        at.out.say(f"warning: {warning}")
    at.out.line(f"Digest of this preview: {found['digest']}")


@contextlib.contextmanager
def exporting(path: Path | None) -> Iterator[Callable[[Change], None] | None]:
    """What writes every change to a file as it comes, CSV or JSON lines; None without a file."""
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            yield lambda change: print(json.dumps(change._asdict(), ensure_ascii=False), file=file)
            return
        writer = csv.writer(file)
        writer.writerow(("record", "recipient", "group", "was", "becomes"))
        yield writer.writerow


def open_key(path: Path | None, passphrase_file: Path | None) -> Signer | None:
    """An officer's signing key; None where none is given."""
    if path is None:
        return None
    from crypto.errors import KeyFileRefused
    from crypto.signer import FileSigner

    try:
        return FileSigner.load(path, passphrase(passphrase_file, confirm=False))
    except KeyFileRefused as error:
        raise Refusal(f"--key: {error}") from None


def passphrase(path: Path | None, *, confirm: bool) -> bytes:
    """The passphrase of a key: from a file, from the environment, or asked for."""
    if path is not None:
        try:
            return path.read_bytes().strip()
        except OSError as error:
            raise Refusal(f"--passphrase-file: {path}: {error.strerror}") from None
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given.encode()
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)).encode()
