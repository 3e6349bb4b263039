"""Back up and restore a node, and see how it stands with its peers since: backup, restore, backup-key, recovery."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, read_input, session
from node.cli.verifying import verify_app

if TYPE_CHECKING:
    from node.services.backup import Summary
    from node.services.sealing import Opener

recovery_app: Final = typer.Typer(
    help="How this node stands with its peers since it was restored from a backup.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
IdentityFile = Annotated[Path | None, typer.Option("--identity", help="The file with the age identity that opens it.")]
PassphraseFile = Annotated[Path | None, typer.Option(help="A file whose first line is the passphrase.")]
Sealed = Annotated[Path, typer.Argument(metavar="FILE", help="A file that `backup` made.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(backup)
    app.command()(restore)
    app.command("backup-key")(backup_key)
    app.command()(doctor)
    app.add_typer(recovery_app, name="recovery")


def backup(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file to make; one that is there is not written over.")
    ],
    to_recipient: Annotated[
        str | None, typer.Option(help="The age recipient (age1...) whose identity opens it: `backup-key` makes a pair.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Back up this node, which may be running: database, attachments, keys and settings in one sealed file."""
    from node.services import backup as service
    from node.services.sealing import Lock

    at = session(context)
    if (to_recipient is None) == (passphrase_file is None):
        raise Refusal("give either --to-recipient or --passphrase-file: a backup is never written unsealed", status=2)
    passphrase = None if passphrase_file is None else _passphrase(passphrase_file)
    with at.opened() as home, at.out.progress("backup"):
        lock = Lock(recipient=to_recipient, passphrase=passphrase)
        made = service.make(file, home.settings, home.database, home.blobs(), lock, now=home.clock())
        service.remember(home.settings.home, now=home.clock())
    _tell(at, made, file=str(file), said=f"{made.node} is backed up in {file}")
    at.out.say(f"Check it where it will lie: tidewaiter verify backup {file}. Keep its key in another place.")


def restore(
    context: typer.Context,
    file: Sealed,
    identity: IdentityFile = None,
    passphrase_file: PassphraseFile = None,
    database: Annotated[
        str | None, typer.Option(help="Another database than the backup's: an SQLAlchemy URL of an empty one.")
    ] = None,
) -> None:
    """Make the node of a backup again, in an empty --home. It settles with its peers before it gives them anything."""
    from node.app import open_blobs_of, wall_clock
    from node.services import backup as service

    at = session(context)
    made = service.restore(
        file, _opener(identity, passphrase_file), at.home, database=database, open_store=open_blobs_of, now=wall_clock()
    )
    _tell(at, made, file=str(file), said=f"{made.node} is restored in {at.home}, as it was at {instant(made.made_at)}")
    at.out.say(
        "Next: `tidewaiter doctor`; `tidewaiter policy show`, and activate the newest policy if this is an older one; "
        "then `tidewaiter serve`. Peers get nothing until each has shown what it holds: `tidewaiter recovery status`."
    )


def backup_key(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the identity: keep it away from here.")],
) -> None:
    """Make a key pair for backups: a new one each month, so that old backups can be made unreadable with their key."""
    from node.services.founding import write_private
    from node.services.sealing import new_identity

    at = session(context)
    identity, recipient = new_identity()
    try:
        write_private(file, f"# opens backups made for {recipient}\n{identity}\n".encode())
    except FileExistsError:
        raise Refusal(f"{file} is there already: choose another name, a key is never written over") from None
    if at.out.json:
        at.out.result({"recipient": recipient, "file": str(file)})
    else:
        at.out.line(recipient)
        at.out.say(f"Back up with `tidewaiter backup FILE --to-recipient {recipient}`; {file} opens what comes of it.")


@verify_app.command("backup")
def verify_backup(
    context: typer.Context, file: Sealed, identity: IdentityFile = None, passphrase_file: PassphraseFile = None
) -> None:
    """Open a backup, read all of it and compare it with its manifest. Writes nothing and needs no home."""
    from node.services import backup as service

    at = session(context)
    made = service.verify(file, _opener(identity, passphrase_file))
    _tell(at, made, file=str(file), said=f"{file} is a whole backup of {made.node}, made at {instant(made.made_at)}")


def _tell(at: Any, made: Summary, *, file: str, said: str) -> None:
    if at.out.json:
        at.out.result({"file": file, **made.to_json()})
    else:
        at.out.line(f"{said}: {made.rows} rows, {made.files} files, {made.blobs} attachments, {made.size} bytes.")


def _opener(identity: Path | None, passphrase_file: Path | None) -> Opener:
    from node.services.sealing import Opener, read_identity

    if (identity is None) == (passphrase_file is None):
        raise Refusal("give either --identity or --passphrase-file: what the backup was sealed to", status=2)
    if identity is None:
        assert passphrase_file is not None  # noqa: S101 - one of the two, said above
        return Opener(passphrase=_passphrase(passphrase_file))
    text = read_input(identity, what="the identity file that `backup-key` made").decode("utf-8", "replace")
    return Opener(identity=read_identity(text))


def _passphrase(path: Path) -> str:
    text = read_input(path, what="a file whose first line is the passphrase").decode("utf-8", "replace")
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line.strip():
        raise Refusal(f"{path}: its first line is empty; write the passphrase there")
    if str(path) != "-" and path.stat().st_mode & 0o077 and os.name == "posix":
        raise Refusal(f"{path}: others can read the passphrase; chmod 600 {path}")
    return line


