"""`bulletin/1`: figures that are frozen, and what an analyst says about them, in several languages.

Nothing in it is nominal: figures are copies of published tables (`statistics`), and who writes the texts confirms with
`no_names` that they name nobody::

    about    {title: Text, period: {from: month, to: month}, as_of: time, by: administration, template: text,
              caveat: text, sources: [{iss, rid, ver: int, jh: digest, title}]}
    texts    {sections: [{heading: Text, text: Text}], no_names: true}
    figures  [{id, title: Text, source: int, table, dims: [..], measure: cases, chart: bars | columns | map | table,
               cells: as in statistics}]

`source` counts in `sources` from 0: every figure is traced to the edition, by its hash, from which it was copied.

Left to others: copying (the node) and the page that people read. Trust: a reader believes the issuer's words; whoever
holds an edition compares the cells with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from federation.records import titles
from federation.records.checks import Findings, integer, listed, members, only_true, pattern, text
from federation.records.facts import Facts, mapping, objects
from federation.records.model import Schema
from federation.records.parts import administration
from federation.records.statistics import MEASURE, TABLES, cell
from federation.records.values import MAX_INTEGER, digest, first_day, moment, translations, uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

CHARTS: Final = ("bars", "columns", "map", "table")
MAX_SOURCES: Final = 50

_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_month: Final = pattern(_MONTH, what="a month", remedy="write YYYY-MM")


def _word(*words: str) -> Any:
    form = re.compile("|".join(map(re.escape, words)))
    return pattern(form, what=f"one of {', '.join(words)}", remedy=f"write one of {', '.join(words)}")


_FIELDS: Final = {
    "about": members(
        {
            "title": translations,
            "period": members({"from": _month, "to": _month}, "from", "to"),
            "as_of": moment,
            "by": administration,
            "template": text,
            "caveat": text,
            "sources": listed(
                members(
                    {
                        "iss": administration,
                        "rid": uuid,
                        "ver": integer(1, MAX_INTEGER, what="a version"),
                        "jh": digest,
                        "title": text,
                    },
                    "iss", "rid", "ver", "jh",
                )
            ),
        },
        "title", "period", "as_of", "by", "caveat",
    ),
    "texts": members(
        {"sections": listed(members({"heading": translations, "text": translations}, "text")), "no_names": only_true},
        "sections", "no_names",
    ),
    "figures": listed(
        members(
            {
                "id": text,
                "title": translations,
                "source": integer(0, MAX_SOURCES - 1, what="the place of a source"),
                "table": _word(*TABLES),
                "dims": listed(text),
                "measure": _word(MEASURE),
                "chart": _word(*CHARTS),
                "cells": listed(cell),
            },
            "id", "title", "source", "table", "dims", "measure", "chart", "cells",
        )
    ),
}  # fmt: skip


def _figures_have_their_source(groups: Mapping[str, Any], found: Findings) -> None:
    """Refuse a figure that is traced to nothing, and two of one id."""
    sources = list(objects(mapping(groups.get("about")).get("sources")))
    seen: set[str] = set()
    for at, figure in enumerate(objects(groups.get("figures"))):
        where = ((None, "figures"), at)
        source, id_ = figure.get("source"), figure.get("id")
        if type(source) is int and source >= len(sources):
            found.error((where, "source"), source, "is no source of this bulletin", "name one of about.sources")
        if isinstance(id_, str) and id_ in seen:
            found.error((where, "id"), id_, "stands twice", "give each figure an id of its own")
        seen.add(str(id_))


def _facts(groups: Mapping[str, Any]) -> Facts:
    """Read the period: a bulletin is found by its first day."""
    return Facts(occurred=first_day(mapping(mapping(groups.get("about")).get("period")).get("from")))


BULLETIN: Final = Schema(
    id="bulletin/1",
    kind="bulletin",
    fields=_FIELDS,
    required=("about",),
    minimal=frozenset({"about", "figures"}),
    rules=(_figures_have_their_source,),
    facts=_facts,
    summary=titles.of_bulletin,
)
"""The bulletin, version 1."""
