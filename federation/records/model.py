"""What a record schema is, and what it answers.

A `Schema` is data: the groups in their order, which of them can name somebody, which make up the minimal
form, and the functions that check, complete and read them. The register of schemas is `federation.records`;
the schemas stand in `seizure`, `alert`, `annotation`, `statistics`, `bulletin` and `tombstone`.

Two attitudes meet here. Towards those who issue, `validate` is strict and lists every fault at once. Towards
what others have signed, `attributes`, `facets` and `title` are tolerant: they take what they understand, skip
the rest and never raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from federation.records.checks import Findings, unknown_member
from federation.records.tidy import tidy

if TYPE_CHECKING:
    from federation.attributes import Attributes
    from federation.records.checks import Check, Report
    from federation.records.facts import Facets, Facts

Groups = Mapping[str, Any]
"""Disclosure groups by name, as JSON values."""

DIGESTS: Final = 24
"""How many digests `_sd` has, always: their number must not tell which groups exist."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class UnknownSchema(KeyError):  # noqa: N818 - the name says what is wrong
    """No schema of this name is registered here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One kind of record at one version, such as `seizure/1`."""

    id: str
    kind: str
    fields: Mapping[str, Check]
    """Each group with its check, in the order in which the groups are shown."""
    required: tuple[str, ...] = ()
    """Groups without which nothing is issued."""
    nominal: frozenset[str] = frozenset()
    """Groups that can name somebody: no wildcard ever grants them."""
    minimal: frozenset[str] = frozenset()
    """Groups of the minimal, non-nominal form."""
    digests: int = DIGESTS
    coarse: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """Each reduced group with the full group that it is made from."""
    derive: Mapping[str, Callable[[Groups], Any]] = field(default_factory=lambda: _NOTHING)
    """Each reduced group with the function that makes it; an empty answer means that it cannot be made."""
    rules: tuple[Callable[[Groups, Findings], None], ...] = ()
    """Checks across groups, run when every group has been checked by itself."""
    facts: Callable[[Groups], Facts]
    """The tolerant reader of this schema."""
    summary: Callable[[Groups, Facts], str]
    """The one line for lists."""
    groups: tuple[str, ...] = field(init=False)
    group_set: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(self.fields))
        object.__setattr__(self, "group_set", frozenset(self.fields))

    def validate(self, groups: Groups) -> Report:
        """Check what is about to be signed; every fault is listed, none is raised, whatever the JSON holds.

        Run `prepare` first: it repairs what needs no decision (unnormalised text, empty members).
        """
        found = Findings()
        for name, value in groups.items():
            check = self.fields.get(name)
            if check is None:
                unknown_member(name, value, (None, name), found, self.fields)
            else:
                check(value, (None, name), found)
        for name in self.required:
            if name not in groups:
                found.error((None, name), None, "is missing", "every record of this kind has it: fill it in")
        for rule in self.rules:
            rule(groups, found)
        return found.report()

    def prepare(self, groups: Groups) -> dict[str, Any]:
        """Return the groups ready to be checked and signed; the argument stays untouched.

        Text becomes NFC, empty members go (absent means unknown), and the reduced groups are made from the
        full ones. A reduced group given by hand survives only where the full group is absent.
        """
        ready: dict[str, Any] = tidy(dict(groups))
        for name, make in self.derive.items():
            if self.coarse[name] not in ready:
                continue
            reduced = make(ready)
            if reduced:
                ready[name] = reduced
            else:
                ready.pop(name, None)
        return ready

    def attributes(self, groups: Groups, *, handling: Mapping[str, Any]) -> Attributes:
        """Answer what a policy may ask of this record, from whatever groups are there. Never raises."""
        return self.facts(groups).attributes(
            kind=self.kind,
            groups=frozenset(groups),
            nominal=self.nominal.intersection(groups),
            minimal=self.minimal.intersection(groups),
            handling=handling,
        )

    def facets(self, groups: Groups) -> Facets:
        """Give the values by which the record is found, from whatever groups are there. Never raises."""
        return self.facts(groups).facets()

    def title(self, groups: Groups) -> str:
        """Write one line for lists, never empty, from whatever groups are there. Never raises."""
        return self.summary(groups, self.facts(groups)) or self.kind.capitalize()

    def read(self, groups: Groups, *, handling: Mapping[str, Any]) -> tuple[Attributes, Facets, str]:
        """`attributes`, `facets` and `title` at once: for what is issued by the thousand."""
        facts = self.facts(groups)
        attributes = facts.attributes(
            kind=self.kind,
            groups=frozenset(groups),
            nominal=self.nominal.intersection(groups),
            minimal=self.minimal.intersection(groups),
            handling=handling,
        )
        return attributes, facts.facets(), self.summary(groups, facts) or self.kind.capitalize()

    def indexed(self, groups: Groups) -> tuple[Facets, str]:
        """`facets` and `title` at once, reading the groups only once: for what arrives by the thousand."""
        facts = self.facts(groups)
        return facts.facets(), self.summary(groups, facts) or self.kind.capitalize()
