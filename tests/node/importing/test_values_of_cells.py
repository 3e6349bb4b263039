# ruff: noqa: E501, RUF001 - digits and months in the scripts in which they are written
from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from node.services.importing.dates import decide_order, parse_date
from node.services.importing.values import decide_decimal, is_absent, parse_bool, parse_number

NUMBERS = {
    "a decimal comma with dots for thousands": ("1.234,56", None, "1234.56"),
    "a decimal comma with spaces for thousands": ("1 234,56", None, "1234.56"),
    "a no-break space for thousands": ("1\u202f234\u00a0567", None, "1234567"),
    "a decimal point with commas for thousands": ("1,234.56", None, "1234.56"),
    "an apostrophe for thousands": ("1'234.50", None, "1234.5"),
    "Indian grouping": ("12,34,567", None, "1234567"),
    "Arabic digits with Arabic signs": ("١٬٢٣٤٫٥", None, "1234.5"),
    "a lone comma in a column of decimal commas": ("1,234", ",", "1.234"),
    "a lone comma in a column of decimal points": ("1,234", ".", "1234"),
    "a lone dot in a column of decimal commas": ("1.234", ",", "1234"),
    "a lone dot that nothing explains separates thousands": ("1.234", None, "1234"),
    "a number that a workbook stored keeps its point": (Decimal("1.234"), ",", "1.234"),
    "a spreadsheet's exponent": ("1E+05", None, "100000"),
    "a number word": ("2.5 million", None, "2500000"),
}


@pytest.mark.parametrize("case", NUMBERS, ids=str)
def test_a_number_is_read_as_its_writer_meant_it(case):
    cell, decimal, wanted = NUMBERS[case]
    assert parse_number(cell, decimal=decimal).n == wanted


@pytest.mark.parametrize("text", ["hello", "-5", "12 34", "1.2.3", "10 x 20", "12,3,4", "9" * 40, "1e99"])
def test_what_is_no_number_stays_text(text):
    assert parse_number(text) is None


def test_ranges_and_estimates_keep_their_form_and_their_words():
    found = parse_number("1000-1200")
    assert (found.n, found.to, found.about, found.wording) == ("1000", "1200", False, "1000-1200")
    for text in (
        "about 3 000",
        "more than 3000",
        "plus de 3 000",
        "más de 3.000",
        "über 3.000",
        "более 3000",
        "约3000",
        "3 000+",
    ):
        found = parse_number(text)
        assert found is not None, text
        assert (found.n, found.about) == ("3000", True), text
    assert parse_number("500 kg").unit == "kg"
    assert parse_number("€ 1.234,56").unit == "EUR"


COLUMNS = {
    "one clear value decides the column": (["1.234", "7,5"], ","),
    "thousands written twice decide it": (["1,234,567", "1,234"], "."),
    "a column without a clear value decides nothing": (["1,234", "12"], None),
    "a tie decides nothing": (["1,5", "1.5"], None),
    "numbers stored as numbers do not vote": ([Decimal("1.5")], None),
}


@pytest.mark.parametrize("case", COLUMNS, ids=str)
def test_the_decimal_sign_is_the_columns(case):
    cells, wanted = COLUMNS[case]
    assert decide_decimal(cells) == wanted


DATES = {
    "a year": ("2022", "2022", None),
    "a month": ("2022-03", "2022-03", None),
    "a month written the other way": ("03/2022", "2022-03", None),
    "an English day": ("12 March 2021", "2021-03-12", None),
    "an American day": ("March 12, 2021", "2021-03-12", None),
    "a French day": ("12 mars 2021", "2021-03-12", None),
    "a first of the month": ("1er mai 2020", "2020-05-01", None),
    "a Portuguese month": ("março 2020", "2020-03", None),
    "a Spanish day": ("12 de marzo de 2021", "2021-03-12", None),
    "a German day": ("12. März 2021", "2021-03-12", None),
    "a Russian day": ("12 марта 2021 г.", "2021-03-12", None),
    "an Arabic day in Arabic digits": ("١٢ مارس ٢٠٢١", "2021-03-12", None),
    "a Chinese day": ("2021年3月12日", "2021-03-12", None),
    "a Korean month": ("2021년 3월", "2021-03", None),
    "a Finnish day, which only the slow path knows": ("12 maaliskuu 2021", "2021-03-12", None),
    "Arabic digits alone": ("٢٠٢١", "2021", None),
    "a day with a time": ("2021-03-12T10:00:00Z", "2021-03-12", None),
    "eight digits": ("20210312", "2021-03-12", None),
    "a workbook's day number": (Decimal(44267), "2021-03-12", None),
    "a workbook's date": (date(2021, 3, 12), "2021-03-12", None),
    "a quarter": ("Q1 2020", "2020-01", "2020-03"),
    "a span of days": ("12-15 March 2021", "2021-03-12", "2021-03-15"),
    "a span of years": ("2019-2020", "2019", "2020"),
    "dots put the day first": ("03.04.2021", "2021-04-03", None),
}


@pytest.mark.parametrize("case", DATES, ids=str)
def test_a_date_is_read_as_precisely_as_it_is_written(case):
    cell, on, until = DATES[case]
    found = parse_date(cell, order="mdy")
    assert (found.on, found.until) == (on, until)


@pytest.mark.parametrize(
    "text",
    ["yesterday", "last Friday", "12 March", "March", "31/02/2021", "2021-02-30", "30.02.2021", "20211312", "summer 2019", "1442", "2564-01-01", "in 3 days", "now", "12", "0000-00-00"],
)  # fmt: skip
def test_a_missing_or_impossible_part_is_never_made_up(text):
    assert parse_date(text) is None


def test_day_and_month_stand_in_the_order_of_the_column():
    assert decide_order(["03/04/2021", "25/12/2021"]) == "dmy"
    assert decide_order(["03/04/2021", "12/25/2021"]) == "mdy"
    assert decide_order(["03/04/2021"]) is None
    assert parse_date("03/04/2021", order="dmy").on == "2021-04-03"
    assert parse_date("03/04/2021", order="mdy").on == "2021-03-04"
    assert parse_date("03/04/2021").ambiguous
    assert not parse_date("03/03/2021").ambiguous


def test_an_estimated_date_says_so():
    assert parse_date("about 2019").about
    assert parse_date("early March 2020").on == "2020-03"


def test_a_format_of_the_mapping_comes_first():
    assert parse_date("21.12.03", formats=("%y.%m.%d",)).on == "2021-12-03"
    assert parse_date("12|2021", formats=("%m|%Y",)).on == "2021-12"
    assert parse_date("12 03", formats=("%d %m",)) is None, "a format without a year gives no year"


def test_unknown_is_absent_in_the_languages_of_the_trade_and_namibia_is_not():
    for text in ("", "unknown", "N/A", "inconnu", "desconocido", "unbekannt", "неизвестно", "غير معروف", "-"):
        assert is_absent(text)
    assert not is_absent("NA", country=True)
    assert is_absent("n/a", country=True)


def test_yes_and_no_are_read_in_other_languages():
    assert [parse_bool(text) for text in ("yes", "Oui", "sí", "ja", "да", "نعم", "是", True)] == [True] * 8
    assert [parse_bool(text) for text in ("no", "non", "nein", "нет", "لا", False)] == [False] * 6
    assert parse_bool("maybe") is None
