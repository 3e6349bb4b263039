"""Every refusal of `/api/v1` as a problem (RFC 9457), and the words that name them.

An answer names the field, what is wrong and the remedy. It never repeats a value that was sent, because a value may be
content of a record, and never holds a stack trace. What the floors below raise is turned into a problem here, in one
place; a fault of ours is turned into one by `node.api.middleware`, which alone sees what nobody caught.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from federation.errors import FederationError, NotFound
from federation.policy import PolicyRefused
from federation.records import Fault
from node.errors import CONTENT_TYPE, Problem, dump, problem_of_federation
from node.services.drafting import DraftRefused
from node.services.exporting import ExportRefused
from node.services.search import CriteriaRefused
from node.services.showing import NotAllowed

WORDS: Final[Mapping[str, tuple[int, str]]] = {
    "malformed": (400, "The body is not JSON of the strict kind: no duplicate names, no null, no fractions."),
    "unauthenticated": (401, "There is no token, or it is not one that this node made and that is valid now."),
    "forbidden": (403, "The token's role does not have the right that this address asks for."),
    "purpose-refused": (403, "The record's handling forbids the purpose; the detail says why."),
    "export-refused": (
        403,
        "A record may not be exported for this purpose; `errors` names each. Nothing was exported.",
    ),
    "no-such-address": (404, "Nothing is served at this address."),
    "no-policy": (404, "No sharing policy was ever activated: nothing is shared with anybody."),
    "method-not-allowed": (405, "The address does not take that method; `Allow` names those it takes."),
    "nothing-to-release": (409, "None of the drafts named waits for release."),
    "recall-refused": (409, "The recall, or the decision about one, cannot be made; the detail says why."),
    "policy-not-approved": (
        409,
        "The proposal cannot be approved or put in force as it is; the detail says why. Nothing has changed.",
    ),
    "publication-refused": (409, "The tables cannot be published; the detail says why. Nothing was drawn."),
    "request-settled": (409, "The request is settled already."),
    "task-closed": (409, "The task is done already."),
    "too-large": (413, "The body is longer than this address takes."),
    "unsupported-media-type": (415, "The body is not `application/json`."),
    "invalid": (422, "A parameter or member breaks a rule; `errors` names each, with the remedy."),
    "draft-refused": (422, "The draft cannot be issued; `errors` names every fault. Nothing was kept."),
    "picture-refused": (422, "The file is not taken, and the detail says why. Nothing was kept."),
    "policy-refused": (422, "The policy has faults; `errors` names every one. The policy in force stays."),
    "fault": (500, "The node has a fault. It was logged, by its type alone."),
    "not-ready": (503, "The node should get no requests now; `reasons` says why."),
    "database-unavailable": (503, "The database does not answer at this moment: try again."),
}
"""Word → (status, meaning). Documented in docs/api.md; a test compares the two."""
MAX_NAME: Final = 64
_WRONG: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("is missing", "add it"),
    "extra_forbidden": ("is not known here", "leave it out"),
    "int_parsing": ("is not a whole number", "digits only"),
    "int_type": ("is not a whole number", "digits only"),
    "string_type": ("is not text", "a JSON string"),
    "bool_type": ("is not true or false", "true or false"),
    "dict_type": ("is not an object", "a JSON object"),
    "list_type": ("is not a list", "a JSON array"),
    "model_attributes_type": ("is not an object", "a JSON object"),
    "model_type": ("is not an object", "a JSON object"),
    "greater_than_equal": ("is too small", "at least {ge}"),
    "less_than_equal": ("is too large", "at most {le}"),
    "string_too_long": ("is too long", "at most {max_length} characters"),
    "string_too_short": ("is too short", "at least {min_length} characters"),
    "too_long": ("has too many items", "at most {max_length}"),
    "too_short": ("has too few items", "at least {min_length}"),
    "string_pattern_mismatch": ("has another form", "the form that the documentation gives"),
    "literal_error": ("is none of the values there are", "{expected}"),
    "enum": ("is none of the values there are", "{expected}"),
}
"""Our words for the validator's findings. Its own sentences are not used: some of them repeat the value."""


def problem(word: str, detail: str, **extra: Any) -> Problem:
    """A problem of this node's own API; the word tells the status."""
    return Problem(WORDS[word][0], word, detail, tuple(extra.items()))


def invalid(errors: Iterable[tuple[str, str, str]]) -> Problem:
    """The problem of parameters and members: (field, what is wrong, remedy) each."""
    listed = _errors(errors)
    fields = ", ".join(item["field"] for item in listed[:5])
    return problem("invalid", f"{fields}: see errors", errors=listed)


