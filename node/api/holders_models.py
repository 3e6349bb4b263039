"""Shapes of who has a record, and of officers' days."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_ENTRY: Final[dict[str, Any]] = {
    "at": 1767690000, "op": "put", "ver": 1, "groups": ["goods", "right"], "by": "a.officer", "confirmed": True,
    "policy_version": 3, "legal": ["MAA-2019"], "purposes": ["customs-enforcement"], "rules": ["region"],
}  # fmt: skip


class HolderEntry(BaseModel):
    """One entry of a feed: what went, when, and why."""

    model_config = ConfigDict(extra="forbid")
    at: int
    op: str | None = None
    ver: int | None = None
    groups: list[str]
    by: str
    confirmed: bool = Field(description="Whether the recipient's receipt covers it.")
    policy_version: int | None = None
    legal: list[str]
    purposes: list[str]
    rules: list[str] = Field(description="Rules of our policy, which never leave this node.")


class Holder(BaseModel):
    """One recipient of a record of ours."""

    model_config = ConfigDict(extra="forbid")
    recipient: str
    ver: int | None = None
    groups: list[str]
    state: str
    since: int | None = None
    confirmed_at: int | None = None
    problem: str | None = None
    policy_version: int | None = None
    granted_by: list[str]
    entries: list[HolderEntry]


class PassedOn(BaseModel):
    """What a hub passed on."""

    model_config = ConfigDict(extra="forbid")
    hub: str
    recipient: str
    ver: int
    at: int
    groups: list[str]


class Answered(BaseModel):
    """What a peer was told that asked."""

    model_config = ConfigDict(extra="forbid")
    recipient: str
    what: Literal["query", "hit"] = Field(description="Groups of the record, or only that something is held.")
    at: int
    ver: int
    groups: list[str]
    purpose: str
    legal: list[str]
    policy_version: int


class Seen(BaseModel):
    """Who looked at it here."""

    model_config = ConfigDict(extra="forbid")
    actor: str | None = Field(default=None, description="Told to those who may read the disclosure log.")
    action: str
    at: int
    purpose: str | None = None
    ver: int | None = None


class Recall(BaseModel):
    """How far a recall has come."""

    model_config = ConfigDict(extra="forbid")
    ver: int
    at: int
    confirmed_by: list[str]


class Holders(BaseModel):
    """Who has a record, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "iss": "KE", "rid": "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e", "own": True,
                "recipients": [
                    {
                        "recipient": "TZ", "ver": 1, "groups": ["goods", "right"], "state": "confirmed",
                        "since": 1767690000, "confirmed_at": 1767690004, "policy_version": 3, "granted_by": ["region"],
                        "entries": [_ENTRY],
                    }
                ],
                "passed_on": [
                    {"hub": "RILO-ESA", "recipient": "UG", "ver": 1, "at": 1767690100, "groups": ["goods"]}
                ],
                "answered": [
                    {
                        "recipient": "ZA", "what": "query", "at": 1767690200, "ver": 1, "groups": ["goods"],
                        "purpose": "customs-enforcement", "legal": ["MAA-2019"], "policy_version": 3,
                    }
                ],
                "seen": [{"action": "view", "at": 1767691000, "purpose": "customs-enforcement", "ver": 1}],
            }
        },
    )  # fmt: skip
    iss: str
    rid: str
    own: bool
    recipients: list[Holder]
    passed_on: list[PassedOn]
    answered: list[Answered] = Field(description="To peers that asked (`POST /cnp/1/query`).")
    seen: list[Seen]
    recall: Recall | None = None


class OfficerAlarm(BaseModel):
    """What a rule says about a day."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["views", "bait"]
    rule: str
    count: int
    at: int


class OfficerDay(BaseModel):
    """One officer's day in counts."""

    model_config = ConfigDict(extra="forbid")
    actor: str
    day: str
    views: int
    searches: int
    exports: int
    purposes: dict[str, int]
    alarms: list[OfficerAlarm]


class Officers(BaseModel):
    """Officers by day, the newest first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "officers": [
                    {
                        "actor": "a.officer", "day": "2026-01-06", "views": 214, "searches": 31, "exports": 0,
                        "purposes": {"customs-enforcement": 245},
                        "alarms": [{"kind": "views", "rule": "more than 200 views a day", "count": 214, "at": 1}],
                    }
                ]
            }
        },
    )  # fmt: skip
    officers: list[OfficerDay]


def without_names(value: dict[str, Any]) -> dict[str, Any]:
    """The same, without who looked: for those who may not read the disclosure log."""
    seen = [{name: told for name, told in row.items() if name != "actor"} for row in value["seen"]]
    return {**value, "seen": seen}
