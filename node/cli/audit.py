"""The disclosure log for those who check it: checkpoints, exports, proofs, and what is unusual about officers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, Session, officer, read_input, session

if TYPE_CHECKING:
    from federation.verifylog import Checked
    from node.app import Home

audit_app: Final = typer.Typer(
    help="The disclosure log: who disclosed and saw what, and the proof that nobody changed it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Kept = Annotated[
    list[Path],
    typer.Option("--checkpoint", help="A checkpoint that somebody else kept, or that was printed. Repeatable."),
]
Listed = Annotated[Path | None, typer.Option(help="A directory.json. Default: the directory that this home trusts.")]
Key = Annotated[str | None, typer.Option(help="The node's public log key instead: `x` of its JWK.")]
NOTE: Final = "a signed checkpoint of a disclosure log"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("checkpoint")
def checkpoint(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option(help="Write it into this file instead of printing it.")] = None,
) -> None:
    """Sign this node's disclosure log as it is now: to be printed, or given to somebody who keeps it."""
    from federation import auditlog
    from node.services import disclosing

    at = session(context)
    with at.opened() as home:
        fed, signer = home.membership.current().fed, home.signer("log")
        with home.database.write() as connection:
            note = disclosing.checkpoint(connection, fed=fed, node=home.settings.id, signer=signer)
    size, epoch = int(note.splitlines()[1]), auditlog.epoch_of(note)
    if output is not None:
        output.write_text(note, "utf-8")
    if at.out.json:
        at.out.result({"size": size, "epoch": epoch, "checkpoint": note})
    elif output is None:
        at.out.line(note.rstrip("\n"))
    else:
        at.out.line(f"The checkpoint over {size} rows is in {output}.")


