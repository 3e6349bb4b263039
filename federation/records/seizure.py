"""`seizure/1`: what an administration says about goods it stopped.

One dictionary entry is one disclosure group: the unit of sharing. What is unknown is absent: no null, no
empty text. Enumerated values are snake_case codes of the lists in `federation.records.codes`; a value outside
its list keeps its own text and is warned about. A question mark means that the member may be missing.

The types that occur everywhere (checked in `values`)::

    When    {kind, on: "YYYY[-MM[-DD]]", until?: the same form, about?: true,
             tz?: "Africa/Nairobi" or "+03:00"}
    Amount  {n: "1200" (a decimal string), to?: "1500", about?: true, unit?: Rec 20 code, as_written?}
    Money   {n, to?, about?: true, currency: ISO 4217, basis?: value_basis, scope?}
    Text    [{lang: "en", by: "author" | "human" | "machine", text}]
    Code    {scheme: "HS", edition: "2022", code: "640411"}
    Media   {sha256: base64url, size: int, mime, role: picture | document | scan | video | file, rendition?,
             of?, w?: int, h?: int, view?: media_view, caption?: Text, original?: base64url salted hash}

The groups (M = in the minimal, non-nominal form; N = nominal, can name somebody)::

    case           M  {reference, administration, entered_by?, dates?: [When: found | detained | seized |
                       destroyed | published], links?: [{type, title?, publisher?, url?, on?}],
                       as_written?: [{field, text}]}
    place             {country?, office?, location_type?, unlocode?, on?}
    place_coarse   M  {country?, location_type?, month?: "YYYY-MM"}                   derived from place
    control        M  {procedure?, traffic?: freight | passenger, basis?: {type: ex_officio | on_application,
                       application?}, detection?}
    transport      M  {conveyance}
    cargo_ids         {containers?: [..], imo?, flight?, awb?, bill_of_lading?, seals?: [..]}
    route          M  {chain?: [{role: origin | departure | transit | destination, country, custody?: bool}],
                       discovered_in?: country}
    route_ends        {departure?: [country], destination?: [country]}                derived from route
    goods          M  [{line, wco?: [..], eu?: [..], hs?: Code, description?: Text, gtin?: [..],
                       health_safety?: bool, as_written?: [..]}]
    quantity       M  [{line?, amount?: Amount, packages?: {n, to?, about?, code?: Rec 21, as_written?},
                       gross_mass?: Amount}]
    quantity_band     [{line?, band: "1-9" | "10-99" | "100-999" ..., unit?}]         derived from quantity
    value          M  [{line?, money: Money}]
    value_band        [{line?, band, currency, basis?}]                               derived from value
    right          M  [{line?, brands?: [..], types?: [ipr_type], registration?: {number, office?},
                       nice?: [int], holder?}]
    method         M  {description?: Text, place?, modus?: Text, cover_load?, indicators?: [..]}
    persons        N  [{role, name?, nationality?, address?}]
    companies      N  [{role, name?, country?, address?}]
    documents      N  {numbers?: [..], tracking?: [..], plates?: [..], media?: [Media]}
    media             [Media]
    narrative      N  Text
    assessment     M  {procedures?: [{line?, right_holder?, basis?: ex_officio | on_application, application?,
                       outcome?, on?, why?}], source_grade?: A-F, information?: 1-6,
                       nature?: fact | assessment}

`line` is a short id ("1", "2", ...), stable for the life of the seizure, that joins goods, quantity, value,
right and procedures. An entry without `line` speaks of the whole seizure: a total, several brands, one
decision.
"""

from __future__ import annotations

from typing import Final

from federation.records import coarse, facts, titles
from federation.records.checks import Check, boolean, code, integer, listed, members, number, text
from federation.records.crosschecks import lines_join, totals_add_up
from federation.records.identifiers import is_unlocode
from federation.records.model import Schema
from federation.records.parts import (
    CARGO_IDS,
    CHAIN,
    COMPANIES,
    DOCUMENTS,
    LINK,
    NOMINAL,
    PERSONS,
    PLACE_COARSE,
    administration,
    band,
    country,
    node_id,
    reference,
)
from federation.records.values import (
    amount,
    day,
    grade,
    gtin,
    hs,
    line,
    media,
    money,
    packages,
    texts,
    translations,
    unit,
    when,
)

