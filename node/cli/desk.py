"""The regional office's desk: what waits to be verified, and the questions to members and from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    from node.cli.session import Session
    from node.services.annotating import Annotated as Signed
    from node.services.desk.timeliness import Step

desk_app: Final = typer.Typer(no_args_is_help=True, help="The regional office's desk.", rich_markup_mode=None)
By = Annotated[str | None, typer.Option(help="Who acts; the log names them. Default: the user of this machine.")]
Purpose = Annotated[str, typer.Option(help="What for; the disclosure log keeps it.")]
LateDays = Annotated[int, typer.Option(help="Late is who has sent nothing new for longer than this.")]
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


@desk_app.command()
def timeliness(
    context: typer.Context,
    from_: Annotated[str | None, typer.Option("--from", help="Seized then or later: YYYY, YYYY-MM or a day.")] = None,
    to: Annotated[str | None, typer.Option(help="Seized then or earlier. Default: today.")] = None,
    late_days: LateDays = 45,
    by: By = None,
) -> None:
    """Show per member the days from seizure to input, shared and verified, what it has reported, and who is late."""
    from node.services.desk import timeliness as service

    at = session(context)
    with at.opened() as home:
        found = service.timeliness(
            home.database, directory=home.membership.current(), node=home.settings.id, from_=from_, to=to,
            late_days=late_days, by=officer(by), now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result(service.to_json(found))
        return
    at.out.line("Days, median / 90th percentile (cases). Input is the first signature, shared the arrival here.")
    at.out.table(
        ("member", "cases", "without a day", *(step.replace("_", " to ") for step in service.STEPS), "last month",
         "newest here", "months without", ""),
        [
            (
                one.member, one.cases, one.undated, *(_step(one.steps[step]) for step in service.STEPS),
                one.last_month, instant(one.last_new), ", ".join(one.months_without), "late" if one.late else "",
            )
            for one in found
        ],
        empty="There is no member.",
    )  # fmt: skip


@desk_app.command()
def remind(
    context: typer.Context,
    member: Annotated[str, typer.Argument(help="The late member's node id.")],
    respond_by: Annotated[str | None, typer.Option(help="Until when an answer is asked for: YYYY-MM-DD.")] = None,
    late_days: LateDays = 45,
    by: By = None,
) -> None:
    """Ask a late member to report: a signed query on its newest record; without one, a text to send yourself."""
    from node.services import annotating
    from node.services.desk import timeliness as service

    at = session(context)
    with at.opened() as home:
        try:
            sentence, done = service.remind(
                home.database, home.publisher(), member, directory=home.membership.current(), respond_by=respond_by,
                late_days=late_days, by=officer(by), now=home.clock(),
            )  # fmt: skip
        except annotating.AnnotationRefused as error:
            raise Refusal(f"nothing was sent: {'; '.join(error.faults)}") from error
    if at.out.json:
        at.out.result({"text": sentence, "rid": None if done is None else done.rid})
        return
    at.out.line(sentence)
    if done is None:
        at.out.say(f"Nothing was sent: this node holds no record of {member} to ask about. Send the text yourself.")
    else:
        at.out.say(f"Signed as {done.rid}, and on its way to {', '.join(done.recipients)}.")


@desk_app.command()
def patterns(
    context: typer.Context,
    months: Annotated[int, typer.Option(help="Months of the window, up to 12.")] = 3,
    until: Annotated[str | None, typer.Option(help="Its last month, YYYY-MM. Default: the last whole month.")] = None,
    by: By = None,
) -> None:
    """Show combinations of brand, way and method that are new or unusually frequent, with every figure."""
    from node.services.desk import patterns as service

    at = session(context)
    with at.opened() as home:
        found = service.patterns(home.database, months=months, until=until, by=officer(by), now=home.clock())
    if at.out.json:
        at.out.result(found.to_json())
        return
    at.out.line(
        f"{found.first} to {found.last} against the same months of {found.years} earlier years, trend "
        f"{found.trend:.3g}; {found.compared} combinations compared (Benjamini-Hochberg, {found.level:g}), at least "
        f"{found.minimum} cases. {found.counted} cases counted, {found.left_out} without brand, way or month left out."
    )
    if not found.years:
        at.out.line("The history is shorter than a year: nothing can be said.")
    at.out.table(
        ("brand", "from", "to", "conveyance", "concealment", "cases", "baseline", "expected", "ratio", "first seen",
         "poisson", "probability", "adjusted"),
        [
            (
                one.brand, one.origin, one.destination, one.conveyance, one.concealment, one.cases, one.baseline,
                f"{one.expected:.3g}", f"{one.ratio:.3g}", f"{one.first_seen}{', new' if one.new else ''}",
                f"{one.poisson:.2e}", f"{one.probability:.2e}", f"{one.adjusted:.2e}",
            )
            for one in found.found
        ],
        empty="Nothing stands out.",
    )  # fmt: skip


@desk_app.command("on-behalf")
def on_behalf(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="Lines of the page, at most 200.")] = 50,
    after: Annotated[int, typer.Option(help="The cursor that the page before ended with.")] = 0,
    by: By = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> None:
    """List records that this office entered for administrations without a node, oldest first."""
    from node.services.desk import behalf

    at = session(context)
    with at.opened() as home:
        found = behalf.on_behalf(
            home.database, directory=home.membership.current(), node=home.settings.id, limit=limit, after=after,
            by=officer(by), purpose=purpose, now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result(found.to_json())
        return
    at.out.table(
        ("administration", "reference", "version", "day", "title", "state", "entered", "its own node now"),
        [
            (
                row.administration, row.reference, row.ver, row.day, row.title, row.state, instant(row.accepted_at),
                row.node,
            )
            for row in found.rows
        ],
        empty="Nothing was entered on behalf of others.",
    )  # fmt: skip
    if found.next is not None:
        at.out.say(f"More: --after {found.next}")


def _step(step: Step) -> str:
    contradicts = f", {step.negative} contradict" if step.negative else ""
    return f"{step.median:g} / {step.p90:g} ({step.n}{contradicts})" if step.median is not None else contradicts[2:]


def _tell(at: Session, done: Signed) -> None:
    if at.out.json:
        at.out.result({"rid": done.rid, "title": done.title, "recipients": list(done.recipients)})
        return
    at.out.line(done.rid)
    at.out.say(f"{done.title}: signed, and on its way to {', '.join(done.recipients) or 'nobody'}.")
