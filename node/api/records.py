"""`/api/v1/records`: find, view, trace and explain. Finding and viewing are logged with their purpose."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from federation import spelling
from federation.errors import NotFound
from node.api.deps import InOffice, MayExplain, MayTrace, MayView, Purpose
from node.api.documented import answers
from node.api.models import Explanation, Page, Recipients, Record
from node.api.problems import problem
from node.services import overview, policing, search, showing
from node.services.search import DEFAULT_LIMIT, DEFAULT_PURPOSE, MAX_LIMIT, MAX_WORDS, Criteria

router: Final = APIRouter(prefix="/api/v1/records", tags=["records"])

Values = Annotated[list[str], Field(default_factory=list, max_length=search.MAX_VALUES)]
NodeId = Annotated[str, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$", description="A node's id, such as KE.")]


class Filters(BaseModel):
    """What may be asked for. A filter given twice means: one of the two; several filters: all of them."""

    model_config = ConfigDict(populate_by_name=True)
    words: str | None = Field(
        default=None, max_length=MAX_WORDS, description="All of them; the last may be a beginning."
    )
    name: str | None = Field(
        default=None, max_length=spelling.MAX_NAME,
        description="A person, company, right holder or brand, in any spelling or script.",
    )  # fmt: skip
    number: str | None = Field(
        default=None, max_length=MAX_WORDS,
        description="A container, waybill, GTIN, registration, reference or telephone number, however spaced.",
    )  # fmt: skip
    order: Literal["newest", "best"] | None = Field(
        default=None, description="best: the name or number that fits best first; the default where one is asked for."
    )
    facets: bool = Field(default=False, description="Count the filter values over the result.")
    from_: str | None = Field(default=None, alias="from", max_length=10, description="YYYY, YYYY-MM or YYYY-MM-DD.")
    to: str | None = Field(default=None, max_length=10, description="The same; its last day counts.")
    category: Values
    hs: Values = Field(description="HS chapter, heading or subheading: 64, 6403, 640399.")
    brand: Values
    right: Values
    origin: Values
    departure: Values
    transit: Values
    destination: Values
    country: Values = Field(description="Where it was seized.")
    procedure: Values
    conveyance: Values
    detection: Values
    outcome: Values
    health_safety: Values = Field(description="yes: some of the goods endanger health or safety.")
    pictures: Values = Field(description="yes: with pictures.")
    quantity: Values = Field(description="Order of magnitude and unit of an amount: 100-999 H87.")
    value: Values = Field(description="Order of magnitude and currency of a sum: 1000-9999 EUR.")
    node: Values = Field(description="The node that issued it.")
    kind: Values
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str | None = Field(default=None, max_length=search.MAX_CURSOR, description="`next` of the page before.")

    def criteria(self) -> Criteria:
        """The same in the words of the search."""
        given = {name: frozenset(getattr(self, name)) for name in search.FIELDS if getattr(self, name)}
        return Criteria(
            words=self.words,
            name=self.name,
            number=self.number,
            order=self.order,
            facets=self.facets,
            filters=given,
            day_from=self.from_,
            day_to=self.to,
            limit=self.limit,
            before=self.cursor,
        )


@router.get("", summary="Find records by filters, words, names and numbers", **answers(Page))
def find_records(
    officer: MayView, office: InOffice, filters: Annotated[Filters, Query()], purpose: Purpose = DEFAULT_PURPOSE
) -> Page:
    """Search what this node holds, own and received. Logged: who, what, why, and which records were shown."""
    criteria, now = filters.criteria(), office.clock()
    hits = search.find(office.database, criteria, by=officer.name, purpose=purpose, now=now)
    return Page.model_validate(hits.to_json())


@router.get("/{rid}", summary="View one record", **answers(Record, "purpose-refused"))
def view_record(  # noqa: PLR0917 - the framework calls it by name
    officer: MayView,
    office: InOffice,
    rid: UUID,
    iss: NodeId | None = None,
    ver: Annotated[int | None, Query(ge=1)] = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> Record:
    """Show the groups that are held and what binds their reader. Logged."""
    view = showing.show(
        office.database, rid=str(rid), iss=iss, ver=ver, by=officer.name, purpose=purpose, now=office.clock()
    )
    return Record.model_validate(view.to_json())


@router.get("/{rid}/recipients", summary="Who has this record, and has each confirmed it", **answers(Recipients))
def record_recipients(officer: MayTrace, office: InOffice, rid: UUID) -> Recipients:  # noqa: ARG001 - the right
    """List every recipient of a record of ours with the state of its copy, then those who got nothing."""
    found = overview.recipients(office.database, node=office.settings.id, rid=str(rid))
    return Recipients.model_validate({"recipients": [view.to_json() for view in found]})


@router.get("/{rid}/explain", summary="Why a recipient gets what it gets", **answers(Explanation, "no-policy"))
def explain_record(officer: MayExplain, office: InOffice, rid: UUID, recipient: NodeId) -> Explanation:  # noqa: ARG001 - the right
    """Evaluate today's policy on a record of ours for one recipient, with the reason for each group."""
    policy = office.policy()
    if policy is None:
        raise problem("no-policy", "no sharing policy was ever activated: nothing is shared with anybody")
    member = office.membership.current().member(recipient)
    if member is None:
        raise NotFound("the directory lists no such node")
    found = policing.explain(
        office.database,
        str(rid),
        node=office.settings.id,
        recipient=member.recipient(),
        policy=policy,
        now=office.clock(),
    )
    return Explanation.model_validate(found.to_json())
