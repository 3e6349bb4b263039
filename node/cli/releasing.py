"""Release drafts: signed once, decided for every recipient, appended to their feeds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.officers import KeyFile, PassphraseFile
from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from node.app import Home

KINDS: Final = ("seizure", "alert", "annotation", "statistics", "bulletin")
SHOWN: Final = 20


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(release)


def release(
    context: typer.Context,
    references: Annotated[list[str] | None, typer.Argument(help="References of the drafts to release.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Release every draft that waits.")] = False,
    kind: Annotated[str | None, typer.Option(help="Only drafts of this kind: seizure, alert, ...")] = None,
    by: Annotated[str | None, typer.Option(help="Who releases. Default: the user of this machine.")] = None,
    second: Annotated[
        str | None, typer.Option(help="The second officer, where a rule of the policy needs one.")
    ] = None,
    key: KeyFile = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign drafts and offer them to every member that the policy grants something."""
    if bool(references) == all_:
        raise Refusal("give either --all or the REFERENCES of the drafts to release", status=2)
    if kind is not None and kind not in KINDS:
        raise Refusal(f"--kind: {kind} is none; write one of {', '.join(KINDS)}", status=2)
    at = session(context)
    with at.opened() as home:
        approve = None if second is None else _approver(home, officer(second), key, passphrase_file)
        release_drafts(
            at, home, references=None if all_ else references, kind=kind, by=by, second=second, approve=approve
        )  # fmt: skip


def _approver(
    home: Home, second: str, key: Path | None, passphrase_file: Path | None
) -> Callable[[Mapping[str, Any]], str] | None:
    """What signs for the second officer; None where officers have no keys and a name does."""
    from node.cli.previews import open_key
    from node.services import officers

    signer = open_key(key, passphrase_file)
    with home.database.read() as connection:
        known = {row.kid: row.officer for row in officers.listing(connection) if row.revoked_at is None}
    if signer is None:
        if known:
            raise Refusal("--key: is missing; officers of this node sign with keys, and the second officer has to")
        return None
    if known.get(signer.kid) != second:
        raise Refusal(f"--key: is no key of {second} that this node knows; `tidewaiter officer list` shows them")
    return lambda claims: officers.sign(
        claims, node=home.settings.id, officer=second, signer=signer, now=home.clock()
    )  # fmt: skip


def release_drafts(
    at: Session, home: Home, *, references: Sequence[str] | None, kind: str | None, by: str | None, second: str | None,
    approve: Callable[[Mapping[str, Any]], str] | None = None,
) -> None:  # fmt: skip
    """Release, show progress, print what came of it; drafts that were refused make the command fail."""
    from node.storage import drafts, feeds

    name = officer(by)
    if second is not None and officer(second).casefold() == name.casefold():
        raise Refusal("--second: is the one who releases; a second officer is another person", status=2)
    publisher = replace(home.publisher(), approve=approve)
    with home.database.read() as connection:
        ids = drafts.waiting(connection, kind=kind, references=references)
        before = {(row.recipient, row.lane, row.epoch): row.size for row in feeds.out_feeds(connection)}
    if references is not None and len(ids) < len(set(references)):
        _refuse_missing(home, references, kind)
    if publisher.policy is None:
        at.out.say(
            "No policy is active: what is released now goes to nobody. `tidewaiter policy activate FILE` comes first."
        )
    if home.membership.stale(home.clock()):
        at.out.say("The directory has expired: peers get nothing until it is renewed.")
    released = entries = withheld = done = 0
    refused: list[tuple[str, tuple[str, ...]]] = []
    with at.out.progress("release") as progress:
        for report in publisher.release(home.database, ids, by=name, second=second, now=home.clock()):
            released += report.released
            entries += report.entries
            withheld += report.withheld
            refused += [(one.reference, one.faults) for one in report.refused]
            done += report.released + len(report.refused)
            progress(done, len(ids))
    with home.database.read() as connection:
        grown: dict[str, int] = {}
        for row in feeds.out_feeds(connection):
            more = row.size - before.get((row.recipient, row.lane, row.epoch), 0)
            grown[row.recipient] = grown.get(row.recipient, 0) + more
    if at.out.json:
        at.out.result(
            {
                "released": released, "entries": entries, "withheld": withheld, "recipients": grown,
                "refused": [{"reference": reference, "faults": list(faults)} for reference, faults in refused],
            }
        )  # fmt: skip
    else:
        at.out.line(f"{released} released, {entries} entries in feeds, {withheld} times withheld whole.")
        if grown:
            at.out.table(("recipient", "entries"), sorted(grown.items()), empty="")
    for reference, faults in refused[:SHOWN]:
        at.out.say(f"{reference} was not released: {'; '.join(faults)}")
    if refused:
        raise Refusal(f"{len(refused)} drafts were not released; put right what is named, and release again")


def _refuse_missing(home: Home, references: Sequence[str], kind: str | None) -> None:
    from sqlalchemy import select

    from node.storage.tables import draft

    with home.database.read() as connection:
        rows = connection.execute(
            select(draft.c.reference, draft.c.state, draft.c.kind).where(draft.c.reference.in_(list(references)))
        ).all()
    states = {row.reference: row.state for row in rows if kind in (None, row.kind)}
    for reference in references:
        if reference not in states:
            raise Refusal(f"{reference} is no draft of this node; `tidewaiter records --drafts` lists what waits")
        if states[reference] == "released":
            raise Refusal(
                f"{reference} is released already; a changed row of an import makes a draft of its next version"
            )
