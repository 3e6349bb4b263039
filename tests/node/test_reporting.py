"""Relay reports: a hub that drops entries, or goes beyond its grants, is found by its originator's comparison."""

import asyncio

import pytest
from sqlalchemy import delete, select

from federation.errors import FederationError
from federation.relayreports import Onward, sign_relay_report, verify_relay_report
from federation.replication import LinkDown
from node.services import reporting
from node.storage import duties
from node.storage.tables.relay import relay_passed, relay_reported
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.federated import SEIZURE, Nodes

FED = make_federation(["KE", "TZ", "UG", "RILO-ESA"], groups={"ncp": {"1": ["TZ", "UG"]}})
TO_HUB = {"groups": ["case", "transport"], "when": {"node": ["RILO-ESA"]}, "relay": {"to": "group:ncp@1"}}


@pytest.fixture
def light(tmp_path, make_sqlite):
    number = iter(range(9))
    made = Nodes(FED, lambda: make_sqlite(tmp_path / f"{next(number)}.db"), "KE", "TZ", "RILO-ESA")
    made.policy("KE", TO_HUB)
    yield made
    for database in made.databases.values():
        database.close()


def issue(nodes, count=1):
    rids = [
        nodes.release("KE", {**SEIZURE, "case": {**SEIZURE["case"], "reference": f"R-{at}"}}, reference=f"R-{at}")
        for at in range(count)
    ]
    nodes.pull("RILO-ESA", "KE")
    nodes.relay()
    return rids


def fetched(nodes, directory=None):
    async def ask(hub, position):
        return reporting.make_report(
            nodes.databases[hub], fed="test", hub=hub, originator="KE", after=position,
            signer=FED.signer(hub, "log"), now=nodes.now,
        )  # fmt: skip

    return asyncio.run(
        reporting.fetch(
            nodes.databases["KE"], ask, directory=directory or nodes.fed.directory, node="KE", clock=lambda: nodes.now
        )
    )


def compared(nodes, grace=0):
    return reporting.compare(
        nodes.databases["KE"], directory=nodes.fed.directory, node="KE", now=nodes.now, grace=grace
    )


def test_what_was_passed_on_is_reported_and_nothing_is_missing(make_database):
    nodes = Nodes(FED, make_database, "KE", "TZ", "RILO-ESA")
    nodes.policy("KE", TO_HUB)
    issue(nodes, 2)
    before = compared(nodes)
    assert (before.expected, len(before.missing)) == (4, 4)
    assert fetched(nodes) == {"RILO-ESA": None}
    after = compared(nodes)
    assert (after.expected, after.missing, after.beyond) == (4, (), ())
    assert fetched(nodes) == {"RILO-ESA": None}


def test_a_hub_that_drops_one_in_a_hundred_is_told_exactly_which_are_missing(light):
    rids = issue(light, 50)
    with light.databases["RILO-ESA"].write() as connection:
        every = list(connection.execute(select(relay_passed).order_by(relay_passed.c.id)))
        dropped = every[37]
        connection.execute(delete(relay_passed).where(relay_passed.c.id == dropped.id))
    assert len(every) == 2 * len(rids)
    fetched(light)
    found = compared(light)
    assert [(pair.hub, pair.rid, pair.recipient) for pair in found.missing] == [
        ("RILO-ESA", dropped.rid, dropped.recipient)
    ]


def test_a_hub_has_time_before_a_pair_counts_as_missing(light):
    issue(light)
    assert compared(light, grace=3600).missing == ()
    light.now += 3601
    assert len(compared(light, grace=3600).missing) == 2


def test_a_hub_that_reports_more_than_it_was_let_has_signed_it(light):
    rids = issue(light)
    fetched(light)
    with light.databases["KE"].write() as connection:
        position = duties.report_position(connection, "RILO-ESA")
    token = sign_relay_report(
        fed="test", hub="RILO-ESA", originator="KE", after=position, until=position + 1, more=False,
        passed=[Onward(rids[0], "TZ", 1, (1 << 24) - 1, NOW)], signer=FED.signer("RILO-ESA", "log"), now=light.now,
    )  # fmt: skip
    accept(light, token)
    assert [(pair.rid, pair.recipient) for pair in compared(light).beyond] == [(rids[0], "TZ")]


