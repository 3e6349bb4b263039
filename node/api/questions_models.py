"""Shapes of questions to other nodes, and of what came of them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from federation.questions import MAX_FILTERS, MAX_TEXT, MAX_VALUES, IdentifierType
from node.services.asking import DEADLINE_SECONDS, MAX_SECONDS

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class AskedNumber(BaseModel):
    """A number by which a consignment, a kind of goods or a right is known."""

    model_config = ConfigDict(extra="forbid")
    type: IdentifierType
    value: Text


class AskedFor(BaseModel):
    """What is asked for. Filters are those of the search, but for `node`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    filters: dict[str, Annotated[list[Text], Field(min_length=1, max_length=MAX_VALUES)]] = Field(
        default_factory=dict, max_length=MAX_FILTERS
    )
    from_: str | None = Field(default=None, alias="from", max_length=10, description="YYYY, YYYY-MM or YYYY-MM-DD.")
    to: str | None = Field(default=None, max_length=10, description="The same; its last day counts.")
    words: Text | None = Field(default=None, description="All of them; the last may be a beginning.")
    identifier: AskedNumber | None = None


class NewQuestion(BaseModel):
    """A question to peers. Exactly one of `peers` and `all` says to whom."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "example": {
                "selector": {"filters": {"brand": ["Louis Vuitton"]}, "from": "2025"},
                "purpose": "customs-enforcement",
                "case": "2026/0117",
                "all": True,
                "dry_run": True,
            }
        },
    )
    selector: AskedFor
    purpose: str = Field(pattern="^[a-z][a-z0-9_-]{0,63}$", description="Told to every peer, and logged.")
    case: Text = Field(description="The reference of the case. Told to every peer, and logged.")
    peers: list[Annotated[str, Field(pattern="^[A-Z][A-Z0-9-]{1,31}$")]] | None = Field(
        default=None, min_length=1, max_length=500
    )
    all_peers: bool = Field(default=False, alias="all", description="Everybody whom the policy lets it go to.")
    seconds: int = Field(default=int(DEADLINE_SECONDS), ge=1, le=int(MAX_SECONDS), description="How long is waited.")
    dry_run: bool = Field(default=False, description="Tell whom it would go to, and send nothing.")


class NotAsked(BaseModel):
    """A peer that is not asked."""

    model_config = ConfigDict(extra="forbid")
    peer: str
    why: str = Field(description="policy, no address, not active, tripwire")


class PeerState(BaseModel):
    """How it stands with a peer that was asked."""

    model_config = ConfigDict(extra="forbid")
    peer: str
    state: str = Field(description="answered, silent, refused, not believed")
    problem: str | None = None
    more: bool = Field(description="More matched than one answer holds: ask more narrowly.")


class ShownRecord(BaseModel):
    """A record that a peer showed: verified, shown once, and not kept."""

    model_config = ConfigDict(extra="forbid")
    iss: str
    rid: str
    ver: int
    kind: str
    sch: str
    title: str
    groups: dict[str, Any]
    handling: dict[str, Any]
    legal: list[str]


class PeerHit(BaseModel):
    """A peer holds something: whom to ask there, with which reference, until when."""

    model_config = ConfigDict(extra="forbid")
    peer: str
    contact: str
    reference: str
    until: int


class Answers(BaseModel):
    """Whom the question went to, and what came back."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "id": "AAAAAAAAAAAAAAAAAAAAAA",
                "groups": ["right"],
                "asked": ["TZ", "ZA"],
                "not_asked": [{"peer": "GB", "why": "policy"}],
                "peers": [
                    {"peer": "TZ", "state": "answered", "more": False},
                    {"peer": "ZA", "state": "silent", "problem": "deadline", "more": False},
                ],
                "records": [],
                "hits": [
                    {
                        "peer": "TZ",
                        "contact": "Duty officer, +255 22 000 0000",
                        "reference": "AAAAAAAAAAAAAAAAAAAAAA",
                        "until": 1767949200,
                    }
                ],
                "complete": False,
            }
        },
    )
    id: str
    groups: list[str] = Field(description="The groups that the selector speaks of.")
    asked: list[str]
    not_asked: list[NotAsked]
    peers: list[PeerState] | None = Field(default=None, description="Absent in a dry run, as what follows.")
    records: list[ShownRecord] | None = None
    hits: list[PeerHit] | None = None
    complete: bool | None = Field(default=None, description="Everybody has answered, and nobody has more.")


_REQUEST: Final[dict[str, JsonValue]] = {
    "id": 7, "peer": "HK", "reference": "B6bRliYxsHEDVMFFoZL6gQ", "case": "2026-117", "purpose": "customs-enforcement",
    "contact": "Duty officer, +852 0000 0000", "until": 1767959200, "opened_at": 1767700000,
    "opened_by": "A. Officer", "state": "open",
}  # fmt: skip


class Request(BaseModel):
    """A peer said that it holds something: whom to ask there, and until when."""

    model_config = ConfigDict(json_schema_extra={"example": _REQUEST})
    id: int
    peer: str
    reference: str = Field(description="By which the peer knows the question.")
    case: str
    purpose: str
    contact: str
    until: int
    opened_at: int
    opened_by: str
    settled_at: int | None = None
    settled_by: str | None = None
    remark: str | None = None
    state: str = Field(description="overdue, open or settled.")


class Requests(BaseModel):
    """Requests, the first that is due first."""

    model_config = ConfigDict(json_schema_extra={"example": {"requests": [_REQUEST]}})
    requests: list[Request]


class Settlement(BaseModel):
    """What came of a request."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"remark": "answered by telephone"}})
    remark: str = Field(description="One line that names nobody.")
