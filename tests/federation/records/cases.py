"""Seizures to start from: the smallest that may be issued, and one that uses every group."""

from __future__ import annotations

from typing import Any

SHA = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"
RID = "3f2b8c1e-9d4a-4c6b-8e1f-0a1b2c3d4e5f"


def said(words: str, lang: str = "en", by: str = "author") -> list[dict[str, str]]:
    return [{"lang": lang, "by": by, "text": words}]


def hs(code: str, edition: str = "2022") -> dict[str, str]:
    return {"scheme": "HS", "edition": edition, "code": code}


def smallest(**groups: Any) -> dict[str, Any]:
    return {"case": {"reference": "KE/MBA/2024/0117", "administration": "KE"}, **groups}


def complete() -> dict[str, Any]:
    picture = {"sha256": SHA, "size": 1234, "mime": "image/jpeg", "role": "picture"}
    return smallest(
        case={
            "reference": "KE/MBA/2024/0117",
            "administration": "KE",
            "entered_by": "RILO-ESA",
            "dates": [
                {"kind": "seized", "on": "2024-05-17", "tz": "Africa/Nairobi"},
                {"kind": "published", "on": "2024-05"},
            ],
            "links": [{"type": "publication", "title": "Shoes", "url": "https://customs.example/1", "on": "2024"}],
        },
        place={
            "country": "KE",
            "office": "Mombasa Kilindini",
            "location_type": "seaport",
            "unlocode": "KEMBA",
            "on": "2024-05-17",
        },
        control={
            "procedure": "import",
            "traffic": "freight",
            "basis": {"type": "on_application", "application": "AFA-9"},
            "detection": "risk_profile",
        },
        transport={"conveyance": "sea"},
        cargo_ids={
            "containers": ["CSQU3054383"],
            "imo": "IMO 9319466",
            "awb": "020-12345675",
            "flight": "KQ101",
        },
        route={
            "chain": [
                {"role": "origin", "country": "CN"},
                {"role": "departure", "country": "CN"},
                {"role": "transit", "country": "AE", "custody": True},
                {"role": "destination", "country": "UG"},
            ],
            "discovered_in": "KE",
        },
        goods=[
            {
                "line": "1",
                "wco": ["footwear"],
                "eu": ["sport_shoes"],
                "hs": hs("640411"),
                "description": said("Sport shoes"),
                "gtin": ["4006381333931"],
                "health_safety": False,
                "as_written": ["sneakers"],
            },
            {"line": "2", "wco": ["clothing"], "hs": hs("61"), "health_safety": False},
        ],
        quantity=[
            {"line": "1", "amount": {"n": "1200", "unit": "PR"}, "packages": {"n": "100", "code": "CT"}},
            {"line": "2", "amount": {"n": "300", "unit": "H87"}, "gross_mass": {"n": "80.5", "unit": "KGM"}},
        ],
        value=[
            {"line": "1", "money": {"n": "24000", "currency": "USD", "basis": "retail_genuine"}},
            {"line": "2", "money": {"n": "6000", "currency": "USD", "basis": "retail_genuine"}},
            {"money": {"n": "30000", "currency": "USD", "basis": "retail_genuine"}},
        ],
        right=[
            {
                "line": "1",
                "brands": ["Acme Sport"],
                "types": ["trademark", "design"],
                "registration": {"number": "12345", "office": "KIPI"},
                "nice": [25],
                "holder": "Acme Holding",
            },
        ],
        method={
            "description": said("Behind tiles"),
            "place": "container",
            "modus": said("Misdeclared"),
            "cover_load": "tiles",
            "indicators": ["new importer"],
        },
        persons=[{"role": "traveller", "name": "A. Person", "nationality": "XK", "address": "1 Street"}],
        companies=[{"role": "consignee", "name": "A Ltd", "country": "UG", "address": "2 Street"}],
        documents={"numbers": ["D1"], "tracking": ["T1"], "plates": ["P1"], "media": [picture]},
        media=[{**picture, "rendition": "full", "w": 800, "h": 600, "view": "product", "caption": said("A shoe")}],
        narrative=said("A long story,\nin two lines."),
        assessment={
            "procedures": [
                {
                    "line": "1",
                    "right_holder": "Acme Holding",
                    "basis": "on_application",
                    "application": "AFA-9",
                    "outcome": "seized",
                    "on": "2024-06",
                    "why": "confirmed by the right holder",
                },
            ],
            "source_grade": "A",
            "information": 1,
            "nature": "fact",
        },
    )


def alert() -> dict[str, Any]:
    return {
        "headline": {
            "title": said("Shoes behind tiles"),
            "type": "new_modus_operandi",
            "priority": "high",
            "respond_by": "2024-06-01T12:00:00Z",
            "eta": {"on": "2024-05-30", "country": "UG", "place": "Malaba"},
            "validity": {"from": "2024-05-20", "until": "2024-08"},
            "actions": ["control", "stop_and_call"],
        },
        "texts": {"text": said("Look behind the first rows."), "no_names": True},
        "subject": {
            "wco": ["footwear"],
            "eu": ["sport_shoes"],
            "hs": [hs("6404")],
            "brands": ["Acme Sport"],
            "types": ["trademark"],
            "gtin": ["4006381333931"],
            "health_safety": True,
        },
        "pattern": {
            "chain": [{"role": "departure", "country": "CN"}, {"role": "destination", "country": "UG"}],
            "conveyance": ["sea"],
            "method": said("Behind tiles"),
            "indicators": ["tiles from a shoe town"],
        },
        "cargo_ids": {"containers": ["CSQU3054383"]},
        "place_coarse": {"country": "KE", "month": "2024-05"},
        "links": [{"type": "seizure", "iss": "KE", "rid": RID, "ver": 1, "jh": SHA}],
        "companies": [{"role": "consignor", "name": "B Ltd"}],
        "narrative": said("More."),
    }


def annotation() -> dict[str, Any]:
    return {
        "about": [{"iss": "KE", "rid": RID, "ver": 1, "jh": SHA}],
        "note": {"type": "feedback", "result": "not_found", "respond_by": "2024-06-01"},
        "texts": {"text": said("Opened, nothing there."), "no_names": True},
    }
