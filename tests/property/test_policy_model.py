"""The masks decide as a naive model does, which was written from the protocol page (section 4) alone.

The model has no masks and no memo: it asks each rule for each recipient, in three values, and joins
obligations member by member. It shares with the product only the plain values that go in and come out.
"""

# ruff: noqa: C901, PLR0911, PLR0912, PLR0917 - a model reads best as one list of cases, in one place

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from federation.attributes import Attributes, Recipient
from federation.grants import Handling
from federation.policy import (
    Effect,
    Instrument,
    Mode,
    Policy,
    Rule,
    Terms,
    When,
    classify,
    compile_policy,
    decide,
    decide_all,
    decide_classes,
)

DAY = 86_400
NOW = int(datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp())
TODAY = date(2026, 6, 15)
TLP = ["clear", "green", "amber", "amber+strict", "red"]
EVIDENCE = ["yes", "ask", "no"]
ROUTE = ["origin", "departure", "transit", "destination"]
HOME = "KE"


# ---- the model --------------------------------------------------------------------------------------


def any_of(told, wanted):
    if not wanted:
        return False
    return None if told is None else bool(set(told) & set(wanted))


def relation(wanted, record, country):
    roles = ROUTE if "on_route" in wanted else [role for role in ROUTE if role in wanted]
    if country is None or not roles:
        return False
    answers = [any_of(getattr(record, role), {country}) for role in roles]
    return True if True in answers else None if None in answers else False


def prefix(told, wanted):
    if not wanted or told is None:
        return None if wanted else False
    answers = [
        True if code.startswith(want) else None if want.startswith(code) else False for code in told for want in wanted
    ]
    return True if True in answers else None if None in answers else False


def truth(name, wanted, record, tlp, who, purpose):
    match name:
        case "node":
            return who.id in wanted
        case "country":
            return who.country in wanted if who.country is not None else False
        case "region":
            return any_of(None if who.region is None else {who.region}, wanted)
        case "role":
            return any_of(who.roles, wanted)
        case "group":
            return any_of(who.groups, wanted)
        case "relation":
            return relation(wanted, record, who.country)
        case "kind":
            return record.kind in wanted
        case "hs":
            return prefix(record.hs, wanted)
        case "tlp_at_most":
            return TLP.index(tlp) <= TLP.index(wanted)
        case "age_at_most_days":
            return None if record.occurred is None else record.occurred >= TODAY - timedelta(days=wanted)
        case "health_safety" | "media":
            told = getattr(record, name)
            return None if told is None else told == wanted
        case "source_grade":
            return any_of(None if record.source_grade is None else {record.source_grade}, wanted)
        case "purpose":
            return any_of(None if purpose is None else {purpose}, wanted)
    attribute = {"right": "rights", "brand": "brands", "category": "categories", "status": "status"}[name]
    return any_of(getattr(record, attribute), wanted)


def open_now(rule, policy, tlp, issued, released):
    for name in rule.legal:
        found = [item for item in policy.instruments if item.id == name]
        if not found:
            return False
        if found[0].valid_from and found[0].valid_from > TODAY:
            return False
        if found[0].valid_until and found[0].valid_until < TODAY:
            return False
    if rule.embargo_until is not None and rule.embargo_until > NOW:
        return False
    if rule.embargo_days is not None and (issued is None or issued + rule.embargo_days * DAY > NOW):
        return False
    if rule.needs_release and not released:
        return False
    return tlp != "red" or bool(rule.when.country) or bool(rule.when.node)


def party(rule, policy, who):
    named = [item.parties for item in policy.instruments if item.id in rule.legal and item.parties]
    return all(who.id in parties or who.country in parties for parties in named)


def meant(rule, record):
    grant = rule.effect is Effect.GRANT
    nominal = record.nominal
    found = {name for name in record.groups if name in rule.groups}
    if grant and not rule.legal:
        found -= nominal
    if "minimal" in rule.groups:
        found |= (record.minimal & record.groups) - nominal
    if "non-nominal" in rule.groups:
        found |= record.groups - nominal
    return found | record.groups if "all" in rule.groups else found


