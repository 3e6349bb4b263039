r"""What a signed payload says with the disclosures shown (RFC 9901, section 7.1, steps 3 to 5).

Two ways, one answer. Ours are flat: digests at the top of the payload, and disclosures whose values hold no
further digests. `_open_flat` reads those in one pass. `Recursive` follows digests anywhere. Which way is
taken is decided on the bytes: a reserved name can only stand in JSON as itself or behind a `\u` escape, and
where either is found the second way is taken. A property test holds both to the same answer.

Trust: the payload is authentic. The disclosures are hostile until they are found to be what was signed; and
an issuer may be hostile too, so that limits and ambiguities are refused in what is signed as in what is
shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from crypto import b64, strictjson
from crypto.errors import DisclosureRefused, MalformedJson, MalformedToken
from crypto.sdjwt_form import (
    HASH_NAME,
    MAX_STRING,
    MAX_TOKEN_BYTES,
    SD,
    SD_ALG,
    check_salts,
    decode_digests,
    digest_list,
    digest_of,
)
from crypto.sdjwt_recursive import Recursive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crypto.strictjson import JsonValue


@dataclass(frozen=True, slots=True)
class Opened:
    """A token whose signature and disclosures hold. Treat the dicts as read-only.

    `claims`       what is always visible, as signed, with `_sd` and `_sd_alg`
    `payload`      what is visible here: claims and disclosures in place, without `_sd` and `_sd_alg`
    `groups`       the part of `payload` that was disclosed at the top level
    `disclosures`  the base64url text of each of those; `nested` has the texts of those further down
    `digests`      the digests at the top level, sorted; `index` has the position of each group among them
    `mask`         bit i is set when the i-th of `digests` is shown
    """

    jwt: str
    header: Mapping[str, str]
    payload: dict[str, JsonValue]
    claims: dict[str, JsonValue]
    groups: dict[str, JsonValue]
    disclosures: dict[str, str]
    index: dict[str, int]
    mask: int
    digests: tuple[str, ...]
    nested: tuple[str, ...]


def open_payload(
    *,
    jwt: str,
    header: Mapping[str, str],
    payload: bytes,
    texts: Sequence[str],
    profile: bool,
    max_depth: int,
    flat: bool = True,
) -> Opened:
    """Return what `payload`, signed in `jwt`, says with the disclosures `texts`.

    `flat=False` takes the recursive way whatever the bytes are. Raises `MalformedToken` when the payload is
    not an object, `MalformedBase64` and `DisclosureRefused` for the rest.
    """
    try:
        claims = _parse(payload, profile=profile, max_depth=max_depth + 1)
    except MalformedJson as error:
        raise MalformedToken(f"the payload is refused: {error}") from None
    if not isinstance(claims, dict):
        raise MalformedToken("the payload must be a JSON object")
    if claims.get(SD_ALG, HASH_NAME) != HASH_NAME:  # absent means sha-256 (section 4.1.1)
        raise DisclosureRefused(f"`_sd_alg` must be {HASH_NAME}")
    own_names = (SD in claims) + (SD_ALG in claims)
    if payload.count(b'"_sd') != own_names or _may_hold_element(payload):
        flat = False
    encoded = [text.encode("ascii") for text in texts]
    raws = [*map(b64.decode_ascii, encoded)]
    together = b",".join(raws)
    plain = b'"_sd' not in together and not _may_hold_element(together)
    # The bracket around salt, name and value stands for the payload object: the depth comes out the same. One
    # more is allowed for `_sd` and `{"...": digest}`, which processing takes away; `Recursive` counts again.
    arrays = _disclosures(raws, profile=profile, max_depth=max_depth if plain else max_depth + 1)
    shown = dict(zip(map(digest_of, encoded), zip(texts, arrays, strict=True), strict=True))
    if len(shown) != len(texts):
        raise DisclosureRefused("a disclosure occurs twice")
    if flat and plain:
        try:
            strictjson.check_depth(claims, payload, max_depth)
        except MalformedJson as error:
            raise MalformedToken(f"the payload is refused: {error}") from None
        return _open_flat(jwt, header, claims, shown)
    return _open_recursively(jwt, header, claims, shown, max_depth)


def _parse(raw: bytes, *, profile: bool, max_depth: int) -> JsonValue:
    if profile:
        return strictjson.parse_profile(raw, max_bytes=MAX_TOKEN_BYTES, max_depth=max_depth, max_string=MAX_STRING)
    return strictjson.parse(raw, max_depth=max_depth)


def _disclosures(raws: list[bytes], *, profile: bool, max_depth: int) -> list[list[JsonValue]]:
    try:
        if profile:
            arrays = strictjson.parse_profile_arrays(
                raws, max_bytes=MAX_TOKEN_BYTES, max_depth=max_depth, max_string=MAX_STRING
            )
        else:
            arrays = [strictjson.parse(raw, max_depth=max_depth) for raw in raws]
    except MalformedJson as error:
        raise DisclosureRefused(f"a disclosure is refused: {error}") from None
    if set(map(type, arrays)) - {list}:
        raise DisclosureRefused("a disclosure must be a JSON array")
    return cast("list[list[JsonValue]]", arrays)


def _may_hold_element(raw: bytes) -> bool:
    r"""Whether `...` may stand in this JSON as a name, or any reserved name behind an escape."""
    return b'"..."' in raw or b"\\u" in raw


def _open_flat(
    jwt: str,
    header: Mapping[str, str],
    claims: dict[str, JsonValue],
    shown: Mapping[bytes, tuple[str, list[JsonValue]]],
) -> Opened:
    """Open a token whose only digests are those at the top of the payload."""
    digests = sorted(digest_list(claims))
    position = {digest: at for at, digest in enumerate(decode_digests(digests))}
    if len(position) != len(digests):  # step 4
        raise DisclosureRefused("a digest occurs twice")
    groups: dict[str, JsonValue] = {}
    disclosures: dict[str, str] = {}
    index: dict[str, int] = {}
    salts: list[JsonValue] = []
    mask = 0
    for digest, (text, array) in shown.items():
        at = position.get(digest)
        if at is None:  # step 5
            raise DisclosureRefused("a disclosure is referenced by no digest")
        try:
            salt, name, value = array  # 3c ii 1
        except ValueError:
            raise DisclosureRefused("a disclosure of a member must be [salt, name, value]") from None
        # 3c ii 2 asks for reserved names too: a disclosure that has one never comes here.
        if type(name) is not str:
            raise DisclosureRefused("a disclosure must name a claim")
        if name in claims or name in groups:  # 3c ii 3
            raise DisclosureRefused("a disclosure names a claim that is already there")
        salts.append(salt)
        groups[name] = value
        disclosures[name] = text
        index[name] = at
        mask |= 1 << at
    check_salts(salts)
    payload = claims | groups
    payload.pop(SD, None)
    payload.pop(SD_ALG, None)
    return Opened(
        jwt=jwt,
        header=header,
        payload=payload,
        claims=claims,
        groups=groups,
        disclosures=disclosures,
        index=index,
        mask=mask,
        digests=tuple(digests),
        nested=(),
    )


def _open_recursively(
    jwt: str,
    header: Mapping[str, str],
    claims: dict[str, JsonValue],
    shown: Mapping[bytes, tuple[str, list[JsonValue]]],
    max_depth: int,
) -> Opened:
    """Open any token."""
    recursive = Recursive(shown, max_depth=max_depth)
    payload = recursive.payload(claims)
    digests = tuple(sorted(digest_list(claims)))
    position = {digest: at for at, digest in enumerate(digests)}
    top = recursive.top
    index = {name: position[b64.encode(digest_of(text.encode("ascii")))] for name, text in top.items()}
    at_top = set(top.values())
    return Opened(
        jwt=jwt,
        header=header,
        payload=payload,
        claims=claims,
        groups={name: payload[name] for name in top},
        disclosures=top,
        index=index,
        mask=sum(1 << at for at in index.values()),
        digests=digests,
        nested=tuple(text for text, _ in shown.values() if text not in at_top),
    )
