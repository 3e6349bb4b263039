"""The requests and answers of `/api/v1`, each with an example: what OpenAPI shows is what the routes enforce.

An answer's class forbids members that it does not name, so an answer cannot drift from its documentation. Members that
are absent are left out, never null.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

RID: Final = "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e"
HANDLING: Final = {
    "tlp": "amber",
    "purposes": ["customs-enforcement"],
    "onward": "none",
    "evidence": "ask",
}
GROUPS: Final = {
    "case": {
        "reference": "KE-2026-17",
        "administration": "KE",
        "dates": [{"kind": "seized", "on": "2026-01-05"}],
    },
    "goods": [{"line": "1", "wco": ["footwear"]}],
    "quantity": [{"line": "1", "amount": {"n": "1200", "unit": "PR"}}],
    "right": [{"line": "1", "brands": ["Example"], "types": ["trademark"]}],
}
MAX_REFERENCES: Final = 20_000


def _config(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": example})


class Attachments(BaseModel):
    """How many of a record's pictures and other attachments are here, thumbnails not counted."""

    total: int
    here: int
    missing: list[dict[str, Any]] | None = Field(
        default=None, description="Digest, state (wanted or refused) and problem of those that are not here."
    )


class Matched(BaseModel):
    """By what a record was found."""

    model_config = _config({"what": "company", "score": 93.2})
    what: str = Field(description="person, company, holder or brand; container, awb, gtin, reference, ...")
    score: float = Field(description="From 0 to 100, how well it fits.")


class Tally(BaseModel):
    """A filter value and how many records have it."""

    model_config = _config({"value": "footwear", "records": 12})
    value: str
    records: int


class Tallies(BaseModel):
    """Counts of filter values over a result."""

    model_config = _config(
        {"counted": 12, "complete": True, "fields": {"category": [{"value": "footwear", "records": 12}]}}
    )
    counted: int = Field(description="Records that were counted.")
    complete: bool = Field(description="False: the result is larger, and its newest records were counted.")
    fields: dict[str, list[Tally]] = Field(description="Filter to its most frequent values.")


class Hit(BaseModel):
    """One record of a list."""

    model_config = _config(
        {
            "iss": "KE",
            "rid": RID,
            "ver": 1,
            "kind": "seizure",
            "title": "Footwear 1200 pairs, CN to KE, sea",
            "day": "2026-01-05",
            "state": "received",
            "pending": False,
            "tlp": "amber",
            "accepted_at": 1767700000,
        }
    )
    iss: str = Field(description="The node that issued the record.")
    rid: str
    ver: int
    kind: str
    title: str
    day: str | None = Field(default=None, description="The first day on which it can have happened.")
    state: str = Field(description="released, shared (own) or received.")
    pending: bool = Field(description="Part of what was granted has not arrived yet.")
    tlp: str
    reference: str | None = Field(default=None, description="What this node calls an own record.")
    attachments: Attachments | None = Field(default=None, description="How complete they are; absent without any.")
    matched: Matched | None = Field(default=None, description="Where a name or a number was asked for.")
    accepted_at: int


class Page(BaseModel):
    """A page of a search."""

    model_config = _config(
        {
            "records": [Hit.model_config["json_schema_extra"]["example"]],  # type: ignore[index]
            "lag": 0,
            "capped": False,
            "next": "WyIyMDI2LTAxLTA1Iiw3XQ",
        }
    )
    records: list[Hit]
    lag: int = Field(description="Rows that the indexes are behind; 0 where no words, name or number were asked for.")
    capped: bool = Field(description="What was asked for is in more than was looked through: ask more narrowly.")
    facets: Tallies | None = Field(default=None, description="Where they were asked for.")
    next: str | None = Field(default=None, description="The cursor of the next page; absent at the end.")


