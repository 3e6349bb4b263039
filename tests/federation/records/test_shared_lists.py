"""The typed-in lists against the full tables, where those are at hand."""

from __future__ import annotations

import csv

import pytest

from federation.records import harmonized, units
from federation.records.codes import is_code, match
from tests.shared_data import shared


def rows(name):
    with shared(f"data/{name}").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_harmonized_system_is_the_published_edition():
    published = {row["hscode"]: row["description"] for row in rows("harmonized-system.csv") if row["hscode"].isdigit()}
    assert harmonized.codes() == set(published)
    assert all(harmonized.description(code) == text.strip() for code, text in published.items())


def test_every_unit_is_in_recommendation_20_and_in_force():
    status = {row["CommonCode"]: row["Status"] for row in rows("unece-rec20-units.csv")}
    assert {code: status.get(code) for code in units.UNITS} == dict.fromkeys(units.UNITS, "")


def test_every_deprecated_unit_is_deprecated_or_deleted_in_recommendation_20():
    status = {row["CommonCode"]: row["Status"] for row in rows("unece-rec20-units.csv")}
    assert status["NPR"] == "D"
    assert {status[code] for code in units.DEPRECATED_UNITS} == {"D", "X"}


def test_every_package_is_in_recommendation_21_and_in_force():
    status = {row["Code"]: row["Status"] for row in rows("unece-rec21-packages.csv")}
    assert {code: status.get(code) for code in units.PACKAGES} == dict.fromkeys(units.PACKAGES, "")


COLUMNS = {
    "administration": "country",
    "origin": "country",
    "departure": "country",
    "transit": "country",
    "destination": "country",
    "location_type": "location_type",
    "procedure": "procedure",
    "conveyance": "conveyance",
    "detection": "detection",
    "goods": "wco_category",
    "ip_right": "ipr_type",
    "value_currency": "currency",
    "value_basis": "value_basis",
    "outcome": "outcome",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_every_word_of_the_published_seizures_means_a_code(column):
    written = {word for row in rows("published-ipr-seizures.csv") for word in row[column].split(";")}
    unmatched = {word for word in written - {"", "unknown"} if match(COLUMNS[column], word) is None}
    assert unmatched == set()


def test_every_unit_of_the_published_seizures_is_a_unit_or_a_package():
    written = {row["unit"] for row in rows("published-ipr-seizures.csv")} - {""}
    assert {word: match("unit", word) or match("package", word) for word in written} == {
        "pieces": "H87",
        "pairs": "PR",
        "kg": "KGM",
        "litres": "LTR",
        "sticks": "STK",
        "packages": "PK",
        "cartons": "CT",
    }


def test_every_administration_of_the_regions_is_a_country_code():
    assert [row["iso2"] for row in rows("wco-regions-rilo-DRAFT.csv") if not is_code("country", row["iso2"])] == []
