"""Units of measure (UN/ECE Recommendation 20) and packages (Recommendation 21), as far as customs use them.

Typed in as facts: a code, the label that an officer reads (many, so that "1200 pairs" can be written), and
after a bar what else people write. The complete recommendations are long lists of engineering units; a code
outside this choice keeps its text and is warned about.

Traps of Recommendation 20: NPR (number of pairs) is deprecated in favour of PR, and PK and CT were deleted,
because a pack and a carton are packages: they belong to Recommendation 21. Cigarettes are counted in STK, the
cigarette for duty purposes, and not in STC (any stick) or 15 (military).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from federation.records.codelists import Table

UNITS: Final[Table] = {
    "H87": "pieces|piece|pcs|pc|pce|items|item|articles|article|units|unit|nos|number|pieza|stück",
    "PR": "pairs|pair|prs|NPR|number of pairs",
    "KGM": "kilograms|kg|kgs|kilo|kilos|kilogram|kilogramme|kilogrammes",
    "GRM": "grams|g|gram|gramme|grammes|gr",
    "MGM": "milligrams|mg|milligram",
    "TNE": "tonnes|tonne|t|ton|tons|metric ton|metric tons|mt",
    "LBR": "pounds|lb|lbs|pound",
    "ONZ": "ounces|oz|ounce",
    "CTM": "carats|carat|metric carat|ct of gemstones",
    "LTR": "litres|l|litre|liter|liters|lt|ltr",
    "MLT": "millilitres|ml|millilitre|milliliter|milliliters",
    "CLT": "centilitres|cl|centilitre|centiliter",
    "HLT": "hectolitres|hl|hectolitre|hectoliter",
    "LPA": "litres of pure alcohol|lpa|litre of pure alcohol",
    "MTR": "metres|m|metre|meter|meters|linear metres",
    "CMT": "centimetres|cm|centimetre|centimeter|centimeters",
    "MTK": "square metres|m2|m²|sqm|sq m|square metre|square meter|square meters",
    "MTQ": "cubic metres|m3|m³|cbm|cubic metre|cubic meter|cubic meters",
    "SET": "sets|set",
    "KT": "kits|kit",
    "AS": "assortments|assortment",
    "NMP": "packs|pack|number of packs|packets of goods",
    "STK": "cigarettes|cigarette|sticks|stick|stick, cigarette|cigarette sticks",
    "STC": "sticks (not cigarettes)|stick of a substance",
    "MIL": "thousands|thousand|thousand pieces|1000",
    "T3": "thousands of pieces|thousand piece",
    "CEN": "hundreds|hundred",
    "DZN": "dozens|dozen|doz|dz",
    "DPC": "dozens of pieces|dozen piece|dozen pieces",
    "DPR": "dozens of pairs|dozen pair|dozen pairs",
    "GRO": "gross|great dozens",
    "U2": "tablets|tablet|pills|pill",
    "D63": "books|book",
    "CG": "cards|card",
    "LEF": "leaves|leaf",
    "RM": "reams|ream",
    "EA": "each",
    "C62": "ones|one",
    "NAR": "number of articles",
    "NPT": "parts|part|number of parts",
    "SX": "shipments|shipment|consignments|consignment",
}

DEPRECATED_UNITS: Final[dict[str, str]] = {
    "NPR": "PR (NPR is deprecated)",
    "PK": "PK as a package code (Recommendation 21); Recommendation 20 deleted it",
    "CT": "CT as a package code (Recommendation 21); Recommendation 20 deleted it",
    "BX": "BX as a package code (Recommendation 21); Recommendation 20 deleted it",
    "BO": "BO as a package code (Recommendation 21); Recommendation 20 deleted it",
    "CA": "CA or CX as a package code (Recommendation 21); Recommendation 20 deleted it",
}
"""Codes that old systems still send, and what to write instead."""

PACKAGES: Final[Table] = {
    "PK": "packages|package|pkgs|pkg|colli|pack|packs",
    "CT": "cartons|carton|ctn|ctns",
    "BX": "boxes|box",
    "CS": "cases|case",
    "PC": "parcels|parcel",
    "PA": "packets|packet",
    "BG": "bags|bag",
    "SA": "sacks|sack",
    "BE": "bundles|bundle",
    "BL": "bales, compressed|bales|bale|bale compressed",
    "BN": "bales, not compressed|bale non-compressed",
    "PX": "pallets|pallet",
    "CR": "crates|crate",
    "CN": "containers (not transport equipment)|container",
    "EN": "envelopes|envelope",
    "SU": "suitcases|suitcase",
    "TR": "trunks|trunk",
    "CX": "cans, cylindrical|cans|can",
    "CA": "cans, rectangular|rectangular can",
    "TN": "tins|tin",
    "BO": "bottles|bottle",
    "FL": "flasks|flask",
    "VI": "vials|vial",
    "AM": "ampoules|ampoule",
    "TU": "tubes|tube",
    "JR": "jars|jar",
    "DR": "drums|drum",
    "BA": "barrels|barrel",
    "JC": "jerricans, rectangular|jerrican|jerrycan",
    "RO": "rolls|roll",
    "RL": "reels|reel",
    "PO": "pouches|pouch",
    "SH": "sachets|sachet",
    "ST": "sheets|sheet",
    "TY": "tanks, cylindrical|tank",
    "LV": "liftvans|liftvan",
    "NE": "unpacked|unpacked or unpackaged|loose",
    "ZZ": "mutually defined|other",
}
