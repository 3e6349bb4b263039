"""Shapes of `/api/v1/policy/proposals`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_HASH: Final = "QmGqDqlKUZYPgLKbedFqbg2vB5mrO0FGHGCqkdMVls0"
_CHANGE: Final[dict[str, Any]] = {
    "rid": "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e", "recipient": "TZ", "group": "route", "was": "",
    "becomes": "replicate",
}  # fmt: skip
_LISTED: Final[dict[str, Any]] = {
    "version": 4, "state": "proposed", "proposed_by": "A. Author", "proposed_at": 1767690000,
    "policy_hash": _HASH, "letter_hash": _HASH, "preview_digest": _HASH,
}  # fmt: skip
Hash = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]


class Listed(BaseModel):
    """A proposal, by name."""

    model_config = ConfigDict(json_schema_extra={"example": _LISTED})

    version: int
    state: Literal["proposed", "active"]
    proposed_by: str
    proposed_at: int
    approved_by: str | None = None
    approved_at: int | None = None
    policy_hash: str
    letter_hash: str
    preview_digest: str


class Listing(BaseModel):
    """Proposals, the newest version first."""

    model_config = ConfigDict(json_schema_extra={"example": {"proposals": [_LISTED]}})

    proposals: list[Listed]


class Change(BaseModel):
    """One group of one record for one recipient."""

    rid: str
    recipient: str
    group: str
    was: str = Field(description="replicate, query, hit, or nothing.")
    becomes: str


class Handling(BaseModel):
    """A record and a recipient who keeps groups under other obligations."""

    rid: str
    recipient: str


class Preview(BaseModel):
    """What would change: counts of all, and the first of them."""

    records: int
    gains: int
    losses: int
    handlings: int = Field(description="Pairs of record and recipient with other obligations on groups that stay.")
    gained: list[Change]
    lost: list[Change]
    handling: list[Handling]
    digest: str
    warnings: list[str]
    titles: dict[str, str] = Field(description="Titles of the records that are named, by rid.")


class Proposal(Listed):
    """A proposal with what the second officer approves: text, letter and preview."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **_LISTED, "text": 'country = "KE"\nversion = 4\n', "letter": "LETTER ON POLICY 4 OF KE\n",
                "preview": {
                    "records": 1, "gains": 1, "losses": 0, "handlings": 0, "gained": [_CHANGE], "lost": [],
                    "handling": [], "digest": _HASH, "warnings": [], "titles": {},
                },
                "to_sign": {
                    "what": "policy", "version": 4, "policy": _HASH, "letter": _HASH, "preview": _HASH,
                },
            }
        }
    )  # fmt: skip

    text: str
    letter: str
    preview: Preview
    to_sign: dict[str, Any] = Field(description="What an officer's key signs, where officers have keys.")


class Approval(BaseModel):
    """What the second officer was shown, by its hashes; and a signature, where officers have keys."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"letter_hash": _HASH, "preview_digest": _HASH}}
    )

    letter_hash: Hash
    preview_digest: Hash
    signature: Annotated[str, Field(max_length=4_000)] | None = Field(
        default=None,
        description="`to_sign`, signed with the officer's key; `tidewaiter policy approve --key` does both.",
    )


class Activation(BaseModel):
    """What an activation did."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "version": 4, "before": 3, "put": 0, "more": 120, "less": 0, "tighten": 0, "recipients": ["TZ"]
            }
        }
    )  # fmt: skip

    version: int
    before: int | None = None
    put: int = 0
    more: int = 0
    less: int = 0
    tighten: int = 0
    recipients: list[str]
