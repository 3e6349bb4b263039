"""Every address of the officers' API with whatever its description lets one send: no fault of ours, and answers fit.

Schemathesis draws the requests from the application's own OpenAPI description, valid and not. The answers have to be of
a status and of a form that the description knows. What changes records (releases, recalls, policies) is drawn as well:
the same home goes through all of it, so that later requests meet what earlier ones have left.
"""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the library's own
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]
EXAMPLES = 6
ROLES = ("contact-point", "auditor", "admin")
"""Whoever of them may first: between them they may do everything."""
FORBIDDEN = 403


@pytest.mark.usefixtures("released")
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # the library's strategies
def test_no_request_that_the_description_allows_is_a_fault_of_ours(app, call):
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in schema.include(path_regex="^/api/v1").get_all_operations()]
    assert len(operations) > 60
    tokens = [call.token(role) for role in ROLES]
    statuses = set()
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def play(case):
            for token in tokens:
                answer = sent(call.client, case, token)
                if answer.status_code != FORBIDDEN:
                    break
            statuses.add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        play()
    assert {200, 422} <= statuses


def sent(client, case, token):
    """Send a case by the test's own client."""
    asked = case.as_transport_kwargs(
        base_url="http://testserver", headers={"authorization": f"Bearer {token}"}
    )  # fmt: skip
    wanted = {name: asked.get(name) for name in ("method", "url", "params", "json", "headers")}
    data = asked.get("data")
    if isinstance(data, str | bytes):
        wanted["content"] = data
    return client.request(**{name: value for name, value in wanted.items() if value is not None})
