"""Relay grants: what one says reads back, and whatever does not cover what a hub passes on is refused by its word."""

import json

import pytest

from crypto import jcs
from federation.errors import GrantExceeded, NoRelayGrant
from federation.policy import compile_policy, decide_all, load_policy, relayed
from federation.policy.reading import PolicyRefused
from federation.relay import (
    MAX_GRANTS,
    MAX_LIFETIME,
    Passed,
    check_relay,
    join,
    sign_relay_grant,
    signed_grant,
    text_hash,
    verify_relay_grant,
)
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.federation.test_policy_decide import RECORD
from tests.simulator.naive import unb64

GROUPS = {"ncp": {"1": ["TZ"], "3": ["TZ", "UG"]}, "old": {"1": ["TZ", "UG"], "2": ["UG"]}}
FED = make_federation(["KE", "TZ", "UG", "ZA", "RILO-ESA", "RILO-EUR"], groups=GROUPS)
HASH = "A" * 43
GRANT = {"tlp": "green", "onward": "none", "evidence": "ask", "legal": ["MAA"]}


def grant(fed=FED, use="record", signer=None, **changed):
    members = {
        "fed": "test", "iss": "KE", "rid": "r", "ver": 1, "jh": HASH, "hub": "RILO-ESA", "group": "ncp@3",
        "nodes": None, "mask": 0b0111, "width": 24, "grant": GRANT, "now": NOW, "exp": NOW + 1000, **changed,
    }  # fmt: skip
    return sign_relay_grant(**members, signer=signer or fed.signer("KE", use))


def passed(**changed):
    members = {"iss": "KE", "rid": "r", "ver": 1, "jh": HASH, "hub": "RILO-ESA", "receiver": "TZ", "mask": 0b0101}
    return Passed(**{**members, **changed})


def check(*grants, now=NOW + 10, fed=FED, **changed):
    text = join(grants)
    return check_relay(text, rg=text_hash(text), passed=passed(**changed), directory=fed.directory, now=now)


def test_a_grant_reads_back_as_it_was_signed():
    made = grant(nodes=["UG", "TZ"])
    assert verify_relay_grant(made.token, directory=FED.directory, now=NOW + 10) == made
    assert made.grant == GRANT
    assert (made.nodes, made.group, made.mask) == ({"UG", "TZ"}, "ncp@3", 0b0111)
    assert check(made).onward == "none"


def test_grants_of_one_entry_are_joined_for_the_receiver_that_they_name():
    minimal = grant(mask=0b0001)
    named = grant(group=None, nodes=["TZ"], mask=0b1000, grant={**GRANT, "tlp": "amber"})
    assert check(minimal, named, mask=0b1001).tlp == "amber"
    with pytest.raises(GrantExceeded):
        check(minimal, named, mask=0b1001, receiver="UG")


def test_an_expired_grant_counts_for_nothing_beside_one_that_lives():
    with pytest.raises(GrantExceeded):
        check(grant(mask=0b0001), grant(mask=0b1000, exp=NOW + 5), mask=0b1001)


