"""The sharing policy: check a file, see what it would change, put it in force, ask why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, Session, officer, read_input, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.directory import Directory
    from federation.policy import Change, Policy
    from node.app import Home

policy_app: Final = typer.Typer(
    help="Which country may have which groups of which record.", no_args_is_help=True, rich_markup_mode=None
)
SHOWN: Final = 50
File = Annotated[Path, typer.Argument(help="A policy (TOML); config/policy.example.toml explains every word.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(policy_app, name="policy")


@policy_app.command("check")
def check(context: typer.Context, file: File) -> None:
    """Read a policy and tell everything that is wrong with it. Changes nothing."""
    at = session(context)
    with at.opened() as home:
        policy = _read(home, file)
        warnings = _warnings(home, policy)
    if at.out.json:
        at.out.result(
            {
                "valid": True, "country": policy.country, "version": policy.version, "rules": len(policy.rules),
                "instruments": len(policy.instruments), "warnings": warnings,
            }
        )  # fmt: skip
        return
    for warning in warnings:
        at.out.say(f"warning: {warning}")
    at.out.line(f"Policy {policy.version} of {policy.country} is sound: {len(policy.rules)} rules.")


@policy_app.command("show")
def show(context: typer.Context) -> None:
    """Print the policy in force as it was written."""
    from node.storage import policies

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        row = policies.active(connection)
    if row is None:
        raise Refusal("no policy is active, and nothing is shared; `tidewaiter policy activate FILE` puts one in force")
    value = {
        "version": row.version, "author": row.author, "activated_by": row.activated_by,
        "activated_at": row.activated_at, "body": row.body,
    }  # fmt: skip
    if at.out.json:
        at.out.result(value)
        return
    at.out.line(row.body)
    at.out.say(f"Version {row.version}, activated by {row.activated_by} at {instant(row.activated_at)}")


@policy_app.command("diff")
def diff(context: typer.Context, file: File) -> None:
    """Show what would be gained and lost, record by recipient by group, if this policy were activated."""
    from node.services import policing

    at = session(context)
    with at.opened() as home:
        policy = _read(home, file)
        directory = home.membership.current()
        found, titles = policing.difference(
            home.database, policy, node=home.settings.id, recipients=_recipients(home, directory), now=home.clock()
        )
    if at.out.json:
        at.out.result(
            {
                "gained": [change._asdict() for change in found.gained],
                "lost": [change._asdict() for change in found.lost],
                "handling": [{"rid": rid, "recipient": recipient} for rid, recipient in found.handling],
                "titles": titles,
            }
        )
        return
    _changes(at, "gained", found.gained, titles)
    _changes(at, "lost", found.lost, titles)
    at.out.line(f"{len(found.handling)} times the same groups under other obligations.")


def _changes(at: Session, word: str, changes: Sequence[Change], titles: dict[str, str]) -> None:
    at.out.line(f"{len(changes)} {word}.")
    if changes:
        at.out.table(
            ("record", "recipient", "group", "was", "becomes"),
            [
                (titles.get(one.rid, one.rid), one.recipient, one.group, one.was or "nothing", one.becomes or "nothing")
                for one in changes[:SHOWN]
            ],
            empty="",
        )
        if len(changes) > SHOWN:
            at.out.line(f"and {len(changes) - SHOWN} more; --json lists all")


@policy_app.command("activate")
def activate(
    context: typer.Context,
    file: File,
    by: Annotated[str | None, typer.Option(help="Who activates. Default: the user of this machine.")] = None,
) -> None:
    """Put a policy in force, and offer what it allows to peers that never had it."""
    from node.services import policing

    at = session(context)
    name = officer(by)
    with at.opened() as home:
        policy = _read(home, file)
        publisher = home.publisher() if home.membership.joined() else None
        with at.out.progress("offer"):
            done = policing.activate(
                home.database, read_input(file, what="a policy"), node=home.settings.id, by=name, publisher=publisher,
                now=home.clock(),
            )  # fmt: skip
        warnings = _warnings(home, policy)
    entries = 0 if done.offered is None else done.offered.entries
    recipients = [] if done.offered is None else sorted(done.offered.recipients)
    if at.out.json:
        at.out.result(
            {
                "version": done.version, "before": done.before, "entries": entries, "recipients": recipients,
                "warnings": warnings,
            }
        )  # fmt: skip
        return
    for warning in warnings:
        at.out.say(f"warning: {warning}")
    at.out.line(f"Policy {done.version} is in force" + (f", after {done.before}." if done.before else "."))
    if entries:
        at.out.line(f"{entries} entries are offered to {', '.join(recipients)}, who never had these records.")
    if done.before is not None:
        at.out.say(
            "What peers have been given already is not changed by it: new versions are decided by the new policy."
        )


@policy_app.command("offer")
def offer(context: typer.Context) -> None:
    """Offer what is live to members who never got it and may have it now: new members, ended embargoes."""
    from node.services import policing

    at = session(context)
    with at.opened() as home, at.out.progress("offer"):
        publisher = home.publisher()
        if publisher.policy is None:
            raise Refusal("no policy is active; `tidewaiter policy activate FILE` puts one in force and offers")
        report = policing.offer_again(home.database, publisher, now=home.clock())
    if at.out.json:
        at.out.result({"entries": report.entries, "recipients": sorted(report.recipients)})
    else:
        named = f" to {', '.join(sorted(report.recipients))}" if report.recipients else ""
        at.out.line(f"{report.entries} entries are offered{named}.")


@policy_app.command("explain")
def explain(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="Reference or id of a record of this node.")],
    to: Annotated[str, typer.Option(help="The member whose view is explained, such as KE.")],
) -> None:
    """Say why a member gets, or does not get, each group of a record. For this node's own people alone."""
    from node.services import policing

    at = session(context)
    with at.opened() as home:
        directory = home.membership.current()
        member = directory.member(to)
        if member is None:
            raise Refusal(f"--to: {to} is not in the directory; its members are {', '.join(sorted(directory.members))}")
        policy = home.policy()
        if policy is None:
            raise Refusal(
                "no policy is active, and nothing is shared; `tidewaiter policy activate FILE` puts one in force"
            )
        found = policing.explain(
            home.database, reference, node=home.settings.id, recipient=member.recipient(), policy=policy,
            now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result(found.to_json())
        return
    at.out.line(f"{found.reference}, version {found.ver}: {found.title}")
    at.out.line(f"To {found.recipient} by policy {found.policy_version}:")
    at.out.table(
        ("group", "verdict", "why", "given"),
        [
            (
                reason.group, reason.verdict + (f" ({reason.mode})" if reason.mode else ""), reason.text,
                "" if reason.group == "hit" else reason.group in found.given,
            )
            for reason in (*found.reasons, found.hit)
        ],
        empty="",
    )  # fmt: skip
    if found.given_version is None:
        at.out.line(f"{found.recipient} was never given this record.")
    elif found.given_version != found.ver:
        at.out.line(f"{found.recipient} was last given version {found.given_version}.")
    else:
        at.out.line(f"What it was given was decided by policy {found.decided_by}.")


def _read(home: Home, file: Path) -> Policy:
    from node.services import policing

    return policing.check(read_input(file, what="a policy"), node=home.settings.id)


def _warnings(home: Home, policy: Policy) -> list[str]:
    from node.services import policing

    return list(policing.strangers(policy, home.membership.current())) if home.membership.joined() else []


def _recipients(home: Home, directory: Directory) -> list[Any]:
    return [
        member.recipient()
        for member in directory.members.values()
        if member.status == "active" and member.id != home.settings.id
    ]
