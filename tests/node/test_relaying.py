"""A record goes KE → RILO-ESA → TZ: under the originator's leave, and never beyond it."""

import json

import pytest
from sqlalchemy import select

from federation.relay import sign_relay_grant
from node.services.relaying import reach
from node.storage.tables import disclosure, entry_out, feed_out, record
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.federated import SEIZURE, Nodes

MEMBERS = ["KE", "TZ", "UG", "ZA", "RILO-ESA"]
FED = make_federation(MEMBERS, groups={"ncp": {"1": ["TZ", "UG"]}})
TO_HUB = {
    "groups": ["case", "transport"], "when": {"node": ["RILO-ESA"]}, "relay": {"to": "group:ncp@1", "days": 10},
}  # fmt: skip
HUB_ONLY = {"groups": ["method"], "when": {"node": ["RILO-ESA"]}}
DAY = 86_400


@pytest.fixture
def nodes(make_database):
    made = Nodes(FED, make_database, "KE", "TZ", "UG", "RILO-ESA")
    made.policy("KE", TO_HUB, HUB_ONLY)
    return made


@pytest.fixture
def light(tmp_path, make_sqlite):
    number = iter(range(9))
    made = Nodes(FED, lambda: make_sqlite(tmp_path / f"{next(number)}.db"), "KE", "TZ", "UG", "RILO-ESA")
    made.policy("KE", TO_HUB, HUB_ONLY)
    yield made
    for database in made.databases.values():
        database.close()


def through(nodes, *recipients):
    nodes.pull("RILO-ESA", "KE")
    grown = nodes.relay()
    for recipient in recipients or ("TZ",):
        nodes.pull(recipient, "RILO-ESA")
    return grown


def leaves(nodes, sender, recipient):
    with nodes.databases[sender].read() as connection:
        statement = select(entry_out.c.leaf).join(feed_out).where(feed_out.c.recipient == recipient)
        return [json.loads(leaf) for leaf in connection.scalars(statement.order_by(feed_out.c.lane, entry_out.c.n))]


def test_a_record_reaches_a_member_of_the_group_through_the_hub(nodes):
    rid = nodes.release("KE")
    assert through(nodes) == {"TZ", "UG"}
    assert nodes.held("RILO-ESA", "KE", rid) == {1: {"case", "transport", "method"}}
    assert nodes.held("TZ", "KE", rid) == {1: {"case", "transport"}}
    assert nodes.aside("TZ") == []
    with nodes.databases["TZ"].read() as connection:
        handling = json.loads(connection.scalar(select(record.c.handling)))
    assert handling["onward"] == "none"
    with nodes.databases["RILO-ESA"].read() as connection:
        rows = list(connection.execute(select(disclosure.c.recipient, disclosure.c.actor, disclosure.c.groups)))
    assert sorted(map(tuple, rows)) == [("TZ", "relay", "case,transport"), ("UG", "relay", "case,transport")]


def test_nothing_is_passed_on_without_leave(nodes):
    nodes.policy("KE", {**TO_HUB, "relay": {"to": "group:nobody@1"}}, HUB_ONLY)
    rid = nodes.release("KE")
    assert through(nodes) == set()
    assert nodes.held("RILO-ESA", "KE", rid)
    assert nodes.held("TZ", "KE", rid) == {}


def test_the_record_s_own_handling_is_stronger_than_a_rule(nodes, monkeypatch):
    monkeypatch.setattr("tests.federated.HANDLING", {"tlp": "amber", "onward": "none"})
    nodes.release("KE")
    assert through(nodes) == set()


def test_a_new_version_flows_on_and_replaces_the_old_one(nodes):
    rid = nodes.release("KE")
    through(nodes)
    nodes.release("KE", {**SEIZURE, "transport": {"conveyance": "air"}})
    through(nodes)
    assert nodes.held("TZ", "KE", rid) == {2: {"case", "transport"}}


def test_a_version_that_may_not_be_passed_on_takes_the_older_one_away(nodes):
    rid = nodes.release("KE")
    through(nodes)
    nodes.policy("KE", HUB_ONLY)
    nodes.release("KE", {**SEIZURE, "transport": {"conveyance": "air"}})
    through(nodes)
    assert nodes.held("RILO-ESA", "KE", rid) == {2: {"method"}}
    assert nodes.held("TZ", "KE", rid) == {}
    assert [leaf["op"] for leaf in leaves(nodes, "RILO-ESA", "TZ")] == ["put", "less"]