REFUSED = {
    "it shows one disclosure more": (lambda: check(grant(), mask=0b1001), GrantExceeded),
    "the receiver is not named": (lambda: check(grant(group=None, nodes=["UG"])), GrantExceeded),
    "the receiver is in no version of the group": (lambda: check(grant(), receiver="ZA"), GrantExceeded),
    "the receiver joined a later version of the group": (
        lambda: check(grant(group="ncp@1"), receiver="UG"),
        GrantExceeded,
    ),
    "the receiver was removed from the group": (lambda: check(grant(group="old@1")), GrantExceeded),
    "the receiver is in the group and not among its nodes": (lambda: check(grant(nodes=["UG"])), GrantExceeded),
    "the group is unknown": (lambda: check(grant(group="nobody@1")), GrantExceeded),
    "its time is over": (lambda: check(grant(), now=NOW + 1000), NoRelayGrant),
    "it is of another version": (lambda: check(grant(), ver=2), NoRelayGrant),
    "it is of another record": (lambda: check(grant(), rid="s"), NoRelayGrant),
    "it is of another envelope": (lambda: check(grant(), jh="B" * 43), NoRelayGrant),
    "it names another hub": (lambda: check(grant(), hub="RILO-EUR"), NoRelayGrant),
    "its hub is an administration": (lambda: check(grant(hub="ZA"), hub="ZA"), NoRelayGrant),
    "its hub is suspended": (
        lambda: check(grant(), fed=FED.with_node("RILO-ESA", status="suspended")),
        NoRelayGrant,
    ),
    "it is signed with a log key": (lambda: check(grant(use="log")), NoRelayGrant),
    "it is signed by the hub": (lambda: check(grant(signer=FED.signer("RILO-ESA"))), NoRelayGrant),
    "it is signed with a revoked key": (
        lambda: check(grant(), fed=FED.with_key("KE", "record", revoked={"since": NOW, "reason": "stolen"})),
        NoRelayGrant,
    ),
    "its key has expired": (lambda: check(grant(), fed=FED.with_key("KE", "record", exp=NOW + 5)), NoRelayGrant),
    "it is of another federation": (lambda: check(forged(fed="elsewhere")), NoRelayGrant),
    "it was signed in the future": (lambda: check(grant(now=NOW + 900)), NoRelayGrant),
    "it holds for longer than any may": (lambda: check(grant(exp=NOW + MAX_LIFETIME + 1)), NoRelayGrant),
    "it is not the one that the leaf names": (
        lambda: check_relay(grant().token, rg=HASH, passed=passed(), directory=FED.directory, now=NOW),
        NoRelayGrant,
    ),
    "there is none": (
        lambda: check_relay(None, rg=None, passed=passed(), directory=FED.directory, now=NOW),
        NoRelayGrant,
    ),
    "there are too many": (lambda: check(*[grant()] * (MAX_GRANTS + 1)), NoRelayGrant),
    "its signature is altered": (lambda: check(altered()), NoRelayGrant),
    "it says more than grants say": (lambda: check(forged(more=1)), NoRelayGrant),
    "it names nobody": (lambda: check(forged(to={})), NoRelayGrant),
    "its nodes are no ids": (lambda: check(forged(to={"nodes": ["tz"]})), NoRelayGrant),
    "its group has no version": (lambda: check(forged(to={"group": "ncp"})), NoRelayGrant),
    "its obligations are none": (lambda: check(forged(grant={})), NoRelayGrant),
    "its mask is a number": (lambda: check(forged(mask=7)), NoRelayGrant),
}  # fmt: skip


class Token:
    def __init__(self, token):
        self.token = token


def altered():
    head, payload, rest = grant().token.split(".")
    return Token(f"{head}.{payload}.{'B' if rest[0] == 'A' else 'A'}{rest[1:]}")


def forged(**changed):
    members = {
        "fed": "test", "iss": "KE", "rid": "r", "ver": 1, "jh": HASH, "hub": "RILO-ESA", "to": {"group": "ncp@3"},
        "mask": "000007", "grant": GRANT, "iat": NOW, "exp": NOW + 1000, **changed,
    }  # fmt: skip
    signed = jcs.profile_bytes(members)
    return Token(EvilPeer(FED, "KE").jws(json.loads(signed), typ="cnp-relay+jwt"))


def test_the_forger_of_these_tests_can_make_a_good_one():
    assert check(forged()).tlp == "green"


@pytest.mark.parametrize("sentence", REFUSED)
def test_nothing_is_passed_on_where(sentence):
    call, error = REFUSED[sentence]
    with pytest.raises(error):
        call()


def test_who_is_a_recipient_by_name_and_by_group():
    both, named, group = grant(nodes=["TZ"]), grant(group=None, nodes=["TZ"]), grant()
    assert [both.named(node, FED.directory) for node in ("TZ", "UG", "ZA")] == [True, False, False]
    assert [named.named(node, FED.directory) for node in ("TZ", "ZA")] == [True, False]
    assert [group.named(node, FED.directory) for node in ("TZ", "UG", "ZA")] == [True, True, False]
    assert not named.removed("TZ", FED.directory)
    old = grant(group="old@1")
    assert [old.removed(node, FED.directory) for node in ("TZ", "UG")] == [True, False]
    assert old.named("TZ", FED.directory)
    assert not old.includes("TZ", FED.directory)


def test_a_grant_that_was_signed_once_is_evidence_whatever_became_of_its_key():
    made = grant()
    for changed in ({"exp": NOW - 5}, {"revoked": {"since": NOW - 5, "reason": "stolen"}}):
        fed = FED.with_key("KE", "record", **changed)
        assert signed_grant(made.token, directory=fed.directory) == made
        with pytest.raises(NoRelayGrant):
            verify_relay_grant(made.token, directory=fed.directory, now=NOW)
    for other in (grant(use="log"), forged(fed="elsewhere"), altered(), forged(hub=7)):
        with pytest.raises(NoRelayGrant, match="the relay grant is refused: "):
            signed_grant(other.token, directory=FED.directory)


