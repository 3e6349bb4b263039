"""Likeness: exact within its distance, kept up with the pictures that come and go, shown only through records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.services import erasing
from node.services.pictures import hashindex
from node.services.pictures.hashindex import HashIndex
from node.services.pictures.likeness import DISTANCE, Finder, hash_of
from node.services.search import CriteriaRefused
from node.storage import attachments, records
from tests.factories import NOW
from tests.pictures import jpeg, photo


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def flipped(value: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(value)
    for bit in bits:
        number ^= 1 << bit
    return number.to_bytes(32)


hashes = st.binary(min_size=32, max_size=32)


@settings(max_examples=150, deadline=None)
@given(
    asked=hashes,
    changes=st.lists(st.lists(st.integers(0, 255), unique=True, max_size=80), max_size=40),
    others=st.lists(hashes, max_size=20),
    within=st.integers(0, DISTANCE),
)
def test_every_hash_within_the_distance_is_found_and_no_other(asked, changes, others, within):
    kept = [flipped(asked, bits) for bits in changes] + others
    index = HashIndex()
    for at, value in enumerate(kept):
        index.add([(at + 1, value)])
    wanted = sorted(
        (
            (at + 1, distance(asked, value))
            for at, value in enumerate(kept)
            if distance(asked, value) <= within
        ),
        key=lambda each: (each[1], each[0]),
    )  # fmt: skip
    assert index.near(asked, within) == wanted


def test_the_border_is_where_it_is_said_to_be_wherever_the_bits_are():
    rng = np.random.default_rng(1)
    asked = rng.bytes(32)
    kept = []
    for count in (0, DISTANCE, DISTANCE + 1, 256):
        for _ in range(50):
            bits = rng.choice(256, size=count, replace=False).tolist()
            kept.append((count, flipped(asked, bits)))
        # All of the difference in one word, or in one half.
        kept += [
            (count, flipped(asked, list(range(start, start + count)))) for start in (0, 64, 128, 192) if count <= 64
        ]
    index = HashIndex()
    index.add([(at, value) for at, (_, value) in enumerate(kept, 1)])
    found = dict(index.near(asked, DISTANCE))
    assert found == {at: count for at, (count, _) in enumerate(kept, 1) if count <= DISTANCE}


def test_blocks_have_no_seams(monkeypatch):
    monkeypatch.setattr(hashindex, "BLOCK", 7)
    rng = np.random.default_rng(2)
    asked = rng.bytes(32)
    index = HashIndex()
    index.add([(at, asked if at % 5 == 0 else rng.bytes(32)) for at in range(1, 101)])
    assert [row for row, _ in index.near(asked, DISTANCE)] == list(range(5, 101, 5))


def test_an_index_that_has_nothing_finds_nothing_and_what_is_no_hash_is_left_out():
    index = HashIndex()
    assert index.near(bytes(32), DISTANCE) == []
    index.add([(1, b"short"), (2, bytes(32))])
    assert index.near(bytes(32), DISTANCE) == [(2, 0)]
    with pytest.raises(ValueError, match="32 bytes"):
        index.near(b"short", DISTANCE)


def find(node, data, finder=None, **more):
    finder = finder or Finder(database=node.database)
    return finder.similar(
        hash_of(node.workshop, data), by="an officer", purpose=more.pop("purpose", None), now=NOW, **more
    )


def test_a_received_picture_is_found_by_another_of_the_same_thing(two):
    ke, tz = two
    seen = photo(900, 700, seed=4)
    ke.draft("R-1")
    ke.add("R-1", jpeg(seen))
    rid = ke.release()
    tz.pull("KE")
    assert find(tz, jpeg(seen)) == []  # its record is here, and the picture is not
    tz.fetch()
    for changed in (jpeg(seen.resize((450, 350))), jpeg(seen.convert("L")), jpeg(seen, progressive=True)):
        (found,) = find(tz, changed)
        assert (found.rid, found.iss, found.distance <= DISTANCE) == (rid, "KE", True)
    assert find(tz, jpeg(photo(900, 700, seed=5))) == []


def test_an_open_index_follows_what_comes_and_forgets_what_goes(two):
    ke, _ = two
    finder = Finder(database=ke.database)
    seen = jpeg(photo(900, 700, seed=6))
    assert find(ke, seen, finder) == []
    ke.draft("R-1")
    ke.add("R-1", seen)
    assert find(ke, seen, finder) == []  # a draft is no record yet
    rid = ke.release()
    assert [one.rid for one in find(ke, seen, finder)] == [rid]
    with ke.database.write() as connection:
        records.set_state(connection, [ke.record(rid).id], records.RESTRICTED)
    assert find(ke, seen, finder) == []
    with ke.database.write() as connection:
        erasing.erase_record(connection, "KE", rid)
    ke.sweep()
    assert find(ke, seen, finder) == []
    with ke.database.read() as connection:
        assert attachments.hashes_after(connection, 0, limit=9) == []


def test_a_distance_beyond_what_is_exact_is_refused(two):
    ke, _ = two
    with pytest.raises(CriteriaRefused, match="distance"):
        find(ke, jpeg(photo(100, 80)), distance=32)
    with pytest.raises(CriteriaRefused, match="purpose"):
        find(ke, jpeg(photo(100, 80)), purpose="Not A Purpose")
