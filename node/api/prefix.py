"""Nodes under path prefixes: several administrations at one host, each with its own keys, feeds and policies.

A node whose address is `https://host/ke` answers below `/ke` and nowhere else (health checks, which no peer asks for,
also at the root). The path stays as it came in: a request is signed over it, prefix and all, so what was signed for one
node is refused by its neighbour. `Several` serves more than one node from one process.

Trust: a prefix only routes. Whose request it is and for whom, the signature says.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette

from node.api.problems import answer, problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH: Final = "/health/"


def below(scope: Scope, prefix: str) -> bool:
    """Whether a request's path, as it came and decoded, lies below the prefix."""
    raw = scope.get("raw_path")
    return scope["path"].startswith(prefix + "/") and (raw is None or bytes(raw).startswith(f"{prefix}/".encode()))


class Under:
    """Serves an application below one prefix only."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route what lies below the prefix, answer 404 to what does not."""
        if scope["type"] == "http" and below(scope, self._prefix):
            scope = {**scope, "root_path": self._prefix}
        elif scope["type"] == "http" and not scope["path"].startswith(HEALTH):
            await answer(problem("no-such-address", "nothing is served at this address"))(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Several:
    """Several nodes in one process, by their prefixes; the longest that fits decides."""

    def __init__(self, nodes: Mapping[str, FastAPI]) -> None:
        self._nodes = sorted(nodes.items(), key=lambda item: -len(item[0]))
        self._life = Starlette(lifespan=self._together)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the node that it is for, and start and stop all of them together."""
        if scope["type"] == "lifespan":
            await self._life(scope, receive, send)
            return
        for prefix, node in self._nodes:
            if below(scope, prefix):
                await node(scope, receive, send)
                return
        await answer(problem("no-such-address", "nothing is served at this address"))(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _together(self, _: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for _prefix, node in self._nodes:
                await stack.enter_async_context(node.router.lifespan_context(node))
            yield
