"""One import from file to drafts: read, map, assemble, compare with what is kept, hand over, report.

A fault of identity (no reference, no administration) keeps its row out; nothing else does. Nothing is written
to the store in a dry run or while a guessed mapping waits to be confirmed. The store's own transaction
decides whether an import that breaks off in the middle leaves anything behind.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import orjson

from federation.records import get_schema
from node.services.importing.assemble import Groups, assemble
from node.services.importing.columns import Binding, bind, present
from node.services.importing.guess import Guess, guess_mapping, recognise_template
from node.services.importing.lines import keep_line_ids
from node.services.importing.readers import FileForm, digest_of, identity_of, read_bytes, read_table
from node.services.importing.readings import read_row
from node.services.importing.report import ImportReport, Problem, Question, write_problems
from node.services.importing.shipped import fitting, shipped_mappings
from node.services.importing.tables import Cell, ImportRefused, Row, Table, as_text
from node.services.importing.vetting import vet
from node.services.importing.words import match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from node.services.importing.mapping import ImportMapping

SCHEMA: Final = "seizure/1"
MAX_REFERENCE: Final = 200
"""Characters. What is longer is a text that slipped into the wrong column."""
PROGRESS_STEP: Final = 250
MAX_QUESTIONS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """What the store holds under a reference."""

    content_hash: str
    """The hash that was handed over with the newest content that an import gave for this reference."""
    state: Literal["draft", "released", "withdrawn"]
    groups: Mapping[str, Any]
    """The newest groups, as a person may have edited them since; only line ids are taken from them."""


class DraftStore(Protocol):
    """The seizures of one administration, by their national reference.

    One store, one transaction, one import.

    What was put is seen by `find` at once. Hashes and sources are kept as long as the seizure is.
    """

    def find(self, reference: str) -> Existing | None:
        """Tell what is held under this reference, drafts and released alike; None when nothing is."""

    def put_draft(self, reference: str, groups: Mapping[str, Any], *, content_hash: str, source: str) -> None:
        """Keep a new draft; nothing is held under the reference yet."""

    def put_correction(self, reference: str, groups: Mapping[str, Any], *, content_hash: str, source: str) -> None:
        """Keep changed content: in the draft itself, or as a draft of the next version of a release."""

    def mark_seen(self, reference: str, *, source: str) -> None:
        """Return an unchanged seizure was in this source again."""

    def references_from(self, source: str) -> Sequence[str]:
        """Return references whose last import, or whose last sighting unchanged, came from this source.

        Withdrawn ones left out.
        """


def run_import(
    path: Path,
    *,
    administration: str,
    entered_by: str | None = None,
    mapping: ImportMapping | None,
    store: DraftStore,
    now: int,
    dry_run: bool = False,
    accept_guess: bool = False,
    progress: Callable[[int, int], None] | None = None,
    shipped: Sequence[ImportMapping] | None = None,
) -> ImportReport:
    """Import a file; `ImportRefused` when it can not be read as a whole.

    `administration` is whose node this is (its country code): rows of others are skipped.
    `entered_by` is the office that enters them for it; None takes what the file tells. Without a
    `mapping`, the product's own template is recognised, then a shipped mapping that fits exactly; else a
    mapping is guessed, and the report's status is `confirm-mapping` unless `accept_guess`. `now` is in epoch
    seconds.
    """
    data = read_bytes(path)
    table = read_table(data, name=path.name, form=mapping.form if mapping else FileForm())
    chosen, guess, notes = choose(table, mapping, shipped, path=path, administration=administration)
    if guess is not None and not accept_guess:
        return ImportReport(
            status="confirm-mapping",
            mapping=chosen.name,
            mapping_kind="guess",
            notes=[*table.notes, *notes],
            mapping_toml=guess.toml,
        )
    if guess is not None and not guess.complete:
        raise ImportRefused("no column was recognised as the reference; write a mapping file that names it")
    if mapping is None and chosen.form != FileForm() and chosen.kind == "shipped":
        table = read_table(data, name=path.name, form=chosen.form)
    binding = bind(table, chosen, administration=administration)
    report = ImportReport(
        status="dry-run" if dry_run else "imported",
        mapping=chosen.name,
        mapping_kind=chosen.kind,
        notes=[*table.notes, *notes, *binding.notes, f"SHA-256 of the file: {digest_of(data)}"],
        mapping_toml=guess.toml if guess else "",
    )
    _Import(
        table,
        chosen,
        binding,
        administration=administration,
        entered_by=entered_by,
        store=store,
        report=report,
        now=now,
        dry_run=dry_run,
        source=identity_of(path),
    ).run(progress)
    _finish(path, report)
    return report


def choose(
    table: Table,
    mapping: ImportMapping | None,
    shipped: Sequence[ImportMapping] | None,
    *,
    path: Path,
    administration: str,
) -> tuple[ImportMapping, Guess | None, list[str]]:
    """The mapping to read a table by, the guess if it is one, and how it was found."""
    if mapping is not None:
        return mapping, None, []
    if (own := recognise_template(table)) is not None:
        return own, None, ["the product's own template was recognised by its headers"]
    fit = fitting(table, shipped_mappings() if shipped is None else shipped)
    if fit is not None:
        return (
            fit,
            None,
            [f"the shipped mapping {fit.name!r} was used: its columns are exactly those of the file"],
        )
    guess = guess_mapping(table, name=path.stem[:60] or "guess", administration=administration)
    return guess.mapping, guess, list(guess.notes)


def _finish(path: Path, report: ImportReport) -> None:
    report.counts.warnings = sum(1 for one in report.problems if one.severity == "warning")
    try:
        report.errors_path = write_problems(path, report.problems)
    except OSError as fault:
        report.notes.append(f"errors and warnings could not be written beside the file: {fault.strerror}")


class _Import:
    """One run over a table."""

    def __init__(
        self,
        table: Table,
        mapping: ImportMapping,
        binding: Binding,
        *,
        administration: str,
        entered_by: str | None,
        store: DraftStore,
        report: ImportReport,
        now: int,
        dry_run: bool,
        source: str,
    ) -> None:
        self.table, self.mapping, self.binding, self.store, self.report = (
            table,
            mapping,
            binding,
            store,
            report,
        )
        self.administration, self.dry_run, self.source = administration, dry_run, source
        self.entered_by = entered_by
        # A day ahead of UTC is today somewhere.
        self.latest: date = datetime.fromtimestamp(now, UTC).date() + timedelta(days=1)
        self.schema = get_schema(SCHEMA)
        self.faulty: set[str] = set()
        self.constants: dict[str, Cell] = dict(mapping.constants)
        self.languages = {one.field.name: one.column.language for one in binding.bound if one.column.language}
        self.bound = tuple(one for one in binding.bound if one.field.level != "identity")
        self.reference_at = next(one for one in binding.bound if one.field.name == "reference")
        self.administration_at = next((one for one in binding.bound if one.field.name == "administration"), None)

    def run(self, progress: Callable[[int, int], None] | None) -> None:
        self.report.counts.rows = len(self.table.rows)
        seizures = self._group()
        mine = [(reference, rows) for (country, reference), rows in seizures.items() if country == self.administration]
        self.report.counts.skipped += len(seizures) - len(mine)
        if len(seizures) > len(mine):
            others = sorted({country for country, _ in seizures if country != self.administration})
            self.report.notes.append(f"rows of other administrations were skipped: {', '.join(others)[:300]}")
        for position, (reference, rows) in enumerate(mine):
            self._seizure(reference, rows)
            if progress and position % PROGRESS_STEP == 0:
                progress(position, len(mine))
        if progress:
            progress(len(mine), len(mine))
        self._ask_about_vanished({reference for (_, reference) in seizures} | self.faulty)

    def _group(self) -> dict[tuple[str, str], list[Row]]:
        """Rows by identity, in the order of their first row.

        A row without identity is an error of its own.
        """
        seizures: dict[tuple[str, str], list[Row]] = {}
        for row in self.table.rows:
            if row.fault:
                self._error(
                    row,
                    "",
                    "",
                    as_text(row.cells[0])[:200] if row.cells else row.fault,
                    row.fault,
                    "one JSON object a line",
                )
                self.report.counts.errors += 1
                continue
            reference = self._reference(row)
            if reference is None:
                self.report.counts.errors += 1
                continue
            country = self._country(row, reference)
            if country is None:
                if reference not in self.faulty:
                    self.faulty.add(reference)
                    self.report.counts.errors += 1
                continue
            seizures.setdefault((country, reference), []).append(row)
        return seizures

    def _reference(self, row: Row) -> str | None:
        at = self.reference_at
        cell = row.cells[at.index] if at.index < len(row.cells) else ""
        text = " ".join(as_text(cell).split()) if present(cell, at) else ""
        if not text:
            self._error(
                row,
                "",
                at.header,
                as_text(cell),
                "the reference is missing",
                "the number that tells this seizure apart",
            )
            return None
        if len(text) > MAX_REFERENCE:
            wrong = f"a reference of {len(text)} characters"
            self._error(row, text[:40], at.header, text, wrong, f"at most {MAX_REFERENCE} characters")
            return None
        return text

    def _country(self, row: Row, reference: str) -> str | None:
        at = self.administration_at
        cell: Cell = ""
        if at is not None:
            cell = row.cells[at.index] if at.index < len(row.cells) else ""
            cell = cell if present(cell, at) else ""
        constant = self.constants.get("administration")
        if cell == "" and constant is not None:
            cell = constant
        if cell == "" and at is None and self.mapping.kind == "template":
            return self.administration  # the column was taken out of the template: the node's own seizures
        text = as_text(cell)
        header = at.header if at is not None else "administration"
        if not text:
            remedy = "a country code such as KE, or [constants] administration = in the mapping"
            self._error(row, reference, header, text, "the administration is missing", remedy)
            return None
        translated = at.column.codes.get(text.casefold()) if at is not None else None
        country = translated[0] if translated else match("country", text)
        if country is None:
            self._error(
                row,
                reference,
                header,
                text,
                "no country of this name or code is known",
                "a country code such as KE",
            )
        return country

    def _error(  # noqa: PLR0917 - the columns of the errors file
        self, row: Row, reference: str, column: str, value: str, wrong: str, remedy: str
    ) -> None:
        self.report.problems.append(
            Problem(
                severity="error",
                row=row.number,
                reference=reference,
                column=column,
                value=value,
                wrong=wrong,
                remedy=remedy,
            )
        )

    def _seizure(self, reference: str, rows: list[Row]) -> None:
        problems: list[Problem] = []
        readings = [
            read_row(
                row,
                reference=reference,
                bound=self.bound,
                constants=self.constants,
                serial_origin=self.table.serial_origin,
                problems=problems,
            )
            for row in rows
        ]
        groups = assemble(
            readings,
            reference=reference,
            administration=self.administration,
            language=self._language,
            problems=problems,
        )
        if self.entered_by is not None:
            groups["case"]["entered_by"] = self.entered_by
        groups, found = vet(
            self.schema, groups, readings=readings, reference=reference, latest=self.latest, known=problems
        )
        problems.extend(found)
        self.report.problems.extend(problems)
        if any(one.severity == "error" for one in found):
            self.report.counts.errors += 1
            return
        self._keep(reference, groups, row=rows[0].number)

    def _keep(self, reference: str, groups: Groups, *, row: int) -> None:
        counts, digest = self.report.counts, content_hash(groups)
        held = self.store.find(reference)
        if held is None:
            counts.imported += 1
            if not self.dry_run:
                self.store.put_draft(reference, groups, content_hash=digest, source=self.source)
        elif held.content_hash == digest:
            counts.unchanged += 1
            if not self.dry_run:
                self.store.mark_seen(reference, source=self.source)
        elif held.state == "withdrawn":
            counts.skipped += 1
            self.report.problems.append(
                Problem(
                    severity="warning",
                    row=row,
                    reference=reference,
                    column=self.reference_at.header,
                    value=reference,
                    wrong="this seizure was recalled, and a recall ends a record",
                    remedy="a new reference, if it is to be shared again",
                )
            )
        else:
            counts.changed += 1
            if not self.dry_run:
                kept = (
                    groups if "line" in {one.field.name for one in self.bound} else keep_line_ids(groups, held.groups)
                )
                self.store.put_correction(reference, kept, content_hash=digest, source=self.source)

    def _language(self, field: str) -> tuple[str, str]:
        return self.languages.get(field, self.mapping.language), self.mapping.written_by

    def _ask_about_vanished(self, seen: set[str]) -> None:
        known = self.store.references_from(self.source)
        gone = [reference for reference in known if reference not in seen]
        for reference in gone[:MAX_QUESTIONS]:
            question = "an earlier import of this file had it, and now it is not there: recall it, or keep it?"
            self.report.questions.append(Question(reference=reference, question=question))
        if len(gone) > MAX_QUESTIONS:
            self.report.notes.append(
                f"{len(gone)} seizures of an earlier import are gone: {MAX_QUESTIONS} are asked about"
            )


def content_hash(groups: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the groups in a fixed form, hexadecimal: equal content, equal hash."""
    return hashlib.sha256(orjson.dumps(groups, option=orjson.OPT_SORT_KEYS)).hexdigest()
