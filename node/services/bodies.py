"""Choose among the disclosures of a stored version: what leaves is built from what was granted.

A version is stored as its JWT, the disclosures that are held in the order of their bits, and the mask of those bits.
A presentation for a peer is the JWT and the chosen disclosures; nothing is ever removed from a full record, because
no full record is ever put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from crypto import b64, sdjwt
from federation.envelope import VerifiedRecord, reopen_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Row


def bits(mask: int) -> list[int]:
    """The positions of the bits that are set, lowest first.

    >>> bits(0b1010)
    [1, 3]
    """
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def mask_of(groups: Iterable[str], index: Mapping[str, int]) -> int:
    """The grant mask of these groups of one version; a group that the version does not have is no bit."""
    mask = 0
    for group in groups:
        bit = index.get(group)
        if bit is not None:
            mask |= 1 << bit
    return mask


def in_bit_order(disclosures: Mapping[str, str], index: Mapping[str, int]) -> list[str]:
    """Disclosures by group → in the order of their bits, as they are stored."""
    return [disclosures[group] for group in sorted(disclosures, key=index.__getitem__)]


def chosen(stored: str, held: int, wanted: int) -> list[str]:
    """Of the stored disclosures (those of the mask `held`, joined by `~`), those of the mask `wanted`."""
    if not stored:
        return []
    return [disclosure for bit, disclosure in zip(bits(held), stored.split("~"), strict=True) if wanted >> bit & 1]


def presentation(jwt: str, stored: str, held: int, wanted: int) -> str:
    """The SD-JWT that shows exactly the groups of `wanted` that are held."""
    return sdjwt.present(jwt, chosen(stored, held, wanted))


def read_row(row: Row[Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """The groups that a stored version holds, and the bit of each, from its disclosures alone.

    They are stored in the order of their bits, so nothing has to be hashed or verified again: a review of a hundred
    thousand records has not the time for it. For deciding and counting; what is shown is opened by `reopen_row`.
    """
    groups: dict[str, Any] = {}
    index: dict[str, int] = {}
    if row.disclosures:
        for bit, text in zip(bits(int(row.mask, 16)), row.disclosures.split("~"), strict=True):
            _, name, value = orjson.loads(b64.decode(text))
            groups[name] = value
            index[name] = bit
    return groups, index


def reopen_row(row: Row[Any]) -> VerifiedRecord:
    """Open a stored version again: the bytes were verified when they were stored."""
    return reopen_record(row.jwt, row.disclosures.split("~") if row.disclosures else [])


def reopen(jwt: str, disclosures: Iterable[str]) -> VerifiedRecord:
    """Open stored bytes with some of their disclosures."""
    return reopen_record(jwt, list(disclosures))
