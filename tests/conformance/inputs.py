"""Reading the JSON inputs of the conformance client: small pieces that its commands share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crypto.errors import UnknownKey
from crypto.keys import PublicKey, admit_jwk

if TYPE_CHECKING:
    from collections.abc import Callable


class Malformed(Exception):  # noqa: N818 - as in the product, the name says what is wrong
    """The input does not have the form that the command's help describes."""


def members(value: object) -> dict[str, Any]:
    """Return the value, which has to be an object."""
    if not isinstance(value, dict):
        raise Malformed("the input is not a JSON object")
    return value


def required(case: dict[str, Any], name: str, kind: type) -> Any:
    """Return a member that has to be there and of exactly this type (a boolean is no number)."""
    if type(case.get(name)) is not kind:
        raise Malformed(f"{name!r} is missing or not of the type {kind.__name__}")
    return case[name]


def key_of(value: object) -> PublicKey:
    """Return the admitted public key of a JWK under the JWK's own `kid`, else under its thumbprint.

    Members beside kty, crv, x and kid are ignored, the private half too: test vectors come with it.
    """
    jwk = members(value)
    key = admit_jwk({name: jwk[name] for name in ("kty", "crv", "x") if name in jwk})
    return replace(key, kid=required(jwk, "kid", str)) if "kid" in jwk else key


def only(key: PublicKey) -> Callable[[str], PublicKey]:
    """Return a look-up that knows this one key."""

    def look_up(kid: str) -> PublicKey:
        if kid != key.kid:
            raise UnknownKey("the key that was given has another id")
        return key

    return look_up
