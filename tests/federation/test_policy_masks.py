"""What the masks promise beside the answer: each thing is worked out once, and what was not given is not assumed."""

from dataclasses import replace

from federation.grants import Handling
from federation.policy import Terms, decide, decide_all
from federation.policy.compile import CompiledPolicy
from federation.policy.evaluate import Evaluation
from federation.policy.ground import prepare
from tests.federation.test_policy_decide import (
    AE,
    DAY,
    KE,
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


def decided(*rules, whom=(KE, TZ, AE), **more):
    return decide_all(record=RECORD, recipients=whom, policy=policy(*rules), now=NOW, **more)


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
    ground = prepare(
        record=RECORD, policy=compiled, now=NOW, purpose=None, floor=None, issued=None, second_release=False
    )
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
