"""Shapes of `/api/v1/recalls`."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from federation.records.tombstone import EFFECTS, REASONS

RID: Final = "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e"
_STEP: Final[dict[str, Any]] = {
    "recipient": "TZ", "state": "erased", "status": "active", "sent_at": 1767700000, "received_at": 1767700060,
    "erased_at": 1768304860,
}  # fmt: skip
_BOARD: Final[dict[str, Any]] = {
    "iss": "KE", "own": True, "rid": RID, "ver": 2, "reference": "MSA/2026/0117", "reason": "erroneous",
    "effect": "stop-use",
    "at": 1767700000, "here": "stopped", "due": 1768304800, "by": "A. Officer", "steps": [_STEP], "not_applied": [],
    "not_erased": [], "complete": True,
}  # fmt: skip


class Step(BaseModel):
    """One recipient of a recalled record, and how far it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _STEP})

    recipient: str
    state: Literal["sent", "received", "applied", "erased", "held", "refused"]
    status: str | None = None
    through: str | None = Field(default=None, description="The node that passed the record on.")
    sent_at: int | None = None
    received_at: int | None = None
    erased_at: int | None = None
    reason: str | None = Field(default=None, description="Why it is held back there, in the protocol's word.")


class Board(BaseModel):
    """One recall: how far every recipient is, and who has not confirmed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _BOARD})

    iss: str
    own: bool = Field(description="This node recalled it; of another's recall it knows what it passed on itself.")
    rid: str
    ver: int
    reference: str | None = None
    reason: str
    effect: str
    ref: Any = None
    at: int
    here: Literal["stopped", "kept", "erased", "held", "refused", "void"]
    due: int | None = Field(default=None, description="When what is stopped here is erased.")
    by: str | None = None
    second_by: str | None = None
    steps: list[Step]
    not_applied: list[str] = Field(description="Recipients that have not confirmed that they use it no more.")
    not_erased: list[str] = Field(description="Recipients that have not confirmed its erasure.")
    complete: bool = Field(
        description="Everybody who got it from this node has confirmed its erasure; another's is erased here as well."
    )


class Boards(BaseModel):
    """Recalls, the newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"recalls": [_BOARD]}})

    recalls: list[Board]


class Use(BaseModel):
    """The record to use instead."""

    model_config = ConfigDict(extra="forbid")

    iss: str = Field(pattern="^[A-Z][A-Z0-9-]{1,31}$")
    rid: str = Field(pattern="^[0-9a-f-]{36}$")


class NewRecall(BaseModel):
    """Records of this node to recall, all or none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"records": ["MSA/2026/0117"], "reason": "erroneous", "effect": "stop-use"}},
    )

    records: list[str] = Field(min_length=1, max_length=1000, description="References or ids.")
    reason: str = Field(description=f"One of {', '.join(sorted(REASONS))}. Peers read it.")
    effect: str = Field(default="stop-use", description=f"One of {', '.join(sorted(EFFECTS))}.")
    ref: str | None = Field(default=None, max_length=200, description="One line that peers read.")
    use_instead: Use | None = None
    second: str | None = Field(default=None, description="The token of a second officer: for erase, and for many.")


class Recalled(BaseModel):
    """What came of a recall."""

    model_config = ConfigDict(json_schema_extra={"example": {"recalled": [RID], "entries": 1, "recipients": ["TZ"]}})

    recalled: list[str]
    entries: int
    recipients: list[str]


class Decision(BaseModel):
    """A decision about a recall of another node."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"decision": "approve", "iss": "TZ"}})

    decision: Literal["approve", "refuse", "confirm"]
    iss: str | None = Field(default=None, pattern="^[A-Z][A-Z0-9-]{1,31}$")
