"""What the masks promise beside the answer: each thing is worked out once, and what was not given is not assumed."""

import time
from dataclasses import replace
from datetime import date

import pytest

from federation.attributes import Attributes, Recipient
from federation.grants import Handling
from federation.policy import Instrument, Mode, Terms, classify, decide, decide_all, decide_classes
from federation.policy.compile import CompiledPolicy
from federation.policy.evaluate import Evaluation
from federation.policy.ground import day_of, prepare
from federation.policy.model import Relay
from tests.federation.test_policy_decide import (
    AE,
    CN,
    DAY,
    KE,
    MAA,
    NOBODY,
    NOW,
    RECORD,
    RILO,
    TZ,
    grant,
    policy,
    withhold,
    words,
)

TERMS = Terms(handling=Handling(purposes=frozenset({"risk"})))


def ground_of(compiled, *, record=RECORD, now=NOW, issued=None, second_release=False):
    return prepare(
        record=record, policy=compiled, now=now, purpose=None, floor=None, issued=issued, second_release=second_release
    )


def decided(*rules, whom=(KE, TZ, AE), **more):
    return decide_all(record=RECORD, recipients=whom, policy=policy(*rules), now=NOW, **more)


def test_a_mask_has_three_bits_for_each_rule():
    for count in range(4):
        compiled = policy(*[grant("goods", id=f"r{at}") for at in range(count)])
        assert compiled.full == compiled.recipient_mask(KE) == 2 ** (3 * count) - 1


def test_only_grants_with_leave_let_a_hub_pass_on():
    onward = grant("goods", id="onward", relay=Relay(to=words("group:ncp@1"), days=1))
    assert policy(grant("goods"), onward, withhold("case")).relays == 0b010


def test_recipients_of_one_mask_share_one_outcome():
    twin = replace(KE, id="KF")
    ke, also_ke, ae = decided(grant("goods", when={"country": words("KE")}), whom=(KE, twin, AE))
    assert ke.outcome is also_ke.outcome
    assert ae.outcome is not ke.outcome


def test_the_conditions_on_members_that_are_alike_are_asked_once(monkeypatch):
    asked = []
    original = CompiledPolicy.class_mask

    def counted(self, region, roles, groups):
        asked.append((region, roles, groups))
        return original(self, region, roles, groups)

    monkeypatch.setattr(CompiledPolicy, "class_mask", counted)
    decided(grant("goods"), whom=[replace(AE, id=name, country=name) for name in ("AE", "EG", "MA")] + [KE])
    assert asked == [(who.region, who.roles, who.groups) for who in (AE, KE)]


def test_the_names_of_a_set_of_groups_are_made_once():
    ke, tz = decided(grant("goods"), grant("goods", when={"country": words("KE")}, id="too"), whom=(KE, TZ))
    assert ke.outcome is not tz.outcome
    assert ke.groups is ke.query is tz.groups


def test_obligations_of_the_same_rules_are_joined_once():
    rules = (grant("goods", terms=TERMS), grant("case", id="plain", when={"country": words("KE")}))
    ke, tz = decided(*rules, whom=(KE, TZ))
    assert ke.groups != tz.groups
    assert ke.obligations is tz.obligations


def test_obligations_are_remembered_from_call_to_call_where_the_caller_asks_for_it():
    compiled = policy(grant("goods", terms=TERMS))
    ground = ground_of(compiled)
    owed = {}
    (first,) = Evaluation(ground, owed).outcomes([KE])
    assert list(owed) == [1]
    (second,) = Evaluation(ground, owed).outcomes([TZ])
    (third,) = Evaluation(ground).outcomes([TZ])
    assert first.obligations is second.obligations
    assert first.obligations is not third.obligations
    assert first.obligations == third.obligations


def test_who_is_at_home_or_nobody_leaves_no_trace_of_rules():
    home = replace(KE, id="GB", country="GB")
    rules = (withhold("persons"), grant("goods", when={"right": words("trademark")}))
    for decision in decided(*rules, whom=(home, NOBODY)):
        assert decision.outcome.mask == 0
        stored = decision.to_json()
        assert (stored["granted_by"], stored["withheld_by"], stored["undetermined"]) == ([], [], [])
        assert not decision.outcome.undetermined


def test_nothing_is_released_that_nobody_released():
    rules = (grant("goods", needs_release=True),)
    assert decided(*rules)[0].groups == frozenset()
    assert decided(*rules, second_release=True)[0].groups == {"goods"}
    alone = {"record": RECORD, "recipient": KE, "policy": policy(*rules), "now": NOW}
    assert decide(**alone).groups == frozenset()
    assert decide(**alone, second_release=True).groups == {"goods"}


