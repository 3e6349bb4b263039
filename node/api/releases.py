"""`/api/v1/drafts` and `/api/v1/releases`: what a contact point writes, and what it lets out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final, Literal

import anyio.from_thread
from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection

from node.api.deps import InOffice, MayDraft, MayRelease, Office, body_of
from node.api.documented import answers, takes
from node.api.models import Draft, Drafts, KeptDraft, NewDraft, Release, Released
from node.api.problems import faults, invalid, problem
from node.auth import Officer, Right, TokenRefused
from node.services import drafting
from node.services.publishing import ReleaseReport
from node.storage import drafts

router: Final = APIRouter(prefix="/api/v1", tags=["releases"])
CHUNK: Final = 500


@router.post(
    "/drafts",
    summary="Keep a draft of a seizure or an alert",
    openapi_extra=takes(NewDraft),
    **answers(KeptDraft, "draft-refused", status=201, bodied=True),
)
def keep_draft(
    officer: MayDraft,  # noqa: ARG001 - the right
    office: InOffice,
    new: Annotated[NewDraft, Depends(body_of(NewDraft))],
) -> KeptDraft:
    """Check a draft as strictly as its release will, and keep it. The same words twice are one draft."""
    kept = drafting.keep(
        office.database,
        kind=new.kind,
        groups=new.groups,
        administration=office.settings.id,
        reference=new.reference,
        now=office.clock(),
    )
    return KeptDraft.model_validate(asdict(kept) | {"warnings": faults(kept.warnings)})


@router.get("/drafts", summary="List drafts", **answers(Drafts))
def list_drafts(
    officer: MayDraft,  # noqa: ARG001 - the right
    office: InOffice,
    state: Literal["draft", "released"] | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Drafts:
    """List drafts by name and state, the newest change first."""
    with office.database.read() as connection:
        rows = drafts.listing(connection, state=state, limit=limit)
    return Drafts(drafts=[Draft(**{name: getattr(row, name) for name in Draft.model_fields}) for row in rows])


@router.post(
    "/releases",
    summary="Release drafts: sign them, decide for every recipient, offer them",
    openapi_extra=takes(Release),
    **answers(Released, "nothing-to-release", bodied=True),
)
def release(officer: MayRelease, office: InOffice, wanted: Annotated[Release, Depends(body_of(Release))]) -> Released:
    """Release in batches, each a transaction; peers whose feeds grew are told after each."""
    second = second_officer(office, officer, wanted.second)
    with office.database.read() as connection:
        ids, named = _chosen(connection, wanted)
    if not ids:
        raise problem("nothing-to-release", "none of the drafts named waits for release")
    publisher = office.publisher()
    total = ReleaseReport()
    for report in publisher.release(office.database, ids, by=officer.name, second=second, now=office.clock()):
        anyio.from_thread.run_sync(office.exchange.grown, frozenset(report.recipients))
        total.released += report.released
        total.entries += report.entries
        total.withheld += report.withheld
        total.recipients |= report.recipients
        total.rids += report.rids
        total.refused += report.refused
    return Released.model_validate(
        {
            "released": total.released,
            "entries": total.entries,
            "withheld": total.withheld,
            "recipients": sorted(total.recipients),
            "rids": total.rids,
            "refused": [{"reference": item.reference, "faults": list(item.faults)} for item in total.refused],
            "not_waiting": named - len(ids),
            "policy_version": None if publisher.policy is None else publisher.policy.version,
        }
    )


def second_officer(office: Office, first: Officer, token: str | None) -> str | None:
    """The second officer: shown by a token of their own, because a name alone is nobody's word."""
    if token is None:
        return None
    try:
        officer = office.officer(token)
    except TokenRefused as error:
        raise invalid([("second", f"is refused: {error}", "the token of a second officer")]) from error
    if officer.name == first.name or not officer.may(Right.RELEASE):
        wrong = "is not a second officer with the right to release"
        raise invalid([("second", wrong, "the token of another contact point")])
    return officer.name


def _chosen(connection: Connection, wanted: Release) -> tuple[list[int], int]:
    """The drafts that are meant and wait, and how many were named."""
    given = [name for name in ("references", "ids", "all") if getattr(wanted, name) is not None]
    if len(given) != 1:
        raise invalid([("references", "or ids or all: exactly one is given", "name the drafts in one way")])
    if wanted.references is not None:
        names = sorted(set(wanted.references))
        return _waiting_by(connection, names, wanted.kind), len(names)
    waiting = drafts.waiting(connection, kind=wanted.kind)
    if wanted.ids is None:
        return waiting, len(waiting)
    asked = set(wanted.ids)
    return [row_id for row_id in waiting if row_id in asked], len(asked)


def _waiting_by(connection: Connection, names: Sequence[str], kind: str | None) -> list[int]:
    ids: list[int] = []
    for start in range(0, len(names), CHUNK):
        ids += drafts.waiting(connection, kind=kind, references=names[start : start + CHUNK])
    return sorted(ids)
