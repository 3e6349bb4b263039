"""Repairs that need no decision: Unicode normal form, and members that say nothing.

A form and a spreadsheet hand over empty strings, empty lists and nulls for what was not filled in. In a
record the absence of a member says that already, so they go. Nothing is trimmed, translated or completed
here.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final

_MAX_DEPTH: Final = 64
"""Deeper than any schema and than the protocol: what lies below is left for the checks to refuse."""

_EMPTY: Final[tuple[Any, ...]] = ("", [], {})
"""What says nothing. Nought and no are not among them: they are values."""


def tidy(value: Any, depth: int = 0) -> Any:
    """Return a copy with text in NFC and without empty members; `about: false` goes too.

    >>> tidy({"office": "", "on": None, "country": "KE", "n": 0, "about": False, "seals": []})
    {'country': 'KE', 'n': 0}
    """
    if depth >= _MAX_DEPTH:
        return value
    # Texts are handled where they are met: most of a record is text, and a call each is half the cost.
    kind = type(value)
    if kind is dict:
        kept = {}
        for name, item in value.items():
            of = type(item)
            if of is str:
                if item:
                    kept[name] = item if item.isascii() else unicodedata.normalize("NFC", item)
            elif of is dict or of is list:
                clean = tidy(item, depth + 1)
                if clean:
                    kept[name] = clean
            elif item is not None and not (item is False and name == "about"):
                kept[name] = item
        return kept
    if kind is list:
        cleaned = [tidy(item, depth + 1) for item in value]
        return [item for item in cleaned if item is not None and item not in _EMPTY]
    return unicodedata.normalize("NFC", value) if kind is str else value
