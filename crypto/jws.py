"""Compact JWS (RFC 7515) with Ed25519 (RFC 9864) and a header that leaves nothing to choose.

The protected header is exactly `alg`, `typ` and `kid`. `alg` is `Ed25519` and nothing else: `EdDSA` is
deprecated, `none` and all others never existed here, so no attacker can choose. `typ` is fixed by the
caller, so that an object of one kind is never taken for another.

Steps, in this order, here and in `sdjwt`: 1 size, 2 syntax, 3 header, 4 key, 5 signature. Nothing of the
payload is returned before step 5.

Trust: the token is hostile. `key_for` is ours: it answers with the key listed for this id, this use and this
time, or raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from crypto import b64, strictjson
from crypto.errors import MalformedJson, MalformedToken, UnknownKey
from crypto.keys import PublicKey

if TYPE_CHECKING:
    from crypto.signer import Signer

KeyFor: TypeAlias = Callable[[str], PublicKey]
"""Gives the key for a `kid`, or raises `UnknownKey`, `WrongKeyUse`, `KeyOutsideWindow`, `RevokedKey`."""

ALGORITHM: Final = "Ed25519"
HEADER_NAMES: Final = frozenset({"alg", "typ", "kid"})

MAX_HEADER_BYTES: Final = 1024
"""Ours has some 110. Room for long types and ids of others, none for a payload in the header."""

COMPACT_PARTS: Final = 3


def sign_compact(payload: bytes, *, typ: str, signer: Signer) -> str:
    """Return the compact JWS over `payload`."""
    header = strictjson.dumps({"alg": ALGORITHM, "typ": typ, "kid": signer.kid})
    signed = f"{b64.encode(header)}.{b64.encode(payload)}"
    return f"{signed}.{b64.encode(signer.sign(signed.encode('ascii')))}"


def verify_compact(token: str, *, typ: str, key_for: KeyFor, max_bytes: int) -> bytes:
    """Return the payload, now known to come from the holder of the key that `key_for` gave.

    Raises `MalformedToken` or `MalformedBase64` (steps 1 to 3), what `key_for` raises (4), `BadSignature`
    (5).
    """
    # 1 Size.
    if len(token) > max_bytes:
        raise MalformedToken(f"a token of {len(token)} characters is larger than the {max_bytes} allowed")
    return open_compact(token, typ=typ, key_for=key_for)[1]


def open_compact(token: str, *, typ: str, key_for: KeyFor) -> tuple[dict[str, str], bytes]:
    """Return header and payload after steps 2 to 5. The caller has checked the size."""
    # 2 Syntax: three parts of canonical base64url (RFC 7515, section 7.1).
    header, payload, signature, signed = _split(token)
    # 3 Header: before the key is looked up, so that a wrong kind of object costs nothing.
    members = _header(header, typ=typ)
    # 4 Key.
    key = key_for(members["kid"])
    if key.kid != members["kid"]:
        raise UnknownKey(f"no trusted key has the id {members['kid']!r}")
    # 5 Signature (RFC 7515, section 5.2).
    key.verify(signature, signed)
    return members, payload


def read_compact(token: str) -> tuple[dict[str, str], bytes]:
    """Return header and payload of a compact JWS that was verified before and kept in our own storage.

    Trust: the storage. Whoever can write there can make this return anything. Nothing from outside goes here.
    """
    header, payload, _, _ = _split(token)
    return _header(header, typ=None), payload


def _split(token: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Return header, payload and signature, decoded, and the bytes that are signed."""
    try:
        raw = token.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedToken("a token holds a character outside ASCII") from None
    parts = raw.split(b".")
    if len(parts) != COMPACT_PARTS:
        raise MalformedToken(f"a compact JWS has {COMPACT_PARTS} parts, not {len(parts)}")
    header, payload, signature = map(b64.decode_ascii, parts)
    return header, payload, signature, raw[: raw.rindex(b".")]


def _header(raw: bytes, *, typ: str | None) -> dict[str, str]:
    try:
        members = strictjson.parse_profile(raw, max_bytes=MAX_HEADER_BYTES, max_depth=1)
    except MalformedJson as error:
        raise MalformedToken(f"the protected header is refused: {error}") from None
    if not isinstance(members, dict) or members.keys() != HEADER_NAMES:
        raise MalformedToken("the protected header must hold exactly alg, typ and kid")
    if members["alg"] != ALGORITHM:
        raise MalformedToken(f"`alg` must be {ALGORITHM}")
    if typ is not None and members["typ"] != typ:
        raise MalformedToken(f"`typ` must be {typ}: this is an object of another kind")
    if not isinstance(members["kid"], str):
        raise MalformedToken("`kid` must be a string")
    return cast("dict[str, str]", members)