TIMES = [
    (300, 400, True),
    (301, 400, False),  # signed further in the future than clocks may differ
    (0, 0, False),
    (0, 1, True),
    (0, MAX_LIFETIME, True),
    (0, MAX_LIFETIME + 1, False),
    (-500, -100, True),  # over, and still verified: the end is looked at where it is used
]


@pytest.mark.parametrize(("begin", "end", "good"), TIMES)
def test_the_times_of_a_grant(begin, end, good):
    made = grant(now=NOW + begin, exp=NOW + end)
    if good:
        assert verify_relay_grant(made.token, directory=FED.directory, now=NOW) == made
        return
    with pytest.raises(NoRelayGrant, match="times"):
        verify_relay_grant(made.token, directory=FED.directory, now=NOW)


def test_a_grant_is_of_its_own_type():
    members = json.loads(unb64(grant().token.split(".")[1]))
    for typ in ("cnp-record+sd-jwt", "cnp-receipt+jwt"):
        with pytest.raises(NoRelayGrant):
            check(Token(EvilPeer(FED, "KE").jws(members, typ=typ)))


def test_a_grant_is_as_deep_as_its_obligations_and_no_deeper():
    assert check(forged(grant={**GRANT, "more": {"list": []}})).tlp == "green"
    with pytest.raises(NoRelayGrant):
        check(forged(grant={**GRANT, "more": {"list": [[]]}}))


def test_as_many_grants_as_an_entry_may_have_are_read():
    assert check(*[grant()] * MAX_GRANTS).tlp == "green"


def test_a_text_without_its_hash_in_the_leaf_is_no_leave_and_neither_is_a_hash_without_a_text():
    text = join([grant()])
    for members in ({"rg": None}, {"text": None}):
        with pytest.raises(NoRelayGrant, match="no grant of its issuer came with it"):
            check_relay(
                **{"text": text, "rg": text_hash(text), "passed": passed(), "directory": FED.directory, "now": NOW,
                   **members}
            )  # fmt: skip


@pytest.mark.parametrize("bit", range(4))
def test_each_group_that_is_passed_on_needs_its_own_leave(bit):
    assert check(grant(mask=1 << bit), mask=1 << bit).tlp == "green"
    with pytest.raises(GrantExceeded, match="more groups"):
        check(grant(mask=0b1111 & ~(1 << bit)), mask=1 << bit)


POLICY = """
country = "KE"
version = 1
author = "a"
approver = "b"
[[instrument]]
id = "MAA"
title = "Agreement"
[[rule]]
id = "to-the-office"
effect = "grant"
groups = ["goods", "route"]
when = { node = ["RILO-ESA"] }
relay = { to = "group:ncp@3", days = 30 }
"""
WITHHOLD = """
[[rule]]
id = "not-to-uganda"
effect = "withhold"
groups = ["route"]
when = { country = ["UG"] }
"""


def offers(text, hub="RILO-ESA", fed=FED):
    members = [one.recipient() for one in fed.directory.members.values() if one.status == "active" and one.id != "KE"]
    policy = compile_policy(load_policy(text))
    decisions = {one.recipient: one for one in decide_all(record=RECORD, recipients=members, policy=policy, now=NOW)}
    found = relayed(decisions[hub], decisions, fed.directory.group_members)
    return [(one.group, one.nodes, set(one.groups), one.days) for one in found]


def test_a_rule_lets_the_office_pass_on_what_the_rule_grants_it():
    assert offers(POLICY) == [("ncp@3", None, {"goods", "route"}, 30)]
    assert load_policy(POLICY).rules[0].terms.handling.onward == "group:ncp@3"


def test_only_an_office_passes_on():
    assert offers(POLICY.replace("RILO-ESA", "TZ"), hub="TZ") == []


def test_what_is_withheld_from_a_member_is_withheld_from_it_by_every_road():
    assert offers(POLICY + WITHHOLD) == [
        ("ncp@3", {"UG"}, {"goods"}, 30),
        ("ncp@3", {"TZ"}, {"goods", "route"}, 30),
    ]


def test_a_member_that_nobody_decided_for_gets_nothing_by_being_in_the_group():
    assert offers(POLICY, fed=FED.with_node("UG", status="suspended")) == [("ncp@3", {"TZ"}, {"goods", "route"}, 30)]


def test_what_the_office_itself_may_not_have_is_not_passed_on():
    assert offers(POLICY + WITHHOLD.replace('country = ["UG"]', 'node = ["RILO-ESA"]')) == [
        ("ncp@3", None, {"goods"}, 30)
    ]


