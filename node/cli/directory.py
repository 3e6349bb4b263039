"""The federation's directory: the development authority in this home, and joining somebody else's.

The authority lives in `<home>/authority`. The node that hosts it trusts its own root by itself and serves the directory
from its own mirror, as every other member does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from node.cli.output import grouped, instant
from node.cli.session import BY_KEY, Refusal, Session, read_input, session

if TYPE_CHECKING:
    from federation.membership import Directory, Status
    from node.app import Home

directory_app: Final = typer.Typer(
    help="The directory of a federation, kept by this node.", no_args_is_help=True, rich_markup_mode=None
)
AUTHORITY: Final = "authority"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(directory_app, name="directory")
    app.command()(join)


@directory_app.command("init")
def init(
    context: typer.Context,
    fed: Annotated[
        str, typer.Option(help="The federation's id; objects of one never verify in another.")
    ] = "development",
    class_: Annotated[str, typer.Option("--class", help="exercise, training or live.")] = "exercise",
    region: Annotated[list[str] | None, typer.Option(help="A region of the federation. Repeatable.")] = None,
) -> None:
    """Make a federation: its root keys and an empty directory. Prints the root's fingerprint."""
    from federation.membership import CLASSES
    from node.services import authority

    at = session(context)
    if class_ not in CLASSES:
        raise Refusal(f"--class: {class_} is none; write one of {', '.join(CLASSES)}", status=2)
    with at.opened() as home:
        folder = _folder(at)
        regions = set(region or []) | ({home.settings.region} if home.settings.region else set())
        fingerprint = authority.init(folder, fed=fed, now=home.clock(), class_=class_, regions=sorted(regions))
        _trust_own(home, folder)
    if at.out.json:
        at.out.result({"fed": fed, "class": class_, "fingerprint": fingerprint})
        return
    at.out.line(fingerprint)
    at.out.say(f"The federation {fed} is made in {folder}. Whoever joins compares this fingerprint of its root.")
    at.out.say(
        "Next: `directory add` for each member's card (without a file: this node's own), then `directory publish`."
    )


