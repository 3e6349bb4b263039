"""Each role at each route, as a table, and each bad token at each route."""

from __future__ import annotations

import jwt

from node import auth
from tests.node.conftest import NOW

RID = "1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e"
F, C, M, A = "officer", "contact-point", "admin", "auditor"
ROUTES = {
    ("GET", "/api/v1/records"): {F, C},
    ("GET", "/api/v1/records/{rid}"): {F, C},
    ("GET", "/api/v1/records/{rid}/recipients"): {F, C, A},
    ("GET", "/api/v1/records/{rid}/holders"): {F, C, A},
    ("GET", "/api/v1/statistics/{table}"): {F, C},
    ("GET", "/api/v1/statistics/{table}/growth"): {F, C},
    ("GET", "/api/v1/statistics/{table}/trace"): {F, C},
    ("POST", "/api/v1/statistics/publications"): {C},
    ("POST", "/api/v1/questions"): {F, C},
    ("GET", "/api/v1/find"): {F, C},
    ("GET", "/api/v1/requests"): {F, C},
    ("POST", "/api/v1/requests/{number}/settle"): {F, C},
    ("GET", "/api/v1/records/{rid}/similar"): {F, C},
    ("GET", "/api/v1/saved-searches"): {F, C},
    ("POST", "/api/v1/saved-searches"): {F, C},
    ("GET", "/api/v1/saved-searches/{name}"): {F, C},
    ("POST", "/api/v1/saved-searches/{name}/news"): {F, C},
    ("DELETE", "/api/v1/saved-searches/{name}"): {F, C},
    ("GET", "/api/v1/desk/queue"): {F, C},
    ("GET", "/api/v1/desk/timeliness"): {F, C},
    ("GET", "/api/v1/desk/patterns"): {F, C},
    ("GET", "/api/v1/desk/on-behalf"): {F, C},
    ("GET", "/api/v1/desk/queries"): {F, C},
    ("GET", "/api/v1/audit/officers"): {A},
    ("GET", "/api/v1/records/{rid}/explain"): {C, A},
    ("GET", "/api/v1/records/{rid}/attachments"): {F, C},
    ("GET", "/api/v1/records/{rid}/attachments/{digest}"): {F, C},
    ("POST", "/api/v1/pictures"): {C},
    ("POST", "/api/v1/pictures/similar"): {F, C},
    ("POST", "/api/v1/drafts"): {C},
    ("GET", "/api/v1/drafts"): {C},
    ("POST", "/api/v1/releases"): {C},
    ("POST", "/api/v1/recalls"): {C},
    ("GET", "/api/v1/recalls"): {F, C, A},
    ("GET", "/api/v1/recalls/{rid}"): {F, C, A},
    ("POST", "/api/v1/recalls/{rid}/decision"): {C},
    ("POST", "/api/v1/annotations"): {C},
    ("GET", "/api/v1/records/{rid}/annotations"): {F, C},
    ("GET", "/api/v1/queries"): {F, C},
    ("GET", "/api/v1/alerts/{name}/status"): {F, C, A},
    ("GET", "/api/v1/relay/report"): {C, M, A},
    ("GET", "/api/v1/peers"): {F, C, M, A},
    ("GET", "/api/v1/completeness"): {F, C, M, A},
    ("GET", "/api/v1/replays/last"): {A},
    ("GET", "/api/v1/node"): {F, C, M, A},
    ("GET", "/api/v1/receipts"): {C, M, A},
    ("GET", "/api/v1/quarantine"): {C, M, A},
    ("POST", "/api/v1/quarantine/{entry}/retry"): {M},
    ("GET", "/api/v1/evidence"): {C, M, A},
    ("GET", "/api/v1/evidence/{name}"): {C, M, A},
    ("GET", "/api/v1/policy"): {C, M, A},
    ("POST", "/api/v1/policy/check"): {C},
    ("GET", "/api/v1/policy/proposals"): {C, M, A},
    ("POST", "/api/v1/policy/proposals"): {C},
    ("GET", "/api/v1/policy/proposals/{version}"): {C},
    ("POST", "/api/v1/policy/proposals/{version}/approval"): {C},
    ("POST", "/api/v1/policy/proposals/{version}/activation"): {C},
    ("GET", "/api/v1/disclosures"): {A},
    ("POST", "/api/v1/exports"): {C},
    ("GET", "/api/v1/exports"): {C, A},
    ("GET", "/api/v1/tasks"): {F, C, A},
    ("POST", "/api/v1/tasks/{task}/done"): {F, C},
    ("GET", "/api/v1/notices"): {F, C},
    ("POST", "/api/v1/notices/read"): {F, C},
}
UNAUTHENTICATED = "urn:tidewaiter:problem:unauthenticated"


def address(path: str) -> str:
    named = path.replace("{rid}", RID).replace("{entry}", "1").replace("{name}", "A" * 43)
    return (
        named.replace("{table}", "by-category")
        .replace("{task}", "1")
        .replace("{version}", "2")
        .replace("{digest}", "A" * 43)
    )


def test_the_table_has_every_route(app) -> None:
    routes = {
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
        if path.startswith("/api/v1")
    }
    assert routes == ROUTES.keys()


def test_each_role_passes_where_the_table_says_and_nowhere_else(call) -> None:
    for (method, path), allowed in ROUTES.items():
        for role in auth.Role:
            answer = call(method, address(path), role=role)
            assert (answer.status_code != 403) == (role in allowed), (method, path, role)
            if answer.status_code == 403:
                assert answer.json()["type"] == "urn:tidewaiter:problem:forbidden"
                assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_no_route_answers_without_a_token_or_with_a_bad_one(call, home) -> None:
    secret = auth.load_secret(home.settings.home)
    good = jwt.decode(call.token("admin"), options={"verify_signature": False})
    bad = {
        "no token": None,
        "another scheme": "Basic YTpi",
        "an expired one": "Bearer " + call.token("admin", now=NOW - 86_400),
        "another node's": "Bearer " + call.token("admin", node="TZ"),
        "a forged one": "Bearer " + call.token("admin", secret=b"x" * 43),
        "an unsigned one": "Bearer " + jwt.encode(good, None, algorithm="none"),
        "one with another algorithm": "Bearer " + jwt.encode(good, secret * 2, algorithm="HS512"),
        "nonsense": "Bearer nonsense",
    }
    for method, path in ROUTES:
        for name, value in bad.items():
            headers = {} if value is None else {"authorization": value}
            answer = call(method, address(path) + "?colour=red", role=None, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (401, UNAUTHENTICATED), (path, name)
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_health_needs_no_token_and_says_nothing_of_records(call, released) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = call.get(path, role=None)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
