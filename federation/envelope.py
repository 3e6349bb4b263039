"""The record's envelope: issue one, and open one that somebody sent.

A record is a compact SD-JWT without key binding (protocol page, section 3). `issue_record` signs every disclosure
group once; what a peer gets later is a choice among the disclosures, never another signature. `verify_record` opens
what arrives, in this order, and the numbers stand at the code:

 1. size              5. signature
 2. syntax            6. typ, fed, iss, key window
 3. header            7. disclosures (RFC 9901, section 7.1)
 4. key in directory  8. schema

Steps 1 to 5 and 7 are `crypto.sdjwt.verify`; whether the sender was allowed to show what it showed (step 9, the
grant) is `federation.inbox`'s question, because it needs the feed entry.

Trust: the bytes are hostile until step 5, the claims are the issuer's word from then on. The directory is ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from crypto import errors as crypto_errors
from crypto import sdjwt
from federation.errors import ProblemType, RecordInvalid, Refused, UnknownCritical, UnsupportedVersion
from federation.records import UnknownSchema, get_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crypto.keys import PublicKey
    from crypto.signer import Signer
    from federation.directory import Directory, ListedKey
    from federation.records import Facets

RECORD_TYP: Final = "cnp-record+sd-jwt"
MAX_RECORD_BYTES: Final = 262_144
MAX_CLOCK_SKEW: Final = 300
"""Seconds that an issuer's clock may be ahead of ours."""
MAX_STRING: Final = 16_384
TOMB_REASONS: Final = frozenset(
    {"erroneous", "unlawful", "court-order", "retention", "withdrawn", "data-subject", "duplicate-of"}
)
TOMB_EFFECTS: Final = frozenset({"stop-use", "erase", "replace"})

