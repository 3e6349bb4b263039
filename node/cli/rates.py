"""Exchange rates: loaded in editions, and listed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, read_input, session

rates_app: Final = typer.Typer(
    help="Exchange rates that statistics are converted with.", no_args_is_help=True, rich_markup_mode=None
)


def register(app: typer.Typer) -> None:
    """Add this family's commands to `stats`."""
    app.add_typer(rates_app, name="rates")


@rates_app.command("load")
def load(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV with base, currency, day, rate: one EUR is 1.0832 USD from that day.")
    ],
    source: Annotated[str, typer.Option(help="Where the rates are from; every converted figure names it.")],
    by: Annotated[str | None, typer.Option(help="Who loads them. Default: the user of this machine.")] = None,
) -> None:
    """Load a table of rates as the next edition; editions that are loaded are never changed."""
    from node.services.statistics import rates

    at = session(context)
    try:
        text = read_input(file, what="a table of exchange rates").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal(f"{file}: is not UTF-8; save it as CSV in UTF-8") from None
    with at.opened() as home:
        try:
            made = rates.load(home.database, text, source=source, by=officer(by), now=home.clock())
        except rates.RatesRefused as error:
            raise Refusal(f"{error}\nnothing was loaded") from error
    if at.out.json:
        at.out.result(made.to_json())
        return
    at.out.say(f"Edition {made.number}: {made.rates} rates, {made.first} to {made.last}.")


@rates_app.command("list")
def list_(context: typer.Context) -> None:
    """List the editions, the newest first."""
    from node.services.statistics import rates

    at = session(context)
    with at.opened() as home:
        found = rates.editions(home.database)
    if at.out.json:
        at.out.result({"editions": [one.to_json() for one in found]})
        return
    rows = [
        (one.number, one.source, one.rates, one.first, one.last, instant(one.loaded_at), one.loaded_by) for one in found
    ]
    at.out.table(("edition", "source", "rates", "first", "last", "loaded", "by"), rows, empty="None is loaded.")
