"""`/api/v1/evidence`: proof of what members signed and should not have. It holds no content of records."""

from __future__ import annotations

from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Path, Query

from federation.errors import NotFound
from node.api.deps import InOffice, MaySeeQuarantine
from node.api.documented import answers
from node.api.evidence_models import EvidenceFile, EvidenceList, EvidenceRow, StoppedFeed
from node.storage import evidence

router: Final = APIRouter(prefix="/api/v1", tags=["administration"])


@router.get("/evidence", summary="Proof of forks and other breaches", **answers(EvidenceList))
def list_evidence(
    officer: MaySeeQuarantine,  # noqa: ARG001 - the right
    office: InOffice,
    accused: Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> EvidenceList:
    """List what is kept, of all or of one member, and the feeds that stand still because of it."""
    with office.database.read() as connection:
        rows = evidence.listing(connection, accused=accused, limit=limit)
        stops = evidence.stops(connection)
    return EvidenceList(
        evidence=[EvidenceRow(**{name: getattr(row, name) for name in EvidenceRow.model_fields}) for row in rows],
        stopped=[StoppedFeed(**{name: getattr(row, name) for name in StoppedFeed.model_fields}) for row in stops],
    )


@router.get("/evidence/{name}", summary="One piece of evidence, whole", **answers(EvidenceFile))
def show_evidence(
    officer: MaySeeQuarantine,  # noqa: ARG001 - the right
    office: InOffice,
    name: Annotated[str, Path(pattern="^[A-Za-z0-9_-]{43}$")],
) -> EvidenceFile:
    """Show evidence by its hash; `body` is the file that anybody can verify with nothing but a directory."""
    with office.database.read() as connection:
        row = evidence.get(connection, name)
    if row is None or row.hash != name:
        raise NotFound("no such evidence is kept here")
    told = {field: getattr(row, field) for field in EvidenceRow.model_fields}
    return EvidenceFile(**told, body=orjson.loads(row.body))
