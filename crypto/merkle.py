"""The one Merkle primitive: RFC 6962 hashing (RFC 9162, section 2.1), compact ranges and proofs.

A tree is nothing but the order of its leaf hashes. Whoever holds the whole list makes proofs; whoever follows
a log holds a `CompactRange`, the roots of its full subtrees, which is enough to append and to know the root.

What this module leaves to others: which bytes make a leaf (`federation.feed`), and who vouches for a root
(`crypto.checkpoint`). A proof is worth no more than the root that it is checked against.

Trust: sizes, hashes and proofs come from a peer and are hostile; every check raises `ProofRefused`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from crypto import b64
from crypto.errors import MalformedBase64, ProofRefused

HASH_BYTES: Final = 32

MAX_SIZE: Final = 2**53 - 1
"""Sizes travel as JSON numbers; beyond this not every reader sees the same integer (RFC 7493, 2.2)."""

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of the tree without leaves is the hash of nothing (RFC 9162, section 2.1.1)."""

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's bytes. The prefix keeps a leaf from ever passing for a node.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash over two subtrees."""
    return sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The roots of the full subtrees of a tree of `size` leaves, largest first: one for each 1 bit of `size`.

    >>> CompactRange().append(leaf_hash(b"a")).size
    1
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_SIZE or len(self.hashes) != self.size.bit_count():
            raise ProofRefused(f"a range of size {self.size} cannot have {len(self.hashes)} hashes")

    def append(self, leaf: bytes) -> CompactRange:
        """Return the range with one more leaf hash at its end."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> CompactRange:
        """Return the range with these leaf hashes at its end: one node hash a leaf on the average."""
        size = self.size
        hashes = list(self.hashes)
        for leaf in leaves:
            if len(leaf) != HASH_BYTES:
                raise ProofRefused(f"a leaf hash has {HASH_BYTES} bytes, not {len(leaf)}")
            node = leaf
            carry = size
            # Like adding one in binary: each trailing 1 bit is a subtree that has found its equal.
            while carry & 1:
                node = sha256(_NODE + hashes.pop() + node).digest()
                carry >>= 1
            hashes.append(node)
            size += 1
        return CompactRange(size, tuple(hashes))

    def root(self) -> bytes:
        """Return the root of the tree (RFC 9162, section 2.1.1)."""
        if not self.hashes:
            return EMPTY_ROOT
        node = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            node = sha256(_NODE + left + node).digest()
        return node

    def to_json(self) -> dict[str, int | list[str]]:
        """Return `{"size": n, "hashes": [base64url, ...]}`, the form of cursors in files and tables."""
        return {"size": self.size, "hashes": [b64.encode(each) for each in self.hashes]}

    @classmethod
    def from_json(cls, value: object) -> CompactRange:
        """Return the range that `to_json` wrote, or raise `ProofRefused`. Nothing else is understood."""
        if not isinstance(value, Mapping) or set(value) != {"size", "hashes"}:
            raise ProofRefused("a compact range is an object with exactly the members size and hashes")
        size, texts = value["size"], value["hashes"]
        if isinstance(size, bool) or not isinstance(size, int):
            raise ProofRefused("the size of a compact range is an integer")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ProofRefused("the hashes of a compact range are an array of strings")
        try:
            hashes = tuple(b64.decode(text) for text in texts)
        except MalformedBase64 as error:
            raise ProofRefused("a hash of the compact range is not canonical base64url") from error
        if any(len(each) != HASH_BYTES for each in hashes):
            raise ProofRefused(f"a hash of the compact range does not have {HASH_BYTES} bytes")
        return cls(size, hashes)


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over a whole list of leaf hashes."""
    return CompactRange().extend(leaf_hashes).root()


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the proof that leaf `index` stands in the tree of these leaves, lowest neighbour first.

    Reads the whole list once: O(n) hashes. Raises `IndexError` where there is no such leaf.
    (RFC 9162, section 2.1.3.1)
    """
    return inclusion_path(index, len(leaf_hashes), lambda begin, end: root_of(leaf_hashes[begin:end]))


def inclusion_path(index: int, size: int, root: Callable[[int, int], bytes]) -> list[bytes]:
    """Return the same proof, where `root(begin, end)` gives the root over the leaves `begin` to `end`.

    For whoever keeps the roots of subtrees: they are asked for at most once for each level of the tree.
    """
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of a tree of {size}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(root(middle, end))
            end = middle
        else:
            path.append(root(begin, middle))
            begin = middle
    path.reverse()
    return path


def consistency_proof(leaf_hashes: Sequence[bytes], first: int) -> list[bytes]:
    """Return the proof that the first `first` leaves are a beginning of the whole list.

    `first` is between 1 and the number of leaves, else `IndexError`; where it is equal the proof is empty.
    (RFC 9162, section 2.1.4.1)
    """
    return consistency_path(first, len(leaf_hashes), lambda begin, end: root_of(leaf_hashes[begin:end]))


def consistency_path(first: int, size: int, root: Callable[[int, int], bytes]) -> list[bytes]:
    """Return the same proof from roots of subtrees, as `inclusion_path` does."""
    if not 1 <= first <= size:
        raise IndexError(f"a tree of {size} has no earlier tree of {first}")
    path: list[bytes] = []
    begin, end = 0, size
    # While the old tree's end is the end of the subtree looked at, its root is known to the reader as long as
    # the subtree also begins at 0; any other such subtree has to be named.
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append(root(middle, end))
            end = middle
        else:
            path.append(root(begin, middle))
            begin = middle
    if begin:
        path.append(root(begin, end))
    path.reverse()
    return path


def verify_inclusion(*, index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Return when `leaf_hash` is leaf `index` of the tree of `size` leaves with this root.

    Raises `ProofRefused` otherwise. (RFC 9162, section 2.1.3.2)
    """
    if not 0 <= index < size:
        raise ProofRefused("there is no leaf with this index in a tree of this size")
    if len(leaf_hash) != HASH_BYTES:
        raise ProofRefused(f"a leaf hash has {HASH_BYTES} bytes, not {len(leaf_hash)}")
    node = leaf_hash
    for neighbour, on_the_left in _climb(index, size - 1, proof):
        node = node_hash(neighbour, node) if on_the_left else node_hash(node, neighbour)
    if node != root:
        raise ProofRefused("the proof does not lead to the root")


