"""Requests: what peers said that they hold, until somebody has asked them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, session

requests_app: Final = typer.Typer(
    help="Peers that said they hold something: whom to ask there, until when, and what came of it.",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(requests_app, name="requests")


@requests_app.command("list")
def list_(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that are settled.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 100,
) -> None:
    """List requests, the first that is due first."""
    from node.services import requests
    from node.services.readable import plain

    at = session(context)
    with at.opened() as home:
        found = requests.listing(home.database, every=every, limit=limit, now=home.clock())
    if at.out.json:
        at.out.result({"requests": [one.to_json() for one in found]})
        return
    rows = [
        (one.id, one.state, instant(one.until), one.peer, plain(one.contact), one.reference, one.case, one.remark or "")
        for one in found
    ]
    at.out.table(
        ("number", "state", "until", "peer", "contact", "reference", "case", "remark"), rows, empty="Nothing waits."
    )


@requests_app.command("settle")
def settle(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="The number in the list.")],
    remark: Annotated[str, typer.Option(help="What came of it; names nobody.")],
    by: Annotated[str | None, typer.Option(help="Who settles it. Default: the user of this machine.")] = None,
) -> None:
    """Say what came of a request: it waits no more."""
    from node.services import requests

    at = session(context)
    with at.opened() as home:
        try:
            found = requests.settle(home.database, number, remark, by=officer(by), now=home.clock())
        except requests.Settled as error:
            raise Refusal(str(error)) from error
    if at.out.json:
        at.out.result(found.to_json())
        return
    at.out.say(f"Request {found.id} to {found.peer} is settled.")
