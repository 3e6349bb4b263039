"""Everything that can go wrong in `crypto`.

The name is the sentence; the message names the spot and, where there is one, the remedy. No message ever
holds content of a record. The floors above turn these into problem types, in one table each.

CryptoError
├── MalformedJson            not strict JSON, or outside the profile asked for
├── MalformedBase64          not canonical unpadded base64url
├── NotCanonical             a value that has no agreed canonical form
├── MalformedToken           the syntax or the header of a JWS or SD-JWT is not the one agreed
├── KeyRefused               a public key that is never admitted (type, length, weak or non-canonical point)
├── KeyFileRefused           a private key file that cannot be read, or not with this secret
├── KeyNotUsable             a key that is known, or not, and must not be used here
│   ├── UnknownKey           no trusted key has this id
│   ├── WrongKeyUse          the key is listed for another purpose
│   ├── KeyOutsideWindow     the key was not valid at the time that counts
│   └── RevokedKey           the key is revoked since a time before the one that counts
├── SealRefused              what was encrypted does not open: changed, cut off, or for another key
├── BadSignature             the signature does not cover these bytes
├── DisclosureRefused        a disclosure, or a digest, breaks the rules of RFC 9901
├── ClaimsRefused            signed correctly, and yet not acceptable for what it says
│   ├── TokenExpired         `exp` has passed
│   ├── NotYetValid          `nbf` has not come
│   └── ClaimMissing         a required claim is not visible
├── ProofRefused             a Merkle proof, or a compact range, does not lead to the root
├── CheckpointRefused        a checkpoint is malformed, of another log, or not signed by a key of its node
└── MessageRefused           an HTTP message is not signed as agreed
    ├── MissingCoverage      a component that must be covered by the signature is not
    ├── DigestMismatch       the body is not the one whose digest was signed
    ├── ClockSkew            created or expires is outside what our clock allows
    └── Replayed             this nonce was seen before
"""

# ruff: noqa: N818 - the name says what is wrong; a suffix `Error` on every one of them would say nothing

from __future__ import annotations


class CryptoError(Exception):
    """Anything that `crypto` refuses."""


class MalformedJson(CryptoError):
    """The bytes are not strict JSON, or hold a value outside the profile asked for."""


class MalformedBase64(CryptoError):
    """The text is not canonical unpadded base64url (RFC 4648, section 5)."""


class NotCanonical(CryptoError):
    """The value has no form in JCS (RFC 8785), or the bytes are not in that form."""


class MalformedToken(CryptoError):
    """The syntax or the protected header of a JWS or SD-JWT is not the one agreed."""


class KeyRefused(CryptoError):
    """This public key is never admitted: wrong type, wrong length, weak or non-canonical point."""


class KeyFileRefused(CryptoError):
    """The private key file cannot be read, or not with this secret."""


class SealRefused(CryptoError):
    """What was encrypted does not open: it was changed or cut off, or is for another key."""


class KeyNotUsable(CryptoError):
    """No key, or none that may be used for this."""


class UnknownKey(KeyNotUsable):
    """No trusted key has this id."""


class WrongKeyUse(KeyNotUsable):
    """The key is listed for another purpose."""


class KeyOutsideWindow(KeyNotUsable):
    """The key was not valid at the time that counts."""


class RevokedKey(KeyNotUsable):
    """The key is revoked since a time before the one that counts."""


class BadSignature(CryptoError):
    """The signature does not cover these bytes."""


class DisclosureRefused(CryptoError):
    """A disclosure or a digest breaks the rules of RFC 9901, section 7.1."""


class ClaimsRefused(CryptoError):
    """The token is authentic, and what it says makes it unacceptable here and now."""


class TokenExpired(ClaimsRefused):
    """`exp` has passed."""


class NotYetValid(ClaimsRefused):
    """`nbf` has not come."""


class ClaimMissing(ClaimsRefused):
    """A required claim is not visible after processing."""


class ProofRefused(CryptoError):
    """A Merkle proof, or a compact range, does not lead to the root."""


class CheckpointRefused(CryptoError):
    """A checkpoint is malformed, belongs to another log, or is not signed by a key of its node."""


class MessageRefused(CryptoError):
    """An HTTP message is not signed as agreed."""


class MissingCoverage(MessageRefused):
    """A component that the signature must cover is not covered."""


class DigestMismatch(MessageRefused):
    """The body is not the one whose digest was signed."""


class ClockSkew(MessageRefused):
    """The times in the signature are outside what our clock allows."""


class Replayed(MessageRefused):
    """This nonce was seen before."""
