"""The sharing policy: check a file, see what it would change, put it in force, ask why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.officers import KeyFile, PassphraseFile, Yes, ask
from node.cli.output import instant
from node.cli.session import Refusal, officer, read_input, session

if TYPE_CHECKING:
    from federation.directory import Directory
    from federation.policy import Policy
    from node.app import Home

policy_app: Final = typer.Typer(
    help="Which country may have which groups of which record.", no_args_is_help=True, rich_markup_mode=None
)
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
def diff(
    context: typer.Context,
    file: File,
    export: Annotated[
        Path | None, typer.Option(help="Write every change to this file: CSV, or JSON lines if it ends in .jsonl.")
    ] = None,
) -> None:
    """Show what would be gained and lost, record by recipient by group, if this policy were activated."""
    from node.cli.previews import exporting, show
    from node.services import proposing

    at = session(context)
    with at.opened() as home, exporting(export) as each:
        policy = _read(home, file)
        directory = home.membership.current()
        found, titles = proposing.preview(
            home.database, policy, node=home.settings.id, recipients=_recipients(home, directory), now=home.clock(),
            each=each,
        )  # fmt: skip
    if at.out.json:
        at.out.result({**found, "titles": titles})
        return
    show(at, found, titles)


@policy_app.command("propose")
def propose(
    context: typer.Context,
    file: File,
    by: Annotated[str | None, typer.Option(help="Who proposes. Default: the user of this machine.")] = None,
) -> None:
    """Keep a policy for a second officer to approve, with its letter, and show what it would change."""
    from node.cli.previews import show
    from node.services import proposing

    at = session(context)
    with at.opened() as home:
        policy = _read(home, file)
        warnings = _warnings(home, policy)
        made = proposing.propose(
            home.database, read_input(file, what="a policy"), node=home.settings.id, by=officer(by),
            recipients=_members(home), now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result(
            {
                "version": made.version, "policy_hash": made.policy_hash, "letter_hash": made.letter_hash,
                "preview": made.preview, "warnings": warnings,
            }
        )  # fmt: skip
        return
    for warning in warnings:
        at.out.say(f"warning: {warning}")
    show(at, made.preview, made.preview["titles"])
    at.out.line(
        f"Policy {made.version} is proposed. A second officer reads `tidewaiter policy letter {made.version}` and runs "
        f"`tidewaiter policy approve {made.version}`."
    )


@policy_app.command("letter")
def letter(
    context: typer.Context,
    version: Annotated[int | None, typer.Argument(help="Of a proposal. Default: the newest one.")] = None,
) -> None:
    """Print in prose what a proposed policy does: who gets what, on which basis, until when, and what never leaves."""
    from node.services import proposing
    from node.storage import policies

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        row = proposing.find(connection, version)
        text = None if row is None else row.letter
        active = policies.active(connection)
        if row is None and active is not None and version in {None, active.version}:
            text = proposing.letter_of(
                connection, policies.read(active.body), node=home.settings.id, recipients=_members(home),
                now=home.clock(),
            )  # fmt: skip
    if text is None:
        raise Refusal("no such policy is proposed or in force; `tidewaiter policy propose FILE` proposes one")
    if at.out.json:
        at.out.result({"letter": text, "letter_hash": None if row is None else row.letter_hash})
        return
    at.out.line(text.rstrip())
    if row is not None:
        at.out.say(f"Hash of this letter: {row.letter_hash}")


@policy_app.command("approve")
def approve(
    context: typer.Context,
    version: Annotated[int, typer.Argument(help="Version of the proposed policy.")],
    by: Annotated[str | None, typer.Option(help="The second officer. Default: the user of this machine.")] = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
    yes: Yes = False,
) -> None:
    """Approve a proposed policy as the second officer: its text, its letter, and what it was shown to change."""
    from node.cli.previews import open_key, show
    from node.services import proposing

    at = session(context)
    name = officer(by)
    with at.opened() as home:
        with home.database.read() as connection:
            row = proposing.find(connection, version)
            if row is None or row.state != "proposed":
                raise Refusal(proposing.not_proposed(connection, version))
        shown = json.loads(row.preview)
        if not at.out.json:
            at.out.line(row.letter.rstrip())
            show(at, shown, shown["titles"])
        ask(at, f"{name} approves policy {version} as it is shown here?", yes=yes)
        who = proposing.approve(
            home.database, version, node=home.settings.id, by=name, digest=shown["digest"],
            signer=open_key(key, passphrase_file), now=home.clock(),
        )  # fmt: skip
    value = {
        "version": version, "approved_by": who, "signed": key is not None, "policy_hash": row.policy_hash,
        "letter_hash": row.letter_hash, "preview_digest": row.preview_digest,
    }  # fmt: skip
    if at.out.json:
        at.out.result(value)
    else:
        at.out.line(f"{who} has approved policy {version}; `tidewaiter policy activate {version}` puts it in force.")


@policy_app.command("activate")
def activate(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(help="The version of an approved proposal, or a policy file.")],
    by: Annotated[str | None, typer.Option(help="Who activates. Default: the user of this machine.")] = None,
    second: Annotated[
        str | None, typer.Option(help="The second officer, where a file is activated without a proposal.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Put a policy in force that two officers stand behind, and let it reach what was released before."""
    from node.cli.previews import show
    from node.services import policing, proposing
    from node.storage import policies

    at = session(context)
    name = officer(by)
    proposed = policy.isdigit() and not Path(policy).exists()
    if not proposed and second is None:
        raise Refusal(
            "--second: is missing; a policy needs two officers. Name the other one, or run "
            "`tidewaiter policy propose FILE` and let the other approve it",
            status=2,
        )
    with at.opened() as home:
        publisher = home.publisher() if home.membership.joined() else None
        options: dict[str, Any] = {
            "node": home.settings.id, "by": name, "publisher": publisher, "recipients": _members(home),
            "now": home.clock(),
        }  # fmt: skip
        warnings: list[str] = []
        if proposed:
            with at.out.progress("review") as progress:
                done = proposing.activate(home.database, int(policy), tell=lambda n: progress(n, n), **options)
        else:
            file = Path(policy)
            read = _read(home, file)
            warnings = _warnings(home, read)
            with home.database.read() as connection:
                active = policies.active(connection)
            policing.refuse_older(read, None if active is None else active.version)
            shown, titles = proposing.preview(
                home.database, read, node=home.settings.id, recipients=options["recipients"], now=options["now"]
            )
            if not at.out.json:
                show(at, shown, titles)
            ask(at, f"{name} and {second} put policy {read.version} in force?", yes=yes)
            with at.out.progress("review") as progress:
                done = proposing.activate_by_two(
                    home.database, read_input(file, what="a policy"), shown=shown, second=officer(second),
                    tell=lambda n: progress(n, n), **options,
                )  # fmt: skip
    counts = {"put": 0, "more": 0, "less": 0, "tighten": 0} if done.offered is None else done.offered.counts()
    recipients = [] if done.offered is None else sorted(done.offered.recipients)
    if at.out.json:
        at.out.result(
            {
                "version": done.version, "before": done.before, "entries": sum(counts.values()), **counts,
                "recipients": recipients, "warnings": warnings,
            }
        )  # fmt: skip
        return
    for warning in warnings:
        at.out.say(f"warning: {warning}")
    at.out.line(f"Policy {done.version} is in force" + (f", after {done.before}." if done.before else "."))
    if recipients:
        at.out.line(
            f"To {', '.join(recipients)}: {counts['put']} new, {counts['more']} extended, "
            f"{counts['less']} withdrawn or reduced, {counts['tighten']} tightened."
        )


