"""A policy file is read whole or refused whole, with everything that is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.policy import Effect, Mode, PolicyRefused, load_policy
from tests.shared_data import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'country = "KE"\nversion = 1\nauthor = "a"\napprover = "b"\n'
RULE = HEAD + '[[rule]]\nid = "r"\neffect = "grant"\n'
LEGAL = '[[instrument]]\nid = "MAA"\ntitle = "Agreement"\n'
SAMPLES = [*sorted((ROOT / "config" / "policies").glob("*.toml")), ROOT / "config" / "policy.example.toml"]


def faults(text, **options):
    with pytest.raises(PolicyRefused) as refused:
        load_policy(text, **options)
    assert all(fault.wrong and fault.remedy for fault in refused.value.faults)
    return {fault.path: f"{fault.wrong}; {fault.remedy}" for fault in refused.value.faults}


WRONG = {
    "an unknown member": (HEAD + "rules = 1", "rules", "did you mean 'rule'?"),
    "an unknown member of a rule": (RULE + 'groups = ["goods"]\nembargo = 1', "rule[0].embargo", "not known"),
    "an unknown member of an instrument": (HEAD + LEGAL + "expires = 1", "instrument[0].expires", "known"),
    "an unknown condition": (
        RULE + 'groups = ["goods"]\nwhen = { contry = ["KE"] }',
        "rule[0].when.contry",
        "country",
    ),
    "an unknown obligation": (
        RULE + 'groups = ["goods"]\nobligations = { keep = 1 }',
        "rule[0].obligations.keep",
        "known here",
    ),
    "an unknown group": (RULE + 'groups = ["good"]', "rule[0].groups[0]", "did you mean 'goods'?"),
    "a group of another kind of record": (
        RULE + 'groups = ["headline"]\nwhen = { kind = ["seizure"] }',
        "rule[0].groups[0]",
        "not a known word",
    ),
    "no groups": (RULE, "rule[0].groups", "is missing"),
    "groups that are a number": (RULE + "groups = 1", "rule[0].groups", "list of texts"),
    "an empty list": (
        RULE + 'groups = ["goods"]\nwhen = { role = [] }',
        "rule[0].when.role",
        "nothing satisfies",
    ),
    "an unknown effect": (HEAD + '[[rule]]\nid = "r"\neffect = "allow"', "rule[0].effect", "known here"),
    "no effect": (HEAD + '[[rule]]\nid = "r"\ngroups = ["goods"]', "rule[0].effect", "is missing"),
    "an unknown mode": (RULE + 'mode = "push"\ngroups = ["goods"]', "rule[0].mode", "not a known word"),
    "groups in a hit rule": (RULE + 'mode = "hit"\ngroups = ["goods"]', "rule[0].groups", "shows no group"),
    "a word that grants everything": (RULE + 'groups = "all"', "rule[0].groups", "non-nominal"),
    "a nominal group without a legal basis": (RULE + 'groups = ["persons"]', "rule[0].groups", "legal basis"),
    "a legal basis that is not listed": (
        RULE + 'groups = ["goods"]\nlegal = ["MAA"]',
        "rule[0].legal[0]",
        "not a known word",
    ),
    "a mode of a withholding": (
        HEAD + '[[rule]]\nid = "r"\neffect = "withhold"\ngroups = "all"\nmode = "query"',
        "rule[0].mode",
        "belongs to a grant",
    ),
    "obligations of a withholding": (
        HEAD + '[[rule]]\nid = "r"\neffect = "withhold"\ngroups = "all"\nobligations = { tlp = "red" }',
        "rule[0].obligations",
        "belongs to a grant",
    ),
    "a country that is none": (
        RULE + 'groups = ["goods"]\nwhen = { country = ["UK"] }',
        "rule[0].when.country[0]",
        "'GB'",
    ),
    "an unknown role": (
        RULE + 'groups = ["goods"]\nwhen = { role = ["hub"] }',
        "rule[0].when.role[0]",
        "rilo",
    ),
    "a group without a version": (
        RULE + 'groups = ["goods"]\nwhen = { group = ["east"] }',
        "rule[0].when.group[0]",
        "@2",
    ),
    "a region in small letters": (
        RULE + 'groups = ["goods"]\nwhen = { region = ["esa"] }',
        "rule[0].when.region[0]",
        "ESA",
    ),
    "an unknown relation": (
        RULE + 'groups = ["goods"]\nwhen = { relation = ["via"] }',
        "rule[0].when.relation[0]",
        "transit",
    ),
    "an unknown right": (
        RULE + 'groups = ["goods"]\nwhen = { right = ["tm"] }',
        "rule[0].when.right[0]",
        "'trademark'",
    ),
    "an unknown category": (
        RULE + 'groups = ["goods"]\nwhen = { category = ["shoes"] }',
        "rule[0].when.category[0]",
        "'footwear'",
    ),
    "a prefix with letters": (
        RULE + 'groups = ["goods"]\nwhen = { hs = ["64a"] }',
        "rule[0].when.hs[0]",
        "digits",
    ),
    "a traffic light that is none": (
        RULE + 'groups = ["goods"]\nwhen = { tlp_at_most = "white" }',
        "rule[0].when.tlp_at_most",
        "known here",
    ),
    "a flag in quotes": (
        RULE + 'groups = ["goods"]\nwhen = { media = "yes" }',
        "rule[0].when.media",
        "without quotes",
    ),
    "an age below zero": (
        RULE + 'groups = ["goods"]\nwhen = { age_at_most_days = -1 }',
        "rule[0].when.age_at_most_days",
        "0 to",
    ),
    "an age that is true": (
        RULE + 'groups = ["goods"]\nwhen = { age_at_most_days = true }',
        "rule[0].when.age_at_most_days",
        "whole number",
    ),
    "a version of zero": (HEAD.replace("version = 1", "version = 0"), "version", "1 to"),
    "no version": (HEAD.replace("version = 1\n", ""), "version", "is missing"),
    "no approver": (HEAD.replace('approver = "b"\n', ""), "approver", "is missing"),
    "one person alone": (HEAD.replace('"b"', '"A"'), "approver", "second person"),
    "a country that is no node": (HEAD.replace("KE", "Kenya"), "country", "id of a node"),
    "two rules of one id": (
        RULE + 'groups = ["goods"]\n[[rule]]\nid = "r"\neffect = "grant"\ngroups = ["goods"]',
        "rule[1].id",
        "taken",
    ),
    "a rule called default": (
        HEAD + '[[rule]]\nid = "default"\neffect = "grant"\ngroups = ["goods"]',
        "rule[0].id",
        "no rule",
    ),
    "two instruments of one id": (HEAD + LEGAL + LEGAL, "instrument[1].id", "taken"),
    "an instrument that ends before it begins": (
        HEAD + LEGAL + "valid_from = 2026-01-02\nvalid_until = 2026-01-01",
        "instrument[0].valid_until",
        "before",
    ),
    "an instrument with a time of day": (
        HEAD + LEGAL + "valid_from = 2026-01-02T00:00:00Z",
        "instrument[0].valid_from",
        "YYYY-MM-DD",
    ),
    "an embargo without an offset": (
        RULE + 'groups = ["goods"]\nembargo_until = 2026-01-01T00:00:00',
        "rule[0].embargo_until",
        "offset",
    ),
    "two embargoes": (
        RULE + 'groups = ["goods"]\nembargo_until = 2026-01-01\nembargo_days = 3',
        "rule[0].embargo_days",
        "one of the two",
    ),
    "two times of keeping": (
        RULE + 'groups = ["goods"]\nobligations = { keep_until = 2030-01-01, keep_days = 3 }',
        "rule[0].obligations.keep_days",
        "one of the two",
    ),
    "an onward without a version": (
        RULE + 'groups = ["goods"]\nobligations = { onward = "group:east" }',
        "rule[0].obligations.onward",
        "any-member",
    ),
    "a purpose in capitals": (
        RULE + 'groups = ["goods"]\nobligations = { purposes = ["Court"] }',
        "rule[0].obligations.purposes[0]",
        "lower case",
    ),
    "rules that are no tables": (HEAD + "rule = [1]", "rule[0]", "not a table"),
    "a rule that is one table": (HEAD + '[rule]\nid = "r"', "rule", "[[rule]]"),
    "conditions that are no table": (RULE + 'groups = ["goods"]\nwhen = "KE"', "rule[0].when", "not a table"),
    "a text of two lines": (HEAD.replace('"a"', '"a\\nb"'), "author", "line of text"),
    "no TOML": ("country = ", "(file)", "not TOML"),
    "no text": (b"\xff\xfe", "(file)", "UTF-8"),
    "a text beyond the limit": ("#" * 1_000_001, "(file)", "1000000"),
}


@pytest.mark.parametrize(("text", "path", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_path_and_a_remedy(text, path, says):
    found = faults(text)
    assert path in found
    assert says in found[path]


def test_all_faults_are_told_at_once():
    text = RULE + 'groups = ["good"]\nwhen = { country = ["UK"], region = 5 }\n[[rule]]\neffect = "no"\nfoo = 1'
    assert set(faults(text.replace("version = 1", 'version = "1"'))) == {
        "version",
        "rule[0].groups[0]",
        "rule[0].when.country[0]",
        "rule[0].when.region",
        "rule[1].effect",
        "rule[1].id",
        "rule[1].groups",
        "rule[1].foo",
    }


JSON_WRONG = {
    "two members of one name": ('{"country": "KE", "country": "TZ"}', "(file)"),
    "a list": ("[]", "(file)"),
    "a null": ('{"country": null, "version": 1, "author": "a", "approver": "b"}', "country"),
    "a fraction": ('{"country": "KE", "version": 1.5, "author": "a", "approver": "b"}', "version"),
}


@pytest.mark.parametrize(("text", "path"), JSON_WRONG.values(), ids=JSON_WRONG)
def test_json_is_read_as_strictly(text, path):
    assert path in faults(text, format="json")


def test_json_and_toml_tell_the_same_policy():
    toml = (
        HEAD
        + LEGAL
        + "valid_until = 2029-06-30\n"
        + '[[rule]]\nid = "r"\neffect = "grant"\ngroups = "minimal"\n'
        + 'legal = ["MAA"]\nembargo_until = 2026-01-01\n'
    )
    data = {
        "country": "KE",
        "version": 1,
        "author": "a",
        "approver": "b",
        "instrument": [{"id": "MAA", "title": "Agreement", "valid_until": "2029-06-30"}],
        "rule": [
            {
                "id": "r",
                "effect": "grant",
                "groups": ["minimal"],
                "legal": ["MAA"],
                "embargo_until": "2026-01-01",
            }
        ],
    }
    assert load_policy(json.dumps(data), format="json") == load_policy(toml)


def test_an_empty_policy_is_a_policy():
    assert load_policy(HEAD).rules == ()


def test_a_nominal_group_with_a_legal_basis_is_read():
    rule = '[[rule]]\nid = "r"\neffect = "grant"\nmode = "query"\ngroups = ["persons"]\nlegal = ["MAA"]\n'
    (read,) = load_policy(HEAD + LEGAL + rule).rules
    assert (read.effect, read.mode, read.groups, read.legal) == (
        Effect.GRANT,
        Mode.QUERY,
        {"persons"},
        ("MAA",),
    )


def test_a_nominal_group_may_be_withheld_without_a_legal_basis():
    text = HEAD + '[[rule]]\nid = "r"\neffect = "withhold"\ngroups = ["persons"]\n'
    assert load_policy(text).rules[0].groups == {"persons"}


def test_brands_are_compared_without_regard_to_case():
    text = RULE + 'groups = ["goods"]\nwhen = { brand = "Louis  VUITTON" }'
    assert load_policy(text).rules[0].when.brand == {"louis vuitton"}


@dataclass(frozen=True)
class Mine:
    kind: str = "bulletin"
    groups: tuple[str, ...] = ("cover", "authors")
    nominal: frozenset[str] = frozenset({"authors"})


def test_the_schemas_say_which_groups_there_are_and_which_are_nominal():
    text = RULE + 'groups = ["cover"]\nwhen = { kind = ["bulletin"] }'
    assert load_policy(text, schemas=[Mine()]).rules[0].groups == {"cover"}
    assert "rule[0].groups" in faults(text.replace("cover", "authors"), schemas=[Mine()])
    assert "rule[0].groups[0]" in faults(text.replace("cover", "goods"), schemas=[Mine()])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_policies_that_ship_are_read(path: Path):
    policy = load_policy(path.read_bytes())
    assert policy.rules
    assert len({rule.id for rule in policy.rules}) == len(policy.rules)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_policy_that_ships_grants_the_regional_office_the_minimal_form(path: Path):
    rules = load_policy(path.read_bytes()).rules
    assert any(
        rule.effect is Effect.GRANT and rule.when.role == {"rilo"} and rule.groups == {"minimal"} for rule in rules
    )


def test_the_example_shows_every_member_that_there_is():
    text = (ROOT / "config" / "policy.example.toml").read_text()
    code = (ROOT / "federation" / "policy" / "parse.py").read_text()
    members = {line.split('"')[1] for line in code.splitlines() if any(read in line for read in READERS)}
    assert len(members) > 35
    assert [member for member in sorted(members) if member not in text] == []


READERS = [f'table.{name}("' for name in ("text", "words", "whole", "flag", "day", "instant", "choice", "table")]
READERS += ['top.text("', 'top.tables("', 'top.whole("', '_listed(table, "']


def read_or_refused(text, form):
    try:
        return load_policy(text, format=form)
    except PolicyRefused as refused:
        return refused.faults


@given(st.text(max_size=200) | st.binary(max_size=200), st.sampled_from(["toml", "json"]))
def test_any_text_is_read_or_refused_and_nothing_else_happens(text, form):
    assert read_or_refused(text, form)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "id",
        "effect",
        "groups",
        "when",
        "legal",
        "obligations",
        "country",
        "region",
        "media",
        "keep_until",
        "tlp",
    ]
)


@given(st.lists(st.dictionaries(MEMBERS, JSON | st.dictionaries(MEMBERS, JSON, max_size=3), max_size=4), max_size=3))
def test_any_rules_are_read_or_refused_and_nothing_else_happens(rules):
    data = {"country": "KE", "version": 1, "author": "a", "approver": "b", "rule": rules, "instrument": rules}
    assert read_or_refused(json.dumps(data), "json")
