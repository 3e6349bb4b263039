"""Requests: a peer said that it holds something, so somebody has to ask it, by the time that it gave.

`asking` opens one for each hit, in the transaction that shows the hit. It stays open until an officer settles it with a
remark, overdue ones first in every list: a hit that nobody follows up is worth nothing. What a peer then tells by
telephone or mail is not in this node; a record that it shares comes by its feed.

Trust: contact and reference are the peer's words, bounded when they were read (`federation.questions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, update

from federation.errors import NotFound
from node.services.search import CriteriaRefused
from node.storage.database import allocate, insert_rows
from node.storage.tables.questions import request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from federation.questions import Hit, Question
    from node.storage.database import Database

MAX_REMARK: Final = 500
MAX_LIMIT: Final = 500
_COLUMNS: Final = (
    "id", "peer", "question", "reference", "case_ref", "purpose", "contact", "until", "opened_at", "opened_by",
)  # fmt: skip


class Settled(Exception):  # noqa: N818 - the name is the sentence
    """The request is settled already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. Times in seconds."""

    id: int
    peer: str
    reference: str
    """By which the peer knows the question."""
    case: str
    purpose: str
    contact: str
    until: int
    opened_at: int
    opened_by: str
    settled_at: int | None
    settled_by: str | None
    remark: str | None
    state: str
    """overdue, open or settled."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in told.items() if value is not None}


def opened(
    connection: Connection, question: Question, hits: Iterable[tuple[str, Hit]], *, by: str, now: int
) -> None:  # fmt: skip
    """Open a request for each hit: (peer, hit)."""
    found = list(hits)
    ids = allocate(connection, request, len(found)) if found else ()
    insert_rows(
        connection, request, _COLUMNS,
        [
            (
                number, peer, question.id, hit.reference, question.case, question.purpose, hit.contact, hit.until, now,
                by,
            )
            for number, (peer, hit) in zip(ids, found, strict=True)
        ],
    )  # fmt: skip


def listing(database: Database, *, every: bool = False, limit: int = 100, now: int) -> list[Request]:
    """Open requests, the first that is due first; with `every` also those that are settled, behind them."""
    if not 1 <= limit <= MAX_LIMIT:
        raise CriteriaRefused("limit", f"is a number from 1 to {MAX_LIMIT}")
    table = request.c
    chosen = select(request).order_by(table.settled_at.is_not(None), table.until, table.id).limit(limit)
    with database.read() as connection:
        rows = connection.execute(chosen if every else chosen.where(table.settled_at.is_(None))).all()
    return [_request(row, now) for row in rows]


def counts(connection: Connection, *, now: int) -> dict[str, int]:
    """How many are open, and how many of them are overdue; nothing where there is none."""
    waiting = select(func.count()).where(request.c.settled_at.is_(None))
    open_ = connection.scalar(waiting) or 0
    overdue = connection.scalar(waiting.where(request.c.until < now)) or 0
    return {name: n for name, n in (("open", open_), ("overdue", overdue)) if n}


def settle(database: Database, number: int, remark: str, *, by: str, now: int) -> Request:
    """Say what came of a request. Raises `NotFound`, `Settled`, and `CriteriaRefused` for no remark."""
    said = remark.strip()
    if not 0 < len(said) <= MAX_REMARK or not said.isprintable():
        raise CriteriaRefused("remark", f"is one line of 1 to {MAX_REMARK} characters that says what came of it")
    with database.write() as connection:
        chosen = request.c.id == number
        changed = connection.execute(
            update(request)
            .where(chosen, request.c.settled_at.is_(None))
            .values(settled_at=now, settled_by=by, remark=said)
        ).rowcount
        row = connection.execute(select(request).where(chosen)).first()
    if row is None:
        raise NotFound("there is no such request; `tidewaiter requests list` names them")
    if not changed:
        raise Settled(f"request {number} was settled by {row.settled_by} already")
    return _request(row, now)


def _request(row: Row[Any], now: int) -> Request:
    state = "settled" if row.settled_at is not None else "overdue" if row.until < now else "open"
    return Request(
        id=row.id, peer=row.peer, reference=row.reference, case=row.case_ref, purpose=row.purpose, contact=row.contact,
        until=row.until, opened_at=row.opened_at, opened_by=row.opened_by, settled_at=row.settled_at,
        settled_by=row.settled_by, remark=row.remark, state=state,
    )  # fmt: skip
