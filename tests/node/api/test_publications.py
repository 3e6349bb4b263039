"""Published tables by API: drawn as a draft, or refused with the reason."""

from __future__ import annotations

from tests.node.api.conftest import seizure

ADDRESS = "/api/v1/statistics/publications"
YEAR = {"from": "2025-01", "to": "2025-12"}


def test_an_edition_is_drawn_as_a_draft_and_released(call) -> None:
    for at in range(12):
        brands = [{"line": "1", "types": ["trademark"], "brands": [f"Brand {at % 4}"]}]
        kept = call.post("/api/v1/drafts", {"kind": "seizure", "groups": seizure(f"P-{at}", right=brands)})
        assert kept.status_code in {200, 201}, kept.text
    assert call.post("/api/v1/releases", {"all": True}).json()["released"] == 12
    drawn = call.post(ADDRESS, YEAR)
    assert drawn.status_code == 201, drawn.text
    assert (drawn.json()["reference"], drawn.json()["cases"]) == ("STAT-2025", 12)
    released = call.post("/api/v1/releases", {"all": True, "kind": "statistics"}).json()
    record = call.get(f"/api/v1/records/{released['rids'][0]}?purpose=statistics").json()
    assert record["groups"]["by_month"]["cells"] == [{"key": ["2025-05"], "n": "12"}, {"key": ["_T"], "n": "12"}]


def test_a_publication_that_cannot_be_is_refused_with_the_reason(call) -> None:
    refused = call.post(ADDRESS, YEAR)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("publication-refused")
    assert "no case" in refused.json()["detail"]
    for wrong in ({**YEAR, "threshold": 2}, {**YEAR, "from": "2025"}, {"to": "2025-12"}, {**YEAR, "p": 100}):
        assert call.post(ADDRESS, wrong).status_code == 422
