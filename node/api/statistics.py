"""`/api/v1/statistics`: the tables of the catalogue, over what this node holds and may count. Each look is logged."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from node.api.deps import InOffice, MayView
from node.api.documented import answers
from node.services.statistics import growth, tables, tracing

router: Final = APIRouter(prefix="/api/v1/statistics", tags=["statistics"])
_MONTH: Final = "^[0-9]{4}-(0[1-9]|1[0-2])$"
_ID: Final = "^[A-Z0-9-]{1,32}$"


class Figure(BaseModel):
    """One figure of a table."""

    key: list[str] = Field(description="The values of the table's dimensions; empty in the total.")
    measure: str
    unit: str = Field(description="Rec 20 code of articles, basis:currency of values, else empty.")
    n: str = Field(description="A decimal number.")


class Reporter(BaseModel):
    """Who reported, and up to when."""

    node: str
    cases: int
    first: str | None = None
    last: str | None = None


class UsedRates(BaseModel):
    """The exchange rates of converted figures."""

    edition: int
    source: str
    currency: str
    first: str | None = Field(default=None, description="Day of the first rate that was used.")
    last: str | None = None


class GrowthFigure(BaseModel):
    """One figure before and after."""

    key: list[str]
    measure: str
    unit: str
    before: str
    after: str
    percent: str | None = Field(default=None, description="To a tenth; absent where nothing was before.")


class CoveredReporter(BaseModel):
    """Who reported in which period."""

    node: str
    compared: bool = Field(description="It reported in both periods, and is in the figures.")
    cases_before: int
    cases_after: int
    months_before: int = Field(description="Months with a case.")
    months_after: int


class GrowthTable(BaseModel):
    """A table against the one of a year before, over those who reported in both periods."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "by-category", "catalogue": 1, "dims": ["category"], "before": ["2025-01", "2025-06"],
                "after": ["2026-01", "2026-06"], "months": 6,
                "rows": [{"key": ["footwear"], "measure": "cases", "unit": "", "before": "8", "after": "9",
                          "percent": "12.5"}],
                "total": [], "coverage": [{"node": "KE", "compared": True, "cases_before": 8, "cases_after": 9,
                                           "months_before": 5, "months_after": 6}],
                "caveat": tables.CAVEAT, "as_of": 1767700000, "behind": 0,
            }
        }
    )  # fmt: skip
    name: str
    catalogue: int
    dims: list[str]
    before: list[str] = Field(description="First and last month.")
    after: list[str]
    months: int
    rows: list[GrowthFigure]
    total: list[GrowthFigure]
    coverage: list[CoveredReporter]
    caveat: str
    as_of: int
    behind: int


class Adds(BaseModel):
    """What one contributes to a figure."""

    measure: str
    unit: str
    n: str


class MemberShare(BaseModel):
    """What the records of one issuer contribute."""

    node: str
    adds: list[Adds]


class TracedRecord(BaseModel):
    """One record behind a figure."""

    iss: str
    rid: str
    ver: int
    title: str
    adds: list[Adds]


class TracedFigure(BaseModel):
    """Who contributed a figure, and by which records."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "table": "by-category", "value": "footwear",
                "members": [{"node": "KE", "adds": [{"measure": "cases", "unit": "", "n": "1"}]}],
                "records": [{"iss": "KE", "rid": "0b54e9b6-8b5a-4c2e-9d7d-1f7f2f7f5a10", "ver": 1,
                             "title": "Footwear 40 pieces", "adds": [{"measure": "cases", "unit": "", "n": "1"}]}],
                "not_named": 0, "agrees": True, "waiting": 0,
            }
        }
    )  # fmt: skip
    table: str
    value: str | None = None
    members: list[MemberShare]
    records: list[TracedRecord]
    not_named: int = Field(description="Records behind it that are not named here.")
    agrees: bool = Field(description="The table has the same figures.")
    waiting: int = Field(description="Versions that are not counted yet: until they are, the two may differ.")


class StatisticsTable(BaseModel):
    """A table of the catalogue, with its own total, its coverage and the standing caveat."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "by-category",
                "catalogue": 1,
                "dims": ["category"],
                "measures": ["cases", "procedures", "lines", "articles", "values"],
                "rows": [{"key": ["footwear"], "measure": "articles", "unit": "NPR", "n": "1200"}],
                "total": [{"key": [], "measure": "cases", "unit": "", "n": "1"}],
                "coverage": [{"node": "KE", "cases": 1, "first": "2026-01", "last": "2026-01"}],
                "caveat": tables.CAVEAT,
                "as_of": 1767700000,
                "behind": 0,
                "left_out": 0,
            }
        }
    )
    name: str
    catalogue: int = Field(description="The version of the catalogue: figures of two versions are not compared.")
    dims: list[str]
    measures: list[str]
    rows: list[Figure]
    total: list[Figure] = Field(description="Cases by value do not add up to it: one case can have several values.")
    coverage: list[Reporter]
    caveat: str
    as_of: int
    behind: int = Field(description="Versions that are held and not yet counted.")
    left_out: int = Field(description="Values with fewer cases that are not listed.")
    rates: UsedRates | None = Field(default=None, description="What values were converted with.")
    known_at: str | None = None
    gone: int | None = Field(default=None, description="Records known on that day that may not be used any more.")


