"""`/api/v1/quarantine` for who runs the node, `/api/v1/disclosures` for who checks it."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query

from federation.errors import NotFound
from federation.inbox import Quarantine as HeldBack
from node.api.deps import InOffice, MayAudit, MayRetry, MaySeeQuarantine
from node.api.documented import answers
from node.api.models import Disclosure, Disclosures, Quarantine, Quarantined, Retried
from node.services import intake
from node.storage import audit, quarantine

router: Final = APIRouter(prefix="/api/v1", tags=["administration"])
States = Literal["held", "awaiting", "released", "explained", "erased"]


@router.get("/quarantine", summary="Entries whose body is not in use", **answers(Quarantine))
def list_quarantine(
    officer: MaySeeQuarantine,  # noqa: ARG001 - the right
    office: InOffice,
    state: States = "held",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Quarantine:
    """List entries with the reason, the newest first. Their bodies are shown to nobody."""
    with office.database.read() as connection:
        rows = quarantine.listing(connection, state=state, limit=limit)
    names = Quarantined.model_fields
    return Quarantine(entries=[Quarantined(**{name: getattr(row, name) for name in names}) for row in rows])


@router.post("/quarantine/{entry}/retry", summary="Judge a quarantined entry again", **answers(Retried))
def retry_entry(
    officer: MayRetry,  # noqa: ARG001 - the right
    office: InOffice,
    entry: Annotated[int, Path(ge=1, le=2**63 - 1)],
) -> Retried:
    """Judge an entry by today's directory and holdings; it stays if it is refused again."""
    directory, now = office.membership.current(), office.clock()
    with office.database.write() as connection:
        row = quarantine.get(connection, entry)
        if row is None or row.state not in {"held", "awaiting"}:
            raise NotFound("no such entry is in quarantine")
        effect = intake.retry(connection, row, node=office.settings.id, directory=directory, now=now)
    if isinstance(effect, HeldBack):
        return Retried(id=entry, released=False, problem=str(effect.problem), detail=effect.detail)
    return Retried(id=entry, released=True)


@router.get("/disclosures", summary="The disclosure log", **answers(Disclosures))
def list_disclosures(
    officer: MayAudit,  # noqa: ARG001 - the right
    office: InOffice,
    rid: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Disclosures:
    """Show who disclosed what to whom, when and why: all of it, or what concerns one record."""
    with office.database.read() as connection:
        rows = audit.rows(connection, rid=None if rid is None else str(rid), limit=limit)
    return Disclosures(
        disclosures=[Disclosure(**{name: getattr(row, name) for name in Disclosure.model_fields}) for row in rows]
    )
