"""The canonical form of a JSON value (JCS, RFC 8785).

`canonicalize` takes every value and leaves the work to the `rfc8785` package. `profile_bytes` gives the same
bytes for values of the record profile, and is many times as fast; leaves of feeds are written with it.

Trust: the value is one that `strictjson` read or our own code built.
"""

from __future__ import annotations

from typing import Final

import rfc8785

from crypto import strictjson
from crypto.errors import NotCanonical
from crypto.strictjson import MAX_SAFE_INTEGER, JsonValue

_FIRST_OF_FOUR_BYTES: Final = 0xF0
"""UTF-8 begins characters beyond U+FFFF with this byte or a larger one."""


def canonicalize(value: JsonValue) -> bytes:
    """Return the canonical UTF-8 text of `value`, or raise `NotCanonical`.

    RFC 8785 knows only doubles (section 3.2.2.3). An integer beyond ±(2^53-1) is written as the double that
    it is, or that is written like it, and refused when writing it would change it.

    >>> canonicalize({"b": 1.0, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    try:
        try:
            return rfc8785.dumps(value)
        except rfc8785.IntegerDomainError:
            return rfc8785.dumps(_doubles(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(f"the value has no canonical form: {type(error).__name__}") from None
    except RecursionError:
        raise NotCanonical("the value is nested too deep for a canonical form") from None


def profile_bytes(value: JsonValue) -> bytes:
    """Return the canonical text of a value in the record profile; raise `MalformedJson` outside it.

    RFC 8785 sorts member names by UTF-16 code unit, the fast writer by code point. The two orders differ only
    when a character beyond U+FFFF is about, and then the slow form is taken.

    >>> profile_bytes({"n": 7, "iss": "KE"})
    b'{"iss":"KE","n":7}'
    """
    raw = strictjson.dumps_profile(value, sort=True)
    if raw.isascii() or max(raw) < _FIRST_OF_FOUR_BYTES:
        return raw
    return canonicalize(value)


def _doubles(value: JsonValue) -> JsonValue:
    """Replace each large integer by the double it equals."""
    if isinstance(value, dict):
        return {name: _doubles(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_doubles(item) for item in value]
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        try:
            double = float(value)
        except OverflowError:
            raise NotCanonical("an integer is beyond what a double holds") from None
        # A large double may be written with zeros at its end that it does not have: that text is taken back.
        if int(double) != value and rfc8785.dumps(double) != str(value).encode():
            raise NotCanonical("an integer is not exactly a double: write it as a string")
        return double
    return value
