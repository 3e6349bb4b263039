"""Take records out of the node: for a file, a court, another authority. Guarded, logged, registered.

What is exported is what this node holds: the presentation as it was granted, byte for byte, and the same for people,
with the obligations of its stored handling printed beside it. `federation.grants.may` is asked for the action `export`
and the stated purpose, for every record by itself. The disclosure rows (one a record), the row of the register and the
hash of the file are one transaction; the file is written after its commit, so nothing is out that is not logged.

Left to others: who may export (`node.api.deps`, the command line), and removing the file when a record in it is
withdrawn (`sweeping`). Trust: from the moment the file is written it is in the hands of whoever asked for it.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from sqlalchemy import select

from federation.grants import Action, Handling
from node.services import bodies, candidates, forms, readable, search, showing
from node.services.importing.report import safe_cell
from node.storage import audit, exports, records
from node.storage.tables import draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from node.services.search import Criteria
    from node.storage.database import Database

Format = Literal["json", "csv", "text", "minimal-csv", "minimal-xlsx", "long-csv", "long-xlsx"]
FORMATS: Final = ("json", "csv", "text", "minimal-csv", "minimal-xlsx", "long-csv", "long-xlsx")
"""The last four are tables of seizures in the form that people fill in (`forms`)."""
MAX_RECORDS: Final = 1_000
"""Records in one export: more is a copy of the database, and needs more than one officer."""
MAX_DESTINATION: Final = 200
_COLUMNS: Final = (
    "node", "id", "version", "kind", "title", "tlp", "purposes", "onward", "evidence", "keep_until", "group", "field",
    "value",
)  # fmt: skip


class ExportRefused(Exception):  # noqa: N818 - the name is the sentence
    """Nothing was exported; `reasons` has a sentence for each record that may not be, or for what is wrong."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An export: its number in the register, its bytes, and what was left out."""

    number: int
    data: bytes
    sha256: str
    records: int
    left_out: int
    """Hits of a search whose handling forbids this export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who exports what for, where to, and in which form."""

    by: str
    purpose: str
    destination: str
    format: Format = "json"
    path: str | None = None
    """The file that this node will write; None where the bytes are handed over."""


def export_named(
    database: Database, names: Sequence[tuple[str, str | None]], order: Order, *, node: str, now: int
) -> Made:
    """Export records by (id or own reference, issuer or None). One that may not be exported refuses the whole.

    Raises `ExportRefused`, `NotFound`, `Tombstoned` and `search.CriteriaRefused`.
    """
    _check(order)
    if not 1 <= len(names) <= MAX_RECORDS:
        raise ExportRefused([f"name from 1 to {MAX_RECORDS} records"])
    with database.write() as connection:
        found: dict[tuple[str, str], tuple[Row[Any], Handling]] = {}
        refused = []
        for name, iss in names:
            rid, issuer = resolve(connection, name, iss, node=node)
            row = showing.in_use(connection, rid=rid, iss=issuer)
            handling, verdict = search.allowed(row, Action.EXPORT, order.purpose, now=now)
            if verdict and handling is not None:
                found[row.iss, row.rid] = (row, handling)
            else:
                refused.append(f"{row.iss} {row.rid}: {verdict.reason}")
        if refused:
            raise ExportRefused(refused)
        return _make(connection, list(found.values()), order, node=node, now=now, left_out=0)


def export_found(database: Database, criteria: Criteria, order: Order, *, node: str, now: int) -> Made:
    """Export what a search finds and may be exported, at most `criteria.limit`; the rest is counted."""
    _check(order)
    filters = search.normalised(criteria.filters)
    if not 1 <= criteria.limit <= MAX_RECORDS:
        raise ExportRefused([f"limit: from 1 to {MAX_RECORDS}"])
    candidates.check(criteria)
    with database.write() as connection:
        left = candidates.find(connection, criteria)
        rows = records.search(
            connection, filters=filters, day_from=search.first_day(criteria.day_from),
            day_to=search.last_day(criteria.day_to), ids=None if left is None else left.rows,
            limit=criteria.limit + 1, now=now,
        )  # fmt: skip
        if len(rows) > criteria.limit:
            raise ExportRefused(
                [f"more than {criteria.limit} records are found: narrow the search, or raise the limit"]
            )
        judged = [(row, *search.allowed(row, Action.EXPORT, order.purpose, now=now)) for row in rows]
        found = [(row, handling) for row, handling, verdict in judged if verdict and handling is not None]
        if not found:
            raise ExportRefused(sorted({verdict.reason for _, _, verdict in judged}) or ["nothing was found"])
        return _make(connection, found, order, node=node, now=now, left_out=len(rows) - len(found))