def rule(name, *, groups=("goods",), to='"group:ncp@3"', days=30, when='node = ["RILO-ESA"]', legal="", relay=True):
    lines = [
        "[[rule]]", f'id = "{name}"', 'effect = "grant"', f"groups = {json.dumps(list(groups))}",
        f"when = {{ {when} }}",
        f"relay = {{ to = {to}, days = {days} }}" if relay else "", f'legal = ["{legal}"]' if legal else "",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


HEAD = POLICY.partition("[[rule]]")[0]


def test_a_rule_that_is_not_for_the_office_lets_it_pass_nothing_on():
    plain = rule("plain", relay=False)
    assert offers(HEAD + plain) == []
    assert offers(HEAD + plain + rule("others", when='country = ["TZ"]')) == []
    assert offers(HEAD + plain + rule("here")) == [("ncp@3", None, {"goods"}, 30)]


def test_a_rule_that_is_closed_lets_nothing_be_passed_on():
    over = HEAD + "valid_until = 2020-01-01\n" + rule("plain", relay=False)
    assert offers(over + rule("closed", legal="MAA")) == []
    assert offers(over + rule("open")) == [("ncp@3", None, {"goods"}, 30)]


def test_only_what_the_rules_with_leave_grant_is_passed_on():
    both = HEAD + rule("plain", relay=False, groups=["goods", "route"]) + rule("onward", groups=["route", "value"])
    assert offers(both) == [("ncp@3", None, {"route"}, 30)]


def test_two_rules_for_the_same_members_are_one_leave_for_the_shorter_time():
    for first, second in ((10, 20), (20, 10)):
        text = HEAD + rule("one", days=first) + rule("two", groups=["route"], days=second)
        assert offers(text) == [("ncp@3", None, {"goods", "route"}, 10)]


def test_rules_for_different_members_are_leaves_of_their_own_in_a_fixed_order():
    parts = [
        rule("named", to='["UG", "TZ"]', groups=["route"], days=5),
        rule("all", to='"group:ncp@3"'),
        rule("one", to='["TZ"]'),
        rule("old", to='"group:ncp@1"', groups=["right"]),
    ]
    expected = [
        (None, {"TZ"}, {"goods"}, 30), (None, {"TZ", "UG"}, {"route"}, 5),
        ("ncp@1", None, {"right"}, 30), ("ncp@3", None, {"goods"}, 30),
    ]  # fmt: skip
    assert offers(HEAD + "".join(parts)) == expected
    assert offers(HEAD + "".join(reversed(parts))) == expected


def test_neither_the_office_nor_the_originator_is_a_member_to_pass_on_to():
    assert offers(HEAD + rule("named", to='["TZ", "KE", "RILO-ESA"]')) == [(None, {"TZ"}, {"goods"}, 30)]


def test_everything_that_is_withheld_from_a_member_is_left_out():
    more = WITHHOLD.replace("not-to-uganda", "nor-this").replace("route", "goods")
    assert offers(POLICY + WITHHOLD + more) == [("ncp@3", {"TZ"}, {"goods", "route"}, 30)]
    wide = HEAD + rule("wide", groups=["case", "goods", "route"]) + WITHHOLD + more
    assert offers(wide) == [("ncp@3", {"UG"}, {"case"}, 30), ("ncp@3", {"TZ"}, {"case", "goods", "route"}, 30)]


FAULTY = {
    "a relay in a withhold": (POLICY + WITHHOLD + 'relay = { to = "group:ncp@3" }', "rule[1].relay"),
    "a group without a version": (POLICY.replace("ncp@3", "ncp"), "rule[0].relay.to"),
    "a group beside a node": (POLICY.replace('"group:ncp@3"', '["group:ncp@3", "TZ"]'), "rule[0].relay.to"),
    "nobody": (POLICY.replace('to = "group:ncp@3", ', ""), "rule[0].relay.to"),
    "no days": (POLICY.replace("days = 30", "days = 0"), "rule[0].relay.days"),
    "an unknown member": (POLICY.replace("days = 30", "hops = 2"), "rule[0].relay.hops"),
    "an onward that forbids it": (POLICY + 'obligations = { onward = "none" }', "rule[0].relay"),
    "an onward to others": (POLICY + 'obligations = { onward = "group:ncp@1" }', "rule[0].relay"),
    "a rule of another mode": (POLICY + 'mode = "query"', "rule[0].relay"),
}


@pytest.mark.parametrize("sentence", FAULTY)
def test_a_policy_is_refused_with(sentence):
    text, path = FAULTY[sentence]
    with pytest.raises(PolicyRefused) as refused:
        load_policy(text)
    assert path in {fault.path for fault in refused.value.faults}