def test_what_the_hub_loses_its_recipients_lose(nodes):
    rid = nodes.release("KE")
    through(nodes)
    nodes.policy("KE")
    nodes.release("KE")
    through(nodes)
    assert nodes.held("RILO-ESA", "KE", rid) == {}
    assert nodes.held("TZ", "KE", rid) == {}


def test_what_was_taken_back_and_given_again_between_two_looks_reaches_who_fetched_it_in_between(nodes):
    rid = nodes.release("KE")
    nodes.pull("RILO-ESA", "KE")
    nodes.relay()
    nodes.policy("KE")
    nodes.review("KE")
    nodes.pull("RILO-ESA", "KE")
    nodes.pull("TZ", "RILO-ESA")
    assert nodes.held("TZ", "KE", rid) == {}
    nodes.policy("KE", TO_HUB, HUB_ONLY)
    nodes.review("KE")
    nodes.pull("RILO-ESA", "KE")
    assert nodes.relay() == {"TZ", "UG"}
    nodes.pull("TZ", "RILO-ESA")
    nodes.pull("UG", "RILO-ESA")
    assert nodes.held("TZ", "KE", rid) == nodes.held("UG", "KE", rid) == {1: {"case", "transport"}}
    assert nodes.aside("TZ") == []
    assert nodes.relay() == set()


def test_after_its_expiry_a_grant_gives_nobody_anything_more_and_takes_nothing_back(light):
    rid = light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.fed = FED.with_node("UG", status="suspended").changed(version=2)
    light.relay()
    light.pull("TZ", "RILO-ESA")
    light.now += 11 * DAY
    light.fed = FED.changed(version=3)
    assert light.relay() == set()
    light.pull("UG", "RILO-ESA")
    assert light.held("UG", "KE", rid) == {}
    assert light.held("TZ", "KE", rid) == {1: {"case", "transport"}}


def test_a_member_that_was_removed_receives_nothing_more(light):
    rid = light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.fed = FED.changed(version=2, groups={"ncp": {"1": ["TZ", "UG"], "2": ["UG"]}})
    assert light.relay() == {"UG"}
    light.pull("UG", "RILO-ESA")
    assert light.held("UG", "KE", rid) == {1: {"case", "transport"}}


def test_of_a_page_written_before_a_removal_only_what_other_grants_cover_is_shown():
    directory = FED.changed(version=2, groups={"ncp": {"1": ["TZ", "UG"], "2": ["UG"]}}).directory
    record = EvilPeer(FED, "KE").record()

    def grant(mask, **to):
        return sign_relay_grant(
            fed="test", iss="KE", rid=record.claims["rid"], ver=1, jh=record.jh, hub="RILO-ESA", mask=mask, width=24,
            grant={"tlp": "green", "onward": "none", "evidence": "ask"}, signer=FED.signer("KE"), now=NOW,
            exp=NOW + DAY, **to,
        ).token  # fmt: skip

    text = "~".join([grant(0b1100, group="ncp@1", nodes=None), grant(0b0110, group=None, nodes=["TZ"])])
    assert reach(text, "TZ", FED.directory) == 0b1110
    assert reach(text, "TZ", directory) == 0b0110
    assert reach(text, "UG", directory) == 0b1100


def test_a_removed_member_keeps_no_version_that_was_corrected_since(light):
    rid = light.release("KE")
    through(light)
    light.fed = FED.changed(version=2, groups={"ncp": {"1": ["TZ", "UG"], "2": ["UG"]}})
    light.release("KE", {**SEIZURE, "transport": {"conveyance": "air"}})
    through(light, "TZ", "UG")
    assert light.held("UG", "KE", rid) == {2: {"case", "transport"}}
    assert light.held("TZ", "KE", rid) == {}


def test_whoever_joins_the_group_later_is_not_meant(light):
    light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.fed = FED.changed(version=2, groups={"ncp": {"1": ["TZ", "UG"], "2": ["TZ", "UG", "ZA"]}})
    assert light.relay() == {"TZ", "UG"}


