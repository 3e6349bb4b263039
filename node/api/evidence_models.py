"""Shapes of `/api/v1/evidence`."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

_ROW: Final[dict[str, Any]] = {
    "id": 1, "hash": "5Yb0m3f0rm5Yb0m3f0rm5Yb0m3f0rm5Yb0m3f0rm012", "type": "feed-fork", "accused": "ZA",
    "proven": True, "sentence": "ZA signed two histories of the first 50 entries of the feed ZA/KE/bulk/0",
    "at": 1767225600,
}  # fmt: skip


class EvidenceRow(BaseModel):
    """One piece of evidence, without its body."""

    model_config = ConfigDict(json_schema_extra={"example": _ROW})

    id: int
    hash: str
    type: str
    accused: str
    proven: bool
    """False: this node's own observation, which no third party can verify."""
    sentence: str
    iss: str | None = None
    rid: str | None = None
    at: int


class StoppedFeed(BaseModel):
    """A feed that stands still because of evidence."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"sender": "ZA", "lane": "bulk", "epoch": 0, "evidence": _ROW["hash"], "at": 1767225600}
        }
    )

    sender: str
    lane: str
    epoch: int
    evidence: str
    at: int


class EvidenceList(BaseModel):
    """What is kept, the newest first, and the feeds that stand still."""

    model_config = ConfigDict(json_schema_extra={"example": {"evidence": [_ROW], "stopped": []}})

    evidence: list[EvidenceRow]
    stopped: list[StoppedFeed]


class EvidenceFile(BaseModel):
    """One piece of evidence with its body, as `tidewaiter verify evidence` takes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {**_ROW, "body": {"v": 1, "type": "feed-fork", "accused": "ZA", "parts": {"feed": "..."}}}
        }
    )

    id: int
    hash: str
    type: str
    accused: str
    proven: bool
    sentence: str
    iss: str | None = None
    rid: str | None = None
    at: int
    body: dict[str, Any]