class Record(BaseModel):
    """A record as this node holds it."""

    model_config = _config(
        {
            "iss": "KE",
            "rid": RID,
            "ver": 1,
            "kind": "seizure",
            "sch": "seizure/1",
            "state": "received",
            "title": "Footwear 1200 pairs, CN to KE, sea",
            "groups": GROUPS,
            "handling": HANDLING,
            "iat": 1767690000,
            "accepted_at": 1767700000,
            "jh": "o3sYkz9nJm1u3h0yM0mQ5gk1fJq7m2f7mXc2l3J7w2A",
            "pending": False,
            "provenance": {"own": False, "from": "KE", "lane": "bulk", "receipt_at": 1767700000, "receipt_size": 12},
        }
    )
    iss: str
    rid: str
    ver: int
    kind: str
    sch: str
    state: str
    title: str
    groups: dict[str, Any] = Field(description="The groups that are held, in the order of the schema.")
    handling: dict[str, Any] = Field(description="What binds the reader now.")
    iat: int = Field(description="When its issuer signed it, in seconds.")
    accepted_at: int
    jh: str = Field(description="SHA-256 of what its issuer signed: the name that annotations use.")
    prev: str | None = None
    pending: bool
    provenance: dict[str, Any]
    attachments: Attachments | None = Field(default=None, description="How complete they are; absent without any.")


class Reason(BaseModel):
    """Why one group goes, or stays."""

    model_config = ConfigDict(extra="forbid")
    group: str
    verdict: Literal["granted", "withheld"]
    mode: str = Field(description="replicate, query or hit; empty for what is withheld.")
    rule: str
    text: str
    unknown: list[str]


class Explanation(BaseModel):
    """Why a recipient gets, or does not get, the groups of a record of ours."""

    model_config = _config(
        {
            "reference": "KE-2026-17",
            "iss": "KE",
            "rid": RID,
            "ver": 1,
            "title": "Footwear 1200 pairs, CN to KE, sea",
            "recipient": "TZ",
            "policy_version": 3,
            "groups": [
                {
                    "group": "goods",
                    "verdict": "granted",
                    "mode": "replicate",
                    "rule": "region",
                    "text": "granted by rule 'region' (legal basis NAIROBI)",
                    "unknown": [],
                },
            ],
            "hit": {
                "group": "hit",
                "verdict": "granted",
                "mode": "hit",
                "rule": "region",
                "text": "a hit is told, because groups are granted",
                "unknown": [],
            },
            "obligations": {**HANDLING, "legal": ["NAIROBI"]},
            "given": ["goods"],
            "given_version": 1,
            "decided_by": 3,
        }
    )
    reference: str
    iss: str
    rid: str
    ver: int
    title: str
    recipient: str
    policy_version: int
    groups: list[Reason]
    hit: Reason
    obligations: dict[str, Any] | None = None
    given: list[str] = Field(description="What its feed has granted it so far.")
    given_version: int | None = None
    decided_by: int | None = Field(default=None, description="The policy version of the stored decision.")


class RecipientState(BaseModel):
    """One recipient of a record of ours."""

    model_config = ConfigDict(extra="forbid")
    recipient: str
    ver: int | None = None
    groups: list[str]
    state: Literal["offered", "confirmed", "quarantined", "withheld"]
    since: int | None = None
    confirmed_at: int | None = None
    problem: str | None = Field(default=None, description="Why it is quarantined there.")
    policy_version: int | None = None
    granted_by: list[str]


class Recipients(BaseModel):
    """Who has a record of ours, and has each confirmed it."""

    model_config = _config(
        {
            "recipients": [
                {
                    "recipient": "TZ",
                    "ver": 1,
                    "groups": ["goods", "right"],
                    "state": "confirmed",
                    "since": 1767690000,
                    "confirmed_at": 1767690004,
                    "policy_version": 3,
                    "granted_by": ["region"],
                },
                {"recipient": "GB", "groups": [], "state": "withheld", "policy_version": 3, "granted_by": []},
            ]
        }
    )
    recipients: list[RecipientState]


