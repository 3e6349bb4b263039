"""An officer at a node: writes drafts, releases them and searches, over the node's HTTP API."""

from __future__ import annotations

import time
from typing import Any

import httpx

from bench.federation import BenchFailed, Federation
from node.auth import load_secret, make_token

GIVE_UP_SECONDS = 180.0


class Officer:
    """One contact point with one connection to one node."""

    def __init__(self, federation: Federation, node: str) -> None:
        home = federation.homes[node].settings.home
        now = int(time.time())
        token = make_token(load_secret(home), subject="bench", role="contact-point", node=node, now=now)
        self._client = httpx.Client(
            base_url=federation.address(node),
            headers={"authorization": f"Bearer {token}"},
            timeout=60.0,
            trust_env=False,
        )

    def draft(self, kind: str, reference: str, groups: dict[str, Any]) -> None:
        """Keep a draft."""
        self._send("POST", "/drafts", {"kind": kind, "reference": reference, "groups": groups})

    def release(self, kind: str, reference: str) -> None:
        """Release a draft by its reference."""
        done = self._send("POST", "/releases", {"kind": kind, "references": [reference]})
        if done["released"] != 1:
            raise BenchFailed(f"{reference} was not released: {done['refused']}")

    def finds(self, **filters: str) -> bool:
        """Whether a search by these filters finds anything."""
        answer = self._client.get("/api/v1/records", params=filters)
        return bool(self._opened(answer)["records"])

    def wait(self, pause: float, **filters: str) -> None:
        """Search again and again until something is found."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while not self.finds(**filters):
            if time.monotonic() > deadline:
                raise BenchFailed(f"nothing is found by {filters} after {GIVE_UP_SECONDS:.0f} s")
            time.sleep(pause)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._opened(self._client.request(method, f"/api/v1{path}", json=body))

    @staticmethod
    def _opened(answer: httpx.Response) -> dict[str, Any]:
        if not answer.is_success:
            raise BenchFailed(f"{answer.request.url.path} answers {answer.status_code}: {answer.text[:500]}")
        opened: dict[str, Any] = answer.json()
        return opened
