"""A regional office that passes on more than it may: refused by its receiver, and shown by its own signed entry."""

import json

import pytest
from sqlalchemy import select

from federation.evidence import verify_evidence
from federation.evidence.form import EvidenceRefused
from federation.relay import JOINT, sign_relay_grant, text_hash
from node.services.intake import retry
from node.storage import evidence
from node.storage.tables import quarantine, record
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation

GROUPS = {"ncp": {"1": ["TZ", "UG"]}}
FED = make_federation(["KE", "TZ", "UG", "ZA", "RILO-ESA"], groups=GROUPS)
CONTENT = {
    "case": {"reference": "R-1", "administration": "KE"},
    "transport": {"conveyance": "sea"},
    "method": {"cover_load": "tiles"},
}
HOUR = 3_600


class Hub(EvilPeer):
    """The office, with records of KE that it holds in full and grants that KE signed."""

    def __init__(self, fed=FED):
        super().__init__(fed, "RILO-ESA")
        self.ke = EvilPeer(FED, "KE")
        self.record = self.ke.record(groups=CONTENT)

    def grant(self, *groups, record=None, signer=None, to=None, nodes=None, now=NOW, exp=NOW + HOUR, hub="RILO-ESA"):
        of = record or self.record
        return sign_relay_grant(
            fed="test", iss="KE", rid=of.claims["rid"], ver=of.claims["ver"], jh=of.jh, hub=hub,
            group=to or (None if nodes else "ncp@1"), nodes=nodes, mask=of.mask(*groups), width=24,
            grant={"tlp": "green", "onward": "none", "evidence": "ask"}, signer=signer or FED.signer("KE"), now=now,
            exp=exp,
        ).token  # fmt: skip

    def passes(self, feed, *groups, grants, record=None, shown=None, **leaf):
        of = record or self.record
        text = JOINT.join(grants)
        members = {"rg": text_hash(text), **leaf}
        return feed.append(of.leaf(*groups, **members), of.shown(*(shown or groups)), text)


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
def victim(sqlite_database):
    return Victim(FED, sqlite_database, sender="RILO-ESA")


def bytes_of(victim):
    with victim.database.read() as connection:
        return [row.body.encode() for row in evidence.listing(connection) if row.proven]


def proven(victim, fed=FED):
    """What a third party makes of the evidence that was kept, with nothing but the directory."""
    return [verify_evidence(data, directory=fed.directory).facts["breach"] for data in bytes_of(victim)]


def test_what_the_grant_covers_is_taken_in(hub, victim):
    feed = hub.feed("TZ")
    hub.passes(feed, "case", "transport", grants=[hub.grant("case", "transport")])
    victim.pull(feed)
    assert victim.aside() == {}
    assert victim.states() == {hub.record.claims["rid"]: "received"}
    assert proven(victim) == []


BREACHES = {
    "one disclosure more than the grant allows": (
        lambda hub, feed: hub.passes(feed, "case", "method", grants=[hub.grant("case")]),
        "grant-exceeded",
        "it grants more groups than its relay grant allows",
    ),
    "a country outside the grant": (
        lambda hub, feed: hub.passes(feed, "case", grants=[hub.grant("case", nodes=["UG"])]),
        "grant-exceeded",
        "its relay grant does not name the receiver",
    ),
    "after the grant has expired": (
        lambda hub, feed: hub.passes(feed, "case", grants=[hub.grant("case", now=NOW - HOUR, exp=NOW - 1)]),
        "no-relay-grant",
        "its relay grant had expired",
    ),
    "another version than the grant is for": (
        lambda hub, feed: hub.passes(feed, "case", grants=[hub.grant("case", record=hub.ke.record(groups=CONTENT))]),
        "no-relay-grant",
        "its relay grant is for another record version, or for another hub, or of another member",
    ),
    "by a grant for another hub": (
        lambda hub, feed: hub.passes(feed, "case", grants=[hub.grant("case", hub="RILO-EUR")]),
        "no-relay-grant",
        "its relay grant is for another record version, or for another hub, or of another member",
    ),
    "by a grant that the hub signed itself": (
        lambda hub, feed: hub.passes(feed, "case", grants=[hub.grant("case", signer=FED.signer("RILO-ESA"))]),
        "no-relay-grant",
        "what it names as a relay grant was not signed by a member",
    ),
    "by a grant whose signature is altered": (
        lambda hub, feed: hub.passes(feed, "case", grants=[hub.grant("case")[:-4] + "AAAA"]),
        "no-relay-grant",
        "what it names as a relay grant was not signed by a member",
    ),
    "by no grant at all": (
        lambda hub, feed: feed.append(hub.record.leaf("case"), hub.record.shown("case")),
        "no-relay-grant",
        "its entry names no relay grant",
    ),
}


@pytest.mark.parametrize("sentence", BREACHES)
def test_it_is_refused_and_shown_by_the_hub_s_own_entry_when_it_passes_on(sentence, hub, victim):
    act, problem, breach = BREACHES[sentence]
    feed = hub.feed("TZ")
    before, after = hub.ke.record(groups=CONTENT), hub.ke.record(groups=CONTENT)
    hub.passes(feed, "case", grants=[hub.grant("case", record=before)], record=before)
    n = act(hub, feed)
    hub.passes(feed, "case", grants=[hub.grant("case", record=after)], record=after)
    victim.pull(feed)
    assert victim.aside() == {n: problem}
    assert sum(state == "received" for state in victim.states().values()) == 2
    assert hub.record.claims["rid"] not in victim.states()
    assert proven(victim) == [breach]


