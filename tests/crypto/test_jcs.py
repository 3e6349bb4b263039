import json
import math

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto import jcs, strictjson
from crypto.errors import MalformedJson, NotCanonical
from tests.shared_data import have, shared

VECTORS = "vectors/jcs-rfc8785/testdata"
NAMES = sorted(p.stem for p in shared(f"{VECTORS}/input").glob("*.json")) if have(VECTORS) else ["missing"]


@pytest.mark.parametrize("name", NAMES)
def test_the_published_vectors_come_out(name):
    folder = shared(VECTORS)
    value = strictjson.parse((folder / "input" / f"{name}.json").read_bytes())
    expected = bytes.fromhex((folder / "outhex" / f"{name}.txt").read_text())
    assert jcs.canonicalize(value) == expected
    assert jcs.canonicalize(strictjson.parse(expected)) == expected


LARGE = {
    "an integer that is exactly a double": ("100000000000000000000", b"100000000000000000000"),
    "an integer that is a power of two": (str(2**70), b"1.1805916207174113e+21"),
    "a negative one inside": ("[-9007199254740992]", b"[-9007199254740992]"),
    "ten to the 21": ("1" + "0" * 21, b"1e+21"),
}


@pytest.mark.parametrize(("text", "expected"), LARGE.values(), ids=LARGE)
def test_a_large_integer_is_written_as_the_double_it_is(text, expected):
    assert jcs.canonicalize(strictjson.parse(text)) == expected


NO_FORM = {
    "an integer that no double equals": 2**53 + 1,
    "one inside an object": {"a": [2**53 + 1]},
    "an integer beyond all doubles": 10**400,
    "NaN": math.nan,
    "infinity": [math.inf],
    "a lone surrogate": "\ud800",
    "a lone surrogate as a name": {"\ud800": 1},
    "a number as a name": {1: 1},
    "a set": {1, 2},
}


@pytest.mark.parametrize("value", NO_FORM.values(), ids=NO_FORM)
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(NotCanonical):
        jcs.canonicalize(value)


def test_nesting_beyond_the_stack_is_refused():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotCanonical, match="deep"):
        jcs.canonicalize(value)


def test_512_levels_have_a_canonical_form():
    text = b"[" * 512 + b"]" * 512
    assert jcs.canonicalize(strictjson.parse(text)) == text


PROFILE = st.recursive(
    st.text(max_size=6)
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.booleans()
    | st.sampled_from(["\u007f", '\u0001\b\t\n\f\r"\\/', "€\U0001f600", "12.5"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["\ufb33", "\U0001f600", "\ue000"]), inner, max_size=5)
    ),
    max_leaves=15,
)


@settings(max_examples=100, deadline=None)
@given(PROFILE)
def test_the_fast_form_is_the_canonical_form(value):
    assert jcs.profile_bytes(value) == rfc8785.dumps(value) == jcs.canonicalize(value)


def test_names_beyond_the_basic_plane_are_sorted_as_the_rfc_says():
    value = {"\U0001f600": 1, "\ufb33": 2, "a": 3}
    assert [*json.loads(jcs.profile_bytes(value))] == ["a", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize("value", [1.5, None, {"a": None}, 2**53, [1e-7]])
def test_the_fast_form_refuses_what_is_outside_the_profile(value):
    with pytest.raises(MalformedJson):
        jcs.profile_bytes(value)


@settings(max_examples=100, deadline=None)
@example(3.335474300007617e16)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_comes_back_from_its_canonical_form(number):
    text = jcs.canonicalize(number)
    assert float(text) == number
    assert jcs.canonicalize(strictjson.parse(text)) == text
