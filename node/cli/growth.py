"""Growth against the same months a year before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.session import Session, officer, session

if TYPE_CHECKING:
    from node.services.statistics.growth import Growth


def register(app: typer.Typer) -> None:
    """Add this family's command to `stats`."""
    app.command()(growth)


def growth(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A table of the catalogue, such as by-category.")],
    from_: Annotated[str, typer.Option("--from", help="First month: YYYY-MM.")],
    to: Annotated[str, typer.Option(help="Last month: YYYY-MM; at most twelve months in all.")],
    administration: Annotated[str | None, typer.Option(help="Only what this administration reported.")] = None,
    by: Annotated[str | None, typer.Option(help="Who looks. Default: the user of this machine.")] = None,
) -> None:
    """Compare a table with the same months a year before, over those who reported in both."""
    from node.services.statistics import following
    from node.services.statistics.growth import compare
    from node.services.statistics.tables import Filters

    at = session(context)
    filters = Filters(from_=from_, to=to, administration=administration)
    with at.opened() as home:
        while following.follow(home.database, now=home.clock()):
            pass
        found = compare(home.database, name, filters, by=officer(by), now=home.clock())
    if at.out.json:
        at.out.result(found.to_json())
        return
    _tell(at, found)


def _tell(at: Session, found: Growth) -> None:
    from node.services.statistics.tables import CAVEAT, decimal

    at.out.line(f"{found.name}: {' to '.join(found.after)} against {' to '.join(found.before)}")
    rows = [
        (
            row.key[0] if row.key else "total", row.measure, row.unit, decimal(row.before), decimal(row.after),
            "" if row.percent is None else f"{row.percent} %",
        )
        for row in (*found.rows, *found.total)
    ]  # fmt: skip
    at.out.table(
        (found.dim, "measure", "unit", "before", "after", "growth"), rows, empty="Nobody reported in both periods."
    )
    for one in found.coverage:
        compared = "compared" if one.compared else "not compared: it did not report in both periods"
        at.out.line(
            f"{one.node}: cases in {one.months_before} and {one.months_after} of {found.months} months; {compared}"
        )
    at.out.line(CAVEAT)
