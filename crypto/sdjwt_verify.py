"""From the bytes of an SD-JWT to what it says, or a refusal (RFC 9901, section 7.1).

The steps are numbered in `verify` and happen in that order: 1 size, 2 syntax, 3 header, 4 key, 5 signature,
6 disclosures, 7 time and required claims. Steps 3 to 5 are those of `jws`.

Left to others: that the key belongs to `iss` (`key_for` and the caller), what the claims mean, whether the
groups shown were granted.

Absent on purpose: key binding. A token of ours has no holder beside its readers, so that a token with a key
binding JWT at its end is refused, never half understood. Absent too: any way to read a token from outside
unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto import jws
from crypto.errors import ClaimMissing, MalformedToken, NotYetValid, TokenExpired
from crypto.sdjwt_form import MAX_DEPTH, MAX_DISCLOSURES, MAX_TOKEN_BYTES
from crypto.sdjwt_open import Opened, open_payload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from crypto.jws import KeyFor
    from crypto.strictjson import JsonValue


def verify(
    token: str,
    *,
    typ: str,
    key_for: KeyFor,
    now: int | None = None,
    leeway: int = 0,
    require: Collection[str] = (),
    max_bytes: int = MAX_TOKEN_BYTES,
    max_disclosures: int = MAX_DISCLOSURES,
    max_depth: int = MAX_DEPTH,
    profile: bool = True,
) -> Opened:
    """Return what an SD-JWT from outside says, after everything about it has been checked.

    `now` and `leeway` are seconds; without `now` neither `exp` nor `nbf` is looked at. `require` names
    claims that must be visible. `profile=False` takes every JSON value, as RFC 9901 does; else no fractions
    and no null. Raises `MalformedToken`, `MalformedBase64`, what `key_for` raises, `BadSignature`,
    `DisclosureRefused`, `TokenExpired`, `NotYetValid`, `ClaimMissing`.
    """
    # 1 Size.
    if len(token) > max_bytes:
        raise MalformedToken(f"a token of {len(token)} characters is larger than the {max_bytes} allowed")
    # 2 Syntax.
    jwt, texts = _split(token, max_disclosures=max_disclosures)
    # 3 Header, 4 key, 5 signature.
    header, payload = jws.open_compact(jwt, typ=typ, key_for=key_for)
    # 6 Disclosures.
    opened = open_payload(jwt=jwt, header=header, payload=payload, texts=texts, profile=profile, max_depth=max_depth)
    # 7 Time and required claims, on the processed payload (section 7.1, step 6).
    if now is not None:
        _check_time(opened.payload, now=now, leeway=leeway)
    for name in require:
        if name not in opened.payload:
            raise ClaimMissing(f"the required claim {name!r} is not visible")
    return opened


def reopen(jwt: str, disclosures: Iterable[str], *, profile: bool = True) -> Opened:
    """Return what a token says that was verified before and kept in our own storage.

    Everything is checked again but key, signature, type, time and required claims.

    Trust: the storage. Whoever can write there can make this return anything. Nothing from outside goes here.
    """
    header, payload = jws.read_compact(jwt)
    return open_payload(
        jwt=jwt,
        header=header,
        payload=payload,
        texts=[*disclosures],
        profile=profile,
        max_depth=MAX_DEPTH,
    )


def _split(token: str, *, max_disclosures: int) -> tuple[str, list[str]]:
    if not token.isascii():
        raise MalformedToken("a token holds a character outside ASCII")
    jwt, *texts = token.split("~")
    if not texts:
        raise MalformedToken("an SD-JWT has a `~` behind the JWT: this is a plain JWT")
    if texts.pop():
        raise MalformedToken("an SD-JWT ends with `~`: this one is cut off, or has a key binding JWT")
    if len(texts) > max_disclosures:
        raise MalformedToken(f"{len(texts)} disclosures are more than the {max_disclosures} allowed")
    return jwt, texts


def _check_time(payload: Mapping[str, JsonValue], *, now: int, leeway: int) -> None:
    """Compare `exp` and `nbf`, where present, with the clock (RFC 7519, sections 4.1.4, 4.1.5)."""
    expires = _seconds(payload, "exp")
    if expires is not None and now >= expires + leeway:
        raise TokenExpired("the token has expired")
    begins = _seconds(payload, "nbf")
    if begins is not None and now < begins - leeway:
        raise NotYetValid("the token is not valid yet")


def _seconds(payload: Mapping[str, JsonValue], name: str) -> float | None:
    if name not in payload:
        return None
    value = payload[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedToken(f"`{name}` must be a number of seconds")
    return value
