"""The application of a home under Starlette's test client, with tokens and a little content."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from typing import Any

import pytest

from node import auth
from node.app import Home, build
from node.services import policing
from node.storage import records
from node.storage.tables import record
from tests.node.conftest import NOW

with warnings.catch_warnings():
    # It would rather stand on another HTTP client than on the one that this product uses.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

SECRET_WORD = "Zanzibarquelle"
"""Stands in a hidden field: nothing that is not a view may ever say it."""

POLICY = """
country = "KE"
version = 1
author = "A. Author"
approver = "B. Approver"

[[instrument]]
id = "MAA"
title = "An agreement"
parties = ["KE", "TZ", "GB"]

[[rule]]
id = "neighbours"
effect = "grant"
mode = "replicate"
groups = ["non-nominal"]
legal = ["MAA"]
[rule.when]
node = ["TZ"]
"""


def seizure(reference: str = "R-1", **groups: Any) -> dict[str, Any]:
    return {
        "case": {
            "reference": reference,
            "administration": "KE",
            "dates": [{"kind": "seized", "on": "2025-05-01"}],
        },
        "goods": [
            {
                "line": "1",
                "wco": ["footwear"],
                "hs": {"scheme": "HS", "edition": "2022", "code": "640319"},
                "description": [{"lang": "fr", "by": "human", "text": "chaussures d'été"}],
            }
        ],
        "quantity": [{"line": "1", "amount": {"n": "1200", "unit": "PR"}}],
        "route": {"chain": [{"role": "departure", "country": "CN"}, {"role": "destination", "country": "TZ"}]},
        "transport": {"conveyance": "sea"},
        "right": [{"line": "1", "brands": ["Louis Vuitton"], "types": ["trademark"]}],
        "narrative": [{"lang": "en", "by": "human", "text": SECRET_WORD}],
        **groups,
    }


@dataclass
class Caller:
    """A client with a role's token."""

    client: TestClient
    home: Home
    requests: list[Any] = field(default_factory=list)

    def token(self, role: str = "officer", *, name: str | None = None, **changed: Any) -> str:
        secret = auth.load_secret(self.home.settings.home)
        given = {"secret": secret, "subject": name or f"the {role}", "role": role, "node": "KE", "now": NOW}
        return auth.make_token(**{**given, **changed})

    def __call__(self, method: str, path: str, *, role: str | None = "officer", **options: Any) -> Any:
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["authorization"] = f"Bearer {self.token(role)}"
        return self.client.request(method, path, headers=headers, **options)

    def get(self, path: str, *, role: str | None = "officer", **options: Any) -> Any:
        return self("GET", path, role=role, **options)

    def post(self, path: str, body: Any = None, *, role: str | None = "contact-point", **options: Any) -> Any:
        if body is not None:
            options["json"] = body
        return self("POST", path, role=role, **options)

    def release(self, *references: str, **options: Any) -> Any:
        return self.post("/api/v1/releases", {"references": list(references), **options})


@pytest.fixture
def app(home):
    return build(home)


@pytest.fixture
def call(app, home):
    # A fault of ours reaches the client as an answer, as it does in production.
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Caller(client, home)


@pytest.fixture
def policy(home) -> None:
    """KE shares all but nominal groups with TZ, and nothing with anybody else."""
    policing.activate(home.database, POLICY, node="KE", by="a test", publisher=None, now=NOW)


@pytest.fixture
def released(call, policy) -> str:
    """The id of a released seizure."""
    assert call.post("/api/v1/drafts", {"kind": "seizure", "groups": seizure()}).status_code == 201
    answer = call.release("R-1")
    assert answer.status_code == 200, answer.text
    return answer.json()["rids"][0]


def bind(home: Home, rid: str, **handling: Any) -> None:
    """Give a stored record another effective handling, as a grant or a `tighten` would."""
    with home.database.write() as connection:
        row = records.find(connection, rid)[0]
        value = {**json.loads(row.handling), **handling}
        connection.execute(record.update().where(record.c.id == row.id).values(handling=json.dumps(value)))
