import json
import math
import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import strictjson
from crypto.errors import MalformedJson
from tests.shared_data import have, shared

SUITE = "vectors/json-parsing/test_parsing"

# The suite calls duplicate names valid, as RFC 8259 does. What is signed must mean one thing.
DUPLICATES = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}

REFUSED = {
    "a duplicate name": b'{"a":1,"a":2}',
    "a duplicate name with equal values": b'{"a":1,"a":1}',
    "a duplicate name behind an escape": b'{"a":1,"\\u0061":2}',
    "a duplicate name far inside": b'{"x":[{"y":{"a":1,"b":2,"a":3}}]}',
    "a duplicate name with the same length as its neighbour": b'{"a":1,"a":2,"b":3}',
    "NaN": b"NaN",
    "infinity": b"[Infinity]",
    "minus infinity": b"[-Infinity]",
    "a number beyond a double": b"[1e400]",
    "an integer with more digits than Python reads": b"1" * 5000,
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate as a name": b'{"\\udc00":1}',
    "surrogates the wrong way round": b'["\\udc00\\ud800"]',
    "surrogates encoded in UTF-8": b'"\xed\xa0\x80"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-8 cut off": b'"\xc3"',
    "an overlong encoding": b'"\xc0\xaf"',
    "trailing data": b"{} {}",
    "a trailing comma": b"[1,]",
    "a control character in a string": b'"a\nb"',
    "a leading zero": b"[01]",
    "a single quote": b"{'a':1}",
    "a comment": b"{}//",
    "nothing": b"",
    "only spaces": b"  ",
    "a digit of another script": '["٣"]'.encode()[:1] + "٣]".encode(),
    "an unknown escape": b'"\\x41"',
}

OUTSIDE_PROFILE = {
    "a fraction": b'{"n":12.5}',
    "a fraction behind a bracket": b"[12.5]",
    "a fraction behind a comma": b'["a",12.5]',
    "a negative fraction": b"[-0.5]",
    "a fraction alone": b"1.5",
    "an exponent": b'{"n":1e5}',
    "a small number whose shortest form has only an exponent": b"[1e-7]",
    "a large number whose shortest form has only an exponent": b"[1e16]",
    "minus zero as a fraction": b"[-0.0]",
    "null": b'{"n":null}',
    "null alone": b"null",
    "null with spaces": b'{"n": null}',
    "2^53": b"[9007199254740992]",
    "minus 2^53": b"[-9007199254740992]",
    "an integer beyond 64 bits": b"[18446744073709551616]",
}

