"""Shapes of annotations, queries, the status of an alert and the relay comparison."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

RID: Final = "0b54c7f0-3f3e-4d0e-9a53-2b5f0b6f4b11"
_REMARK: Final[dict[str, Any]] = {
    "iss": "TZ", "rid": RID, "ver": 1, "type": "query", "about": {"iss": "KE", "rid": RID, "ver": 1}, "at": 1767225600,
    "text": "Which port?",
}  # fmt: skip
_PAIR: Final[dict[str, Any]] = {"hub": "RILO-ESA", "rid": RID, "recipient": "TZ", "ver": 1}


class Said(BaseModel):
    """A text in one language."""

    model_config = ConfigDict(extra="forbid")

    lang: str = Field(default="en", pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")
    text: str = Field(min_length=1, max_length=4000)


class NewAnnotation(BaseModel):
    """A remark on records, to be signed and sent at once."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"about": [RID], "type": "feedback", "result": "found"}}
    )

    about: list[str] = Field(min_length=1, max_length=20)
    """Ids of records, or ISS/RID."""
    type: str
    result: str | None = None
    on: str | None = None
    respond_by: str | None = None
    answer_to: str | None = None
    """The query that this answers: its id, or ISS/RID."""
    texts: list[Said] = Field(default_factory=list, max_length=20)
    no_names: bool = False
    """The officer's word that `texts` name nobody."""
    narrative: list[Said] = Field(default_factory=list, max_length=20)


class AnnotationMade(BaseModel):
    """The annotation that was released."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"rid": RID, "title": "Feedback: found", "recipients": ["KE"]}}
    )

    rid: str
    title: str
    recipients: list[str]


class About(BaseModel):
    """A record version."""

    iss: str
    rid: str
    ver: int


class Name(BaseModel):
    """A record."""

    iss: str
    rid: str


class Remark(BaseModel):
    """An annotation that is held here."""

    model_config = ConfigDict(json_schema_extra={"example": _REMARK})

    iss: str
    rid: str
    ver: int
    type: str
    result: str | None = None
    respond_by: str | None = None
    about: About
    at: int
    text: str | None = None
    narrative: str | None = None
    answer_to: Name | None = None


class Remarks(BaseModel):
    """What was said about a record."""

    model_config = ConfigDict(json_schema_extra={"example": {"annotations": [_REMARK], "evidence": {"KE": "allowed"}}})

    annotations: list[Remark]
    evidence: dict[str, str | None]
    """Issuer → its answer to this node's request to use the record as evidence. It changes no handling."""


class AskedOfUs(Remark):
    """What somebody asks about an own record."""

    reference: str | None = None
    """The draft to correct."""
    answered_by: str | None = None
    answer_result: str | None = None
    answered_in_version: int | None = None
    open: bool


class Queries(BaseModel):
    """Questions about own records."""

    model_config = ConfigDict(json_schema_extra={"example": {"queries": [{**_REMARK, "open": True}]}})

    queries: list[AskedOfUs]


class FollowedMember(BaseModel):
    """One member and the alert."""

    node: str
    country: str | None = None
    road: str
    received: bool | None = None
    acknowledged_at: int | None = None
    results: list[str]
    answered_at: int | None = None
    state: Literal["answered", "unanswered", "overdue", "taken back"]
    asked: int


class AlertStatus(BaseModel):
    """What became of an alert."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "reference": "ALERT-2026-1", "rid": RID, "ver": 1, "title": "Look out", "remarks": [],
                "members": [
                    {"node": "TZ", "country": "TZ", "road": "direct", "received": True, "results": ["found"],
                     "state": "answered", "asked": 0}
                ],
            }
        }
    )  # fmt: skip

    reference: str
    rid: str
    ver: int
    title: str
    respond_by: str | None = None
    members: list[FollowedMember]
    remarks: list[Remark]


class Pair(BaseModel):
    """A record and a recipient by one hub."""

    hub: str
    rid: str
    recipient: str
    ver: int


class RelayComparison(BaseModel):
    """Relay grants in force against the hubs' signed reports."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"expected": 20, "missing": [_PAIR], "beyond": [], "reported_at": {"RILO-ESA": 1767225600}}
        }
    )

    expected: int
    missing: list[Pair]
    beyond: list[Pair]
    reported_at: dict[str, int]
