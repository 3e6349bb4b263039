"""Annotations: remarks on records, the questions that wait for an answer, and what became of an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.alerts import alert_app, texts_of
from node.cli.output import instant
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    from node.services.following import Followed

Many = list[str] | None
By = Annotated[
    str | None, typer.Option(help="Who looks; the disclosure log names it. Default: the user of this machine.")
]
Purpose = Annotated[str, typer.Option(help="What for; the disclosure log keeps it.")]
DEFAULT_PURPOSE = "customs-enforcement"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(annotate)
    app.command("annotations")(listed)
    app.command()(queries)
    alert_app.command("status")(status)


def annotate(
    context: typer.Context,
    about: Annotated[
        list[str], typer.Argument(help="The record: its id, ISS/RID, or the reference of an own one. More for links.")
    ],
    type_: Annotated[
        str,
        typer.Option(
            "--type",
            help="ack, feedback, sighting, query, answer, verification, translation, link, same-event or "
            "evidence-request.",
        ),
    ],
    text: Annotated[Many, typer.Option(help="LANG=TEXT, or text in English; it names nobody. Repeatable.")] = None,
    no_names: Annotated[
        bool, typer.Option("--no-names", help="I have read the texts: they name no person and no firm.")
    ] = False,
    narrative: Annotated[Many, typer.Option(help="What may name somebody: LANG=TEXT, or text in English.")] = None,
    result: Annotated[
        str | None,
        typer.Option(
            help="found, not_found, released, verified, not_verified, allowed, allowed_with_conditions, refused."
        ),
    ] = None,
    on: Annotated[str | None, typer.Option(help="When it was: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ.")] = None,
    respond_by: Annotated[str | None, typer.Option(help="Until when an answer is asked for.")] = None,
    answers: Annotated[str | None, typer.Option(help="The query that this answers: its id, or ISS/RID.")] = None,
    by: Annotated[str | None, typer.Option(help="Who writes it. Default: the user of this machine.")] = None,
) -> None:
    """Sign a remark on a record. It goes to the record's originator; to others only by the policy, if they hold it."""
    from node.services import annotating

    at = session(context)
    remark = annotating.Remark(
        about=about, type=type_, texts=texts_of(text), no_names=no_names, narrative=texts_of(narrative), result=result,
        on=on, respond_by=respond_by, answer_to=answers,
    )  # fmt: skip
    with at.opened() as home:
        try:
            done = annotating.annotate(home.database, home.publisher(), remark, by=officer(by), now=home.clock())
        except annotating.AnnotationRefused as error:
            raise Refusal(f"the annotation is not complete: {'; '.join(error.faults)}") from error
    if at.out.json:
        at.out.result({"rid": done.rid, "title": done.title, "recipients": list(done.recipients)})
        return
    at.out.line(done.rid)
    at.out.say(f"{done.title}: signed, and on its way to {', '.join(done.recipients) or 'nobody'}.")


def listed(
    context: typer.Context,
    about: Annotated[str, typer.Argument(help="The record: its id, ISS/RID, or the reference of an own one.")],
    by: By = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> None:
    """List what was said about a record, by this node and by others, oldest first; the reading is logged."""
    from node.services import hearing

    at = session(context)
    iss, slash, rid = about.rpartition("/")
    with at.opened() as home:
        found, words = hearing.said_about(
            home.database, rid if slash else about, iss=iss or None, node=home.settings.id, by=officer(by),
            purpose=purpose, now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result({"annotations": found, "evidence": words})
        return
    at.out.table(
        ("by", "type", "result", "on version", "at", "text", "id"),
        [
            (one["iss"], one["type"], one["result"], one["about"]["ver"], instant(one["at"]), _said(one), one["rid"])
            for one in found
        ],
        empty="Nothing was said about this record.",
    )  # fmt: skip
    for name, word in words.items():
        if word is not None:
            at.out.line(f"Use as evidence by this node, in the words of {name}: {word}.")


def queries(context: typer.Context, by: By = None, purpose: Purpose = DEFAULT_PURPOSE) -> None:
    """List what others ask about this node's records, the open ones first; the reading is logged."""
    from node.services import hearing

    at = session(context)
    with at.opened() as home:
        found = hearing.asked_of(
            home.database, node=home.settings.id, by=officer(by), purpose=purpose, now=home.clock()
        )  # fmt: skip
    found.sort(key=lambda one: not one["open"])
    if at.out.json:
        at.out.result({"queries": found})
        return
    at.out.table(
        ("from", "type", "about", "answer by", "state", "text", "id"),
        [
            (one["iss"], one["type"], one["reference"], one["respond_by"], _state(one), _said(one), one["rid"])
            for one in found
        ],
        empty="Nobody asks anything.",
    )
    if any(one["open"] for one in found):
        at.out.say(
            "Answer with `tidewaiter annotate RECORD --type answer --answers ID --text ...`, or correct the record: "
            "its next version answers the query."
        )


def status(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The alert's reference or id.")],
    by: By = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> None:
    """Show what became of an alert: per member received, read by an officer, answered, unanswered or overdue."""
    from dataclasses import asdict

    from node.services import hearing

    at = session(context)
    with at.opened() as home:
        found = hearing.on_alert(
            home.database, name, node=home.settings.id, directory=home.membership.current(), by=officer(by),
            purpose=purpose, now=home.clock(), texts=at.out.json,
        )  # fmt: skip
    if at.out.json:
        at.out.result(asdict(found))
        return
    at.out.line(f"{found.reference}: {found.title}")
    at.out.line(f"Version {found.ver}; answers {'by ' + found.respond_by if found.respond_by else 'at any time'}.")
    at.out.table(
        ("member", "road", "received", "read", "state", "results", "answered", "open queries"),
        [_row(member) for member in found.members],
        empty="Nobody got it.",
    )
    counts = {
        state: sum(one.state == state for one in found.members) for state in ("answered", "unanswered", "overdue")
    }
    at.out.say(", ".join(f"{count} {state}" for state, count in counts.items()))


def _row(member: Followed) -> tuple[Any, ...]:
    received = "reported" if member.received is None else member.received
    return (
        member.node, member.road, received, instant(member.acknowledged_at), member.state, ", ".join(member.results),
        instant(member.answered_at), member.asked or "",
    )  # fmt: skip


def _said(one: dict[str, Any]) -> str:
    return " · ".join(said for said in (one["text"], one["narrative"]) if said)


def _state(one: dict[str, Any]) -> str:
    if one["open"]:
        return "open"
    if one["answered_in_version"]:
        return f"answered in version {one['answered_in_version']}"
    return f"answered: {one['answer_result']}" if one["answer_result"] else "answered"