def doctor(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out reading the whole database.")] = False,
) -> None:
    """Say in plain words what is wrong with this node, why it matters and which command helps. Changes nothing."""
    from node.app import assemble
    from node.services import doctor as service
    from node.settings import SettingsRefused

    at = session(context)
    try:
        home = assemble(at.home)
    except SettingsRefused as error:
        found = [service.closed(at.home, error)]
    else:
        try:
            with at.out.progress("doctor"):
                found = service.examine(home, now=home.clock(), quick=quick)
        finally:
            home.close()
    wrong = [one for one in found if one.severity == "wrong"]
    if at.out.json:
        at.out.result({"sound": not wrong, "findings": [one.to_json() for one in found]})
    else:
        for one in found:
            at.out.line(f"{'WRONG' if one.severity == 'wrong' else 'soon '}  {one.what}")
            at.out.line(f"       why it matters: {one.why}")
            at.out.line(f"       what helps:     {one.help}")
        if not found:
            at.out.line("Nothing is wrong.")
    if wrong:
        raise Refusal(f"{len(wrong)} things are wrong: each line above says what helps")


@recovery_app.command("status")
def status(context: typer.Context) -> None:
    """Show what this node has settled with whom since it was restored."""
    from node.storage import settlements

    at = session(context)
    with at.opened() as home:
        with home.database.read() as connection:
            newest = settlements.current(connection)
            rows = [] if newest is None else settlements.of_all(connection, newest.id)
        joined = home.membership.joined()
        held_up = None if newest is None or not joined else settlements.held_up(newest, home.publisher().policy_version)
        peers = sorted(home.membership.current().members.keys() - {home.settings.id}) if joined else []
    if newest is None:
        if at.out.json:
            at.out.result({"restored": False, "peers": []})
        else:
            at.out.line("This node was never restored from a backup.")
        return
    by_peer = {row.peer: row for row in rows}
    listed: list[dict[str, Any]] = [
        {
            "peer": peer, "state": _state(by_peer.get(peer)),
            "adopted": 0 if by_peer.get(peer) is None else by_peer[peer].adopted,
            "at": None if by_peer.get(peer) is None else by_peer[peer].settled_at,
        }
        for peer in peers
    ]  # fmt: skip
    if at.out.json:
        value = {"restored": True, "at": newest.at, "reason": newest.reason, "backup_at": newest.backup_at}
        at.out.result({**value, "held_up": held_up, "peers": listed})
        return
    at.out.table(
        ("peer", "state", "came back from it", "settled"),
        [(one["peer"], one["state"], one["adopted"], instant(one["at"])) for one in listed],
        empty="The directory lists no peer.",
    )
    at.out.say(f"Restored at {instant(newest.at)} ({REASONS[newest.reason]}).")
    if held_up:
        at.out.say(f"Nothing is offered: {held_up}.")


REASONS: Final = {
    "restored": "by the command",
    "counters": "its counters were ahead of its database",
    "peer": "a peer showed what this node had signed and did not know",
}


def _state(row: Any) -> str:
    if row is not None and row.settled_at is not None:
        return "settled"
    if row is not None and row.waived_by:
        return f"not waited for ({row.waived_by})"
    if row is None:
        return "waits for its inventory"
    if row.inventory_at is None:
        return "is showing what it holds"
    return "everything is being offered again"


@recovery_app.command("accept-policy")
def accept_policy(
    context: typer.Context,
    by: Annotated[str | None, typer.Option(help="Who decides. Default: the user of this machine.")] = None,
) -> None:
    """Go on under the policy in force, though a newer one was in force before the restore."""
    from node.storage import settlements

    at = session(context)
    who = officer(by)
    with at.opened() as home, home.database.write() as connection:
        newest = settlements.current(connection)
        if newest is None:
            raise Refusal("this node was never restored from a backup: there is nothing to accept")
        settlements.accept_policy(connection, newest.id, by=who)
    if at.out.json:
        at.out.result({"accepted_by": who})
    else:
        at.out.line("What is out is offered again under the policy in force.")


@recovery_app.command("without")
def without(
    context: typer.Context,
    peer: Annotated[str, typer.Argument(help="The node that does not show what it holds.")],
    by: Annotated[str | None, typer.Option(help="Who decides. Default: the user of this machine.")] = None,
) -> None:
    """Go on without a peer: corrections of what it may hold no longer wait for it. It gets nothing until it settles.

    If it holds a version that this node has lost and now signs otherwise, both are set aside there as a contradiction.
    """
    from node.storage import settlements

    at = session(context)
    who = officer(by)
    with at.opened() as home, home.database.write() as connection:
        newest = settlements.current(connection)
        if newest is None:
            raise Refusal("this node was never restored from a backup: there is nobody to wait for")
        if home.membership.current().member(peer) is None or peer == home.settings.id:
            raise Refusal(f"{peer} is no peer of this node: `tidewaiter recovery status` lists them")
        row = settlements.of_peer(connection, newest.id, peer)
        if row is not None and row.settled_at is not None:
            raise Refusal(f"this node has settled with {peer}: nothing waits for it")
        settlements.waive(connection, newest.id, peer, by=who)
    if at.out.json:
        at.out.result({"peer": peer, "waived_by": who})
    else:
        at.out.line(f"Corrections no longer wait for {peer}. It gets no page until it has shown what it holds.")