@policy_app.command("status")
def status(context: typer.Context) -> None:
    """Say how far the policy in force has reached what was released before it, and who has confirmed it."""
    from node.services import standing

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        found = standing.of_policy(connection, now=home.clock())
    if found is None:
        raise Refusal("no policy is active, and nothing is shared; `tidewaiter policy activate FILE` puts one in force")
    if at.out.json:
        at.out.result(found)
        return
    at.out.line(
        f"Policy {found['version']}, by {found['activated_by']}, in force since {instant(found['activated_at'])}: "
        + ("applied to everything." if found["applied"] else f"applied as far as record row {found['position']}; "
           "a running server goes on, or `tidewaiter policy offer`.")
    )  # fmt: skip
    at.out.table(
        ("recipient", "operation", "entries", "confirmed"),
        [(row["recipient"], row["op"], row["entries"], row["confirmed"]) for row in found["sent"]],
        empty="Nothing that was shared before had to change.",
    )
    for warning in found["warnings"]:
        at.out.say(f"warning: {warning}")


@policy_app.command("instruments")
def instruments(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A policy file. Default: the policy in force.")] = None,
) -> None:
    """List the legal instruments of a policy, the rules that rest on them, and how long they last."""
    from node.services import standing
    from node.storage import policies

    at = session(context)
    with at.opened() as home:
        with home.database.read() as connection:
            row = policies.active(connection)
        if file is None and row is None:
            raise Refusal("no policy is active; give a FILE to list the instruments of")
        policy = _read(home, file) if file is not None else policies.read(row.body if row is not None else "")
        found = standing.instruments(policy, now=home.clock())
    if at.out.json:
        at.out.result({"version": policy.version, "instruments": found})
        return
    at.out.table(
        ("instrument", "title", "parties", "articles", "from", "until", "days left", "rules"),
        [
            (
                one["id"], one["title"], ", ".join(one["parties"]), ", ".join(one["articles"]), one["valid_from"],
                one["valid_until"], "expired" if one["expired"] else one["days_left"], ", ".join(one["rules"]),
            )
            for one in found
        ],
        empty="The policy names no legal instrument.",
    )  # fmt: skip
    for warning in standing.expiring(policy, now=home.clock()):
        at.out.say(f"warning: {warning}")


@policy_app.command("offer")
def offer(context: typer.Context) -> None:
    """Look again at all that is live, now: new members, ended embargoes, expired instruments, unfinished reviews."""
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
    from node.services import policing, standing

    found = standing.expiring(policy, now=home.clock())
    if home.membership.joined():
        found += policing.strangers(policy, home.membership.current())
    return found


def _members(home: Home) -> list[Any]:
    """The recipients of today; nobody for a node that has joined no federation yet."""
    return _recipients(home, home.membership.current()) if home.membership.joined() else []


def _recipients(home: Home, directory: Directory) -> list[Any]:
    return [
        member.recipient()
        for member in directory.members.values()
        if member.status == "active" and member.id != home.settings.id
    ]
