"""How long it takes to decide for 200 members about one record, under a policy of 20 rules.

Each call gets another record, so that nothing can be carried over from one to the next; the members fall into
more than forty classes by country, region, role and group, and the rules ask for their place on the route.
"""

from __future__ import annotations

import random
import statistics
import time
from datetime import UTC, date, datetime

from federation.attributes import Attributes, Recipient
from federation.grants import Handling
from federation.policy import (
    CompiledPolicy,
    Effect,
    Instrument,
    Mode,
    Policy,
    Rule,
    Terms,
    When,
    compile_policy,
    decide_all,
)

NOW = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
REGIONS = ("AMS", "AP", "ESA", "EUR", "MENA", "WCA")
COUNTRIES = tuple(f"{first}{second}" for first in "ABCDEFGHJK" for second in "ABCDEFGHJKLMNPQRSTUV")
MINIMAL = frozenset(
    {
        "case",
        "place_coarse",
        "control",
        "transport",
        "route",
        "goods",
        "quantity",
        "value",
        "right",
        "assessment",
    }
)
NOMINAL = frozenset({"persons", "companies", "documents", "narrative"})
GROUPS = MINIMAL | NOMINAL | {"place", "cargo_ids", "route_ends", "quantity_band", "value_band", "method", "media"}
FLOOR = Handling(
    tlp="green",
    purposes=frozenset({"risk-analysis", "investigation", "statistics", "evidence"}),
    onward="any-member",
    evidence="ask",
)


def _one(*words: str) -> frozenset[str]:
    return frozenset(words)


def policy() -> CompiledPolicy:
    """Twenty rules such as an administration would write."""
    legal = ("MAA",)
    seizure = _one("seizure")
    some = frozenset(COUNTRIES[:18])
    limited = Terms(handling=Handling(purposes=_one("risk-analysis", "investigation", "statistics")), keep_days=900)
    closed = Terms(handling=Handling(onward="none", evidence="no"), receipt_within=86_400)
    grant, withhold = Effect.GRANT, Effect.WITHHOLD
    rules = (
        Rule(id="rilo", groups=_one("minimal"), when=When(role=_one("rilo"), kind=seizure)),
        Rule(
            id="region",
            groups=_one("goods", "route", "quantity"),
            when=When(region=_one("ESA")),
            terms=limited,
        ),
        Rule(
            id="route",
            groups=_one("non-nominal"),
            when=When(relation=_one("on_route"), kind=seizure),
            terms=closed,
        ),
        Rule(id="origin", groups=_one("method", "media"), when=When(relation=_one("origin")), terms=limited),
        Rule(id="ends", groups=_one("cargo_ids"), when=When(relation=_one("departure", "destination"))),
        Rule(id="partners", groups=_one("place", "value"), when=When(group=_one("east@2")), terms=limited),
        Rule(
            id="operation",
            groups=_one("media", "method"),
            when=When(group=_one("op@1"), category=_one("footwear")),
        ),
        Rule(
            id="names",
            mode=Mode.QUERY,
            groups=_one("persons"),
            when=When(country=some),
            legal=legal,
            terms=closed,
        ),
        Rule(id="firms", groups=_one("companies"), when=When(country=some, status=_one("seized")), legal=legal),
        Rule(
            id="coarse",
            mode=Mode.QUERY,
            groups=_one("place_coarse", "route_ends"),
            when=When(role=_one("member")),
        ),
        Rule(id="hit", mode=Mode.HIT, when=When(role=_one("member", "oversight"), kind=seizure)),
        Rule(id="health", groups=_one("minimal"), when=When(health_safety=True, role=_one("member"))),
        Rule(
            id="recent",
            groups=_one("route_ends"),
            when=When(age_at_most_days=400, region=_one("EUR", "MENA")),
        ),
        Rule(id="shoes", groups=_one("right", "goods"), when=When(hs=_one("64"), region=_one("AP"))),
        Rule(id="green", groups=_one("transport", "control"), when=When(tlp_at_most="green"), terms=limited),
        Rule(id="embargo", groups=_one("media"), when=When(region=_one("EUR")), embargo_until=NOW + 86_400),
        Rule(id="oversight", groups=_one("non-nominal"), when=When(role=_one("oversight")), terms=closed),
        Rule(
            id="no-brand",
            effect=withhold,
            groups=_one("right"),
            when=When(brand=_one("acme"), region=_one("AMS")),
        ),
        Rule(id="no-court", effect=withhold, groups=_one("case"), when=When(status=_one("proceedings"))),
        Rule(id="no-one", effect=withhold, groups=_one("all"), when=When(country=frozenset(COUNTRIES[190:193]))),
    )
    assert len(rules) == 20
    assert {rule.effect for rule in rules} == {grant, withhold}
    instrument = Instrument(id="MAA", title="Agreement", valid_from=date(2019, 1, 1))
    made = Policy(country="ZZ", version=3, author="a", approver="b", instruments=(instrument,), rules=rules)
    return compile_policy(made)


