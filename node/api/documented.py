"""What OpenAPI is told about a route beside its signature: the answer with its example, the problems, the body."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from federation.transport import PROBLEM_BASE
from node.api.models import ProblemBody
from node.api.problems import WORDS
from node.errors import CONTENT_TYPE, OWN_BASE, TITLES

ALWAYS: Final = ("unauthenticated", "forbidden", "invalid", "fault", "database-unavailable")
"""Every route of `/api/v1` may answer with these."""
NAMED: Final = {
    404: ("not-found", "What is named is not here, or not in use."),
    410: ("tombstoned", "It was recalled."),
}
"""And with these, in the protocol's words: a route may be asked for something that there is not."""
BODY: Final = ("malformed", "too-large", "unsupported-media-type")
"""And every route with a body with these."""


def answers(model: type[BaseModel], *words: str, status: int = 200, bodied: bool = False) -> dict[str, Any]:
    """The arguments of a route that answers with `model`, or with one of the problems named.

    >>> answers(ProblemBody)["status_code"]
    200
    """
    problems: dict[int | str, dict[str, Any]] = {}
    for word in (*ALWAYS, *(BODY if bodied else ()), *words):
        code, meaning = WORDS[word]
        told = problems.setdefault(code, _problem(code))
        examples = told["content"][CONTENT_TYPE]["examples"]
        examples[word] = {"summary": meaning, "value": _example(word)}
        told["description"] = "; ".join(examples)
    for code, (word, meaning) in NAMED.items():
        told = problems.setdefault(code, _problem(code))
        value = {"type": PROBLEM_BASE + word, "title": TITLES[code], "status": code, "detail": meaning}
        told["content"][CONTENT_TYPE]["examples"][word] = {"summary": meaning, "value": value}
        told["description"] = "; ".join(told["content"][CONTENT_TYPE]["examples"])
    example = (model.model_config.get("json_schema_extra") or {}).get("example")  # type: ignore[union-attr]
    success = {"description": (model.__doc__ or "").strip(), "content": {"application/json": {"example": example}}}
    return {
        "response_model": model,
        "response_model_exclude_none": True,
        "status_code": status,
        "responses": {status: success, **problems},
    }


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """The body of a route for OpenAPI: the route reads it itself, strictly (`deps.body_of`)."""
    schema = model.model_json_schema()
    example = schema.pop("example", None)
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _problem(code: int) -> dict[str, Any]:
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}, "examples": {}}}
    return {"model": ProblemBody, "description": TITLES[code], "content": content}


def _example(word: str) -> dict[str, Any]:
    code, meaning = WORDS[word]
    value: dict[str, Any] = {"type": OWN_BASE + word, "title": TITLES[code], "status": code, "detail": meaning}
    if word in {"invalid", "draft-refused", "policy-refused", "export-refused"}:
        value["errors"] = [{"field": "limit", "wrong": "is too large", "remedy": "at most 200"}]
    return value
