"""`/api/v1/find` and `/api/v1/saved-searches`: one box, and the searches that an officer keeps. Each look is logged."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from node.api.deps import InOffice, MayView, Purpose, body_of
from node.api.documented import answers, takes
from node.api.models import Hit, Page
from node.api.questions_models import NotAsked
from node.api.records import NodeId
from node.services import onebox, saving, similar
from node.services.criteria import DEFAULT_LIMIT, DEFAULT_PURPOSE, MAX_CURSOR, MAX_LIMIT, MAX_WORDS, Criteria

router: Final = APIRouter(prefix="/api/v1", tags=["records"])
Name = Annotated[str, Path(min_length=1, max_length=saving.MAX_NAME, description="The name of a saved search.")]


class FoundRecord(Hit):
    """A record, and by what it was found."""

    by: str = Field(description="number, name or words.")


class MayBeAsked(BaseModel):
    """A peer whom this node's policy lets the question go to."""

    model_config = ConfigDict(extra="forbid")
    peer: str
    contact: dict[str, Any] = Field(description="As the directory has it.")


class FoundAll(BaseModel):
    """Everything that is held on a text, and who may be asked."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "looked_for": ["number", "words"],
                "records": [{"by": "number", **Hit.model_config["json_schema_extra"]["example"]}],  # type: ignore[index,dict-item]
                "more": False,
                "lag": 0,
                "may_be_asked": [{"peer": "TZ", "contact": {"duty": "+255 22 000 0000"}}],
                "not_asked": [{"peer": "GB", "why": "policy"}],
            }
        }
    )
    looked_for: list[str] = Field(description="As what the text was looked for: number, name, words.")
    records: list[FoundRecord] = Field(description="The best first, each once.")
    more: bool = Field(description="There are more than are told: use the search.")
    lag: int = Field(description="Rows that the indexes are behind.")
    may_be_asked: list[MayBeAsked] | None = Field(default=None, description="Absent without a policy.")
    not_asked: list[NotAsked] | None = None


class SavedCriteria(BaseModel):
    """What a saved search asks: the same members as a search."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    words: str | None = None
    name: str | None = None
    number: str | None = None
    filters: dict[str, list[str]] = Field(default_factory=dict)
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    order: str | None = None

    def criteria(self) -> Criteria:
        """The same in the words of the search."""
        filters = {name: frozenset(values) for name, values in self.filters.items()}
        return Criteria(
            words=self.words, name=self.name, number=self.number, filters=filters, day_from=self.from_,
            day_to=self.to, order=self.order,
        )  # fmt: skip


class NewSavedSearch(BaseModel):
    """A search to keep."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "watches from HK", "purpose": "customs-enforcement",
                "criteria": {"words": "watches", "filters": {"origin": ["HK"]}},
            }
        },
    )  # fmt: skip
    name: str
    purpose: str = DEFAULT_PURPOSE
    criteria: SavedCriteria


class SavedSearch(BaseModel):
    """A saved search of the officer who asks."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "watches from HK", "purpose": "customs-enforcement",
                "criteria": {"words": "watches", "filters": {"origin": ["HK"]}}, "created_at": 1767700000, "waiting": 3,
            }
        }
    )  # fmt: skip
    name: str
    purpose: str
    criteria: SavedCriteria
    created_at: int
    waiting: int = Field(description="Versions that came since the officer last looked, whether or not they fit.")


class SavedSearches(BaseModel):
    """The saved searches of the officer who asks."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"searches": [SavedSearch.model_config["json_schema_extra"]["example"]]}}  # type: ignore[index]
    )
    searches: list[SavedSearch]


class SharedThing(BaseModel):
    """One thing that two records share."""

    what: str = Field(description="number, brand, hs, category, a role on the route, conveyance, ..., or day.")
    values: list[str]
    points: float


class SimilarRecord(Hit):
    """A record that is like the one asked about."""

    points: float
    shared: list[SharedThing] = Field(description="Most points first; `points` is their sum.")
    days_apart: int | None = None


class SimilarRecords(BaseModel):
    """Records like one, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "similar": [
                    {
                        **Hit.model_config["json_schema_extra"]["example"],  # type: ignore[index,dict-item]
                        "points": 7.0, "days_apart": 3,
                        "shared": [{"what": "brand", "values": ["rolex"], "points": 5.0}],
                    }
                ]
            }
        }
    )  # fmt: skip
    similar: list[SimilarRecord]


