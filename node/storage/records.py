"""Record versions, own and received, and the facets they are found by.

Every reading query starts from `visible`: versions whose content this node holds and may use, and adds `in_time`:
what should be erased by now is used for nothing, whether or not the sweeper has come by. `keep` writes versions with
their facets; `set_state` takes a version out of use; `erase` takes its content away and leaves its name.

States: `released` (own), `received`, `superseded` by a newer version, `restricted` while a data subject's request is
open; and without content `withdrawn` (recalled, or taken back), `expired` (its time of keeping is over), `erased` (for
a data subject: the same version does not come back).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy import delete as sql_delete

from federation.keeping import time_of
from federation.ports import Held, HeldVersion
from federation.records.facts import BLOB
from node.storage import attachments, bounds, counts, followers, indexes, lines, roads, searching
from node.storage.database import allocate, insert_rows, parts
from node.storage.tables import facet, record, shared, tombstone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from federation.ports import Dispute
    from federation.records import Facets

LIVE: Final = ("released", "received")
"""States of versions whose content is in use, as stored."""
WITHDRAWN, EXPIRED, ERASED, RESTRICTED = "withdrawn", "expired", "erased", "restricted"
STOPPED: Final = "stopped"
"""Recalled, and kept for the time of grace: used for nothing and shown to nobody."""
DISPUTED: Final[Mapping[str, Dispute]] = {"equivocal": "equivocal", "forked": "forked"}
"""States of versions that cannot stand beside another that their issuer signed: kept, and not in use until a higher
one comes."""
_CONFIRMED: Final = exists(select(shared.c.record).where(shared.c.record == record.c.id))
_STATE: Final = case((and_(record.c.state == "released", _CONFIRMED), "shared"), else_=record.c.state).label("state")
"""What is shown: an own version is released, and shared once a peer has confirmed it."""

_COLUMNS: Final = (
    "id", "iss", "rid", "ver", "kind", "sch", "jh", "jwt", "disclosures", "mask", "width", "iat", "prev", "handling",
    "title", "day", "state", "pending", "gc", "accepted_at", "keep_until", "review_by",
)  # fmt: skip
_FACET_COLUMNS: Final = ("field", "value", "day", "record")
MAX_FACET: Final = 256
"""Characters of a value that filters compare: an index row of PostgreSQL has at most 2704 bytes."""
NO_DAY: Final = ""
"""The day of a record that tells none: it sorts behind all that tell one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version to keep. `disclosures` are those that are held, in any order; `mask` says which bits they are."""

    iss: str
    rid: str
    ver: int
    kind: str
    sch: str
    jh: str
    jwt: str
    disclosures: Sequence[str]
    mask: int
    width: int
    iat: int
    prev: str | None
    handling: str
    title: str
    state: str
    pending: bool
    gc: int
    facets: Facets


def visible() -> Select[Any]:
    """The versions that officers may be shown. Every reading query starts here."""
    others = [column for column in record.c if column.name != "state"]
    return select(*others, _STATE).where(record.c.state.in_(LIVE))


def in_time(now: int) -> ColumnElement[bool]:
    """The condition that a version's time of keeping is not over. `now` in seconds."""
    return or_(record.c.keep_until.is_(None), record.c.keep_until > now)


@lru_cache(maxsize=512)
def times(handling: str) -> tuple[int | None, int | None]:
    """`keep_until` and `review_by` of a stored handling, in seconds."""
    value = json.loads(handling)
    return time_of(value, "keep_until"), time_of(value, "review_by")


def keep(connection: Connection, versions: Sequence[NewVersion], *, now: int) -> list[int]:
    """Insert versions with their facets and return their row ids, in order."""
    followers.announce(connection)
    ids = allocate(connection, record, len(versions))
    rows = []
    facet_rows: list[tuple[str, str, str, int]] = []
    for row_id, version in zip(ids, versions, strict=True):
        day = version.facets.day
        rows.append(
            (
                row_id, version.iss, version.rid, version.ver, version.kind, version.sch, version.jh, version.jwt,
                "~".join(version.disclosures), f"{version.mask:x}", version.width, version.iat, version.prev,
                version.handling, version.title, day, version.state, version.pending, version.gc, now,
                *times(version.handling),
            )
        )  # fmt: skip
        facet_rows.extend(facet_values(row_id, version.kind, version.iss, version.facets))
    insert_rows(connection, record, _COLUMNS, rows)
    insert_rows(connection, facet, _FACET_COLUMNS, facet_rows)
    attachments.refer(
        connection,
        [
            (version.iss, row_id, digest)
            for row_id, version in zip(ids, versions, strict=True)
            for digest in version.facets.values.get(BLOB, ())
        ],
    )
    return list(ids)


