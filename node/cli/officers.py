"""Officers' keys, what waits for a second officer's approval, and the tripwire."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import BY_KEY, Refusal, Session, officer, session

if TYPE_CHECKING:
    from sqlalchemy import Row

officer_app: Final = typer.Typer(
    help="Keys with which officers sign approvals.", no_args_is_help=True, rich_markup_mode=None
)
tripwire_app: Final = typer.Typer(
    help="Records and words that must never leave, whatever a policy says.", no_args_is_help=True, rich_markup_mode=None
)
KeyFile = Annotated[Path | None, typer.Option("--key", help="The officer's key file, to sign with.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="Where the passphrase of the key stands; else TIDEWAITER_PASSPHRASE, or it is asked."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
MIN_PASSPHRASE: Final = 8


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(officer_app, name="officer")
    app.add_typer(tripwire_app, name="tripwire")
    app.command()(approvals)
    app.command()(approve)


def ask(at: Session, question: str, *, yes: bool) -> None:
    """Let a person say yes; off a terminal, and with --json, only --yes does."""
    if yes:
        return
    if at.out.json or not sys.stdin.isatty():
        raise Refusal(
            "--yes: is missing, and nobody is there to be asked; look at what is shown, and give it", status=2
        )
    if not typer.confirm(question, err=True):
        raise Refusal("nothing was done")


@officer_app.command("key")
def key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The officer's name, as approvals will tell it.")],
    output: Annotated[
        Path | None, typer.Option(help="Where to write it. Default: officers/NAME.key in the home.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a signing key for an officer, sealed with a passphrase, and let this node know its public half."""
    from crypto.errors import KeyFileRefused
    from crypto.signer import FileSigner
    from node.cli.previews import passphrase
    from node.services import officers

    at = session(context)
    who = officer(name)
    with at.opened() as home:
        plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in who.lower())
        path = output or home.settings.home / "officers" / f"{plain}.key"
        secret = passphrase(passphrase_file, confirm=True)
        if len(secret) < MIN_PASSPHRASE:
            raise Refusal(f"the passphrase has fewer than {MIN_PASSPHRASE} characters; choose a longer one")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = FileSigner.generate()
        try:
            signer.save(path, secret)
        except KeyFileRefused as error:
            raise Refusal(str(error)) from None
        with home.database.write() as connection:
            officers.add(connection, officer=who, public=signer.public, now=home.clock())
    if at.out.json:
        at.out.result({"officer": who, "kid": signer.kid, "path": str(path)})
    else:
        at.out.line(f"{who} signs with {path}; approvals of this node are signatures from now on.")
        at.out.say("Keep the file where nobody else opens it: whoever has it and the passphrase approves in this name.")


@officer_app.command("list")
def list_keys(context: typer.Context) -> None:
    """List the officers whose keys this node knows."""
    from node.services import officers

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows = officers.listing(connection)
    if at.out.json:
        names = ("officer", "kid", "added_at", "revoked_at")
        at.out.result({"officers": [{name: getattr(row, name) for name in names} for row in rows]})
        return
    at.out.table(
        ("officer", "key", "since", "revoked"),
        [(row.officer, row.kid, instant(row.added_at), instant(row.revoked_at)) for row in rows],
        empty="No officer has a key: approvals rest on names. `tidewaiter officer key NAME` makes one.",
    )


@officer_app.command("revoke", context_settings=BY_KEY)
def revoke(
    context: typer.Context, kid: Annotated[str, typer.Argument(help="The key, as `officer list` shows it.")]
) -> None:
    """Accept nothing more from an officer's key. What it signed before stays signed."""
    from node.services import officers

    at = session(context)
    with at.opened() as home, home.database.write() as connection:
        if not officers.revoke(connection, kid, now=home.clock()):
            raise Refusal(f"{kid} is no key in use; `tidewaiter officer list` shows them")
    if at.out.json:
        at.out.result({"revoked": kid})
    else:
        at.out.line(f"{kid} approves nothing from now on.")


def approvals(context: typer.Context) -> None:
    """List the records that would go to more recipients, or further, if a second officer approved it."""
    from node.services import approvals as service

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows = service.waits(connection)
        references = _references(connection, rows)
    if at.out.json:
        at.out.result({"waiting": [_waiting(row, references) for row in rows]})
        return
    at.out.table(
        ("record", "version", "recipient", "groups", "since"),
        [
            (references.get(row.rid, row.rid), row.ver, name, ", ".join(groups), instant(row.asked_at))
            for row in rows
            for name, groups in json.loads(row.audience).items()
        ],
        empty="Nothing waits for a second officer.",
    )


