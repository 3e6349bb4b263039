"""Relative intensities: the reference values are reproduced, and what is no figure is named by row and column."""

from __future__ import annotations

import csv
import math
import random

import pytest

from node.services.statistics.intensity import (
    Flow,
    IntensityRefused,
    Lot,
    joint_intensity,
    markets,
    read_flows,
    relative_intensity,
    truncated_normal,
)
from tests.shared_data import shared

REFERENCES = {"product": "data/gtric-reference-p_hs2.csv", "economy": "data/gtric-reference-e_origin.csv"}


def korean_declarations():
    """Item prices by origin and HS chapter: what Critical Fraud 2 marks counts as seized, every row as imported."""
    seized, imported = [], []
    for part in ("train", "valid"):
        with shared(f"data/kcs-syn-declarations-{part}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                flow = Flow(
                    economy=row["Country of Origin"], product=row["HS6 Code"].zfill(6)[:2],
                    value=float(row["Item Price"]),
                )  # fmt: skip
                imported.append(flow)
                if row["Critical Fraud"] == "2":
                    seized.append(flow)
    return seized, imported


@pytest.mark.parametrize("axis", REFERENCES)
def test_the_reference_values_are_reproduced(axis):
    with shared(REFERENCES[axis]).open(encoding="utf-8", newline="") as file:
        reference = {row["key"]: row for row in csv.DictReader(file)}
    seized, imported = korean_declarations()
    index = relative_intensity(seized, imported, axis=axis)
    assert [row.key for row in index.rows] == sorted(reference)
    for row in index.rows:
        told = reference[row.key]
        assert math.isclose(row.seizures, float(told["seizure_value"]), rel_tol=1e-9, abs_tol=1e-6)
        assert math.isclose(row.imports, float(told["import_value"]), rel_tol=1e-9)
        assert abs(row.factor - float(told["factor"])) < 1e-9
        assert abs(row.logarithm - float(told["ln_factor_plus_1"])) < 1e-9
        assert abs(row.index - float(told["gtric"])) < 1e-9


def test_the_order_of_rows_changes_no_digit():
    chance = random.Random(5)  # noqa: S311 - figures to try
    flows = [
        Flow(economy=chance.choice("ABCD"), product=chance.choice("1234"), value=chance.random()) for _ in range(99)
    ]
    shuffled = chance.sample(flows, len(flows))
    assert relative_intensity(flows[:40], flows, axis="product") == relative_intensity(
        flows[:40][::-1], shuffled, axis="product"
    )


def of(product, value, reporter="", economy="CN"):
    return Flow(economy=economy, product=product, value=value, reporter=reporter)


SEIZED = [of("61", 30.0, "AT"), of("64", 10.0, "AT"), of("61", 1.0, "BE"), of("64", 1.0, "BE"), of("85", 2.0, "BE")]
TRADED = [
    of("61", 100.0, "AT"), of("64", 100.0, "AT"), of("85", 100.0, "AT"), of("61", 50.0, "BE"), of("64", 20.0, "BE"),
    of("85", 30.0, "BE"),
]  # fmt: skip


def test_several_reporters_count_by_their_imports():
    index = relative_intensity(SEIZED, TRADED, axis="product")
    factors = {row.key: row.factor for row in index.rows}
    # 61: 3/4 of AT's seizures, 1/4 of BE's; AT has 300 of 400 in imports. 150 of 400 is imported in 61.
    assert factors["61"] == pytest.approx((0.75 * 0.75 + 0.25 * 0.25) / (150 / 400))
    assert factors["85"] == pytest.approx((0.25 * 0.5) / (130 / 400))


def test_weights_can_be_given():
    index = relative_intensity(SEIZED, TRADED, axis="product", weights={"AT": 0.0, "BE": 2.0})
    assert {row.key: row.factor for row in index.rows}["61"] == pytest.approx(0.25 / (150 / 400))


def test_a_reporter_without_seizures_is_left_out_and_named():
    index = relative_intensity(SEIZED, [*TRADED, of("61", 1e6, "FR")], axis="product")
    assert index.without_seizures == ("FR",)
    assert index.rows == relative_intensity(SEIZED, TRADED, axis="product").rows


def test_next_to_no_trade_tops_the_list_unless_there_is_a_minimum():
    seized, traded = [*SEIZED, of("97", 1.0, "AT")], [*TRADED, of("97", 0.01, "AT")]
    free = relative_intensity(seized, traded, axis="product")
    assert max(free.rows, key=lambda row: row.index).key == "97"
    held = relative_intensity(seized, traded, axis="product", minimum_trade=10)
    assert held.too_little_trade == ("97",)
    assert max(held.rows, key=lambda row: row.index).key == "61"


