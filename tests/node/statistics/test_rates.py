"""Values in one currency: with rates of an edition and their source, and nothing that no rate converts is lost."""

import random
from decimal import Decimal

import pytest

from federation.errors import NotFound
from node.services.statistics import rates, tables
from node.services.statistics.tables import Filters, Wishes
from tests.factories import NOW
from tests.node.statistics.test_following import GROUPS, catch_up, keep, version

RATES = """base,currency,day,rate
EUR,USD,2025-01-31,1.04
EUR,USD,2025-03-31,1.08
EUR,KES,2025-01-31,134.5
"""


def load(database, text=RATES, source="Central bank, reference rates"):
    return rates.load(database, text, source=source, by="A. Officer", now=NOW)


def worth(money, month="2025-03", basis="retail_genuine", **more):
    case = {"reference": "R", "administration": "ZA", "dates": [{"kind": "seized", "on": month}]}
    told = {"n": money[0], "currency": money[1], "basis": basis}
    return version({"case": case, "goods": GROUPS["goods"], "value": [{"line": "1", "money": told}], **more})


def values(database, **wishes):
    (found,) = tables.look(database, ("by-category",), Filters(), by="A", now=NOW, wishes=Wishes(**wishes))
    told = {
        (cell.measure, cell.unit): tables.decimal(cell.n)
        for cell in found.total
        if cell.measure in {"values", "converted", "not converted"}
    }
    return told, found.rates


def test_a_value_is_converted_with_the_newest_rate_up_to_the_end_of_its_month(database):
    load(database)
    keep(database, worth(("108", "USD")), worth(("104", "USD"), "2025-02"), worth(("50", "EUR"), "2020-01"))
    told, used = values(database, into="EUR")
    assert told["converted", "retail_genuine:EUR"] == "250"
    assert told["values", "retail_genuine:USD"] == "212"
    assert (used.edition, used.source, used.first, used.last) == (
        1, "Central bank, reference rates", "2025-01-31", "2025-03-31",
    )  # fmt: skip


def test_bases_of_value_stay_apart(database):
    load(database)
    keep(database, worth(("108", "USD")), worth(("10", "EUR"), basis="declared"))
    told, _ = values(database, into="EUR")
    assert (told["converted", "retail_genuine:EUR"], told["converted", "declared:EUR"]) == ("100", "10")


def test_what_no_rate_converts_is_told_as_it_is(database):
    load(database)
    keep(
        database, worth(("7", "XAF")), worth(("8", "USD"), "2024-12"), worth(("9", "USD"), "2025"), worth(("1", "EUR"))
    )
    told, _ = values(database, into="EUR")
    assert told["converted", "retail_genuine:EUR"] == "1"
    assert told["not converted", "retail_genuine:XAF"] == "7"
    assert told["not converted", "retail_genuine:USD"] == "17"


def test_a_currency_is_reached_through_the_base(database):
    load(database)
    keep(database, worth(("134.5", "KES"), "2025-01"), worth(("1", "EUR"), "2025-01"), worth(("2", "USD"), "2025-01"))
    told, _ = values(database, into="USD")
    assert told["converted", "retail_genuine:USD"] == "4.08"


def test_an_edition_is_never_changed_and_the_newest_is_used_unless_another_is_named(database):
    load(database)
    load(database, "base,currency,day,rate\nEUR,USD,2025-01-31,2\n", source="Another")
    keep(database, worth(("108", "USD")))
    assert values(database, into="EUR")[0]["converted", "retail_genuine:EUR"] == "54"
    told, used = values(database, into="EUR", edition=1)
    assert (told["converted", "retail_genuine:EUR"], used.source) == ("100", "Central bank, reference rates")
    assert [(one.number, one.rates) for one in rates.editions(database)] == [(2, 1), (1, 3)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base,currency,rate\nEUR,USD,1\n", "columns: are base, currency, day, rate"),
        ("base,currency,day,rate\n", "rows: there is none"),
        ("base,currency,day,rate\neur,USD,2025-01-31,1\n", "row 2: base: is three capitals"),
        ("base,currency,day,rate\nEUR,EUR,2025-01-31,1\n", "row 2: currency: is the base itself"),
        ("base,currency,day,rate\nEUR,USD,31.1.2025,1\n", "row 2: day: is YYYY-MM-DD"),
        ("base,currency,day,rate\nEUR,USD,2025-02-30,1\n", "row 2: day: is YYYY-MM-DD"),
        ('base,currency,day,rate\nEUR,USD,2025-01-31,"1,08"\n', "row 2: rate: is a number above 0"),
        ("base,currency,day,rate\nEUR,USD,2025-01-31,0.0\n", "row 2: rate: is a number above 0"),
        ("base,currency,day,rate\nEUR,USD,2025-01-31\n", "row 2: rate: is a number above 0"),
        (RATES + "EUR,USD,2025-01-31,1.05\n", "row 5: day: there is a rate of these currencies for this day already"),
    ],
)
def test_a_table_with_a_mistake_is_refused_as_a_whole_and_the_mistake_named(sqlite_database, text, said):
    with pytest.raises(rates.RatesRefused, match=said.replace("(", r"\(")):
        load(sqlite_database, text)
    assert rates.editions(sqlite_database) == []


@pytest.mark.parametrize("source", ["", " ", "x" * 201, "a\nb"])
def test_rates_without_a_source_are_refused(sqlite_database, source):
    with pytest.raises(rates.RatesRefused, match="source: "):
        load(sqlite_database, source=source)


@pytest.mark.parametrize("wishes", [{"into": "EUR"}, {"into": "GBP"}, {"into": "EUR", "edition": 9}, {"into": "eur"}])
def test_without_a_rate_of_the_currency_nothing_is_made_up(sqlite_database, wishes):
    if wishes["into"] == "GBP":
        load(sqlite_database)
    with pytest.raises(NotFound):
        values(sqlite_database, **wishes)


def test_sums_of_many_values_equal_a_plain_count_to_the_thousandth(database):
    load(database)
    chance = random.Random(7)  # noqa: S311 - the same values every time
    told = [
        (f"{chance.randrange(1, 10**6)}.{chance.randrange(1000):03d}", chance.choice(("2025-01", "2025-04")))
        for _ in range(40)
    ]
    keep(database, *(worth((n, "USD"), month) for n, month in told))
    catch_up(database)
    by_month = {"2025-01": Decimal("1.04"), "2025-04": Decimal("1.08")}
    expected = sum(
        (sum(Decimal(n) for n, at in told if at == month) / rate).quantize(Decimal("0.001"))
        for month, rate in by_month.items()
    )
    assert Decimal(values(database, into="EUR")[0]["converted", "retail_genuine:EUR"]) == expected