INSIDE_PROFILE = {
    "text that looks like a fraction": (b'{"n":"12.5"}', {"n": "12.5"}),
    "text that holds a list of fractions": (b'["a,1.5,2e7:3.5[4.5"]', ["a,1.5,2e7:3.5[4.5"]),
    "text that says null": (b'["null"]', ["null"]),
    "2^53-1": (b"[9007199254740991]", [2**53 - 1]),
    "minus 2^53-1": (b"[-9007199254740991]", [-(2**53) + 1]),
    "booleans": (b"[true,false]", [True, False]),
    "spaces": (b' { "a" : [ 1 , 2 ] } ', {"a": [1, 2]}),
    "escapes": (b'"\\u0041\\/"', "A/"),
    "an empty object": (b"{}", {}),
    "eight levels": (b"[" * 8 + b"]" * 8, [[[[[[[[]]]]]]]]),
    "brackets in text": (b'["[[[[[[[[[[[[{{{{{{"]', ["[[[[[[[[[[[[{{{{{{"]),
    "many brackets side by side": (b"[" + b"[]," * 20 + b"[]]", [[] for _ in range(21)]),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_two_readers_could_read_differently_is_refused(text):
    with pytest.raises(MalformedJson):
        strictjson.parse(text)
    with pytest.raises(MalformedJson):
        strictjson.parse_profile(text, max_bytes=100_000)


@pytest.mark.parametrize("text", OUTSIDE_PROFILE.values(), ids=OUTSIDE_PROFILE)
def test_the_profile_refuses_what_json_allows(text):
    strictjson.parse(text)
    for given_text in (text, b" " + text):
        with pytest.raises(MalformedJson):
            strictjson.parse_profile(given_text, max_bytes=1000)
    with pytest.raises(MalformedJson):
        strictjson.parse_profile_arrays([b"[1]", text], max_bytes=1000)
    with pytest.raises(MalformedJson):
        strictjson.dumps_profile(json.loads(text))


@pytest.mark.parametrize(("text", "value"), INSIDE_PROFILE.values(), ids=INSIDE_PROFILE)
def test_the_profile_takes(text, value):
    assert strictjson.parse_profile(text, max_bytes=1000) == value
    assert strictjson.parse_profile(b" " + text, max_bytes=1000) == value
    assert strictjson.parse(text) == value


def suite(kind: str) -> list[str]:
    if not have(SUITE):
        return ["missing"]
    return sorted(path.name for path in shared(SUITE).glob(f"{kind}_*.json"))


@pytest.mark.parametrize("name", suite("n"))
def test_the_suite_of_hostile_json_is_refused(name):
    text = (shared(SUITE) / name).read_bytes()
    for read in (strictjson.parse, lambda data: strictjson.parse_profile(data, max_bytes=1_000_000)):
        with pytest.raises(MalformedJson):
            read(text)


@pytest.mark.parametrize("name", suite("y"))
def test_the_suite_of_valid_json_is_read_as_the_standard_library_reads_it(name):
    text = (shared(SUITE) / name).read_bytes()
    if name in DUPLICATES:
        with pytest.raises(MalformedJson):
            strictjson.parse(text)
    else:
        assert strictjson.parse(text) == json.loads(text)


@pytest.mark.parametrize("name", suite("i"))
def test_the_suite_of_doubtful_json_gives_a_value_or_a_refusal(name):
    text = (shared(SUITE) / name).read_bytes()
    try:
        value = strictjson.parse(text)
    except MalformedJson:
        return
    assert value == json.loads(text)


@pytest.mark.parametrize("spaced", [b"", b" "], ids=["fast", "slow"])
def test_depth_is_counted_to_the_limit_and_not_beyond(spaced):
    for depth in (1, 2, 8, 100, 512):
        text = spaced + b"[" * depth + b"]" * depth
        strictjson.parse(text, max_depth=depth)
        with pytest.raises(MalformedJson, match="nested"):
            strictjson.parse(text, max_depth=depth - 1)
    mixed = spaced + b'[{"a":[{"b":["]]]]"]}]}]'
    strictjson.parse_profile(mixed, max_bytes=100, max_depth=5)
    with pytest.raises(MalformedJson, match="nested"):
        strictjson.parse_profile(mixed, max_bytes=100, max_depth=4)


HOSTILE = {
    "250 kB of opening brackets": b"[" * 250_000,
    "250 kB of nested arrays": b"[" * 125_000 + b"]" * 125_000,
    "250 kB of nested objects": b'{"a":' * 50_000,
    "250 kB of escaped quotes without an end": b'"' + b'\\"' * 125_000 + b"\\",
    "250 kB of quotes": b'"' * 250_001,
    "250 kB of backslashes": b'"' + b"\\" * 250_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_refused_at_once(text):
    start = time.perf_counter()
    for read in (
        lambda data: strictjson.parse(data, max_depth=10_000_000),
        strictjson.parse,
        lambda data: strictjson.parse_profile(data, max_bytes=300_000),
    ):
        with pytest.raises(MalformedJson):
            read(text)
    assert time.perf_counter() - start < 2


def test_a_text_beyond_the_size_is_not_read():
    with pytest.raises(MalformedJson, match="larger than the 3"):
        strictjson.parse_profile(b"[12]", max_bytes=3)


def test_a_string_beyond_the_limit_is_refused_wherever_it_stands():
    for text in (b'["aaaaa"]', b'{"aaaaa":1}', b'[ "aaaaa"]', b'[1,{"b":["aaaaa"]}]'):
        strictjson.parse_profile(text, max_bytes=100, max_string=5)
        with pytest.raises(MalformedJson, match="longer"):
            strictjson.parse_profile(text, max_bytes=100, max_string=4)


def test_text_and_bytes_are_read_alike():
    assert strictjson.parse('{"a":"ü"}') == strictjson.parse('{"a":"ü"}'.encode()) == {"a": "ü"}
    with pytest.raises(MalformedJson):
        strictjson.parse('"\ud800"')


def test_two_halves_of_an_array_are_never_read_as_one_whole():
    halves = [b'["a",[1', b"2]]", b"[1],[2]"]
    assert len(orjson.loads(b"[%b]" % b",".join(halves))) == len(halves), "the attack is well made"
    with pytest.raises(MalformedJson):
        strictjson.parse_profile_arrays(halves, max_bytes=1000)


def test_several_texts_keep_their_limits():
    limits = {"max_bytes": 30, "max_depth": 2, "max_string": 4}
    assert strictjson.parse_profile_arrays([], **limits) == []
    assert strictjson.parse_profile_arrays([b"[1]", b"[ 2]"], **limits) == [[1], [2]]
    for bad in (b"[[[1]]]", b'["aaaaa"]', b"[%b]" % (b"1," * 20 + b"1"), b'[{"a":1,"a":1}]'):
        with pytest.raises(MalformedJson):
            strictjson.parse_profile_arrays([b"[1]", bad], **limits)


NO_JSON = {
    "NaN": math.nan,
    "infinity inside": {"a": [math.inf]},
    "a set": {1},
    "bytes": b"a",
    "a lone surrogate": "\ud800",
    "a number as a name": {1: 2},
    "an integer beyond 64 bits": 2**70,
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
def test_what_has_no_form_in_json_is_not_written(value):
    with pytest.raises(MalformedJson):
        strictjson.dumps(value)
    with pytest.raises(MalformedJson):
        strictjson.dumps_profile(value)


SCALARS = (
    st.text(max_size=8)
    | st.integers(min_value=-(2**54), max_value=2**54)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["1.5", ",1.5", "null", ":2e5", "[1.5", "_sd", "..."])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def outcome(read, text):
    try:
        return read(text)
    except MalformedJson:
        return "refused"


@settings(max_examples=100, deadline=None)
@given(VALUES, st.integers(min_value=1, max_value=4))
def test_the_fast_way_and_the_slow_way_give_the_same_answer(value, max_depth):
    compact = orjson.dumps(value)
    spaced = json.dumps(value, indent=1).encode()
    assert outcome(strictjson.parse, compact) == outcome(strictjson.parse, spaced) == value

    def profile(text):
        return strictjson.parse_profile(text, max_bytes=100_000, max_depth=max_depth, max_string=6)

    def several(text):
        return strictjson.parse_profile_arrays([text], max_bytes=100_000, max_depth=max_depth, max_string=6)[0]

    # A double between 2^53 and 2^64 may be written with or without a point; neither is in the profile.
    assert outcome(profile, compact) == outcome(profile, spaced) == outcome(several, compact)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_what_is_written_for_the_profile_is_what_the_profile_reads(value):
    written = outcome(strictjson.dumps_profile, value)
    read = outcome(lambda v: strictjson.parse_profile(orjson.dumps(v), max_bytes=100_000, max_depth=100), value)
    assert (written == "refused") == (read == "refused")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:\\u0dD8ea1.- ', max_size=40).map(str.encode))
def test_any_bytes_give_a_value_or_a_refusal(data):
    outcome(strictjson.parse, data)
    outcome(lambda text: strictjson.parse_profile(text, max_bytes=100), data)