def recipients() -> list[Recipient]:
    """Two hundred members: 190 administrations, six regional offices, four oversight bodies."""
    found = []
    for place, country in enumerate(COUNTRIES[:190]):
        groups = {f"region-{REGIONS[place % 6].lower()}@1"}
        groups |= {"east@2"} if place % 5 == 0 else set()
        groups |= {"op@1"} if place % 7 == 0 else set()
        found.append(
            Recipient(
                id=country,
                country=country,
                region=REGIONS[place % 6],
                roles=frozenset({"member"}),
                groups=frozenset(groups),
            )
        )
    found += [Recipient(id=f"RILO-{name}", region=name, roles=frozenset({"rilo"})) for name in REGIONS]
    return found + [Recipient(id=f"OV-{place}", roles=frozenset({"oversight"})) for place in range(4)]


def record(chance: random.Random) -> Attributes:
    """A seizure that no call has seen before."""

    def some(words: tuple[str, ...], most: int) -> frozenset[str] | None:
        return frozenset(chance.sample(words, chance.randint(1, most))) if chance.random() < 0.8 else None

    return Attributes(
        kind="seizure",
        groups=GROUPS,
        nominal=NOMINAL,
        minimal=MINIMAL,
        tlp=chance.choice(("green", "amber")),
        rights=some(("trademark", "design", "copyright"), 2),
        brands=some(("acme", "beta", "gamma", "delta"), 3),
        categories=some(("footwear", "clothing", "watches"), 2),
        hs=some(("640319", "610910", "910211", "64"), 2),
        origin=some(COUNTRIES, 1),
        departure=some(COUNTRIES, 1),
        transit=some(COUNTRIES, 3),
        destination=some(COUNTRIES, 3),
        health_safety=chance.choice((True, False, None)),
        occurred=date(2026, 1, chance.randint(1, 28)),
        status=some(("seized", "detained", "proceedings"), 1),
        media=True,
    )


def _class(who: Recipient) -> tuple[object, ...]:
    """What the rules can tell apart in a member, its place on the route left out."""
    return who.region, who.roles, who.groups, who.country in COUNTRIES[:18], who.country in COUNTRIES[190:193]


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Return the figures: name, value, unit. The median of many calls, each on its own record."""
    compiled, members = policy(), recipients()
    chance = random.Random(7)  # noqa: S311 - not a secret, a repeatable bench
    fresh = [record(chance) for _ in range(200 if quick else 2_000)]
    times, outcomes = [], []
    for item in fresh:
        begin = time.perf_counter()
        decisions = decide_all(record=item, recipients=members, policy=compiled, now=NOW, floor=FLOOR)
        shared = [(decision.recipient, decision.groups, decision.obligations) for decision in decisions]
        times.append(time.perf_counter() - begin)
        assert len(shared) == len(members) == 200
        outcomes.append(len({id(decision.outcome) for decision in decisions}))
    keys = {_class(who) for who in members}
    assert len(keys) >= 40
    return [
        ("decide", statistics.median(times) * 1000, "ms"),
        ("decide_p95", sorted(times)[len(times) * 95 // 100] * 1000, "ms"),
        ("decide_recipient_classes", len(keys), "classes"),
        ("decide_distinct_outcomes", statistics.mean(outcomes), "outcomes"),
    ]


if __name__ == "__main__":
    for name, value, unit in run(quick=False):
        print(f"BENCH {name} {value:.3f} {unit}")
