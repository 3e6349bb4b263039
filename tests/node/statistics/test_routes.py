"""The route rules, held to the worked example of the method."""

from fractions import Fraction

import pytest

from node.services.statistics.routes import ENFORCEMENT, TRADE_FLOW, Step, chain, out, weight_out

GROUPS = {
    "route": {
        "chain": [
            {"role": "origin", "country": "UG"},
            {"role": "origin", "country": "KE"},
            {"role": "departure", "country": "KE"},
            {"role": "transit", "country": "AE", "custody": True},
            {"role": "transit", "country": "MY", "custody": False},
            {"role": "destination", "country": "CN"},
        ],
        "discovered_in": "SG",
    }
}
SHARES = {"UG": Fraction(20, 100), "KE": Fraction(80, 100)}


@pytest.mark.parametrize(("view", "countries"), [(ENFORCEMENT, "AE KE UG"), (TRADE_FLOW, "AE CN KE UG")])
def test_one_tonne_seized_in_singapore_counts_out_as_in_the_worked_example(view, countries):
    assert sorted(out(chain(GROUPS), view=view, seized_in="SG")) == countries.split()


def test_its_weight_out_is_two_hundred_kilograms_for_the_minor_origin_and_all_of_it_for_the_others():
    found = weight_out(chain(GROUPS), view=TRADE_FLOW, weight=Fraction(1000), shares=SHARES, seized_in="SG")
    assert found == {"UG": 200, "KE": 1000, "AE": 1000, "CN": 1000}


def test_a_transit_of_which_custody_is_not_told_counts_in_neither_view():
    steps = [Step(role="transit", country="MY")]
    assert out(steps, view=ENFORCEMENT) == out(steps, view=TRADE_FLOW) == frozenset()


def test_the_country_of_discovery_is_not_among_its_own_outs():
    assert out(chain(GROUPS), view=TRADE_FLOW, seized_in="AE") == {"UG", "KE", "CN"}


def test_of_several_origins_one_without_a_share_has_no_weight():
    steps = [Step(role="origin", country="UG"), Step(role="origin", country="KE")]
    assert weight_out(steps, view=ENFORCEMENT, weight=Fraction(9), shares={}) == {}
