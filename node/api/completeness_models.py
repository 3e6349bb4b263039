"""Shapes of `/api/v1/completeness` and `/api/v1/replays`."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

_RID: Final = "6f9619ff-8b86-4011-b42d-00cf4fc964ff"
_INVENTORY: Final[dict[str, Any]] = {"peer": "TZ", "at": 1767225600, "count": 120, "equal": False}
_GAP: Final[dict[str, Any]] = {
    "peer": "TZ", "rid": _RID, "what": "missing", "detail": "the peer should have it and has not",
    "since": 1767139200, "seen": 1767225600,
}  # fmt: skip
_DEVIATION: Final[dict[str, Any]] = {
    "recipient": "TZ", "rid": _RID, "ver": 1, "what": "should-have", "groups": "goods,route",
    "explained": "a review of what is out is due or under way",
}  # fmt: skip


class Inventory(BaseModel):
    """A peer's newest signed inventory of this node's records."""

    model_config = ConfigDict(json_schema_extra={"example": _INVENTORY})

    peer: str
    at: int
    count: int
    equal: bool


class Gap(BaseModel):
    """A record that a peer holds otherwise than it was given."""

    model_config = ConfigDict(json_schema_extra={"example": _GAP})

    peer: str
    rid: str
    what: str
    """missing, less, surplus, recalled or other."""
    detail: str
    since: int
    seen: int


class Completeness(BaseModel):
    """Inventories and gaps."""

    model_config = ConfigDict(json_schema_extra={"example": {"inventories": [_INVENTORY], "gaps": [_GAP]}})

    inventories: list[Inventory]
    gaps: list[Gap]


class Deviation(BaseModel):
    """Groups that somebody should have and was not given, or was given and should not have."""

    model_config = ConfigDict(json_schema_extra={"example": _DEVIATION})

    recipient: str
    rid: str
    ver: int
    what: str
    """should-have or should-not."""
    groups: str
    explained: str | None = None


class Replay(BaseModel):
    """A nightly run."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "at": 1767225600, "policy_version": 3, "records": 120, "pairs": 480, "unexplained": 0,
                "deviations": [_DEVIATION],
            }
        }
    )  # fmt: skip

    at: int
    policy_version: int | None = None
    records: int
    pairs: int
    unexplained: int
    deviations: list[Deviation]
