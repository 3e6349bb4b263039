"""Write a bulletin that this node published or received as a page: logged and registered like every export."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.errors import NotFound
from federation.grants import Action
from node.services import bodies, exporting, search, showing
from node.services.bulletins import page
from node.services.bulletins.drawing import KIND
from node.services.bulletins.words import LANGUAGES, RIGHT_TO_LEFT
from node.services.exporting import ExportRefused, Made
from node.storage import audit, drafts, exports

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from node.services.showing import RecordView
    from node.storage.database import Database

FORMAT: Final = "html"
_MAX_LANGUAGE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who wants the page, for what, for whom, in which language."""

    by: str
    purpose: str
    destination: str
    language: str = LANGUAGES[0]
    path: str | None = None


def show(
    database: Database, name: str, *, node: str, iss: str | None = None, by: str, purpose: str, now: int
) -> RecordView:  # fmt: skip
    """The bulletin of this reference (own) or id. Logged as a view. Raises `NotFound` for what is none."""
    with database.read() as connection:
        rid, issuer = _resolved(connection, name, iss, node=node)
        _bulletin(connection, rid, issuer)
    return showing.show(database, rid=rid, iss=issuer, by=by, purpose=purpose, now=now)


def write(database: Database, name: str, order: Order, *, node: str, iss: str | None = None, now: int) -> Made:
    """Write the page; the export's row and the log's are in one transaction.

    Raises `ExportRefused`, `NotFound`, `Tombstoned` and `search.CriteriaRefused`.
    """
    exporting.check_order(order.purpose, order.destination)
    if not order.language.isascii() or not order.language.isalpha() or len(order.language) > _MAX_LANGUAGE:
        raise ExportRefused([f"language: is a code such as {', '.join((*LANGUAGES, *sorted(RIGHT_TO_LEFT)))}"])
    with database.write() as connection:
        rid, issuer = _resolved(connection, name, iss, node=node)
        row = _bulletin(connection, rid, issuer)
        handling, verdict = search.allowed(row, Action.EXPORT, order.purpose, now=now)
        if not verdict or handling is None:
            raise ExportRefused([f"{row.iss} {row.rid}: {verdict.reason}"])
        groups = bodies.reopen_row(row).groups
        number = exports.reserve(connection)
        said = [*exporting.obligations(handling), f"Export {number} of {row.iss} {row.rid}, for {order.destination}."]
        data = page.page(
            groups, marking=f"TLP:{handling.tlp}", said=said, issuer=row.iss, ver=row.ver,
            language=order.language.lower(),
        )  # fmt: skip
        told = ",".join(sorted(groups))
        sha256 = exports.put(
            connection, number=number, at=now, officer=order.by, purpose=order.purpose, format_=FORMAT,
            destination=order.destination, path=order.path, data=data, records=[(row.iss, row.rid, row.ver, told)],
        )  # fmt: skip
        detail = json.dumps({"export": number, "to": order.destination, "sha256": sha256}, ensure_ascii=False)
        audit.log(
            connection,
            [
                audit.Disclosure(
                    at=now, action="export", actor=order.by, iss=row.iss, rid=row.rid, ver=row.ver, groups=told,
                    purpose=order.purpose, detail=detail,
                )
            ],
        )  # fmt: skip
    return Made(number=number, data=data, sha256=sha256, records=1, left_out=0)


def _resolved(connection: Connection, name: str, iss: str | None, *, node: str) -> tuple[str, str | None]:
    own = drafts.find(connection, node, KIND, [name]).get(name)
    return (name, iss) if own is None else (own.rid, node)


def _bulletin(connection: Connection, rid: str, iss: str | None) -> Row[Any]:
    row = showing.in_use(connection, rid=rid, iss=iss)
    if row.kind != KIND:
        raise NotFound("that record is no bulletin; `tidewaiter search --filter kind=bulletin` finds them")
    return row
