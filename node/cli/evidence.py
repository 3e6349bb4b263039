"""Evidence: proof that a member signed two things that cannot both be honest, as anybody can verify it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from sqlalchemy import Row

evidence_app: Final = typer.Typer(
    help="Proof of forks and other breaches, kept by this node.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(metavar="ID", help="Its number in the list, its hash or the hash's beginning.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(evidence_app, name="evidence")


@evidence_app.command("list")
def list_(
    context: typer.Context,
    accused: Annotated[str | None, typer.Option(help="Only about this member.")] = None,
) -> None:
    """List what is kept, the newest first, and the feeds that stand still because of it."""
    from node.storage import evidence

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows = [told(row) for row in evidence.listing(connection, accused=accused)]
        stops = [_stop(row) for row in evidence.stops(connection)]
    if at.out.json:
        at.out.result({"evidence": rows, "stopped": stops})
        return
    at.out.table(
        ("id", "type", "accused", "proven", "what", "since", "hash"),
        [
            (row["id"], row["type"], row["accused"], row["proven"], row["sentence"], instant(row["at"]), row["hash"])
            for row in rows
        ],
        empty="No evidence was found against anybody.",
    )
    for stop in stops:
        at.out.line(
            f"The {stop['lane']} feed of {stop['sender']} (epoch {stop['epoch']}) stands still since "
            f"{instant(stop['at'])}: evidence {stop['evidence']}."
        )


@evidence_app.command("show")
def show(context: typer.Context, name: Name) -> None:
    """Show one piece of evidence, and what it proves by the directory of today."""
    from federation.errors import FederationError
    from federation.evidence import verify_evidence

    at = session(context)
    with at.opened() as home:
        row = _found(home, name)
        directory = home.membership.current()
    value = told(row)
    try:
        value["proof"] = verify_evidence(row.body.encode(), directory=directory).to_json()
    except FederationError as error:
        value["refused"] = error.detail
    if at.out.json:
        at.out.result(value)
        return
    proof = value.pop("proof", {})
    at.out.pairs((key, instant(item) if key == "at" else item) for key, item in value.items())
    at.out.pairs(
        (key, ", ".join(map(str, item)) if isinstance(item, list) else item)
        for key, item in proof.items()
        if key not in {"type", "accused", "sentence"}
    )
    if proof.get("revoked"):
        at.out.line("A key that signed this is revoked: it may have been a thief who signed.")


@evidence_app.command("export")
def export(
    context: typer.Context,
    name: Name,
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: standard output.")] = None,
) -> None:
    """Write one piece of evidence as a file that `tidewaiter verify evidence` proves with nothing but a directory."""
    at = session(context)
    with at.opened() as home:
        row = _found(home, name)
    if out is None:
        typer.echo(row.body)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(row.body + "\n")
    except FileExistsError:
        raise Refusal(f"{out} is there already; give another name") from None
    except OSError as error:
        raise Refusal(f"{out}: {error.strerror or 'cannot be written'}; give another place") from None
    if at.out.json:
        at.out.result({"hash": row.hash, "file": str(out)})
    else:
        at.out.line(f"{out}: `tidewaiter verify evidence {out}` proves it.")


@evidence_app.command("resume")
def resume(
    context: typer.Context,
    name: Name,
    by: Annotated[str | None, typer.Option(help="Who decides it. Default: the user of this machine.")] = None,
) -> None:
    """Take from a feed again that stands still because of this evidence, once its sender has put it right."""
    from node.storage import evidence

    at = session(context)
    who = officer(by)
    with at.opened() as home:
        row = _found(home, name)
        with home.database.write() as connection:
            count = evidence.resume(connection, row.hash, by=who, now=home.clock())
    if not count:
        raise Refusal("no feed stands still because of this evidence; `tidewaiter evidence list` shows those that do")
    _done(at, row, count)


def told(row: Row[Any]) -> dict[str, Any]:
    """What is told of one piece of evidence, without its body."""
    return {
        "id": row.id, "hash": row.hash, "type": row.type, "accused": row.accused, "proven": row.proven,
        "sentence": row.sentence, "iss": row.iss, "rid": row.rid, "at": row.at,
    }  # fmt: skip


def _stop(row: Row[Any]) -> dict[str, Any]:
    return {"sender": row.sender, "lane": row.lane, "epoch": row.epoch, "evidence": row.evidence, "at": row.at}


def _found(home: Any, name: str) -> Row[Any]:
    from node.storage import evidence

    with home.database.read() as connection:
        row = evidence.get(connection, name)
    if row is None:
        raise Refusal("no evidence has this id, or several have; `tidewaiter evidence list` shows them")
    return row


def _done(at: Session, row: Row[Any], count: int) -> None:
    if at.out.json:
        at.out.result({"hash": row.hash, "resumed": count})
    else:
        at.out.line("Taken from again; the next round goes on from where this node stands.")