def facet_values(row_id: int, kind: str, iss: str, facets: Facets) -> Iterable[tuple[str, str, str, int]]:
    """The rows (field, value, day, record) by which a version is found."""
    day = facets.day or NO_DAY
    yield ("kind", kind, day, row_id)
    yield ("node", iss, day, row_id)
    for field, given in facets.values.items():
        if field == BLOB:  # a place of their own: they stay with the content, and facets only with its use
            continue
        values = {_filterable(value) for value in given}
        for value in values:
            yield (field, value, day, row_id)
        if field == "hs":
            # A search by chapter or heading is a search by prefix; the prefixes are values of their own.
            for prefix in {value[:length] for value in values for length in (2, 4) if len(value) > length}:
                if prefix not in values:
                    yield (field, prefix, day, row_id)


def _filterable(value: str) -> str:
    """A value as it is filtered by: what an index of PostgreSQL can hold, whatever a peer has signed."""
    return value.replace("\0", "")[:MAX_FACET]


def held(connection: Connection, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Held]:
    """What is held of each (iss, rid): versions with hash and mask, the highest grant counter, the tombstone."""
    found: dict[tuple[str, str], Held] = {}
    for iss in {key[0] for key in keys}:
        rids = [rid for issuer, rid in keys if issuer == iss]
        rows = connection.execute(
            select(
                record.c.rid, record.c.ver, record.c.jh, record.c.mask, record.c.gc, record.c.prev, record.c.state
            ).where(record.c.iss == iss, record.c.rid.in_(rids))
        )  # fmt: skip
        versions: dict[str, dict[int, HeldVersion]] = {}
        counters: dict[str, int] = {}
        for rid, ver, jh, mask, gc, prev, state in rows:
            versions.setdefault(rid, {})[ver] = HeldVersion(jh, int(mask, 16), prev, disputed=DISPUTED.get(state))
            counters[rid] = max(counters.get(rid, 0), gc)
        by_sender = roads.counters(connection, iss, rids)
        gone = set(connection.scalars(select(tombstone.c.rid).where(tombstone.c.iss == iss, tombstone.c.rid.in_(rids))))
        left = bounds.find(connection, iss, rids)
        for rid in versions.keys() | gone | by_sender.keys():
            found[iss, rid] = Held(
                gc=counters.get(rid, 0), tombstoned=rid in gone, versions=versions.get(rid), bound=left.get(rid),
                roads=by_sender.get(rid),
            )  # fmt: skip
    return found


def by_key(connection: Connection, iss: str, rid: str) -> list[Row[Any]]:
    """All versions of one record, newest first, whatever their state."""
    statement = select(record).where(record.c.iss == iss, record.c.rid == rid).order_by(record.c.ver.desc())
    return list(connection.execute(statement))


def find(connection: Connection, rid: str, iss: str | None = None) -> list[Row[Any]]:
    """The versions in use of the record with this id; several issuers may have used one id."""
    statement = visible().where(record.c.rid == rid)
    if iss is not None:
        statement = statement.where(record.c.iss == iss)
    return list(connection.execute(statement.order_by(record.c.iss, record.c.ver.desc())))


def set_state(connection: Connection, ids: Collection[int], state: str, *, gc: int | None = None) -> None:
    """Give versions another state."""
    values: dict[str, Any] = {"state": state}
    if gc is not None:
        values["gc"] = gc
    connection.execute(update(record).where(record.c.id.in_(list(ids))).values(**values))
    counts.changed(connection, ids)
    if state == attachments.SUPERSEDED:
        attachments.loosen(connection, ids)


def drop_facets(connection: Connection, row_id: int, kind: str, iss: str, facets: Facets) -> None:
    """Take a version out of the filters. The key of each facet is known, so no index by record is needed."""
    for field, value, day, _ in facet_values(row_id, kind, iss, facets):
        connection.execute(
            sql_delete(facet).where(
                facet.c.field == field, facet.c.value == value, facet.c.day == day, facet.c.record == row_id
            )
        )