def approve(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="Reference or id of a record that `approvals` lists.")],
    by: Annotated[str | None, typer.Option(help="The second officer. Default: the user of this machine.")] = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
) -> None:
    """Approve the release of a record to the audience that `approvals` lists, as its second officer."""
    from node.cli.previews import open_key
    from node.services import approving

    at = session(context)
    name = officer(by)
    with at.opened() as home:
        publisher = home.publisher()
        row = approving.find(home.database, reference)
        if not at.out.json:
            for recipient, groups in json.loads(row.audience).items():
                at.out.line(f"{recipient}: {', '.join(groups)}")
        ask(at, f"{name} approves this audience of {reference}, version {row.ver}?", yes=yes)
        done = approving.approve(
            home.database, publisher, row, by=name, signer=open_key(key, passphrase_file), now=home.clock()
        )
    if at.out.json:
        at.out.result({"rid": row.rid, "ver": row.ver, "audience": json.loads(row.audience), "entries": done.entries})
    else:
        at.out.line(
            f"Approved by {name}: {done.entries} entries go to {', '.join(sorted(done.recipients)) or 'nobody'}."
        )


@tripwire_app.command("add")
def add(
    context: typer.Context,
    value: Annotated[str, typer.Argument(help="A record's id, or with --token a word that stands in no other record.")],
    token: Annotated[bool, typer.Option("--token", help="It is a word, not a record.")] = False,
    note: Annotated[str, typer.Option(help="Why, for whoever sees the alarm.")] = "",
    by: Annotated[str | None, typer.Option(help="Who sets it. Default: the user of this machine.")] = None,
) -> None:
    """Stop a record, or whatever carries a word, at the door of this node."""
    from node.services import tripwires

    at = session(context)
    with at.opened() as home, home.database.write() as connection:
        try:
            number = tripwires.add(
                connection,
                kind="token" if token else "record",
                value=value,
                note=note,
                by=officer(by),
                now=home.clock(),
            )
        except ValueError as error:
            raise Refusal(str(error)) from None
    if at.out.json:
        at.out.result({"tripwire": number})
    else:
        at.out.line(f"Tripwire {number} is set; `tidewaiter tripwire list` shows what it stopped.")


@tripwire_app.command("list")
def list_wires(context: typer.Context) -> None:
    """List the tripwires, and what they have stopped."""
    from node.services import tripwires

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows, stopped = tripwires.listing(connection), tripwires.alarms(connection)
    if at.out.json:
        at.out.result(
            {
                "tripwires": [_members(row, "id", "kind", "value", "note", "by", "at") for row in rows],
                "alarms": [_members(row, "tripwire", "rid", "recipient", "where", "at") for row in stopped],
            }
        )
        return
    at.out.table(
        ("tripwire", "kind", "value", "note", "by", "since"),
        [(row.id, row.kind, row.value, row.note, row.by, instant(row.at)) for row in rows],
        empty="No tripwire is set.",
    )
    at.out.table(
        ("ALARM", "record", "to", "at the", "when"),
        [(row.tripwire, row.rid, row.recipient, row.where, instant(row.at)) for row in stopped],
        empty="Nothing was stopped.",
    )


@tripwire_app.command("remove")
def remove(
    context: typer.Context, number: Annotated[int, typer.Argument(help="Of the tripwire, as `tripwire list` shows it.")]
) -> None:
    """Take a tripwire away. Its alarms stay."""
    from node.services import tripwires

    at = session(context)
    with at.opened() as home, home.database.write() as connection:
        if not tripwires.remove(connection, number):
            raise Refusal(f"{number} is no tripwire; `tidewaiter tripwire list` shows them")
    if at.out.json:
        at.out.result({"removed": number})
    else:
        at.out.line(f"Tripwire {number} is gone.")


def _members(row: Row[Any], *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _references(connection: Any, rows: list[Row[Any]]) -> dict[str, str]:
    from sqlalchemy import select

    from node.storage.tables import draft

    found = connection.execute(select(draft.c.rid, draft.c.reference).where(draft.c.rid.in_([row.rid for row in rows])))
    return {row.rid: row.reference for row in found}


def _waiting(row: Row[Any], references: dict[str, str]) -> dict[str, Any]:
    return {
        "rid": row.rid, "reference": references.get(row.rid), "ver": row.ver, "policy": row.policy,
        "since": row.asked_at, "audience": json.loads(row.audience), "audience_hash": row.audience_hash,
    }  # fmt: skip
