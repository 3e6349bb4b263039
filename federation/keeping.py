"""How long something may be kept: the earliest time that anybody has set who may set one.

`keep_until` stands in the floor `h` of a record, in the grant of a feed entry, in a relay grant and in a later
`tighten`; the earliest counts (`grants.strictest`). From that second on the content is used for nothing and erased.
Here the time is also read from what was never verified, for bodies that wait in quarantine.

Trust: an unverified text can only shorten the time that this node keeps it. One that cannot be read sets no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crypto import b64, strictjson
from crypto.errors import CryptoError
from federation.grants import Handling, HandlingRefused, earlier

if TYPE_CHECKING:
    from collections.abc import Mapping

KEEP_UNTIL: Final = "keep_until"
MAX_TOKEN: Final = 1_048_576
"""Characters of an unverified token that is looked into."""


def time_of(handling: Mapping[str, Any] | None, name: str = KEEP_UNTIL) -> int | None:
    """One time of a handling as it travels or is stored, in seconds; None where it sets none or has another form.

    >>> time_of({"keep_until": "1970-01-02"}), time_of({"keep_until": "soon"}), time_of(None)
    (86400, None, None)
    """
    if handling is None or name not in handling:
        return None
    try:
        found = Handling.from_json({"tlp": "clear", name: handling[name]})
    except HandlingRefused:
        return None
    return found.keep_until if name == KEEP_UNTIL else found.review_by


def is_over(until: int | None, now: int) -> bool:
    """Whether a time of keeping is over at `now`. `may` says the same: from `keep_until` on, nothing.

    >>> is_over(None, 5), is_over(5, 5), is_over(6, 5)
    (False, True, False)
    """
    return until is not None and now >= until


def stated(leaf: str, body: str | None, relay_grant: str | None = None) -> int | None:
    """The earliest time that an entry states, in its leaf, its body's floor and its relay grant, all unverified.

    >>> stated('{"grant":{"keep_until":5}}', None), stated("no leaf", "no body", "no grant")
    (5, None)
    """
    found = time_of(_member(_object(leaf), "grant"))
    found = earlier(found, time_of(_member(_claims(body), "h")))
    granted = _claims(relay_grant)
    return earlier(earlier(found, time_of(granted)), time_of(_member(granted, "obligations")))


def _claims(token: str | None) -> Mapping[str, Any] | None:
    """The claims of a compact JWS or SD-JWT, whoever made it."""
    if token is None or len(token) > MAX_TOKEN:
        return None
    parts = token.partition("~")[0].split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        return None
    try:
        return _object(b64.decode(parts[1]))
    except CryptoError:
        return None


def _object(text: str | bytes) -> Mapping[str, Any] | None:
    try:
        value = strictjson.parse(text)
    except CryptoError:
        return None
    return value if isinstance(value, dict) else None


def _member(value: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    found = None if value is None else value.get(name)
    return found if isinstance(found, dict) else None
