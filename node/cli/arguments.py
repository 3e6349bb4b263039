"""`--home` and `--json` are global and also accepted after the subcommand: they are moved to the front, once, here.

What stands behind `--` is an operand and stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

HOME: Final = "--home"
JSON: Final = "--json"


def globals_first(argv: Sequence[str]) -> list[str]:
    """The arguments with the global options in front, in their order.

    >>> globals_first(["search", "watch", "--json", "--home", "/x"])
    ['--json', '--home', '/x', 'search', 'watch']
    >>> globals_first(["show", "--", "--json"])
    ['show', '--', '--json']
    """
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == JSON or word.startswith(HOME + "="):
            front.append(word)
        elif word == HOME:
            value = next(words, None)
            if value is None:
                return [HOME]  # alone, so that the parser says that its value is missing
            front += [word, value]
        else:
            rest.append(word)
    return front + rest
