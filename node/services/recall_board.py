"""The recall board: of each recalled record, how far every recipient is, and who has not confirmed.

For each recipient: `sent` (its feed has the entry), `received` (its receipt covers the entry), `applied` (and does not
hold it back), `erased` (and says when), or `held` and `refused` with the reason. What a recipient never confirmed stays
open: the list of those is exact, because it is made from what this node sent and not from what it heard.

Trust: a receipt binds the node that signed it; it cannot prove that nobody there has made a copy.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select

from crypto import b64
from federation.errors import NotFound, ProblemType
from node.storage import drafts, feeds, recalls
from node.storage.tables import draft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from federation.directory import Directory

SENT, RECEIVED, APPLIED, ERASED, HELD, REFUSED = "sent", "received", "applied", "erased", "held", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One recipient of a recalled record, and how far it is."""

    recipient: str
    state: str
    status: str | None
    """The member's status in the directory; None if it is not listed any more."""
    through: str | None
    """The regional office that passed the record on to it, by its own report; the recall goes to it directly too."""
    sent_at: int | None
    received_at: int | None
    erased_at: int | None
    reason: str | None = None
    """Why it is held back there, in the protocol's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One recalled record."""

    iss: str
    own: bool
    """Whether this node recalled it: of another's recall it knows no more than what it passed on itself."""
    rid: str
    ver: int
    reference: str | None
    """The draft's reference, of own records."""
    reason: str
    effect: str
    ref: Any
    at: int
    here: str
    """What the recall is at this node: stopped, kept, erased, held, refused, void."""
    due: int | None
    by: str | None
    second_by: str | None
    steps: tuple[Step, ...]

    @property
    def not_applied(self) -> tuple[str, ...]:
        """Recipients that have not confirmed that they use it no more."""
        return tuple(step.recipient for step in self.steps if step.state not in {APPLIED, ERASED})

    @property
    def not_erased(self) -> tuple[str, ...]:
        """Recipients that have not confirmed its erasure."""
        return tuple(step.recipient for step in self.steps if step.state != ERASED)

    @property
    def complete(self) -> bool:
        """Whether everybody has confirmed the erasure; of another's recall, as far as this node knows: itself too."""
        return not self.not_erased and (self.own or self.here == ERASED)

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`: `complete` once everybody has confirmed the erasure."""
        return _told_only(asdict(self)) | {
            "steps": [_told_only(asdict(step)) for step in self.steps],
            "not_applied": list(self.not_applied),
            "not_erased": list(self.not_erased),
            "complete": self.complete,
        }


def _told_only(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def boards(
    connection: Connection, rows: Sequence[Row[Any]], *, directory: Directory, node: str
) -> list[Board]:  # fmt: skip
    """The boards of recalls (rows of `recall`), in their order."""
    keys = [(row.iss, row.rid) for row in rows]
    sent: dict[tuple[str, str], list[Row[Any]]] = {}
    for item in recalls.sent_of(connection, keys):
        sent.setdefault((item.iss, item.rid), []).append(item)
    out = {row.id: row for row in feeds.out_feeds(connection)}
    receipts = {row.id: _told(row) for row in out.values()}
    hubs = recalls.passed_on(connection, [rid for iss, rid in keys if iss == node])
    names = drafts.references(connection, [rid for iss, rid in keys if iss == node])
    found = []
    for row in rows:
        steps = [
            _step(item, out[item.feed], receipts[item.feed], directory, hubs.get(row.rid, {}))
            for item in sent.get((row.iss, row.rid), [])
        ]
        found.append(
            Board(
                iss=row.iss, own=row.iss == node, rid=row.rid, ver=row.ver,
                reference=names.get(row.rid) if row.iss == node else None,
                reason=row.reason, effect=row.effect, ref=None if row.ref is None else json.loads(row.ref), at=row.at,
                here=row.state, due=row.due, by=row.by, second_by=row.second_by,
                steps=tuple(sorted(steps, key=lambda step: step.recipient)),
            )
        )  # fmt: skip
    return found


def board(connection: Connection, name: str, *, directory: Directory, node: str, iss: str | None = None) -> Board:
    """The board of one record, by its id or its reference. Raises `NotFound`."""
    rows = recalls.find(connection, name)
    if not rows:
        rids = connection.scalars(select(draft.c.rid).where(draft.c.reference == name, draft.c.administration == node))
        rows = [row for rid in rids for row in recalls.find(connection, rid)]
    if iss is not None:
        rows = [row for row in rows if row.iss == iss]
    if not rows:
        raise NotFound("no recall of this record is known here")
    if len(rows) > 1:
        raise NotFound("several records have this name: say whose is meant with iss")
    return boards(connection, rows, directory=directory, node=node)[0]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the newest receipt for a feed says is held back."""

    problems: Mapping[int, str]
    last: int | None
    """Beyond this index the receipt's list was cut short; None for a whole list."""


def _told(feed: Row[Any]) -> _Told:
    if feed.receipt is None:
        return _Told({}, None)
    claims = orjson.loads(b64.decode(feed.receipt.split(".")[1]))  # verified when it was kept
    problems = {item["n"]: item["type"] for item in claims["quarantined"]}
    whole = claims["quarantined_total"] <= len(problems)
    return _Told(problems, None if whole else max(problems, default=-1))


def _step(item: Row[Any], feed: Row[Any], told: _Told, directory: Directory, hubs: Mapping[str, str]) -> Step:
    member = directory.member(item.recipient)
    state, reason, received_at = SENT, None, None
    if feed.receipt_size > item.n:
        received_at = feed.receipt_at
        problem = told.problems.get(item.n)
        if item.erased_at is not None:
            state = ERASED
        elif problem == ProblemType.RECALL_HELD:
            state, reason = HELD, problem
        elif problem is not None:
            state, reason = REFUSED, problem
        elif told.last is not None and item.n > told.last:
            state = RECEIVED  # its list of what is held back was cut short before this entry
        else:
            state = APPLIED
    return Step(
        recipient=item.recipient, state=state, status=None if member is None else member.status,
        through=hubs.get(item.recipient),
        sent_at=item.at, received_at=received_at, erased_at=item.erased_at if state == ERASED else None, reason=reason,
    )  # fmt: skip
