"""The letter that the approver signs: it says everything that a rule says."""

from __future__ import annotations

import pytest

from federation.policy import compile_policy, load_policy
from federation.policy.letter import write_letter

BASE = """
country = "KE"
version = 2
author = "Ann"
approver = "Bob"
[[instrument]]
id = "MAA"
title = "Agreement"
[[rule]]
id = "one"
effect = "grant"
groups = ["place_coarse", "media"]
{rule}
[rule.when]
role = ["rilo"]
{when}
[rule.obligations]
{obligations}
"""
SAID = {
    "mode": ("rule", 'mode = "query"'), "basis": ("rule", 'legal = ["MAA"]'),
    "embargo": ("rule", "embargo_until = 2027-01-01"), "embargo in days": ("rule", "embargo_days = 14"),
    "second officer": ("rule", "needs_release = true"), "relay to nodes": ("rule", 'relay = { to = ["TZ", "UG"] }'),
    "relay to a group": ("rule", 'relay = { to = "group:ncp@3", days = 30 }'),
    "node": ("when", 'node = ["TZ"]'), "country": ("when", 'country = ["TZ"]'), "region": ("when", 'region = ["ESA"]'),
    "group": ("when", 'group = ["ncp@3"]'), "relation": ("when", 'relation = ["transit"]'),
    "kind": ("when", 'kind = ["alert"]'), "right": ("when", 'right = ["trademark"]'),
    "brand": ("when", 'brand = ["Acme"]'), "category": ("when", 'category = ["footwear"]'),
    "hs": ("when", 'hs = ["6403"]'), "tlp": ("when", 'tlp_at_most = "green"'),
    "health": ("when", "health_safety = false"), "age": ("when", "age_at_most_days = 90"),
    "status": ("when", 'status = ["proceedings"]'), "grade": ("when", 'source_grade = ["A"]'),
    "media": ("when", "media = true"), "purpose": ("when", 'purpose = ["statistics"]'),
    "purposes": ("obligations", 'purposes = ["statistics"]'), "onward": ("obligations", 'onward = "none"'),
    "light": ("obligations", 'tlp = "red"'), "evidence": ("obligations", 'evidence = "no"'),
    "keep days": ("obligations", "keep_days = 9"), "keep until": ("obligations", "keep_until = 2030-01-01"),
    "review": ("obligations", "review_by = 2029-01-01"), "report back": ("obligations", "report_back = true"),
    "receipt": ("obligations", "receipt_within = 24"),
}  # fmt: skip


def letter(**said):
    body = BASE.format(**({"rule": "", "when": "", "obligations": ""} | said))
    compile_policy(policy := load_policy(body))
    return " ".join(write_letter(policy, kinds=(), examples=()).split())


@pytest.mark.parametrize("what", SAID)
def test_nothing_that_a_rule_says_is_missing_in_the_letter(what):
    place, line = SAID[what]
    assert letter(**{place: line}) != letter()


def test_the_letter_says_to_whom_a_regional_office_may_pass_on_and_how_long():
    assert (
        "may pass it on to TZ, UG, as far as the record's own handling allows; we sign a relay grant of 90 days"
        in letter(rule='relay = { to = ["UG", "TZ"] }')
    )
    assert "pass it on to the members of group ncp@3," in letter(rule='relay = { to = "group:ncp@3", days = 30 }')
    assert "pass it on" not in letter()