@pytest.mark.parametrize("who", ["RILO-ESA", "KE"])
def test_of_a_suspended_hub_or_originator_nothing_is_passed_on(light, who):
    light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.fed = FED.with_node(who, status="suspended")
    assert light.relay() == set()
    light.fed = FED.changed(version=2)
    assert light.relay() == {"TZ", "UG"}


def test_a_member_that_is_let_in_again_gets_what_it_missed(light):
    rid = light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.fed = FED.with_node("TZ", status="suspended")
    assert light.relay() == {"UG"}
    light.fed = FED.changed(version=2)
    assert light.relay() == {"TZ"}
    light.pull("TZ", "RILO-ESA")
    assert light.held("TZ", "KE", rid) == {1: {"case", "transport"}}


def test_the_hub_s_work_done_twice_changes_nothing(light):
    light.release("KE")
    through(light)
    assert light.relay() == set()
    light.fed = FED.changed(version=2)
    assert light.relay() == set()


def test_what_is_withheld_from_a_member_does_not_come_to_it_by_the_hub(light):
    light.policy("KE", TO_HUB, {"effect": "withhold", "groups": ["transport"], "when": {"country": ["TZ"]}})
    rid = light.release("KE")
    through(light, "TZ", "UG")
    assert light.held("TZ", "KE", rid) == {1: {"case"}}
    assert light.held("UG", "KE", rid) == {1: {"case", "transport"}}


def test_a_receiver_checks_the_clock_of_the_first_receipt(light):
    rid = light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.relay()
    light.now = NOW + 11 * DAY
    light.pull("TZ", "RILO-ESA")
    assert light.held("TZ", "KE", rid) == {}
    assert light.aside("TZ") == [("RILO-ESA", "no-relay-grant")]


def test_a_policy_that_ends_the_leave_reaches_what_was_passed_on(nodes):
    rid = nodes.release("KE")
    through(nodes)
    nodes.policy("KE", {"groups": ["case", "transport", "method"], "when": {"node": ["RILO-ESA"]}})
    assert nodes.renew("KE") == {"RILO-ESA"}
    assert nodes.renew("KE") == set()
    through(nodes)
    assert nodes.held("RILO-ESA", "KE", rid) == {1: {"case", "transport", "method"}}
    assert nodes.held("TZ", "KE", rid) == {}
    assert nodes.aside("TZ") == []


def test_a_policy_that_begins_to_give_leave_reaches_what_the_hub_has(light):
    light.policy("KE", HUB_ONLY)
    rid = light.release("KE")
    through(light)
    light.policy("KE", {**HUB_ONLY, "relay": {"to": ["TZ"]}})
    assert light.renew("KE") == {"RILO-ESA"}
    assert through(light) == {"TZ"}
    assert light.held("TZ", "KE", rid) == {1: {"method"}}


def test_a_withholding_that_comes_later_for_one_member_takes_back_what_it_had_by_the_hub(light):
    rid = light.release("KE")
    through(light, "TZ", "UG")
    light.policy("KE", TO_HUB, HUB_ONLY, {"effect": "withhold", "groups": ["transport"], "when": {"country": ["TZ"]}})
    assert light.renew("KE") == {"RILO-ESA"}
    through(light, "TZ", "UG")
    assert light.held("TZ", "KE", rid) == {1: {"case"}}
    assert light.held("UG", "KE", rid) == {1: {"case", "transport"}}


def test_leave_that_says_the_same_as_before_is_not_given_again(light):
    light.release("KE")
    light.policy("KE", TO_HUB, HUB_ONLY)
    assert light.renew("KE") == set()


def test_what_its_handling_keeps_at_the_hub_stays_there_whatever_the_grant_says(light):
    light.release("KE")
    light.pull("RILO-ESA", "KE")
    with light.databases["RILO-ESA"].write() as connection:
        (row,) = connection.execute(select(record))
        tight = {**json.loads(row.handling), "onward": "none"}
        connection.execute(record.update().where(record.c.id == row.id).values(handling=json.dumps(tight)))
    assert light.relay() == set()
