"""What the entries of one sender claim, and what all claims add up to (stored: `tests/node/test_roads.py`)."""

import itertools
from dataclasses import replace

import pytest

from federation.feed import Leaf
from federation.grants import Handling
from federation.roads import Claim, Sum, add_up

MILD = Handling(tlp="green", onward="none")
STRICT = Handling(tlp="red", onward="none")
LOCAL = Handling(tlp="amber", onward="none", evidence="no")
HELD = Claim(ver=2, gc=5, mask=0b11, base=MILD, base_gc=5)


def leaf(op, gc, *, ver=2, gm=0b10):
    return Leaf(n=0, t=0, op=op, iss="KE", rid="r", ver=ver, jh="h", gm=gm, gc=gc)


AFTER = {
    "a put is the whole claim": (
        Claim(), leaf("put", 1, ver=1), MILD, Claim(ver=1, gc=1, mask=0b10, base=MILD, base_gc=1),
    ),
    "more replaces mask and handling": (
        HELD, leaf("more", 6, gm=0b111), STRICT, Claim(ver=2, gc=6, mask=0b111, base=STRICT, base_gc=6),
    ),
    "less changes the mask alone": (HELD, leaf("less", 6), None, replace(HELD, gc=6, mask=0b10)),
    "less of a newer version makes the claim one of that version": (
        HELD, leaf("less", 6, ver=3, gm=0), None, replace(HELD, ver=3, gc=6, mask=0),
    ),
    "tighten is remembered beside the handling": (
        HELD, leaf("tighten", 6), STRICT, replace(HELD, gc=6, mask=0b10, tight=STRICT, tight_gc=6),
    ),
    "tighten does not make the claim one of another version": (
        HELD, leaf("tighten", 6, ver=3), STRICT, replace(HELD, gc=6, mask=0b10, tight=STRICT, tight_gc=6),
    ),
    "tighten of what was not claimed names the version": (
        Claim(), leaf("tighten", 1, ver=3), STRICT, Claim(ver=3, gc=1, mask=0b10, tight=STRICT, tight_gc=1),
    ),
    "an older entry changes nothing": (HELD, leaf("less", 4, gm=0), None, HELD),
    "an entry of the same counter changes nothing": (HELD, leaf("put", 5, ver=9, gm=0), STRICT, HELD),
    "an older put is no newer handling": (HELD, leaf("put", 4), STRICT, HELD),
    "a put that less overtook brings its handling": (
        Claim(ver=1, gc=2, mask=0b1), leaf("put", 1, ver=1), MILD,
        Claim(ver=1, gc=2, mask=0b1, base=MILD, base_gc=1),
    ),
    "an older tighten still tightens": (
        HELD, leaf("tighten", 4), STRICT, replace(HELD, tight=STRICT, tight_gc=4),
    ),
    "an older tighten after a newer one keeps the newer counter": (
        replace(HELD, tight=STRICT, tight_gc=5), leaf("tighten", 4), LOCAL,
        replace(HELD, tight=replace(LOCAL, tlp="red"), tight_gc=5),
    ),
    "a newer tighten joins the older one": (
        replace(HELD, tight=LOCAL, tight_gc=4), leaf("tighten", 6), STRICT,
        replace(HELD, gc=6, mask=0b10, tight=replace(LOCAL, tlp="red"), tight_gc=6),
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", AFTER)
def test_after_an_entry(sentence):
    before, entry, handling, after = AFTER[sentence]
    assert before.after(entry, handling) == after


HANDLING = {
    "nothing was told": (Claim(), Handling()),
    "what was put": (HELD, MILD),
    "what was tightened since": (replace(HELD, tight=LOCAL, tight_gc=6), replace(LOCAL, tlp="amber")),
    "not what was tightened before the newest put": (replace(HELD, tight=STRICT, tight_gc=4), MILD),
    "not what was tightened with it": (replace(HELD, tight=STRICT, tight_gc=5), MILD),
    "what was tightened of what is not there": (Claim(tight=STRICT, tight_gc=1), STRICT),
    "the strictest of both": (
        replace(HELD, base=replace(MILD, review_by=9), tight=LOCAL, tight_gc=6), replace(LOCAL, review_by=9),
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", HANDLING)
def test_a_holder_is_bound_by(sentence):
    claim, bound = HANDLING[sentence]
    assert claim.handling == bound


def test_the_order_in_which_one_sender_s_entries_arrive_does_not_matter():
    entries = [
        (leaf("put", 1, ver=1), MILD),
        (leaf("tighten", 2, ver=1, gm=0b11), LOCAL),
        (leaf("put", 3), STRICT),
        (leaf("less", 4, gm=0b1), None),
    ]
    made = set()
    for order in itertools.permutations(entries):
        claim = Claim()
        for entry, handling in order:
            claim = claim.after(entry, handling)
        made.add(claim)
    assert made == {Claim(ver=2, gc=4, mask=0b1, base=STRICT, base_gc=3, tight=LOCAL, tight_gc=2)}


KE = Claim(ver=2, gc=5, mask=0b01, base=MILD, base_gc=5)
HUB = Claim(ver=2, gc=9, mask=0b10, base=LOCAL, base_gc=9)

SUMS = {
    "nobody claims anything": ({}, 0, Sum(0, 0, Handling())),
    "the issuer alone": ({"KE": KE}, 2, Sum(2, 0b01, MILD)),
    "both together, under the stricter": ({"KE": KE, "HUB": HUB}, 2, Sum(2, 0b11, LOCAL)),
    "the hub alone": ({"HUB": HUB}, 2, Sum(2, 0b10, LOCAL)),
    "a hub's word for a version that nobody has seen makes nothing old": (
        {"KE": replace(KE, ver=1), "HUB": replace(HUB, ver=7)}, 1, Sum(1, 0b01, MILD),
    ),
    "the issuer's word for one does": ({"KE": replace(KE, ver=3, mask=0), "HUB": HUB}, 2, Sum(3, 0, Handling())),
    "a verified body makes the claims of older versions count for nothing": (
        {"KE": KE, "HUB": HUB}, 3, Sum(3, 0, Handling()),
    ),
    "who grants nothing binds nobody": ({"KE": KE, "HUB": replace(HUB, mask=0)}, 2, Sum(2, 0b01, MILD)),
    "the same group by both": ({"KE": KE, "HUB": replace(HUB, mask=0b11)}, 2, Sum(2, 0b11, LOCAL)),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SUMS)
def test_all_claims_add_up(sentence):
    claims, verified, total = SUMS[sentence]
    assert add_up(claims, iss="KE", verified=verified) == total
