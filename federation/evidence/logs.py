"""Forks of a disclosure log: a node that signed two histories of what it disclosed.

    log-fork    a, b    two checkpoint notes of the accused's disclosure log, of one epoch and size, different roots

They say nothing of any row: whoever wants to know what was changed asks for an export of each.

Trust: both notes are the word of the accused once its key verifies them, and no honest node says both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto import b64
from federation.auditlog import open_head
from federation.evidence.form import Evidence, EvidenceRefused, Proven, log_keys

if TYPE_CHECKING:
    from federation.membership import Directory

LOG_FORK: Final = "log-fork"


def log_fork(node: str, one: str, other: str) -> Evidence:
    """Evidence of two notes of a node's disclosure log."""
    first, second = sorted((one, other))
    return Evidence(type=LOG_FORK, accused=node, parts={"a": first, "b": second})


def prove_log_fork(evidence: Evidence, directory: Directory) -> Proven:
    """Prove that a node signed two histories of its disclosure log."""
    evidence.only("a", "b")
    node, listed = evidence.accused, log_keys(directory, evidence.accused)
    one, other = (
        open_head(evidence.text(name), fed=directory.fed, node=node, keys=[key.public for key in listed])
        for name in ("a", "b")
    )
    if one.origin != other.origin:
        raise EvidenceRefused("the notes are of two epochs: a log that began anew, and says so, is no fork")
    if one.size != other.size:
        raise EvidenceRefused("the notes are of two sizes: a log that grew is no fork")
    if one.root == other.root:
        raise EvidenceRefused("the notes say the same")
    return Proven(
        type=LOG_FORK,
        accused=node,
        sentence=f"{node} signed two histories of the first {one.size} rows of its disclosure log",
        facts={"size": one.size, "roots": [b64.encode(one.root), b64.encode(other.root)]},
        keys=tuple(key for key in listed if key.kid in {one.kid, other.kid}),
    )
