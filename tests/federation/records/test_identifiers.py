"""Identifiers with check digits: samples that hold, and the same with one digit wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.records import identifiers

GOOD = {
    "a container": (identifiers.is_container, "CSQU3054383"),
    "a container with a blank and a hyphen": (identifiers.is_container, "TASU 117000-0"),
    "a ship": (identifiers.is_imo, "9319466"),
    "a ship with its letters": (identifiers.is_imo, "IMO 9319466"),
    "an article number of 13 digits": (identifiers.is_gtin, "4006381333931"),
    "an article number of 8 digits": (identifiers.is_gtin, "73513537"),
    "an air waybill": (identifiers.is_awb, "020-12345675"),
    "an air waybill without its hyphen": (identifiers.is_awb, "02012345675"),
    "a flight": (identifiers.is_flight, "KQ101"),
    "a UN/LOCODE": (identifiers.is_unlocode, "KEMBA"),
}

BAD = {
    "a container with another check digit": (identifiers.is_container, "CSQU3054384"),
    "a container of an unknown category": (identifiers.is_container, "CSQX3054383"),
    "a ship with another check digit": (identifiers.is_imo, "9319467"),
    "an article number with another check digit": (identifiers.is_gtin, "4006381333932"),
    "an article number of 11 digits": (identifiers.is_gtin, "40063813339"),
    "an air waybill with another check digit": (identifiers.is_awb, "020-12345676"),
    "an air waybill that is too short": (identifiers.is_awb, "020-1234567"),
    "Arabic digits are not what is painted on a box": (identifiers.is_imo, "٩٣١٩٤٦٦"),
    "a flight told in words": (identifiers.is_flight, "the morning flight"),
    "a town": (identifiers.is_unlocode, "Mombasa"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_right_identifier_is_accepted(case):
    check, text = GOOD[case]
    assert check(text)


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_identifier_is_told_apart(case):
    check, text = BAD[case]
    assert not check(text)


@given(st.text())
@settings(max_examples=100)
def test_no_text_makes_an_identifier_check_fail(text):
    checks = (identifiers.is_container, identifiers.is_imo, identifiers.is_gtin, identifiers.is_awb)
    for check in (*checks, identifiers.is_flight, identifiers.is_unlocode):
        assert check(text) in (True, False)
