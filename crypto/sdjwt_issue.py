"""Issuing an SD-JWT: one disclosure for each group, decoys up to a fixed number, one signature (RFC 9901, 4).

The number of digests is the same whatever is known about a case, and their order is that of the digests
themselves, so that neither tells what is hidden. Salts are fresh for each disclosure and each version.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto import b64, jws, strictjson
from crypto.errors import DisclosureRefused, MalformedToken
from crypto.sdjwt_form import (
    ELEMENT,
    HASH_NAME,
    MAX_DEPTH,
    MAX_STRING,
    MAX_TOKEN_BYTES,
    RESERVED,
    SALT_BYTES,
    SD,
    SD_ALG,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crypto.signer import Signer
    from crypto.strictjson import JsonValue


@dataclass(frozen=True, slots=True)
class Issued:
    """What an issuer keeps of a token that it signed.

    `disclosures` has the base64url text for each group, `index` the position of its digest in the sorted
    `_sd`.
    """

    jwt: str
    disclosures: Mapping[str, str]
    index: Mapping[str, int]


def issue(
    *,
    claims: Mapping[str, JsonValue],
    groups: Mapping[str, JsonValue],
    digests: int,
    typ: str,
    signer: Signer,
    token: Callable[[int], bytes] = secrets.token_bytes,
) -> Issued:
    """Sign `claims`, always visible, and `groups`, each to be disclosed or not.

    Under exactly `digests` digests, whatever the number of groups.

    `token(n)` gives n unpredictable bytes. Raises `MalformedJson` for a value outside the record profile,
    `DisclosureRefused` for a reserved or repeated name or more groups than digests, `MalformedToken` if it
    would be too large.
    """
    if len(groups) > digests:
        raise DisclosureRefused(f"{len(groups)} groups do not fit under {digests} digests")
    if not groups.keys().isdisjoint(claims):
        raise DisclosureRefused("a group has the name of a claim that is always visible")
    if not (RESERVED.isdisjoint(groups) and RESERVED.isdisjoint(claims)):
        raise DisclosureRefused("_sd, _sd_alg and ... are not names of claims or groups")
    chance = token(SALT_BYTES * digests)
    if len(chance) != SALT_BYTES * digests:
        raise DisclosureRefused("the source of chance gave too few bytes: no token is signed with weak salts")

    disclosures: dict[str, str] = {}
    group_of: dict[str, str] = {}
    size = 0
    for name, value in groups.items():
        salt = b64.encode(chance[size : size + SALT_BYTES])
        size += SALT_BYTES
        disclosure = disclosures[name] = b64.encode(_checked([salt, name, value]))
        group_of[b64.encode(digest_of(disclosure.encode("ascii")))] = name
    # Decoys (section 4.2.7) are digests of chance: nobody can tell them from digests of hidden groups.
    decoys = [b64.encode(digest_of(chance[at : at + SALT_BYTES])) for at in range(size, len(chance), SALT_BYTES)]
    sd = sorted([*group_of, *decoys])
    if len(set(sd)) != digests:
        raise DisclosureRefused("the source of chance repeated itself: no token is signed with equal digests")

    payload: dict[str, JsonValue] = {**claims, SD_ALG: HASH_NAME, SD: [*sd]}
    _checked({**claims})
    jwt = jws.sign_compact(strictjson.dumps(payload), typ=typ, signer=signer)
    if len(jwt) + sum(map(len, disclosures.values())) + len(disclosures) + 1 > MAX_TOKEN_BYTES:
        raise MalformedToken(f"the token with all its groups is larger than {MAX_TOKEN_BYTES} bytes")
    index = {group_of[digest]: position for position, digest in enumerate(sd) if digest in group_of}
    return Issued(jwt=jwt, disclosures=disclosures, index=index)


def _checked(value: JsonValue) -> bytes:
    """Return the JSON of a payload or disclosure that every verifier of the record profile takes."""
    raw = strictjson.dumps_profile(value)
    strictjson.check_depth(value, raw, MAX_DEPTH)
    if len(raw) > MAX_STRING:
        strictjson.check_profile(value, max_string=MAX_STRING)
    if b'"_sd' in raw or b'"..."' in raw:
        _refuse_reserved(value)
    return raw


def _refuse_reserved(value: JsonValue) -> None:
    """Digests inside a value would be read as digests; this issuer makes none."""
    if isinstance(value, dict):
        if not RESERVED.isdisjoint(value):
            raise DisclosureRefused(f"_sd, _sd_alg and {ELEMENT} are not names of members")
        for member in value.values():
            _refuse_reserved(member)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_reserved(item)
