"""Transferable proof that a member signed what no honest node signs: verified with nothing but the directory.

`form` is the envelope in which a proof travels and its content hash; `forks` proves two histories of a feed, two
envelopes of one version and a version chain that forks; `logs` proves two histories of a disclosure log; `relays`
proves what a hub passed on without leave; `entry` proves that a node's own signed feed holds an entry, for proofs about
what that node passed on. A prover belongs to one type and stands in `PROVERS`: a part that has a proof of its own adds
a module beside these, and its line there.

Trust: the bytes are hostile, and nothing in them is believed that is not signed by a key of the accused.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from federation.errors import Malformed
from federation.evidence.forks import (
    FEED_FORK,
    RECORD_EQUIVOCATION,
    VERSION_FORK,
    feed_fork,
    prove_feed_fork,
    prove_record_equivocation,
    prove_version_fork,
    record_equivocation,
    version_fork,
)
from federation.evidence.form import MAX_EVIDENCE_BYTES, Evidence, EvidenceRefused, Proven, parse_evidence
from federation.evidence.logs import LOG_FORK, log_fork, prove_log_fork
from federation.evidence.relays import RELAY_BREACH, prove_relay_breach, relay_breach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from federation.directory import Directory

    Prover = Callable[[Evidence, Directory], Proven]

__all__ = [
    "FEED_FORK",
    "LOG_FORK",
    "MAX_EVIDENCE_BYTES",
    "PROVERS",
    "RECORD_EQUIVOCATION",
    "RELAY_BREACH",
    "VERSION_FORK",
    "Evidence",
    "EvidenceRefused",
    "Proven",
    "feed_fork",
    "log_fork",
    "parse_evidence",
    "prove",
    "record_equivocation",
    "relay_breach",
    "verify_evidence",
    "version_fork",
]

PROVERS: Final[Mapping[str, Prover]] = MappingProxyType(
    {
        FEED_FORK: prove_feed_fork,
        LOG_FORK: prove_log_fork,
        RECORD_EQUIVOCATION: prove_record_equivocation,
        RELAY_BREACH: prove_relay_breach,
        VERSION_FORK: prove_version_fork,
    }
)
"""Type → what proves it. A type that stands not here is refused, whatever it says."""


def verify_evidence(data: bytes, *, directory: Directory) -> Proven:
    """Prove what a file of evidence says, or raise `Malformed`, `EvidenceRefused` (it proves nothing).

    The clock is not asked: a key that has expired since signed what it signed. A key that was revoked did too, and
    `Proven.revoked` names it, since then it may have been a thief who signed.
    """
    return prove(parse_evidence(data), directory)


def prove(evidence: Evidence, directory: Directory) -> Proven:
    """Prove evidence that is read already, as `verify_evidence`."""
    prover = PROVERS.get(evidence.type)
    if prover is None:
        raise Malformed("the evidence is of a type that is not known here")
    if directory.member(evidence.accused) is None:
        raise EvidenceRefused("the accused is no member of this federation")
    return prover(evidence, directory)
