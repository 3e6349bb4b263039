"""Exports: records into a file, for a purpose, to somebody; and the register of what was taken out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from node.app import Home
    from node.services.exporting import Made, Order

SUFFIXES: Final = {".csv": "csv", ".txt": "text", ".json": "json"}
Many = list[str] | None


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(export)
    app.command()(exports)


def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="The file to write; - for standard output.")],
    purpose: Annotated[str, typer.Option(help="What for; compared with each record's handling, and logged.")],
    to: Annotated[str, typer.Option(help="Who gets it: a person, a court, an authority.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RID|REFERENCE]...", help="Records by id, own ones by reference.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="Instead of names: records that have these words.")] = None,
    filter_: Annotated[Many, typer.Option("--filter", help="NAME=VALUE, any filter of a search. Repeatable.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Event on or after: YYYY, YYYY-MM or YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Event on or before, in the same form.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Refuse a search that finds more.")] = 100,
    node: Annotated[str | None, typer.Option(help="The node whose records they are, where two used one id.")] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="json (signed presentation and content), csv or text.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(help="Seizures as rows of the template, .csv or .xlsx, without names: minimal or long."),
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who exports. Default: the user of this machine.")] = None,
) -> None:
    """Write records into a file: what their handling allows for this purpose, logged and registered."""
    from node.services.exporting import FORMATS, Order
    from node.services.forms import FORMS

    at = session(context)
    searched = bool(words or filter_ or from_ or until)
    if bool(names) == searched:
        raise Refusal("name records, or give a search (--words, --filter, --from, --until), not both", status=2)
    chosen = format_ or SUFFIXES.get(output.suffix.lower(), "json")
    if form is not None:
        kind = output.suffix.lower().removeprefix(".")
        if form not in FORMS or kind not in {"csv", "xlsx"} or format_ is not None:
            raise Refusal(f"--form: is {' or '.join(FORMS)}, with a file .csv or .xlsx and no --format", status=2)
        chosen = f"{form}-{kind}"
    if chosen not in FORMATS:
        raise Refusal(f"--format: is one of {', '.join(FORMATS)}", status=2)
    path = None if str(output) == "-" else output.expanduser().absolute()
    if path is not None:
        if path.exists():
            raise Refusal(f"{output}: is there already; name another file")
        if not path.parent.is_dir():
            raise Refusal(f"{path.parent}: there is no such folder; make it first")
    order = Order(
        by=officer(by), purpose=purpose, destination=to, format=chosen,  # type: ignore[arg-type]
        path=None if path is None else str(path),
    )  # fmt: skip
    with at.opened() as home:
        if searched:
            made = _searched(home, order, words, filter_, from_, until, limit)
        else:
            made = _named(home, order, names or [], node)
    _hand_over(at, made, path)


def _named(home: Home, order: Order, names: list[str], node: str | None) -> Made:
    from node.services import exporting

    wanted = [(name, node) for name in names]
    return exporting.export_named(home.database, wanted, order, node=home.settings.id, now=home.clock())


def _searched(
    home: Home, order: Order, words: str | None, filter_: Many, from_: str | None, until: str | None, limit: int
) -> Made:
    from node.services import exporting, indexing
    from node.services.search import Criteria

    filters: dict[str, set[str]] = {}
    for item in filter_ or []:
        name, mark, value = item.partition("=")
        if not mark:
            raise Refusal(f"--filter: {item} is not NAME=VALUE, such as brand=Rolex", status=2)
        filters.setdefault(name.strip(), set()).add(value)
    if words:
        while indexing.follow(home.database, now=home.clock()):
            pass
    criteria = Criteria(
        words=words, filters={name: frozenset(values) for name, values in filters.items()}, day_from=from_,
        day_to=until, limit=limit,
    )  # fmt: skip
    return exporting.export_found(home.database, criteria, order, node=home.settings.id, now=home.clock())


def _hand_over(at: Session, made: Made, path: Path | None) -> None:
    from node.services import exporting

    if path is None:
        sys.stdout.buffer.write(made.data)
        sys.stdout.buffer.flush()
    else:
        exporting.write_file(path, made.data)
    if at.out.json and path is not None:
        at.out.result(
            {
                "export": made.number, "records": made.records, "left_out": made.left_out, "sha256": made.sha256,
                "path": str(path),
            }
        )  # fmt: skip
        return
    at.out.say(
        f"Export {made.number}: {made.records} records, SHA-256 {made.sha256}"
        + (f"; {made.left_out} more were found and may not be exported for this purpose" if made.left_out else "")
    )


def exports(
    context: typer.Context,
    of: Annotated[str | None, typer.Option(help="Only those of this officer.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> None:
    """List the register of exports: who took what out, when, for what, where to, and what became of the file."""
    at = session(context)
    with at.opened() as home:
        from node.storage import exports as register_of

        with home.database.read() as connection:
            found = register_of.listing(connection, officer=of, limit=limit)
    names = ("id", "at", "officer", "purpose", "format", "destination", "path", "sha256", "size", "records", "state")
    if at.out.json:
        at.out.result(
            {
                "exports": [
                    {name: getattr(row, name) for name in names if getattr(row, name) is not None} for row in found
                ]
            }
        )
        return
    at.out.table(
        ("export", "at", "by", "for", "to", "records", "file", "state"),
        [
            (row.id, instant(row.at), row.officer, row.purpose, row.destination, row.records, row.path, row.state)
            for row in found
        ],
        empty="Nothing was exported.",
    )