def test_what_is_seized_and_not_imported_has_no_index():
    assert relative_intensity([*SEIZED, of("93", 1.0, "AT")], TRADED, axis="product").too_little_trade == ("93",)


def test_the_joint_index_is_the_product_scaled_to_its_most_intensive_cell():
    seized = [of("61", 9.0, economy="CN"), of("64", 2.0, economy="TR"), of("85", 1.0, economy="CN")]
    traded = [of(product, 10.0, economy=economy) for product in ("61", "64", "85") for economy in ("CN", "TR", "DE")]
    products, economies = (relative_intensity(seized, traded, axis=axis) for axis in ("product", "economy"))
    joint = joint_intensity(products, economies)
    assert (joint[0].economy, joint[0].product, joint[0].index) == ("CN", "61", 1.0)
    p, e = ({row.key: row.index for row in index.rows} for index in (products, economies))
    for one in joint:
        assert one.index == pytest.approx(p[one.product] * e[one.economy] / (p["61"] * e["CN"]))
    assert len(joint) == 9


def test_the_distribution_starts_at_0_and_ends_at_1():
    values = [truncated_normal(at / 10, mean=0.4, deviation=0.6) for at in range(80)]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[-1] == pytest.approx(1)


@pytest.mark.parametrize("axis", ["product", "economy"])
def test_where_nothing_can_be_compared_it_is_refused(axis):
    with pytest.raises(IntensityRefused, match="no reporter has seizures"):
        relative_intensity([], TRADED, axis=axis)
    with pytest.raises(IntensityRefused, match="fewer than two"):
        relative_intensity([of("61", 1.0)], [of("61", 5.0)], axis=axis)


def test_below_the_interval_the_buyer_knows_and_from_it_on_he_is_deceived():
    prices = [100.0, 110.0, 90.0, 105.0, 20.0]
    lots = [Lot(brand="B", product="64", value=price * 3, articles=3) for price in prices]
    # Mean 85, deviation 37: the interval starts at 48.
    assert markets(lots) == ["primary"] * 4 + ["secondary"]
    assert markets(lots, deviations=2.0) == ["primary"] * 5
    even = [Lot(brand="E", product="64", value=5.0, articles=1), Lot(brand="E", product="64", value=5.0, articles=1)]
    assert markets(even) == ["primary", "primary"]


def test_a_lot_with_nothing_to_compare_is_of_an_unknown_market():
    lots = [
        Lot(brand="B", product="64", value=9.0, articles=1),
        Lot(brand="C", product="64", value=9.0, articles=1),
        Lot(brand="C", product="64", value=7.0, articles=1),
        Lot(brand="C", product="64", value=7.0, articles=0),
    ]
    assert markets(lots)[0] == markets(lots)[3] == "unknown"
    assert markets(lots)[1] == "primary"


GOOD = "economy,product,value\nCN,61,10\n"


def test_columns_may_stand_in_any_order_and_the_reporter_is_read_where_there_is_one():
    text = '\ufeffValue,Reporter,Product,Economy,note\r\n12.5,AT,61,CN,"a, b"\r\n\r\n'
    assert read_flows(text, name="s.csv") == [Flow(economy="CN", product="61", value=12.5, reporter="AT")]


BROKEN = {
    "no header": ("", "s.csv, row 1: needs the column economy once"),
    "a column is missing": ("economy,value\n", "s.csv, row 1: needs the column product once"),
    "a column stands twice": ("economy,product,value,value\n", "s.csv, row 1: needs the column value once"),
    "words for an amount": (GOOD + "CN,62,secret\n", "s.csv, row 3, column value: is no amount"),
    "a negative amount": (GOOD + "CN,62,-5\n", "s.csv, row 3, column value: is no amount"),
    "no number": (GOOD + "CN,62,nan\n", "s.csv, row 3, column value: is no amount"),
    "beyond numbers": (GOOD + "CN,62,1e999\n", "s.csv, row 3, column value: is no amount"),
    "a grouped amount": (GOOD + "CN,62,1_000\n", "s.csv, row 3, column value: is no amount"),
    "an empty cell": (GOOD + "CN,,5\n", "s.csv, row 3, column product: is empty"),
    "a row that is too short": (GOOD + "CN,62\n", "s.csv, row 3: has 2 cells, the header 3"),
    "a quotation mark that does not end": (GOOD + 'CN,"62,5\n', "s.csv, row 3: is no CSV"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_figure_is_named_by_row_and_column_and_not_repeated(case):
    text, words = BROKEN[case]
    with pytest.raises(IntensityRefused) as refused:
        read_flows(text, name="s.csv")
    assert str(refused.value).startswith(words)
    assert "secret" not in str(refused.value)