@router.get("/{table}", summary="One table of the statistics", **answers(StatisticsTable))
def statistics_table(  # noqa: PLR0917 - the framework calls it by name
    officer: MayView,
    office: InOffice,
    table: str,
    from_: Annotated[str | None, Query(alias="from", pattern=_MONTH, description="Seized then or later.")] = None,
    to: Annotated[str | None, Query(pattern=_MONTH, description="Seized then or earlier.")] = None,
    node: Annotated[str | None, Query(pattern=_ID, description="Only what this node issued.")] = None,
    administration: Annotated[str | None, Query(pattern=_ID, description="Only what it reported.")] = None,
    into: Annotated[str | None, Query(alias="in", pattern="^[A-Z]{3}$", description="Convert values into it.")] = None,
    edition: Annotated[int | None, Query(ge=1, le=1_000_000, description="Of the exchange rates.")] = None,
    known_at: Annotated[str | None, Query(max_length=10, description="As known at the end of this day.")] = None,
) -> StatisticsTable:
    """Read a table with its total. Logged with the purpose statistics."""
    filters = tables.Filters(from_=from_, to=to, node=node, administration=administration)
    wishes = tables.Wishes(into=into, edition=edition, known_at=known_at)
    (found,) = tables.look(office.database, (table,), filters, by=officer.name, now=office.clock(), wishes=wishes)
    return StatisticsTable.model_validate(found.to_json())


@router.get("/{table}/growth", summary="A table against the same months a year before", **answers(GrowthTable))
def statistics_growth(  # noqa: PLR0917 - the framework calls it by name
    officer: MayView,
    office: InOffice,
    table: str,
    from_: Annotated[str, Query(alias="from", pattern=_MONTH, description="The first month.")],
    to: Annotated[str, Query(pattern=_MONTH, description="The last; at most twelve months in all.")],
    administration: Annotated[str | None, Query(pattern=_ID, description="Only what it reported.")] = None,
) -> GrowthTable:
    """Compare over those who reported in both periods. Logged with the purpose statistics."""
    filters = tables.Filters(from_=from_, to=to, administration=administration)
    found = growth.compare(office.database, table, filters, by=officer.name, now=office.clock())
    return GrowthTable.model_validate(found.to_json())


@router.get("/{table}/trace", summary="Who contributed a figure, and by which records", **answers(TracedFigure))
def statistics_trace(  # noqa: PLR0917 - the framework calls it by name
    officer: MayView,
    office: InOffice,
    table: str,
    value: Annotated[str | None, Query(max_length=tracing.MAX_VALUE, description="The total without it.")] = None,
    from_: Annotated[str | None, Query(alias="from", pattern=_MONTH)] = None,
    to: Annotated[str | None, Query(pattern=_MONTH)] = None,
    node: Annotated[str | None, Query(pattern=_ID)] = None,
    administration: Annotated[str | None, Query(pattern=_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=tracing.MAX_NAMED)] = 100,
) -> TracedFigure:
    """Count a figure anew from what was signed. Logged with the records that are named."""
    filters = tables.Filters(from_=from_, to=to, node=node, administration=administration)
    found = tracing.trace(
        office.database, table, value or None, filters, limit=limit, by=officer.name, now=office.clock()
    )  # fmt: skip
    return TracedFigure.model_validate(found.to_json())
