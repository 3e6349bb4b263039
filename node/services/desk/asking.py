"""Verify a member's seizure, ask its originator, and see at both ends what became of each question.

Both are signed annotations (`annotating`): the office never edits a national record. A query is closed by the
originator's `answer`, or by the next version of the record. It is overdue once the day until which an answer was asked
for is over. Whether it is closed is seen from what this node holds: its peer may be some seconds ahead.

Trust: that it was answered is the word of the record's originator alone; an answer of anybody else closes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, func, select

from node.services import annotating, search
from node.services.annotating import Annotated, AnnotationRefused, Remark
from node.services.desk import looks
from node.storage import records, remarks
from node.storage.tables import record

if TYPE_CHECKING:
    from node.services.publishing import Publisher
    from node.storage.database import Database

RESULTS: Final = ("verified", "not_verified")
STATES: Final = ("overdue", "open", "closed")
"""In the order in which they are listed."""


def verify(
    database: Database, publisher: Publisher, name: str, *, result: str = "verified", text: str | None = None,
    by: str, now: int,
) -> Annotated:  # fmt: skip
    """Sign that this node has looked at a seizure, and with which result. Raises `NotFound`, `AnnotationRefused`."""
    if result not in RESULTS:
        raise AnnotationRefused([f"result: is one of {', '.join(RESULTS)}"])
    said = () if text is None else (("en", text),)
    remark = Remark(about=[name], type="verification", result=result, narrative=said)
    return annotating.annotate(database, publisher, remark, by=by, now=now)


def query(
    database: Database, publisher: Publisher, name: str, *, text: str, respond_by: str | None, no_names: bool = False,
    by: str, now: int,
) -> Annotated:  # fmt: skip
    """Ask the originator of a record. The text may name somebody, unless `no_names` says otherwise.

    Raises `NotFound`, and `AnnotationRefused` also for a record of this node: it has nobody to ask.
    """
    said = (("en", text),)
    remark = Remark(
        about=[name], type="query", respond_by=respond_by, no_names=no_names, texts=said if no_names else (),
        narrative=() if no_names else said,
    )  # fmt: skip
    with database.read() as connection:
        iss, _, rid = name.rpartition("/")
        issuers = {row.iss for row in records.find(connection, rid, iss or None)}
    if not issuers - {publisher.node}:
        raise AnnotationRefused(["about: is no record of another member; correct an own one, and release it again"])
    return annotating.annotate(database, publisher, remark, by=by, now=now)


def queries(
    database: Database, *, node: str, state: str | None = None, by: str, purpose: str | None, now: int
) -> list[dict[str, Any]]:
    """Questions of this node (`way` out) and to it (`way` in), overdue ones first; the look is logged.

    Raises `search.CriteriaRefused`.
    """
    search.check_purpose(purpose)
    if state is not None and state not in STATES:
        raise search.CriteriaRefused("state", f"is one of {', '.join(STATES)}")
    with database.write() as connection:
        found = [
            _asked(connection, row, node, purpose, now)
            for row in remarks.listing(connection, type_="query")
            if (row.iss == node) != (row.about_iss == node)
        ]
        found = [one for one in found if state in {None, one["state"]}]
        found.sort(key=lambda one: STATES.index(one["state"]))
        shown = [(one["iss"], one["rid"], one["ver"]) for one in found]
        looks.note(connection, "queries", shown, by=by, purpose=purpose, now=now)
    return found


def _asked(connection: Connection, row: Row[Any], node: str, purpose: str | None, now: int) -> dict[str, Any]:
    newest = connection.scalar(
        select(func.max(record.c.ver)).where(
            record.c.iss == row.about_iss, record.c.rid == row.about_rid, record.c.state.in_(records.LIVE)
        )
    )
    answers = [one for one in remarks.answers(connection, row.iss, row.rid) if one.iss == row.about_iss]
    version = newest if newest is not None and newest > row.about_ver else None
    late = is_past(row.respond_by, now)
    state = "closed" if answers or version else "overdue" if late else "open"
    return {
        **annotating.shown(connection, row, now=now, purpose=purpose),
        "way": "out" if row.iss == node else "in",
        "member": row.about_iss if row.iss == node else row.iss,
        "state": state,
        "answered_by": answers[0].rid if answers else None,
        "answered_in_version": version,
    }


def is_past(until: str | None, now: int) -> bool:
    """Whether a time is over, a day at its end; what is no time is never over.

    >>> is_past("2026-01-09", 1767916799), is_past("2026-01-08", 1767916800)
    (False, True)
    """
    try:
        moment = datetime.fromisoformat(until or "")
    except ValueError:
        return False
    if len(until or "") == len("2026-01-09"):
        moment += timedelta(days=1)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() <= now
