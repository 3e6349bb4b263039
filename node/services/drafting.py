"""Keep a draft that somebody wrote by hand or by program: checked as strictly as a release will, or refused whole.

What is kept are the groups as they came; reduced groups are made at release, when they are signed. Identity is
(administration, reference), so the same words twice are one draft and other words are its correction.

Left to others: files (`importing`) and signing (`publishing`).
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from crypto import b64
from federation.records import Fault, get_schema
from node.services.publishing import SCHEMA_OF
from node.storage import drafts, recalls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.storage.database import Database

KINDS: Final = ("seizure", "alert")
MAX_REFERENCE: Final = 200
SOURCE: Final = "api"


class DraftRefused(Exception):  # noqa: N818 - the name is the sentence
    """A draft with faults: all of them, and nothing was kept."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a draft."""

    kind: str
    reference: str
    rid: str
    ver: int
    outcome: Literal["created", "changed", "unchanged"]
    warnings: tuple[Fault, ...]


def keep(
    database: Database,
    *,
    kind: str,
    groups: Mapping[str, Any],
    administration: str,
    reference: str | None,
    now: int,
) -> Kept:
    """Check and keep a draft. Raises `DraftRefused` with every fault at once.

    The reference of a seizure stands in its `case`; an alert without one gets one by chance.
    """
    schema = get_schema(SCHEMA_OF[kind])
    report = schema.validate(schema.prepare(groups))
    faults = list(report.errors) + _identity(kind, groups, administration, reference)
    if faults:
        raise DraftRefused(tuple(faults))
    name = groups["case"]["reference"] if kind == "seizure" else reference or f"alert-{uuid.uuid4().hex[:12]}"
    digest = b64.encode(hashlib.sha256(orjson.dumps(groups, option=orjson.OPT_SORT_KEYS)).digest())
    item = drafts.NewDraft(
        kind=kind,
        administration=administration,
        reference=name,
        groups=groups,
        content_hash=digest,
        source=SOURCE,
        warnings=len(report.warnings),
    )
    with database.write() as connection:
        before = drafts.find(connection, administration, kind, [name]).get(name)
        if before is not None and recalls.get(connection, administration, before.rid) is not None:
            remedy = "a recalled record is never corrected: write it as a new one, under another reference"
            raise DraftRefused((Fault(path="reference", value=name, wrong="names a recalled record", remedy=remedy),))
        if before is None:
            drafts.put(connection, [item], now=now)
        elif before.content_hash != digest:
            drafts.change(connection, before, item, now=now)
        row = drafts.find(connection, administration, kind, [name])[name]
    outcome: Literal["created", "changed", "unchanged"] = (
        "created" if before is None else "unchanged" if before.content_hash == digest else "changed"
    )
    return Kept(kind=kind, reference=name, rid=row.rid, ver=row.ver, outcome=outcome, warnings=report.warnings)


def _identity(kind: str, groups: Mapping[str, Any], administration: str, reference: str | None) -> list[Fault]:
    """What is wrong with who says it and how it is called; the schema checks the form of both."""
    faults = []
    if reference is not None and not (0 < len(reference.strip()) <= MAX_REFERENCE and reference.isprintable()):
        wrong = "is not a reference"
        remedy = f"from 1 to {MAX_REFERENCE} printable characters"
        faults.append(Fault(path="reference", value=reference, wrong=wrong, remedy=remedy))
    case = groups.get("case")
    if kind != "seizure" or not isinstance(case, dict):
        if kind == "seizure":
            wrong, remedy = "is missing", "the reference of the seizure and its administration stand there"
            faults.append(Fault(path="case", value=None, wrong=wrong, remedy=remedy))
        return faults
    if case.get("administration") != administration:
        faults.append(
            Fault(
                path="case.administration",
                value=case.get("administration"),
                wrong="is not this node's administration",
                remedy=f"{administration}: a node issues its own seizures alone",
            )
        )
    if reference is not None and case.get("reference") != reference:
        wrong, remedy = "is another reference than case.reference", "leave it out: a seizure has it in its case"
        faults.append(Fault(path="reference", value=reference, wrong=wrong, remedy=remedy))
    return faults
