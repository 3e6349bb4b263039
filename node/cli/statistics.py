"""Statistics: counts, tables and indices."""

from __future__ import annotations

import typer

from node.cli import intensity

group = typer.Typer(help="Counts, tables and indices.", no_args_is_help=True)
intensity.register(group)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(group, name="stats")
