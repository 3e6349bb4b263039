"""The regional office's desk: what waits to be verified, and the questions to members and from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    from node.cli.session import Session
    from node.services.annotating import Annotated as Signed

desk_app: Final = typer.Typer(no_args_is_help=True, help="The regional office's desk.", rich_markup_mode=None)
By = Annotated[str | None, typer.Option(help="Who acts; the log names them. Default: the user of this machine.")]
Purpose = Annotated[str, typer.Option(help="What for; the disclosure log keeps it.")]
Record = Annotated[str, typer.Argument(help="The record: its id, or ISS/RID.")]
DEFAULT_PURPOSE: Final = "customs-enforcement"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(desk_app, name="desk")


@desk_app.command()
def queue(
    context: typer.Context,
    member: Annotated[str | None, typer.Option(help="Only what this node issued.")] = None,
    limit: Annotated[int, typer.Option(help="Lines of the page, at most 200.")] = 50,
    after: Annotated[int, typer.Option(help="The cursor that the page before ended with.")] = 0,
    by: By = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> None:
    """List seizures that this node has not verified, oldest first, with what is wrong or missing in each."""
    from node.services.desk import findings
    from node.services.desk import queue as service

    at = session(context)
    with at.opened() as home:
        found = service.waiting(
            home.database, node=home.settings.id, member=member, limit=limit, after=after, by=officer(by),
            purpose=purpose, now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result(found.to_json())
        return
    at.out.table(
        ("record", "version", "here since", "day", "title", "to look at", "likely the same event"),
        [
            (
                f"{row.iss}/{row.rid}", row.ver, instant(row.accepted_at), row.day, row.title,
                "; ".join(findings.SENTENCES[word] for word in row.findings), ", ".join(row.same_event),
            )
            for row in found.rows
        ],
        empty="Nothing waits.",
    )  # fmt: skip
    if found.next is not None:
        at.out.say(f"More: --after {found.next}")


@desk_app.command()
def verify(
    context: typer.Context,
    record: Record,
    result: Annotated[str, typer.Option(help="verified or not_verified.")] = "verified",
    text: Annotated[str | None, typer.Option(help="What to say to the originator; it may name somebody.")] = None,
    by: By = None,
) -> None:
    """Sign that this node has looked at a seizure, and with which result; the originator gets it."""
    from node.services import annotating
    from node.services.desk import asking

    at = session(context)
    with at.opened() as home:
        try:
            done = asking.verify(
                home.database, home.publisher(), record, result=result, text=text, by=officer(by), now=home.clock()
            )
        except annotating.AnnotationRefused as error:
            raise Refusal(f"the verification is not complete: {'; '.join(error.faults)}") from error
    _tell(at, done)


@desk_app.command()
def query(
    context: typer.Context,
    record: Record,
    text: Annotated[str, typer.Option(help="The question.")],
    respond_by: Annotated[str | None, typer.Option(help="Until when an answer is asked for: YYYY-MM-DD.")] = None,
    no_names: Annotated[
        bool, typer.Option("--no-names", help="I have read the text: it names no person and no firm.")
    ] = False,
    by: By = None,
) -> None:
    """Ask a record's originator; an answer, or the record's next version, closes the question."""
    from node.services import annotating
    from node.services.desk import asking

    at = session(context)
    with at.opened() as home:
        try:
            done = asking.query(
                home.database, home.publisher(), record, text=text, respond_by=respond_by, no_names=no_names,
                by=officer(by), now=home.clock(),
            )  # fmt: skip
        except annotating.AnnotationRefused as error:
            raise Refusal(f"the query is not complete: {'; '.join(error.faults)}") from error
    _tell(at, done)


@desk_app.command()
def queries(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="overdue, open or closed.")] = None,
    by: By = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> None:
    """List questions of this node and to it, overdue ones first; the reading is logged."""
    from node.services.desk import asking

    at = session(context)
    with at.opened() as home:
        found = asking.queries(
            home.database, node=home.settings.id, state=state, by=officer(by), purpose=purpose, now=home.clock()
        )
    if at.out.json:
        at.out.result({"queries": found})
        return
    at.out.table(
        ("way", "member", "about", "answer by", "state", "text", "id"),
        [
            (
                one["way"], one["member"], f"{one['about']['iss']}/{one['about']['rid']}", one["respond_by"],
                f"{one['state']} by version {one['answered_in_version']}"
                if one["answered_in_version"]
                else one["state"],
                one["text"] or one["narrative"], one["rid"],
            )
            for one in found
        ],
        empty="Nobody asks anything.",
    )  # fmt: skip


def _tell(at: Session, done: Signed) -> None:
    if at.out.json:
        at.out.result({"rid": done.rid, "title": done.title, "recipients": list(done.recipients)})
        return
    at.out.line(done.rid)
    at.out.say(f"{done.title}: signed, and on its way to {', '.join(done.recipients) or 'nobody'}.")