def test_the_shortest_time_for_a_receipt_is_owed_whichever_rule_sets_it():
    short, long = Terms(receipt_within=60), Terms(receipt_within=90)
    for terms in ((short, long), (long, short), (short, Terms()), (Terms(), short)):
        rules = [grant("goods", id=f"r{at}", terms=one) for at, one in enumerate(terms)]
        assert decided(*rules, whom=[RILO])[0].obligations.receipt_within == 60


def test_what_is_of_no_use_says_why():
    over = Terms(handling=Handling(keep_until=NOW))
    (decision,) = decided(grant("goods", terms=over), whom=[KE])
    assert (decision.groups, decision.outcome.bar) == (frozenset(), "its time of keeping is over")
    still = Terms(handling=Handling(keep_until=NOW + 1))
    assert decided(grant("goods", terms=still), whom=[KE])[0].groups == {"goods"}
    kept = Terms(keep_days=1)
    (decision,) = decided(grant("goods", terms=kept), whom=[KE], issued=NOW - 2 * DAY)
    assert decision.outcome.bar == "its time of keeping is over"


# ---- conditions ---------------------------------------------------------------------------------------------


WORDED = [
    "node",
    "country",
    "region",
    "role",
    "group",
    "relation",
    "kind",
    "right",
    "brand",
    "category",
    "hs",
    "status",
]


@pytest.mark.parametrize("told", ["told", "not told"])
@pytest.mark.parametrize("name", [*WORDED, "source_grade", "purpose"])
def test_a_condition_on_no_words_is_false_and_never_unknown(name, told):
    record = RECORD if told == "told" else Attributes(kind="seizure", groups=words("goods"))
    for rule in (grant("goods", when={name: words()}), withhold("goods", when={name: words()})):
        compiled = policy(grant("goods", id="base"), rule)
        who = RILO if told == "told" else Recipient(id="XK", roles=words("member"))
        decision = decide(record=record, recipient=who, policy=compiled, now=NOW)
        assert decision.groups == {"goods"}
        assert decision.to_json()["granted_by"] == ["base"]
        assert decision.to_json()["withheld_by"] == []
        assert not decision.outcome.undetermined


