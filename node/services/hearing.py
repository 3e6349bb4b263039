"""Read what was said, and log the reading: remarks on a record, what others ask of this node, answers to an alert.

What a remark says is content like any other: it passes `grants.may` for the purpose (`annotating.shown`), and the row
of the disclosure log that names every remark whose line was shown is written in the transaction that reads it, so that
a recall reaches whoever read one.

Trust: what a remark says is its issuer's word, and nothing that it says changes the handling of a record.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from federation.errors import NotFound
from node.services import annotating, following, search
from node.storage import audit, records, remarks, tasks
from node.storage.tables import draft

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from federation.directory import Directory
    from node.services.following import AlertStatus
    from node.storage.database import Database


def said_about(
    database: Database, name: str, *, iss: str | None = None, node: str, by: str, purpose: str | None, now: int
) -> tuple[list[dict[str, Any]], dict[str, str | None]]:
    """What was said about a record, oldest first; and by issuer its word on the use as evidence.

    `name` is the record's id, or the reference of an own one. Raises `NotFound` for a record that is not in use here,
    and `search.CriteriaRefused` for a purpose that is none.
    """
    search.check_purpose(purpose)
    with database.write() as connection:
        own = connection.scalar(select(draft.c.rid).where(draft.c.reference == name)) if iss in {None, node} else None
        rid, iss = (own, node) if own is not None else (name, iss)
        issuers = sorted({row.iss for row in records.find(connection, rid, iss)})
        if not issuers:
            raise NotFound(f"{name} is no record in use here; `tidewaiter records` lists them")
        rows = [row for issuer in issuers for row in remarks.about(connection, issuer, rid)]
        found = [annotating.shown(connection, row, now=now, purpose=purpose) for row in rows]
        words = {issuer: annotating.evidence_word(connection, issuer, rid, node=node) for issuer in issuers}
        _log(connection, found, {"remarks on": rid}, by=by, purpose=purpose, now=now)
    return found, words


def asked_of(
    database: Database, *, node: str, by: str, purpose: str | None, now: int
) -> list[dict[str, Any]]:  # fmt: skip
    """What others ask about this node's records, with the answers (`annotating.queries`)."""
    search.check_purpose(purpose)
    with database.write() as connection:
        found = annotating.queries(connection, node, now=now, purpose=purpose)
        _log(connection, found, {"remarks on": "own records"}, by=by, purpose=purpose, now=now)
    return found


def on_alert(
    database: Database, name: str, *, node: str, directory: Directory, by: str, purpose: str | None, now: int,
    texts: bool = True,
) -> AlertStatus:  # fmt: skip
    """What became of an alert, with what was said on it; without `texts` only by whom, when, of which type and result.

    Raises `NotFound`.
    """
    search.check_purpose(purpose)
    with database.write() as connection:
        found = following.alert_status(connection, name, node=node, directory=directory, now=now, purpose=purpose)
        if texts:
            _log(connection, found.remarks, {"remarks on": found.rid}, by=by, purpose=purpose, now=now)
    if texts:
        return found
    return replace(found, remarks=tuple({**one, "text": None, "narrative": None} for one in found.remarks))


def _log(
    connection: Connection, found: Any, asked: dict[str, Any], *, by: str, purpose: str | None, now: int
) -> None:  # fmt: skip
    """One row for the list that was shown, naming each remark in it; none where nothing was."""
    if found:
        detail = asked | {"hits": [f"{one['iss']}/{one['rid']}/{one['ver']}" for one in found]}
        row = audit.Disclosure(at=now, action="search", actor=by, purpose=purpose, detail=json.dumps(detail))
        audit.log(connection, [row])
        tasks.remember_glimpses(connection, [(one["iss"], one["rid"]) for one in found], by)
