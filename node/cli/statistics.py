"""Statistics: the catalogue, its tables, the standard page, and the recount."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli import growth, intensity, published, rates
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    from node.cli.session import Session
    from node.services.statistics.tables import Cell, Table

stats_app: Final = typer.Typer(no_args_is_help=True, help="Statistics over what this node holds and may count.")
From = Annotated[str | None, typer.Option("--from", help="Seized in this month or later: YYYY-MM.")]
To = Annotated[str | None, typer.Option(help="Seized in this month or earlier: YYYY-MM.")]
Node = Annotated[str | None, typer.Option(help="Only what this node issued.")]
Administration = Annotated[str | None, typer.Option(help="Only what this administration reported.")]
By = Annotated[
    str | None, typer.Option(help="Who looks; the disclosure log names it. Default: the user of this machine.")
]
Into = Annotated[str | None, typer.Option("--in", help="Convert values into this currency, such as EUR.")]
Edition = Annotated[int | None, typer.Option(min=1, help="Edition of the exchange rates. Default: the newest.")]
KnownAt = Annotated[
    str | None,
    typer.Option(help="As this node knew them at the end of this day, YYYY-MM-DD: counted from the records."),
]
Csv = Annotated[bool, typer.Option("--csv", help="One line a figure, on standard output.")]
_COLUMNS: Final = ("table", "dimension", "value", "measure", "unit", "n")


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    intensity.register(stats_app)
    published.register(stats_app)
    growth.register(stats_app)
    rates.register(stats_app)
    app.add_typer(stats_app, name="stats")


@stats_app.command("list")
def list_(context: typer.Context) -> None:
    """List the tables of the catalogue."""
    from node.services.statistics.tables import CATALOGUE, CATALOGUE_VERSION, STANDARD

    at = session(context)
    if at.out.json:
        at.out.result({"catalogue": CATALOGUE_VERSION, "tables": CATALOGUE, "standard": list(STANDARD)})
        return
    at.out.table(
        ("table", "by", "on the standard page"),
        [(name, dim, "yes" if name in STANDARD else "") for name, dim in CATALOGUE.items()],
        empty="",
    )


@stats_app.command()
def table(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A table of the catalogue, such as by-category.")],
    from_: From = None,
    to: To = None,
    node: Node = None,
    administration: Administration = None,
    into: Into = None,
    edition: Edition = None,
    known_at: KnownAt = None,
    by: By = None,
    as_csv: Csv = False,
) -> None:
    """Print one table with its total, its coverage and its caveat."""
    _print(session(context), (name,), (from_, to, node, administration), (into, edition, known_at), by, as_csv=as_csv)


@stats_app.command()
def page(
    context: typer.Context,
    from_: From = None,
    to: To = None,
    node: Node = None,
    administration: Administration = None,
    into: Into = None,
    edition: Edition = None,
    known_at: KnownAt = None,
    by: By = None,
    as_csv: Csv = False,
) -> None:
    """Print the standard page: twelve tables."""
    from node.services.statistics.tables import STANDARD

    _print(
        session(context),
        tuple(STANDARD),
        (from_, to, node, administration),
        (into, edition, known_at),
        by,
        as_csv=as_csv,
    )


@stats_app.command()
def trace(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A table of the catalogue, such as by-category.")],
    value: Annotated[
        str | None, typer.Argument(help="A value of it, as the table writes it; the total without.")
    ] = None,
    from_: From = None,
    to: To = None,
    node: Node = None,
    administration: Administration = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Name at most so many records.")] = 100,
    by: By = None,
) -> None:
    """Say who contributed a figure, and by which records: counted anew from what they signed."""
    from node.services.readable import plain
    from node.services.statistics import tracing
    from node.services.statistics.tables import Filters

    at = session(context)
    filters = Filters(from_=from_, to=to, node=node, administration=administration)
    with at.opened() as home:
        found = tracing.trace(home.database, name, value, filters, limit=limit, by=officer(by), now=home.clock())
    if at.out.json:
        at.out.result(found.to_json())
        return
    rows = [
        (one["node"], part["measure"], f"{part['n']} {part['unit']}".strip())
        for one in found.to_json()["members"]
        for part in one["adds"]
    ]
    at.out.table(("member", "measure", "contributes"), rows, empty="Nobody contributed to it.")
    at.out.table(
        ("node", "id", "version", "title"), [(one.iss, one.rid, one.ver, plain(one.title)) for one in found.parts],
        empty="No record of it may be named.",
    )  # fmt: skip
    if found.not_named:
        at.out.line(f"{found.not_named} more records are behind it.")
    if found.waiting:
        at.out.line(f"{found.waiting} versions are not counted yet.")
    at.out.line("The table has the same figures." if found.agrees else "The table has other figures: stats check")


@stats_app.command()
def check(context: typer.Context) -> None:
    """Count everything anew from the records and compare: fails when a single figure differs."""
    from node.services.statistics import following

    at = session(context)
    with at.opened() as home:
        found = following.check(home.database, now=home.clock())
    if at.out.json:
        at.out.result({"differences": found})
    for sentence in [] if at.out.json else found:
        at.out.line(sentence)
    if found:
        raise Refusal(f"{len(found)} figures differ from a recount of the records")
    at.out.say("Every figure equals a recount from the records.")


def _print(
    at: Session, names: tuple[str, ...], given: tuple[str | None, ...], how: tuple[str | None, int | None, str | None],
    by: str | None, *, as_csv: bool,
) -> None:  # fmt: skip
    from node.services.statistics import following, tables

    filters = tables.Filters(from_=given[0], to=given[1], node=given[2], administration=given[3])
    wishes = tables.Wishes(into=how[0], edition=how[1], known_at=how[2])
    with at.opened() as home:
        while following.follow(home.database, now=home.clock()):
            pass
        found = tables.look(home.database, names, filters, by=officer(by), now=home.clock(), wishes=wishes)
    if at.out.json:
        at.out.result({"tables": [one.to_json() for one in found]})
    elif as_csv:
        _csv(found)
    else:
        for one in found:
            _for_people(at, one)
        at.out.line(found[0].caveat)


def _csv(found: tuple[Table, ...]) -> None:
    from node.services.importing.report import safe_cell
    from node.services.readable import plain
    from node.services.statistics.tables import decimal

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in found:
        for cell in (*one.rows, *one.total):
            value = cell.key[0] if cell.key else "(total)"
            row = [one.name, one.dims[0], value, cell.measure, cell.unit, decimal(cell.n)]
            writer.writerow([safe_cell(plain(text)) for text in row])
        for reporter in one.coverage:
            told = [one.name, "coverage", reporter.node, "cases", reporter.last or "", str(reporter.cases)]
            writer.writerow([safe_cell(plain(text)) for text in told])
        writer.writerow([one.name, "caveat", one.caveat, "", "", ""])


def _for_people(at: Session, one: Table) -> None:
    from node.services.statistics.tables import as_of_text

    listed: dict[str, list[Cell]] = {}
    for cell in (*one.rows, *one.total):
        listed.setdefault(cell.key[0] if cell.key else "total", []).append(cell)
    at.out.line(f"{one.name}, as of {as_of_text(one.as_of)}")
    at.out.table((one.dims[0], *one.measures), [_row(key, cells, one) for key, cells in listed.items()], empty="None.")
    for reporter in one.coverage:
        at.out.line(
            f"Reported by {reporter.node}: {reporter.cases} cases, "
            f"{reporter.first or 'month unknown'} to {reporter.last or 'month unknown'}"
        )
    if one.known_at is not None:
        at.out.line(f"As known at the end of {one.known_at}; {one.gone} records known then may not be used any more.")
    if one.rates is not None:
        days = "no rate was needed" if one.rates.first is None else f"rates of {one.rates.first} to {one.rates.last}"
        at.out.line(f"Converted with edition {one.rates.edition} of the exchange rates ({one.rates.source}): {days}.")
    if one.left_out:
        at.out.line(f"{one.left_out} more values have fewer cases.")


def _row(key: str, cells: list[Cell], one: Table) -> list[Any]:
    from node.services.statistics.tables import decimal

    return [
        key,
        *(
            "; ".join(f"{decimal(cell.n)} {cell.unit}".strip() for cell in cells if cell.measure == measure)
            for measure in one.measures
        ),
    ]
