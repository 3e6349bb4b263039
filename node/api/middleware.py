"""What happens to every request, whatever its route: safe headers, one log line, and no fault that shows its inside.

A log line has the method, the route's template, the status and the time. The path itself, the query and the headers are
never written: an officer types names into them.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.api.problems import answer, problem

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""Set where the route has not set its own."""
UNKNOWN: Final = "(no route)"

log: Final = structlog.get_logger("tidewaiter.http")


class Surround:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and answer for it if nobody else does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _harden(message)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last resort: its type is logged, its text could hold content
            log.error(  # noqa: TRY400 - a traceback prints values
                "fault", method=scope["method"], path=_template(scope), error=type(error).__name__
            )
            if status == 0:
                await answer(problem("fault", "the node has a fault; it was logged"))(scope, receive, sending)
        spent = round((time.perf_counter() - begun) * 1000, 1)
        log.info("request", method=scope["method"], path=_template(scope), status=status, milliseconds=spent)


def _harden(message: MutableMapping[str, Any]) -> None:
    headers = message.setdefault("headers", [])
    there = {name.lower() for name, _ in headers}
    message["headers"] = [*headers, *((name, value) for name, value in HEADERS if name not in there)]


def _template(scope: Scope) -> str:
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) else UNKNOWN
