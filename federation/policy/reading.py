"""Read a table of a policy file member by member, and collect everything that is wrong with it.

An author who gets one fault at a time mends a file ten times. So nothing here raises: a fault is noted with
its path, what is wrong and what to do, a harmless value is returned in its place, and `parse` raises once,
at the end.

Trust: the file is whoever may edit it. No content of it is executed or looked up anywhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from federation.policy.model import midnight

MAX_TEXT: Final = 500

_Word = TypeVar("_Word", bound=StrEnum)


class PolicyFault(NamedTuple):
    """One thing that is wrong: where, what, and what would be right."""

    path: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.wrong}; {self.remedy}"


class PolicyRefused(ValueError):  # noqa: N818 - the name is the sentence
    """A policy file with at least one fault. It is refused whole; the policy in force stays in force."""

    def __init__(self, faults: Collection[PolicyFault]) -> None:
        self.faults: Final = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


Check = Callable[[str], tuple[str, str] | None]
"""Takes a word; returns what is wrong with it and the remedy, or None."""


class Table:
    """One table of the file, the path that leads to it, and the list that its faults go to."""

    def __init__(self, value: Mapping[str, Any], path: str, faults: list[PolicyFault]) -> None:
        self.value = value
        self.path = path
        self.faults = faults
        self._known: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self.value

    def fault(self, name: str, wrong: str, remedy: str) -> None:
        """Note a fault of the member `name`."""
        self.faults.append(PolicyFault(f"{self.path}.{name}" if self.path else name, wrong, remedy))

    def text(self, name: str, *, check: Check | None = None, required: bool = False) -> str:
        """Return a line of text, "" when there is none."""
        value = self._take(name, required=required)
        if value is None:
            return ""
        if not _is_line(value):
            self.fault(name, "is not a line of text", f"write 1 to {MAX_TEXT} printable characters in quotes")
            return ""
        self._check(name, value, check)
        return str(value)

    def choice(self, name: str, choices: type[_Word], default: _Word) -> _Word:
        """Return one of the words of a `StrEnum`."""
        value = self._take(name)
        if value is None:
            return default
        words = [str(item) for item in choices]
        if not isinstance(value, str) or value not in words:
            self.fault(name, f"{_shown(value)} is not a known word", _one_of(value, words))
            return default
        return choices(value)

    def words(self, name: str, *, check: Check | None = None) -> frozenset[str] | None:
        """Return a set of words, written as one text or as a list; None when the member is absent."""
        value = self._take(name)
        if value is None:
            return None
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list):
            self.fault(name, "is not a list of texts", 'write it as ["...", "..."]')
            return frozenset()
        if not listed:
            self.fault(name, "is an empty list, which nothing satisfies", "name at least one, or leave it out")
        good: set[str] = set()
        for place, word in enumerate(listed):
            spot = name if listed is not value else f"{name}[{place}]"
            if not _is_line(word):
                self.fault(spot, "is not a line of text", f"write 1 to {MAX_TEXT} printable characters in quotes")
            elif self._check(spot, word, check):
                good.add(word)
        return frozenset(good)

    def whole(self, name: str, *, least: int, most: int = 1_000_000, required: bool = False) -> int | None:
        """Return a whole number, None when the member is absent or wrong."""
        value = self._take(name, required=required)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fault(name, f"{_shown(value)} is not a whole number in range", f"write {least} to {most}")
            return None
        return value

    def flag(self, name: str) -> bool | None:
        """Return true or false, None when the member is absent."""
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return value
        self.fault(name, f"{_shown(value)} is neither true nor false", "write true or false, without quotes")
        return None

    def day(self, name: str) -> date | None:
        """Return a day, written as a TOML date or as a text YYYY-MM-DD."""
        value = self._take(name)
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError:
                value = ...
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        self.fault(name, "is not a day", "write YYYY-MM-DD")
        return None

    def instant(self, name: str) -> int | None:
        """Return a time in seconds, written as a day (its beginning, by UTC) or as a time with its offset."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                is_day = len(value) == len("YYYY-MM-DD")
                value = (date if is_day else datetime).fromisoformat(value)
            except ValueError:
                value = ...
        if isinstance(value, datetime) and value.tzinfo is not None:
            return int(value.astimezone(UTC).timestamp())
        if isinstance(value, date) and not isinstance(value, datetime):
            return midnight(value)
        self.fault(name, "is not a day, nor a time with its offset", "write YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ")
        return None

    def table(self, name: str) -> Table:
        """Return the table under `name`, an empty one when there is none."""
        value = self._take(name)
        path = f"{self.path}.{name}" if self.path else name
        if value is not None and not isinstance(value, dict):
            self.fault(name, "is not a table", f"write [{name}] or {name} = {{ ... }}")
            value = None
        return Table(value or {}, path, self.faults)

    def tables(self, name: str) -> list[Table]:
        """Return the tables of the list under `name`."""
        value = self._take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(name, "is not a list of tables", f"begin each with [[{name}]]")
            return []
        found = []
        path = f"{self.path}.{name}" if self.path else name
        for place, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Table(item, f"{path}[{place}]", self.faults))
            else:
                self.fault(f"{name}[{place}]", "is not a table", f"begin it with [[{name}]]")
        return found

    def close(self) -> None:
        """Note every member that nobody asked for."""
        for name in self.value:
            if name not in self._known:
                self.fault(name, "is not known here", _one_of(name, self._known))

    def _take(self, name: str, *, required: bool = False) -> Any:
        self._known.append(name)
        if name in self.value and self.value[name] is None:
            self.fault(name, "is null", "leave it out, or give it a value")
        elif required and name not in self.value:
            self.fault(name, "is missing", f"add {name} = ...")
        return self.value.get(name)

    def _check(self, spot: str, word: str, check: Check | None) -> bool:
        wrong = check(word) if check else None
        if wrong:
            self.fault(spot, *wrong)
        return wrong is None


def one_of(words: Collection[str]) -> Check:
    """Return the check that a word is one of these."""

    def check(word: str) -> tuple[str, str] | None:
        return None if word in words else (f"{_shown(word)} is not a known word", _one_of(word, words))

    return check


def _one_of(word: object, words: Collection[str]) -> str:
    near = difflib.get_close_matches(str(word), words, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(words))}"


def _is_line(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= MAX_TEXT and value.isprintable()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - what fits into a line