def add_facets(connection: Connection, row_id: int, kind: str, iss: str, facets: Facets) -> None:
    """Put a version into the filters."""
    insert_rows(connection, facet, _FACET_COLUMNS, list(facet_values(row_id, kind, iss, facets)))


def complete_facets(connection: Connection, rows: Iterable[tuple[int, str, Collection[tuple[str, str]]]]) -> None:
    """Add the filter values that versions lack: (record, day, facets)."""
    for row_id, day, wanted in rows:
        there = connection.execute(
            select(facet.c.field, facet.c.value).where(
                facet.c.record == row_id, facet.c.field.in_(sorted({field for field, _ in wanted})),
                facet.c.value.in_(sorted({value for _, value in wanted})),
            )
        )  # fmt: skip
        missing = sorted(set(wanted) - {(row.field, row.value) for row in there})
        insert_rows(connection, facet, _FACET_COLUMNS, [(field, value, day, row_id) for field, value in missing])


def change_facets(connection: Connection, row_id: int, *, kind: str, iss: str, before: Facets, after: Facets) -> None:
    """Be found by other values: only those that differ are written."""
    old, new = (set(facet_values(row_id, kind, iss, facets)) for facets in (before, after))
    gone = [{"one": field, "two": value, "three": day, "four": row} for field, value, day, row in old - new]
    if gone:
        statement = sql_delete(facet).where(
            facet.c.field == bindparam("one"), facet.c.value == bindparam("two"), facet.c.day == bindparam("three"),
            facet.c.record == bindparam("four"),
        )  # fmt: skip
        connection.execute(statement, gone)
    insert_rows(connection, facet, _FACET_COLUMNS, sorted(new - old))


def replace_handling(connection: Connection, row_id: int, *, handling: str, gc: int) -> None:
    """Bind the holder of a version otherwise: after `tighten`."""
    keep_until, review_by = times(handling)
    connection.execute(
        update(record)
        .where(record.c.id == row_id)
        .values(handling=handling, gc=gc, keep_until=keep_until, review_by=review_by)
    )
    lines.rebind(connection, row_id, handling)
    counts.changed(connection, [row_id])


def replace_content(
    connection: Connection, row_id: int, *, disclosures: Sequence[str], mask: int, title: str, gc: int, handling: str,
    pending: bool, day: str | None,
) -> None:  # fmt: skip
    """Keep other disclosures of the same version: after `more` or `less`."""
    keep_until, review_by = times(handling)
    connection.execute(
        update(record)
        .where(record.c.id == row_id)
        .values(
            disclosures="~".join(disclosures), mask=f"{mask:x}", title=title, gc=gc, handling=handling,
            pending=pending, day=day, keep_until=keep_until, review_by=review_by,
        )
    )  # fmt: skip
    attachments.refer_anew(connection, row_id, disclosures)
    counts.changed(connection, [row_id])


def erase(connection: Connection, row_id: int, *, gc: int | None = None, state: str = WITHDRAWN) -> None:
    """Take the content of a version away; (iss, rid, ver, jh) stay. `state` says what took it."""
    values: dict[str, Any] = {
        "jwt": "", "disclosures": "", "mask": "0", "title": "", "day": None, "state": state, "pending": False,
        "keep_until": None, "review_by": None,
    }  # fmt: skip
    if gc is not None:
        values["gc"] = gc
    connection.execute(update(record).where(record.c.id == row_id).values(**values))
    attachments.unrefer(connection, row_id)
    counts.changed(connection, [row_id])


def reserve(
    connection: Connection, *, iss: str, rid: str, ver: int, jh: str, gc: int, now: int, state: str = WITHDRAWN,
    sch: str = "", kind: str = "", width: int = 0,
) -> None:  # fmt: skip
    """Remember a version that came without content to keep: its name and the grant counter, and in `state` why.

    `sch` says that a body was verified; without it there is only a sender's word that there is such a version.
    """
    followers.announce(connection)
    (row_id,) = allocate(connection, record, 1)
    blank = (
        row_id, iss, rid, ver, kind, sch, jh, "", "", "0", width, 0, None, "{}", "", None, state, False, gc, now, None,
        None,
    )  # fmt: skip
    insert_rows(connection, record, _COLUMNS, [blank])


