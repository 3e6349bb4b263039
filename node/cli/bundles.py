"""Offline bundles: what the network would carry, in a file for a courier."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    from federation.bundles import Buffer
    from node.app import Home
    from node.services.bundles import Made, Taken

bundle_app: Final = typer.Typer(
    help="Carry pages, receipts and the directory in a sealed file.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(bundle_app, name="bundle")


@bundle_app.command()
def make(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="The peer that it is for; nobody else can open it.")],
    output: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    since_receipt: Annotated[
        bool, typer.Option("--since-receipt", help="Only what the peer has not confirmed. Default: everything.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who acts, for the register. Default: this machine's user.")] = None,
) -> None:
    """Make a bundle for a peer: the pages of its feeds, our receipts for its own, and the directory."""
    at = session(context)
    with at.opened() as home:
        made = _write(
            output, lambda file: home.bundle_maker().make(to, file, by=officer(by), since_receipt=since_receipt)
        )
    if at.out.json:
        at.out.result(_made(made, output, to))
        return
    at.out.line(
        f"{output}: {made.entries} entries and {made.receipts} receipts for {to}, in {made.chunks} chunks, "
        f"{made.bytes} bytes."
    )
    if made.kept_back:
        at.out.say(f"{made.kept_back} records of others go without their content: their handling does not allow it.")


@bundle_app.command()
def apply(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The bundle that came.")],
    receipt: Annotated[
        Path | None, typer.Option(help="Write the bundle to be carried back, with our receipts, into this file.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who acts, for the register. Default: this machine's user.")] = None,
) -> None:
    """Take in a bundle: verified like what comes over the network; repeating it changes nothing."""
    from node.services import indexing
    from node.services.verifiers import Verifiers

    at = session(context)
    answer: Made | None = None
    with at.opened() as home, _mapped(file) as data:
        home.membership.current()
        verifiers = Verifiers(home.settings.verifiers)
        try:
            taken = home.bundle_taker(verifiers).take(data, by=officer(by))
        finally:
            verifiers.stop()
        while indexing.follow(home.database, now=home.clock()):
            pass
        if receipt is not None and taken.sender is not None:
            answer = _answer(home, taken.sender, receipt, by=officer(by))
    if at.out.json:
        told = _taken(taken)
        if answer is not None and receipt is not None:
            told["receipt"] = _made(answer, receipt, str(taken.sender))
        at.out.result(told)
    else:
        _tell(at.out, taken)
        if answer is not None:
            at.out.line(f"{receipt}: to be carried back to {taken.sender}, with {answer.receipts} receipts.")
    if taken.sender is None:
        raise Refusal("nothing in this file could be used: it is for another node, or damaged throughout")
    if not taken.complete:
        raise Refusal(
            "the bundle did not come whole: what fits is kept; ask for it again, or for a new one, and apply that"
        )


@bundle_app.command("list")
def listing(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 100,
) -> None:
    """List the bundles that were made and taken in: the register."""
    from node.services.bundles import registered

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows = registered(connection, limit=limit)
    if at.out.json:
        names = ("bid", "way", "peer", "at", "actor", "chunks", "entries", "bytes", "problems")
        at.out.result({"bundles": [{name: getattr(row, name) for name in names} for row in rows]})
        return
    at.out.table(
        ("bundle", "way", "peer", "when", "by", "chunks", "entries", "problems"),
        [
            (row.bid, row.way, row.peer, instant(row.at), row.actor, row.chunks, row.entries, row.problems)
            for row in rows
        ],
        empty="No bundle was made or taken in yet.",
    )


def _answer(home: Home, to: str, path: Path, *, by: str) -> Made:
    return _write(path, lambda file: home.bundle_maker().make(to, file, by=by, answer=True))


def _write(path: Path, make_it: Callable[[BinaryIO], Made]) -> Made:
    """Write a file whole or not at all, for its owner alone, and never over another."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                made = make_it(file)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        raise Refusal(f"{path}: is there already; choose another name, or remove it") from None
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror or 'cannot be written'}; choose another place") from None
    return made


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[Buffer]:
    """A file as bytes without reading it whole."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                yield b""
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror or 'cannot be read'}; give the file of a bundle") from None


def _made(made: Made, path: Path, to: str) -> dict[str, Any]:
    return {
        "bundle": made.bid, "file": str(path), "to": to, "chunks": made.chunks, "entries": made.entries,
        "receipts": made.receipts, "bytes": made.bytes, "kept_back": made.kept_back,
    }  # fmt: skip


def _taken(taken: Taken) -> dict[str, Any]:
    return {
        "bundle": taken.bid, "from": taken.sender, "chunks": taken.chunks, "directory": taken.directory,
        "entries": taken.entries, "quarantined": taken.quarantined, "repeated": taken.repeated,
        "receipts": taken.receipts, "missing": taken.missing, "gaps": taken.gaps, "problems": taken.problems,
        "complete": taken.complete,
    }  # fmt: skip


def _tell(out: Any, taken: Taken) -> None:
    out.line(
        f"From {taken.sender or 'nobody'}: "
        f"{taken.entries} entries taken in, {taken.quarantined} of them in quarantine; "
        f"{taken.repeated} held already; {taken.receipts} receipts; directory: {taken.directory or 'none'}."
    )
    for lane, start in taken.gaps.items():
        out.line(f"Gap in the {lane} lane: entries from {start} on are missing that later pages need.")
    if taken.missing and taken.sender:
        out.line(f"Chunks that are missing, by number: {', '.join(map(str, taken.missing[:20]))}")
    for problem in dict.fromkeys(taken.problems):
        count = taken.problems.count(problem)
        out.line(problem if count == 1 else f"{problem} ({count} times)")
