"""Records entered on behalf of administrations without a node: who may, and which there are.

A regional office imports them with the administration that seized, and its own name as `entered_by`; it signs them, and
answers for them like for its own. It may as long as the directory lists no node of that administration, whatever the
status: who is suspended is not spoken for. This is asked at the import and again at the release, for the directory may
have changed between. What is out already stays: the office recalls it once the administration issues it itself.

Trust: the country codes are the directory's. That the administration agrees is between it and its office.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.grants import Action
from federation.records import codes
from federation.records.facts import mapping
from node.services import bodies, search
from node.services.desk import looks
from node.storage import records
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Row

    from federation.membership import Directory
    from node.storage.database import Database

_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """One record of this node that was entered for somebody else."""

    administration: str
    reference: str
    rid: str
    ver: int
    title: str
    day: str | None
    state: str
    """released or shared."""
    accepted_at: int
    node: str | None
    """The administration's own node, where the directory lists one by now: hand the record over, and recall it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBehalf:
    """A page; `next` is the cursor of the page after it, None at the end."""

    rows: tuple[Entered, ...]
    next: int | None

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {"records": [asdict(row) for row in self.rows], "next": self.next}


def refusal(directory: Directory, node: str, administration: str) -> str | None:
    """Why `node` may not enter records for this administration (a country code); None where it may."""
    member = directory.member(node)
    if member is None or member.kind != "rilo":
        return f"{node} is no regional office in the directory; only such an office enters records for others"
    if not codes.is_code("country", administration):
        return f"{administration} is no country code; write it in capitals, such as BW"
    other = node_of(directory, administration)
    if other is not None:
        return f"{administration} has a node of its own, {other}: it issues its records itself"
    return None


def refusal_of(directory: Directory, node: str, groups: Mapping[str, Any]) -> str | None:
    """The same of a seizure that is about to be signed; None for one that was entered on nobody's behalf."""
    case = mapping(groups.get("case"))
    if case.get("entered_by") != node:
        return None
    return refusal(directory, node, str(case.get("administration")))


def node_of(directory: Directory, administration: str) -> str | None:
    """The node of an administration, whatever its status."""
    found = [
        member.id
        for member in directory.members.values()
        if member.kind == "administration" and administration in {member.country, member.id}
    ]
    return min(found, default=None)


def on_behalf(
    database: Database, *, directory: Directory, node: str, limit: int = search.DEFAULT_LIMIT, after: int = 0,
    by: str, purpose: str | None, now: int,
) -> OnBehalf:  # fmt: skip
    """A page of own records in use that were entered for others, oldest first, with a disclosure row that names `by`.

    `after` is the cursor of the page before. Raises `search.CriteriaRefused`.
    """
    search.check_purpose(purpose)
    if not 1 <= limit <= search.MAX_LIMIT or not 0 <= after <= search.LAST_ID:
        raise search.CriteriaRefused("limit", f"is a number from 1 to {search.MAX_LIMIT}, after one that a page gave")
    found: list[Entered] = []
    last: int | None = None
    with database.write() as connection:
        for row in _own(connection, node, after, now):
            case = mapping(bodies.read_row(row)[0].get("case"))
            if case.get("entered_by") != node or not search.allowed(row, Action.VIEW, purpose, now=now)[1]:
                continue
            if len(found) == limit:
                last = after
                break
            after, administration = row.id, str(case.get("administration"))
            found.append(
                Entered(
                    administration=administration, reference=str(case.get("reference")), rid=row.rid, ver=row.ver,
                    title=row.title, day=row.day, state=row.state, accepted_at=row.accepted_at,
                    node=node_of(directory, administration),
                )
            )  # fmt: skip
        shown = [(node, one.rid, one.ver) for one in found]
        looks.note(connection, "on-behalf", shown, by=by, purpose=purpose, now=now)
    return OnBehalf(rows=tuple(found), next=last)


def _own(connection: Connection, node: str, after: int, now: int) -> Iterator[Row[Any]]:
    """The own seizures behind a row, a batch at a time: the caller may stop at any of them."""
    chosen = records.visible().where(record.c.iss == node, record.c.kind == "seizure", records.in_time(now))
    while rows := connection.execute(chosen.where(record.c.id > after).order_by(record.c.id).limit(_BATCH)).all():
        yield from rows
        after = rows[-1].id
