"""`/api/v1/statistics`: the tables of the catalogue, over what this node holds and may count. Each look is logged."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from node.api.deps import InOffice, MayView
from node.api.documented import answers
from node.services.statistics import tables

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


@router.get("/{table}", summary="One table of the statistics", **answers(StatisticsTable))
def statistics_table(  # noqa: PLR0917 - the framework calls it by name
    officer: MayView,
    office: InOffice,
    table: str,
    from_: Annotated[str | None, Query(alias="from", pattern=_MONTH, description="Seized then or later.")] = None,
    to: Annotated[str | None, Query(pattern=_MONTH, description="Seized then or earlier.")] = None,
    node: Annotated[str | None, Query(pattern=_ID, description="Only what this node issued.")] = None,
    administration: Annotated[str | None, Query(pattern=_ID, description="Only what it reported.")] = None,
) -> StatisticsTable:
    """Read a table with its total. Logged with the purpose statistics."""
    filters = tables.Filters(from_=from_, to=to, node=node, administration=administration)
    (found,) = tables.look(office.database, (table,), filters, by=officer.name, now=office.clock())
    return StatisticsTable.model_validate(found.to_json())
