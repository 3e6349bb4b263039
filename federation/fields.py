"""Read the members of a JSON object, or say by its path which one is wrong.

For the two objects that administer a federation, the directory and the node card: small, read rarely, and
worth a message that an operator can act on. Records and pages have readers of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

    from crypto.strictjson import JsonValue
    from federation.errors import FederationError

MAX_TEXT: Final = 500
"""Characters in a name, an address or a reason."""
MAX_WHOLE: Final = 253_402_300_799
"""The last second of the year 9999: beyond it lie typing errors (milliseconds) and no time of a key."""

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Fields:
    """An object, the path that leads to it, and the error that its faults are raised as."""

    value: Mapping[str, JsonValue]
    path: str
    fault: type[FederationError]

    @classmethod
    def of(cls, value: JsonValue, path: str, fault: type[FederationError]) -> Fields:
        """Take `value`, which must be an object."""
        if not isinstance(value, dict):
            raise fault(f"{path}: is not an object")
        return cls(value, path, fault)

    def __contains__(self, name: str) -> bool:
        return name in self.value

    def refuse(self, name: str, wrong: str) -> FederationError:
        """Return the error that says what is wrong with the member `name`, for the caller to raise."""
        return self.fault(f"{self.path}.{name}: {wrong}")

    def get(self, name: str) -> JsonValue:
        """Return a member that must be there, whatever it is."""
        if name not in self.value:
            raise self.refuse(name, "is missing")
        return self.value[name]

    def object(self, name: str) -> Fields:
        """Return a member that must be an object."""
        return Fields.of(self.get(name), f"{self.path}.{name}", self.fault)

    def list(self, name: str) -> list[JsonValue]:
        """Return a member that must be a list."""
        value = self.get(name)
        if not isinstance(value, list):
            raise self.refuse(name, "is not a list")
        return value

    def objects(self, name: str) -> Iterator[Fields]:
        """Go through a list of objects."""
        for at, value in enumerate(self.list(name)):
            yield Fields.of(value, f"{self.path}.{name}[{at}]", self.fault)

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str:
        """Return a member that must be one line of text, and wholly of the form of `pattern`."""
        value = self._line(self.get(name), name)
        if pattern is not None and not pattern.fullmatch(value):
            raise self.refuse(name, f"{value!r} is not of the form {pattern.pattern}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of lines of text, each of them once."""
        values = tuple(self._line(value, f"{name}[{at}]") for at, value in enumerate(self.list(name)))
        if len(set(values)) != len(values):
            raise self.refuse(name, "holds a value twice")
        return values

    def one_of(self, name: str, choices: tuple[Choice, ...]) -> Choice:
        """Return a member that must be one of `choices`."""
        value = self.text(name)
        for choice in choices:
            if value == choice:
                return choice
        raise self.refuse(name, f"{value!r} is none of {', '.join(choices)}")

    def whole(self, name: str, *, least: int = 0) -> int:
        """Return a member that must be a whole number."""
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_WHOLE:
            raise self.refuse(name, f"is not a whole number from {least} to {MAX_WHOLE}")
        return value

    def _line(self, value: JsonValue, name: str) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
            raise self.refuse(name, f"is not a text of 1 to {MAX_TEXT} printable characters")
        return value
