"""Draw an edition of published statistics as a draft: counted, protected against all that is out, and then kept.

An edition is about a period. Everything that was ever drawn about the same period, under whatever reference, is asked
when a new version is protected, also when it was recalled: who has read it still knows it. Two periods that overlap
without being the same could be subtracted from each other, and so could two scopes; the second of them is refused. When
nothing protects, nothing is published, and the draft stays as it was.

Left to others: counting (`crossing`), the choice of what is left out (`suppression`), and the release, which signs and
grants as with every other record (`publishing`). Trust: whoever may read this node's database knows all figures.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from crypto import b64
from federation.records import get_schema
from federation.records.statistics import CATALOGUE, MEASURE, TABLES, TOTAL
from node.services.statistics import crossing
from node.services.statistics.crossing import DIMENSIONS, Period
from node.services.statistics.suppression import Earlier, Pattern, Rules, suppress
from node.storage import drafts, publications, recalls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from node.services.statistics.suppression import Cell, Key
    from node.storage.database import Database
    from node.storage.publications import Drawn

KIND: Final = "statistics"
SCHEMA: Final = "statistics/1"
LEAST_THRESHOLD: Final = 3
"""With two contributors each knows the other's figure."""
MAX_MONTHS: Final = 120
MAX_REFERENCE: Final = 200
MAX_BYTES: Final = 150_000
"""Of all tables together: a signed record has 256 KiB, in which they stand a third longer."""
CAVEAT: Final = (
    "Reporting is voluntary, and more seizures can mean better officers, not more trade. Cases are counted, each once "
    "in a table. A cell that is not listed is 0; a cell that is suppressed would show, or help to show, what a single "
    "contributor reported. What was not granted is counted as unknown."
)
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
Scope = Literal["own", "held"]


