"""Where a figure comes from: each member's share of it, and the records behind it, counted anew from what they signed.

A cell of a table is traced to the contributions of the issuers, measure by measure, from the records themselves and not
from the sums: that both agree is told with it. The records are named to who may view them for statistics; the others
are a number. Logged with what was named.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.errors import NotFound
from federation.grants import STATISTICS_PURPOSE, Action
from node.services import search
from node.services.search import CriteriaRefused
from node.services.statistics import counting, following, sources, tables
from node.services.statistics.counting import MEASURES, TOTAL
from node.services.statistics.tables import CATALOGUE, decimal
from node.storage import audit, dump, records, tasks
from node.storage.tables import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.services.statistics.sources import Filters
    from node.storage.database import Database

MAX_NAMED: Final = 500
MAX_VALUE: Final = 200
Measure = tuple[str, str]
"""(measure, unit)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One record behind a figure, with what it adds."""

    iss: str
    rid: str
    ver: int
    title: str
    adds: Mapping[Measure, int]

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {"iss": self.iss, "rid": self.rid, "ver": self.ver, "title": self.title, "adds": _told(self.adds)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A figure by who contributed it. Numbers in thousandths."""

    table: str
    value: str | None
    """None for the total."""
    members: Mapping[str, Mapping[Measure, int]]
    parts: tuple[Part, ...]
    not_named: int
    """Records that are behind it and not named: beyond the limit, or not to be viewed for this."""
    agrees: bool
    """Whether the table has the same figures."""
    waiting: int
    """Versions that are held and not counted yet: until they are, the two may differ."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        value = {} if self.value is None else {"value": self.value}
        return {
            "table": self.table, **value,
            "members": [{"node": node, "adds": _told(adds)} for node, adds in self.members.items()],
            "records": [part.to_json() for part in self.parts], "not_named": self.not_named, "agrees": self.agrees,
            "waiting": self.waiting,
        }  # fmt: skip


def trace(
    database: Database, name: str, value: str | None, filters: Filters, *, limit: int = 100, by: str, now: int
) -> Trace:  # fmt: skip
    """Trace the cell of a value, or with None the total of a table. Raises `NotFound` and `CriteriaRefused`."""
    if name not in CATALOGUE:
        raise NotFound("the catalogue has no such table; tidewaiter stats list names them")
    if value is not None and not 0 < len(value) <= MAX_VALUE:
        raise CriteriaRefused("value", f"has from 1 to {MAX_VALUE} characters, as the table writes it")
    if not 1 <= limit <= MAX_NAMED:
        raise CriteriaRefused("limit", f"is a number from 1 to {MAX_NAMED}")
    tables.check(filters)
    while following.follow(database, now=now):
        pass
    wanted = (TOTAL, "") if value is None else (CATALOGUE[name], value)
    members: defaultdict[str, Counter[Measure]] = defaultdict(Counter)
    parts: list[Part] = []
    behind = 0
    # One moment for both counts, and a look that holds up nobody who writes.
    with dump.one_look(database) as connection:
        chosen = records.visible().where(record.c.kind == following.KIND).order_by(record.c.id.desc())
        rows = connection.execute(chosen.execution_options(yield_per=following.BATCH))
        for row, groups in following.countable(connection, rows, now):
            found = counting.contribution(groups, node=row.iss)
            adds = {(measure, unit): n for dim, one, measure, unit, n in found.rows if (dim, one) == wanted}
            if not adds or not sources.passes(filters, found.month, found.node, found.administration):
                continue
            members[row.iss].update(adds)
            behind += 1
            if len(parts) < limit and search.allowed(row, Action.VIEW, STATISTICS_PURPOSE, now=now)[1]:
                parts.append(Part(iss=row.iss, rid=row.rid, ver=row.ver, title=row.title, adds=adds))
        summed: Counter[Measure] = Counter()
        for own in members.values():
            summed.update(own)
        figures = sources.Stored(connection).figures(CATALOGUE[name], filters, by_month=False)
        stored = {(one.measure, one.unit): one.n for one in figures if (one.dim, one.value) == wanted}
        waiting = following.behind(connection)
    with database.write() as connection:
        detail = {
            "trace": name, "value": value, "from": filters.from_, "to": filters.to,
            "hits": [f"{part.iss}/{part.rid}/{part.ver}" for part in parts],
        }  # fmt: skip
        told = json.dumps({key: one for key, one in detail.items() if one is not None}, ensure_ascii=False)
        row_of_log = audit.Disclosure(at=now, action="statistics", actor=by, purpose=STATISTICS_PURPOSE, detail=told)
        audit.log(connection, [row_of_log])
        tasks.remember_glimpses(connection, [(part.iss, part.rid) for part in parts], by)
    return Trace(
        table=name, value=value, members=dict(sorted(members.items())), parts=tuple(parts),
        not_named=behind - len(parts), agrees={key: n for key, n in summed.items() if n} == stored, waiting=waiting,
    )  # fmt: skip


def _told(adds: Mapping[Measure, int]) -> list[dict[str, str]]:
    ordered = sorted(adds.items(), key=lambda item: (MEASURES.index(item[0][0]), item[0][1]))
    return [{"measure": measure, "unit": unit, "n": decimal(n)} for (measure, unit), n in ordered]
