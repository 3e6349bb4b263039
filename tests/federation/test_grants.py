"""Handling: read, joined, asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.attributes import Recipient
from federation.grants import Action, Handling, HandlingRefused, may, strictest

EAST = Recipient(id="TZ", country="TZ", groups=frozenset({"east@2"}))
WEST = Recipient(id="SN", country="SN", groups=frozenset({"east@1"}))


def purposes(*words):
    return frozenset(words)


JOINS = {
    "the higher traffic light wins": (
        Handling(tlp="green"),
        Handling(tlp="amber+strict"),
        "tlp",
        "amber+strict",
    ),
    "amber+strict is above amber": (
        Handling(tlp="amber+strict"),
        Handling(tlp="amber"),
        "tlp",
        "amber+strict",
    ),
    "purposes are what both allow": (
        Handling(purposes=purposes("a", "b")),
        Handling(purposes=purposes("b", "c")),
        "purposes",
        purposes("b"),
    ),
    "purposes without anything in common are empty and not unlimited": (
        Handling(purposes=purposes("a")),
        Handling(purposes=purposes("b")),
        "purposes",
        purposes(),
    ),
    "unlimited purposes do not loosen": (
        Handling(),
        Handling(purposes=purposes("a")),
        "purposes",
        purposes("a"),
    ),
    "a group is narrower than any member": (
        Handling(onward="any-member"),
        Handling(onward="group:east@2"),
        "onward",
        "group:east@2",
    ),
    "none is narrower than a group": (
        Handling(onward="none"),
        Handling(onward="group:east@2"),
        "onward",
        "none",
    ),
    "two groups have no safe common part": (
        Handling(onward="group:east@1"),
        Handling(onward="group:east@2"),
        "onward",
        "none",
    ),
    "no is stricter than ask": (Handling(evidence="ask"), Handling(evidence="no"), "evidence", "no"),
    "ask is stricter than yes": (Handling(evidence="ask"), Handling(evidence="yes"), "evidence", "ask"),
    "the earlier time of keeping wins": (Handling(keep_until=9), Handling(keep_until=5), "keep_until", 5),
    "a time of keeping beats none": (Handling(), Handling(keep_until=5), "keep_until", 5),
    "the earlier review wins": (Handling(review_by=5), Handling(review_by=9), "review_by", 5),
}


@pytest.mark.parametrize(("one", "other", "member", "expected"), JOINS.values(), ids=JOINS)
def test_the_strictest_wins(one, other, member, expected):
    assert getattr(strictest(one, other), member) == expected
    assert getattr(strictest(other, one), member) == expected
    assert getattr(strictest(Handling(), one, other, one), member) == expected


handlings = st.builds(
    Handling,
    tlp=st.sampled_from(["clear", "green", "amber", "amber+strict", "red"]),
    purposes=st.none() | st.frozensets(st.sampled_from(["a", "b", "statistics", "evidence"])),
    onward=st.sampled_from(["any-member", "none", "group:east@1", "group:east@2"]),
    evidence=st.sampled_from(["yes", "ask", "no"]),
    keep_until=st.none() | st.integers(0, 20),
    review_by=st.none() | st.integers(0, 20),
)


@given(handlings, handlings, handlings)
def test_joining_does_not_depend_on_order_or_repetition(one, two, three):
    assert strictest(one, two, three) == strictest(three, strictest(two, one))
    assert strictest(one, one) == one == strictest(one, Handling())


@given(
    handlings,
    handlings,
    st.sampled_from(list(Action)),
    st.sampled_from([None, "a", "b", "statistics", "evidence"]),
    st.sampled_from([None, EAST, WEST]),
)
def test_joining_never_allows_what_one_side_forbids(one, other, action, purpose, to):
    both = may(strictest(one, other), action, purpose, now=10, to=to)
    if both:
        assert may(one, action, purpose, now=10, to=to)
        assert may(other, action, purpose, now=10, to=to)


ASKED = {
    "a view without a stated purpose is allowed": (Handling(purposes=purposes("a")), "view", {}, True),
    "a view for a purpose that is not allowed is refused": (
        Handling(purposes=purposes("a")),
        "view",
        {"purpose": "b"},
        False,
    ),
    "an export needs a stated purpose where purposes are limited": (
        Handling(purposes=purposes("a")),
        "export",
        {},
        False,
    ),
    "an export for an allowed purpose is allowed": (
        Handling(purposes=purposes("a")),
        "export",
        {"purpose": "a"},
        True,
    ),
    "without a purpose in common nothing is allowed, not even a view": (
        Handling(purposes=purposes()),
        "view",
        {},
        False,
    ),
    "counting needs the purpose statistics": (Handling(purposes=purposes("a")), "statistics", {}, False),
    "counting is allowed where statistics is": (
        Handling(purposes=purposes("a", "statistics")),
        "statistics",
        {},
        True,
    ),
    "evidence needs a yes": (Handling(evidence="ask"), "export", {"purpose": "evidence"}, False),
    "evidence with a yes is allowed": (Handling(evidence="yes"), "export", {"purpose": "evidence"}, True),
    "what should be gone is not even shown": (Handling(keep_until=10), "view", {}, False),
    "what may be kept one more second is shown": (Handling(keep_until=11), "view", {}, True),
    "a review that is due forbids nothing": (Handling(review_by=1), "view", {}, True),
    "red may be viewed": (Handling(tlp="red"), "view", {}, True),
    "red is not exported": (Handling(tlp="red"), "export", {}, False),
    "red is not counted": (Handling(tlp="red"), "statistics", {}, False),
    "red does not leave": (Handling(tlp="red"), "bundle", {"to": EAST}, False),
    "amber+strict is exported at home": (Handling(tlp="amber+strict"), "export", {}, True),
    "amber+strict does not leave": (Handling(tlp="amber+strict"), "relay", {"to": EAST}, False),
    "none does not leave": (Handling(onward="none"), "relay", {"to": EAST}, False),
    "any member gets it": (Handling(onward="any-member"), "relay", {"to": WEST}, True),
    "a member of the group gets it": (Handling(onward="group:east@2"), "relay", {"to": EAST}, True),
    "a member of another version of the group does not": (
        Handling(onward="group:east@2"),
        "bundle",
        {"to": WEST},
        False,
    ),
    "a relay to nobody in particular is refused": (Handling(onward="any-member"), "relay", {}, False),
}


@pytest.mark.parametrize(("handling", "action", "asked", "allowed"), ASKED.values(), ids=ASKED)
def test_may(handling, action, asked, allowed):
    verdict = may(handling, action, now=10, **asked)
    assert verdict.allowed is allowed
    assert bool(verdict) is allowed
    assert verdict.reason


def test_a_misspelt_action_is_an_error_and_never_a_yes():
    with pytest.raises(ValueError, match="vieww"):
        may(Handling(), "vieww", now=0)


def test_what_travels_reads_back_as_it_was():
    handling = Handling(
        tlp="amber", purposes=purposes("a"), onward="group:east@2", evidence="no", keep_until=7, review_by=8
    )
    assert Handling.from_json(handling.to_json()) == handling


def test_what_was_not_said_was_not_allowed():
    assert Handling.from_json({"tlp": "green"}) == Handling(tlp="green", onward="none", evidence="ask")


def test_a_grant_of_a_leaf_is_read_as_a_handling():
    leaf = {"gid": "x", "tlp": "green", "purposes": [], "onward": "none", "evidence": "yes", "legal": ["MAA"]}
    assert Handling.from_json(leaf).purposes == frozenset()


def test_a_review_written_as_a_day_is_its_beginning():
    assert Handling.from_json({"tlp": "green", "review_by": "1970-01-02"}).review_by == 86_400


REFUSED = {
    "no traffic light": {},
    "an unknown traffic light": {"tlp": "pink"},
    "a traffic light that is no text": {"tlp": ["green"]},
    "purposes that are no list": {"tlp": "green", "purposes": "a"},
    "a purpose that is no word": {"tlp": "green", "purposes": ["A b"]},
    "a purpose that is no text": {"tlp": "green", "purposes": [["a"]]},
    "a purpose twice": {"tlp": "green", "purposes": ["a", "a"]},
    "too many purposes": {"tlp": "green", "purposes": [f"p{n}" for n in range(65)]},
    "an unknown onward": {"tlp": "green", "onward": "everybody"},
    "a group without a version": {"tlp": "green", "onward": "group:east"},
    "an unknown evidence": {"tlp": "green", "evidence": "maybe"},
    "a time that is a flag": {"tlp": "green", "keep_until": True},
    "a time that is negative": {"tlp": "green", "keep_until": -1},
    "a time beyond all calendars": {"tlp": "green", "keep_until": 10**15},
    "a day that is none": {"tlp": "green", "review_by": "soon"},
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_a_handling_of_another_form_is_refused(value):
    with pytest.raises(HandlingRefused):
        Handling.from_json(value)