def answer(found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a response."""
    return Response(dump(found.body()), found.status, headers, media_type=CONTENT_TYPE)


def install(app: FastAPI) -> None:
    """Answer everything that routes raise with a problem."""
    app.add_exception_handler(Problem, _own)
    app.add_exception_handler(FederationError, _federation)
    app.add_exception_handler(CriteriaRefused, _criteria)
    app.add_exception_handler(NotAllowed, _not_allowed)
    app.add_exception_handler(ExportRefused, _export)
    app.add_exception_handler(DraftRefused, _draft)
    app.add_exception_handler(PolicyRefused, _policy)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(OperationalError, _database)
    app.add_exception_handler(HTTPException, _http)


def faults(found: Iterable[Fault]) -> list[dict[str, str]]:
    """A record's faults as members of an answer: where, what, and the remedy, without what stands there."""
    return _errors((fault.path, fault.wrong, fault.remedy) for fault in found)


def _errors(errors: Iterable[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"field": field, "wrong": wrong, "remedy": remedy} for field, wrong, remedy in errors]


async def _own(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for it
    headers = {}
    if error.word == "unauthenticated":
        headers["www-authenticate"] = 'Bearer realm="tidewaiter"'
    if error.word == "forbidden":
        headers["www-authenticate"] = 'Bearer realm="tidewaiter", error="insufficient_scope"'
    return answer(error, headers)


async def _federation(_: Request, error: Exception) -> Response:
    assert isinstance(error, FederationError)  # noqa: S101 - registered for it
    status, body = problem_of_federation(error)
    return Response(dump(body), status, media_type=CONTENT_TYPE)


async def _criteria(_: Request, error: Exception) -> Response:
    assert isinstance(error, CriteriaRefused)  # noqa: S101 - registered for it
    return answer(invalid([(error.field, error.wrong, "see the documentation of the search")]))


async def _not_allowed(_: Request, error: Exception) -> Response:
    return answer(problem("purpose-refused", str(error)))


async def _export(_: Request, error: Exception) -> Response:
    assert isinstance(error, ExportRefused)  # noqa: S101 - registered for it
    listed = _errors(("records", reason, "leave it out, or state another purpose") for reason in error.reasons)
    return answer(problem("export-refused", "nothing was exported; see errors", errors=listed))


async def _draft(_: Request, error: Exception) -> Response:
    assert isinstance(error, DraftRefused)  # noqa: S101 - registered for it
    count = len(error.faults)
    told = faults(error.faults)
    return answer(problem("draft-refused", f"{count} faults; nothing was kept", errors=told))


async def _policy(_: Request, error: Exception) -> Response:
    assert isinstance(error, PolicyRefused)  # noqa: S101 - registered for it
    listed = _errors((fault.path, fault.wrong, fault.remedy) for fault in error.faults)
    detail = f"{len(listed)} faults; the policy in force stays in force"
    return answer(problem("policy-refused", detail, errors=listed))


async def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    return answer(invalid(_finding(item) for item in error.errors()))


def finding(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """What a validator found, in our words."""
    return _finding(item)


def _finding(item: Mapping[str, Any]) -> tuple[str, str, str]:
    where = [str(step)[:MAX_NAME] for step in item["loc"] if step not in {"query", "path", "body"}]
    wrong, remedy = _WRONG.get(item["type"], ("is not of the documented form", "see the documentation"))
    if item["type"] == "missing" and not where:
        where = ["body"]
    told = {name: value for name, value in (item.get("ctx") or {}).items() if isinstance(value, int | float | str)}
    try:
        remedy = remedy.format(**told)
    except (KeyError, IndexError):
        remedy = "see the documentation"
    return ".".join(where) or "body", wrong, remedy


async def _database(_: Request, __: Exception) -> Response:
    # The driver's sentence holds the statement and its parameters: it is not told.
    return answer(problem("database-unavailable", "the database does not answer at this moment: try again"))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    path: str = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    if path.startswith("/cnp/") and error.status_code == NOT_FOUND:
        return await _federation(request, NotFound("nothing is served at this address"))
    if error.status_code == NOT_FOUND:
        return answer(problem("no-such-address", "nothing is served at this address; /openapi.json lists what is"))
    if error.status_code == NOT_ALLOWED:
        found = problem("method-not-allowed", "this address does not take that method")
        return answer(found, error.headers)
    if error.status_code == TOO_LARGE:
        return answer(problem("too-large", "the request is longer than is taken here"))
    return answer(problem("malformed", "the request cannot be read"))


NOT_FOUND: Final = 404
NOT_ALLOWED: Final = 405
TOO_LARGE: Final = 413