@router.get(
    "/records/{rid}/similar", summary="Records like this one, and what they share",
    **answers(SimilarRecords, "purpose-refused"),
)  # fmt: skip
def similar_records(  # noqa: PLR0917 - the framework calls it by name
    officer: MayView,
    office: InOffice,
    rid: UUID,
    iss: NodeId | None = None,
    limit: Annotated[int, Query(ge=1, le=similar.MAX_LIMIT)] = similar.DEFAULT_LIMIT,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> SimilarRecords:
    """Compare with what is held, by points that are the same for all. Logged as a search."""
    found = similar.find(
        office.database, rid=str(rid), iss=iss, limit=limit, by=officer.name, purpose=purpose, now=office.clock()
    )
    return SimilarRecords.model_validate({"similar": [one.to_json() for one in found]})


@router.get("/find", summary="One box: everything that is held on a text", **answers(FoundAll))
def find_all(
    officer: MayView,
    office: InOffice,
    text: Annotated[str, Query(min_length=1, max_length=MAX_WORDS, description="Whatever was typed or scanned.")],
    purpose: Purpose = DEFAULT_PURPOSE,
) -> FoundAll:
    """Look for a text as a number, a name and words, and say which peers may be asked. Nothing is sent to anybody."""
    asker = None if office.policy() is None else office.asker()
    found = onebox.look(
        office.database, asker, text, by=officer.name, purpose=purpose, case=onebox.NO_CASE, now=office.clock()
    )
    return FoundAll.model_validate(found.to_json())


@router.get("/saved-searches", summary="One's own saved searches", **answers(SavedSearches))
def list_saved(officer: MayView, office: InOffice) -> SavedSearches:
    """List them by name, with how many versions came since each was looked at."""
    found = saving.saved(office.database, by=officer.name)
    return SavedSearches.model_validate({"searches": [one.to_json() for one in found]})


@router.post(
    "/saved-searches", summary="Save a search", openapi_extra=takes(NewSavedSearch),
    **answers(SavedSearches, bodied=True),
)  # fmt: skip
def save_search(
    officer: MayView, office: InOffice, new: Annotated[NewSavedSearch, Depends(body_of(NewSavedSearch))]
) -> SavedSearches:
    """Keep a search; one of the same name is replaced. What is there already is not new."""
    saving.save(
        office.database, new.name, new.criteria.criteria(), by=officer.name, purpose=new.purpose, now=office.clock()
    )
    return list_saved(officer, office)


@router.post("/saved-searches/{name}/news", summary="What is new in a saved search", **answers(Page))
def news_of(officer: MayView, office: InOffice, name: Name) -> Page:
    """Show the new hits; from then on they are not new. Logged with the purpose that the search was saved for."""
    return Page.model_validate(saving.news(office.database, name, by=officer.name, now=office.clock()).to_json())


@router.get("/saved-searches/{name}", summary="Run a saved search", **answers(Page))
def run_saved(
    officer: MayView, office: InOffice, name: Name,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR, description="`next` of the page before.")] = None,
) -> Page:  # fmt: skip
    """Search everything that this node holds, as it was saved."""
    hits = saving.again(office.database, name, by=officer.name, limit=limit, before=cursor, now=office.clock())
    return Page.model_validate(hits.to_json())


@router.delete("/saved-searches/{name}", summary="Remove a saved search", **answers(SavedSearches))
def remove_saved(officer: MayView, office: InOffice, name: Name) -> SavedSearches:
    """Forget a search of one's own."""
    saving.remove(office.database, name, by=officer.name)
    return list_saved(officer, office)
