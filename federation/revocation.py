"""What a revoked record key still counts for.

The directory says `revoked.since`: the earliest time at which somebody else may have used the key. A thief writes any
`iat`, so the time inside a record proves nothing; what counts is when this node's own log took the bytes in. What was
taken in before `since` stays valid. The rest is void: it goes to quarantine until the originator signs it again with
another key (protocol page, section 9).

Trust: `received` is our own record of time, kept with the bytes. Whoever can write to our storage can move it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto import jws
from crypto.errors import CryptoError

if TYPE_CHECKING:
    from federation.membership import Directory, ListedKey


def is_void(kid: str | None, received: int, directory: Directory) -> bool:
    """Whether what was signed with this key and received at this time (seconds) counts for nothing.

    A key that the directory does not list is not judged here: nothing was ever accepted under it.
    """
    listed = None if kid is None else directory.keys.get(kid)
    return listed is not None and listed.revoked_since is not None and received >= listed.revoked_since


def kid_of(token: str) -> str | None:
    """The key id in the header of a JWS, JWT or SD-JWT that was verified when it was stored; None where it has none."""
    try:
        header, _ = jws.read_compact(token.partition("~")[0])
    except CryptoError:
        return None
    return header["kid"]


def revoked_record_keys(directory: Directory) -> tuple[ListedKey, ...]:
    """The record keys that the directory lists as revoked, in the order of their ids."""
    return tuple(
        listed
        for _, listed in sorted(directory.keys.items())
        if listed.use == "record" and listed.revoked_since is not None
    )
