"""`/api/v1/records/{rid}/holders`, `/api/v1/audit/officers`: who has a record and why, and who looked at how much."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query

from node.api.deps import InOffice, MayAudit, MayTrace
from node.api.documented import answers
from node.api.holders_models import Holders, Officers, without_names
from node.auth import Right
from node.services import holders, insiders

router: Final = APIRouter(prefix="/api/v1", tags=["administration"])
Issuer = Annotated[str, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$", description="The node whose record it is.")]


@router.get("/records/{rid}/holders", summary="Who has this record, and why", **answers(Holders))
def record_holders(officer: MayTrace, office: InOffice, rid: UUID, iss: Issuer | None = None) -> Holders:
    """List every recipient with what went to it on which decision, what hubs passed on, who looked, and the recall.

    The names of those who looked are told to those who may read the disclosure log.
    """
    found = holders.holders(office.database, node=office.settings.id, rid=str(rid), iss=iss)
    return Holders.model_validate(found if officer.may(Right.AUDIT) else without_names(found))


@router.get("/audit/officers", summary="Officers by day, and what is unusual", **answers(Officers))
def officers_by_day(
    officer: MayAudit,  # noqa: ARG001 - the right
    office: InOffice,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> Officers:
    """Count views, searches and exports of each officer and day, with the alarms that the rules raised."""
    found = insiders.officers(office.database, days=days, now=office.clock())
    return Officers.model_validate({"officers": found})
