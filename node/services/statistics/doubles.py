"""One event, counted once: which records give way to another one, by the `same-event` annotations that are in use.

Nobody takes another's seizure out of the figures. What a peer's annotation joins, it gives up of its own records for
the others'; what this node's own officers join, they decide for what this node counts. Of records that all give way to
each other the first by issuer and id stays, one entered on somebody's behalf last, and a record that is not counted
anyway takes nobody's place. So the order in which records and annotations come does not matter.

Left to others: when the sums follow (`following`). Trust: what an annotation says is its issuer's word; it was verified
when it was taken in.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, delete, or_, select

from federation.grants import Action
from federation.records.facts import mapping
from node.services import bodies, search
from node.storage import records
from node.storage.database import insert_rows
from node.storage.tables import record
from node.storage.tables.relay import annotation
from node.storage.tables.statistics import doubled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Row

TYPE: Final = "same-event"
KIND: Final = "seizure"
Key = tuple[str, str]
"""(issuer, record id)."""
_AT_ONCE: Final = 300


class Link(NamedTuple):
    """An annotation that says that records are of one event."""

    iss: str
    own: bool
    """Whether this node wrote it."""
    keys: frozenset[Key]


def dropped(connection: Connection, *, now: int) -> frozenset[Key]:
    """The records that are not counted because another one of their event is. `now` in seconds."""
    links = joined(connection, now=now)
    return decide(links, _counted(connection, keys_of(links), now)) if links else frozenset()


def joined(connection: Connection, *, now: int, known_at: int | None = None) -> list[Link]:
    """The annotations of this type in use; of a past time (seconds) those that had arrived by then."""
    statement = (
        select(annotation.c.iss, annotation.c.rid, annotation.c.about_iss, annotation.c.about_rid, record.c.state)
        .join(record, and_(record.c.iss == annotation.c.iss, record.c.rid == annotation.c.rid))
        .where(annotation.c.type == TYPE, record.c.state.in_(records.LIVE), records.in_time(now))
    )
    if known_at is not None:
        statement = statement.where(record.c.accepted_at <= known_at)
    found: defaultdict[tuple[str, str, bool], set[Key]] = defaultdict(set)
    for row in connection.execute(statement):
        found[row.iss, row.rid, row.state == "released"].add((row.about_iss, row.about_rid))
    return [Link(iss, own, frozenset(keys)) for (iss, _, own), keys in sorted(found.items()) if len(keys) > 1]


def keys_of(links: Iterable[Link]) -> set[Key]:
    """All records that are joined."""
    return {key for link in links for key in link.keys}


def decide(links: Sequence[Link], counted: Mapping[Key, bool]) -> frozenset[Key]:
    """Who gives way. `counted`: those that may be counted → whether somebody entered it on another's behalf.

    >>> one, other = ("KE", "1"), ("GB", "2")
    >>> both = {one: False, other: False}
    >>> sorted(decide([Link("KE", False, frozenset(both))], both))
    [('KE', '1')]
    >>> sorted(decide([Link("UG", False, frozenset(both))], both))
    []
    """
    gives: set[Key] = set()
    for link in links:
        there = sorted((key for key in link.keys if key in counted), key=lambda key: (counted[key], key))
        # Own officers decide about all; a peer gives up its own.
        mine = there[1:] if link.own else [key for key in there if key[0] == link.iss]
        gives.update(mine if len(mine) < len(there) else mine[1:])
    out: set[Key] = set()
    for event in _events(link.keys for link in links):
        there = sorted((key for key in event if key in counted), key=lambda key: (counted[key], key))
        giving = [key for key in there if key in gives]
        out.update(giving if len(giving) < len(there) else giving[1:])
    return frozenset(out)


def stored(connection: Connection) -> frozenset[Key]:
    """The records that the sums as they stand leave out."""
    return frozenset((row.iss, row.rid) for row in connection.execute(select(doubled)))


def keep(connection: Connection, before: frozenset[Key], after: frozenset[Key]) -> None:
    """Remember what the sums leave out from now on."""
    for iss, rid in sorted(before - after):
        connection.execute(delete(doubled).where(doubled.c.iss == iss, doubled.c.rid == rid))
    insert_rows(connection, doubled, ("iss", "rid"), sorted(after - before))


def rows_of(connection: Connection, keys: Iterable[Key], *, reached: int) -> list[int]:
    """The versions in use of these records up to a row."""
    found: list[int] = []
    for some in _parts(keys):
        chosen = or_(*(and_(record.c.iss == iss, record.c.rid == rid) for iss, rid in some))
        statement = select(record.c.id).where(chosen, record.c.state.in_(records.LIVE), record.c.id <= reached)
        found += connection.scalars(statement)
    return found


def _counted(connection: Connection, keys: Iterable[Key], now: int) -> Mapping[Key, bool]:
    """Those of these records that may be counted → whether somebody entered it on another's behalf."""
    found: dict[Key, bool] = {}
    for some in _parts(keys):
        chosen = or_(*(and_(record.c.iss == iss, record.c.rid == rid) for iss, rid in some))
        for row in connection.execute(records.visible().where(chosen, record.c.kind == KIND, records.in_time(now))):
            if search.allowed(row, Action.STATISTICS, None, now=now)[1]:
                found[row.iss, row.rid] = entered(row)
    return found


def entered(row: Row[Any]) -> bool:
    """Whether a version was entered by somebody else than the administration that seized."""
    groups, _ = bodies.read_row(row)
    return "entered_by" in mapping(groups.get("case"))


def _events(groups: Iterable[frozenset[Key]]) -> list[set[Key]]:
    """Records that are joined, directly or by others, together."""
    events: list[set[Key]] = []
    for keys in groups:
        touched = [event for event in events if event & keys]
        events = [event for event in events if not event & keys]
        events.append(set(keys).union(*touched))
    return events


def _parts(keys: Iterable[Key]) -> Iterator[list[Key]]:
    ordered = sorted(keys)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