def revive(
    connection: Connection, row_id: int, *, jwt: str, sch: str, kind: str, width: int, iat: int, prev: str | None,
    disclosures: Sequence[str], mask: int, title: str, gc: int, handling: str, pending: bool, day: str | None,
    accepted_at: int, state: str = "received",
) -> None:  # fmt: skip
    """Put content into a row that has another share of it, or none: the version keeps its row.

    `accepted_at` is when these signed bytes first came: a key that is revoked later counts by it.
    """
    keep_until, review_by = times(handling)
    connection.execute(
        update(record)
        .where(record.c.id == row_id)
        .values(
            jwt=jwt, sch=sch, kind=kind, width=width, iat=iat, prev=prev, disclosures="~".join(disclosures),
            mask=f"{mask:x}", title=title, gc=gc, handling=handling, pending=pending, day=day, state=state,
            keep_until=keep_until, review_by=review_by, accepted_at=accepted_at,
        )
    )  # fmt: skip
    counts.changed(connection, [row_id])


def put_in_place(connection: Connection, row_id: int, version: NewVersion, *, accepted_at: int) -> None:
    """Hold a version anew in the row that it has."""
    revive(
        connection, row_id, jwt=version.jwt, sch=version.sch, kind=version.kind, width=version.width, iat=version.iat,
        prev=version.prev, disclosures=version.disclosures, mask=version.mask, title=version.title, gc=version.gc,
        handling=version.handling, pending=version.pending, day=version.facets.day, state=version.state,
        accepted_at=accepted_at,
    )  # fmt: skip
    add_facets(connection, row_id, version.kind, version.iss, version.facets)


def delete(connection: Connection, row_id: int) -> None:
    """Remove a row whose version is about to be kept anew."""
    connection.execute(sql_delete(record).where(record.c.id == row_id))
    attachments.unrefer(connection, row_id)
    counts.changed(connection, [row_id])


def forget_words(connection: Connection, row_id: int) -> None:
    """Take a version out of what it is found by beyond filters: words, names, numbers and its line."""
    indexes.forget(connection, [row_id])


def bury(connection: Connection, *, iss: str, rid: str, ver: int, jwt: str, now: int) -> None:
    """Keep a tombstone; the first one stays."""
    if (
        connection.execute(select(tombstone.c.ver).where(tombstone.c.iss == iss, tombstone.c.rid == rid)).first()
        is None
    ):
        connection.execute(tombstone.insert().values(iss=iss, rid=rid, ver=ver, jwt=jwt, at=now))


def search(
    connection: Connection,
    *,
    filters: Mapping[str, Collection[str]],
    day_from: str | None = None,
    day_to: str | None = None,
    ids: Collection[int] | None = None,
    limit: int = 50,
    before: tuple[str, int] | None = None,
    now: int | None = None,
) -> list[Row[Any]]:
    """Versions in use that have one of the values in every filter, newest day first, then newest row.

    `before` is the (day, id) of the last row of the page before: keyset paging. `ids` narrows to rows that another
    index found; `now` to those whose time of keeping is not over.
    """
    wanted = searching.Wanted(filters=filters, day_from=day_from, day_to=day_to, ids=ids)
    found: list[Row[Any]] = []
    while len(found) < limit:
        places = searching.places(connection, wanted, limit=limit, before=before)
        there = in_use(connection, [row_id for _, row_id in places], now=now)
        found.extend(there[row_id] for _, row_id in places if row_id in there)
        if len(places) < limit:
            break
        before = places[-1]
    return found[:limit]


def in_use(connection: Connection, ids: Sequence[int], *, now: int | None = None) -> dict[int, Row[Any]]:
    """Those of these versions that are in use, and with `now` in time, by their row."""
    found: dict[int, Row[Any]] = {}
    for some in parts(ids):
        statement = visible().where(record.c.id.in_(some))
        rows = connection.execute(statement if now is None else statement.where(in_time(now)))
        found |= {row.id: row for row in rows}
    return found


def count_by_state(connection: Connection, *, now: int | None = None) -> dict[str, int]:
    """How many versions are in each state; with `now`, without those whose time of keeping is over."""
    statement = select(_STATE, func.count()).group_by(_STATE)
    rows = connection.execute(statement if now is None else statement.where(in_time(now)))
    return {row[0]: row[1] for row in rows}
