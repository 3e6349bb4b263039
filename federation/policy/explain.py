"""Why a group was granted or withheld, in a sentence.

The sentences are read out of the mask that the decision was made with: which rules applied, which would
have if something more had been told, and which are closed for now. There is no second evaluation that could
say otherwise.

They name rules and conditions, and so say what a policy withholds and from whom: they never leave the node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from federation.policy import conditions
from federation.policy.model import Mode, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from federation.attributes import Recipient
    from federation.policy.ground import Ground

DEFAULT: Final = "default"
"""In the place of a rule's id: no rule decided."""
HIT: Final = "hit"
"""In the place of a group: that something is held at all."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one group goes, or stays."""

    group: str
    verdict: Literal["granted", "withheld"]
    rule: str
    """The first rule that decided, or `default`."""
    text: str
    unknown: tuple[str, ...] = ()
    """What was not told and decided: attributes of the record, `region`, or `purpose`."""
    mode: str = ""
    """How far a granted group goes: replicate or query; for a hit, hit."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A mask, opened up again for one recipient."""

    ground: Ground
    mask: int
    feed: int
    asked: int
    bar: str | None
    """What stood against everything: the recipient is home, no purpose is left ..."""
    who: Recipient

    def reasons(self) -> tuple[Reason, ...]:
        """One reason for each group of the record, in the order of their names."""
        return tuple(self._reason(name, 1 << place) for place, name in enumerate(self.ground.names))

    def hit(self) -> Reason:
        """Say why a hit is told, or not."""
        if self.asked and not self.asked & self.ground.hit:
            first = next(reason for reason in self.reasons() if reason.verdict == "granted")
            return Reason(HIT, "granted", first.rule, "a hit is told, because groups are granted", mode=Mode.HIT)
        return self._reason(HIT, self.ground.hit)

    def _reason(self, name: str, bit: int) -> Reason:
        granting = [rule for rule, _ in self._grants(bit, applied=True)]
        if self.feed & bit:
            rules = [rule for rule in granting if rule.mode is Mode.REPLICATE]
            return Reason(name, "granted", rules[0].id, f"granted by {_named(rules)}", mode=Mode.REPLICATE)
        if self.asked & bit:
            how, mode = ("a hit is told", Mode.HIT) if name == HIT else ("granted on request only", Mode.QUERY)
            return Reason(name, "granted", granting[0].id, f"{how}, by {_named(granting)}", mode=mode)
        if self.bar:
            return Reason(name, "withheld", DEFAULT, f"withheld: {self.bar}")
        withholding = list(self._withholds(bit))
        surely = [rule for rule, place in withholding if self.mask >> place & 1]
        if surely:
            return Reason(name, "withheld", surely[0].id, f"withheld by {_named(surely)}{self._lapsed(surely)}")
        if granting and withholding:
            unknown = self._unknown(rule for rule, _ in withholding)
            rules = [rule for rule, _ in withholding]
            text = f"withheld, in doubt, by {_named(rules)}: it needs {self._told_not(unknown)}"
            return Reason(name, "withheld", rules[0].id, text, unknown)
        return self._nearly(name, bit)

    def _nearly(self, name: str, bit: int) -> Reason:
        """No rule grants it: tell which would, if something more were told or nothing stood in its way."""
        near = list(self._grants(bit, applied=False))
        if not near:
            nominal = name in self.ground.facts.record.nominal
            text = "withheld: no rule grants it" + (", and only a rule that names it can" if nominal else "")
            return Reason(name, "withheld", DEFAULT, text)
        sentences = []
        for rule, place in near:
            wants = self._unknown([rule])
            parts = [f"needs {self._told_not(wants)}"] if wants else []
            parts += self.ground.obstacles(rule, place)
            if not self.mask >> 2 * self.ground.policy.count + place & 1:
                parts.append(f"rests on {', '.join(rule.legal)}, and {self.who.id} is not a party to all of it")
            sentences.append(f"rule {rule.id!r} {', and '.join(parts)}")
        unknown = self._unknown(rule for rule, _ in near)
        return Reason(name, "withheld", near[0][0].id, "withheld: " + "; ".join(sentences), unknown)

    def _grants(self, bit: int, *, applied: bool) -> Iterator[tuple[Rule, int]]:
        """Go through the grants of this group that applied, or those that nothing told speaks against."""
        compiled = self.ground.policy
        open_ = compiled.applied(self.mask) & ~self.ground.closed
        possible = self.mask >> compiled.count & compiled.grants
        for rule, place in self._placed(open_ if applied else possible):
            if self.ground.covers[place] & bit:
                yield rule, place

    def _withholds(self, bit: int) -> Iterator[tuple[Rule, int]]:
        compiled = self.ground.policy
        for rule, place in self._placed(self.mask >> compiled.count & compiled.withholds):
            if self.ground.covers[place] & bit:
                yield rule, place

    def _placed(self, bits: int) -> Iterator[tuple[Rule, int]]:
        for place, rule in enumerate(self.ground.policy.policy.rules):
            if bits >> place & 1:
                yield rule, place

    def _unknown(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        """Name what was not told, of all that these rules ask."""
        names: dict[str, None] = {}
        for rule in rules:
            for name, wanted in rule.when.stated():
                if self.ground.truth(name, wanted, self.who) is None:
                    told_not = conditions.unknown_names(name, wanted, self.ground.facts.record)
                    names.update(dict.fromkeys(told_not))
        return tuple(names)

    def _told_not(self, unknown: tuple[str, ...]) -> str:
        """Complete a sentence: what is needed, and who does not tell it."""
        parts = []
        of_record = [name for name in unknown if name not in {"region", "purpose"}]
        if of_record:
            parts.append(f"{_and(of_record)}, which this record does not tell")
        if "region" in unknown:
            parts.append(f"a region, which the directory does not tell of {self.who.id}")
        if "purpose" in unknown:
            parts.append("a purpose, and none was stated")
        return "; ".join(parts)

    def _lapsed(self, rules: list[Rule]) -> str:
        """Say it where a withhold goes on although its legal basis is over."""
        notes = [
            f"rule {rule.id!r} {obstacle}"
            for rule in rules
            for obstacle in self.ground.obstacles(rule, self.ground.policy.policy.rules.index(rule))
            if obstacle.startswith("rests on")
        ]
        return f" ({'; '.join(notes)}; a withholding stays in force)" if notes else ""


def _named(rules: list[Rule]) -> str:
    def one(rule: Rule) -> str:
        return f"{rule.id!r}" + (f" (legal basis {_and(rule.legal)})" if rule.legal else "")

    return ("rule " if len(rules) == 1 else "rules ") + _and([one(rule) for rule in rules])


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last
