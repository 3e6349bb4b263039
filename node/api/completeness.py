"""`/api/v1/completeness` and `/api/v1/replays`: is everything where it should be. It holds no content of records."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query

from federation.errors import NotFound
from node.api.completeness_models import Completeness, Deviation, Gap, Inventory, Replay
from node.api.deps import InOffice, MayAudit, MaySeeExchange
from node.api.documented import answers
from node.services import replaying
from node.storage import gaps

router: Final = APIRouter(prefix="/api/v1", tags=["exchange"])


@router.get("/completeness", summary="What peers hold, against what they were given", **answers(Completeness))
def show_completeness(
    officer: MaySeeExchange,  # noqa: ARG001 - the right
    office: InOffice,
    peer: Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$")] = None,
) -> Completeness:
    """Show each peer's newest signed inventory, and every record that it holds otherwise than it was given."""
    with office.database.read() as connection:
        told, found = gaps.inventories(connection), gaps.listing(connection, peer=peer)
    return Completeness(
        inventories=[Inventory(**{name: getattr(row, name) for name in Inventory.model_fields}) for row in told],
        gaps=[Gap(**{name: getattr(row, name) for name in Gap.model_fields}) for row in found],
    )


@router.get("/replays/last", summary="What is out, against the policy in force", **answers(Replay))
def show_replay(officer: MayAudit, office: InOffice) -> Replay:  # noqa: ARG001 - the right
    """Show the newest nightly run with what it found; 404 before the first."""
    with office.database.read() as connection:
        found = replaying.last(connection)
    if found is None:
        raise NotFound("there was no run yet")
    row, rows = found
    told = {name: getattr(row, name) for name in Replay.model_fields if name != "deviations"}
    deviations = [Deviation(**{name: getattr(one, name) for name in Deviation.model_fields}) for one in rows]
    return Replay(**told, deviations=deviations)
