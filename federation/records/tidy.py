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

_SAYS_SOMETHING: Final = (bool, int, float)
"""Types whose falsy values are values: no, and nought."""


def tidy(value: Any, depth: int = 0) -> Any:
    """Return a copy with text in NFC and without empty members; `about: false` goes too.

    >>> tidy({"office": "", "on": None, "country": "KE", "n": 0, "about": False, "seals": []})
    {'country': 'KE', 'n': 0}
    """
    kind = type(value)
    if depth >= _MAX_DEPTH:
        return value
    # Texts are handled where they are met: most of a record is text, and a call each is half the cost.
    if kind is dict:
        kept = {}
        for name, item in value.items():
            clean = _text(item) if type(item) is str else tidy(item, depth + 1)
            if (clean or type(clean) in _SAYS_SOMETHING) and not (name == "about" and clean is False):
                kept[name] = clean
        return kept
    if kind is list:
        cleaned = [_text(item) if type(item) is str else tidy(item, depth + 1) for item in value]
        return [item for item in cleaned if item or type(item) in _SAYS_SOMETHING]
    return _text(value) if kind is str else value


def _text(value: str) -> str:
    return value if value.isascii() else unicodedata.normalize("NFC", value)