class NewDraft(BaseModel):
    """A draft to keep."""

    model_config = _config({"kind": "seizure", "groups": GROUPS})
    kind: Literal["seizure", "alert"]
    groups: dict[str, Any] = Field(description="The disclosure groups of seizure/1 or alert/1.")
    reference: str | None = Field(default=None, description="For an alert; a seizure has it in its case.")


class Fault(BaseModel):
    """One thing that is wrong. The value itself is never repeated."""

    model_config = ConfigDict(extra="forbid")
    field: str
    wrong: str
    remedy: str


class KeptDraft(BaseModel):
    """What became of a draft."""

    model_config = _config(
        {
            "kind": "seizure",
            "reference": "KE-2026-17",
            "rid": RID,
            "ver": 1,
            "outcome": "created",
            "warnings": [
                {
                    "field": "goods[0].wco[0]",
                    "wrong": "is none of the listed codes",
                    "remedy": "use a listed code where one fits",
                }
            ],
        }
    )
    kind: str
    reference: str
    rid: str
    ver: int
    outcome: Literal["created", "changed", "unchanged"]
    warnings: list[Fault]


class Draft(BaseModel):
    """A draft in a list: its name and state, not its content."""

    model_config = ConfigDict(extra="forbid")
    id: int
    kind: str
    administration: str
    reference: str
    state: Literal["draft", "released"]
    rid: str
    ver: int
    warnings: int
    created_at: int
    updated_at: int
    source: str | None = None
    released_by: str | None = None
    second_by: str | None = None


class Drafts(BaseModel):
    """Drafts, the newest change first."""

    model_config = _config(
        {
            "drafts": [
                {
                    "id": 1,
                    "kind": "seizure",
                    "administration": "KE",
                    "reference": "KE-2026-17",
                    "state": "draft",
                    "rid": RID,
                    "ver": 1,
                    "warnings": 0,
                    "created_at": 1767690000,
                    "updated_at": 1767690000,
                    "source": "api",
                }
            ]
        }
    )
    drafts: list[Draft]


Names = Annotated[list[str], Field(min_length=1, max_length=MAX_REFERENCES)]
Ids = Annotated[list[int], Field(min_length=1, max_length=MAX_REFERENCES)]


class Release(BaseModel):
    """Which drafts to release: exactly one of `references`, `ids` and `all`."""

    model_config = _config({"references": ["KE-2026-17"]})
    references: Names | None = None
    ids: Ids | None = None
    all: Literal[True] | None = None
    kind: Literal["seizure", "alert", "statistics", "bulletin"] | None = Field(
        default=None, description="With `all`: only of this kind."
    )
    second: str | None = Field(
        default=None,
        description="The token of a second officer with the right to release, for rules that need two.",
    )


class RefusedDraft(BaseModel):
    """A draft that was not released."""

    model_config = ConfigDict(extra="forbid")
    reference: str
    faults: list[str]


class Released(BaseModel):
    """What came of a release."""

    model_config = _config(
        {
            "released": 1,
            "entries": 2,
            "withheld": 1,
            "recipients": ["RILO-ESA", "TZ"],
            "rids": [RID],
            "refused": [],
            "not_waiting": 0,
            "policy_version": 3,
        }
    )
    released: int
    entries: int = Field(description="Feed entries written, over all recipients.")
    withheld: int = Field(description="Pairs of record and recipient that nothing was sent for.")
    recipients: list[str] = Field(description="Whose feeds grew; they have been told.")
    rids: list[str]
    refused: list[RefusedDraft]
    not_waiting: int = Field(description="How many of those named did not wait for release.")
    policy_version: int | None = Field(default=None, description="Absent: no policy, so nothing was shared.")


class OutLane(BaseModel):
    """A feed of ours."""

    model_config = ConfigDict(extra="forbid")
    lane: str
    epoch: int
    size: int
    confirmed: int
    confirmed_at: int | None = None
    quarantined: int


