"""Requests of data subjects: find, access, rectify, restrict, erase, and the register of the cases."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, officer, read_input, session

if TYPE_CHECKING:
    from node.app import Home
    from node.services.subjects import Person

subject_app: Final = typer.Typer(no_args_is_help=True, help="Requests of the persons whom records name.")
Many = list[str] | None
By = Annotated[str | None, typer.Option(help="Who acts. Default: the user of this machine.")]
Identifiers = Annotated[Many, typer.Option("--identifier", help="A number of the person's. Repeatable.")]
Records = Annotated[list[str], typer.Argument(metavar="RECORD...", help="Ids, ISS/RID, or references of own records.")]
Subject = Annotated[str, typer.Option(help="Whose request it is, or its file number: for the register.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(subject_app, name="subject")


def _person(name: str, identifiers: Many) -> Person:
    from node.services.subjects import Person

    return Person(name, tuple(identifiers or ()))


@subject_app.command("find")
def find(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The person's name; may be empty where identifiers are given.")],
    identifier: Identifiers = None,
    by: By = None,
) -> None:
    """Show where a person occurs: own and received records, drafts, quarantine, legal holds, the word index."""
    at = session(context)
    with at.opened() as home:
        from node.services import subjects

        number, found = subjects.find(
            home.database, _person(name, identifier), node=home.settings.id, by=officer(by), now=home.clock()
        )
    if at.out.json:
        at.out.result({"case": number, "found": [one.to_json() for one in found]})
        return
    at.out.table(
        ("where", "node", "id", "version", "state", "groups"),
        [
            (one.where, one.iss, one.rid, one.ver, one.state,
             ", ".join(f"{each.group} ({each.match} {each.score})" for each in one.groups))
            for one in found
        ],
        empty="Nothing is held on this person.",
    )  # fmt: skip
    at.out.say(f"Case {number}.")


@subject_app.command("access")
def access(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The person's name; may be empty where identifiers are given.")],
    output: Annotated[Path, typer.Option(help="The file to write (JSON).")],
    identifier: Identifiers = None,
    by: By = None,
) -> None:
    """Write what is held on a person, from which source, under which terms, and who got it."""
    at = session(context)
    if output.exists():
        raise Refusal(f"{output}: is there already; name another file")
    with at.opened() as home:
        from node.services import exporting, subjects

        told = subjects.access(
            home.database, _person(name, identifier), node=home.settings.id, by=officer(by), now=home.clock()
        )
        exporting.write_file(
            output.expanduser().absolute(), (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()
        )
    if at.out.json:
        at.out.result({"case": told["case"], "records": len(told["records"]), "others": len(told["others"])})
    else:
        at.out.line(f"Case {told['case']}: {len(told['records'])} records, written to {output}.")
        if told["others"]:
            at.out.say(f"{len(told['others'])} more in drafts, quarantine or under a hold: listed by name alone.")


@subject_app.command("rectify")
def rectify(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RECORD", help="The reference or id of an own record.")],
    subject: Subject,
    group: Annotated[Many, typer.Option("--group", help="GROUP=FILE: the group as it should be (JSON).")] = None,
    remove: Annotated[Many, typer.Option("--remove", help="A group to leave out. Repeatable.")] = None,
    by: By = None,
) -> None:
    """Draft the next version of an own record; `release` publishes it. For another's record: `subject ask`."""
    at = session(context)
    groups: dict[str, Any] = dict.fromkeys(remove or [])
    for item in group or []:
        word, mark, file = item.partition("=")
        if not mark:
            raise Refusal(f"--group: {item} is not GROUP=FILE", status=2)
        try:
            groups[word] = json.loads(read_input(Path(file), what="the group as JSON"))
        except ValueError:
            raise Refusal(f"{file}: is not JSON") from None
    if not groups:
        raise Refusal("give --group GROUP=FILE or --remove GROUP", status=2)
    with at.opened() as home:
        from node.services import subjects

        number, reference = subjects.rectify(
            home.database, name, groups, node=home.settings.id, subject=subject, by=officer(by), now=home.clock()
        )
    if at.out.json:
        at.out.result({"case": number, "reference": reference})
    else:
        at.out.line(f"Case {number}: a draft of the next version; `tidewaiter release {reference}` publishes it.")


@subject_app.command("restrict")
def restrict(context: typer.Context, names: Records, subject: Subject, by: By = None) -> None:
    """Stop the use of records until the case is closed by `subject lift`."""
    at = session(context)
    with at.opened() as home:
        from node.services import subjects

        keys = subjects.named(home.database, names, node=home.settings.id)
        number, stopped = subjects.restrict(
            home.database, keys, subject=subject, by=officer(by), now=home.clock()
        )  # fmt: skip
    if at.out.json:
        at.out.result({"case": number, "stopped": stopped})
    else:
        at.out.line(f"Case {number}: {stopped} versions are out of use; `tidewaiter subject lift {number}` ends it.")