_CLAIMS: Final = frozenset(
    {"fed", "iss", "rid", "ver", "prev", "iat", "kind", "sch", "crit", "h", "tomb", "_sd_alg", "_sd"}
)
_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_FORMS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "rid": lambda value: isinstance(value, str) and _UUID4.fullmatch(value) is not None,
    "ver": lambda value: type(value) is int and value >= 1,
    "kind": lambda value: isinstance(value, str),
    "sch": lambda value: isinstance(value, str),
    "h": lambda value: isinstance(value, dict),
    "_sd": lambda value: isinstance(value, list),
    "_sd_alg": lambda value: value == "sha-256",
}
"""The always-visible claims that every record has, and their forms."""
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedRecord:
    """A record as its originator keeps it: the signed JWT and every disclosure, by group."""

    iss: str
    rid: str
    ver: int
    kind: str
    sch: str
    iat: int
    prev: str | None
    handling: Mapping[str, Any]
    jwt: str
    jh: str
    disclosures: Mapping[str, str]
    index: Mapping[str, int]
    """Group name → the bit that stands for it in a grant mask."""
    width: int
    """How many digests the record has: the width of a grant mask in bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRecord:
    """A record whose signature, claims and shown groups hold. Only `verify_record` makes one."""

    iss: str
    rid: str
    ver: int
    kind: str
    sch: str
    iat: int
    prev: str | None
    handling: Mapping[str, Any]
    tomb: Mapping[str, Any] | None
    kid: str
    jwt: str
    jh: str
    groups: Mapping[str, Any]
    """The groups shown; empty where a record was verified beside and its groups are not needed (`facets` are)."""
    disclosures: Mapping[str, str]
    index: Mapping[str, int]
    mask: int
    width: int
    facets: Facets
    """What it is found by, read from the groups shown."""
    title: str
    """One line for lists, from the groups shown."""


def issue_record(
    *,
    fed: str,
    iss: str,
    rid: str,
    ver: int,
    prev: str | None,
    kind: str,
    sch: str,
    handling: Mapping[str, Any],
    groups: Mapping[str, Any],
    signer: Signer,
    now: int,
    token: Callable[[int], bytes],
    tomb: Mapping[str, Any] | None = None,
) -> IssuedRecord:
    """Sign one version of a record, each group under its own salted digest.

    `groups` must have passed the schema's `validate` and `prepare`: the issuer is strict before this call, and this
    function trusts its caller for it. `prev` is the hash of the version before, absent in version 1.
    """
    schema = get_schema(sch)
    claims: dict[str, Any] = {"fed": fed, "iss": iss, "rid": rid, "ver": ver}
    if prev is not None:
        claims["prev"] = prev
    claims |= {"iat": now, "kind": kind, "sch": sch, "crit": [], "h": dict(handling)}
    if tomb is not None:
        claims["tomb"] = dict(tomb)
    issued = sdjwt.issue(
        claims=claims, groups=groups, digests=schema.digests, typ=RECORD_TYP, signer=signer, token=token
    )
    return IssuedRecord(
        iss=iss,
        rid=rid,
        ver=ver,
        kind=kind,
        sch=sch,
        iat=now,
        prev=prev,
        handling=MappingProxyType(dict(handling)),
        jwt=issued.jwt,
        jh=sdjwt.jwt_hash(issued.jwt),
        disclosures=issued.disclosures,
        index=issued.index,
        width=schema.digests,
    )


def verify_record(token: str, *, directory: Directory, now: int) -> VerifiedRecord:
    """Open a record that somebody sent, or say in one word why not.

    `now` is in seconds; it bounds how far in the future a record may have been issued. Raises a `FederationError` with
    the stable problem type of the protocol (section 8); nothing of a refused record is returned.
    """
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        listed = directory.key(kid, use="record", at=None)  # step 4
        seen.append(listed)
        return listed.public

    try:
        opened = sdjwt.verify(token, typ=RECORD_TYP, key_for=key_for, max_bytes=MAX_RECORD_BYTES)
    except crypto_errors.CryptoError as error:
        raise Refused.because(error) from error
    return _accept(opened, listed=seen[-1], directory=directory, now=now)


def reopen_record(jwt: str, disclosures: list[str]) -> VerifiedRecord:
    """Open bytes from our own storage that were verified when they came in.

    Trust: whoever can write to our storage can make an officer read a forgery, and cannot make a peer accept it:
    what leaves is verified again by everyone who gets it.
    """
    opened = sdjwt.reopen(jwt, disclosures)
    return _record(opened)


def _accept(opened: sdjwt.Opened, *, listed: ListedKey, directory: Directory, now: int) -> VerifiedRecord:
    claims: Mapping[str, Any] = opened.claims
    # Step 6: whose word is it, and may this key speak for that node at that time?
    if claims.get("fed") != directory.fed:
        raise RecordInvalid(f"the record is not of the federation {directory.fed!r}")
    if claims.get("iss") != listed.node:
        raise Refused(ProblemType.UNKNOWN_KEY, "the signing key is not a key of the record's issuer")
    iat = claims.get("iat")
    if type(iat) is not int or iat < 0:
        raise RecordInvalid("iat is not a time in seconds")
    if iat > now + MAX_CLOCK_SKEW:
        raise Refused(ProblemType.CLOCK_SKEW, "the record was issued in the future")
    try:
        listed.check(at=iat)
    except crypto_errors.CryptoError as error:
        raise Refused.because(error) from error
    # Step 8: the schema.
    if not claims.keys() <= _CLAIMS:
        raise RecordInvalid("the record has claims outside the profile")
    _check_claims(claims)
    try:
        schema = get_schema(claims["sch"])
    except UnknownSchema as error:
        raise UnsupportedVersion("the record is of a schema that is not known here") from error
    if schema.kind != claims["kind"]:
        raise RecordInvalid("kind and sch do not belong together")
    if len(claims["_sd"]) != schema.digests:
        raise RecordInvalid(f"{schema.id} has exactly {schema.digests} digests")
    if claims["_sd"] != list(opened.digests):
        # A grant mask counts bits in this order, and an order of the issuer's own could tell which are decoys.
        raise RecordInvalid("the digests are not sorted")
    if not opened.groups.keys() <= schema.group_set:
        raise RecordInvalid(f"the record shows a group that {schema.id} does not have")
    return _record(opened)


def _check_claims(claims: Mapping[str, Any]) -> None:
    """The always-visible claims have their forms (protocol page, section 3)."""
    crit = claims.get("crit")
    if not isinstance(crit, list) or not all(isinstance(name, str) for name in crit):
        raise RecordInvalid("crit is not a list of claim names")
    if crit:
        raise UnknownCritical("the record demands claims that this reader does not know")
    for name, holds in _FORMS.items():
        if name not in claims or not holds(claims[name]):
            raise RecordInvalid(f"the claim {name!r} is missing or has another form")
    prev = claims.get("prev")
    if claims["ver"] == 1:
        if prev is not None:
            raise RecordInvalid("version 1 has no prev")
    elif not (isinstance(prev, str) and _HASH.fullmatch(prev)):
        raise RecordInvalid("a later version names the hash of the one before")
    tomb = claims.get("tomb")
    if (claims["kind"] == "tombstone") != (tomb is not None):
        raise RecordInvalid("tomb stands in tombstones, and only there")
    if tomb is not None:
        said = (tomb.get("reason"), tomb.get("effect")) if isinstance(tomb, dict) else (None, None)
        known = all(isinstance(word, str) for word in said) and said[0] in TOMB_REASONS and said[1] in TOMB_EFFECTS
        if not known:
            raise RecordInvalid("the tombstone's reason or effect is not one of the list")


def _record(opened: sdjwt.Opened) -> VerifiedRecord:
    claims: Mapping[str, Any] = opened.claims
    facets, title = get_schema(claims["sch"]).indexed(opened.groups)
    return VerifiedRecord(
        iss=claims["iss"],
        rid=claims["rid"],
        ver=claims["ver"],
        kind=claims["kind"],
        sch=claims["sch"],
        iat=claims["iat"],
        prev=claims.get("prev"),
        handling=claims["h"],
        tomb=claims.get("tomb"),
        kid=opened.header["kid"],
        jwt=opened.jwt,
        jh=sdjwt.jwt_hash(opened.jwt),
        groups=opened.groups,
        disclosures=opened.disclosures,
        index=opened.index,
        mask=opened.mask,
        width=len(claims["_sd"]),
        facets=facets,
        title=title,
    )
