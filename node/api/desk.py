"""`/api/v1/desk`: the regional office's desk. Each look is logged.

Verifying and asking are signed remarks like others: `POST /api/v1/annotations`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from node.api.deps import InOffice, MayView, Purpose
from node.api.documented import answers
from node.api.remarks_models import RID, Remark
from node.services.desk import asking, behalf, patterns, queue, timeliness
from node.services.search import DEFAULT_LIMIT, DEFAULT_PURPOSE, LAST_ID, MAX_LIMIT

router: Final = APIRouter(prefix="/api/v1/desk", tags=["desk"])
Member = Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$", description="Only what this node issued.")]
_QUESTION: Final[dict[str, Any]] = {
    "iss": "RILO-ESA", "rid": RID, "ver": 1, "type": "query", "about": {"iss": "KE", "rid": RID, "ver": 1},
    "at": 1767225600, "text": "Which unit?", "way": "in", "member": "RILO-ESA", "state": "open",
}  # fmt: skip
_WAITING: Final[dict[str, Any]] = {
    "iss": "KE", "rid": RID, "ver": 1, "title": "Footwear", "day": "2026-01-01", "accepted_at": 1767225600,
    "findings": ["unit_missing"], "same_event": [],
}  # fmt: skip


_TIMES: Final[dict[str, Any]] = {
    "member": "KE", "cases": 3, "undated": 1,
    "steps": {"seizure_input": {"n": 2, "median": 4.5, "p90": 8.1, "negative": 0}},
    "last_month": "2026-01", "last_new": 1767225600, "months_without": ["2025-12"], "late": False,
}  # fmt: skip


_PATTERNS: Final[dict[str, Any]] = {
    "first": "2025-10", "last": "2025-12", "years": 3, "trend": 1.0, "compared": 2, "level": 0.05, "minimum": 3,
    "counted": 54, "left_out": 1,
    "found": [
        {
            "brand": "nike", "origin": "CN", "destination": "KE", "conveyance": "sea", "concealment": "tiles",
            "cases": 6, "baseline": 0, "expected": 0.167, "ratio": 36.0, "first_seen": "2025-12", "new": True,
            "poisson": 2.6e-8, "probability": 6.2e-5, "adjusted": 1.2e-4,
        }
    ],
}  # fmt: skip


_ENTERED: Final[dict[str, Any]] = {
    "administration": "BW", "reference": "BW-1", "rid": RID, "ver": 1, "title": "Footwear", "day": "2026-01-01",
    "state": "shared", "accepted_at": 1767225600,
}  # fmt: skip


class Waiting(BaseModel):
    """A seizure that waits to be verified."""

    iss: str
    rid: str
    ver: int
    title: str
    day: str | None = None
    accepted_at: int
    findings: list[str] = Field(description="What is wrong or missing in the groups that are held.")
    same_event: list[str] = Field(description="ISS/RID of records that are likely the same event.")


class Queue(BaseModel):
    """A page of what waits, oldest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"waiting": [_WAITING], "next": 51}})

    waiting: list[Waiting]
    next: int | None = Field(default=None, description="`after` of the next page; left out at the end.")


class Question(Remark):
    """A query of this node (`way` out) or to it (`way` in)."""

    model_config = ConfigDict(json_schema_extra={"example": _QUESTION})

    way: Literal["in", "out"]
    member: str
    state: Literal["overdue", "open", "closed"]
    answered_by: str | None = None
    answered_in_version: int | None = None


class Questions(BaseModel):
    """Queries both ways, overdue ones first."""

    model_config = ConfigDict(json_schema_extra={"example": {"queries": [_QUESTION]}})

    queries: list[Question]


class StepTimes(BaseModel):
    """Days of one step."""

    n: int
    median: float | None = None
    p90: float | None = None
    negative: int = Field(description="Cases whose step ends before it begins: in no figure.")


class MemberTimes(BaseModel):
    """One member in the period."""

    member: str
    cases: int
    undated: int
    steps: dict[str, StepTimes]
    last_month: str | None = None
    last_new: int | None = None
    months_without: list[str]
    late: bool


class Timeliness(BaseModel):
    """The times of every member. Input is the first signature, shared the arrival here."""

    model_config = ConfigDict(json_schema_extra={"example": {"members": [_TIMES]}})

    members: list[MemberTimes]


