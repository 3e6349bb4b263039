"""Content for people: lines of text from the groups of a record, cleaned of what a terminal would obey.

Titles and texts come from other nodes; whoever prints or writes them for people sends them through `plain`.
"""

from __future__ import annotations

from typing import Any, Final

_BIDI: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(value: object) -> str:
    r"""A text that a terminal only shows: control and direction characters become spaces, line breaks stay.

    >>> plain("red\x1b[31m"), plain(None), plain(True)
    ('red [31m', '', 'yes')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(char if char == "\n" or (char.isprintable() and char not in _BIDI) else " " for char in str(value))


def lines(value: Any, indent: str) -> list[str]:
    """A group for people: members by name, lists item by item, texts with their language."""
    match value:
        case {"text": str(text), "lang": str(language), **rest}:
            by = "" if rest.get("by") == "author" else f", {rest.get('by')}"
            return [f"{indent}[{language}{by}] {text}"]
        case dict():
            found = []
            for name, item in value.items():
                label = name.replace("_", " ")
                if isinstance(item, dict | list) and not _short(item):
                    found += [f"{indent}{label}:", *lines(item, indent + "  ")]
                else:
                    found.append(f"{indent}{label}: {_brief(item)}")
            return found
        case list():
            if all(isinstance(item, dict) for item in value):
                found = []
                for item in value:
                    inner = lines(item, indent + "  ")
                    found += [f"{indent}- {inner[0].strip()}" if inner else f"{indent}-", *inner[1:]]
                return found
            return [f"{indent}{_brief(value)}"]
        case _:
            return [f"{indent}{_brief(value)}"]


def _short(value: Any) -> bool:
    """Whether a value fits behind its name: a list of plain values, or a small flat object such as an amount."""
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in value)
    return not any(isinstance(item, dict | list) for item in value.values()) and "text" not in value


def _brief(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_brief, value))
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_brief(item)}" for name, item in value.items())
    return str(value)
