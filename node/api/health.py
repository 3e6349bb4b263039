"""`/health/live` and `/health/ready`: for whatever starts, stops and balances the node. No token, no content."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from node.api.deps import InOffice
from node.api.documented import answers
from node.api.models import Health
from node.api.problems import problem
from node.services import overview

router: Final = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="The process answers", **answers(Health))
def live() -> Health:
    """Answer. Nothing is looked at: a node whose database is away should not be restarted for it."""
    return Health(status="ok")


@router.get("/ready", summary="The node can do its work", **answers(Health, "not-ready"))
def ready(office: InOffice) -> Health:
    """Look at database, schema and directory; say every reason why not."""
    reasons = overview.unready(office.database, office.membership, now=office.clock())
    if reasons:
        raise problem("not-ready", "; ".join(reasons), reasons=reasons)
    return Health(status="ok")
