"""Any JSON whatever: strict checks list faults, tolerant readers skip, and neither raises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import strictjson
from federation.records import SCHEMAS, check_tomb
from tests.federation.records.cases import alert, annotation, complete

WORDS = st.text(max_size=12) | st.sampled_from(
    ["1", "2024-05", "2024-05-17", "KE", "seized", "HS", "10", "0.5", "\ud800"]
)
NAMES = st.sampled_from(
    sorted(
        {name for schema in SCHEMAS.values() for name in schema.groups}
        | {
            "line",
            "n",
            "to",
            "on",
            "until",
            "unit",
            "currency",
            "country",
            "role",
            "chain",
            "hs",
            "code",
            "scheme",
        }
        | {
            "wco",
            "eu",
            "brands",
            "types",
            "amount",
            "money",
            "dates",
            "kind",
            "text",
            "lang",
            "by",
            "title",
            "type",
        }
        | {"procedures", "outcome", "health_safety", "about", "media", "reference", "administration"},
    ),
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=25,
)
GROUPS = st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=8)
START = {"seizure/1": complete(), "alert/1": alert(), "annotation/1": annotation(), "tombstone/1": {}}


@st.composite
def damaged(draw, name):
    """A right record in which some places hold anything."""

    def walk(value):
        if draw(st.integers(0, 11)) == 0:
            return draw(JSON)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value

    return {group: walk(value) for group, value in START[name].items()}


def exercise(schema, groups):
    report = schema.validate(groups)
    for fault in (*report.errors, *report.warnings):
        assert isinstance(fault.path, str)
        assert fault.wrong
        assert fault.remedy
    ready = schema.prepare(groups)
    schema.validate(ready)
    for shown in (groups, ready):
        attributes = schema.attributes(shown, handling={"tlp": None})
        assert attributes.tlp == "amber"
        assert schema.title(shown)
        assert "\n" not in schema.title(shown)
        for values in schema.facets(shown).values.values():
            assert values
            assert all(isinstance(value, str) for value in values)
    return report


@pytest.mark.parametrize("name", list(SCHEMAS))
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_json_makes_a_schema_fail(name, data):
    exercise(SCHEMAS[name], data.draw(GROUPS))


@pytest.mark.parametrize("name", ["seizure/1", "alert/1", "annotation/1"])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_damage_makes_a_schema_fail(name, data):
    exercise(SCHEMAS[name], data.draw(damaged(name)))


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_what_passes_the_strict_check_is_in_the_record_profile(data):
    groups = data.draw(damaged("seizure/1"))
    if SCHEMAS["seizure/1"].validate(groups).ok:
        again = strictjson.parse_profile(strictjson.dumps(groups), max_bytes=262_144)
        assert again == groups


@given(JSON)
@settings(max_examples=100)
def test_no_json_makes_the_check_of_a_recall_fail(value):
    check_tomb(value)


def test_a_bottomless_value_is_refused_and_not_followed():
    deep = []
    for _ in range(900):
        deep = [deep]
    schema = SCHEMAS["seizure/1"]
    assert not schema.validate(schema.prepare({"goods": deep, "narrative": [{"text": deep}], "more": deep})).ok
