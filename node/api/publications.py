"""`/api/v1/statistics/publications`: draw an edition of the published tables as a draft, behind disclosure control.

What is drawn is released like every draft (`/api/v1/releases`) and read like every record (`/api/v1/records`).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from node.api.deps import InOffice, MayDraft, body_of
from node.api.documented import answers, takes
from node.api.problems import problem
from node.services.statistics import publication
from node.services.statistics.suppression import Rules

router: Final = APIRouter(prefix="/api/v1/statistics/publications", tags=["statistics"])
_MONTH: Final = "^[0-9]{4}-(0[1-9]|1[0-2])$"
_PERCENT: Final = 99


class Dominance(BaseModel):
    """A cell is sensitive when its `n` largest contributors have more than `k` per cent of it."""

    model_config = ConfigDict(extra="forbid")
    n: int = Field(ge=1, le=100)
    k: int = Field(ge=1, le=_PERCENT)


class Publication(BaseModel):
    """What is to be published, and the rules of disclosure control."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"from": "2025-01", "to": "2025-12", "threshold": 3}}
    )
    from_: str = Field(alias="from", pattern=_MONTH, description="First month.")
    to: str = Field(pattern=_MONTH, description="Last month.")
    reference: str | None = Field(default=None, max_length=200, description="Default: STAT- and the period.")
    title: str | None = Field(default=None, min_length=1, max_length=500, description="In English.")
    scope: Literal["own", "held"] = Field(
        default="own",
        description="The node's own records, by right holder; or all that it holds and may count, by member.",
    )
    threshold: int = Field(default=3, ge=3, le=1000, description="Fewer contributors are too few.")
    width: int = Field(default=50, ge=1, le=100, description="Protection width of such a cell, in per cent.")
    dominance: Dominance = Field(default=Dominance(n=1, k=85))
    p: int = Field(default=10, ge=0, le=_PERCENT, description="The p% rule; 0 for none.")


class Edition(BaseModel):
    """The draft that was made, and what was left out of it. Cells are counted over all tables, each once."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "reference": "STAT-2025", "version": 1, "outcome": "created", "cases": 412, "cells": 640,
                "primary": 120, "secondary": 31,
            }
        }
    )  # fmt: skip
    reference: str
    version: int
    outcome: Literal["created", "changed", "unchanged"]
    cases: int
    cells: int = Field(description="Cells that are not 0.")
    primary: int = Field(description="Left out because they are sensitive. Not for publication.")
    secondary: int = Field(description="Left out because they would show others. Not for publication.")


@router.post(
    "",
    summary="Draw an edition of published tables",
    openapi_extra=takes(Publication),
    **answers(Edition, "publication-refused", status=201, bodied=True),
)
def draw(
    officer: MayDraft,  # noqa: ARG001 - the right
    office: InOffice,
    wanted: Annotated[Publication, Depends(body_of(Publication))],
) -> Edition:
    """Count, leave out what would show single contributors, and keep the rest as a draft or its next version."""
    rules = Rules(
        threshold=wanted.threshold, width_percent=wanted.width, dominance=(wanted.dominance.n, wanted.dominance.k),
        p_percent=wanted.p or None,
    )  # fmt: skip
    wishes = publication.Wishes(
        first=wanted.from_, last=wanted.to, scope=wanted.scope, reference=wanted.reference, title=wanted.title,
        rules=rules,
    )  # fmt: skip
    try:
        drawn = publication.draw(office.database, wishes, node=office.settings.id, now=office.clock())
    except publication.PublicationRefused as error:
        raise problem("publication-refused", str(error)) from error
    return Edition.model_validate(drawn.to_json())