@audit_app.command("export")
def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="The folder to write; it must be new or empty.")],
    purpose: Annotated[str, typer.Option(help="What for: who asked, and by which right.")],
    second: Annotated[str, typer.Option(help="The second person, who agrees.")],
    by: Annotated[str | None, typer.Option(help="Who exports. Default: the user of this machine.")] = None,
) -> None:
    """Write the whole disclosure log for an oversight body, with all that is needed to check it. Logged."""
    from node.services import auditing

    at = session(context)
    if not purpose.strip() or not purpose.isprintable() or not second.strip() or not second.isprintable():
        raise Refusal("--purpose and --second: are empty or not printable; write who asked, and who agrees", status=2)
    with at.opened() as home:
        done = auditing.export(
            home.database, output, directory=home.membership.current(),
            directory_json=home.membership.mirror.directory_bytes(), node=home.settings.id,
            signer=home.signer("log"), by=officer(by), second=second.strip(), purpose=purpose.strip(),
            now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result({"rows": done.rows, "decisions": done.decisions, "output": str(output), "checkpoint": done.note})
        return
    at.out.line(f"{done.rows} rows and {done.decisions} decisions are in {output}; README.txt there says how to check.")
    at.out.say("It tells who looked at what: hand it over by a road that fits.")


@audit_app.command("verify")
def verify(
    context: typer.Context,
    checkpoints: Kept,
    export: Annotated[
        Path | None,
        typer.Argument(
            metavar="[EXPORT]",
            help="The folder of an export, or the proof of one row. Default: this node's own database.",
        ),
    ] = None,
    directory: Listed = None,
    key: Key = None,
) -> None:
    """Check a disclosure log with nothing but a checkpoint that somebody else kept. An export needs no node."""
    at = session(context)
    tell(at, check_own(at, checkpoints) if export is None else check(at, export, checkpoints, directory, key))


@audit_app.command("prove")
def prove(
    context: typer.Context,
    row: Annotated[int, typer.Argument(help="The row's number in the disclosure log.")],
    output: Annotated[Path | None, typer.Option(help="Write the proof into this file instead of printing it.")] = None,
) -> None:
    """Show one row of the log alone, with the proof that it stands in it."""
    from node.services import auditing

    at = session(context)
    with at.opened() as home:
        fed = home.membership.current().fed
        proof = auditing.prove(home.database, row, fed=fed, node=home.settings.id, signer=home.signer("log"))
    if output is None:
        at.out.line(proof.dump().decode())
        return
    output.write_bytes(proof.dump() + b"\n")
    at.out.say(f"The proof of row {row} is in {output}.")


@audit_app.command("peers")
def peers(
    context: typer.Context,
    of: Annotated[str | None, typer.Option(help="Only of this node.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the newest checkpoint of --of into this file, for its auditor.")
    ] = None,
    epoch: Annotated[
        int | None,
        typer.Option(help="Only of this epoch: a log that began anew (a node was restored) has more than one."),
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask every peer for its newest one first.")] = False,
) -> None:
    """List the checkpoints of peers' disclosure logs that are kept here, and give them to auditors."""
    import asyncio

    from node.services import auditing

    at = session(context)
    if output is not None and of is None:
        raise Refusal("--output: needs --of NODE", status=2)
    with at.opened() as home:
        if ask:
            asyncio.run(_ask(home))
        with home.database.read() as connection:
            rows = [row for row in auditing.peers(connection, of) if epoch in {None, row["epoch"]}]
    if output is not None:
        if not rows:
            raise Refusal(f"no checkpoint of {of} is kept here" + ("" if epoch is None else f" of epoch {epoch}"))
        output.write_text(rows[0]["note"], "utf-8")
        at.out.say(f"The checkpoint of {of} over {rows[0]['size']} rows is in {output}.")
        return
    if at.out.json:
        at.out.result({"checkpoints": rows})
        return
    at.out.table(
        ("node", "epoch", "rows", "state", "came by", "kept since", "what is known of it"),
        [
            (
                row["peer"],
                row["epoch"],
                row["size"],
                row["state"],
                row["came_by"],
                instant(row["at"]),
                row.get("detail"),
            )
            for row in rows
        ],
        empty="No checkpoint of another node is kept here yet: they come with receipts.",
    )


async def _ask(home: Home) -> None:
    exchange = home.exchange()
    try:
        await exchange.ask_logs()
    finally:
        await exchange.stop()


def check(at: Session, export: Path, checkpoints: list[Path], directory: Path | None, key: str | None) -> Checked:
    """Check an export or a proof with kept checkpoints; of the home at most the directory is read."""
    from crypto.errors import CryptoError
    from crypto.keys import admit_jwk
    from federation import verifylog
    from federation.directory import parse_directory
    from federation.trust import DirectoryMirror

    if key is not None and directory is not None:
        raise Refusal("--key and --directory exclude each other", status=2)
    if key is not None:
        try:
            public = admit_jwk({"kty": "OKP", "crv": "Ed25519", "x": key})
        except CryptoError as error:
            raise Refusal(f"--key: {error}", status=2) from None
        return verifylog.check(export, _notes(checkpoints), lambda _fed, _node: (public,))
    listed = (
        DirectoryMirror(at.home / "directory").current()
        if directory is None
        else parse_directory(read_input(directory, what="a directory.json"))
    )
    return verifylog.check(export, _notes(checkpoints), verifylog.keys_in(listed))


def check_own(at: Session, checkpoints: list[Path]) -> Checked:
    """Hold this node's own database against kept checkpoints."""
    from federation import auditlog, verifylog
    from node.services import auditing

    with at.opened() as home:
        directory, node = home.membership.current(), home.settings.id
        keys = verifylog.keys_in(directory)(directory.fed, node)
        kept = [auditlog.open_head(note, fed=directory.fed, node=node, keys=keys) for note in _notes(checkpoints)]
        verdict = auditing.check(home.database, kept)
    return verifylog.Checked(fed=directory.fed, node=node, verdict=verdict)


def tell(at: Session, checked: Checked) -> None:
    """Print what came of a check; a finding is a refusal."""
    from federation import verifylog

    if at.out.json:
        at.out.result(checked.to_json())
    else:
        for line in verifylog.told(checked):
            at.out.line(line)
    if not checked.holds:
        findings = 0 if checked.verdict is None else len(checked.verdict.findings)
        raise Refusal(f"the disclosure log of {checked.node} does not hold: {findings} findings")


def _notes(paths: list[Path]) -> list[str]:
    found: list[Any] = [read_input(path, what=NOTE) for path in paths]
    try:
        return [data.decode("utf-8") for data in found]
    except UnicodeDecodeError:
        raise Refusal(f"--checkpoint: is not text; give {NOTE}", status=2) from None
