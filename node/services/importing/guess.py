"""A mapping for a workbook that nobody has described: guessed from headers and cells, to be confirmed.

Headers are compared with the names that eight languages use, exactly first and then by likeness; the cells
must bear the guess out: a column of dates holds dates. The guess is never used unseen: it is shown as a
mapping file, with the reason for each column, and what could not be recognised is listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz, process

from node.services.importing.dates import decide_order, parse_date
from node.services.importing.fields import BESIDE, FIELDS, Field
from node.services.importing.headers import LANGUAGES, fold_header, label_in, synonyms
from node.services.importing.mapping import LIST_SEPARATORS, Column, ImportMapping, dump_mapping
from node.services.importing.tables import Cell, Table, as_text
from node.services.importing.values import (
    decide_decimal,
    fold,
    is_absent,
    parse_bool,
    parse_number,
    split_list,
)
from node.services.importing.words import match

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLE_ROWS: Final = 300
_LIKELY: Final = 84
"""Likeness (0 to 100) from which a header counts as a spelling of a known one."""
_BORNE_OUT: Final = 0.5
"""The share of cells that must read as the field says."""
_MAX_LISTED: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A proposed mapping; `toml` is what the person sees and may save."""

    mapping: ImportMapping
    toml: str
    notes: tuple[str, ...]
    complete: bool
    """Whether a column for the reference was found, without which nothing can be imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    score: float
    index: int
    field: str
    reason: str


def recognise_template(table: Table) -> ImportMapping | None:
    """Return the mapping of the product's own template, when all headers are its own in one language.

    What the product itself has written beside them is passed over.
    """
    own = [name for name in table.header if name not in BESIDE]
    headers = [fold_header(name) for name in own]
    for language in (None, *LANGUAGES):
        names = {fold_header(label_in(name, language) if language else name): name for name in FIELDS}
        if language is None:
            names = {fold(name): name for name in FIELDS}
            found = [names.get(fold(name)) for name in own]
        else:
            found = [names.get(header) for header in headers]
        fields = [name for name in found if name is not None]
        if len(fields) == len(own) and "reference" in fields and len(set(fields)) == len(fields):
            columns = tuple(Column(column=header, field=name) for header, name in zip(own, fields, strict=True))
            return ImportMapping(name="template", columns=columns, kind="template", language=(language or "en"))
    return None


def guess_mapping(table: Table, *, name: str, administration: str) -> Guess:
    """Guess which column is which field."""
    samples = [_sample(table, index) for index in range(len(table.header))]
    candidates: list[_Candidate] = []
    for index, header in enumerate(table.header):
        candidates.extend(_candidates(index, header, samples[index]))
    chosen: dict[int, _Candidate] = {}
    taken: set[str] = set()
    for one in sorted(candidates, key=lambda item: (-item.score, item.index)):
        if one.index not in chosen and one.field not in taken:
            chosen[one.index] = one
            taken.add(one.field)
    columns = tuple(_column(table.header[index], chosen[index].field, samples[index]) for index in sorted(chosen))
    left = tuple(header for index, header in enumerate(table.header) if index not in chosen)
    constants = {} if "administration" in taken else {"administration": administration}
    mapping = ImportMapping(name=name, columns=columns, ignore=left, constants=constants, kind="guess")
    reasons = {table.header[index]: one.reason for index, one in chosen.items()}
    complete = "reference" in taken
    toml = _render(mapping, reasons=reasons, samples=dict(zip(table.header, samples, strict=True)), complete=complete)
    notes = []
    if left:
        notes.append(f"columns that were not recognised and would be left out: {', '.join(left)[:500]}")
    if not complete:
        notes.append('no column was recognised as the reference: name it in the mapping, with field = "reference"')
    if constants:
        notes.append(f"no column tells the administration: every row would count as {administration}'s")
    return Guess(mapping=mapping, toml=toml, notes=tuple(notes), complete=complete)


def _sample(table: Table, index: int) -> list[Cell]:
    cells = (row.cells[index] for row in table.rows[:SAMPLE_ROWS] if index < len(row.cells))
    return [cell for cell in cells if not is_absent(cell, country=True)]


def _candidates(index: int, header: str, sample: list[Cell]) -> Iterable[_Candidate]:
    known = synonyms()
    folded = fold_header(header)
    hits: list[tuple[str, float]] = [(folded, 100.0)] if folded in known else []
    if folded and not hits:
        hits = [
            (text, score)
            for text, score, _ in process.extract(
                folded, known.keys(), scorer=fuzz.token_sort_ratio, limit=6, score_cutoff=_LIKELY
            )
        ]
        hits += [
            (text, 80.0 + len(text) / 10)
            for text in known
            if len(text) > 4 and f" {text} " in f" {folded} "  # noqa: PLR2004 - shorter words occur by chance
        ]
    for text, score in hits:
        for rank, name in enumerate(known[text]):
            share = _share(FIELDS[name], sample)
            if share is not None and share < _BORNE_OUT:
                continue
            exact = "the same header" if text == folded else f"like {text!r} ({score:.0f} %)"
            told = "" if share is None else f", {share:.0%} of its cells fit"
            yield _Candidate(
                score=score - rank * 2 + (share or 0) * 5, index=index, field=name, reason=f"{exact}{told}"
            )


def _share(field: Field, sample: list[Cell]) -> float | None:
    """Return the share of cells that read as the field wants them.

    None where any text will do or there is nothing to see.
    """
    if not sample or field.kind in ("text", "prose", "texts"):
        return None
    return sum(1 for cell in sample if _fits(field, cell)) / len(sample)


def _fits(field: Field, cell: Cell) -> bool:
    if field.kind == "date":
        return parse_date(cell) is not None
    if field.kind == "number":
        return parse_number(cell) is not None
    if field.kind == "yesno":
        return parse_bool(cell) is not None
    if field.kind == "hs":
        return as_text(cell).replace(".", "").replace(" ", "").isdecimal()
    if field.codes in ("country", "currency"):
        items = split_list(cell, separators=(*LIST_SEPARATORS, ",", "/"))
        return any(match(field.codes, item) for item in items)
    return True  # words of other lists are translated by the person who confirms


def _column(header: str, name: str, sample: list[Cell]) -> Column:
    field = FIELDS[name]
    separators: tuple[str, ...] = LIST_SEPARATORS
    if field.kind == "texts" and not any(mark in as_text(cell) for cell in sample for mark in (";", "|")):
        commas = sum(1 for cell in sample if "," in as_text(cell))
        if commas:
            separators = (*LIST_SEPARATORS, ",")
    return Column(
        column=header,
        field=name,
        separators=separators,
        order=decide_order(sample) if field.kind == "date" else None,
        decimal=decide_decimal(sample) if field.kind == "number" else None,
    )


def _render(mapping: ImportMapping, *, reasons: dict[str, str], samples: dict[str, list[Cell]], complete: bool) -> str:
    head = [
        "# A guess. Check each column and correct it; then save this and import with --mapping FILE,",
        "# or confirm it as it stands with --yes.",
        "# Fields: " + ", ".join(FIELDS),
    ]
    if not complete:
        head.append("# MISSING: which column holds the reference? Without it nothing can be imported.")

    def remark(column: Column) -> str:
        field = FIELDS[column.field]
        text = reasons.get(column.column, "")
        if field.kind in ("code", "codes"):
            items = {item for cell in samples[column.column] for item in split_list(cell, separators=column.separators)}
            foreign = sorted(item for item in items if match(field.codes, item) is None)[:_MAX_LISTED]
            if foreign:
                shown = ", ".join(" ".join(item.split())[:40] for item in foreign)
                text += f'; not in our list, translate with codes = {{ "theirs" = "ours" }}: {shown}'
        return "".join(sign for sign in text if sign.isprintable())

    return "\n".join([*head, "", dump_mapping(mapping, comments=remark)])
