"""HTTP fields for `crypto.httpsig`: structured fields, Content-Digest, and the shapes the library asks for.

`http-message-signatures` reads any object with the right attributes and calls any algorithm class. This
module holds those objects, so that the library sees our keys, our clock and our header pairs, and the parsing
that it does not offer (RFC 9651 dictionaries in which nothing occurs twice, RFC 9530 digests).

What this module leaves to others: deciding what has to be covered, by whom, and when (`crypto.httpsig`).
Trust: every field is hostile; what is not of its form raises an error of `crypto.errors`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final, cast

import http_sf
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureAlgorithm, HTTPSignatureKeyResolver

from crypto.errors import BadSignature, DigestMismatch, MessageRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from crypto.keys import PublicKey

MAX_FIELD_CHARACTERS: Final = 8_192
"""More in Signature or Signature-Input is no signature of ours, and parsing it is work for nothing."""

HASHES: Final = {"sha-256": sha256, "sha-512": sha512}

Component = tuple[str, frozenset[tuple[str, Any]]]
"""A component's name with its parameters, whose order means nothing (RFC 9421, section 2)."""


def component(text: str) -> Component:
    """Return the identity of a component written as `name` or as `"name";parameter`."""
    if not text.startswith('"'):
        return text, frozenset()
    name, options = cast("tuple[str, dict[str, Any]]", http_sf.parse(text.encode("ascii"), tltype="item"))
    return name, frozenset(options.items())


def dictionary(field: str | None, name: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Return a dictionary field (RFC 9651, section 3.2) in which no key occurs twice."""
    if field is None:
        raise BadSignature(f"the message is not signed: it has no {name}")
    if len(field) > MAX_FIELD_CHARACTERS:
        raise MessageRefused(f"{name} is longer than {MAX_FIELD_CHARACTERS} characters")

    def refuse(_key: str, _context: str) -> None:
        raise MessageRefused(f"a name occurs twice in {name}")

    try:
        parsed = http_sf.parse(field.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except ValueError as error:
        raise MessageRefused(f"{name} is not a structured field") from error
    return cast("dict[str, tuple[Any, dict[str, Any]]]", parsed)


def content_digest(body: bytes) -> str:
    """Return the Content-Digest field for a body (RFC 9530, section 2).

    >>> content_digest(b'{"hello": "world"}')
    'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:'
    """
    return f"sha-256=:{base64.b64encode(sha256(body).digest()).decode('ascii')}:"


def check_digest(field: str, body: bytes, *, hashes: Sequence[str] = ("sha-256",)) -> None:
    """Return when a Content-Digest field holds at least one of `hashes`, and each of them fits the body.

    Raises `DigestMismatch`. Other algorithms in the field are skipped, as RFC 9530 lets a recipient do.
    """
    digests = dictionary(field, "content-digest")
    known = [(name, digests[name]) for name in hashes if name in digests]
    if not known:
        raise DigestMismatch(f"the content digest has none of {', '.join(hashes)}")
    for name, (value, _) in known:
        if not isinstance(value, bytes) or not compare_digest(value, HASHES[name](body).digest()):
            raise DigestMismatch(f"the body does not have the {name} digest that was sent with it")


class Fields:
    """Header fields as the library reads them: pairs in order, whatever kind of mapping they came in."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = tuple(pairs)

    def items(self) -> Iterator[tuple[str, str]]:
        """Return the pairs of name and value, in the order of the message."""
        return iter(self._pairs)

    def get(self, name: str) -> str | None:
        """Return all lines of a field as one value, or None (RFC 9421, section 2.1)."""
        lines = [value.strip(" \t") for key, value in self._pairs if key.lower() == name]
        return ", ".join(lines) if lines else None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A request in the shape that the library asks for."""

    method: str
    url: str
    headers: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseView:
    """A response in the shape that the library asks for: `status_code` tells it apart from a request."""

    status_code: int
    headers: Fields
    request: View


class Ed25519(HTTPSignatureAlgorithm):
    """A `PublicKey` in the place where the library expects a key of `cryptography`."""

    algorithm_id = "ed25519"

    def __init__(self, public_key: PublicKey) -> None:
        self._key = public_key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return when the key signed the message, else raise `BadSignature`."""
        self._key.verify(signature, message)


class OneKey(HTTPSignatureKeyResolver):
    """The key that the caller has already looked up, under whatever name."""

    def __init__(self, key: PublicKey) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> PublicKey:  # noqa: ARG002 - it was looked up by this id
        """Return the one key."""
        return self._key


class Verifier(HTTPMessageVerifier):
    """The library's verifier without its clock."""

    def validate_created_and_expires(self, sig_input: object, max_age: object = None) -> None:
        """Do nothing: `crypto.httpsig` has compared the times with the caller's `now`."""
