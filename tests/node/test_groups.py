"""Named groups of the directory: who is removed from one receives nothing more, from nobody, by no road."""

import json

import pytest

from federation.policy import compile_policy, load_policy
from node.services.offering import offer_again
from node.storage import evidence, policies
from tests.factories import NOW, make_federation
from tests.federated import Nodes

GROUP = {"1": ["TZ", "UG"]}
REMOVED = {"ncp": {**GROUP, "2": ["UG"]}}
FED = make_federation(["KE", "TZ", "UG", "RILO-ESA"], groups={"ncp": GROUP})
DIRECT = {"groups": ["case", "transport"], "when": {"group": ["ncp@1"]}}
TO_HUB = {"groups": ["case"], "when": {"node": ["RILO-ESA"]}, "relay": {"to": "group:ncp@1", "days": 10}}


def activate(nodes, node, *rules, version=1):
    """The rules in force in the node's database too, as its page server asks for them."""
    text = json.dumps({
        "country": node, "version": version, "author": "one", "approver": "two",
        "instrument": [{"id": "MAA", "title": "Agreement"}],
        "rule": [{"id": f"rule-{at}", "effect": "grant", **rule} for at, rule in enumerate(rules)],
    })  # fmt: skip
    nodes.policies[node] = compile_policy(load_policy(text, format="json"))
    with nodes.databases[node].write() as connection:
        policies.activate(connection, version=version, body=text, author="one", by="two", now=NOW)


@pytest.fixture
def nodes(make_database):
    made = Nodes(FED, make_database, "KE", "TZ", "UG", "RILO-ESA")
    activate(made, "KE", DIRECT, TO_HUB)
    offer(made)
    return made


def offer(nodes):
    nodes.now += 1
    return offer_again(nodes.databases["KE"], nodes.publisher("KE"), now=nodes.now)


def remove(nodes):
    """TZ leaves the group, hours ago as everybody could have known."""
    times = {"ncp": {"1": NOW - 90_000, "2": NOW - 80_000}}
    nodes.fed = FED.changed(version=2, groups=REMOVED, group_times=times)


def accusations(nodes):
    found = []
    for database in nodes.databases.values():
        with database.read() as connection:
            found += [row.type for row in evidence.listing(connection)]
    return found


def test_a_removed_member_is_given_nothing_more_by_a_rule_that_names_the_group(nodes):
    nodes.release("KE", reference="R-1")
    remove(nodes)
    rid = nodes.release("KE", reference="R-2")
    for node in ("TZ", "UG"):
        nodes.pull(node, "KE")
    assert nodes.held("TZ", "KE", rid) == {}
    assert nodes.held("UG", "KE", rid) == {1: {"case", "transport"}}


def test_what_waited_for_a_removed_member_is_not_shown_to_it_even_before_anything_is_looked_at_again(nodes):
    rid = nodes.release("KE")
    remove(nodes)
    for lane in ("urgent", "bulk"):
        assert b"R-1" not in nodes.page("TZ", "KE", lane, 0)
        assert json.loads(nodes.page("TZ", "KE", lane, 0))["entries"] == [
            {"e": entry["e"]} for entry in json.loads(nodes.page("TZ", "KE", lane, 0))["entries"]
        ]
    nodes.pull("UG", "KE")
    assert nodes.held("UG", "KE", rid) == {1: {"case", "transport"}}


def test_what_a_removed_member_holds_by_the_group_is_taken_back(nodes):
    rid = nodes.release("KE")
    nodes.pull("TZ", "KE")
    remove(nodes)
    assert offer(nodes) == {"TZ"}
    assert offer(nodes) == set()
    nodes.pull("TZ", "KE")
    assert nodes.held("TZ", "KE", rid) == {}
    assert nodes.aside("TZ") == []


def through_the_hub(nodes):
    activate(nodes, "KE", TO_HUB, version=2)
    rid = nodes.release("KE")
    nodes.pull("RILO-ESA", "KE")
    nodes.relay()
    return rid


def test_a_page_of_a_hub_that_was_written_before_the_removal_shows_it_nothing(nodes):
    rid = through_the_hub(nodes)
    remove(nodes)
    nodes.pull("TZ", "RILO-ESA")
    assert nodes.held("TZ", "KE", rid) == {}
    assert all(b"R-1" not in nodes.page("TZ", "RILO-ESA", lane, 0) for lane in ("urgent", "bulk"))
    nodes.relay()
    nodes.pull("TZ", "RILO-ESA")
    nodes.pull("UG", "RILO-ESA")
    assert nodes.aside("TZ") == []
    assert nodes.held("UG", "KE", rid) == {1: {"case"}}
    assert accusations(nodes) == []


def test_what_came_through_a_hub_is_taken_back_from_a_removed_member(nodes):
    rid = through_the_hub(nodes)
    nodes.pull("TZ", "RILO-ESA")
    assert nodes.held("TZ", "KE", rid) == {1: {"case"}}
    remove(nodes)
    assert nodes.relay() == {"TZ"}
    nodes.pull("TZ", "RILO-ESA")
    assert nodes.held("TZ", "KE", rid) == {}
    assert accusations(nodes) == []


def test_an_onward_group_no_longer_reaches_who_was_removed_from_it():
    before, after = FED.directory.member("TZ"), FED.changed(version=2, groups=REMOVED).directory.member("TZ")
    assert before.recipient().groups == {"ncp@1"}
    assert after.recipient().groups == frozenset()