class Pattern(BaseModel):
    """A combination that stands out, and the figures that make it so."""

    brand: str
    origin: str
    destination: str
    conveyance: str
    concealment: str
    cases: int
    baseline: int = Field(description="Cases in the same months of the earlier years together.")
    expected: float
    ratio: float
    first_seen: str
    new: bool
    poisson: float = Field(description="Poisson probability of as many cases or more, with `expected` taken as known.")
    probability: float = Field(description="The same with the mean as uncertain as the baseline leaves it.")
    adjusted: float = Field(description="`probability` after Benjamini and Hochberg.")


class Patterns(BaseModel):
    """What stands out in a window of months, the least probable first."""

    model_config = ConfigDict(json_schema_extra={"example": _PATTERNS})

    first: str
    last: str
    years: int = Field(description="Earlier years compared with; 0 where the history is too short to say anything.")
    trend: float
    compared: int
    level: float
    minimum: int
    counted: int
    left_out: int = Field(description="Cases without a brand, a way or a month.")
    found: list[Pattern]


class Entered(BaseModel):
    """A record that this office entered for an administration without a node."""

    administration: str
    reference: str
    rid: str
    ver: int
    title: str
    day: str | None = None
    state: str
    accepted_at: int
    node: str | None = Field(default=None, description="The administration's own node, if it has one by now.")


class OnBehalf(BaseModel):
    """A page of them, oldest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"records": [_ENTERED], "next": 51}})

    records: list[Entered]
    next: int | None = Field(default=None, description="`after` of the next page; left out at the end.")


@router.get("/queue", summary="Seizures that this node has not verified", **answers(Queue))
def desk_queue(  # noqa: PLR0917 - the framework calls it by name
    officer: MayView,
    office: InOffice,
    member: Member = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    after: Annotated[int, Query(ge=0, le=LAST_ID)] = 0,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> Queue:
    """List what waits, oldest first, with what is wrong or missing in each. The look is logged."""
    found = queue.waiting(
        office.database, node=office.settings.id, member=member, limit=limit, after=after, by=officer.name,
        purpose=purpose, now=office.clock(),
    )  # fmt: skip
    return Queue.model_validate(found.to_json())


@router.get("/queries", summary="Queries of this node and to it", **answers(Questions))
def desk_queries(
    officer: MayView,
    office: InOffice,
    state: Literal["overdue", "open", "closed"] | None = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> Questions:
    """List queries with what became of each, overdue ones first. The reading is logged."""
    found = asking.queries(
        office.database, node=office.settings.id, state=state, by=officer.name, purpose=purpose, now=office.clock()
    )
    return Questions.model_validate({"queries": found})


@router.get("/timeliness", summary="How timely members are, and who is late", **answers(Timeliness))
def desk_timeliness(
    officer: MayView,
    office: InOffice,
    from_: Annotated[str | None, Query(alias="from", max_length=10, description="Seized then or later.")] = None,
    to: Annotated[str | None, Query(max_length=10, description="Seized then or earlier.")] = None,
    late_days: Annotated[int, Query(ge=1, le=3660)] = timeliness.LATE_DAYS,
) -> Timeliness:
    """Per member the days from seizure to input, shared and verified, with its coverage. The look is logged."""
    found = timeliness.timeliness(
        office.database, directory=office.membership.current(), node=office.settings.id, from_=from_, to=to,
        late_days=late_days, by=officer.name, now=office.clock(),
    )  # fmt: skip
    return Timeliness.model_validate(timeliness.to_json(found))


@router.get("/patterns", summary="What is new or unusually frequent", **answers(Patterns))
def desk_patterns(
    officer: MayView,
    office: InOffice,
    months: Annotated[int, Query(ge=1, le=patterns.YEAR, description="Months of the window.")] = patterns.MONTHS,
    until: Annotated[str | None, Query(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$", description="Its last month.")] = None,
) -> Patterns:
    """Combinations of brand, way and method against their seasonal baseline, with every figure. The look is logged."""
    found = patterns.patterns(office.database, months=months, until=until, by=officer.name, now=office.clock())
    return Patterns.model_validate(found.to_json())


@router.get("/on-behalf", summary="Records entered for administrations without a node", **answers(OnBehalf))
def desk_on_behalf(
    officer: MayView,
    office: InOffice,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    after: Annotated[int, Query(ge=0, le=LAST_ID)] = 0,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> OnBehalf:
    """List own records that name this node as `entered_by`, oldest first. The look is logged."""
    found = behalf.on_behalf(
        office.database, directory=office.membership.current(), node=office.settings.id, limit=limit, after=after,
        by=officer.name, purpose=purpose, now=office.clock(),
    )  # fmt: skip
    return OnBehalf.model_validate(found.to_json())