@subject_app.command("lift")
def lift(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="CASE", help="The number of the restriction's case.")],
    by: By = None,
) -> None:
    """End a restriction: the records are in use again."""
    at = session(context)
    with at.opened() as home:
        from node.services import subjects

        resumed, grown = subjects.lift(
            home.database, number, node=home.settings.id, by=officer(by), now=home.clock(), token=os.urandom
        )
    if at.out.json:
        at.out.result({"case": number, "resumed": resumed, "recipients": sorted(grown)})
    else:
        at.out.line(f"{resumed} records are in use again.")


@subject_app.command("ask")
def ask(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RECORD", help="A received record: its id, or ISS/RID.")],
    what: Annotated[str, typer.Option(help="rectify, restrict or erase.")],
    group: Annotated[Many, typer.Option(help="The group that is concerned. Repeatable.")] = None,
    case: Annotated[str | None, typer.Option(help="The number of our case.")] = None,
    narrative: Annotated[
        str | None, typer.Option(help="What has to be put right; may name persons, goes to the originator alone.")
    ] = None,
    respond_by: Annotated[str | None, typer.Option(help="Until when an answer is asked for.")] = None,
    by: By = None,
) -> None:
    """Ask the originator of a received record, by a signed query, to rectify, restrict or erase."""
    at = session(context)
    if what not in {"rectify", "restrict", "erase"}:
        raise Refusal("--what: is rectify, restrict or erase", status=2)
    with at.opened() as home:
        from node.services import subjects

        (key,) = subjects.named(home.database, [name], node=home.settings.id)
        asked = subjects.ask(
            home.database, home.publisher(), key, what, number=case, groups=group or (), narrative=narrative,
            respond_by=respond_by, by=officer(by), now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result({"annotation": asked.rid, "recipients": list(asked.recipients)})
    else:
        at.out.line(f"Asked {', '.join(asked.recipients) or 'nobody'}: annotation {asked.rid}.")


@subject_app.command("erase")
def erase(
    context: typer.Context,
    names: Records,
    subject: Subject,
    narrative: Annotated[str | None, typer.Option(help="For the originator: what has to be erased, and why.")] = None,
    by: By = None,
) -> None:
    """Erase received records here for good and ask their originators to; of own ones what a recall has left here."""
    at = session(context)
    with at.opened() as home:
        from node.services import subjects

        keys = subjects.named(home.database, names, node=home.settings.id)
        mine = [key for key in keys if key[0] == home.settings.id]
        others = [key for key in keys if key not in mine]
        who, now, numbers = officer(by), home.clock(), []
        if mine:
            numbers.append(subjects.erase_own(home.database, mine, subject=subject, by=who, now=now))
        asked = _ask_all(home, others, narrative, who)
        if others:
            numbers.append(
                subjects.erase_received(
                    home.database,
                    others,
                    node=home.settings.id,
                    subject=subject,
                    by=who,
                    now=now,
                    asked=asked.values(),
                )
            )
        number = ", ".join(numbers)
    if at.out.json:
        at.out.result({"case": number, "erased": len(keys), "asked": [iss for iss, _ in asked]})
    else:
        at.out.line(f"Case {number}: {len(keys)} records erased here; {len(asked)} originators asked.")


def _ask_all(
    home: Home, keys: list[tuple[str, str]], narrative: str | None, by: str
) -> dict[tuple[str, str], str]:  # fmt: skip
    """Ask before erasing: record → the id of the request. What is not held any more is erased without."""
    from federation.errors import NotFound
    from node.services import subjects

    asked = {}
    for key in keys:
        try:
            request = subjects.ask(
                home.database, home.publisher(), key, "erase", number=None, groups=(), narrative=narrative,
                respond_by=None, by=by, now=home.clock(),
            )  # fmt: skip
        except NotFound:
            continue
        asked[key] = request.rid
    return asked


@subject_app.command("list")
def list_cases(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> None:
    """List the cases: number, what was asked, by which officer it was done, when, and its state."""
    at = session(context)
    with at.opened() as home:
        from node.storage import cases

        with home.database.read() as connection:
            found = cases.listing(connection, limit=limit)
    if at.out.json:
        at.out.result(
            {
                "cases": [
                    {
                        "number": row.number, "action": row.action, "subject": row.subject, "officer": row.officer,
                        "state": row.state, "at": row.at, "closed_at": row.closed_at or row.at,
                        "detail": json.loads(row.detail),
                    }
                    for row in found
                ]
            }
        )  # fmt: skip
        return
    at.out.table(
        ("case", "action", "subject", "officer", "at", "state"),
        [(row.number, row.action, row.subject, row.officer, instant(row.at), row.state) for row in found],
        empty="There is no case.",
    )
