"""Who gets what, and what it says about itself."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, date, datetime

import pytest

from federation.attributes import Attributes, Recipient
from federation.grants import Handling
from federation.policy import (
    Effect,
    Instrument,
    Mode,
    Policy,
    PolicyRefused,
    Rule,
    Terms,
    When,
    classify,
    compile_policy,
    decide,
    decide_all,
    decide_classes,
    diff,
    load_policy,
)
from tests.shared_data import ROOT

NOW = int(datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp())
DAY = 86_400


def words(*items):
    return frozenset(items)


RECORD = Attributes(
    kind="seizure",
    groups=words("case", "goods", "route", "right", "media", "persons"),
    nominal=words("persons"),
    minimal=words("case", "goods", "route", "right"),
    tlp="green",
    rights=words("trademark"),
    brands=words("acme"),
    categories=words("footwear"),
    hs=words("640319"),
    origin=words("CN"),
    departure=words("CN"),
    transit=words("AE"),
    occurred=date(2026, 6, 1),
    media=True,
)
"""Its destination, status, source grade and health flag are not told."""

KE = Recipient(id="KE", country="KE", region="ESA", roles=words("member"), groups=words("east@2"))
TZ = Recipient(id="TZ", country="TZ", region="ESA", roles=words("member"), groups=words("east@1"))
AE = Recipient(id="AE", country="AE", region="MENA", roles=words("member"))
CN = Recipient(id="CN", country="CN", region="AP", roles=words("member"))
RILO = Recipient(id="RILO-ESA", region="ESA", roles=words("rilo"))
NOREGION = Recipient(id="XK", country="XK", roles=words("member"))
NOBODY = Recipient(id="ghost")
EVERYBODY = [KE, TZ, AE, CN, RILO, NOREGION, NOBODY]
HOME = "GB"
MAA = Instrument(id="MAA", title="Agreement", valid_from=date(2026, 1, 1), valid_until=date(2026, 6, 15))


def grant(*groups, id="g", when=None, **more):  # noqa: A002
    return Rule(id=id, groups=words(*groups), when=When(**(when or {})), **more)


def withhold(*groups, id="w", when=None, **more):  # noqa: A002
    return Rule(id=id, effect=Effect.WITHHOLD, groups=words(*groups), when=When(**(when or {})), **more)


def policy(*rules, version=7, country=HOME, instruments=(MAA,)):
    return compile_policy(
        Policy(
            country=country,
            version=version,
            author="a",
            approver="b",
            instruments=instruments,
            rules=tuple(rules),
        )
    )


def asked(*rules, who=KE, record=RECORD, now=NOW, instruments=(MAA,), **more):
    return decide(record=record, recipient=who, policy=policy(*rules, instruments=instruments), now=now, **more)


def but(**changes):
    return dataclasses.replace(RECORD, **changes)


FEED = {
    "an empty policy shares nothing": ([], {}, set()),
    "a rule without conditions is for every member": ([grant("goods")], {}, {"goods"}),
    "a group that the record does not have does not go": ([grant("goods", "value")], {}, {"goods"}),
    "minimal is the minimal form": ([grant("minimal")], {}, {"case", "goods", "route", "right"}),
    "non-nominal is everything but what can name somebody": (
        [grant("non-nominal")],
        {},
        {"case", "goods", "route", "right", "media"},
    ),
    "no word grants a nominal group, even if the schema called it minimal": (
        [grant("minimal", legal=("MAA",))],
        {"record": but(minimal=words("goods", "persons"))},
        {"goods"},
    ),
    "no word grants a nominal group, not even on a legal basis": (
        [grant("non-nominal", legal=("MAA",))],
        {"record": but(groups=words("persons"))},
        set(),
    ),
    "a nominal group that is named without a legal basis stays": ([grant("persons", "goods")], {}, {"goods"}),
    "a nominal group that is named on a legal basis goes": (
        [grant("persons", legal=("MAA",))],
        {},
        {"persons"},
    ),
    "a legal basis that the policy does not list closes the grant": (
        [grant("goods", legal=("LOST",))],
        {},
        set(),
    ),
    "a grant is open on the last day of its instrument": (
        [grant("goods", legal=("MAA",))],
        {"now": int(datetime(2026, 6, 15, 23, 59, 59, tzinfo=UTC).timestamp())},
        {"goods"},
    ),
    "a grant is closed after it": (
        [grant("goods", legal=("MAA",))],
        {"now": int(datetime(2026, 6, 16, tzinfo=UTC).timestamp())},
        set(),
    ),
    "a grant is closed before the first day": (
        [grant("goods", legal=("MAA",))],
        {"now": int(datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())},
        set(),
    ),
    "a grant is open from the first second of the first day": (
        [grant("goods", legal=("MAA",))],
        {"now": int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())},
        {"goods"},
    ),
    "withholding beats granting, whatever the order": (
        [withhold("goods"), grant("goods", "case")],
        {},
        {"case"},
    ),
    "a withholding on an expired instrument still withholds": (
        [grant("goods", "case"), withhold("goods", legal=("MAA",))],
        {"now": NOW + 10 * DAY},
        {"case"},
    ),
    "a withholding reaches nominal groups": (
        [grant("persons", legal=("MAA",)), withhold("persons")],
        {},
        set(),
    ),
    "a withholding that something speaks against does not apply": (
        [grant("goods"), withhold("goods", when={"brand": words("other")})],
        {},
        {"goods"},
    ),
    "a withholding applies in doubt": (
        [grant("goods"), withhold("goods", when={"status": words("proceedings")})],
        {},
        set(),
    ),
    "one false condition ends the doubt": (
        [grant("goods"), withhold("goods", when={"status": words("proceedings"), "kind": words("alert")})],
        {},
        {"goods"},
    ),
    "a grant does not apply in doubt": ([grant("goods", when={"status": words("seized")})], {}, set()),
    "all conditions are needed": (
        [grant("goods", when={"brand": words("acme"), "right": words("patent")})],
        {},
        set(),
    ),
    "an embargo that lasts closes the grant": ([grant("goods", embargo_until=NOW + 1)], {}, set()),
    "an embargo that is over does not": ([grant("goods", embargo_until=NOW)], {}, {"goods"}),
    "an embargo in days counts from the issue": (
        [grant("goods", embargo_days=2)],
        {"issued": NOW - 2 * DAY},
        {"goods"},
    ),
    "an embargo in days lasts to its end": (
        [grant("goods", embargo_days=2)],
        {"issued": NOW - 2 * DAY + 1},
        set(),
    ),
    "an embargo in days lasts where the issue is not known": ([grant("goods", embargo_days=2)], {}, set()),
    "a grant that needs a second officer is closed without one": (
        [grant("goods", needs_release=True)],
        {},
        set(),
    ),
    "a grant that needs a second officer is open with one": (
        [grant("goods", needs_release=True)],
        {"second_release": True},
        {"goods"},
    ),
    "the policy's own country gets nothing": (
        [grant("goods")],
        {"who": Recipient(id="N2", country=HOME)},
        set(),
    ),
    "the policy's own node gets nothing": (
        [grant("goods")],
        {"who": Recipient(id=HOME, region="ESA")},
        set(),
    ),
    "a recipient of which the directory tells nothing gets nothing": (
        [grant("goods")],
        {"who": NOBODY},
        set(),
    ),
    "an empty audience gets nothing": ([grant("goods", when={"country": words()})], {}, set()),
    "an empty audience is not withheld from": (
        [grant("goods"), withhold("goods", when={"region": words()})],
        {"who": NOREGION},
        {"goods"},
    ),
    "a red record goes to nobody who is not named": (
        [grant("goods", when={"role": words("member")})],
        {"record": but(tlp="red")},
        set(),
    ),
    "a red record goes to a country that is named": (
        [grant("goods", when={"country": words("KE")})],
        {"record": but(tlp="red")},
        {"goods"},
    ),
    "a red record goes to a node that is named": (
        [grant("goods", when={"node": words("RILO-ESA")})],
        {"record": but(tlp="red"), "who": RILO},
        {"goods"},
    ),
    "being on the route is not being named": (
        [grant("goods", when={"relation": words("on_route")})],
        {"record": but(tlp="red"), "who": CN},
        set(),
    ),
    "the floor can make a record red": ([grant("goods")], {"floor": Handling(tlp="red")}, set()),
    "a traffic light that nobody knows is red": ([grant("goods")], {"record": but(tlp="pink")}, set()),
    "what is for nothing in common does not go": (
        [
            grant("goods", terms=Terms(handling=Handling(purposes=words("a")))),
            grant("case", terms=Terms(handling=Handling(purposes=words("b")))),
        ],
        {},
        set(),
    ),
    "what was asked for another purpose does not go": (
        [grant("goods", terms=Terms(handling=Handling(purposes=words("a"))))],
        {"purpose": "b"},
        set(),
    ),
    "what was asked for that purpose goes": (
        [grant("goods", terms=Terms(handling=Handling(purposes=words("a"))))],
        {"purpose": "a"},
        {"goods"},
    ),
    "what should be gone already does not go": (
        [grant("goods", terms=Terms(handling=Handling(keep_until=NOW)))],
        {},
        set(),
    ),
    "query does not go into the feed": ([grant("goods", mode=Mode.QUERY)], {}, set()),
    "hit does not go into the feed": ([grant(mode=Mode.HIT)], {}, set()),
}


@pytest.mark.parametrize(("rules", "more", "expected"), FEED.values(), ids=FEED)
def test_what_goes_into_the_feed(rules, more, expected):
    assert asked(*rules, **more).groups == expected


APPLIES = {
    "a country": ({"country": words("KE", "UG")}, {}, True),
    "another country": ({"country": words("UG")}, {}, False),
    "an office of no country is in none": ({"country": words("KE")}, {"who": RILO}, False),
    "a node": ({"node": words("KE")}, {}, True),
    "another node": ({"node": words("TZ")}, {}, False),
    "a region": ({"region": words("ESA")}, {}, True),
    "another region": ({"region": words("AP")}, {}, False),
    "a region that is not told": ({"region": words("ESA")}, {"who": NOREGION}, None),
    "a role": ({"role": words("rilo")}, {"who": RILO}, True),
    "another role": ({"role": words("rilo")}, {}, False),
    "a group at its version": ({"group": words("east@2")}, {}, True),
    "a group at another version": ({"group": words("east@2")}, {"who": TZ}, False),
    "origin": ({"relation": words("origin")}, {"who": CN}, True),
    "not the origin": ({"relation": words("origin")}, {"who": AE}, False),
    "transit is on the route": ({"relation": words("on_route")}, {"who": AE}, True),
    "one role of two": ({"relation": words("origin", "transit")}, {"who": AE}, True),
    "a destination that is not told": ({"relation": words("destination")}, {}, None),
    "on a route whose destination is not told": ({"relation": words("on_route")}, {}, None),
    "on a route that is wholly told": (
        {"relation": words("on_route")},
        {"record": but(destination=words("TZ"))},
        False,
    ),
    "an office of no country is on no route": ({"relation": words("destination")}, {"who": RILO}, False),
    "a kind": ({"kind": words("seizure")}, {}, True),
    "another kind": ({"kind": words("alert")}, {}, False),
    "a right": ({"right": words("trademark", "design")}, {}, True),
    "another right": ({"right": words("design")}, {}, False),
    "a right that is not told": ({"right": words("design")}, {"record": but(rights=None)}, None),
    "a brand": ({"brand": words("acme")}, {}, True),
    "a category": ({"category": words("footwear")}, {}, True),
    "a prefix": ({"hs": words("6403")}, {}, True),
    "another prefix": ({"hs": words("61")}, {}, False),
    "a code with fewer digits than the prefix": (
        {"hs": words("640319")},
        {"record": but(hs=words("64"))},
        None,
    ),
    "a code that is not told": ({"hs": words("64")}, {"record": but(hs=None)}, None),
    "a traffic light as high": ({"tlp_at_most": "green"}, {}, True),
    "a traffic light above": ({"tlp_at_most": "clear"}, {}, False),
    "a floor above": ({"tlp_at_most": "green"}, {"floor": Handling(tlp="amber")}, False),
    "a health flag that is not told": ({"health_safety": False}, {}, None),
    "a health flag": ({"health_safety": True}, {"record": but(health_safety=True)}, True),
    "the other health flag": ({"health_safety": False}, {"record": but(health_safety=True)}, False),
    "as old as allowed": ({"age_at_most_days": 14}, {}, True),
    "a day too old": ({"age_at_most_days": 13}, {}, False),
    "an age that is not told": ({"age_at_most_days": 13}, {"record": but(occurred=None)}, None),
    "an age of today is no flag": (
        {"age_at_most_days": 1},
        {"record": but(occurred=date(2026, 6, 15))},
        True,
    ),
    "a status that is not told": ({"status": words("seized")}, {}, None),
    "a status": ({"status": words("seized")}, {"record": but(status=words("seized"))}, True),
    "a grade that is not told": ({"source_grade": words("A")}, {}, None),
    "a grade": ({"source_grade": words("A")}, {"record": but(source_grade="A")}, True),
    "another grade": ({"source_grade": words("A")}, {"record": but(source_grade="F")}, False),
    "pictures": ({"media": True}, {}, True),
    "no pictures": ({"media": False}, {}, False),
    "a purpose that nobody stated": ({"purpose": words("court")}, {}, None),
    "the purpose stated": ({"purpose": words("court")}, {"purpose": "court"}, True),
    "another purpose stated": ({"purpose": words("court")}, {"purpose": "risk"}, False),
}


@pytest.mark.parametrize(("when", "more", "truth"), APPLIES.values(), ids=APPLIES)
def test_a_grant_needs_true_and_a_withholding_all_but_false(when, more, truth):
    assert asked(grant("goods", when=when), **more).groups == (words("goods") if truth is True else words())
    shared = asked(grant("goods", id="all"), withhold("goods", when=when), **more).groups
    assert shared == (words("goods") if truth is False else words())


MODES = {
    "replicate implies query and hit": ([grant("goods")], ({"goods"}, {"goods"}, True)),
    "query gives a hit": ([grant("goods", mode=Mode.QUERY)], (set(), {"goods"}, True)),
    "hit gives a hit only": ([grant(mode=Mode.HIT)], (set(), set(), True)),
    "withholding what was granted leaves no hit": (
        [grant("goods"), withhold("goods")],
        (set(), set(), False),
    ),
    "withholding a group leaves the hit that a rule grants": (
        [grant(mode=Mode.HIT), withhold("goods")],
        (set(), set(), True),
    ),
    "withholding all closes the hit": ([grant(mode=Mode.HIT), withhold("all")], (set(), set(), False)),
    "modes add up": (
        [grant("goods"), grant("case", mode=Mode.QUERY), grant(mode=Mode.HIT)],
        ({"goods"}, {"goods", "case"}, True),
    ),
}


@pytest.mark.parametrize(("rules", "expected"), MODES.values(), ids=MODES)
def test_how_far_it_goes(rules, expected):
    decision = asked(*rules)
    assert (decision.groups, decision.query, decision.hit) == expected


FLOOR = Handling(tlp="amber", purposes=words("a", "b"), onward="group:east@2", evidence="ask", keep_until=NOW + 9)


def test_no_rule_widens_the_record_s_own_floor():
    wide = Terms(handling=Handling(tlp="clear", purposes=words("a", "b", "c"), onward="any-member", evidence="yes"))
    decision = asked(grant("goods", terms=wide), floor=FLOOR)
    assert decision.obligations.handling == FLOOR


def test_without_a_floor_all_but_the_traffic_light_is_taken_as_strict():
    assert asked(grant("goods")).obligations.handling == Handling(tlp="green", onward="none", evidence="ask")


def test_every_grant_that_applies_tightens_and_the_others_do_not():
    tight = Terms(handling=Handling(purposes=words("a")), receipt_within=60, report_back=True)
    tighter = Terms(handling=Handling(tlp="amber+strict", keep_until=NOW + 5), receipt_within=30)
    far = Terms(handling=Handling(onward="none"))
    decision = asked(
        grant("goods", id="one", terms=tight, legal=("MAA",)),
        grant("value", id="two", terms=tighter),
        grant("goods", id="three", terms=far, when={"country": words("TZ")}),
        floor=FLOOR,
    )
    owed = decision.obligations
    assert owed.handling == Handling(
        tlp="amber+strict", purposes=words("a"), onward="group:east@2", evidence="ask", keep_until=NOW + 5
    )
    assert (owed.legal, owed.report_back, owed.receipt_within) == (("MAA",), True, 30)


def test_the_legal_basis_travels_with_the_grant():
    assert asked(grant("goods", legal=("MAA",)), grant("case")).obligations.legal == ("MAA",)


def test_days_of_keeping_count_from_the_issue_to_the_end_of_the_day():
    rules = [grant("goods", terms=Terms(keep_days=30)), grant("case", terms=Terms(keep_days=10))]
    issued = NOW - 5 * DAY
    decision = asked(*rules, issued=issued)
    assert decision.obligations.keep_until == (issued // DAY + 11) * DAY
    assert asked(*rules).obligations.keep_until == (NOW // DAY + 11) * DAY


def test_nothing_granted_owes_nothing():
    assert asked().obligations is None


def test_what_travels_names_no_rule():
    decision = asked(grant("goods", id="secret-rule", legal=("MAA",), terms=Terms(report_back=True)), floor=FLOOR)
    travels = decision.obligations.grant()
    assert set(travels) == {"tlp", "purposes", "onward", "evidence", "keep_until", "legal"}
    assert "secret-rule" not in str(travels)


# ---- reasons ----------------------------------------------------------------------------------------

REASONS = {
    "granted": ([grant("goods", id="region")], {}, "region", "granted by rule 'region'", ()),
    "granted on a legal basis": (
        [grant("goods", id="region", legal=("MAA",))],
        {},
        "region",
        "granted by rule 'region' (legal basis MAA)",
        (),
    ),
    "granted twice": (
        [grant("goods", id="one"), grant("goods", id="two")],
        {},
        "one",
        "granted by rules 'one' and 'two'",
        (),
    ),
    "granted on request": (
        [grant("goods", id="ask", mode=Mode.QUERY)],
        {},
        "ask",
        "granted on request only, by rule 'ask'",
        (),
    ),
    "no rule": ([], {}, "default", "withheld: no rule grants it", ()),
    "a rule that is for others": (
        [grant("goods", when={"country": words("TZ")})],
        {},
        "default",
        "withheld: no rule grants it",
        (),
    ),
    "withheld": (
        [grant("goods"), withhold("goods", id="no-brand")],
        {},
        "no-brand",
        "withheld by rule 'no-brand'",
        (),
    ),
    "withheld on an expired instrument": (
        [withhold("goods", id="old", legal=("MAA",))],
        {"now": NOW + 10 * DAY},
        "old",
        (
            "withheld by rule 'old' (legal basis MAA) (rule 'old' rests on MAA, which expired on 2026-06-15; "
            "a withholding stays in force)"
        ),
        (),
    ),
    "withheld in doubt": (
        [grant("goods"), withhold("goods", id="court", when={"status": words("proceedings")})],
        {},
        "court",
        "withheld, in doubt, by rule 'court': it needs status, which this record does not tell",
        ("status",),
    ),
    "needs what the record does not tell": (
        [grant("goods", id="route", when={"relation": words("destination")})],
        {},
        "route",
        "withheld: rule 'route' needs destination, which this record does not tell",
        ("destination",),
    ),
    "needs what the directory does not tell": (
        [grant("goods", id="east", when={"region": words("ESA")})],
        {"who": NOREGION},
        "east",
        "withheld: rule 'east' needs a region, which the directory does not tell of XK",
        ("region",),
    ),
    "needs a purpose": (
        [grant("goods", id="court", when={"purpose": words("court")})],
        {},
        "court",
        "withheld: rule 'court' needs a purpose, and none was stated",
        ("purpose",),
    ),
    "rests on what has expired": (
        [grant("goods", id="old", legal=("MAA",))],
        {"now": NOW + 10 * DAY},
        "old",
        "withheld: rule 'old' rests on MAA, which expired on 2026-06-15",
        (),
    ),
    "rests on what has not begun": (
        [grant("goods", id="new", legal=("MAA",))],
        {"now": NOW - 300 * DAY},
        "new",
        "withheld: rule 'new' rests on MAA, which is not in force before 2026-01-01",
        (),
    ),
    "rests on what is not listed": (
        [grant("goods", legal=("LOST",))],
        {},
        "g",
        "withheld: rule 'g' rests on LOST, which the policy does not list",
        (),
    ),
    "under embargo": (
        [grant("goods", embargo_until=NOW + DAY)],
        {},
        "g",
        "withheld: rule 'g' is under embargo until 2026-06-16",
        (),
    ),
    "under embargo after the issue": (
        [grant("goods", embargo_days=2)],
        {"issued": NOW},
        "g",
        "withheld: rule 'g' is under embargo until 2026-06-17",
        (),
    ),
    "under embargo after an issue that is not known": (
        [grant("goods", embargo_days=2)],
        {},
        "g",
        "withheld: rule 'g' is under embargo for 2 days after the issue, whose time was not given",
        (),
    ),
    "without a second officer": (
        [grant("goods", needs_release=True)],
        {},
        "g",
        "withheld: rule 'g' needs the release by a second officer",
        (),
    ),
    "red": (
        [grant("goods")],
        {"record": but(tlp="red")},
        "g",
        ("withheld: rule 'g' does not name the recipient by country or id, as a record that is TLP red demands"),
        (),
    ),
    "for more than one reason": (
        [grant("goods", needs_release=True, when={"relation": words("destination")})],
        {},
        "g",
        (
            "withheld: rule 'g' needs destination, which this record does not tell, "
            "and needs the release by a second officer"
        ),
        ("destination",),
    ),
    "at home": (
        [grant("goods")],
        {"who": Recipient(id=HOME, country=HOME)},
        "default",
        "withheld: GB is at home here",
        (),
    ),
    "nobody": (
        [grant("goods")],
        {"who": NOBODY},
        "default",
        "withheld: the directory tells nothing of this recipient",
        (),
    ),
    "no purpose in common": (
        [grant("goods", terms=Terms(handling=Handling(purposes=words())))],
        {},
        "default",
        "withheld: the obligations leave no purpose in common",
        (),
    ),
    "another purpose": (
        [grant("goods", terms=Terms(handling=Handling(purposes=words("a"))))],
        {"purpose": "b"},
        "default",
        "withheld: the obligations do not allow the purpose b",
        (),
    ),
}


@pytest.mark.parametrize(("rules", "more", "rule", "text", "unknown"), REASONS.values(), ids=REASONS)
def test_why(rules, more, rule, text, unknown):
    decision = asked(*rules, **more)
    reason = next(reason for reason in decision.reasons() if reason.group == "goods")
    assert (reason.rule, reason.text, reason.unknown) == (rule, text, unknown)
    assert (reason.verdict == "granted") == ("goods" in decision.query)


def test_a_nominal_group_that_stays_says_that_it_must_be_named():
    (reason,) = asked(grant("non-nominal"), record=but(groups=words("persons"))).reasons()
    assert reason.text == "withheld: no rule grants it, and only a rule that names it can"


def test_doubts_are_what_only_something_untold_keeps_at_home():
    decision = asked(
        grant("goods", "case", id="plain"),
        grant("media", id="route", when={"relation": words("destination")}),
        withhold("case", id="court", when={"status": words("proceedings")}),
        withhold("right", id="idle", when={"status": words("proceedings")}),
    )
    assert {reason.group: reason.unknown for reason in decision.doubts()} == {
        "case": ("status",),
        "media": ("destination",),
    }


def test_a_hit_has_a_reason_of_its_own():
    told = asked(grant(id="police", mode=Mode.HIT)).hit_reason()
    assert (told.verdict, told.rule, told.text) == ("granted", "police", "a hit is told, by rule 'police'")
    assert asked(grant("goods", id="feed")).hit_reason().rule == "feed"
    assert asked().hit_reason().verdict == "withheld"
    assert asked(grant(mode=Mode.HIT), withhold("all", id="silent")).hit_reason().rule == "silent"


# ---- the stored form --------------------------------------------------------------------------------


def test_the_stored_form_tells_what_was_decided_and_by_which_rules():
    decision = asked(
        grant("goods", id="one", terms=Terms(receipt_within=60, report_back=True)),
        grant("case", id="two", mode=Mode.QUERY),
        grant("media", id="three", when={"status": words("seized")}),
        withhold("right", id="four"),
        floor=FLOOR,
        purpose="a",
    )
    assert decision.to_json() == {
        "v": 1,
        "policy": 7,
        "country": HOME,
        "groups": ["goods"],
        "query": ["case", "goods"],
        "hit": True,
        "granted_by": ["one", "two"],
        "withheld_by": ["four"],
        "undetermined": ["three"],
        "obligations": {
            "tlp": "amber",
            "purposes": ["a", "b"],
            "onward": "group:east@2",
            "evidence": "ask",
            "keep_until": NOW + 9,
            "legal": [],
            "report_back": True,
            "receipt_within": 60,
        },
        "purpose": "a",
    }
    assert decision.policy_version == 7


def test_equal_outcomes_have_one_hash_and_others_another():
    compiled = policy(grant("goods"), grant("case", when={"country": words("TZ")}))
    kenya, tanzania, emirates = decide_all(record=RECORD, recipients=[KE, TZ, AE], policy=compiled, now=NOW)
    assert kenya.content_hash() == emirates.content_hash() != tanzania.content_hash()
    assert kenya != emirates
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", kenya.content_hash())
    assert kenya == decide(record=RECORD, recipient=KE, policy=compiled, now=NOW)
    assert (
        kenya.content_hash()
        != decide(record=RECORD, recipient=KE, policy=policy(grant("goods"), version=8), now=NOW).content_hash()
    )


def test_nobody_can_change_a_decision_through_what_it_hands_out():
    decision = asked(grant("goods"))
    decision.to_json()["groups"].append("persons")
    assert decision.to_json()["groups"] == ["goods"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        decision.who = TZ


def test_nobody_to_decide_for_is_nothing_to_decide():
    assert decide_all(record=RECORD, recipients=[], policy=policy(grant("goods")), now=NOW) == []


def test_the_next_change_by_the_clock_is_known():
    compiled = policy(grant("goods", embargo_until=NOW + 5), grant("case", legal=("MAA",)))
    assert compiled.next_change(after=NOW) == NOW + 5
    assert compiled.next_change(after=NOW + 5) == int(datetime(2026, 6, 16, tzinfo=UTC).timestamp())
    assert compiled.next_change(after=NOW + 10 * DAY) is None


# ---- what would change ------------------------------------------------------------------------------


def test_a_preview_names_record_recipient_and_group_gained_and_lost():
    old = policy(grant("goods", "case"), grant("media", mode=Mode.QUERY, when={"country": words("KE")}))
    new = policy(
        grant("goods", "media", when={"country": words("KE")}),
        grant("case", mode=Mode.QUERY, when={"country": words("KE")}),
        version=8,
    )
    found = diff(old, new, [("r1", RECORD)], [KE, TZ], NOW)
    assert set(found.gained) == {("r1", "KE", "media", "query", "replicate")}
    assert set(found.lost) == {
        ("r1", "KE", "case", "replicate", "query"),
        ("r1", "TZ", "goods", "replicate", ""),
        ("r1", "TZ", "case", "replicate", ""),
        ("r1", "TZ", "hit", "hit", ""),
    }
    assert diff(old, old, [("r1", RECORD)], EVERYBODY, NOW) == diff(new, new, [("r1", RECORD)], EVERYBODY, NOW)
    assert not diff(old, old, [("r1", RECORD)], EVERYBODY, NOW)


def test_a_preview_names_who_keeps_the_groups_under_other_obligations():
    new = policy(grant("goods", terms=Terms(report_back=True)), version=8)
    found = diff(policy(grant("goods")), new, [("r1", RECORD)], [KE], NOW)
    assert (found.gained, found.lost, found.handling) == ((), (), (("r1", "KE"),))


# ---- the policies that ship -------------------------------------------------------------------------


def shipped(name):
    return compile_policy(load_policy((ROOT / "config" / "policies" / f"{name}.toml").read_bytes()))


GB = Recipient(id="GB", country="GB", region="EUR", roles=words("member"))
SHIPPED = {
    "the region gets goods, pictures and route": ("region-goods", GB, {}, {"case", "goods", "media", "right", "route"}),
    "another region gets nothing": ("region-goods", CN, {}, set()),
    "the regional office gets the minimal form": (
        "region-goods",
        RILO,
        {},
        {"case", "goods", "right", "route"},
    ),
    "a country on the route gets all but names": (
        "route-partners",
        CN,
        {"record": but(status=words("seized"))},
        {"case", "goods", "media", "right", "route"},
    ),
    "a country that may be on the route gets nothing": ("route-partners", GB, {}, set()),
    "most learn that something is held": ("hit-only", GB, {}, set()),
    "the regional office gets the minimal form there too": (
        "hit-only",
        RILO,
        {},
        {"case", "goods", "right", "route"},
    ),
}


@pytest.mark.parametrize(("name", "who", "more", "expected"), SHIPPED.values(), ids=SHIPPED)
def test_the_policies_that_ship_share_what_they_say(name, who, more, expected):
    record = more.get("record", RECORD)
    decision = decide(record=record, recipient=who, policy=shipped(name), now=NOW, floor=FLOOR_OF_A_NODE)
    assert decision.groups == expected
    assert decision.hit or (name != "hit-only")


FLOOR_OF_A_NODE = Handling(
    tlp="green", purposes=words("customs-enforcement", "statistics"), onward="any-member", evidence="ask"
)


@pytest.mark.parametrize("name", ["region-goods", "route-partners", "hit-only", "rilo"])
def test_no_policy_that_ships_puts_a_name_into_a_feed(name):
    everything = dataclasses.replace(RECORD, destination=words("KE", "TZ"), status=words("seized"))
    for second in (False, True):
        decisions = decide_all(
            record=everything, recipients=EVERYBODY, policy=shipped(name), now=NOW, second_release=second
        )
        assert not any("persons" in decision.groups for decision in decisions)


def test_names_are_answered_to_the_destination_only_when_a_second_officer_released_them():
    record = dataclasses.replace(RECORD, destination=words("KE"), status=words("seized"))
    asking = {"record": record, "recipient": KE, "policy": shipped("route-partners"), "now": NOW}
    asking |= {"purpose": "customs-enforcement", "floor": FLOOR_OF_A_NODE}
    assert "persons" in decide(**asking, second_release=True).query
    assert "persons" not in decide(**asking).query


def test_a_refused_policy_is_a_value_error_that_lists_its_faults():
    with pytest.raises(PolicyRefused, match="country: is missing"):
        load_policy("")


PARTIES = {
    "a party by its country gets what rests on the instrument": ("TZ", ("KE", "TZ"), frozenset({"case"})),
    "a party by its own id gets it": ("RILO-ESA", ("KE", "RILO-ESA"), frozenset({"case"})),
    "somebody who is no party gets nothing of it": ("GB", ("KE", "TZ"), frozenset()),
    "an instrument that names no parties binds to nobody": ("GB", (), frozenset({"case"})),
}


@pytest.mark.parametrize("sentence", PARTIES)
def test_the_parties_of_an_instrument(sentence):
    name, parties, expected = PARTIES[sentence]
    country = name if len(name) == 2 else None
    who = Recipient(id=name, country=country, region="ESA", roles=frozenset({"member" if country else "rilo"}))
    policy = Policy(
        country="KE", version=1, author="a", approver="b",
        instruments=(Instrument(id="PACT", title="A pact", parties=parties),),
        rules=(Rule(id="by-pact", groups=frozenset({"case"}), legal=("PACT",)),),
    )  # fmt: skip
    record = Attributes(kind="seizure", groups=frozenset({"case"}), tlp="green")
    decision = decide(record=record, recipient=who, policy=compile_policy(policy), now=0)
    assert decision.groups == expected
    (reason,) = decision.reasons()
    assert ("not a party" in reason.text) == (not expected)
    ((outcome, _),) = decide_classes(record=record, classes=classify(compile_policy(policy), [who]), now=0)
    assert outcome.groups == expected
