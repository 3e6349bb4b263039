"""Unpadded base64url (RFC 4648, section 5), one text for each byte string and no other.

Python's own decoders skip foreign characters, take padding that is not needed and ignore left-over bits, so
that many texts mean the same bytes: a digest over the text would then not be a digest over the content. Here
a text is accepted only when encoding its bytes again gives the same text.

Trust: none. The text may be anything.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from crypto.errors import MalformedBase64

ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""The 64 characters, in the order of their values."""

TO_STANDARD: Final = bytes(
    0x2A if octet in b"+/=" else {0x2D: 0x2B, 0x5F: 0x2F}.get(octet, octet) for octet in range(256)
)
"""Translation from base64url to the alphabet that `binascii` knows. What is at home only there becomes `*`,
which no encoder writes, so that the comparison at the end refuses it."""

TO_URL: Final = bytes.maketrans(b"+/", b"-_")

PADDING: Final = (b"", b"=", b"==", b"=")
"""By length modulo 4. No encoding has length 1 modulo 4; whatever is appended there, the comparison fails."""


def encode(data: bytes) -> str:
    """Return `data` as base64url without padding.

    >>> encode(b"tide")
    'dGlkZQ'
    """
    return b2a_base64(data, newline=False).translate(TO_URL).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Return the bytes that `text` stands for, or raise `MalformedBase64`.

    >>> decode("dGlkZQ")
    b'tide'
    """
    try:
        return decode_ascii(text.encode("ascii"))
    except UnicodeEncodeError:
        raise MalformedBase64("base64url holds a character outside ASCII") from None


def decode_ascii(text: bytes) -> bytes:
    """Return the bytes for a text that is already ASCII bytes, or raise `MalformedBase64`."""
    standard = text.translate(TO_STANDARD) + PADDING[len(text) & 3]
    try:
        data = a2b_base64(standard)
    except Error:
        raise MalformedBase64(f"not base64url ({len(text)} characters)") from None
    if b2a_base64(data, newline=False) != standard:
        raise MalformedBase64(
            f"not canonical unpadded base64url ({len(text)} characters): a foreign character, padding or left-over bits"
        )
    return data


def is_alphabet(text: str) -> bool:
    """Whether every character of `text` is one of the 64 (the empty text: yes)."""
    return text.isascii() and not text.encode("ascii").translate(None, ALPHABET)