TOLD = {
    "node": (words("KE"), True), "country": (words("KE"), True), "region": (words("ESA"), True),
    "role": (words("member"), True), "group": (words("east@2"), True), "relation": (words("origin"), False),
    "kind": (words("seizure"), True), "media": (False, False), "status": (words("seized"), None),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_an_explanation_asks_what_the_masks_were_made_of(name):
    wanted, truth = TOLD[name]
    compiled = policy(grant("goods", when={name: wanted}))
    (outcome,) = Evaluation(ground_of(compiled)).outcomes([KE])
    assert outcome.ground.truth(name, wanted, KE) is truth
    assert compiled.applied(outcome.mask) == (truth is True)
    assert outcome.mask >> compiled.count & 1 == (truth is not False)


# ---- what stands in the way of a grant ----------------------------------------------------------------------


def obstacles(*rules, **more):
    """What stands in the way of each rule, and whether the masks close it."""
    compiled = policy(*rules)
    ground = ground_of(compiled, **more)
    found = [list(ground.obstacles(rule, place)) for place, rule in enumerate(rules)]
    assert [ground.closed >> place & 1 for place in range(len(rules))] == [bool(texts) for texts in found]
    return found


def test_the_obstacles_of_one_rule_are_no_other_s():
    plain = grant("goods", id="plain")
    until, release = grant("goods", id="until", embargo_until=NOW + 1), grant("goods", id="two", needs_release=True)
    days = grant("goods", id="days", embargo_days=1)
    old = grant("goods", id="old", legal=("LOST",))
    day = "under embargo until 2026-06-15"
    assert obstacles(plain, until, days, release, old, issued=NOW - DAY + 43_199) == [
        [],
        [f"is {day}"],
        [f"is {day}"],
        ["needs the release by a second officer"],
        ["rests on LOST, which the policy does not list"],
    ]
    assert obstacles(until, plain, second_release=True)[1] == []
    assert obstacles(days, plain, issued=NOW)[1] == []


def test_one_thing_in_the_way_opens_no_rule_that_another_closes():
    unfounded, old = grant("goods", id="lost", legal=("LOST",)), grant("goods", id="old", legal=("MAA",))
    release, until = grant("goods", needs_release=True), grant("goods", id="until", embargo_until=NOW + 30 * DAY)
    days = grant("goods", id="days", embargo_days=90)
    rules = (unfounded, until, days, release, old)
    for order in (rules, rules[::-1]):
        assert all(obstacles(*order, now=NOW + 10 * DAY, issued=NOW))
    named = [replace(rule, when=replace(rule.when, country=words("KE"))) for rule in rules]
    assert all(obstacles(*named, now=NOW + 10 * DAY, issued=NOW, record=replace(RECORD, tlp="red")))
    assert obstacles(release, second_release=True) == [[]]


# ---- which groups a rule means ------------------------------------------------------------------------------


def test_words_and_names_of_groups_add_up():
    (decision,) = decided(grant("non-nominal", "persons", legal=("MAA",)), whom=[KE])
    assert decision.groups == RECORD.groups
    (decision,) = decided(grant("minimal", "media"), whom=[KE])
    assert decision.groups == RECORD.minimal | {"media"}


def test_only_the_word_all_withholds_the_hit_itself():
    hit = grant(id="hit", mode=Mode.HIT)
    for word, told in (("non-nominal", True), ("minimal", True), ("goods", True), ("all", False)):
        (decision,) = decided(hit, withhold(word), whom=[KE])
        assert decision.hit is told
    (decision,) = decided(grant("non-nominal", "goods"), withhold("goods"), hit, whom=[KE])
    assert decision.groups == RECORD.groups - {"goods", "persons"}
    assert decision.outcome.feed < decision.outcome.ground.hit


def test_an_embargo_ends_with_its_second():
    until, days = grant("goods", embargo_until=NOW), grant("goods", id="days", embargo_days=2)
    assert obstacles(until, days, issued=NOW - 2 * DAY) == [[], []]
    assert [bool(texts) for texts in obstacles(until, days, now=NOW - 1, issued=NOW - 2 * DAY)] == [True, True]


def test_an_instrument_is_in_force_from_the_first_second_of_its_first_day_to_the_last_of_its_last():
    first, after = MAA.opens, MAA.closes
    rule = grant("goods", legal=("MAA",))
    for now in (first, after - 1):
        assert obstacles(rule, now=now) == [[]]
    assert obstacles(rule, now=first - 1) == [["rests on MAA, which is not in force before 2026-01-01"]]
    assert obstacles(rule, now=after) == [["rests on MAA, which expired on 2026-06-15"]]


def test_a_red_record_is_closed_to_all_but_those_whom_a_rule_names():
    named = [grant("goods", id=name, when={name: words("KE")}) for name in ("country", "node")]
    red = replace(RECORD, tlp="red")
    says = ["does not name the recipient by country or id, as a record that is TLP red demands"]
    assert obstacles(*named, grant("goods"), record=red) == [[], [], says]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_days_are_those_of_utc_wherever_the_node_stands(zone, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        assert (day_of(NOW // DAY * DAY), day_of(NOW // DAY * DAY + DAY - 1)) == ("2026-06-15", "2026-06-15")
        compiled = policy(grant("goods", when={"age_at_most_days": 0}))
        for now, fresh in ((NOW // DAY * DAY, True), (NOW // DAY * DAY + DAY - 1, True), (NOW + DAY, False)):
            record = replace(RECORD, occurred=date(2026, 6, 15))
            assert bool(decide(record=record, recipient=KE, policy=compiled, now=now).groups) == fresh
    time.tzset()


# ---- by classes ---------------------------------------------------------------------------------------------


def test_the_recipients_of_classes_are_bits_in_their_order():
    classes = classify(policy(grant("goods")), [KE, TZ, AE])
    assert list(classes.ids(0b101)) == ["KE", "AE"]
    assert list(classes.ids(0)) == []
    assert classes.bits(["AE", "KE", "AE", "XX"]) == 0b101
    assert classes.bits([]) == 0


def by_class(rules, whom, **more):
    """The same by classes, and held equal to the decisions one by one."""
    compiled = policy(*rules)
    more = {"record": RECORD, **more}
    classes = classify(compiled, whom)
    found = {
        name: made for made, bits in decide_classes(classes=classes, now=NOW, **more) for name in classes.ids(bits)
    }
    singly = decide_all(recipients=whom, policy=compiled, now=NOW, **more)
    assert {one.recipient: one.to_json() for one in singly} == {name: made.stored() for name, made in found.items()}
    return {name: made.groups for name, made in found.items()}


def test_classes_see_floor_issue_and_release_as_one_by_one():
    rules = (grant("goods", terms=Terms(keep_days=3)), grant("case", id="two", needs_release=True))
    floor = Handling(tlp="amber", onward="any-member", evidence="yes", purposes=frozenset({"risk"}))
    for more in ({}, {"floor": floor}, {"issued": NOW - DAY}, {"second_release": True}):
        expected = {"goods", "case"} if "second_release" in more else {"goods"}
        assert by_class(rules, [KE, TZ], **more) == {"KE": expected, "TZ": expected}


def test_every_country_on_the_route_is_set_apart_and_nobody_else():
    record = replace(RECORD, origin=words("CN"), departure=words("KE"), transit=words("AE"), destination=words("TZ"))
    rules = (
        grant("goods", when={"relation": words("on_route")}),
        withhold("goods", when={"relation": words("transit"), "region": words("MENA")}),
        grant("case", id="case", when={"role": words("rilo")}),
    )
    whom = [KE, TZ, AE, CN, RILO, replace(KE, id="UG", country="UG")]
    none = frozenset()
    groups = by_class(rules, whom, record=record)
    assert groups == {"KE": {"goods"}, "TZ": {"goods"}, "AE": none, "CN": {"goods"}, "RILO-ESA": {"case"}, "UG": none}


def test_all_offices_of_a_country_on_the_route_are_set_apart_and_who_is_at_home_or_nobody_gets_nothing():
    whom = [
        CN,
        replace(CN, id="CO"),
        replace(CN, id="CP"),
        NOBODY,
        replace(KE, id="GB"),
        replace(KE, country="GB", id="H"),
    ]
    none = frozenset()
    expected = {"CN": {"goods"}, "CO": {"goods"}, "CP": {"goods"}, "ghost": none, "GB": none, "H": none}
    assert by_class((grant("goods", when={"relation": words("origin")}),), whom) == expected
    assert by_class((grant("goods"),), whom) == expected


def test_who_belongs_to_no_country_is_on_no_route_even_where_the_route_is_not_told():
    rules = (grant("goods"), withhold("goods", when={"relation": words("destination")}))
    assert by_class(rules, [KE, CN, RILO]) == {"KE": frozenset(), "CN": frozenset(), "RILO-ESA": {"goods"}}


def test_classes_are_told_apart_by_every_side_of_a_recipient():
    like = Recipient(id="A", country="KE", region="ESA", roles=words("member"), groups=words("east@2"))
    changes = [
        {"id": "B", "region": "EUR"}, {"id": "C", "country": "TZ"}, {"id": "D", "roles": words("oversight")},
        {"id": "E", "groups": words("west@1")}, {"id": "F"}, {"id": "G", "country": None}, {"id": "H", "region": None},
    ]  # fmt: skip
    whom = [like, *(replace(like, **change) for change in changes)]
    conditions = [("region", "ESA"), ("country", "KE"), ("role", "member"), ("group", "east@2"), ("node", "A")]
    groups = ("goods", "case", "route", "right", "media")
    rules = [
        grant(group, id=name, when={name: words(word)}) for group, (name, word) in zip(groups, conditions, strict=True)
    ]
    every = frozenset(groups)
    assert by_class(rules, whom) == {
        "A": every, "B": every - {"goods", "media"}, "C": every - {"case", "media"}, "D": every - {"route", "media"},
        "E": every - {"right", "media"}, "F": every - {"media"}, "G": every - {"case", "media"},
        "H": every - {"goods", "media"},
    }  # fmt: skip


def test_parties_are_told_apart_by_country_and_by_id():
    pact = Instrument(id="PACT", title="A pact", parties=("KE", "RILO-ESA"))
    rule = grant("goods", legal=("PACT",), when={"region": words("ESA")})
    compiled = policy(withhold("case", id="first"), rule, instruments=(pact,))
    whom = [KE, TZ, RILO, replace(KE, id="office"), replace(AE, country="KE")]
    classes = classify(compiled, whom)
    found = decide_classes(record=RECORD, classes=classes, now=NOW)
    by_classes = {name: made.groups for made, bits in found for name in classes.ids(bits)}
    goods, none = {"goods"}, frozenset()
    assert by_classes == {"KE": goods, "TZ": none, "RILO-ESA": goods, "office": goods, "AE": none}
    singly = decide_all(record=RECORD, recipients=whom, policy=compiled, now=NOW)
    assert {one.recipient: one.groups for one in singly} == by_classes


def test_records_of_one_day_share_their_obligations_and_those_of_two_days_do_not():
    classes = classify(policy(grant("goods", terms=Terms(keep_days=3))), [KE])

    def owed(issued):
        ((outcome, _),) = decide_classes(record=RECORD, classes=classes, now=NOW, issued=issued)
        return outcome.obligations

    today, later, before, unknown = owed(NOW), owed(NOW + 1), owed(NOW - DAY), owed(None)
    assert today is later
    assert today.keep_until == before.keep_until + DAY
    assert unknown is owed(None)
    assert len(classes.owed) == 3


def test_what_is_remembered_of_obligations_is_bounded(monkeypatch):
    monkeypatch.setattr("federation.policy.classes.MAX_OWED", 3)
    compiled = policy(grant("goods", terms=Terms(keep_days=30)))
    classes = classify(compiled, [KE])
    sizes = []
    for days in range(6):
        decide_classes(record=RECORD, classes=classes, now=NOW, issued=NOW - days * DAY)
        sizes.append(len(classes.owed))
    assert sizes == [1, 2, 3, 4, 1, 2]
