"""This node's own keys: making one that an older home does not have yet."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from node.cli.session import Refusal, session

key_app: Final = typer.Typer(help="This node's own keys.", no_args_is_help=True, rich_markup_mode=None)
MAKEABLE: Final = ("enc",)


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
