"""`tidewaiter`: the root of the command line.

Parts of the node are imported inside the commands that need them: help and mistakes are answered at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from node import __version__
from node.cli import (
    alerts,
    asking,
    audit,
    bench,
    bulletins,
    bundles,
    completeness,
    desk,
    directory,
    evidence,
    exchange,
    exporting,
    finding,
    founding,
    holding,
    importing,
    keeping,
    keys,
    officers,
    pictures,
    policy,
    reading,
    recalling,
    recovery,
    relays,
    releasing,
    remarking,
    requests,
    statistics,
    subjects,
    verifying,
    who,
)
from node.cli.arguments import globals_first
from node.cli.output import Output
from node.cli.session import HOME_VARIABLE, Session, default_home

INTERRUPTED: Final = 130

app: Final = typer.Typer(
    name="tidewaiter",
    help="A federated intelligence-sharing node for customs. --home and --json may stand anywhere.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help=f"The node's folder. Default: {HOME_VARIABLE}, else ~/.local/share/tidewaiter.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON, for programs.")] = False,
) -> None:
    """A federated intelligence-sharing node for customs. --home and --json may stand anywhere."""
    context.obj = Session(home=(home or default_home()).expanduser().absolute(), out=Output(json=json))


@app.command()
def version(context: typer.Context) -> None:
    """Print the version of the software."""
    out = context.find_root().obj.out
    if out.json:
        out.result({"version": __version__})
    else:
        out.line(f"tidewaiter {__version__}")


for _family in (
    founding,
    keys,
    directory,
    importing,
    releasing,
    recalling,
    alerts,
    remarking,
    relays,
    exchange,
    bulletins,
    bundles,
    evidence,
    reading,
    asking,
    requests,
    statistics,
    pictures,
    policy,
    officers,
    verifying,
    audit,
    who,
    keeping,
    recovery,
    exporting,
    finding,
    desk,
    holding,
    subjects,
    completeness,
    bench,
):
    _family.register(app)


@cache
def _command() -> Any:
    """The commands as they are called: made once, for who gives several in one process."""
    return typer.main.get_command(app)


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit status: 0 done, 1 refused or failed, 2 not understood."""
    arguments = globals_first(argv)
    if not arguments:
        arguments = ["--help"]
    try:
        status = _command().main(args=arguments, prog_name="tidewaiter", standalone_mode=False)
    except typer.TyperException as error:
        # A mistake in the call shows the usage; the class that does so is none of typer's public ones.
        show = getattr(error, "show", None)
        if callable(show):
            show()
        else:
            Output(json=False).say(f"tidewaiter: {error.format_message()}")
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        Output(json=False).say("tidewaiter: stopped")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where every error becomes a sentence
        from node.cli.failures import tell

        return tell(error)
    return status if isinstance(status, int) else 0


def main() -> None:
    """The console command."""
    os.umask(0o077)  # whatever it writes may hold records: the database, its copies, what is printed into files
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a title in any script must not stop a listing
    sys.exit(run(sys.argv[1:]))
