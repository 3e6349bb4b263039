"""The policy letter: a policy in prose, for the person who approves it.

Written from the rules themselves, and from decisions about own records as examples, so that it cannot say anything
else than what will be decided. The same policy and examples give the same letter, byte for byte; who approves signs
its hash.

Trust: the letter names rules, and what is withheld from whom. It never leaves the node.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from federation.policy.ground import day_of
from federation.policy.model import Effect, Mode, Policy, Rule, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from federation.policy.model import Instrument

WIDTH: Final = 110
_WORDS: Final[Mapping[str, str]] = {
    "minimal": "the minimal, non-nominal form",
    "non-nominal": "everything that can name nobody",
    "all": "everything, the fact that it is held included",
}
_MODES: Final[Mapping[Mode, str]] = {
    Mode.REPLICATE: "It goes into their feeds, and is answered when they ask.",
    Mode.QUERY: "It is answered when they ask, and goes into no feed.",
    Mode.HIT: "They learn that something is held and whom to contact, and nothing of what it says.",
}


class Example(NamedTuple):
    """One record of our own and what the policy says of it: recipients with equal answers together."""

    name: str
    answers: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], bool], ...]
    """Recipients, groups into the feed, groups on request, whether a hit is told."""


class Kind(NamedTuple):
    """A kind of record and its groups, to say what never leaves."""

    kind: str
    groups: frozenset[str]
    nominal: frozenset[str]
    minimal: frozenset[str]


def write_letter(policy: Policy, *, kinds: Sequence[Kind], examples: Sequence[Example]) -> str:
    """Write the letter. Pure; ends with a line break."""
    grants = [rule for rule in policy.rules if rule.effect is Effect.GRANT]
    withholds = [rule for rule in policy.rules if rule.effect is Effect.WITHHOLD]
    known = {item.id: item for item in policy.instruments}
    parts = [
        f"LETTER ON POLICY {policy.version} OF {policy.country}",
        "",
        f"Written by {policy.author}, to be approved by {policy.approver}. What no rule below grants stays home.",
        "",
        "1. WHO GETS WHAT",
        *(_numbered(grants, lambda rule: _grant(rule, known)) or ["", "   Nobody gets anything."]),
        "",
        "2. WHAT IS WITHHELD, WHATEVER IS GRANTED ABOVE",
        *(_numbered(withholds, _withhold) or ["", "   Nothing beyond what no rule grants."]),
        "",
        "3. ON WHICH LEGAL INSTRUMENTS IT RESTS",
        *([line for item in policy.instruments for line in _instrument(item, grants)] or ["", "   On none."]),
        "",
        "4. WHAT NEVER LEAVES UNDER THIS POLICY",
        *[line for kind in kinds for line in _never(kind, grants)],
        "",
        "5. EXAMPLES, FROM RECORDS OF OUR OWN",
        *([line for example in examples for line in _example(example)] or ["", "   No record is live yet."]),
    ]
    return "\n".join(parts) + "\n"


def _numbered(rules: Iterable[Rule], sentences: Callable[[Rule], list[str]]) -> list[str]:
    lines: list[str] = []
    for rule in rules:
        lines += ["", f"   [{rule.id}]", *(f"   {line}" for sentence in sentences(rule) for line in _wrapped(sentence))]
    return lines


def _grant(rule: Rule, known: Mapping[str, Instrument]) -> list[str]:
    told = [f"{_who(rule)} get of {_what(rule)}: {_groups(rule)}."]
    if rule.mode is Mode.HIT:
        told = [f"{_who(rule)} are told about {_what(rule)}."]
    told.append(_MODES[rule.mode])
    if rule.legal:
        told.append(
            f"It rests on {', '.join(_basis(known.get(name), name) for name in rule.legal)}; without it, nothing."
        )
    if rule.embargo_until is not None:
        told.append(f"Nothing of it goes before {day_of(rule.embargo_until)}.")
    if rule.embargo_days is not None:
        told.append(f"Nothing of it goes in the first {rule.embargo_days} days after the issue.")
    if rule.needs_release:
        told.append(
            "Only what a second officer has released, record by record, for the audience that officer approved."
        )
    return [*told, *_relay(rule), *_terms(rule.terms)]


def _relay(rule: Rule) -> list[str]:
    if rule.relay is None:
        return []
    whom = f"the members of group {rule.relay.group}" if rule.relay.group is not None else _all(rule.relay.to)
    told = f"A regional office among them may pass it on to {whom}, as far as the record's own handling allows"
    return [f"{told}; we sign a relay grant of {rule.relay.days} days for each record."]


def _withhold(rule: Rule) -> list[str]:
    return [f"{_who(rule)} do not get of {_what(rule)}: {_groups(rule)}. In doubt it is withheld."]


def _who(rule: Rule) -> str:
    when = rule.when
    parts = []
    if when.node is not None:
        parts.append(f"named {_any(when.node)}")
    if when.country is not None:
        parts.append(f"of {_any(when.country)}")
    if when.region is not None:
        parts.append(f"in the region {_any(when.region)}")
    if when.role is not None:
        parts.append(f"with the role {_any(when.role)}")
    if when.group is not None:
        parts.append(f"in the group {_any(when.group)}")
    if when.relation is not None:
        route = "anywhere on the route" if "on_route" in when.relation else f"on the route as {_any(when.relation)}"
        parts.append(route)
    return f"Recipients {', '.join(parts)}" if parts else "All recipients"


def _what(rule: Rule) -> str:
    when = rule.when
    kinds = " and ".join(f"{kind}s" for kind in sorted(when.kind)) if when.kind is not None else "all records"
    parts: list[str] = []
    texts: tuple[tuple[str, Any], ...] = (
        ("on the right {}", when.right), ("of the brand {}", when.brand), ("of goods in {}", when.category),
        ("with HS codes from {}", when.hs), ("in the state {}", when.status),
        ("from a source graded {}", when.source_grade),
        ("asked for {}", when.purpose),
    )  # fmt: skip
    parts += [text.format(_any(wanted)) for text, wanted in texts if wanted is not None]
    if when.tlp_at_most is not None:
        parts.append(f"with TLP {when.tlp_at_most} at most")
    if when.health_safety is not None:
        parts.append(
            "where health or safety is at stake" if when.health_safety else "where no health or safety is at stake"
        )
    if when.age_at_most_days is not None:
        parts.append(f"of the last {when.age_at_most_days} days")
    if when.media is not None:
        parts.append("with pictures" if when.media else "without pictures")
    return f"{kinds} {', '.join(parts)}" if parts else kinds


def _groups(rule: Rule) -> str:
    return ", ".join(_WORDS.get(name, name) for name in sorted(rule.groups))


def _terms(terms: Terms) -> list[str]:
    handling, told = terms.handling, []
    if handling.purposes is not None:
        told.append(f"only for {_any(handling.purposes)}")
    if handling.onward != "any-member":
        told.append(
            "not to be passed on" if handling.onward == "none" else f"to be passed on only within {handling.onward}"
        )
    if handling.tlp != "clear":
        told.append(f"TLP {handling.tlp} at least")
    if handling.evidence != "yes":
        told.append("in court only after asking us" if handling.evidence == "ask" else "not to be used in court")
    if terms.keep_days is not None:
        told.append(f"to be erased {terms.keep_days} days after the issue")
    if handling.keep_until is not None:
        told.append(f"to be erased on {day_of(handling.keep_until)}")
    if handling.review_by is not None:
        told.append(f"to be reviewed by {day_of(handling.review_by)}")
    if terms.report_back:
        told.append("to be reported back on")
    if terms.receipt_within is not None:
        told.append(f"to be confirmed within {terms.receipt_within // 3600} hours")
    return [f"They take on: {'; '.join(told)}."] if told else ["They take on what the record itself demands."]


def _basis(item: Instrument | None, name: str) -> str:
    if item is None:
        return f"{name}, which this policy does not list, so that nothing goes"
    until = f", until {item.valid_until}" if item.valid_until else ""
    return f"{name}{until}"


def _instrument(item: Instrument, grants: Sequence[Rule]) -> list[str]:
    begins = f"from {item.valid_from}" if item.valid_from else "from the beginning"
    ends = f"until {item.valid_until}, that day included" if item.valid_until else "without an end"
    told = [f"{item.title}, {begins}, {ends}."]
    if item.articles:
        told.append(f"Articles {', '.join(item.articles)}.")
    if item.scope:
        told.append(f"Scope: {item.scope}.")
    if item.parties:
        told.append(f"Parties: {', '.join(item.parties)}; what rests on it goes to nobody else.")
    rests = [rule.id for rule in grants if item.id in rule.legal]
    told.append(f"On it rest: {', '.join(rests)}." if rests else "No rule rests on it.")
    return ["", f"   [{item.id}]", *(f"   {line}" for sentence in told for line in _wrapped(sentence))]


def _never(kind: Kind, grants: Sequence[Rule]) -> list[str]:
    granted: set[str] = set()
    for rule in grants:
        if rule.mode is Mode.HIT or (rule.when.kind is not None and kind.kind not in rule.when.kind):
            continue
        granted |= {group for group in rule.groups & kind.groups if group not in kind.nominal or rule.legal}
        granted |= kind.minimal - kind.nominal if "minimal" in rule.groups else set()
        granted |= kind.groups - kind.nominal if "non-nominal" in rule.groups else set()
    never = sorted(kind.groups - granted)
    told = ", ".join(never) if never else "nothing: each group is granted to somebody"
    return [f"   {line}" for line in ["", *_wrapped(f"Of {kind.kind}s: {told}.")]]


def _example(example: Example) -> list[str]:
    lines = ["", *(f"   {line}" for line in _wrapped(example.name))]
    for recipients, feed, asked, hit in example.answers:
        names = ", ".join(recipients)
        if feed:
            told = f"{names}: {', '.join(feed)}" + (f"; on request also {', '.join(asked)}" if asked else "")
        elif asked:
            told = f"{names}: on request {', '.join(asked)}"
        else:
            told = f"{names}: that something is held" if hit else f"{names}: nothing"
        lines += [f"     {line}" for line in _wrapped(told)]
    return lines


def _any(words: Iterable[str]) -> str:
    return " or ".join(sorted(words))


def _all(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
