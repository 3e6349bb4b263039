"""Figures that others have published, reproduced: imported as seizures through the product, and asked of it."""

import csv
import io
import json
from collections import Counter
from decimal import Decimal

import pycountry
import pytest

from node.services.statistics import growth, tables
from node.services.statistics.tables import Filters
from node.storage import records
from tests.factories import NOW
from tests.node.importing.memory import MemoryStore, import_text
from tests.node.statistics.test_following import catch_up, version
from tests.shared_data import shared

BRANDS = "data/wco-itr2013-top-brands-by-quantity.csv"
DRUGS = "data/unodc-wdr2025-7.1-seizures.json"
HEADLINES = "data/ipr-published-headline-figures.csv"


def imported(database, folder, rows):
    """Import rows by the product's own template, and have them counted: each row is a seizure of KE."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    store = MemoryStore()
    report, _ = import_text(folder, stream.getvalue(), store=store, administration="KE")
    assert not [one for one in report.problems if one.severity == "error"], report.problems[:3]
    with database.write() as connection:
        records.keep(connection, [version(one.groups, iss="KE") for one in store.held.values()], now=NOW)
    catch_up(database)


def asked(database, name, measure, unit, **filters):
    (found,) = tables.look(database, (name,), Filters(**filters), by="A. Officer", now=NOW)
    rows = {cell.key[0]: cell.n for cell in found.rows if (cell.measure, cell.unit) == (measure, unit)}
    total = next(cell.n for cell in found.total if (cell.measure, cell.unit) == (measure, unit))
    return rows, total, found


def test_the_brands_of_the_illicit_trade_report_2013_with_their_published_total(sqlite_database, tmp_path):
    with shared(BRANDS).open(encoding="utf-8", newline="") as stream:
        *brands, total = csv.DictReader(stream)
    imported(
        sqlite_database, tmp_path,
        [
            {"Reference": f"ITR-{one['rank']}", "Administration": "KE", "Seized on": "2013", "Brands": one["brand"],
             "Quantity": one["quantity_pieces"], "Unit": "H87"}
            for one in brands
        ],
    )  # fmt: skip
    told, sum_, _ = asked(sqlite_database, "by-brand", "articles", "H87", from_="2013-01", to="2013-12")
    assert told == {one["brand"].casefold(): int(one["quantity_pieces"]) * 1000 for one in brands}
    assert sum_ == int(total["quantity_pieces"]) * 1000


def test_the_seizures_of_the_world_drug_report_by_country(sqlite_database, tmp_path):
    data = json.loads(shared(DRUGS).read_text("utf-8"))
    codes = [found.alpha_2 if (found := pycountry.countries.get(alpha_3=one[0])) else None for one in data["countries"]]
    year = [
        (codes[country], at, Decimal(str(kilograms)).quantize(Decimal("0.001")))
        for at, (country, _, when, kilograms) in enumerate(data["records"])
        if when == 2023 and codes[country] and kilograms
    ]
    imported(
        sqlite_database, tmp_path,
        [
            {"Reference": f"WDR-{at}", "Administration": "KE", "Seized on": "2023", "Quantity": f"{kilograms}",
             "Unit": "KGM", "Country of destination": country, "Description of the goods": "see the annex"}
            for country, at, kilograms in year
        ],
    )  # fmt: skip
    told, total, table = asked(sqlite_database, "by-destination", "articles", "KGM", from_="2023-01", to="2023-12")
    expected = Counter[str]()
    for country, _, kilograms in year:
        expected[country] += int(kilograms * 1000)
    assert total == expected.total()
    assert len(told) == tables.MAX_ROWS
    assert told == {country: expected[country] for country in told}
    assert table.left_out == len(expected) - tables.MAX_ROWS


@pytest.mark.parametrize(
    ("measure", "change", "periods"),
    [
        ("seizures", "seizures_change_pct (published)", ("FY2009", "FY2010")),
        ("domestic_value_usd", "domestic_value_change_pct (published)", ("FY2009", "FY2010")),
        ("seizures", "seizures_change_pct (published)", ("FY2014", "FY2015")),
    ],
)
def test_the_growth_that_us_customs_published(measure, change, periods, sqlite_database, tmp_path):
    with shared(HEADLINES).open(encoding="utf-8", newline="") as stream:
        figures = {
            (row["period"], row["measure"]): row["value"] for row in csv.DictReader(stream) if row["series"] == "US CBP"
        }
    # Numbers of seizures stand as an amount: thirty thousand records would show no more about the growth.
    imported(
        sqlite_database, tmp_path,
        [
            {"Reference": period, "Administration": "KE", "Seized on": f"{int(period[2:]) - 1}-11", "Unit": "C62",
             "Quantity": str(int(float(figures[period, measure]))), "Goods category": "other"}
            for period in periods
        ],
    )  # fmt: skip
    years = [int(period[2:]) for period in periods]
    filters = Filters(from_=f"{years[1] - 1}-10", to=f"{years[1]}-09")  # a fiscal year begins in October
    found = growth.compare(sqlite_database, "by-category", filters, by="A. Officer", now=NOW)
    (row,) = [row for row in found.total if row.measure == "articles"]
    assert abs(Decimal(str(row.percent)) - Decimal(figures[periods[1], change])) < 1
