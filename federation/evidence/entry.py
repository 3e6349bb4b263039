"""An entry that a node signed into its own feed: the ground of every proof about what that node passed on.

Four parts, of these names, beside what the proof is about: `feed` (the feed's id), `leaf` (its exact text), `proof`
(RFC 9162 inclusion proof, base64url hashes, lowest neighbour first) and `note` (the sender's signed checkpoint over
it). `prove_entry` holds them against the sender's keys and hands out what the sender can no longer take back.

Trust: the leaf is the word of the sender, of nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto import b64, merkle
from crypto.errors import CryptoError
from federation.evidence.forks import open_note
from federation.evidence.form import Evidence, EvidenceRefused
from federation.feed import FeedId, Leaf, parse_leaf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.membership import Directory, ListedKey

ENTRY_PARTS: Final = ("feed", "leaf", "proof", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEntry:
    """An entry that stands in a feed of the accused, by its own signature."""

    feed: FeedId
    leaf: Leaf
    key: ListedKey


def entry_parts(feed: FeedId, leaf: str, *, proof: Sequence[bytes], note: str) -> dict[str, str | tuple[str, ...]]:
    """The four parts; `proof` is the inclusion proof of the leaf in the tree of the note's size."""
    return {"feed": str(feed), "leaf": leaf, "proof": tuple(b64.encode(each) for each in proof), "note": note}


def prove_entry(evidence: Evidence, directory: Directory) -> SignedEntry:
    """Prove the four parts; raises `Malformed`, `Refused` (a signature), `EvidenceRefused` (the leaf is not in it)."""
    feed = FeedId.parse(evidence.text("feed"))
    if feed.sender != evidence.accused:
        raise EvidenceRefused("the feed is not one of the accused")
    text = evidence.text("leaf")
    leaf = parse_leaf(text)
    note, key = open_note(evidence.text("note"), feed=feed, directory=directory)
    try:
        merkle.verify_inclusion(
            index=leaf.n, size=note.size, leaf_hash=merkle.leaf_hash(text.encode()), proof=evidence.hashes("proof"),
            root=note.root,
        )  # fmt: skip
    except CryptoError as error:
        raise EvidenceRefused(f"the entry is not in the feed that was signed: {error}") from error
    return SignedEntry(feed=feed, leaf=leaf, key=key)
