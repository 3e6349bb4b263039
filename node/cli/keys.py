"""The keys of this node: what they are, making and rotating them, signing again what a stolen one had signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    pass

key_app: Final = typer.Typer(help="This node's own keys.", no_args_is_help=True, rich_markup_mode=None)
MAKEABLE: Final = ("enc",)
HOUR: Final = 3_600
LONGEST_HOURS: Final = 24 * 90


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(key_app, name="key")


@key_app.command()
def make(
    context: typer.Context,
    use: Annotated[str, typer.Argument(help="enc: the key to which bundles for this node are sealed.")],
) -> None:
    """Make a key that this home does not have yet. A key that is there is never replaced by this."""
    from node.services import founding

    at = session(context)
    if use not in MAKEABLE:
        raise Refusal(f"{use}: no key is made for that; write {', '.join(MAKEABLE)}", status=2)
    with at.opened() as home:
        made = founding.make_enc_key(home.settings.home)
    if at.out.json:
        at.out.result({"use": use, "kid": made.kid, "recipient": made.recipient})
        return
    at.out.line(f"The key {made.kid} is made ({made.recipient}).")
    at.out.say("Next: hand the output of `node card` to the authority, which enters it with `directory add --replace`.")


@key_app.command("list")
def list_(context: typer.Context) -> None:
    """List the keys of this home: which signs, which waits, which were, and how the directory lists them."""
    from dataclasses import asdict

    from node.services import keyring

    at = session(context)
    with at.opened() as home:
        directory = home.membership.current() if home.membership.joined() else None
        home.settle_keys()
        states = keyring.states(home.settings.home / "keys", directory)
    if at.out.json:
        at.out.result({"keys": [asdict(state) for state in states]})
        return
    at.out.table(
        ("use", "id", "state", "in the directory", "from", "until", "revoked since"),
        [
            (
                state.use, state.kid, state.state, state.listed, instant(state.nbf), instant(state.exp),
                instant(state.revoked_since),
            )
            for state in states
        ],
        empty="This home has no keys.",
    )  # fmt: skip


@key_app.command("rotate")
def rotate(
    context: typer.Context,
    use: Annotated[str, typer.Argument(help="record, log or http.")],
    overlap: Annotated[
        int,
        typer.Option(
            "--overlap-hours", min=0, max=LONGEST_HOURS,
            help="Hours from now before the new key may sign: time for the authority and for peers. 0 after a theft.",
        ),
    ] = 24,
    output: Annotated[Path | None, typer.Option(help="Write the new card into this file instead of printing.")] = None,
) -> None:  # fmt: skip
    """Make the next key of a use, and the card that proves it beside the old one. The authority enters the card."""
    from node.services import keyring

    at = session(context)
    if use not in keyring.USES:
        raise Refusal(f"{use} is no use of a key; write one of {', '.join(keyring.USES)}", status=2)
    with at.opened() as home:
        now = home.clock()
        made = keyring.begin(home.settings.home / "keys", use, secret=home.secret(), not_before=now + overlap * HOUR)
        card = home.card()
    if output is not None:
        output.write_bytes(card)
    if at.out.json:
        at.out.result({"use": use, "kid": made.kid, "signs_from": now + overlap * HOUR, "card": card.decode()})
        return
    if output is None:
        at.out.line(card.decode())
    at.out.say(
        f"The next {use} key is {made.kid}. The card lists and proves it beside the others: hand it to the authority, "
        "which enters it with `directory add FILE --replace` and publishes. This node switches by itself when the "
        f"directory lists the key, not before {instant(now + overlap * HOUR)}."
    )


@key_app.command("reissue")
def reissue(
    context: typer.Context,
    by: Annotated[str | None, typer.Option(help="Who signs again. Default: the user of this machine.")] = None,
) -> None:
    """Sign again, as next versions, all records and recalls of this node under a revoked key, and offer them."""
    from node.services import reissuing

    at = session(context)
    with at.opened() as home:
        home.settle_keys()
        with at.out.progress("reissue") as progress:
            done = reissuing.reissue(
                home.database, home.publisher(), by=officer(by), now=home.clock(),
                told=lambda so_far: progress(so_far.records + so_far.recalls, so_far.records + so_far.recalls),
            )  # fmt: skip
    if at.out.json:
        value = {"records": done.records, "recalls": done.recalls, "entries": done.entries}
        at.out.result({**value, "recipients": sorted(done.recipients)})
    elif not done.records and not done.recalls:
        at.out.line("No record in use and no recall stands under a revoked key of this node.")
    else:
        whom = ", ".join(sorted(done.recipients)) or "nobody"
        at.out.line(f"{done.records} records and {done.recalls} recalls are signed again and offered to {whom}.")
