"""What the pretended world knows of its records by itself, never by asking the product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


EVIL: Final = "ZA"
EVIL_HUB: Final = "RILO-EUR"
LIARS: Final = (EVIL, EVIL_HUB)
"""Members whose feeds the tests write."""
GROUP: Final = "ncp"
"""The one named group of the pretended directory."""


class Crash(Exception):  # noqa: N818 - what happens to the node
    """The process of a node ends here."""


@dataclass
class Version:
    """One version of a record in the reference: which groups it has, and which token is hidden in which."""

    node: str
    kind: str
    ver: int
    groups: set[str]
    granted: dict[str, set[str]] = field(default_factory=dict)
    """Recipient → groups granted of this version now; empty once a later version took its place."""
    ever: dict[str, set[str]] = field(default_factory=dict)
    """The same, never emptied: what may have arrived and may still be held."""
    relayed: dict[str, set[str]] = field(default_factory=dict)
    """Recipient → groups that the hub may pass on to it now."""
    ever_relayed: dict[str, dict[int | None, set[str]]] = field(default_factory=dict)
    """Recipient → version of the group, or None where it was named itself → groups; never emptied."""

    def grant(self, recipient: str, groups: set[str]) -> None:
        self.granted[recipient] = groups
        self.ever[recipient] = self.ever.get(recipient, set()) | groups

    def relay(self, recipient: str, by: dict[int | None, set[str]]) -> None:
        self.relayed[recipient] = set().union(*by.values())
        before = self.ever_relayed.setdefault(recipient, {})
        for ground, groups in by.items():
            before[ground] = before.get(ground, set()) | groups

    def passable(self, recipient: str, counts: Callable[[int | None], bool]) -> set[str]:
        """What the hub may have been allowed to pass on to a recipient, by the grounds that count today."""
        return set().union(
            *(groups for ground, groups in self.ever_relayed.get(recipient, {}).items() if counts(ground))
        )

    def end(self) -> None:
        """Nobody may have anything of it any more: a later version took its place, or it was recalled."""
        self.granted = {who: set() for who in self.granted}
        self.relayed = {who: set() for who in self.relayed}

    def at_rest(self, recipient: str) -> set[str]:
        """What a recipient holds once everything has arrived, over both roads."""
        return self.granted.get(recipient, set()) | self.relayed.get(recipient, set())

    def at_all(self, recipient: str) -> set[str]:
        """What a recipient may have been given at some time."""
        return self.ever.get(recipient, set()).union(*self.ever_relayed.get(recipient, {}).values())
