"""Import seizures from CSV, XLSX or JSON Lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.session import Refusal, Session, session

if TYPE_CHECKING:
    from node.app import Home
    from node.services.importing.mapping import ImportMapping
    from node.services.importing.report import ImportReport

SHOWN: Final = 10
"""Problems and questions that are printed; the file beside the import has them all."""


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("import")(import_)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or JSON Lines; with --template the workbook to write.")],
    mapping: Annotated[
        str | None, typer.Option(help="A mapping file (TOML), or the name of one that ships with the product.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would happen; keep nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Use a guessed mapping without asking.")] = False,
    save_mapping: Annotated[
        Path | None, typer.Option(help="Write the guessed mapping into this file, to be corrected and used.")
    ] = None,
    template: Annotated[bool, typer.Option("--template", help="Write the product's own template to FILE.")] = False,
    language: Annotated[str, typer.Option(help="Language of the template's headers.")] = "en",
    back: Annotated[
        Path | None, typer.Option(help="Import nothing: write the file to this one, with what became of each row.")
    ] = None,
    on_behalf_of: Annotated[
        str | None, typer.Option(help="Country of an administration without a node, whose regional office this is.")
    ] = None,
) -> None:
    """Import seizures as drafts. A bad row never stops the rest; nothing is created twice."""
    at = session(context)
    if template:
        _write_template(at, file, language)
        return
    with at.opened() as home:
        settings = home.settings
        administration, entered_by = _whose(home, on_behalf_of)
        from node.services.import_store import import_file

        chosen = None if mapping is None else _mapping(mapping)
        if back is not None:
            _give_back(at, home, file, back, administration=administration, mapping=chosen)
            return
        with at.out.progress(f"import {file.name}") as progress:
            report = import_file(
                home.database, file, node=settings.id, administration=administration,
                entered_by=entered_by, mapping=chosen, now=home.clock(), dry_run=dry_run,
                accept_guess=yes or dry_run, progress=progress,
            )  # fmt: skip
        if report.status == "confirm-mapping" and _confirmed(at, report, save_mapping):
            with at.out.progress(f"import {file.name}") as progress:
                report = import_file(
                    home.database, file, node=settings.id, administration=administration,
                    entered_by=entered_by, mapping=None, now=home.clock(), accept_guess=True, progress=progress,
                )  # fmt: skip
    if save_mapping is not None and report.mapping_toml:
        save_mapping.write_text(report.mapping_toml, "utf-8")
        at.out.say(f"The guessed mapping is in {save_mapping}.")
    _tell(at, report)
    if report.status == "confirm-mapping":
        raise Refusal(
            "nothing was imported: check the guessed mapping, then repeat with --yes; or write it down with "
            "--save-mapping FILE, correct it, and repeat with --mapping FILE"
        )


def _give_back(
    at: Session, home: Home, file: Path, back: Path, *, administration: str, mapping: ImportMapping | None
) -> None:
    """Write a file that was imported, with what became of each row beside it."""
    from node.services.exporting import write_file
    from node.services.import_store import import_file
    from node.services.returning import returned

    if back.exists():
        raise Refusal(f"{back}: is there already; name another file")
    if back.suffix.lower() != file.suffix.lower():
        raise Refusal(f"--back: a file comes back as what it was; name it with the ending {file.suffix}", status=2)
    report = import_file(
        home.database, file, node=home.settings.id, administration=administration, entered_by=None, mapping=mapping,
        now=home.clock(), dry_run=True, accept_guess=True,
    )  # fmt: skip
    made = returned(
        home.database, file, node=home.settings.id, administration=administration, mapping=mapping,
        problems=report.problems,
    )  # fmt: skip
    write_file(back.expanduser().absolute(), made.data)
    if at.out.json:
        at.out.result({"path": str(back), "rows": made.rows, "known": made.known})
        return
    at.out.say(f"{back} has {made.rows} rows; {made.known} of them are records here.")


def _whose(home: Home, on_behalf_of: str | None) -> tuple[str, str | None]:
    """The administration whose seizures these are, and the office that enters them for it."""
    settings = home.settings
    if on_behalf_of is not None:
        from node.services.desk import behalf

        refused = behalf.refusal(home.membership.current(), settings.id, on_behalf_of)
        if refused is not None:
            raise Refusal(f"--on-behalf-of: {refused}")
        return on_behalf_of, settings.id
    if settings.country is None:
        raise Refusal(
            f"node.country: {settings.id} has no country, and a seizure is an administration's; import it there, "
            "write node.country into node.toml, or name an administration without a node with --on-behalf-of"
        )
    return settings.country, None


def _write_template(at: Session, file: Path, language: str) -> None:
    from node.services.importing.template import write_template

    if file.suffix.lower() != ".xlsx":
        raise Refusal(f"{file}: the template is a workbook; name it with the ending .xlsx", status=2)
    if file.exists():
        raise Refusal(f"{file}: is there already; choose another name")
    try:
        write_template(file, language=language)
    except ValueError as error:
        raise Refusal(f"--language: {error}", status=2) from None
    if at.out.json:
        at.out.result({"template": str(file), "language": language})
    else:
        at.out.line(f"The template is in {file}.")


def _mapping(name: str) -> ImportMapping:
    """A mapping file; or, if there is none of that name, a shipped mapping."""
    from node.services.importing.mapping import read_mapping
    from node.services.importing.shipped import mappings_folder

    path = Path(name)
    if path.is_file():
        return read_mapping(path)
    if path.name == name:
        shipped = mappings_folder() / f"{name.removesuffix('.toml')}.toml"
        if shipped.is_file():
            return read_mapping(shipped, kind="shipped")
        there = ", ".join(sorted(found.stem for found in mappings_folder().glob("*.toml")))
        raise Refusal(f"--mapping: {name} is no file, and no shipped mapping; those are: {there}", status=2)
    raise Refusal(f"--mapping: {name} is not there; give a mapping file, or leave it out to have one guessed", status=2)


def _confirmed(at: Session, report: ImportReport, save: Path | None) -> bool:
    """Ask the person, if there is one."""
    if at.out.json or save is not None or not sys.stdin.isatty():
        return False
    at.out.say(report.mapping_toml)
    return typer.confirm("No mapping was given. Import with this guess?", err=True)


def _tell(at: Session, report: ImportReport) -> None:
    counts = report.counts.to_json()
    if at.out.json:
        at.out.result(
            {
                "status": report.status, "mapping": report.mapping, "mapping_kind": report.mapping_kind,
                "notes": report.notes,
                "questions": [{"reference": one.reference, "question": one.question} for one in report.questions],
                "errors_path": None if report.errors_path is None else str(report.errors_path),
                "guess": report.mapping_toml or None,
            }
        )  # fmt: skip
        at.out.result(counts)
        return
    for note in report.notes:
        at.out.say(f"note: {note}")
    if report.status == "confirm-mapping":
        at.out.line(report.mapping_toml)
        return
    errors = [one for one in report.problems if one.severity == "error"]
    for one in errors[:SHOWN]:
        where = f"row {one.row}" + (f", {one.column}" if one.column else "")
        at.out.say(f"error: {where}: {one.wrong}; {one.remedy}")
    if len(errors) > SHOWN:
        at.out.say(f"error: and {len(errors) - SHOWN} more")
    for question in report.questions[:SHOWN]:
        at.out.say(f"question: {question.reference}: {question.question}")
    if len(report.questions) > SHOWN:
        at.out.say(f"question: and {len(report.questions) - SHOWN} more")
    if report.errors_path is not None:
        at.out.say(f"Errors and warnings, row by row: {report.errors_path}")
    done = "Dry run, nothing kept" if report.status == "dry-run" else "Imported"
    at.out.line(f"{done}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