REMOVED = {"ncp": {"1": ["TZ", "UG"], "2": ["UG"]}}


def test_a_removed_member_refuses_what_the_hub_still_sends_it_and_can_show_it(hub, victim):
    fed = FED.changed(version=2, groups=REMOVED, group_times={"ncp": {"1": NOW - 9 * HOUR, "2": NOW - 3 * HOUR}})
    victim.world.fed = fed
    feed = hub.feed("TZ")
    n = hub.passes(feed, "case", grants=[hub.grant("case")])
    victim.pull(feed)
    assert victim.aside() == {n: "grant-exceeded"}
    assert proven(victim, fed) == ["the receiver had been removed from the group"]


@pytest.mark.parametrize("times", [{"ncp": {"2": NOW - HOUR}}, {}])
def test_nobody_is_accused_who_may_not_have_had_the_directory_yet(times, hub, victim):
    victim.world.fed = FED.changed(version=2, groups=REMOVED, group_times=times)
    feed = hub.feed("TZ")
    n = hub.passes(feed, "case", grants=[hub.grant("case")])
    victim.pull(feed)
    assert victim.aside() == {n: "grant-exceeded"}
    assert proven(victim) == []


def test_a_group_version_from_before_the_removal_opens_nothing(hub, victim):
    """The hub names the old version, in which the receiver still was."""
    victim.world.fed = FED.changed(version=2, groups={"ncp": {"1": ["TZ"], "2": ["TZ", "UG"], "3": ["UG"]}})
    feed = hub.feed("TZ")
    n = hub.passes(feed, "case", grants=[hub.grant("case", to="ncp@1")])
    victim.pull(feed)
    assert victim.aside() == {n: "grant-exceeded"}


def test_a_body_that_shows_more_than_its_entry_grants_is_refused(hub, victim):
    feed = hub.feed("TZ")
    n = hub.passes(feed, "case", grants=[hub.grant("case")], shown=("case", "method"))
    victim.pull(feed)
    assert victim.aside() == {n: "grant-exceeded"}
    assert victim.rows() == []


def test_an_administration_relays_nothing_even_with_a_grant(victim, sqlite_database):
    other = Victim(FED, sqlite_database, sender="ZA")
    hub, peer = Hub(), EvilPeer(FED, "ZA")
    feed = peer.feed("TZ")
    hub.passes(feed, "case", grants=[hub.grant("case", hub="ZA")])
    other.pull(feed)
    assert other.aside() == {0: "no-relay-grant"}


def test_of_a_suspended_hub_nothing_is_taken_in(hub, victim):
    victim.world.fed = FED.with_node("RILO-ESA", status="suspended")
    feed = hub.feed("TZ")
    n = hub.passes(feed, "case", grants=[hub.grant("case")])
    victim.pull(feed)
    assert victim.aside() == {n: "suspended"}


def test_of_a_suspended_originator_nothing_is_taken_in_by_the_hub_s_road(hub, victim):
    victim.world.fed = FED.with_node("KE", status="suspended")
    feed = hub.feed("TZ")
    n = hub.passes(feed, "case", grants=[hub.grant("case")])
    victim.pull(feed)
    assert victim.aside() == {n: "suspended"}


def test_a_hub_cannot_bring_back_what_was_recalled(hub, victim):
    feed = hub.feed("TZ")
    recall = hub.ke.tombstone(hub.record.claims["rid"], prev=hub.record.jh)
    feed.append(recall.leaf(op="tomb", gm="000000"), recall.jwt + "~")
    hub.passes(feed, "case", grants=[hub.grant("case")], gc=2)
    victim.pull(feed)
    assert victim.states() == {}
    assert victim.aside() == {}


def test_what_was_refused_for_time_stays_refused_and_what_came_in_time_counts_later(hub, victim):
    feed = hub.feed("TZ")
    late = hub.ke.record(groups=CONTENT)
    hub.passes(feed, "case", grants=[hub.grant("case", record=late, exp=NOW + 1)], record=late)
    victim.world.fed = FED.with_node("KE", status="suspended")
    victim.pull(feed)
    assert victim.aside() == {0: "suspended"}
    with victim.database.write() as connection:
        (row,) = connection.execute(select(quarantine))
        retry(connection, row, node="TZ", directory=FED.directory, now=NOW + 9 * HOUR)
    assert victim.aside() == {}
    assert [row.state for row in victim.rows(record)] == ["received"]


def test_evidence_of_a_breach_that_was_altered_proves_nothing(hub, victim):
    feed = hub.feed("TZ")
    hub.passes(feed, "case", "method", grants=[hub.grant("case")])
    victim.pull(feed)
    (data,) = bytes_of(victim)
    value = json.loads(data)
    value["parts"]["grants"] = [hub.grant("case", "method")]
    with pytest.raises(EvidenceRefused):
        verify_evidence(json.dumps(value).encode(), directory=FED.directory)


def test_an_honest_entry_is_no_evidence(hub, victim):
    feed = hub.feed("TZ")
    hub.passes(feed, "case", "method", grants=[hub.grant("case")])
    victim.pull(feed)
    (data,) = bytes_of(victim)
    value = json.loads(data)
    honest = hub.feed("TZ")
    hub.passes(honest, "case", grants=[hub.grant("case")])
    value["parts"] |= {
        "leaf": honest.entries[0][0], "grants": honest.entries[0][2].split(JOINT), "proof": [], "note": honest.note(),
    }  # fmt: skip
    with pytest.raises(EvidenceRefused):
        verify_evidence(json.dumps(value).encode(), directory=FED.directory)
