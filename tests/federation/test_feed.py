"""Feed ids, lanes and leaves."""

import json

import pytest

from federation.errors import Malformed
from federation.feed import FeedId, Leaf, lane_for, leaf_text, mask_text, parse_leaf
from tests.simulator.naive import canonical

HASH = "A" * 43
LEAF = Leaf(
    n=3, t=1_767_225_600, op="put", iss="KE", rid="3f2b8c1e-9d4a-4c6b-8e1f-0a1b2c3d4e5f", ver=2, jh=HASH, gm=0b101, gc=4,  # noqa: E501 - a row of a table
    grant={"gid": "x", "tlp": "amber"},
)  # fmt: skip


def test_a_leaf_reads_back_as_what_was_written_in_canonical_form():
    text = leaf_text(LEAF, width=24)
    assert parse_leaf(text) == LEAF
    assert text == canonical(json.loads(text))
    assert json.loads(text)["gm"] == "000005"


def test_an_epoch_leaf_names_the_old_checkpoint_and_no_record():
    epoch = Leaf(n=0, t=1, op="epoch", old="note")
    assert parse_leaf(leaf_text(epoch, width=24)) == epoch


BAD = {
    "a member is missing": lambda leaf: leaf.pop("gc"),
    "there is one too many": lambda leaf: leaf.update(rule="x"),
    "an operation is unknown": lambda leaf: leaf.update(op="post"),
    "the index is negative": lambda leaf: leaf.update(n=-1),
    "the index is true": lambda leaf: leaf.update(n=True),
    "the time is a text": lambda leaf: leaf.update(t="now"),
    "the issuer is no id": lambda leaf: leaf.update(iss="ke"),
    "the record id is no UUID": lambda leaf: leaf.update(rid="1"),
    "the hash is short": lambda leaf: leaf.update(jh="A"),
    "the mask is a number": lambda leaf: leaf.update(gm=5),
    "the mask is in capitals": lambda leaf: leaf.update(gm="00000A"),
    "the grant is a text": lambda leaf: leaf.update(grant="all"),
    "the relay grant is a number": lambda leaf: leaf.update(rg=1),
    "an old checkpoint stands beside a record": lambda leaf: leaf.update(old="note"),
    "an epoch names a record": lambda leaf: leaf.update(op="epoch"),
    "the version is 2": lambda leaf: leaf.update(v=2),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_leaf_is_refused_when(sentence):
    leaf = json.loads(leaf_text(LEAF, width=24))
    BAD[sentence](leaf)
    with pytest.raises(Malformed):
        parse_leaf(canonical(leaf))


def test_a_leaf_beyond_its_limit_is_refused():
    leaf = json.loads(leaf_text(LEAF, width=24))
    leaf["grant"]["legal"] = "x" * 20_000
    with pytest.raises(Malformed):
        parse_leaf(canonical(leaf))


@pytest.mark.parametrize(
    "text",
    ["KE/TZ/bulk", "KE/TZ/slow/0", "ke/TZ/bulk/0", "KE/TZ/bulk/00", "KE/TZ/bulk/-1", "", None, 7, "KE/TZ/bulk/0/"],
)
def test_a_feed_id_of_another_form_is_refused(text):
    with pytest.raises(Malformed):
        FeedId.parse(text)


LANES = {
    ("put", "seizure"): "bulk",
    ("more", "seizure"): "bulk",
    ("put", "alert"): "urgent",
    ("put", "annotation"): "urgent",
    ("tomb", "tombstone"): "urgent",
    ("less", "seizure"): "urgent",
    ("tighten", "seizure"): "urgent",
}


@pytest.mark.parametrize("case", LANES)
def test_what_somebody_waits_for_goes_by_the_urgent_lane(case):
    op, kind = case
    assert lane_for(op=op, kind=kind) == LANES[case]


def test_a_mask_is_as_wide_as_the_record():
    assert mask_text(0, 24) == "000000"
    assert mask_text((1 << 24) - 1, 24) == "ffffff"
