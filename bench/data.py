"""Synthetic seizures for measuring: skewed as real ones are, twelve groups each, the same for the same number."""

# ruff: noqa: E501, S311, SIM905 - one seizure is easier to read as the table it is; chance is here to be repeated

from __future__ import annotations

import random
from typing import Any, Final

COUNTRIES: Final = (
    "CN HK TR AE VN IN TH MY SG BD PK GB FR DE IT ES PL RO NL BE US MX BR CO ZA KE TZ UG NG SN EG MA".split()
)
CATEGORIES: Final = (
    "footwear clothing watches toiletries_cosmetics mobile_phones pharmaceuticals games_and_toys electronic_appliances "
    "accessories tobacco alcohol foodstuff computers textiles transportation_parts phonographic other"
).split()
BRANDS: Final = (
    "Nordwind Marlow Azteca Falcon Ridgeway Solaris Kestrel Orion Peak Lumen Vento Castellan Harbour Juniper Zephyr Atlas "
    "Corvus Delta Ember Fjord Garnet Halcyon Indigo Jasper Krypton Lyra Meridian Nimbus Opal Pavo Quasar Rigel"
).split()
HS: Final = [
    "640411",
    "640299",
    "851713",
    "847130",
    "300490",
    "330300",
    "910211",
    "611020",
    "620462",
    "420221",
    "950300",
]
WORDS: Final = (
    "concealed behind false wall container pallets shipment declared undervalued invoice driver parcel detected scanner "
    "inspection risk profile cartons boxes bottles tablets cigarettes sticks handbags watches spare parts mixed load "
    "garments toys phones batteries transit consignee broker courier seal mismatch weight discrepancy second stage"
).split()


def skew(rng: random.Random, items: list[str], power: float = 2.2) -> str:
    """An item, the first ones far more often than the last."""
    return items[int(len(items) * rng.random() ** power)]


def seizure(number: int, administration: str) -> dict[str, Any]:
    """The groups of seizure `number` of an administration: twelve, the coarse ones not counted."""
    rng = random.Random(number)
    day = f"20{18 + int(8 * rng.random() ** 0.7):02d}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    lines = [str(line + 1) for line in range(1 + int(2.4 * rng.random() ** 3))]

    def text(words: int) -> list[dict[str, str]]:
        return [{"lang": "en", "by": "human", "text": " ".join(skew(rng, WORDS, 1.4) for _ in range(words))}]

    return {
        "case": {
            "reference": f"SZ-{number:08d}", "administration": administration,
            "dates": [{"kind": "seized", "on": day}, {"kind": "found", "on": day}],
        },
        "place": {
            "country": administration, "office": f"Office {rng.randint(1, 400)}", "location_type": "seaport", "on": day,
        },
        "control": {"procedure": rng.choice(["import", "transit", "export"]), "traffic": "freight", "detection": "risk_profile"},
        "transport": {"conveyance": rng.choice(["sea", "air", "road", "post", "express"])},
        "cargo_ids": {"containers": ["CSQU3054383"], "bill_of_lading": f"BL{rng.randint(0, 10**9):09d}"},
        "route": {
            "chain": [
                {"role": "origin", "country": skew(rng, COUNTRIES)}, {"role": "departure", "country": skew(rng, COUNTRIES)},
                {"role": "transit", "country": skew(rng, COUNTRIES), "custody": True},
                {"role": "destination", "country": skew(rng, COUNTRIES, 1.0)},
            ]
        },
        "goods": [
            {
                "line": line, "wco": [skew(rng, CATEGORIES)], "description": text(6),
                "hs": {"scheme": "HS", "edition": "2022", "code": skew(rng, HS)}, "health_safety": rng.random() < 0.3,
            }
            for line in lines
        ],
        "quantity": [{"line": line, "amount": {"n": str(int(10 ** (rng.random() * 5)) + 1), "unit": "H87"}} for line in lines],
        "value": [
            {"line": line, "money": {"n": str(int(10 ** (1 + rng.random() * 6))), "currency": "EUR", "basis": "retail_genuine"}}
            for line in lines
        ],
        "right": [{"line": line, "brands": [skew(rng, BRANDS, 3.0)], "types": ["trademark"]} for line in lines],
        "method": {"description": text(16)},
        "assessment": {"procedures": [{"line": lines[0], "outcome": "detained", "on": day}], "source_grade": "A", "information": 2},
    }  # fmt: skip
