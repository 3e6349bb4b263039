"""Forks: two histories of one feed, two envelopes of one record version, a version that follows another one.

    feed-fork             feed, a, b             two checkpoint notes of one size with different roots; or
                          feed, a, b, prefix,    the smaller note `a`, the larger `b`, and the RFC 9162 consistency
                          proof                  proof that the tree of `b` begins with another root than `a` says
    record-equivocation   a, b                   two issuer-signed JWTs with one (iss, rid, ver) and different bytes
    version-fork          a, b                   the issuer-signed JWTs of versions k and k+1; `prev` of the second
                                                 is not the hash of the first

JWTs stand here without disclosures: the signature covers salted digests, so the proof holds and discloses nothing.

Trust: both parts are the word of the accused once its key verifies them, and no honest node says both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jws, merkle, sdjwt, strictjson
from crypto.checkpoint import Checkpoint, open_checkpoint
from crypto.errors import CryptoError, UnknownKey
from federation.envelope import MAX_RECORD_BYTES, RECORD_TYP
from federation.errors import Malformed, NotMember, ProblemType, Refused
from federation.evidence.form import Evidence, EvidenceRefused, Proven, log_keys
from federation.feed import FeedId, key_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto.keys import PublicKey
    from federation.membership import Directory, ListedKey

FEED_FORK: Final = "feed-fork"
RECORD_EQUIVOCATION: Final = "record-equivocation"
VERSION_FORK: Final = "version-fork"

_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedVersion:
    """What the accused signed about a version: the visible claims that name it."""

    rid: str
    ver: int
    prev: str | None
    jh: str
    key: ListedKey


def feed_fork(
    feed: FeedId, one: str, other: str, *, prefix: bytes | None = None, proof: Sequence[bytes] = ()
) -> Evidence:
    """Evidence of two notes: of one size, or (with `prefix` and `proof`) `one` the smaller, `other` the larger."""
    if prefix is None:
        first, second = sorted((one, other))
        return Evidence(type=FEED_FORK, accused=feed.sender, parts={"feed": str(feed), "a": first, "b": second})
    return Evidence(
        type=FEED_FORK,
        accused=feed.sender,
        parts={
            "feed": str(feed), "a": one, "b": other, "prefix": b64.encode(prefix),
            "proof": tuple(b64.encode(each) for each in proof),
        },
    )  # fmt: skip


def record_equivocation(iss: str, one: str, other: str) -> Evidence:
    """Evidence of two issuer-signed JWTs (without disclosures) of one version."""
    first, second = sorted((one, other))
    return Evidence(type=RECORD_EQUIVOCATION, accused=iss, parts={"a": first, "b": second})


def version_fork(iss: str, earlier: str, later: str) -> Evidence:
    """Evidence of the issuer-signed JWTs of versions k and k+1 that do not follow each other."""
    return Evidence(type=VERSION_FORK, accused=iss, parts={"a": earlier, "b": later})


def prove_feed_fork(evidence: Evidence, directory: Directory) -> Proven:
    """Prove that the sender of a feed signed two histories of it."""
    feed = FeedId.parse(evidence.text("feed"))
    if feed.sender != evidence.accused:
        raise EvidenceRefused("the feed is not one of the accused")
    one, key = open_note(evidence.text("a"), feed=feed, directory=directory)
    other, second = open_note(evidence.text("b"), feed=feed, directory=directory)
    if "prefix" in evidence.parts:
        evidence.only("feed", "a", "b", "prefix", "proof")
        _begins_differently(one, other, evidence)
    else:
        evidence.only("feed", "a", "b")
        if one.size != other.size:
            raise EvidenceRefused("the notes are of two sizes: a feed that grew is no fork")
        if one.root == other.root:
            raise EvidenceRefused("the notes say the same")
    return Proven(
        type=FEED_FORK,
        accused=feed.sender,
        sentence=f"{feed.sender} signed two histories of the first {one.size} entries of the feed {feed}",
        facts={"feed": str(feed), "size": one.size, "sizes": [one.size, other.size],
               "roots": [b64.encode(one.root), b64.encode(other.root)]},
        keys=(key, second),
    )  # fmt: skip


def prove_record_equivocation(evidence: Evidence, directory: Directory) -> Proven:
    """Prove that an issuer signed two envelopes of one version."""
    evidence.only("a", "b")
    one, other = _pair(evidence, directory)
    if one.ver != other.ver:
        raise EvidenceRefused("the records are two versions")
    if one.jh == other.jh:
        raise EvidenceRefused("the records are the same")
    return _proven(
        evidence, one, other, f"{evidence.accused} signed two different records as version {one.ver} of {one.rid}"
    )


def prove_version_fork(evidence: Evidence, directory: Directory) -> Proven:
    """Prove that an issuer signed a version that follows another one than the one before it."""
    evidence.only("a", "b")
    one, other = _pair(evidence, directory)
    if other.ver != one.ver + 1:
        raise EvidenceRefused("the second record is not the version after the first")
    if other.prev == one.jh:
        raise EvidenceRefused("the second version follows the first")
    return _proven(
        evidence, one, other,
        f"{evidence.accused} signed version {other.ver} of {one.rid} on top of another version {one.ver} than this",
    )  # fmt: skip


def open_note(note: str, *, feed: FeedId, directory: Directory) -> tuple[Checkpoint, ListedKey]:
    """Open a checkpoint by any key that the sender ever listed; raises `Refused`."""
    listed = log_keys(directory, feed.sender)
    try:
        opened = open_checkpoint(
            note,
            origin=feed.origin(directory.fed),
            key_name=key_name(directory.fed, feed.sender),
            keys=[key.public for key in listed],
        )
    except CryptoError as error:
        raise Refused.because(error) from error
    return opened, next(key for key in listed if key.kid == opened.kid)


def open_signed(jwt: str, *, iss: str, directory: Directory) -> tuple[dict[str, Any], ListedKey]:
    """The claims of an issuer-signed JWT by any record key that `iss` ever listed; raises `Malformed`, `Refused`."""
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        listed = directory.keys.get(kid)
        if listed is None or listed.node != iss or listed.use != "record":
            raise UnknownKey(f"{iss} lists no record key with this id")
        seen.append(listed)
        return listed.public

    try:
        payload = jws.verify_compact(jwt, typ=RECORD_TYP, key_for=key_for, max_bytes=MAX_RECORD_BYTES)
        claims: Any = strictjson.parse_profile(payload, max_bytes=MAX_RECORD_BYTES)
    except CryptoError as error:
        raise Refused.because(error) from error
    if not isinstance(claims, dict):
        raise Malformed("the signed payload is no object")
    if claims.get("fed") != directory.fed:
        raise NotMember("the record is of another federation")
    if claims.get("iss") != iss:
        raise Refused(ProblemType.UNKNOWN_KEY, "the record is not the accused's own")
    return claims, seen[-1]


def _version(jwt: str, *, iss: str, directory: Directory) -> SignedVersion:
    claims, key = open_signed(jwt, iss=iss, directory=directory)
    rid, ver, prev = claims.get("rid"), claims.get("ver"), claims.get("prev")
    if not isinstance(rid, str) or type(ver) is not int or ver < 1:
        raise Malformed("the signed payload names no version of a record")
    if prev is not None and not (isinstance(prev, str) and _HASH.fullmatch(prev)):
        raise Malformed("prev of the signed payload is no hash")
    return SignedVersion(rid=rid, ver=ver, prev=prev, jh=sdjwt.jwt_hash(jwt), key=key)


def _pair(evidence: Evidence, directory: Directory) -> tuple[SignedVersion, SignedVersion]:
    one, other = (_version(evidence.text(name), iss=evidence.accused, directory=directory) for name in ("a", "b"))
    if one.rid != other.rid:
        raise EvidenceRefused("the signed objects are about two records")
    return one, other


def _proven(evidence: Evidence, one: SignedVersion, other: SignedVersion, sentence: str) -> Proven:
    return Proven(
        type=evidence.type,
        accused=evidence.accused,
        sentence=sentence,
        facts={"iss": evidence.accused, "rid": one.rid, "ver": other.ver, "hashes": [one.jh, other.jh]},
        keys=(one.key, other.key),
    )


def _begins_differently(smaller: Checkpoint, larger: Checkpoint, evidence: Evidence) -> None:
    """The larger tree begins with `prefix`, and the smaller note says another root of that size."""
    try:
        prefix = b64.decode(evidence.text("prefix"))
        merkle.verify_consistency(
            size1=smaller.size, size2=larger.size, root1=prefix, root2=larger.root, proof=evidence.hashes("proof")
        )
    except CryptoError as error:
        raise EvidenceRefused(f"the proof does not hold: {error}") from error
    if prefix == smaller.root:
        raise EvidenceRefused("the larger feed begins as the smaller note says")
