"""Every refusal as an HTTP problem (RFC 9457): the one table from the protocol's words to status codes.

The floors below raise their own errors and know no HTTP. A problem of the protocol has the type `urn:cnp:problem:WORD`;
what only this node's own API says has `urn:tidewaiter:problem:WORD`. `detail` names the field and the remedy, and never
holds content of a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from federation.errors import FederationError, FromBeyondHead, ProblemType
from federation.transport import PROBLEM_BASE, PROBLEM_TYPE

OWN_BASE: Final = "urn:tidewaiter:problem:"
CONTENT_TYPE: Final = PROBLEM_TYPE

STATUS: Final[dict[ProblemType, int]] = {
    ProblemType.BAD_SIGNATURE: 401,
    ProblemType.UNKNOWN_KEY: 401,
    ProblemType.REVOKED_KEY: 401,
    ProblemType.WRONG_KEY_USE: 401,
    ProblemType.MISSING_COVERAGE: 401,
    ProblemType.DIGEST_MISMATCH: 401,
    ProblemType.REPLAYED: 401,
    ProblemType.CLOCK_SKEW: 401,
    ProblemType.NOT_MEMBER: 403,
    ProblemType.SUSPENDED: 403,
    ProblemType.NOT_FOUND: 404,
    ProblemType.MALFORMED: 400,
    ProblemType.TOO_LARGE: 413,
    ProblemType.UNSUPPORTED_VERSION: 400,
    ProblemType.UNKNOWN_CRITICAL: 400,
    ProblemType.FEED_EPOCH_REQUIRED: 409,
    ProblemType.FEED_FORK: 409,
    ProblemType.FROM_BEYOND_HEAD: 409,
    ProblemType.BODY_WITHHELD: 409,
    ProblemType.RECORD_INVALID: 422,
    ProblemType.RECORD_EQUIVOCATION: 409,
    ProblemType.VERSION_FORK: 409,
    ProblemType.TOMBSTONED: 410,
    ProblemType.RECALL_HELD: 409,
    ProblemType.RECALL_REFUSED: 403,
    ProblemType.NO_RELAY_GRANT: 403,
    ProblemType.GRANT_EXCEEDED: 403,
    ProblemType.DIRECTORY_STALE: 503,
    ProblemType.QUOTA: 429,
    ProblemType.BUDGET: 429,
    ProblemType.MAINTENANCE: 503,
}
"""Complete: a test compares it with the protocol's list."""

TITLES: Final[dict[int, str]] = {
    400: "The request is not of the agreed form",
    401: "The request is not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "This address does not take that method",
    409: "The state here does not fit the request",
    410: "Recalled by its originator",
    413: "Too large",
    415: "This content type is not understood",
    422: "The content breaks a rule",
    429: "Too many requests",
    500: "The node has a fault",
    503: "Not serving at this moment",
}


@dataclass(eq=False)  # not frozen: Python writes the traceback into an exception on its way up
class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A refusal by this node's own API. `word` is stable; `detail` is for people; `extra` are further members."""

    status: int
    word: str
    detail: str
    extra: tuple[tuple[str, Any], ...] = ()

    def body(self) -> dict[str, Any]:
        """The problem's members."""
        return {
            "type": OWN_BASE + self.word,
            "title": TITLES.get(self.status, "Refused"),
            "status": self.status,
            "detail": self.detail,
            **dict(self.extra),
        }


def problem_of_federation(error: FederationError) -> tuple[int, dict[str, Any]]:
    """Status and members of the problem that stands for an error between nodes."""
    status = STATUS.get(error.problem, 400)
    body: dict[str, Any] = {
        "type": PROBLEM_BASE + error.problem,
        "title": TITLES.get(status, "Refused"),
        "status": status,
        "detail": error.detail,
    }
    if isinstance(error, FromBeyondHead):
        body["from"] = error.expected
    return status, body


def dump(body: dict[str, Any]) -> bytes:
    """A problem's bytes."""
    return orjson.dumps(body)
