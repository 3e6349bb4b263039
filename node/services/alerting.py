"""Draw up an alert as a draft: from a seizure of this node, from what an officer says, or from both.

From a seizure an alert takes what others need to recognise the next one: goods, rights, route, conveyance, concealment.
It never takes persons, companies, documents or the narrative, and no reference; it links to the record only once that
is released. What the officer says replaces what the seizure says. Publishing is `publishing.Publisher.release`.

Trust: texts are the officer's own. That they hold no names only a person can say, so `texts` need that person's word.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, func, select

from crypto import b64
from federation.errors import NotFound
from federation.records import Fault, get_schema
from node.storage import drafts, records
from node.storage.tables import draft, record

if TYPE_CHECKING:
    from node.storage.database import Database

SCHEMA: Final = "alert/1"
HS_EDITION: Final = "2022"
Translations = Sequence[tuple[str, str]]
"""(language, text) pairs."""


class AlertRefused(Exception):  # noqa: N818 - the name is the sentence
    """The alert is not complete; `faults` names every field that is wrong, with the remedy."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What an officer says about an alert. Empty means: take it from the seizure, or leave it out."""

    title: Translations = ()
    type: str | None = None
    priority: str | None = None
    respond_by: str | None = None
    until: str | None = None
    actions: Sequence[str] = ()
    texts: Translations = ()
    no_names: bool = False
    """The officer's word that `texts` name nobody."""
    category: Sequence[str] = ()
    hs: Sequence[str] = ()
    brand: Sequence[str] = ()
    right: Sequence[str] = ()
    gtin: Sequence[str] = ()
    health_safety: bool = False
    origin: Sequence[str] = ()
    departure: Sequence[str] = ()
    transit: Sequence[str] = ()
    destination: Sequence[str] = ()
    conveyance: Sequence[str] = ()
    method: Translations = ()
    indicators: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The draft that was made."""

    reference: str
    title: str
    warnings: tuple[str, ...]


def draw(
    database: Database, wishes: Wishes, *, node: str, seizure: str | None = None, reference: str | None = None, now: int
) -> Drawn:
    """Keep an alert as a draft; its reference is made up (ALERT-2026-1) unless one is given.

    Raises `NotFound` when there is no such seizure, `AlertRefused` with all faults when the alert would not be issued.
    """
    with database.write() as connection:
        groups = {} if seizure is None else _from_seizure(connection, seizure, node)
        groups = get_schema(SCHEMA).prepare(_merged(groups, wishes))
        report = get_schema(SCHEMA).validate(groups)
        faults = [_sentence(fault) for fault in report.errors]
        if wishes.texts and not wishes.no_names:
            faults.append("texts: nobody has said that they name no person and no firm; read them again and say so")
        named = reference or _next_reference(connection, node, now)
        if drafts.find(connection, node, "alert", [named]):
            faults.append(f"reference: {named} is an alert of this node already; choose another")
        if faults:
            raise AlertRefused(faults)
        drafts.put(
            connection,
            [
                drafts.NewDraft(
                    kind="alert", administration=node, reference=named, groups=groups,
                    content_hash=b64.encode(
                        hashlib.sha256(orjson.dumps(groups, option=orjson.OPT_SORT_KEYS)).digest()
                    ),
                    warnings=len(report.warnings),
                )
            ],
            now=now,
        )  # fmt: skip
    return Drawn(
        reference=named,
        title=get_schema(SCHEMA).title(groups),
        warnings=tuple(_sentence(fault) for fault in report.warnings),
    )


def _from_seizure(connection: Connection, reference: str, node: str) -> dict[str, Any]:
    row = connection.execute(
        select(draft)
        .where(draft.c.kind == "seizure", (draft.c.reference == reference) | (draft.c.rid == reference))
        .order_by(draft.c.id)
    ).first()
    if row is None:
        raise NotFound(f"{reference} is no seizure of this node; `tidewaiter records --drafts` lists them")
    schema = get_schema("seizure/1")
    seized = schema.prepare(json.loads(row.groups))
    goods = seized.get("goods", [])
    dangerous = any(item.get("health_safety") for item in goods)
    headline = {
        "title": [{"lang": "en", "by": "author", "text": schema.title(seized).partition(" · ")[0]}],
        "type": "dangerous_goods" if dangerous else "new_modus_operandi",
        "priority": "high" if dangerous else "routine",
        "actions": ["inform"],
    }
    rights = seized.get("right", [])
    subject: dict[str, Any] = {
        "wco": _all(goods, "wco"), "eu": _all(goods, "eu"), "gtin": _all(goods, "gtin"),
        "hs": _distinct(item["hs"] for item in goods if "hs" in item),
        "brands": _all(rights, "brands"), "types": _all(rights, "types"),
    }  # fmt: skip
    if dangerous:
        subject["health_safety"] = True
    method = seized.get("method", {})
    conveyance = seized.get("transport", {}).get("conveyance")
    pattern = {
        "chain": seized.get("route", {}).get("chain", []),
        "conveyance": [conveyance] if conveyance else [],
        "method": method.get("description", []),
        "place": method.get("place"),
        "indicators": method.get("indicators", []),
    }
    groups: dict[str, Any] = {"headline": headline, "subject": _told(subject), "pattern": _told(pattern)}
    if "place_coarse" in seized:
        groups["place_coarse"] = seized["place_coarse"]
    link = _link(connection, row, node)
    if link:
        groups["links"] = [link]
    return groups


def _link(connection: Connection, row: Row[Any], node: str) -> dict[str, Any] | None:
    """A released record is linked by its name. That a draft exists is told to nobody."""
    found = connection.execute(
        records.visible().where(record.c.iss == node, record.c.rid == row.rid).order_by(record.c.ver.desc())
    ).first()
    if found is None:
        return None
    return {"type": "seizure", "iss": node, "rid": found.rid, "ver": found.ver, "jh": found.jh}


def _merged(groups: Mapping[str, Any], wishes: Wishes) -> dict[str, Any]:
    """What the officer says replaces what the seizure says, field by field."""
    headline = {
        **groups.get("headline", {"actions": ["inform"], "priority": "routine"}),
        **_told(
            {
                "title": _texts(wishes.title), "type": wishes.type, "priority": wishes.priority,
                "respond_by": wishes.respond_by, "actions": list(wishes.actions),
                "validity": {"until": wishes.until} if wishes.until else None,
            }
        ),
    }  # fmt: skip
    subject = {
        **groups.get("subject", {}),
        **_told(
            {
                "wco": list(wishes.category), "brands": list(wishes.brand), "types": list(wishes.right),
                "hs": [{"scheme": "HS", "edition": HS_EDITION, "code": code} for code in wishes.hs],
                "gtin": list(wishes.gtin), "health_safety": wishes.health_safety or None,
            }
        ),
    }  # fmt: skip
    roles = {
        "origin": wishes.origin, "departure": wishes.departure, "transit": wishes.transit,
        "destination": wishes.destination,
    }  # fmt: skip
    said = [{"role": role, "country": country} for role, countries in roles.items() for country in countries]
    pattern = {
        **groups.get("pattern", {}),
        **_told(
            {
                "chain": said, "conveyance": list(wishes.conveyance), "method": _texts(wishes.method),
                "indicators": list(wishes.indicators),
            }
        ),
    }  # fmt: skip
    merged: dict[str, Any] = {**groups, "headline": headline, "subject": subject, "pattern": pattern}
    if wishes.texts:
        merged["texts"] = {"text": _texts(wishes.texts), "no_names": True}
    return _told(merged)


def _texts(translations: Translations) -> list[dict[str, str]]:
    """The first language is the author's own; the others are translations by a person."""
    return [
        {"lang": language, "by": "author" if at == 0 else "human", "text": text}
        for at, (language, text) in enumerate(translations)
    ]


def _told(members: Mapping[str, Any]) -> dict[str, Any]:
    """Members that say something: what is unknown is absent."""
    return {name: value for name, value in members.items() if value not in (None, [], {}, "")}


def _all(items: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return _distinct(value for item in items for value in item.get(name, []))


def _distinct(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _next_reference(connection: Connection, node: str, now: int) -> str:
    """The next free number of this year; alerts are few, so counting them costs nothing."""
    year = datetime.fromtimestamp(now, UTC).year
    prefix = f"ALERT-{year}-"
    condition = (draft.c.kind == "alert", draft.c.administration == node, draft.c.reference.startswith(prefix))
    number = (connection.scalar(select(func.count()).select_from(draft).where(*condition)) or 0) + 1
    while drafts.find(connection, node, "alert", [f"{prefix}{number}"]):
        number += 1
    return f"{prefix}{number}"


def _sentence(fault: Fault) -> str:
    return f"{fault.path}: {fault.wrong}; {fault.remedy}"