@directory_app.command("add")
def add(
    context: typer.Context,
    card: Annotated[
        Path | None, typer.Argument(help="A node card, or - for standard input. Default: this node's own.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="administration, rilo or oversight, if the card is wrong.")] = None,
    country: Annotated[str | None, typer.Option(help="Country code, if the card is wrong.")] = None,
    region: Annotated[str | None, typer.Option(help="Region, if the card does not tell it.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role: member, rilo, oversight. Repeatable.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take new keys of a listed node: it asked for that.")
    ] = False,
) -> None:
    """Enter a member by its node card."""
    from federation.membership import KINDS
    from node.services import authority

    at = session(context)
    if kind is not None and kind not in KINDS:
        raise Refusal(f"--kind: {kind} is none; write one of {', '.join(KINDS)}", status=2)
    with at.opened() as home:
        folder = _authority(at)
        data = home.card() if card is None else read_input(card, what="a card that `tidewaiter node card` wrote")
        entered = authority.add(folder, data, kind=kind, country=country, region=region, roles=role, replace=replace)
    if at.out.json:
        at.out.result({"id": entered.id, "name": entered.name, "fingerprint": entered.fingerprint})
        return
    at.out.line(f"{entered.id} ({entered.name}) is entered; `directory publish` makes it known.")
    at.out.say(f"Fingerprint of its card, to be compared by telephone: {grouped(entered.fingerprint)}")


@directory_app.command("publish")
def publish(context: typer.Context) -> None:
    """Sign the directory; this node's server serves it from then on. Repeat it at least every week."""
    from node.services import authority

    at = session(context)
    with at.opened() as home:
        folder = _authority(at)
        done = authority.publish(folder, now=home.clock())
        directory = _trust_own(home, folder)
    if at.out.json:
        value = {"version": done.version, "changed": done.changed, "expires": done.expires}
        at.out.result({**value, "fingerprint": done.fingerprint, "members": len(directory.members) if directory else 0})
        return
    what = "published" if done.changed else "renewed without a change"
    at.out.line(f"Version {done.version} is {what}; it is good until {instant(done.expires)}.")


@directory_app.command("status")
def status(
    context: typer.Context,
    node: Annotated[str, typer.Argument(help="The member's id.")],
    status: Annotated[str, typer.Argument(help="active, suspended or left.")],
) -> None:
    """Suspend a member, let it back in, or note that it has left. `directory publish` makes it known."""
    from node.services import authority

    at = session(context)
    with at.opened():
        authority.set_status(_authority(at), node, cast("Status", status))
    _done(at, {"id": node, "status": status}, f"{node} is {status}; `directory publish` makes it known.")


@directory_app.command("revoke", context_settings=BY_KEY)
def revoke(
    context: typer.Context,
    kid: Annotated[str, typer.Argument(help="The key's id, as the directory lists it.")],
    since: Annotated[str, typer.Option(help="The earliest day of possible misuse: YYYY-MM-DD.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words that everybody may read.")],
) -> None:
    """Revoke a key from the earliest possible misuse on. `directory publish` makes it known."""
    from datetime import UTC, datetime

    from node.services import authority

    at = session(context)
    try:
        moment = int(datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Refusal(f"--since: {since} is no day; write it as YYYY-MM-DD", status=2) from None
    with at.opened():
        authority.revoke(_authority(at), kid, since=moment, reason=reason)
    _done(at, {"kid": kid, "since": moment}, f"{kid} is revoked from {since}; `directory publish` makes it known.")


@directory_app.command("group")
def group(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The group's name.")],
    members: Annotated[list[str] | None, typer.Argument(help="The ids of all its members.")] = None,
    add: Annotated[list[str] | None, typer.Option(help="A member that joins. Repeatable.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A member that leaves. Repeatable.")] = None,
) -> None:
    """Give a named group its next version: these members, or those of now with changes. Earlier versions stay.

    Whoever is removed receives nothing more that is shared with the group, once the directory is published.
    """
    from node.services import authority

    if bool(members) == bool(add or remove):
        raise Refusal("give either all MEMBERS of the group, or changes with --add and --remove", status=2)
    at = session(context)
    with at.opened():
        folder = _authority(at)
        listed = set(members or authority.group_members(folder, name))
        unknown = sorted(set(remove or []) - listed)
        if unknown:
            raise Refusal(f"--remove: {', '.join(unknown)} is not in the newest version of {name}")
        version = authority.set_group(folder, name, (listed | set(add or [])) - set(remove or []))
    _done(at, {"group": f"{name}@{version}"}, f"{name}@{version} is made; `directory publish` makes it known.")


def join(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The address of a member, or of the directory's repository.")],
    root: Annotated[str | None, typer.Option(help="The root's fingerprint, as the authority told it you.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="The fingerprints were compared; do not ask.")] = False,
) -> None:
    """Join a federation: trust its root once its fingerprint was compared, and fetch its directory."""
    from federation.trust import fingerprint
    from node.services import founding

    at = session(context)
    with at.opened() as home:
        served = founding.fetch_root(home.settings, url)
        shown = fingerprint(served)
        at.out.say(f"{url} serves a root with the fingerprint\n  {shown}")
        if root is None:
            raise Refusal(
                "--root: is missing. Ask the authority of the federation for the fingerprint by another road "
                "(telephone, letter), compare every group of four, and repeat with --root FINGERPRINT",
                status=2,
            )
        if "".join(root.split()).replace(":", "").replace("-", "").lower() != shown.replace(" ", ""):
            raise Refusal("--root: is not the fingerprint of what is served there; do not join, ask the authority")
        if not yes:
            if not sys.stdin.isatty():
                raise Refusal("--yes: is missing; give it when two people have compared the fingerprint", status=2)
            typer.confirm("Did the authority tell you this fingerprint by another road?", abort=True, err=True)
        directory = founding.join(home.settings, home.membership.mirror, url, served, root, now=home.clock())
        listed = _listed(home, directory)
    value = {"fed": directory.fed, "class": directory.class_, "version": directory.version, "listed": listed}
    if at.out.json:
        at.out.result({**value, "members": sorted(directory.members)})
    else:
        at.out.line(
            f"Joined {directory.fed} ({directory.class_}), directory version {directory.version}, "
            f"{len(directory.members)} members."
        )
    if not listed:
        at.out.say(
            "This node is not in the directory with its keys yet: hand the output of `tidewaiter node card` to the "
            "authority."
        )


def _listed(home: Home, directory: Directory) -> bool:
    kid = home.signer("http").kid
    return any(key.kid == kid for key in directory.keys_of(home.settings.id, "http"))


def _trust_own(home: Home, folder: Path) -> Directory | None:
    """Trust the root of the authority that lies in this home, and take its directory over if one is published."""
    from federation.trust import folder_fetch
    from node.services import authority, founding

    repository = folder / "repository"
    mirror = home.membership.mirror
    mirror.first_trust((repository / founding.ROOT).read_bytes(), authority.root_fingerprint(folder))
    if not (repository / "metadata" / "timestamp.json").exists():
        return None
    return mirror.refresh(folder_fetch(repository), now=home.clock())


def _folder(at: Session) -> Path:
    return at.home / AUTHORITY


def _authority(at: Session) -> Path:
    folder = _folder(at)
    if not (folder / "draft.json").exists():
        raise Refusal(f"{folder}: there is no authority in this home; `tidewaiter directory init` makes one")
    return folder


def _done(at: Session, value: dict[str, Any], sentence: str) -> None:
    if at.out.json:
        at.out.result(value)
    else:
        at.out.line(sentence)
