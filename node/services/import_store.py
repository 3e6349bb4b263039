"""The SQL side of importing: what an import finds and what it leaves, all of it or nothing.

`SeizureDrafts` fits `importing.run.DraftStore`. It reads while the file is read, gathers what is to be written, and
`keep` writes that in one short transaction at the end: a large file never holds the write lock while it is parsed, and
an import that breaks off leaves nothing. A released seizure whose row changed becomes a draft of its next version.

Trust: the groups come from the operator's own file and were checked by the importer; releasing checks them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Connection, Row, select, update

from crypto import b64
from node.services.importing.run import Existing, run_import
from node.storage import drafts
from node.storage.tables import draft, tombstone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from node.services.importing.mapping import ImportMapping
    from node.services.importing.report import ImportReport
    from node.storage.database import Database

KIND: Final = "seizure"
CHUNK: Final = 500
State = Literal["draft", "released", "withdrawn"]


@dataclass(frozen=True, slots=True)
class _Written:
    groups: str
    """JSON: a hundred thousand seizures are held until the end, and text is the smallest form of them."""
    content_hash: str
    source: str


@dataclass(slots=True, kw_only=True)
class SeizureDrafts:
    """The seizures of one administration at one node, for the time of one import. `connection` is only read."""

    connection: Connection
    node: str
    administration: str
    _written: dict[str, _Written] = field(default_factory=dict)
    _seen: dict[str, str] = field(default_factory=dict)

    def find(self, reference: str) -> Existing | None:
        """What is held under this reference, what was put in this import included."""
        put = self._written.get(reference)
        row = drafts.find(self.connection, self.administration, KIND, [reference]).get(reference)
        if put is not None:
            return Existing(content_hash=put.content_hash, state=_state(row), groups=json.loads(put.groups))
        if row is None:
            return None
        return Existing(
            content_hash=b64.decode(row.content_hash).hex(),
            state="withdrawn" if self._recalled(row) else _state(row),
            groups=json.loads(row.groups),
        )

    def put_draft(self, reference: str, groups: Mapping[str, Any], *, content_hash: str, source: str) -> None:
        """Keep a new draft when the import ends."""
        text = json.dumps(groups, ensure_ascii=False, separators=(",", ":"))
        self._written[reference] = _Written(text, content_hash, source)

    def put_correction(self, reference: str, groups: Mapping[str, Any], *, content_hash: str, source: str) -> None:
        """Keep changed content when the import ends."""
        self.put_draft(reference, groups, content_hash=content_hash, source=source)

    def mark_seen(self, reference: str, *, source: str) -> None:
        """An unchanged seizure was in this source again."""
        self._seen[reference] = source

    def references_from(self, source: str) -> Sequence[str]:
        """References that came from this source, recalled ones left out."""
        gone = select(tombstone.c.rid).where(tombstone.c.iss == self.node)
        found = self.connection.scalars(
            select(draft.c.reference)
            .where(
                draft.c.administration == self.administration,
                draft.c.kind == KIND,
                draft.c.source == source,
                draft.c.rid.not_in(gone),
            )
            .order_by(draft.c.reference)
        )
        return list(found)

    def keep(self, connection: Connection, *, now: int) -> None:
        """Write what was gathered, in the caller's transaction.

        Each row is looked at again: a release or another import may have come between.
        """
        names = sorted(self._written)
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            there = drafts.find(connection, self.administration, KIND, chunk)
            fresh = []
            for name in chunk:
                item = self._new(name, self._written[name])
                row = there.get(name)
                if row is None:
                    fresh.append(item)
                elif row.content_hash != item.content_hash:
                    drafts.change(connection, row, item, now=now)
            drafts.put(connection, fresh, now=now)
        for name, source in self._seen.items():
            connection.execute(
                update(draft)
                .where(
                    draft.c.administration == self.administration,
                    draft.c.kind == KIND,
                    draft.c.reference == name,
                    draft.c.source.is_distinct_from(source),
                )
                .values(source=source)
            )

    def _new(self, reference: str, item: _Written) -> drafts.NewDraft:
        return drafts.NewDraft(
            kind=KIND,
            administration=self.administration,
            reference=reference,
            groups=json.loads(item.groups),
            # The importer writes its hash in hexadecimal; here every hash has 43 characters.
            content_hash=b64.encode(bytes.fromhex(item.content_hash)),
            source=item.source,
        )

    def _recalled(self, row: Row[Any]) -> bool:
        condition = (tombstone.c.iss == self.node, tombstone.c.rid == row.rid)
        return self.connection.execute(select(tombstone.c.ver).where(*condition)).first() is not None


def import_file(
    database: Database,
    path: Path,
    *,
    node: str,
    administration: str,
    entered_by: str | None = None,
    mapping: ImportMapping | None,
    now: int,
    dry_run: bool = False,
    accept_guess: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import a file into the drafts of this node: `importing.run.run_import` with this store, committed as a whole.

    Raises `ImportRefused` for a file that cannot be read as a whole; then, and in a dry run, nothing is written.
    """
    with database.read() as connection:
        store = SeizureDrafts(connection=connection, node=node, administration=administration)
        report = run_import(
            path,
            administration=administration,
            entered_by=entered_by,
            mapping=mapping,
            store=store,
            now=now,
            dry_run=dry_run,
            accept_guess=accept_guess,
            progress=progress,
        )
    if report.status == "imported":
        with database.write() as connection:
            store.keep(connection, now=now)
    return report


def _state(row: Row[Any] | None) -> State:
    return "released" if row is not None and row.state == "released" else "draft"