def accept(nodes, token):
    return reporting.accept_report(
        nodes.databases["KE"], token, directory=FED.directory, hub="RILO-ESA", node="KE", now=nodes.now
    )


def test_a_removed_member_is_not_missed(light):
    light.release("KE")
    light.pull("RILO-ESA", "KE")
    light.fed = FED.changed(version=2, groups={"ncp": {"1": ["TZ", "UG"], "2": ["UG"]}})
    light.relay()
    fetched(light)
    found = compared(light)
    assert (found.expected, found.missing, found.beyond) == (1, (), ())


def test_a_correction_that_a_hub_does_not_pass_on_is_missing(light):
    rids = issue(light)
    fetched(light)
    light.release("KE", {**SEIZURE, "transport": {"conveyance": "air"}}, reference="R-0")
    assert {(pair.rid, pair.recipient, pair.ver) for pair in compared(light).missing} == {
        (rids[0], "TZ", 2), (rids[0], "UG", 2),
    }  # fmt: skip


def test_a_report_that_begins_elsewhere_or_comes_twice_changes_nothing(light):
    issue(light)
    token = reporting.make_report(
        light.databases["RILO-ESA"], fed="test", hub="RILO-ESA", originator="KE", after=0,
        signer=FED.signer("RILO-ESA", "log"), now=light.now,
    )  # fmt: skip
    accept(light, token)
    with light.databases["KE"].read() as connection:
        before = list(connection.execute(select(relay_reported)))
    accept(light, token)
    with light.databases["KE"].read() as connection:
        assert list(connection.execute(select(relay_reported))) == before


def test_a_hub_that_does_not_answer_is_told_and_the_others_are_asked(light):
    issue(light)

    async def ask(_hub, _position):
        raise LinkDown("no road")

    found = asyncio.run(
        reporting.fetch(light.databases["KE"], ask, directory=FED.directory, node="KE", clock=lambda: light.now)
    )
    assert found == {"RILO-ESA": "no road"}


def test_a_long_list_comes_in_several_reports(light, monkeypatch):
    issue(light, 3)
    monkeypatch.setattr(reporting, "MAX_PASSED", 2)
    fetched(light)
    assert compared(light).missing == ()


GOOD = {
    "fed": "test", "iss": "RILO-ESA", "to": "KE", "after": 0, "until": 1, "more": False, "iat": NOW,
    "passed": [["0" * 36, "TZ", 1, "7", NOW]],
}  # fmt: skip
BAD = {
    "another federation": {"fed": "elsewhere"},
    "another hub": {"iss": "TZ"},
    "another originator": {"to": "UG"},
    "an end before its beginning": {"after": 5},
    "a time to come": {"iat": NOW + 900},
    "a mask that is no mask": {"passed": [["0" * 36, "TZ", 1, "zz", NOW]]},
    "a recipient that is no node": {"passed": [["0" * 36, "tz", 1, "7", NOW]]},
    "an entry that is no list": {"passed": [{}]},
    "entries that are no list": {"passed": "x"},
    "a word more": {"note": "x"},
}  # fmt: skip


def opened(use="log", node="RILO-ESA", typ="cnp-relay-report+jwt", **changed):
    peer = EvilPeer(FED, node)
    token = peer.jws({**GOOD, **changed}, typ=typ, signer=FED.signer(node, use))
    return verify_relay_report(token, directory=FED.directory, hub="RILO-ESA", originator="KE", now=NOW)


def test_a_report_reads_back():
    assert opened().passed == (Onward("0" * 36, "TZ", 1, 7, NOW),)


@pytest.mark.parametrize("sentence", BAD)
def test_a_report_is_refused_with(sentence):
    with pytest.raises(FederationError):
        opened(**BAD[sentence])


@pytest.mark.parametrize("how", [{"use": "record"}, {"node": "TZ"}, {"typ": "cnp-receipt+jwt"}])
def test_a_report_is_signed_by_the_hub_s_log_key_under_its_own_type(how):
    with pytest.raises(FederationError):
        opened(**how)
