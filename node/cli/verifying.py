"""Verify: what was signed, with nothing but a directory; and what this node has on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli import audit
from node.cli.output import instant
from node.cli.session import Refusal, Session, read_input, session

if TYPE_CHECKING:
    from federation.directory import Directory
    from node.services.verifying import Verified

verify_app: Final = typer.Typer(
    help="Verify a signed object with nothing but a directory.", no_args_is_help=True, rich_markup_mode=None
)
Input = Annotated[Path, typer.Argument(help="The file that holds it, or - for standard input.")]
Listed = Annotated[Path | None, typer.Option(help="A directory.json. Default: the directory that this home trusts.")]
Instant = Annotated[int | None, typer.Option("--at", help="Verify as at this time, in seconds. Default: now.")]
SHOWN: Final = 100


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(verify_app, name="verify")
    app.command()(fsck)


@verify_app.command("record")
def record(context: typer.Context, file: Input, directory: Listed = None, at_: Instant = None) -> None:
    """Verify a record (SD-JWT): issuer, signature, every disclosure, schema."""
    from node.services import verifying

    at = session(context)
    data = read_input(file, what="a record: <jwt>~<disclosure>~...~")
    _tell(at, verifying.record(data, directory=_directory(at, directory), now=_now(at_)))


@verify_app.command("page")
def page(
    context: typer.Context,
    file: Input,
    directory: Listed = None,
    recipient: Annotated[
        str | None, typer.Option(help="For whom the page must be. Default: whom its feed names.")
    ] = None,
    range_: Annotated[
        Path | None,
        typer.Option("--range", help="The compact range before the page (JSON). Default: the feed's beginning."),
    ] = None,
    at_: Instant = None,
) -> None:
    """Verify a page: its place in the feed, the sender's checkpoint, every entry and body."""
    from node.services import verifying

    at = session(context)
    data = read_input(file, what="a page (JSON)")
    start = None if range_ is None else verifying.read_range(read_input(range_, what="a compact range (JSON)"))
    _tell(
        at,
        verifying.page(data, directory=_directory(at, directory), now=_now(at_), recipient=recipient, start=start),
    )


@verify_app.command("receipt")
def receipt(context: typer.Context, file: Input, directory: Listed = None, at_: Instant = None) -> None:
    """Verify a receipt: which feed its signer confirms, up to where."""
    from node.services import verifying

    at = session(context)
    data = read_input(file, what="a receipt (compact JWS)")
    _tell(at, verifying.receipt(data, directory=_directory(at, directory), now=_now(at_)))


@verify_app.command("log")
def log(
    context: typer.Context,
    export: Annotated[Path, typer.Argument(help="The folder of an export of a disclosure log, or one row's proof.")],
    checkpoints: audit.Kept,
    directory: Listed = None,
    key: audit.Key = None,
) -> None:
    """Verify an export of a disclosure log against checkpoints that somebody else kept."""
    at = session(context)
    audit.tell(at, audit.check(at, export, checkpoints, directory, key))


@verify_app.command("evidence")
def evidence(context: typer.Context, file: Input, directory: Listed = None) -> None:
    """Verify evidence of a fork or of another breach: what the accused's own signatures prove, and nothing else."""
    from node.services import verifying

    at = session(context)
    data = read_input(file, what="evidence (JSON)")
    _tell(at, verifying.evidence(data, directory=_directory(at, directory)))


def fsck(context: typer.Context) -> None:
    """Check this node's database against itself and against every signature in it. Only reads."""
    from node.services import checking

    at = session(context)
    with at.opened() as home:
        directory = home.membership.current() if home.membership.joined() else None
        with at.out.progress("fsck") as progress:
            findings = checking.fsck(
                home.database, node=home.settings.id, directory=directory, now=home.clock(),
                progress=lambda _what, done, total: progress(done, total),
            )  # fmt: skip
    if at.out.json:
        at.out.result({"findings": [finding.to_json() for finding in findings]})
    elif not findings:
        at.out.line("Nothing is wrong.")
    else:
        at.out.table(
            ("where", "what is wrong", "remedy"),
            [(finding.where, finding.wrong, finding.remedy) for finding in findings[:SHOWN]],
            empty="",
        )
    if findings:
        raise Refusal(f"{len(findings)} findings")


def _directory(at: Session, file: Path | None) -> Directory:
    from federation.directory import parse_directory
    from federation.trust import DirectoryMirror

    if file is None:
        return DirectoryMirror(at.home / "directory").current()
    return parse_directory(read_input(file, what="a directory.json"))


def _now(at: int | None) -> int:
    import time

    return int(time.time()) if at is None else at


def _tell(at: Session, found: Verified) -> None:
    if at.out.json:
        at.out.result(found.to_json())
    else:
        at.out.line(
            f"{found.what}: it holds." if not found.bad else f"{found.what}: whole, with {len(found.bad)} bad entries."
        )
        at.out.pairs(
            (name, instant(value) if name == "iat" else ", ".join(value) if isinstance(value, list) else value)
            for name, value in found.facts.items()
        )
        for one in found.bad[:SHOWN]:
            at.out.line(f"entry {one['n']}: {one['problem']}: {one['detail']}")
    if found.bad:
        raise Refusal(f"{len(found.bad)} entries of the page do not hold")