class InLane(BaseModel):
    """A peer's feed to us."""

    model_config = ConfigDict(extra="forbid")
    lane: str
    epoch: int
    size: int
    head: int
    updated_at: int
    receipt_at: int | None = None
    quarantined: int
    stopped: str | None = Field(default=None, description="Evidence because of which the feed stands still.")


class Peer(BaseModel):
    """A member of the federation, as this node stands with it."""

    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    kind: str
    country: str | None = None
    region: str | None = None
    roles: list[str]
    status: str
    endpoint: str | None = None
    out: list[OutLane]
    incoming: list[InLane]
    problems: dict[str, int]
    trouble: str | None = Field(default=None, description="What the replication loop met last.")


class Peers(BaseModel):
    """Every other member, by its id."""

    model_config = _config(
        {
            "peers": [
                {
                    "id": "TZ",
                    "name": "Tanzania Revenue Authority",
                    "kind": "administration",
                    "country": "TZ",
                    "region": "ESA",
                    "roles": ["member"],
                    "status": "active",
                    "endpoint": "https://node.example",
                    "out": [{"lane": "bulk", "epoch": 0, "size": 12, "confirmed": 12, "quarantined": 0}],
                    "incoming": [
                        {
                            "lane": "bulk",
                            "epoch": 0,
                            "size": 7,
                            "head": 7,
                            "updated_at": 1767690000,
                            "quarantined": 1,
                        }
                    ],
                    "problems": {"record-invalid": 1},
                }
            ]
        }
    )
    peers: list[Peer]


class Held(BaseModel):
    """An entry that is held back."""

    model_config = ConfigDict(extra="forbid")
    n: int
    problem: str


class ReceivedReceipt(BaseModel):
    """How far a peer has a feed of ours."""

    model_config = ConfigDict(extra="forbid")
    feed: str
    recipient: str
    lane: str
    epoch: int
    size: int
    confirmed: int
    at: int | None = None
    quarantined: list[Held]
    token: str | None = Field(default=None, description="The signed receipt (compact JWS).")


class GivenReceipt(BaseModel):
    """How far we have a peer's feed."""

    model_config = ConfigDict(extra="forbid")
    feed: str
    sender: str
    lane: str
    epoch: int
    size: int
    head: int
    at: int | None = None
    quarantined: list[Held]
    quarantined_total: int
    token: str | None = None


class Receipts(BaseModel):
    """The newest receipts, both ways."""

    model_config = _config(
        {
            "received": [
                {
                    "feed": "TZ/bulk/0",
                    "recipient": "TZ",
                    "lane": "bulk",
                    "epoch": 0,
                    "size": 12,
                    "confirmed": 12,
                    "at": 1767690004,
                    "quarantined": [{"n": 3, "problem": "record-invalid"}],
                    "token": "eyJ...",
                }
            ],
            "given": [],
        }
    )
    received: list[ReceivedReceipt]
    given: list[GivenReceipt]


class Quarantined(BaseModel):
    """An entry whose body is not in use. The body is shown to nobody."""

    model_config = ConfigDict(extra="forbid")
    id: int
    sender: str
    n: int
    problem: str
    detail: str
    state: str
    iss: str | None = None
    rid: str | None = None
    at: int
    retried_at: int | None = None


class Quarantine(BaseModel):
    """Quarantined entries, the newest first."""

    model_config = _config(
        {
            "entries": [
                {
                    "id": 4,
                    "sender": "TZ",
                    "n": 3,
                    "problem": "record-invalid",
                    "detail": "the record has another number of digests than its schema",
                    "state": "held",
                    "iss": "TZ",
                    "rid": RID,
                    "at": 1767690000,
                }
            ]
        }
    )
    entries: list[Quarantined]