def joined(rules, floor, now_or_issued):
    all_terms = [rule.terms for rule in rules]
    handlings = [floor, *[terms.handling for terms in all_terms]]
    purposes = [handling.purposes for handling in handlings if handling.purposes is not None]
    onward = {handling.onward for handling in handlings} - {"any-member"}
    keep = [handling.keep_until for handling in handlings if handling.keep_until is not None]
    keep += [(now_or_issued // DAY + terms.keep_days + 1) * DAY for terms in all_terms if terms.keep_days is not None]
    receipts = [terms.receipt_within for terms in all_terms if terms.receipt_within is not None]
    return {
        "tlp": max((handling.tlp for handling in handlings), key=TLP.index),
        "purposes": frozenset.intersection(*purposes) if purposes else None,
        "onward": "any-member" if not onward else onward.pop() if len(onward) == 1 else "none",
        "evidence": max((handling.evidence for handling in handlings), key=EVIDENCE.index),
        "keep_until": min(keep, default=None),
        "review_by": min((h.review_by for h in handlings if h.review_by is not None), default=None),
        "legal": tuple(sorted({name for rule in rules for name in rule.legal})),
        "report_back": any(terms.report_back for terms in all_terms),
        "receipt_within": min(receipts, default=None),
    }


NOTHING = (frozenset(), frozenset(), False, None)


def model(record, who, policy, purpose, floor, issued, released):
    if HOME in (who.id, who.country) or not (who.country or who.region or who.roles or who.groups):
        return NOTHING
    if floor is None:
        floor = Handling(tlp=record.tlp, onward="none", evidence="ask")
    tlp = max(record.tlp, floor.tlp, key=TLP.index)
    feed, asked, hit, no_hit, denied, granting = set(), set(), False, False, set(), []
    for rule in policy.rules:
        answers = [truth(name, wanted, record, tlp, who, purpose) for name, wanted in rule.when.stated()]
        if rule.effect is Effect.WITHHOLD:
            if False not in answers:
                denied |= meant(rule, record)
                no_hit = no_hit or "all" in rule.groups
        elif all(answer is True for answer in answers) and open_now(rule, policy, tlp, issued, released):
            if not party(rule, policy, who):
                continue
            granting.append(rule)
            hit = hit or rule.mode is Mode.HIT
            if rule.mode is not Mode.HIT:
                asked |= meant(rule, record)
            if rule.mode is Mode.REPLICATE:
                feed |= meant(rule, record)
    feed, asked = frozenset(feed - denied), frozenset(asked - denied)
    if not asked and (not hit or no_hit):
        return NOTHING
    owed = joined(granting, Handling(**{**_members(floor), "tlp": tlp}), NOW if issued is None else issued)
    allowed = owed["purposes"]
    useless = allowed is not None and (not allowed or (purpose is not None and purpose not in allowed))
    if useless or (owed["keep_until"] is not None and owed["keep_until"] <= NOW):
        return NOTHING
    return feed, asked, True, owed


def _members(handling):
    return {name: getattr(handling, name) for name in Handling.__dataclass_fields__}


# ---- what goes in -----------------------------------------------------------------------------------

COUNTRIES, REGIONS, PURPOSES = ["KE", "TZ", "AE", "CN"], ["ESA", "AP"], ["risk", "court"]
GROUPS = ["case", "goods", "route", "media", "persons", "documents"]
NOMINAL, MINIMAL = {"persons", "documents"}, {"case", "goods", "route"}


def some(words, least=0):
    return st.frozensets(st.sampled_from(words), min_size=least, max_size=3)


def mostly(usual, other):
    """One in five is the other: `one_of` would count a strategy that it is given twice as one."""
    return st.integers(0, 4).flatmap(lambda chance: other if chance == 4 else usual)


def named(words):
    """Words of a condition: seldom none, which makes it false."""
    return mostly(some(words, 1), some(words))


def told(words):
    return mostly(some(words, 1), st.none())


def maybe(strategy):
    """Mostly absent: a rule with many obstacles never applies."""
    return mostly(st.none(), strategy)


CONDITIONS = {
    "node": named(["TZ", "RILO-ESA"]),
    "country": named(COUNTRIES),
    "region": named(REGIONS),
    "role": named(["member", "rilo"]),
    "group": named(["east@1", "east@2"]),
    "relation": named([*ROUTE, "on_route"]),
    "kind": named(["seizure", "alert"]),
    "right": named(["trademark", "design"]),
    "brand": named(["acme", "beta"]),
    "category": named(["footwear", "watches"]),
    "hs": named(["64", "6403", "640319"]),
    "tlp_at_most": st.sampled_from(TLP),
    "health_safety": st.booleans(),
    "age_at_most_days": st.sampled_from([0, 1, 30]),
    "status": named(["seized", "proceedings"]),
    "source_grade": named(["A", "B"]),
    "media": st.booleans(),
    "purpose": named(PURPOSES),
}


def conditions(least, most):
    """So many conditions: a rule with many of them never applies, and a withholding one without any always does."""
    names = st.lists(st.sampled_from(list(CONDITIONS)), min_size=least, max_size=most, unique=True)
    stated = names.flatmap(lambda found: st.fixed_dictionaries({name: CONDITIONS[name] for name in found}))
    return stated.map(lambda members: When(**members))


handlings = st.builds(
    Handling,
    tlp=st.sampled_from(TLP[:4]),
    purposes=st.one_of(st.none(), named(PURPOSES)),
    onward=st.sampled_from(["any-member", "any-member", "none", "group:east@1", "group:east@2"]),
    evidence=st.sampled_from(EVIDENCE),
    keep_until=st.sampled_from([None, None, None, NOW - 1, NOW, NOW + 1, NOW + 1, NOW + 400 * DAY, NOW + 400 * DAY]),
    review_by=st.none() | st.sampled_from([NOW, NOW + DAY]),
)
terms = st.just(Terms()) | st.builds(
    Terms,
    handling=handlings,
    keep_days=st.none() | st.sampled_from([1, 30]),
    report_back=st.booleans(),
    receipt_within=st.none() | st.sampled_from([3600, 7200]),
)
legals = st.sampled_from(
    [
        *[()] * 8,
        ("OLD",),
        ("NEW",),
        ("NEW",),
        ("NEW",),
        ("SOON",),
        ("NEW", "OLD"),
        ("LOST",),
        ("PACT",),
        ("LEAGUE", "PACT"),
    ]
)
grants = st.builds(
    Rule,
    id=st.just("grant"),
    mode=st.sampled_from([Mode.REPLICATE, Mode.REPLICATE, Mode.QUERY, Mode.HIT]),
    groups=some([*GROUPS, "minimal", "non-nominal"], 1),
    when=conditions(0, 2),
    legal=legals,
    embargo_until=maybe(st.sampled_from([NOW, NOW + 1])),
    embargo_days=maybe(st.sampled_from([1, 1, 10])),
    needs_release=st.sampled_from([False, False, False, True]),
    terms=terms,
)
withholds = st.builds(
    Rule,
    id=st.just("withhold"),
    effect=st.just(Effect.WITHHOLD),
    groups=some([*GROUPS, "minimal", "non-nominal", "all"], 1),
    when=conditions(1, 3),
    legal=legals,
)
INSTRUMENTS = (
    Instrument(id="OLD", title="expired", valid_until=TODAY - timedelta(days=1)),
    Instrument(id="NEW", title="in force", valid_from=TODAY, valid_until=TODAY),
    Instrument(id="PACT", title="among three", parties=("KE", "TZ", "RILO-ESA")),
    Instrument(id="LEAGUE", title="among others", parties=("TZ", "CN")),
    Instrument(id="SOON", title="not yet", valid_from=TODAY + timedelta(days=1)),
)
policies = st.builds(
    Policy,
    country=st.just(HOME),
    version=st.just(3),
    author=st.just("a"),
    approver=st.just("b"),
    instruments=st.just(INSTRUMENTS),
    rules=st.lists(mostly(grants, withholds), min_size=1, max_size=6).map(tuple),
)
records = st.builds(
    Attributes,
    kind=st.sampled_from(["seizure", "seizure", "alert"]),
    groups=some(GROUPS, 1) | st.just(frozenset(GROUPS)),
    nominal=st.just(frozenset(NOMINAL)),
    minimal=st.just(frozenset(MINIMAL)),
    tlp=st.sampled_from([*TLP, *TLP[:4], *TLP[:4]]),
    rights=told(["trademark", "design"]),
    brands=told(["acme", "beta"]),
    categories=told(["footwear", "watches"]),
    hs=told(["64", "6403", "640319", "91"]),
    origin=told(COUNTRIES),
    departure=told(COUNTRIES),
    transit=told(COUNTRIES),
    destination=told(COUNTRIES),
    health_safety=st.none() | st.booleans(),
    occurred=st.none() | st.sampled_from([TODAY, TODAY - timedelta(days=1), TODAY - timedelta(days=31)]),
    status=told(["seized", "proceedings"]),
    source_grade=st.none() | st.sampled_from(["A", "C"]),
    media=st.booleans(),
)
members = st.builds(
    Recipient,
    id=mostly(st.sampled_from(["TZ", "AE", "CN", "RILO-ESA", "OV"]), st.just(HOME)),
    country=mostly(st.sampled_from(COUNTRIES[1:]), st.sampled_from([None, HOME])),
    region=mostly(st.sampled_from(REGIONS), st.none()),
    roles=some(["member", "rilo"]),
    groups=some(["east@1", "east@2", "west@1"]),
)
questions = st.fixed_dictionaries(
    {
        "purpose": st.none() | st.sampled_from(PURPOSES),
        "floor": st.none() | handlings,
        "issued": st.sampled_from([None, NOW, NOW - DAY, NOW - DAY, NOW - 12 * DAY, NOW - 40 * DAY]),
        "second_release": st.sampled_from([False, True, True]),
    }
)


def outcome(decision):
    owed = decision.obligations
    if owed is not None:
        names = ["tlp", "purposes", "onward", "evidence", "keep_until", "review_by"]
        names += ["legal", "report_back", "receipt_within"]
        owed = {name: getattr(owed, name) for name in names}
    return decision.groups, decision.query, decision.hit, owed


@settings(max_examples=100, deadline=None)
@given(records, st.lists(members, min_size=1, max_size=6), policies, questions)
def test_the_masks_decide_as_the_model_does_and_what_leaves_is_no_more(record, recipients, policy, asked):
    compiled = compile_policy(policy)
    decisions = decide_all(record=record, recipients=recipients, policy=compiled, now=NOW, **asked)
    assert [decision.recipient for decision in decisions] == [who.id for who in recipients]
    for who, decision in zip(recipients, decisions, strict=True):
        expected = model(
            record, who, policy, asked["purpose"], asked["floor"], asked["issued"], asked["second_release"]
        )
        assert outcome(decision) == expected
        assert decision.groups <= decision.query <= expected[1] <= record.groups
        alone = decide(record=record, recipient=who, policy=compiled, now=NOW, **asked)
        assert alone == decision
        assert alone.content_hash() == decision.content_hash()


def test_the_examples_grant_and_withhold_often_enough_to_prove_something():
    told = []

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(records, st.lists(members, min_size=1, max_size=6), policies, questions)
    def ask(record, recipients, policy, asked):
        made = decide_all(record=record, recipients=recipients, policy=compile_policy(policy), now=NOW, **asked)
        told.append([any(one.hit for one in made), any(one.groups for one in made), not all(one.hit for one in made)])

    ask()
    hits, feeds, withheld = (sum(column) / len(told) for column in zip(*told, strict=True))
    assert hits > 0.15
    assert feeds > 0.1
    assert withheld > 0.15


@settings(max_examples=100, deadline=None)
@given(st.lists(records, min_size=1, max_size=3), st.lists(members, min_size=1, max_size=6), policies, questions)
def test_by_classes_of_recipients_it_is_decided_as_one_by_one(several, recipients, policy, asked):
    compiled = compile_policy(policy)
    classes = classify(compiled, recipients)
    options = {name: asked[name] for name in ("floor", "issued", "second_release")}
    for record in several:
        singly = decide_all(record=record, recipients=recipients, policy=compiled, now=NOW, **options)
        found = decide_classes(record=record, classes=classes, now=NOW, **options)
        together = {bit: made for made, bits in found for bit in range(len(recipients)) if bits >> bit & 1}
        assert sum(bits.bit_count() for _, bits in found) == len(recipients)
        for bit, decision in enumerate(singly):
            assert together[bit].stored() == decision.to_json()


@settings(max_examples=100, deadline=None)
@given(records, members, policies, questions)
def test_the_reasons_say_what_was_decided(record, who, policy, asked):
    decision = decide(record=record, recipient=who, policy=compile_policy(policy), now=NOW, **asked)
    reasons = decision.reasons()
    assert [reason.group for reason in reasons] == sorted(record.groups)
    assert {reason.group for reason in reasons if reason.mode == "replicate"} == decision.groups
    assert {reason.group for reason in reasons if reason.verdict == "granted"} == decision.query
    assert (decision.hit_reason().verdict == "granted") == decision.hit
    known = {"default", *[rule.id for rule in policy.rules]}
    assert all(reason.text and reason.rule in known for reason in reasons)


@settings(max_examples=100, deadline=None)
@given(records, members, policies, grants | withholds, questions)
def test_a_withholding_rule_more_never_gives_more_and_a_granting_rule_more_never_loosens(
    record, who, policy, rule, asked
):
    def decided(rules):
        made = Policy(country=HOME, version=3, author="a", approver="b", instruments=INSTRUMENTS, rules=tuple(rules))
        return decide(record=record, recipient=who, policy=compile_policy(made), now=NOW, **asked)

    before, after = decided(policy.rules), decided([*policy.rules, rule])
    if rule.effect is Effect.WITHHOLD:
        assert after.query <= before.query
        assert after.groups <= before.groups
        assert after.hit <= before.hit
    elif before.obligations and after.obligations:
        assert TLP.index(after.obligations.tlp) >= TLP.index(before.obligations.tlp)
        assert set(before.obligations.legal) <= set(after.obligations.legal)
