"""Published statistics: drawn as a draft behind disclosure control, shown, and written into a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from node.services.statistics.published import Published

_SUFFIXES: Final = {".csv": "csv", ".xlsx": "xlsx"}
_DOMINANCE: Final = 2
Name = Annotated[str, typer.Argument(metavar="REFERENCE|RID", help="An own edition by its reference, any by its id.")]
Of = Annotated[str | None, typer.Option("--node", help="The node that published it, where two used one id.")]
By = Annotated[str | None, typer.Option(help="Who does it. Default: the user of this machine.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands to `stats`."""
    app.command()(publish)
    app.command()(show)
    app.command()(export)
    app.command()(structure)


def publish(
    context: typer.Context,
    from_: Annotated[str, typer.Option("--from", help="First month: YYYY-MM.")],
    to: Annotated[str, typer.Option(help="Last month: YYYY-MM.")],
    reference: Annotated[str | None, typer.Option(help="Default: STAT- and the period, such as STAT-2025.")] = None,
    title: Annotated[str | None, typer.Option(help="In English. Default: seizures of infringing goods.")] = None,
    held: Annotated[
        bool, typer.Option("--held", help="Count all that this node holds and may count, by member; else its own.")
    ] = False,
    threshold: Annotated[int, typer.Option(min=3, help="Fewer contributors than this are too few.")] = 3,
    width: Annotated[int, typer.Option(min=1, max=100, help="Protection width of such a cell, in per cent.")] = 50,
    dominance: Annotated[
        str, typer.Option(help="N:K, the N largest contributors have more than K per cent; - for no such rule.")
    ] = "1:85",
    p: Annotated[int, typer.Option(min=0, max=99, help="The p%% rule; 0 for none.")] = 10,
) -> None:
    """Draw an edition of the published tables as a draft; nothing leaves before it is released.

    What would show what single contributors reported is left out, here and in all later versions.
    """
    from node.services.statistics import publication
    from node.services.statistics.suppression import Rules

    at = session(context)
    rules = Rules(threshold=threshold, width_percent=width, dominance=_dominance(dominance), p_percent=p or None)
    wishes = publication.Wishes(
        first=from_, last=to, scope="held" if held else "own", reference=reference, title=title, rules=rules
    )
    with at.opened() as home:
        drawn = publication.draw(home.database, wishes, node=home.settings.id, now=home.clock())
    if at.out.json:
        at.out.result(drawn.to_json())
        return
    at.out.line(drawn.reference)
    at.out.say(
        f"Version {drawn.ver}, {drawn.outcome}: {drawn.cases} cases in {drawn.cells} cells; {drawn.primary} are left "
        f"out because they are sensitive, {drawn.secondary} because they would show those.\n"
        f"`tidewaiter release {drawn.reference}` signs and sends a draft."
    )


def _dominance(written: str) -> tuple[int, int] | None:
    if written == "-":
        return None
    parts = written.split(":")
    if len(parts) != _DOMINANCE or not all(part.isascii() and part.isdigit() for part in parts):
        raise Refusal("--dominance: is N:K, such as 1:85, or - for no such rule", status=2)
    n, k = (int(part[:3]) for part in parts)
    if n < 1 or not 0 < k < 100:  # noqa: PLR2004 - per cent
        raise Refusal("--dominance: N is at least 1, and K lies between 0 and 100", status=2)
    return n, k


def show(
    context: typer.Context,
    name: Name,
    node: Of = None,
    purpose: Annotated[str, typer.Option(help="What for; compared with its handling, and logged.")] = "statistics",
    by: By = None,
) -> None:
    """Print the tables of an edition that this node published or received. Logged as a view."""
    from node.services.statistics import published

    at = session(context)
    with at.opened() as home:
        view, tables = published.show(
            home.database, name, node=home.settings.id, iss=node, by=officer(by), purpose=purpose, now=home.clock()
        )
    if at.out.json:
        at.out.result(view.to_json())
        return
    at.out.line(f"{view.title}\n{view.iss} {view.rid}, version {view.ver}")
    for table in tables:
        _for_people(at, table)
    about: Any = view.groups.get("about")
    caveat = about.get("caveat") if isinstance(about, dict) else None
    if isinstance(caveat, str):
        at.out.line(caveat)


def _for_people(at: Session, table: Published) -> None:
    at.out.line(f"\n{table.name}")
    rows = [
        (*("total" if code == "_T" else code for code in key), "suppressed" if n is None else n)
        for key, n in table.rows
    ]
    at.out.table((*table.dims, "cases"), rows, empty="None.")


def export(
    context: typer.Context,
    name: Name,
    output: Annotated[Path, typer.Option(help="The file to write; - for standard output.")],
    purpose: Annotated[str, typer.Option(help="What for; compared with its handling, and logged.")],
    to: Annotated[str, typer.Option(help="Who gets it.")],
    format_: Annotated[
        str | None, typer.Option("--format", help="csv, xlsx or sdmx-csv. Default: csv or xlsx, as the file is named.")
    ] = None,
    node: Of = None,
    by: By = None,
) -> None:
    """Write the tables of an edition into a file, logged and registered like every export."""
    from node.services import exporting
    from node.services.statistics import published

    at = session(context)
    chosen = format_ or _SUFFIXES.get(output.suffix.lower(), "csv")
    if chosen not in published.FORMATS:
        raise Refusal(f"--format: is one of {', '.join(published.FORMATS)}", status=2)
    path = None if str(output) == "-" else output.expanduser().absolute()
    if path is not None and path.exists():
        raise Refusal(f"{output}: is there already; name another file")
    if path is not None and not path.parent.is_dir():
        raise Refusal(f"{path.parent}: there is no such folder; make it first")
    order = published.Order(
        by=officer(by), purpose=purpose, destination=to, format=chosen,  # type: ignore[arg-type]
        path=None if path is None else str(path),
    )  # fmt: skip
    with at.opened() as home:
        made = published.export(home.database, name, order, node=home.settings.id, iss=node, now=home.clock())
    if path is None:
        sys.stdout.buffer.write(made.data)
        sys.stdout.buffer.flush()
        return
    exporting.write_file(path, made.data)
    if at.out.json:
        at.out.result({"export": made.number, "sha256": made.sha256, "path": str(path)})
        return
    at.out.say(f"Export {made.number}: SHA-256 {made.sha256}")


def structure(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="The file to write; - for standard output.")],
) -> None:
    """Write the SDMX data structure definition of the published tables (SDMX-ML 3.0). No record is read."""
    from node.services.exporting import write_file
    from node.services.statistics import sdmx

    at = session(context)
    if str(output) == "-":
        sys.stdout.buffer.write(sdmx.structure())
        sys.stdout.buffer.flush()
        return
    path = output.expanduser().absolute()
    if path.exists():
        raise Refusal(f"{output}: is there already; name another file")
    write_file(path, sdmx.structure())
    at.out.say(f"{output} is written.")
