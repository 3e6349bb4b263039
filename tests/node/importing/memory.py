"""A `DraftStore` in memory, and a short way to import a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.services.importing.run import Existing, run_import

if TYPE_CHECKING:
    from pathlib import Path

    from node.services.importing.mapping import ImportMapping
    from node.services.importing.report import ImportReport

NOW = 1_795_000_000
"""18 November 2026"""


class MemoryStore:
    """Keeps what it is given; counts writes, so that a dry run can be seen to write nothing."""

    def __init__(self) -> None:
        self.held: dict[str, Existing] = {}
        self.source: dict[str, str] = {}
        self.corrections: list[str] = []
        self.writes = 0

    def find(self, reference: str) -> Existing | None:
        return self.held.get(reference)

    def put_draft(self, reference: str, groups: Any, *, content_hash: str, source: str) -> None:
        assert reference not in self.held
        self._put(reference, groups, content_hash, source)

    def put_correction(self, reference: str, groups: Any, *, content_hash: str, source: str) -> None:
        assert reference in self.held
        self.corrections.append(reference)
        self._put(reference, groups, content_hash, source)

    def mark_seen(self, reference: str, *, source: str) -> None:
        self.source[reference] = source

    def references_from(self, source: str) -> list[str]:
        return [reference for reference, found in self.source.items() if found == source]

    def _put(self, reference: str, groups: Any, content_hash: str, source: str) -> None:
        self.writes += 1
        self.held[reference] = Existing(content_hash=content_hash, state="draft", groups=groups)
        self.source[reference] = source


def import_text(
    folder: Path,
    text: str | bytes,
    *,
    name: str = "in.csv",
    store: MemoryStore | None = None,
    administration: str = "GB",
    mapping: ImportMapping | None = None,
    **options: Any,
) -> tuple[ImportReport, MemoryStore]:
    """Write the text to a file and import it."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    store = store or MemoryStore()
    report = run_import(path, administration=administration, mapping=mapping, store=store, now=NOW, **options)
    return report, store