class Retried(BaseModel):
    """What a retry came to."""

    model_config = _config({"id": 4, "released": False, "problem": "record-invalid", "detail": "as before"})
    id: int
    released: bool
    problem: str | None = None
    detail: str | None = None


class PolicyInForce(BaseModel):
    """The sharing policy in force, as it was written."""

    model_config = _config(
        {
            "version": 3,
            "author": "A. Author",
            "activated_by": "ncp",
            "activated_at": 1767690000,
            "text": 'country = "KE"\nversion = 3\n',
        }
    )
    version: int
    author: str
    activated_by: str
    activated_at: int
    text: str


class PolicyText(BaseModel):
    """A policy to check."""

    model_config = _config({"text": 'country = "KE"\nversion = 4\nauthor = "A"\napprover = "B"\n'})
    text: Annotated[str, Field(max_length=500_000)] = Field(description="The policy file (TOML).")


class PolicySound(BaseModel):
    """A policy without faults."""

    model_config = _config(
        {
            "version": 4,
            "rules": ["region"],
            "instruments": ["NAIROBI"],
            "strangers": ["rule 'region': the directory knows no node ZZ"],
        }
    )
    version: int
    rules: list[str]
    instruments: list[str]
    strangers: list[str] = Field(description="Names that today's directory does not know.")


class Disclosure(BaseModel):
    """One row of the disclosure log."""

    model_config = ConfigDict(extra="forbid")
    id: int
    at: int
    action: str = Field(description="feed, view, search or export.")
    actor: str
    recipient: str | None = None
    iss: str | None = None
    rid: str | None = None
    ver: int | None = None
    groups: str | None = None
    purpose: str | None = None
    legal: str | None = None
    policy_version: int | None = None
    decision: str | None = None
    feed: int | None = None
    n: int | None = None
    detail: str | None = None


class Disclosures(BaseModel):
    """Rows of the disclosure log, the newest first."""

    model_config = _config(
        {
            "disclosures": [
                {
                    "id": 9,
                    "at": 1767690000,
                    "action": "view",
                    "actor": "a.officer",
                    "iss": "KE",
                    "rid": RID,
                    "ver": 1,
                    "groups": "case,goods",
                    "purpose": "customs-enforcement",
                }
            ]
        }
    )
    disclosures: list[Disclosure]


class Node(BaseModel):
    """The node itself, in counts."""

    model_config = _config(
        {
            "id": "KE",
            "name": "Kenya Revenue Authority",
            "kind": "administration",
            "federation": "demo",
            "federation_class": "exercise",
            "directory_version": 2,
            "directory_stale": False,
            "policy_version": 3,
            "records": {"released": 120, "received": 340},
            "drafts": {"draft": 2, "released": 120},
            "quarantined": 1,
            "evidence": 0,
            "recalls": {"erased": 3, "held": 1},
            "requests": {"open": 1},
            "disclosures": 360,
            "index_lag": 0,
        }
    )
    id: str
    name: str
    kind: str
    federation: str | None = None
    federation_class: str | None = None
    directory_version: int | None = None
    directory_stale: bool
    policy_version: int | None = None
    records: dict[str, int]
    drafts: dict[str, int]
    quarantined: int
    recalls: dict[str, int] = Field(description="Recalls by state; those that are `held` wait for a person.")
    requests: dict[str, int] = Field(description="What peers said that they hold: open, and overdue of them.")
    evidence: int = Field(description="Pieces of evidence against members; more than none is an alarm.")
    disclosures: int
    index_lag: int


class Health(BaseModel):
    """The node lives, or is ready."""

    model_config = _config({"status": "ok"})
    status: Literal["ok"]


class ProblemBody(BaseModel):
    """A refusal (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:tidewaiter:problem:invalid",
                "title": "The content breaks a rule",
                "status": 422,
                "detail": "limit: see errors",
                "errors": [{"field": "limit", "wrong": "is too large", "remedy": "at most 200"}],
            }
        }
    )
    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None
