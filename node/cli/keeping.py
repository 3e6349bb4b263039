"""What may be kept, and for how long: sweep, review, tasks and notices after a withdrawal."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, session

task_app: Final = typer.Typer(
    no_args_is_help=False, invoke_without_command=True, help="What has to be done since something was withdrawn."
)


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(sweep)
    app.command()(review)
    app.add_typer(task_app, name="tasks")


def sweep(context: typer.Context) -> None:
    """Erase what may not be kept any longer; a running server does it by itself every five minutes."""
    at = session(context)
    with at.opened() as home:
        from node.services import sweeping

        swept = sweeping.sweep(home.database, now=home.clock())
    if at.out.json:
        at.out.result(swept.to_json())
        return
    at.out.line(
        f"{swept.versions} versions and {swept.quarantined} quarantined bodies erased; {swept.explained} that had not "
        f"come are not waited for; {swept.files} exported files removed."
    )


def review(context: typer.Context) -> None:
    """List what is due for a look: records to review, and own ones to recall because they are old enough."""
    at = session(context)
    with at.opened() as home:
        from node.services import reviewing

        found = reviewing.due(
            home.database, node=home.settings.id, months=home.settings.retention, now=home.clock()
        )  # fmt: skip
    if at.out.json:
        at.out.result({"due": [one.to_json() for one in found]})
        return
    at.out.table(
        ("due since", "why", "node", "kind", "version", "reference", "id"),
        [(instant(one.since), one.why, one.iss, one.kind, one.ver, one.reference, one.rid) for one in found],
        empty="Nothing is due.",
    )
    if any(one.why == "retention" for one in found):
        at.out.say("retention: older than this node keeps its own records; a recall with the reason retention ends one")


@task_app.callback()
def tasks(
    context: typer.Context,
    by: Annotated[str | None, typer.Option("--of", help="Only those of this officer.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are done, and notices that were read.")] = False,
) -> None:
    """List the tasks of those who exported what was withdrawn, and the notices to those who saw it."""
    if context.invoked_subcommand is not None:
        return
    at = session(context)
    with at.opened() as home:
        from node.services.keeping import WHY
        from node.storage import tasks as stored

        with home.database.read() as connection:
            found = stored.tasks(connection, state=None if every else "open", officer=by)
            notices = stored.notices(connection, officer=by, unread=not every)
    if at.out.json:
        names = ("id", "iss", "rid", "why", "officer", "export", "state", "opened_at", "done_at", "done_by", "note")
        more = ("destination", "sha256", "purpose", "exported_at", "file")
        at.out.result(
            {
                "tasks": [
                    {name: getattr(row, name) for name in (*names, *more) if getattr(row, name) is not None}
                    for row in found
                ],
                "notices": [
                    {
                        name: getattr(row, name)
                        for name in ("id", "iss", "rid", "why", "officer", "seen", "at", "read_at")
                        if getattr(row, name) is not None
                    }
                    for row in notices
                ],
            }
        )
        return
    at.out.table(
        ("task", "officer", "record", "why", "exported", "to", "file", "state"),
        [
            (row.id, row.officer, f"{row.iss} {row.rid}", WHY.get(row.why, row.why), instant(row.exported_at),
             row.destination, row.file, row.state)
            for row in found
        ],
        empty="No task is open.",
    )  # fmt: skip
    if notices:
        at.out.table(
            ("notice", "officer", "record", "why", "at"),
            [
                (row.id, row.officer, f"{row.iss} {row.rid}", WHY.get(row.why, row.why), instant(row.at))
                for row in notices
            ],
            empty="",
        )


@task_app.command("done")
def done(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="The number of the task.")],
    by: Annotated[str | None, typer.Option(help="Who has done it. Default: the user of this machine.")] = None,
    note: Annotated[str | None, typer.Option(help="What was done: which copies were destroyed.")] = None,
) -> None:
    """Say that a task is done: every copy of the export is destroyed or corrected."""
    at = session(context)
    with at.opened() as home:
        from node.storage import tasks as stored

        with home.database.write() as connection:
            row = stored.get(connection, number)
            if row is None:
                raise Refusal(f"{number} is no task; `tidewaiter tasks` lists them")
            if not stored.done(connection, number, by=officer(by), note=note, now=home.clock()):
                raise Refusal(f"task {number} was done by {row.done_by}")
    if at.out.json:
        at.out.result({"id": number, "state": "done"})
    else:
        at.out.line(f"Task {number} is done.")


@task_app.command("read")
def read(
    context: typer.Context,
    by: Annotated[str | None, typer.Option(help="Whose notices. Default: the user of this machine.")] = None,
    upto: Annotated[int, typer.Option(min=1, help="Up to this notice.")] = 2**62,
) -> None:
    """Say that an officer has read their notices."""
    at = session(context)
    with at.opened() as home:
        from node.storage import tasks as stored

        with home.database.write() as connection:
            count = stored.mark_read(connection, officer=officer(by), now=home.clock(), upto=upto)
    if at.out.json:
        at.out.result({"read": count})
    else:
        at.out.line(f"{count} notices are read.")
