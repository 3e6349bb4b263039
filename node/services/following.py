"""What became of an alert: per member that got it, directly or through a hub, received, read, answered or overdue.

Trust: that a member has it is its receipt's word; that it got it through a hub is the hub's report; what was done is
the word of the member's own signed annotations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import Connection, Row, select

from federation.errors import NotFound
from node.services import annotating, bodies
from node.storage import duties, feeds, records, remarks
from node.storage.tables import disclosure, draft, feed_out, record

if TYPE_CHECKING:
    from federation.directory import Directory

ANSWERS: Final = frozenset({"feedback", "sighting", "answer"})
"""Types that answer an alert; an acknowledgement says only that an officer has read it."""
State = Literal["answered", "unanswered", "overdue", "taken back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One member and the alert."""

    node: str
    country: str | None
    road: str
    """`direct`, or the id of the hub that reported it."""
    received: bool | None
    """Whether its receipt covers the entry; None where only a hub knows."""
    acknowledged_at: int | None
    results: tuple[str, ...]
    answered_at: int | None
    state: State
    asked: int
    """Queries of this member that are open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStatus:
    """An own alert and what became of it."""

    reference: str
    rid: str
    ver: int
    title: str
    respond_by: str | None
    members: tuple[Followed, ...]
    remarks: tuple[dict[str, Any], ...]


def alert_status(
    connection: Connection, name: str, *, node: str, directory: Directory, now: int, purpose: str | None = None
) -> AlertStatus:  # fmt: skip
    """Follow the alert with this reference or id. Raises `NotFound`."""
    found = connection.execute(
        select(draft).where(draft.c.kind == "alert", (draft.c.reference == name) | (draft.c.rid == name))
    ).first()
    row = None
    if found is not None:
        statement = records.visible().where(record.c.iss == node, record.c.rid == found.rid)
        row = connection.execute(statement.order_by(record.c.ver.desc())).first()
    if found is None or row is None:
        raise NotFound(f"{name} is no alert of this node that is out; `tidewaiter records` lists them")
    headline = bodies.reopen_row(row).groups.get("headline", {})
    respond_by = headline.get("respond_by") if isinstance(headline, dict) else None
    said = [
        annotating.shown(connection, item, now=now, purpose=purpose)
        for item in remarks.about(connection, node, row.rid)
    ]
    late = respond_by is not None and now >= end_of(respond_by)
    members = [
        _member(connection, row, recipient, road, said, directory=directory, late=late)
        for recipient, road in _recipients(connection, row)
    ]
    return AlertStatus(
        reference=found.reference, rid=row.rid, ver=row.ver, title=row.title, respond_by=respond_by,
        members=tuple(members), remarks=tuple(said),
    )  # fmt: skip


def end_of(moment: str) -> int:
    """The second from which on an answer is late: a day counts to its end, by UTC.

    >>> end_of("2026-01-01") - end_of("2026-01-01T00:00:00Z")
    86400
    """
    if "T" not in moment:
        day = datetime.fromisoformat(moment).replace(tzinfo=UTC) + timedelta(days=1)
        return int(day.timestamp())
    return int(datetime.fromisoformat(moment).timestamp())


def _recipients(connection: Connection, row: Row[Any]) -> list[tuple[str, Row[Any] | str]]:
    """Who got the alert: by this node's feeds (the grant), or by a hub's (its id)."""
    given = feeds.grants(connection, row.iss, [row.rid])
    found: dict[str, Row[Any] | str] = {recipient: grant for (recipient, _), grant in given.items()}
    for reported in duties.reported_to(connection, rid=row.rid):
        direct = found.get(reported.recipient)
        if int(reported.mask, 16) and (direct is None or isinstance(direct, str) or not int(direct.mask, 16)):
            found[reported.recipient] = reported.hub
    return sorted(found.items())


def _member(
    connection: Connection,
    row: Row[Any],
    recipient: str,
    road: Row[Any] | str,
    said: list[dict[str, Any]],
    *,
    directory: Directory,
    late: bool,
) -> Followed:
    member = directory.member(recipient)
    own = [item for item in said if item["iss"] == recipient]
    answers = [item for item in own if item["type"] in ANSWERS]
    read = [item["at"] for item in own if item["type"] == "ack"]
    state: State = "answered" if answers else "overdue" if late else "unanswered"
    if not isinstance(road, str) and not int(road.mask, 16):
        state = "taken back"
    open_queries = [
        item
        for item in own
        if item["type"] in annotating.ASKING and not remarks.answers(connection, item["iss"], item["rid"])
    ]
    return Followed(
        node=recipient,
        country=None if member is None else member.country,
        road=road if isinstance(road, str) else "direct",
        received=None if isinstance(road, str) else _received(connection, row, recipient),
        acknowledged_at=min(read, default=None),
        results=tuple(item["result"] for item in answers if item["result"]),
        answered_at=min((item["at"] for item in answers), default=None),
        state=state,
        asked=len(open_queries),
    )


def _received(connection: Connection, row: Row[Any], recipient: str) -> bool:
    """Whether the recipient's receipt covers the newest entry of this record in its feed."""
    entry = connection.execute(
        select(disclosure.c.n, feed_out.c.receipt_size)
        .join(feed_out, feed_out.c.id == disclosure.c.feed)
        .where(
            disclosure.c.rid == row.rid, disclosure.c.iss == row.iss, disclosure.c.recipient == recipient,
            disclosure.c.action == "feed",
        )
        .order_by(disclosure.c.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    return entry is not None and entry.n < entry.receipt_size
