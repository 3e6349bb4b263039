"""What one seizure adds: cases, procedures, lines and articles apart, unlike units never added."""

from collections import Counter
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from node.services.statistics.counting import SCALE, contribution
from tests.node.statistics.counter import count

CASE = {"reference": "R-1", "administration": "ZA"}


def added(groups):
    return {(d, v, m, u): n / SCALE for d, v, m, u, n in contribution(groups, node="ZA").rows}


def test_cases_procedures_lines_and_articles_are_counted_apart():
    found = added(
        {
            "case": CASE,
            "goods": [{"line": "1"}, {"line": "2"}],
            "right": [{"line": "1", "brands": ["A", "B"]}],
            "quantity": [{"line": "1", "amount": {"n": "40", "unit": "H87"}}],
            "assessment": {
                "procedures": [
                    {"right_holder": "A", "outcome": "detained"},
                    {"right_holder": "A", "outcome": "detained", "line": "2"},
                    {"right_holder": "B", "outcome": "detained"},
                ]
            },
        }
    )
    totals = {key[2]: n for key, n in found.items() if key[0] == "total"}
    assert totals == {"cases": 1, "procedures": 2, "lines": 3, "articles": 40}


def test_unlike_units_and_bases_of_value_are_never_added():
    money = [("1", "declared", "USD"), ("2", "genuine_retail", "USD"), ("4", "declared", "EUR")]
    found = added(
        {
            "case": CASE,
            "quantity": [{"amount": {"n": "1.5", "unit": "KGM"}}, {"amount": {"n": "7", "unit": "H87"}}],
            "value": [{"money": {"n": n, "basis": basis, "currency": currency}} for n, basis, currency in money],
        }
    )
    assert {key[3]: n for key, n in found.items() if key[0] == "total" and key[2] in ("articles", "values")} == {
        "KGM": 1.5, "H87": 7, "declared:USD": 1, "genuine_retail:USD": 2, "declared:EUR": 4,
    }  # fmt: skip


def test_a_case_of_several_values_counts_once_for_each_and_its_articles_for_none_of_them():
    chain = [{"role": "destination", "country": "KE"}, {"role": "destination", "country": "UG"}]
    amount = {"amount": {"n": "9", "unit": "H87"}}
    found = added({"case": CASE, "route": {"chain": chain}, "quantity": [amount]})
    assert {key[1:3]: n for key, n in found.items() if key[0] == "destination"} == {
        ("KE", "cases"): 1, ("UG", "cases"): 1, ("(several)", "articles"): 9,
    }  # fmt: skip


def test_what_is_not_held_is_unknown():
    found = added({"case": CASE})
    assert found["month", "(unknown)", "cases", ""] == found["category", "(unknown)", "cases", ""] == 1


def test_a_year_without_a_month_is_no_january():
    dated = {"case": {**CASE, "dates": [{"kind": "seized", "on": "2025"}]}}
    assert added(dated)["month", "2025", "cases", ""] == 1


def test_what_has_no_readable_form_is_skipped_and_nothing_raises():
    for bad in ({"n": "9" * 400, "unit": "H87"}, {"n": "1e9", "unit": "H87"}, {"n": 7}, "x", None, []):
        groups = {
            "case": [1],
            "goods": {"line": 1},
            "right": "x",
            "route": [],
            "quantity": [{"amount": bad, "line": 3}],
        }
        assert [key for key in added(groups) if key[2] != "cases"] == []


LINES = st.sampled_from(["1", "2", "3"])
NUMBER = st.builds(lambda a, b: f"{a}.{b}" if b else str(a), st.integers(1, 9999), st.sampled_from([0, 5, 25]))


def optional(**members):
    return st.fixed_dictionaries({}, optional=members)


GOODS = st.lists(
    st.fixed_dictionaries(
        {"line": LINES},
        optional={
            "wco": st.lists(st.sampled_from(["footwear", "clothing"]), min_size=1, max_size=2, unique=True),
            "hs": st.sampled_from(["640411", "6109", "61"]).map(
                lambda code: {"scheme": "HS", "edition": "2022", "code": code}
            ),
        },
    ),
    max_size=3,
    unique_by=lambda item: item["line"],
)
SEIZURES = st.fixed_dictionaries(
    {
        "case": st.lists(
            st.fixed_dictionaries(
                {
                    "kind": st.sampled_from(["seized", "detained", "found", "published"]),
                    "on": st.sampled_from(["2024", "2025-02", "2025-02-03", "2026-11-30"]),
                }
            ),
            max_size=3,
        ).map(lambda dates: {**CASE, "dates": dates})
    },
    optional={
        "transport": st.sampled_from(["sea", "air"]).map(lambda text: {"conveyance": text}),
        "place_coarse": st.just({"month": "2025-07"}),
        "route": st.lists(
            st.fixed_dictionaries(
                {"role": st.sampled_from(["origin", "destination"]), "country": st.sampled_from(["CN", "HK", "KE"])}
            ),
            max_size=3,
        ).map(lambda chain: {"chain": chain}),
        "goods": GOODS,
        "right": st.lists(
            optional(
                line=LINES,
                brands=st.lists(st.sampled_from(["Nordwind", "NORDWIND", "Tide"]), max_size=2),
                types=st.just(["trademark"]),
            ),
            max_size=3,
        ).map(lambda rights: rights),
        "quantity": st.lists(
            st.fixed_dictionaries(
                {"amount": st.fixed_dictionaries({"n": NUMBER, "unit": st.sampled_from(["H87", "KGM"])})},
                optional={"line": LINES},
            ),
            max_size=4,
        ),
        "value": st.lists(
            st.fixed_dictionaries(
                {
                    "money": st.fixed_dictionaries(
                        {
                            "n": NUMBER,
                            "currency": st.sampled_from(["EUR", "USD"]),
                            "basis": st.sampled_from(["declared", "genuine_retail"]),
                        }
                    )
                },
                optional={"line": LINES},
            ),
            max_size=3,
        ),
        "assessment": st.lists(
            optional(right_holder=st.sampled_from(["A", "B"]), outcome=st.just("detained")), max_size=3
        ).map(lambda procedures: {"procedures": procedures}),
    },
)
COMPARED = {"total", "month", "origin", "conveyance", "category", "chapter", "brand", "right"}


def with_goods(groups):
    """Where goods are not held, lines are those of the rights: the plain counter knows only goods."""
    return {name: value for name, value in groups.items() if name != "right" or groups.get("goods")}


@given(st.lists(SEIZURES.map(with_goods), max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_second_plain_counter_finds_the_same_figures(seizures):
    sums = Counter()
    for groups in seizures:
        for dim, value, measure, unit, n in contribution(groups, node="ZA").rows:
            if dim in COMPARED:
                sums[dim, value, measure, unit] += Fraction(n, SCALE)
    assert dict(sums) == count(seizures)