_NICE_CLASSES: Final = 45

_countries: Final = listed(country)

_FIELDS: Final[dict[str, Check]] = {
    "case": members(
        {
            "reference": reference,
            "administration": administration,
            "entered_by": node_id,
            "dates": listed(when()),
            "links": listed(LINK),
            "as_written": listed(members({"field": text, "text": text}, "field", "text")),
        },
        "reference",
        "administration",
    ),
    "place": members(
        {
            "country": country,
            "office": text,
            "location_type": code("location_type"),
            "unlocode": number(is_unlocode, what="a UN/LOCODE"),
            "on": day,
        },
    ),
    "place_coarse": PLACE_COARSE,
    "control": members(
        {
            "procedure": code("procedure"),
            "traffic": code("traffic"),
            "basis": members({"type": code("basis"), "application": text}, "type"),
            "detection": code("detection"),
        },
    ),
    "transport": members({"conveyance": code("conveyance")}, "conveyance"),
    "cargo_ids": CARGO_IDS,
    "route": members({"chain": CHAIN, "discovered_in": country}),
    "route_ends": members({"departure": _countries, "destination": _countries}),
    "goods": listed(
        members(
            {
                "line": line,
                "wco": listed(code("wco_category")),
                "eu": listed(code("eu_category")),
                "hs": hs,
                "description": translations,
                "gtin": listed(gtin),
                "health_safety": boolean,
                "as_written": texts,
            },
            "line",
        ),
    ),
    "quantity": listed(members({"line": line, "amount": amount, "packages": packages, "gross_mass": amount})),
    "quantity_band": listed(members({"line": line, "band": band, "unit": unit}, "band")),
    "value": listed(members({"line": line, "money": money}, "money")),
    "value_band": listed(
        members({"line": line, "band": band, "currency": code("currency"), "basis": code("value_basis")}, "band"),
    ),
    "right": listed(
        members(
            {
                "line": line,
                "brands": texts,
                "types": listed(code("ipr_type")),
                "registration": members({"number": text, "office": text}, "number"),
                "nice": listed(integer(1, _NICE_CLASSES, what="a class of the Nice classification", strict=False)),
                "holder": text,
            },
        ),
    ),
    "method": members(
        {
            "description": translations,
            "place": text,
            "modus": translations,
            "cover_load": text,
            "indicators": texts,
        },
    ),
    "persons": PERSONS,
    "companies": COMPANIES,
    "documents": DOCUMENTS,
    "media": media,
    "narrative": translations,
    "assessment": members(
        {
            "procedures": listed(
                members(
                    {
                        "line": line,
                        "right_holder": text,
                        "basis": code("basis"),
                        "application": text,
                        "outcome": code("outcome"),
                        "on": day,
                        "why": text,
                    },
                ),
            ),
            "source_grade": code("source_grade"),
            "information": grade,
            "nature": code("nature"),
        },
    ),
}

SEIZURE: Final = Schema(
    id="seizure/1",
    kind="seizure",
    fields=_FIELDS,
    required=("case",),
    nominal=NOMINAL,
    minimal=frozenset(
        {
            "case",
            "place_coarse",
            "control",
            "transport",
            "route",
            "goods",
            "quantity",
            "value",
            "right",
            "method",
            "assessment",
        },
    ),
    coarse={
        "place_coarse": "place",
        "route_ends": "route",
        "quantity_band": "quantity",
        "value_band": "value",
    },
    derive={
        "place_coarse": coarse.place_coarse,
        "route_ends": coarse.route_ends,
        "quantity_band": coarse.quantity_band,
        "value_band": coarse.value_band,
    },
    rules=(lines_join, totals_add_up),
    facts=facts.of_seizure,
    summary=titles.of_seizure,
)
"""The seizure record, version 1."""
