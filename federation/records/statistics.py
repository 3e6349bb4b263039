"""`statistics/1`: published tables about a period. Each table is a group, so each is granted by itself.

No group is nominal, and none can name anybody: a key holds codes alone, and what is sensitive was left out before the
record was signed. A cell that is not listed is 0. A cell that is not published has its key and `suppressed`, and
nothing says why: what is sensitive itself and what only hides it look the same::

    about     {title: Text, period: {from: month, to: month}, catalogue: int, as_of: time, by: administration,
               scope: own | held, coverage: [administration], caveat: text,
               control: {contributor: holder | member, threshold: int, width: int, dominance?: {n: int, k: int},
                         p?: int}}
    a table   {dims: [..], measure: cases, cells: [{key: [..], n: decimal} | {key: [..], suppressed: true}]}

The tables are those of `TABLES`, in the version `CATALOGUE` of the catalogue; two tables that show one dimension share
its margin. In a key `_T` stands for the total of a dimension. All cells of a table add up to its totals, because a case
counts once in each table: for its only value of a dimension, under `(several)`, `(unknown)`, or, where its value is in
no list of codes, `(other)`.

Left to others: what is counted and what is left out (the node). Trust: a reader believes the issuer's figures; the
signature says whose they are.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from federation.records import titles
from federation.records.checks import Check, Findings, Path, integer, listed, members, only_true, pattern, text
from federation.records.facts import Facts, mapping
from federation.records.model import Schema
from federation.records.parts import administration
from federation.records.values import decimal, first_day, moment, translations

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOGUE: Final = 1
"""Rises when a table is added or counts otherwise: editions of two versions are not compared."""
TABLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "by_month": ("month",),
        "by_category": ("category",),
        "by_right": ("right",),
        "by_origin": ("origin",),
        "by_destination": ("destination",),
        "by_conveyance": ("conveyance",),
        "by_procedure": ("procedure",),
        "category_by_month": ("category", "month"),
        "category_by_origin": ("category", "origin"),
        "category_by_destination": ("category", "destination"),
        "category_by_conveyance": ("category", "conveyance"),
        "category_by_procedure": ("category", "procedure"),
    }
)
"""Each table with its dimensions. No dimension may follow from another, as a category does from an HS chapter: who
knows how would carry a figure from one table into another, where it is left out."""
TOTAL: Final = "_T"
"""The total of a dimension, in a key."""
MEASURE: Final = "cases"
SCOPES: Final = ("own", "held")
CONTRIBUTORS: Final = ("holder", "member")

_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}|\((?:unknown|several|other)\)", re.ASCII)
_month: Final = pattern(_MONTH, what="a month", remedy="write YYYY-MM")
_code: Final = pattern(_CODE, what="a code", remedy="write a code of the table's dimension, or _T for the total")
_cell_members: Final = members({"key": listed(_code), "n": decimal, "suppressed": only_true}, "key")


def _one_of(*words: str) -> Check:
    form = re.compile("|".join(map(re.escape, words)))
    return pattern(form, what=f"one of {', '.join(words)}", remedy=f"write one of {', '.join(words)}")


def cell(value: Any, path: Path, found: Findings) -> None:
    """Check one cell: its key, and either a figure or that it is suppressed."""
    _cell_members(value, path, found)
    if type(value) is dict and value and ("n" in value) == ("suppressed" in value):
        found.error(path, None, "has a figure and is suppressed, or neither", "give either n or suppressed")


def _table(dims: tuple[str, ...]) -> Check:
    """Make a check for the table of these dimensions: each cell once, with a code for each dimension."""
    check = members(
        {"dims": listed(text), "measure": _one_of(MEASURE), "cells": listed(cell)}, "dims", "measure", "cells"
    )

    def checked(value: Any, path: Path, found: Findings) -> None:
        check(value, path, found)
        if type(value) is not dict:
            return
        if "dims" in value and value["dims"] != list(dims):
            found.error((path, "dims"), value["dims"], "are not those of this table", f"write {', '.join(dims)}")
        seen: set[tuple[str, ...]] = set()
        cells = value.get("cells")
        for at, cell in enumerate(cells if isinstance(cells, list) else []):
            key = mapping(cell).get("key")
            if not isinstance(key, list) or not all(isinstance(code, str) for code in key):
                continue
            where = (((path, "cells"), at), "key")
            if len(key) != len(dims):
                found.error(where, key, "has not one code for each dimension", f"give {len(dims)}")
            elif tuple(key) in seen:
                found.error(where, key, "stands twice in this table", "give each cell once")
            seen.add(tuple(key))

    return checked


_PERCENT: Final = integer(1, 100, what="a percentage")
_CONTRIBUTORS: Final = integer(1, 1000, what="a number of contributors")
_FIELDS: Final[dict[str, Check]] = {
    "about": members(
        {
            "title": translations,
            "period": members({"from": _month, "to": _month}, "from", "to"),
            "catalogue": integer(CATALOGUE, CATALOGUE, what="the version of this catalogue"),
            "as_of": moment,
            "by": administration,
            "scope": _one_of(*SCOPES),
            "coverage": listed(administration),
            "caveat": text,
            "control": members(
                {
                    "contributor": _one_of(*CONTRIBUTORS),
                    "threshold": _CONTRIBUTORS,
                    "width": _PERCENT,
                    "dominance": members({"n": _CONTRIBUTORS, "k": _PERCENT}, "n", "k"),
                    "p": _PERCENT,
                },
                "contributor", "threshold", "width",
            ),
        },
        "title", "period", "catalogue", "as_of", "by", "scope", "coverage", "caveat", "control",
    ),
    **{name: _table(dims) for name, dims in TABLES.items()},
}  # fmt: skip


def _has_tables_of_a_period(groups: Mapping[str, Any], found: Findings) -> None:
    """Refuse an edition without a table, and a period that ends before it begins."""
    if not groups.keys() & TABLES.keys():
        found.error((None, "by_month"), None, "and every other table are missing", "an edition has at least one table")
    period = mapping(mapping(groups.get("about")).get("period"))
    start, end = period.get("from"), period.get("to")
    if isinstance(start, str) and isinstance(end, str) and end < start:
        found.error((((None, "about"), "period"), "to"), end, "is before the beginning", "exchange the two")


def _facts(groups: Mapping[str, Any]) -> Facts:
    """Read the period: an edition is found by its first day. What stands in tables is no facet."""
    period = mapping(mapping(groups.get("about")).get("period"))
    return Facts(occurred=first_day(period.get("from")))


STATISTICS: Final = Schema(
    id="statistics/1",
    kind="statistics",
    fields=_FIELDS,
    required=("about",),
    minimal=frozenset({"about"}),
    rules=(_has_tables_of_a_period,),
    facts=_facts,
    summary=titles.of_statistics,
)
"""Published statistics, version 1."""
