"""Structured logs, one JSON object a line, that never contain record content.

Only what is named in `ALLOWED` is written: an event and counts, ids and problem words. A field that is not on the
list is left out and counted, so that a careless log call cannot leak what a record says.

Trust: whoever reads the logs learns who exchanged how much with whom, and when.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping

ALLOWED: Final = frozenset(
    {
        "event", "level", "timestamp", "peer", "lane", "stored", "quarantined", "problem", "detail", "status", "error",
        "method", "path", "milliseconds", "entries", "node", "address", "version", "count", "released", "reason",
        "chore",
    }
)  # fmt: skip
"""Fields that cannot hold what a record says. `detail` is only ever our own sentence."""

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def only_allowed(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not on the list, and say which."""
    dropped = sorted(event.keys() - ALLOWED)
    for name in dropped:
        del event[name]
    if dropped:
        event["count"] = len(dropped)
        event["reason"] = "fields left out"
    return event


def configure(level: str) -> None:
    """Log to standard error from `level` on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