class PublicationRefused(Exception):  # noqa: N818 - the name is the sentence
    """Nothing was drawn; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is to be published. `scope`: this node's own records, or all that it holds and may count."""

    first: str
    last: str
    scope: Scope = "own"
    reference: str | None = None
    """None: STAT- with the period."""
    title: str | None = None
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The draft, and what disclosure control did to it. Cells are counted over all tables, each once."""

    reference: str
    ver: int
    outcome: Literal["created", "changed", "unchanged"]
    cases: int
    cells: int
    """Cells that are not 0."""
    primary: int
    secondary: int

    def to_json(self) -> dict[str, Any]:
        """The members for the API and `--json`."""
        return {
            "reference": self.reference, "version": self.ver, "outcome": self.outcome, "cases": self.cases,
            "cells": self.cells, "primary": self.primary, "secondary": self.secondary,
        }  # fmt: skip


def draw(database: Database, wishes: Wishes, *, node: str, now: int) -> Edition:
    """Count, protect, and keep the edition as a draft, or as the next version of what is out.

    Raises `PublicationRefused`. `now` in seconds.
    """
    period, reference = _checked(wishes)
    with database.read() as connection:
        counted = crossing.count(connection, period, node=node, own=wishes.scope == "own", now=now)
    root = (TOTAL,) * len(DIMENSIONS)
    if root not in counted.cells:
        raise PublicationRefused(
            f"no case from {period.first} to {period.last} may be counted; `tidewaiter stats table by-month` shows "
            "where there are some"
        )
    with database.write() as connection:
        publications.lock(connection)
        before = drafts.find(connection, node, KIND, [reference]).get(reference)
        if before is not None and recalls.get(connection, node, before.rid) is not None:
            raise PublicationRefused(f"{reference} was recalled, which ends it; choose another --reference")
        ver = 1 if before is None else before.ver + 1 if before.state == "released" else before.ver
        earlier = _earlier(connection, wishes, reference=reference, ver=ver)
        known = {key for one in earlier for key in (*one.values, *one.widths, *one.secondary)}
        tables = crossing.catalogue({*counted.cells, *known})
        cells = crossing.cells_of(tables, counted)
        pattern = suppress(tables, cells, wishes.rules, earlier=[_as_earlier(one, cells) for one in earlier])
        if pattern.withheld:
            raise PublicationRefused(
                "nothing is published: no choice of cells protects what is sensitive in these tables"
                + (" against the versions that are out" if earlier else "")
                + "; choose a longer period, or wait until more is reported"
            )
        if all(key in pattern.suppressed for key, cell in cells.items() if cell.value):
            raise PublicationRefused(
                "nothing is published: every cell would be left out, because too few stand behind these tables; choose "
                "a longer period"
            )
        groups = get_schema(SCHEMA).prepare(
            {
                "about": _about(wishes, period, coverage=counted.coverage, node=node, now=now),
                **_tables(cells, pattern),
            }
        )
        report = get_schema(SCHEMA).validate(groups)
        if report.errors:
            raise PublicationRefused("; ".join(f"{one.path}: {one.wrong}; {one.remedy}" for one in report.errors))
        if len(orjson.dumps(groups)) > MAX_BYTES:
            raise PublicationRefused("the tables are larger than a record can be; choose a shorter period")
        new = drafts.NewDraft(
            kind=KIND, administration=node, reference=reference, groups=groups, content_hash=_hash(groups),
            source=KIND, warnings=len(report.warnings),
        )  # fmt: skip
        outcome: Literal["created", "changed", "unchanged"] = "created"
        if before is not None:
            outcome = "unchanged" if before.content_hash == new.content_hash else "changed"
        if outcome != "unchanged":
            if before is None:
                drafts.put(connection, [new], now=now)
            else:
                drafts.change(connection, before, new, now=now)
            values = {key: cell.value for key, cell in cells.items() if cell.value}
            kept = publications.Drawn(
                first=period.first, last=period.last, scope=wishes.scope, reference=reference, ver=ver, values=values,
                widths=pattern.primary, secondary=pattern.secondary,
            )  # fmt: skip
            publications.put(connection, kept, now=now)
    return Edition(
        reference=reference, ver=ver if before is None or outcome != "unchanged" else before.ver, outcome=outcome,
        cases=cells[root].value, cells=sum(cell.value > 0 for cell in cells.values()), primary=len(pattern.primary),
        secondary=len(pattern.secondary),
    )  # fmt: skip


def _checked(wishes: Wishes) -> tuple[Period, str]:
    for name, month in (("from", wishes.first), ("to", wishes.last)):
        if not _MONTH.fullmatch(month):
            raise PublicationRefused(f"{name}: is a month, such as 2025-03")
    months = (int(wishes.last[:4]) - int(wishes.first[:4])) * 12 + int(wishes.last[5:]) - int(wishes.first[5:]) + 1
    if not 1 <= months <= MAX_MONTHS:
        raise PublicationRefused(f"to: is not before from, and a period has at most {MAX_MONTHS} months")
    if wishes.rules.threshold < LEAST_THRESHOLD:
        raise PublicationRefused(f"threshold: is at least {LEAST_THRESHOLD}: of two contributors each knows the other")
    reference = wishes.reference or _named(wishes.first, wishes.last)
    if not (reference.strip() and reference.isprintable() and len(reference) <= MAX_REFERENCE):
        raise PublicationRefused(f"reference: has from 1 to {MAX_REFERENCE} printable characters")
    return Period(first=wishes.first, last=wishes.last), reference


def _named(first: str, last: str) -> str:
    """The reference of a period.

    >>> _named("2025-01", "2025-12"), _named("2025-03", "2025-03"), _named("2025-01", "2025-03")
    ('STAT-2025', 'STAT-2025-03', 'STAT-2025-01-2025-03')
    """
    if first[:4] == last[:4] and (first[5:], last[5:]) == ("01", "12"):
        return f"STAT-{first[:4]}"
    return f"STAT-{first}" if first == last else f"STAT-{first}-{last}"


def _earlier(connection: Connection, wishes: Wishes, *, reference: str, ver: int) -> Sequence[Drawn]:
    """What was drawn about this period before, without the draft whose place this takes."""
    there = publications.touching(connection, wishes.first, wishes.last)
    same = publications.of_reference(connection, reference)
    others = [one for one in (*there, *same) if (one.reference, one.ver) != (reference, ver)]
    for one in others:
        if (one.first, one.last) != (wishes.first, wishes.last):
            why = "who subtracts one from the other sees what is left out; choose that period, or one apart from it"
            if one.reference == reference:
                why = "a new version is about the same period; choose another --reference"
            raise PublicationRefused(f"{one.reference} is about {one.first} to {one.last}: {why}")
        if one.scope != wishes.scope:
            raise PublicationRefused(
                f"{one.reference} counts what is {one.scope} in this period: the difference to another scope would "
                "show single contributors; choose the same scope"
            )
    return [one for one in there if (one.reference, one.ver) != (reference, ver)]


def _as_earlier(drawn: Drawn, cells: Mapping[Key, Cell]) -> Earlier:
    """A cell with a code that this version did not know yet was 0 in it, and published as such."""
    pattern = Pattern(
        primary=drawn.widths, secondary=drawn.secondary, withheld=False, cells=len(cells), primary_value=0,
        secondary_value=0, total_value=0,
    )  # fmt: skip
    return Earlier(values={key: drawn.values.get(key, 0) for key in cells}, pattern=pattern)


def _about(
    wishes: Wishes, period: Period, *, coverage: Sequence[str], node: str, now: int
) -> dict[str, Any]:  # fmt: skip
    rules = wishes.rules
    control: dict[str, Any] = {
        "contributor": "holder" if wishes.scope == "own" else "member",
        "threshold": rules.threshold,
        "width": rules.width_percent,
    }
    if rules.dominance:
        control["dominance"] = {"n": rules.dominance[0], "k": rules.dominance[1]}
    if rules.p_percent:
        control["p"] = rules.p_percent
    title = wishes.title or "Seizures of goods that infringe intellectual property rights"
    return {
        "title": [{"lang": "en", "by": "author", "text": title}],
        "period": {"from": period.first, "to": period.last},
        "catalogue": CATALOGUE,
        "as_of": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": node,
        "scope": wishes.scope,
        "coverage": list(coverage),
        "caveat": CAVEAT,
        "control": control,
    }


def _tables(cells: Mapping[Key, Cell], pattern: Pattern) -> dict[str, Any]:
    """Each table from what is published alone: a suppressed cell brings its key and nothing of its value."""
    found = {}
    suppressed = pattern.suppressed
    for name, dims in TABLES.items():
        places = [DIMENSIONS.index(dim) for dim in dims]
        shown = []
        for key, cell in sorted(cells.items()):
            if any(code != TOTAL for at, code in enumerate(key) if at not in places):
                continue
            codes = [key[at] for at in places]
            if key in suppressed:
                shown.append({"key": codes, "suppressed": True})
            elif cell.value:
                shown.append({"key": codes, "n": str(cell.value)})
        found[name] = {"dims": list(dims), "measure": MEASURE, "cells": shown}
    return found


def _hash(groups: Mapping[str, Any]) -> str:
    """The hash of what is said: the same figures of another day are no new version."""
    about = {name: value for name, value in groups["about"].items() if name != "as_of"}
    said = orjson.dumps({**groups, "about": about}, option=orjson.OPT_SORT_KEYS)
    return b64.encode(hashlib.sha256(said).digest())