def resolve(connection: Connection, name: str, iss: str | None, *, node: str) -> tuple[str, str | None]:
    """The record id and issuer behind a name: the national reference of an own record, or an id."""
    own = connection.execute(select(draft.c.rid).where(draft.c.reference == name).order_by(draft.c.id)).first()
    return (name, iss) if own is None else (own.rid, node)


def write_file(path: Path, data: bytes) -> None:
    """Write an export whole or not at all, readable by its owner alone."""
    handle, temporary = tempfile.mkstemp(prefix=".export-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def obligations(handling: Handling) -> list[str]:
    """What binds whoever holds the export, a sentence each.

    >>> obligations(Handling(tlp="amber", purposes=frozenset({"statistics"}), onward="none", evidence="ask"))[1]
    'Use it for statistics alone.'
    """
    purposes = handling.purposes
    told = [f"Traffic light: TLP:{handling.tlp.upper()}."]
    if purposes is not None:
        told.append(f"Use it for {' or '.join(sorted(purposes)) or 'nothing'} alone.")
    told.append(
        {"none": "Do not pass it on.", "any-member": "It may be passed on to members of the federation."}.get(
            handling.onward, f"It may be passed on within the {handling.onward.replace(':', ' ')} alone."
        )
    )
    told.append(
        {
            "yes": "It may be used as evidence.",
            "ask": "Ask the originator before it is used as evidence.",
            "no": "It may not be used as evidence.",
        }[handling.evidence]
    )
    if handling.keep_until is not None:
        told.append(f"Destroy every copy by {_instant(handling.keep_until)}.")
    if handling.review_by is not None:
        told.append(f"Look whether it is still needed by {_instant(handling.review_by)}.")
    return told


def check_order(purpose: str, destination: str) -> None:
    """Refuse a purpose that is none, and a destination that says nothing."""
    search.check_purpose(purpose)
    if not (0 < len(destination.strip()) <= MAX_DESTINATION and destination.isprintable()):
        raise ExportRefused([f"destination: says in at most {MAX_DESTINATION} printable characters who gets it"])


def _check(order: Order) -> None:
    check_order(order.purpose, order.destination)
    if order.format not in FORMATS:
        raise ExportRefused([f"format: is one of {', '.join(FORMATS)}"])


def _make(
    connection: Connection, found: Sequence[tuple[Row[Any], Handling]], order: Order, *, node: str, now: int,
    left_out: int,
) -> Made:  # fmt: skip
    number = exports.reserve(connection)
    head = {
        "export": number, "node": node, "at": now, "by": order.by, "purpose": order.purpose,
        "destination": order.destination,
    }  # fmt: skip
    form, _, kind = order.format.rpartition("-")
    if form:
        strangers = [
            f"{row.iss} {row.rid}: is no seizure; a form has seizures alone"
            for row, _ in found
            if row.sch != forms.SCHEMA
        ]
        if strangers:
            raise ExportRefused(strangers)
        items = [_of_form(row, handling, form) for row, handling in found]
        data = forms.written(items, form, number=number, as_workbook=kind == "xlsx")
    else:
        items = [_item(row, handling) for row, handling in found]
        data = {"json": _as_json, "csv": _as_csv, "text": _as_text}[order.format](head, items)
    sha256 = exports.put(
        connection, number=number, at=now, officer=order.by, purpose=order.purpose, format_=order.format,
        destination=order.destination, path=order.path, data=data,
        records=[(item["iss"], item["rid"], item["ver"], ",".join(sorted(item["groups"]))) for item in items],
    )  # fmt: skip
    detail = json.dumps({"export": number, "to": order.destination, "sha256": sha256}, ensure_ascii=False)
    audit.log(
        connection,
        [
            audit.Disclosure(
                at=now, action="export", actor=order.by, iss=item["iss"], rid=item["rid"], ver=item["ver"],
                groups=",".join(sorted(item["groups"])), purpose=order.purpose, detail=detail,
            )
            for item in items
        ],
    )  # fmt: skip
    return Made(number=number, data=data, sha256=sha256, records=len(items), left_out=left_out)


def _item(row: Row[Any], handling: Handling) -> dict[str, Any]:
    held = int(row.mask, 16)
    return {
        "iss": row.iss, "rid": row.rid, "ver": row.ver, "kind": row.kind, "title": row.title, "issued": row.iat,
        "hash": row.jh, "handling": handling.to_json(), "obligations": obligations(handling),
        "groups": dict(bodies.reopen_row(row).groups),
        # The signed bytes as they are held: whoever gets the file verifies them with nothing but the directory.
        "presentation": bodies.presentation(row.jwt, row.disclosures, held, held),
    }  # fmt: skip


def _of_form(row: Row[Any], handling: Handling, form: str) -> dict[str, Any]:
    """What a form has of a record: of its groups those alone that the form may show."""
    opened = bodies.reopen_row(row).groups
    return {
        "iss": row.iss, "rid": row.rid, "ver": row.ver, "handling": handling.to_json(),
        "groups": {name: opened[name] for name in sorted(forms.groups_of(form)) if name in opened},
    }  # fmt: skip


def _as_json(head: dict[str, Any], items: list[dict[str, Any]]) -> bytes:
    return orjson.dumps({**head, "records": items}, option=orjson.OPT_INDENT_2) + b"\n"


def _as_csv(head: dict[str, Any], items: list[dict[str, Any]]) -> bytes:
    """One row a value; UTF-8 with a mark, without which a spreadsheet shows other scripts wrongly."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow((*_COLUMNS, "export", "by", "purpose", "destination"))
    tail = [str(head[name]) for name in ("export", "by", "purpose", "destination")]
    for item in items:
        handling = item["handling"]
        front = [
            item["iss"], item["rid"], str(item["ver"]), item["kind"], item["title"], handling["tlp"],
            ", ".join(handling.get("purposes", ())), handling["onward"], handling["evidence"],
            _instant(handling["keep_until"]) if "keep_until" in handling else "",
        ]  # fmt: skip
        for group, value in item["groups"].items():
            for field, text in leaves(value):
                writer.writerow([safe_cell(readable.plain(cell)) for cell in [*front, group, field, text, *tail]])
    return b"\xef\xbb\xbf" + stream.getvalue().encode()


def _as_text(head: dict[str, Any], items: list[dict[str, Any]]) -> bytes:
    said = [
        f"Export {head['export']} of {head['node']}, {_instant(head['at'])}",
        f"By {head['by']}, for {head['purpose']}, to {head['destination']}",
    ]
    for item in items:
        said += ["", "=" * 72, item["title"], f"{item['kind']} of {item['iss']}, version {item['ver']}, {item['rid']}"]
        said += ["", "Whoever holds this is bound:", *(f"  {sentence}" for sentence in item["obligations"])]
        for group, value in item["groups"].items():
            said += ["", group, *readable.lines(value, "  ")]
    return ("\n".join(readable.plain(line) for line in said) + "\n").encode()


def leaves(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Each single value of a group with where it stands.

    >>> leaves({"a": [{"b": "1"}]})
    [('a.0.b', '1')]
    """
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = {str(at): item for at, item in enumerate(value)}.items()
    else:
        return [(path, str(value))]
    return [leaf for name, item in pairs for leaf in leaves(item, f"{path}.{name}" if path else str(name))]


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
