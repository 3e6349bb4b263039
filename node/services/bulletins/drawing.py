"""Draw a bulletin as a draft: figures copied from published tables that this node holds, and an analyst's texts.

A figure is frozen: its cells are those of the edition as it is held now, with the hash of what was copied. What the
edition leaves out is left out here. Only editions whose handling allows the purpose `statistics` are copied from; a
bulletin goes on to others, so it is never drawn from an edition that may not be passed on.

Left to others: the release, which signs and grants as with every record (`publishing`), and the page (`page`). Trust:
texts are the analyst's own; that they name nobody only a person can say.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from crypto import b64
from federation.errors import NotFound
from federation.grants import ANY_MEMBER, STATISTICS_PURPOSE, Action
from federation.records import get_schema
from federation.records.facts import mapping
from federation.records.statistics import TABLES
from node.services import bodies, search, showing
from node.storage import audit, drafts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from node.storage.database import Database

KIND: Final = "bulletin"
SCHEMA: Final = "bulletin/1"
STATISTICS: Final = "statistics"
MAX_EDITIONS: Final = 20
Translations = tuple[tuple[str, str], ...]
"""(language, text) pairs."""


class BulletinRefused(Exception):  # noqa: N818 - the name is the sentence
    """Nothing was drawn; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a template: which table, how it is drawn, and its title in the languages there are."""

    table: str
    chart: str
    title: Translations


TRADE_REPORT: Final = (
    Figure(table="by_month", chart="columns", title=(("en", "Cases by month"), ("fr", "Affaires par mois"))),
    Figure(table="by_category", chart="bars", title=(("en", "Cases by category"), ("fr", "Affaires par catégorie"))),
    Figure(table="by_origin", chart="map", title=(("en", "Where goods came from"), ("fr", "D'où venaient les biens"))),
    Figure(table="by_origin", chart="bars", title=(("en", "Cases by origin"), ("fr", "Affaires par origine"))),
    Figure(table="by_destination", chart="bars", title=(("en", "By destination"), ("fr", "Par destination"))),
    Figure(table="by_conveyance", chart="bars", title=(("en", "By conveyance"), ("fr", "Par moyen de transport"))),
    Figure(table="by_procedure", chart="bars", title=(("en", "By procedure"), ("fr", "Par régime douanier"))),
    Figure(table="by_right", chart="bars", title=(("en", "By kind of right"), ("fr", "Par type de droit"))),
    Figure(
        table="category_by_origin", chart="table", title=(("en", "Category and origin"), ("fr", "Catégorie et origine"))
    ),
)
"""The set of tables and figures of the WCO's Illicit Trade Report, as far as the published tables have them."""
TEMPLATES: Final = {"trade-report": TRADE_REPORT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A text of the bulletin, and what stands above it."""

    text: Translations
    heading: Translations = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is to be drawn: editions by own reference or id, in the order in which their figures stand."""

    title: Translations
    editions: Sequence[str]
    sections: Sequence[Section] = ()
    no_names: bool = False
    """The analyst's word that the texts name nobody."""
    template: str = "trade-report"
    reference: str | None = None
    """None: BULLETIN- with the year and a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The draft that was made."""

    reference: str
    title: str
    figures: int
    left_out: tuple[str, ...]
    """Tables of the template that no edition has."""

    def to_json(self) -> dict[str, Any]:
        """The members for the API and `--json`."""
        return {
            "reference": self.reference, "title": self.title, "figures": self.figures, "left_out": list(self.left_out)
        }  # fmt: skip


def draw(database: Database, wishes: Wishes, *, node: str, by: str, now: int) -> Drawn:
    """Keep a bulletin as a draft, and log what it was drawn from. Raises `BulletinRefused` and `NotFound`."""
    if wishes.template not in TEMPLATES:
        raise BulletinRefused(f"template: is one of {', '.join(TEMPLATES)}")
    if not 0 < len(wishes.editions) <= MAX_EDITIONS:
        raise BulletinRefused(f"edition: name from 1 to {MAX_EDITIONS} published editions")
    if wishes.sections and not wishes.no_names:
        raise BulletinRefused("texts: nobody has said that they name no person and no firm; read them again and say so")
    with database.write() as connection:
        rows = [_edition(connection, name, node=node, now=now) for name in wishes.editions]
        held = [bodies.read_row(row)[0] for row in rows]
        figures, left_out = _figures(TEMPLATES[wishes.template], held)
        if not figures:
            raise BulletinRefused("the editions have none of the tables of this template: it would be empty")
        groups = get_schema(SCHEMA).prepare(
            {"about": _about(wishes, rows, held, node=node, now=now), "figures": figures, **_texts(wishes)}
        )
        report = get_schema(SCHEMA).validate(groups)
        if report.errors:
            raise BulletinRefused("\n".join(f"{one.path}: {one.wrong}; {one.remedy}" for one in report.errors))
        reference = wishes.reference or _next(connection, node, now)
        before = drafts.find(connection, node, KIND, [reference]).get(reference)
        new = drafts.NewDraft(
            kind=KIND, administration=node, reference=reference, groups=groups, content_hash=_hash(groups),
            source=KIND, warnings=len(report.warnings),
        )  # fmt: skip
        if before is None:
            drafts.put(connection, [new], now=now)
        elif before.content_hash != new.content_hash:
            drafts.change(connection, before, new, now=now)
        audit.log(
            connection,
            [
                audit.Disclosure(
                    at=now, action="view", actor=by, iss=row.iss, rid=row.rid, ver=row.ver,
                    groups=",".join(sorted(one)), purpose=STATISTICS_PURPOSE, detail='{"bulletin":true}',
                )
                for row, one in zip(rows, held, strict=True)
            ],
        )  # fmt: skip
    return Drawn(
        reference=reference, title=get_schema(SCHEMA).title(groups), figures=len(figures), left_out=tuple(left_out)
    )


def _edition(connection: Connection, name: str, *, node: str, now: int) -> Row[Any]:
    own = drafts.find(connection, node, STATISTICS, [name]).get(name)
    row = showing.in_use(connection, rid=name if own is None else own.rid, iss=None if own is None else node)
    if row.kind != STATISTICS:
        raise NotFound(
            "that record is no published statistics; `tidewaiter search --filter kind=statistics` finds them"
        )
    handling, verdict = search.allowed(row, Action.STATISTICS, STATISTICS_PURPOSE, now=now)
    if not verdict or handling is None:
        raise BulletinRefused(f"edition: {row.iss} {row.rid}: {verdict.reason}")
    if row.iss != node and handling.onward != ANY_MEMBER:
        raise BulletinRefused(
            f"edition: {row.iss} {row.rid} may not be passed on (onward {handling.onward}); a bulletin goes to others"
        )
    return row


def _figures(
    template: Sequence[Figure], held: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:  # fmt: skip
    """The figures of the template, of every edition that has their table."""
    figures: list[dict[str, Any]] = []
    left_out = []
    for wanted in template:
        there = [at for at, groups in enumerate(held) if wanted.table in groups]
        left_out += [] if there else [wanted.table]
        for at in there:
            table = mapping(held[at][wanted.table])
            figures.append(
                {
                    "id": f"{len(figures) + 1}",
                    "title": [{"lang": lang, "by": "author", "text": text} for lang, text in wanted.title],
                    "source": at, "table": wanted.table, "dims": list(TABLES[wanted.table]),
                    "measure": table["measure"], "chart": wanted.chart, "cells": table["cells"],
                }
            )  # fmt: skip
    return figures, left_out


def _about(
    wishes: Wishes, rows: Sequence[Row[Any]], held: Sequence[Mapping[str, Any]], *, node: str, now: int
) -> dict[str, Any]:
    told = [mapping(groups.get("about")) for groups in held]
    periods = [mapping(one.get("period")) for one in told]
    return {
        "title": _said(wishes.title),
        "period": {
            "from": min(str(one["from"]) for one in periods), "to": max(str(one["to"]) for one in periods)
        },
        "as_of": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": node,
        "template": wishes.template,
        "caveat": str(told[0]["caveat"]),
        "sources": [
            {"iss": row.iss, "rid": row.rid, "ver": row.ver, "jh": row.jh, "title": row.title} for row in rows
        ],
    }  # fmt: skip


def _texts(wishes: Wishes) -> dict[str, Any]:
    if not wishes.sections:
        return {}
    sections = [
        {"text": _said(one.text)} | ({"heading": _said(one.heading)} if one.heading else {}) for one in wishes.sections
    ]
    return {"texts": {"sections": sections, "no_names": True}}


def _said(texts: Translations) -> list[dict[str, str]]:
    return [{"lang": lang, "by": "author", "text": text} for lang, text in texts]


def _next(connection: Connection, node: str, now: int) -> str:
    year = datetime.fromtimestamp(now, UTC).year
    number = 1
    while drafts.find(connection, node, KIND, [f"BULLETIN-{year}-{number}"]):
        number += 1
    return f"BULLETIN-{year}-{number}"


def _hash(groups: Mapping[str, Any]) -> str:
    about = {name: value for name, value in groups["about"].items() if name != "as_of"}
    said = orjson.dumps({**groups, "about": about}, option=orjson.OPT_SORT_KEYS)
    return b64.encode(hashlib.sha256(said).digest())
