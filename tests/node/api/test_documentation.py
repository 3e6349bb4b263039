"""What OpenAPI and docs/api.md say is what the routes do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from federation.errors import ProblemType
from federation.transport import PROBLEM_BASE
from node import auth
from node.api import models, records
from node.api.documented import NAMED
from node.api.problems import WORDS
from node.errors import OWN_BASE, STATUS, TITLES
from node.services import search

OCTETS = "application/octet-stream"
DOC = (Path(__file__).parents[3] / "docs" / "api.md").read_text("utf-8")


def operations(app):
    for path, found in app.openapi()["paths"].items():
        for method, operation in found.items():
            if path.startswith(("/api/v1", "/health")):
                yield f"{method.upper()} {path}", operation


def test_every_route_has_a_summary_and_examples_of_request_answer_and_problems(app) -> None:
    for name, operation in operations(app):
        assert operation["summary"], name
        assert operation["description"], name
        success = next(answer for code, answer in operation["responses"].items() if code.startswith("2"))
        if OCTETS in success["content"]:
            assert "application/json" not in success["content"], name
        else:
            assert success["content"]["application/json"]["example"], name
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]
            if content.keys() == {OCTETS}:
                assert content[OCTETS]["schema"]["format"] == "binary", name
            else:
                assert content["application/json"]["example"], name
        elif name.startswith("POST"):
            assert name.endswith(("/retry", "/activation", "/news")), name  # the address says all
        codes = {"401", "403", "422", "500"} <= operation["responses"].keys()
        assert codes, name
        for code, answer in operation["responses"].items():
            if not code.startswith("2"):
                examples = answer["content"]["application/problem+json"]["examples"]
                assert all(item["value"]["status"] == int(code) for item in examples.values()), (name, code)
                shared = {PROBLEM_BASE + word for word, _ in NAMED.values()}
                told = {item["value"]["type"] for item in examples.values()}
                assert all(word.startswith(OWN_BASE) for word in told - shared)


EXAMPLED = [
    model
    for model in vars(models).values()
    if isinstance(model, type)
    and issubclass(model, BaseModel)
    and "example" in (model.model_config.get("json_schema_extra") or {})
]


@pytest.mark.parametrize("model", EXAMPLED, ids=lambda model: model.__name__)
def test_the_example_of(model) -> None:
    example = model.model_config["json_schema_extra"]["example"]
    assert model.model_validate(example).model_dump(exclude_none=True, by_alias=True) == example


def test_every_route_stands_in_the_documentation(app) -> None:
    for name, _ in operations(app):
        assert f"| `{name}` |" in DOC, name


def test_every_problem_word_stands_in_the_documentation_with_its_status_and_meaning() -> None:
    for word, (status, meaning) in WORDS.items():
        assert f"| `{word}` | {status} | {meaning} |" in DOC
        assert status in TITLES


def test_every_role_right_and_filter_stands_in_the_documentation() -> None:
    for word in [*auth.Role, *auth.Right, *search.FIELDS]:
        assert word in DOC, word


def test_every_filter_of_the_search_is_a_parameter() -> None:
    assert set(search.FIELDS) <= records.Filters.model_fields.keys()


def test_every_word_of_the_protocol_has_a_status() -> None:
    assert STATUS.keys() == set(ProblemType)