def verify_consistency(*, size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Return when the tree of `size1` leaves is a beginning of the tree of `size2`.

    Raises `ProofRefused` otherwise. Every tree begins with the empty one, so a proof from size 0 says nothing
    and is refused: the caller has to know that it starts from nothing. With equal sizes nothing is hashed,
    and the two roots are compared as they are. (RFC 9162, section 2.1.4.2)
    """
    if not 0 < size1 <= size2:
        raise ProofRefused("the old tree is not between one leaf and the size of the new one")
    if size1 == size2:
        if proof or root1 != root2:
            raise ProofRefused("between trees of one size the roots are equal and the proof is empty")
        return
    # A full old tree is one node of the new tree, and the reader knows its root already.
    path = [root1, *proof] if size1 & (size1 - 1) == 0 else proof
    if not path:
        raise ProofRefused("the proof is shorter than the path to the root")
    # Up to the largest full subtree that ends where the old tree ends there is nothing to prove.
    known = _trailing_ones(size1 - 1)
    old = new = path[0]
    for neighbour, on_the_left in _climb((size1 - 1) >> known, (size2 - 1) >> known, path[1:]):
        if on_the_left:
            old = node_hash(neighbour, old)
            new = node_hash(neighbour, new)
        else:
            new = node_hash(new, neighbour)
    if old != root1:
        raise ProofRefused("the proof does not lead to the old root")
    if new != root2:
        raise ProofRefused("the proof does not lead to the new root")


def _climb(position: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each hash of the proof with whether it stands on the left of the path to the root.

    `position` is the node's number on its level, `last` that of the level's last node. Raises `ProofRefused`
    when the proof is longer or shorter than the path, or a hash is not one.
    """
    for neighbour in proof:
        if len(neighbour) != HASH_BYTES:
            raise ProofRefused(f"a hash of the proof does not have {HASH_BYTES} bytes")
        if last == 0:
            raise ProofRefused("the proof is longer than the path to the root")
        on_the_left = bool(position & 1) or position == last
        if on_the_left and not position & 1:
            # A last node without a neighbour rises until it has one on its left.
            alone = (position & -position).bit_length() - 1
            position >>= alone
            last >>= alone
        yield neighbour, on_the_left
        position >>= 1
        last >>= 1
    if last:
        raise ProofRefused("the proof is shorter than the path to the root")


def _trailing_ones(number: int) -> int:
    return (~number & (number + 1)).bit_length() - 1


def _split(count: int) -> int:
    """Return the largest power of two below `count`, for counts of 2 and more (RFC 9162, section 2.1.1)."""
    return 1 << ((count - 1).bit_length() - 1)
