"""`alert/1`: look out for this. Not a seizure, and not a warning about one shipment only.

The types are those of `seizure`. M does not apply; N = nominal. `texts` travels widely, so the contact point
confirms with `no_names` that it names nobody; what may name somebody stands in `narrative`. The headline is
short and names nobody either::

    headline      {title: Text, type: alert_type, priority?, respond_by?: time,
                   eta?: {on: time, country?, place?}, validity?: {from?: day, until?: day},
                   actions?: [inform | monitor | control | stop_and_call]}
    texts         {text: Text, no_names: true}
    subject       {wco?: [..], eu?: [..], hs?: [Code], brands?: [..], types?: [ipr_type], gtin?: [..],
                   health_safety?: bool, description?: Text}
    pattern       {chain?: as in seizure route, conveyance?: [..], method?: Text, place?, indicators?: [..]}
    cargo_ids     as in seizure
    place_coarse  as in seizure
    media         [Media]
    links         [{type: link_type, iss?, rid?, ver?: int, jh?, title?, url?}]   to seizures, alerts
    persons    N  companies N  documents N  narrative N                             as in seizure

A time is `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SSZ`, in UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from federation.records import facts, titles
from federation.records.checks import (
    Check,
    Findings,
    boolean,
    code,
    integer,
    listed,
    members,
    only_true,
    text,
)
from federation.records.facts import mapping
from federation.records.model import Schema
from federation.records.parts import (
    CARGO_IDS,
    CHAIN,
    COMPANIES,
    DOCUMENTS,
    NOMINAL,
    PERSONS,
    PLACE_COARSE,
    administration,
)
from federation.records.values import (
    MAX_INTEGER,
    day,
    digest,
    first_day,
    gtin,
    hs,
    media,
    moment,
    texts,
    translations,
    url,
    uuid,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS: Final[dict[str, Check]] = {
    "headline": members(
        {
            "title": translations,
            "type": code("alert_type"),
            "priority": code("priority"),
            "respond_by": moment,
            "eta": members({"on": moment, "country": code("country"), "place": text}, "on"),
            "validity": members({"from": day, "until": day}),
            "actions": listed(code("action")),
        },
        "title",
        "type",
    ),
    "texts": members({"text": translations, "no_names": only_true}, "text", "no_names"),
    "subject": members(
        {
            "wco": listed(code("wco_category")),
            "eu": listed(code("eu_category")),
            "hs": listed(hs),
            "brands": texts,
            "types": listed(code("ipr_type")),
            "gtin": listed(gtin),
            "health_safety": boolean,
            "description": translations,
        },
    ),
    "pattern": members(
        {
            "chain": CHAIN,
            "conveyance": listed(code("conveyance")),
            "method": translations,
            "place": text,
            "indicators": texts,
        },
    ),
    "cargo_ids": CARGO_IDS,
    "place_coarse": PLACE_COARSE,
    "media": media,
    "links": listed(
        members(
            {
                "type": code("link_type"),
                "iss": administration,
                "rid": uuid,
                "ver": integer(1, MAX_INTEGER, what="a version"),
                "jh": digest,
                "title": text,
                "url": url,
            },
            "type",
        ),
    ),
    "persons": PERSONS,
    "companies": COMPANIES,
    "documents": DOCUMENTS,
    "narrative": translations,
}


def _validity_runs_forward(groups: Mapping[str, Any], found: Findings) -> None:
    """Refuse an alert that ends before it begins: it is never in force."""
    validity = mapping(mapping(groups.get("headline")).get("validity"))
    start, end = first_day(validity.get("from")), first_day(validity.get("until"))
    if start and end and validity["until"] < validity["from"][: len(validity["until"])]:
        path = (((None, "headline"), "validity"), "until")
        found.error(path, validity["until"], "is before the beginning", "exchange the two")


ALERT: Final = Schema(
    id="alert/1",
    kind="alert",
    fields=_FIELDS,
    required=("headline",),
    nominal=NOMINAL,
    minimal=frozenset({"headline", "texts", "subject", "pattern", "place_coarse", "links"}),
    rules=(_validity_runs_forward,),
    facts=facts.of_alert,
    summary=titles.of_alert,
)
"""The alert, version 1."""
