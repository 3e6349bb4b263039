"""Commands that show or measure the whole: `demo` and `bench`. What they do stands in modules of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from node.cli.session import Refusal


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(demo)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench)


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End by itself; exit status 0 only if every check held.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Where to keep the homes. Default: a temporary folder.")
    ] = None,
    bulletin: Annotated[
        Path | None, typer.Option(help="Where to write the last chapter's bulletin. Default: beside the homes.")
    ] = None,
) -> None:
    """Four nodes on this machine share, correct, relay, recall and restore, and check it. Stays up until Ctrl-C."""
    from node.cli.demo import demo as show

    show(once=once, folder=folder, bulletin=bulletin)


def bench(context: typer.Context) -> None:
    """Measure, one line a figure (BENCH name value unit). Works in a checkout; --quick makes it short."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / "bench" / "__main__.py").is_file():
        raise Refusal(
            "the benchmarks are not part of the installed package: run `make bench` in a checkout of the source"
        )
    done = subprocess.run([sys.executable, "-m", "bench", *context.args], cwd=checkout, check=False)  # noqa: S603 - our own
    raise typer.Exit(done.returncode)
