from __future__ import annotations

import base64
import json
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import merkle
from crypto.errors import ProofRefused
from crypto.merkle import CompactRange
from tests.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(n).encode()) for n in range(count)]


def naive_root(entries: Sequence[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word, over leaf hashes."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return entries[0]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\x01" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


def naive_subproof(m: int, entries: Sequence[bytes], *, complete: bool) -> list[bytes]:
    """RFC 9162, section 2.1.4.1, word for word."""
    if m == len(entries):
        return [] if complete else [naive_root(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, entries[:k], complete=complete), naive_root(entries[k:])]
    return [*naive_subproof(m - k, entries[k:], complete=False), naive_root(entries[:k])]


def naive_path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1, word for word."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*naive_path(m, entries[:k]), naive_root(entries[k:])]
    return [*naive_path(m - k, entries[k:]), naive_root(entries[:k])]


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def check_inclusion(case: dict[str, object]) -> None:
    merkle.verify_inclusion(
        index=case["leafIdx"],
        size=case["treeSize"],
        leaf_hash=raw(case["leafHash"]),
        proof=[raw(each) for each in case["proof"] or []],
        root=raw(case["root"]),
    )


def check_consistency(case: dict[str, object]) -> None:
    merkle.verify_consistency(
        size1=case["size1"],
        size2=case["size2"],
        root1=raw(case["root1"]),
        root2=raw(case["root2"]),
        proof=[raw(each) for each in case["proof"] or []],
    )


@pytest.mark.parametrize(("folder", "check"), [("inclusion", check_inclusion), ("consistency", check_consistency)])
def test_every_public_proof_vector_is_judged_as_its_makers_say(
    folder: str, check: Callable[[dict[str, object]], None]
) -> None:
    wrong = []
    files = sorted(shared(f"vectors/merkle-rfc6962/testdata/{folder}").rglob("*.json"))
    for file in files:
        case = json.loads(file.read_text())
        try:
            check(case)
            refused = False
        except ProofRefused:
            refused = True
        if refused != case["wantErr"]:
            wrong.append(str(file))
    assert wrong == []
    assert len(files) == 98


def test_the_empty_tree_has_the_root_that_the_rfc_gives_it() -> None:
    assert CompactRange().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_leaf_never_passes_for_a_node() -> None:
    left, right = leaves(2)
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@settings(max_examples=60)
@given(st.integers(0, 70), st.integers(0, 70))
def test_a_range_grown_in_two_steps_has_the_root_of_the_naive_definition(first: int, more: int) -> None:
    entries = leaves(first + more)
    grown = CompactRange().extend(entries[:first]).extend(entries[first:])
    one_by_one = CompactRange()
    for each in entries:
        one_by_one = one_by_one.append(each)
    assert grown == one_by_one
    assert grown.root() == naive_root(entries) == merkle.root_of(entries)


def test_every_inclusion_proof_up_to_33_leaves_is_the_naive_one_and_verifies() -> None:
    for size in range(1, 34):
        entries = leaves(size)
        root = naive_root(entries)
        for index in range(size):
            proof = merkle.inclusion_proof(entries, index)
            assert proof == naive_path(index, entries)
            merkle.verify_inclusion(index=index, size=size, leaf_hash=entries[index], proof=proof, root=root)


def test_every_consistency_proof_up_to_33_leaves_is_the_naive_one_and_verifies() -> None:
    for size in range(1, 34):
        entries = leaves(size)
        root = naive_root(entries)
        for first in range(1, size + 1):
            proof = merkle.consistency_proof(entries, first)
            assert proof == naive_subproof(first, entries, complete=True)
            merkle.verify_consistency(
                size1=first, size2=size, root1=naive_root(entries[:first]), root2=root, proof=proof
            )


@settings(max_examples=100)
@given(st.data())
def test_an_inclusion_proof_proves_nothing_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    entries = leaves(size)
    right = {
        "index": index,
        "size": size,
        "leaf_hash": entries[index],
        "proof": merkle.inclusion_proof(entries, index),
        "root": naive_root(entries),
    }
    proof = right["proof"]
    lies = {
        "another index": {"index": data.draw(st.integers(-1, size + 3).filter(lambda n: n != index))},
        "another leaf": {"leaf_hash": merkle.leaf_hash(b"another")},
        "a leaf hash cut short": {"leaf_hash": entries[index][:-1]},
        "another root": {"root": merkle.leaf_hash(b"another")},
        "a proof with a hash too many": {"proof": [*proof, entries[0]]},
        "a hash that is too long": {"proof": [*proof[:-1], b"x" * 33]},
    }
    if proof:
        lies["a proof with a hash too few"] = {"proof": proof[:-1]}
        lies["a proof without its first hash"] = {"proof": proof[1:]}
    for lie in lies.values():
        with pytest.raises(ProofRefused):
            merkle.verify_inclusion(**(right | lie))


@settings(max_examples=100)
@given(st.data())
def test_a_consistency_proof_proves_nothing_else(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 40))
    first = data.draw(st.integers(1, size - 1))
    entries = leaves(size)
    forked = [merkle.leaf_hash(b"rewritten"), *entries[1:]]
    right = {
        "size1": first,
        "size2": size,
        "root1": naive_root(entries[:first]),
        "root2": naive_root(entries),
        "proof": merkle.consistency_proof(entries, first),
    }
    proof = right["proof"]
    lies = {
        "a rewritten past": {"root2": naive_root(forked), "proof": merkle.consistency_proof(forked, first)},
        "another old root": {"root1": naive_root(forked[:first])},
        "the other way round": {
            "size1": size,
            "size2": first,
            "root1": right["root2"],
            "root2": right["root1"],
        },
        "from nothing": {"size1": 0},
        "a hash too many": {"proof": [*proof, entries[0]]},
        "a hash too few": {"proof": proof[:-1]},
        "no hash at all": {"proof": []},
        "a hash that is too short": {"proof": [*proof[:-1], b"x" * 31]},
    }
    for lie in lies.values():
        with pytest.raises(ProofRefused):
            merkle.verify_consistency(**(right | lie))


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_is_made_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        merkle.inclusion_proof(leaves(size), index)


@pytest.mark.parametrize(("first", "size"), [(0, 3), (4, 3)])
def test_no_proof_is_made_from_a_tree_that_was_never_there(first: int, size: int) -> None:
    with pytest.raises(IndexError):
        merkle.consistency_proof(leaves(size), first)


@settings(max_examples=30)
@given(st.integers(0, 200))
def test_a_range_survives_its_json_form(count: int) -> None:
    grown = CompactRange().extend(leaves(count))
    assert CompactRange.from_json(json.loads(json.dumps(grown.to_json()))) == grown


HASH = "ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs"
REFUSED_RANGES = {
    "an array": [],
    "a missing member": {"size": 0},
    "an unknown member": {"size": 0, "hashes": [], "root": HASH},
    "a size that is a boolean": {"size": True, "hashes": [HASH]},
    "a size that is a string": {"size": "1", "hashes": [HASH]},
    "a size that is a float": {"size": 1.0, "hashes": [HASH]},
    "a negative size": {"size": -1, "hashes": [HASH]},
    "a size beyond 2^53": {"size": 2**53, "hashes": [HASH]},
    "a hash too few": {"size": 3, "hashes": [HASH]},
    "a hash too many": {"size": 1, "hashes": [HASH, HASH]},
    "hashes in a string": {"size": 1, "hashes": HASH},
    "a hash that is a number": {"size": 1, "hashes": [1]},
    "a hash with padding": {"size": 1, "hashes": [HASH + "="]},
    "a hash of 31 bytes": {"size": 1, "hashes": ["A" * 42]},
    "a hash of 33 bytes": {"size": 1, "hashes": ["A" * 44]},
}


@pytest.mark.parametrize("value", REFUSED_RANGES.values(), ids=REFUSED_RANGES)
def test_a_range_in_any_other_form_is_refused(value: object) -> None:
    with pytest.raises(ProofRefused):
        CompactRange.from_json(value)


def test_bytes_cannot_be_moved_from_one_hash_of_a_proof_to_its_neighbour() -> None:
    entries = leaves(3)
    root = naive_root(entries)
    lower, upper = merkle.inclusion_proof(entries, 0)
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(
            index=0,
            size=3,
            leaf_hash=entries[0] + lower[:1],
            proof=[lower[1:], upper],
            root=root,
        )


@pytest.mark.parametrize("wrong", [b"", b"x" * 31, b"x" * 33], ids=len)
def test_what_is_no_hash_is_not_hashed(wrong: bytes) -> None:
    with pytest.raises(ProofRefused, match="32 bytes"):
        merkle.verify_inclusion(index=0, size=2, leaf_hash=leaves(1)[0], proof=[wrong], root=b"")


def test_the_only_leaf_of_a_tree_is_a_whole_hash() -> None:
    with pytest.raises(ProofRefused):
        merkle.verify_inclusion(index=0, size=1, leaf_hash=b"short", proof=[], root=b"short")


def test_between_trees_of_one_size_the_roots_are_equal_and_the_proof_is_empty() -> None:
    [one, other] = leaves(2)
    merkle.verify_consistency(size1=1, size2=1, root1=one, root2=one, proof=[])
    for root2, proof in ((other, []), (one, [one])):
        with pytest.raises(ProofRefused):
            merkle.verify_consistency(size1=1, size2=1, root1=one, root2=root2, proof=proof)


def test_a_leaf_hash_of_another_length_is_not_appended() -> None:
    with pytest.raises(ProofRefused):
        CompactRange().append(b"short")


def test_twenty_thousand_leaves_are_appended_in_a_tenth_of_a_second() -> None:
    entries = leaves(20_000)
    best = min(_seconds(entries) for _ in range(5))
    assert best <= 0.1


def _seconds(entries: list[bytes]) -> float:
    begun = time.perf_counter()
    CompactRange().extend(entries)
    return time.perf_counter() - begun
