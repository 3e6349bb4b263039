"""What a change of policy, or of the day, makes of records that were released before, on both databases."""

import json
import random
from dataclasses import replace

import pytest
from sqlalchemy import select

from federation.policy import compile_policy, load_policy
from node.services import applying
from node.services.publishing import Publisher
from node.services.serving import Server
from node.storage import applications, drafts, policies
from node.storage.tables import decision, disclosure, grant_out
from tests.factories import NOW, make_federation
from tests.simulator.naive import shown_groups

FED = make_federation(["KE", "TZ", "GB"])
DAY = 86_400
GROUPS = {
    "case": {"reference": "R-1", "administration": "KE"},
    "transport": {"conveyance": "sea"},
    "method": {"cover_load": "tiles"},
}


def text(version, *rules, instrument=""):
    """A policy of KE: rules as (groups, members of the rule)."""
    written = [
        f'[[rule]]\nid = "r{number}"\neffect = "grant"\ngroups = {json.dumps(groups.split())}\n{more}\n'
        for number, (groups, more) in enumerate(rules)
    ]
    head = f'country = "KE"\nversion = {version}\nauthor = "one"\napprover = "two"\n'
    return head + instrument + "".join(written)


TZ = 'when = { node = ["TZ"] }'


class Node:
    """KE with one released record, and what its peers are served."""

    def __init__(self, database):
        self.database, self.now = database, NOW
        self.policy = None

    def activate(self, body, *, review=True):
        self.policy = compile_policy(load_policy(body))
        with self.database.write() as connection:
            policies.activate(connection, version=self.policy.version, body=body, author="one", by="two", now=self.now)
        return self.review() if review else None

    def publisher(self):
        return Publisher(
            fed="test", node="KE", signer=FED.signer("KE"), directory=FED.directory, policy=self.policy,
            handling={"tlp": "green", "onward": "none"}, token=random.Random(3).randbytes,  # noqa: S311 - a test
        )  # fmt: skip

    def review(self, **options):
        total = applying.Reviewed()
        for done in applying.advance(self.database, self.publisher(), now=self.now, **options):
            total.add(done)
        return total

    def release(self, *references, groups=GROUPS):
        new = [
            drafts.NewDraft(kind="seizure", administration="KE", reference=name, groups=groups, content_hash=name)
            for name in references
        ]
        with self.database.write() as connection:
            drafts.put(connection, new, now=self.now)
            ids = drafts.waiting(connection)
        return list(self.publisher().release(self.database, ids, by="officer", second=None, now=self.now))

    def served(self, recipient="TZ", lane="bulk", start=0):
        server = Server(node="KE", directory=FED.directory, log_signer=FED.signer("KE", "log"))
        with self.database.read() as connection:
            page = server.page(
                connection, recipient=recipient, lane=lane, start=start, limit=99, note=None, now=self.now
            )
        return [
            (json.loads(entry["e"]), shown_groups(entry["s"]) if "s" in entry else None)
            for entry in json.loads(page)["entries"]
        ]

    def ops(self, recipient="TZ"):
        found = [leaf for lane in ("bulk", "urgent") for leaf, _ in self.served(recipient, lane)]
        return [leaf["op"] for leaf in sorted(found, key=lambda leaf: leaf["gc"])]

    def rows(self, table):
        with self.database.read() as connection:
            return list(connection.execute(select(table)))


@pytest.fixture
def node(database):
    return Node(database)


def test_what_is_newly_granted_goes_alone_and_under_the_whole_mask(node):
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    done = node.activate(text(2, ("case transport", TZ)))
    assert done.counts() == {"put": 0, "more": 1, "less": 0, "tighten": 0}
    (put, first), (more, added) = node.served()
    assert (put["op"], more["op"], first, added) == ("put", "more", {"case"}, {"transport"})
    assert int(put["gm"], 16) & int(more["gm"], 16) == int(put["gm"], 16)
    assert int(more["gm"], 16).bit_count() == 2
    assert (put["gc"], more["gc"]) == (1, 2)
    (_, logged) = node.rows(disclosure)
    assert (logged.groups, logged.detail, logged.policy_version, logged.actor) == ("transport", "more", 2, "policy")


def test_what_is_newly_withheld_is_taken_back_by_the_urgent_lane_and_no_old_entry_shows_it(node):
    node.activate(text(1, ("case transport", TZ)))
    node.release("R-1")
    assert node.activate(text(2, ("case", TZ))).lesses == 1
    ((less, body),) = node.served(lane="urgent")
    assert (less["op"], body, int(less["gm"], 16).bit_count(), "grant" in less) == ("less", None, 1, False)
    assert [shown for _, shown in node.served()] == [{"case"}]
    assert node.activate(text(3)).lesses == 1
    assert [int(leaf["gm"], 16) for leaf, _ in node.served(lane="urgent", start=1)] == [0]
    assert [shown for _, shown in node.served()] == [None]


def test_what_is_only_answered_on_request_from_now_on_is_taken_back(node):
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    done = node.activate(text(2, ("case", f'mode = "query"\n{TZ}')))
    assert done.counts() == {"put": 0, "more": 0, "less": 1, "tighten": 0}


def test_stricter_obligations_are_told_and_looser_ones_wait_for_the_next_version(node):
    strict = f'{TZ}\nobligations = {{ tlp = "red", report_back = true, receipt_within = 24 }}'
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    assert node.activate(text(2, ("case", strict.replace("red", "amber")))).tightens == 1
    ((tighten, _),) = node.served(lane="urgent")
    assert (tighten["op"], tighten["grant"]["tlp"]) == ("tighten", "amber")
    assert int(tighten["gm"], 16) == int(node.served()[0][0]["gm"], 16)
    assert node.activate(text(3, ("case", TZ))).entries == 0
    # The looser policy did not loosen what the holder is bound to: less than that is not told again.
    assert node.activate(text(4, ("case", f'{TZ}\nobligations = {{ tlp = "amber" }}'))).entries == 0
    more = node.activate(text(5, ("case transport", TZ)))
    assert more.mores == 1
    assert node.served()[1][0]["grant"]["tlp"] == "amber"


def test_one_group_exchanged_for_another_is_taken_back_first(node):
    node.activate(text(1, ("case transport", TZ)))
    node.release("R-1")
    done = node.activate(text(2, ("case method", TZ)))
    assert (done.lesses, done.mores, done.entries) == (1, 1, 2)
    assert node.ops() == ["put", "less", "more"]
    assert [shown for _, shown in node.served()] == [{"case"}, {"method"}]
    (grant,) = node.rows(grant_out)
    assert (grant.gc, int(grant.mask, 16).bit_count()) == (3, 2)


def test_what_shares_nothing_with_before_begins_anew(node):
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    node.activate(text(2, ("method", TZ)))
    assert node.ops() == ["put", "less", "put"]
    assert [shown for _, shown in node.served()] == [None, {"method"}]


def test_an_activation_that_changes_nothing_writes_nothing_and_keeps_the_decisions(node):
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    before = node.rows(grant_out), len(node.rows(disclosure))
    assert node.activate(text(2, ("case", TZ))).entries == 0
    assert (node.rows(grant_out), len(node.rows(disclosure))) == before
    assert [json.loads(row.body)["policy"] for row in node.rows(decision) if row.hash == before[0][0].decision] == [1]


def test_every_entry_of_a_review_has_its_row_and_its_stored_decision(node):
    node.activate(text(1, ("case transport", TZ)))
    node.release("R-1", "R-2")
    node.activate(
        text(2, ("case method", f'{TZ}\nobligations = {{ tlp = "red" }}'), ("case", 'when = { node = ["GB"] }'))
    )
    known = {row.hash for row in node.rows(decision)}
    logged = node.rows(disclosure)
    assert len(logged) == 2 * (1 + 3)
    assert {row.decision for row in logged} <= known
    assert {row.decision for row in node.rows(grant_out)} <= known


def test_narrowing_binds_from_the_activation_on_before_anything_was_looked_at(node):
    node.activate(text(1, ("case transport", TZ)))
    node.release("R-1")
    node.activate(text(2, ("case method", TZ)), review=False)
    assert [shown for _, shown in node.served()] == [{"case"}]
    node.activate(text(3), review=False)
    assert [shown for _, shown in node.served()] == [None]
    node.activate(text(4, ("case transport", TZ)), review=False)
    assert [shown for _, shown in node.served()] == [{"case", "transport"}]


def test_a_review_that_breaks_off_goes_on_where_it_stood_and_doubles_nothing(node):
    node.activate(text(1, ("case", TZ)))
    node.release(*(f"R-{number}" for number in range(5)))
    node.activate(text(2, ("case transport", TZ)), review=False)
    work = applying.advance(node.database, node.publisher(), now=node.now, limit=2)
    assert next(work).mores == 2
    work.close()
    with node.database.read() as connection:
        row = applications.find(connection, 2)
    assert (row.done, row.mores) == (False, 2)
    assert applying.due(node.database, node.publisher(), now=node.now)
    assert node.review().mores == 3
    assert not applying.due(node.database, node.publisher(), now=node.now)
    assert node.review().entries == 0
    assert node.ops().count("more") == 5


def test_a_batch_that_breaks_is_undone_whole(node, monkeypatch):
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    node.activate(text(2, ("case transport", TZ)), review=False)

    def fail(*_arguments, **_more):
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(applications, "advance", fail)
        with pytest.raises(RuntimeError):
            node.review()
    assert node.ops() == ["put"]
    assert node.review().mores == 1


MAA = '[[instrument]]\nid = "MAA"\ntitle = "Agreement"\nvalid_until = {until}\n'


def test_an_expired_instrument_closes_its_rules_at_once_and_withdraws(node):
    until = "2026-01-01"
    body = text(1, ("case", f'{TZ}\nlegal = ["MAA"]'), ("method", TZ), instrument=MAA.format(until=until))
    node.activate(body)
    node.release("R-1")
    assert [shown for _, shown in node.served()] == [{"case", "method"}]
    assert not applying.due(node.database, node.publisher(), now=node.now)
    node.now += DAY
    assert [shown for _, shown in node.served()] == [{"method"}]
    assert applying.due(node.database, node.publisher(), now=node.now)
    assert node.review().lesses == 1
    assert not applying.due(node.database, node.publisher(), now=node.now)


def test_an_embargo_that_ends_and_an_age_that_is_passed_are_looked_at_by_the_day(node):
    node.activate(text(1, ("case", TZ), ("method", f"{TZ}\nembargo_days = 1"),
                       ("transport", 'when = { node = ["TZ"], age_at_most_days = 1 }')))  # fmt: skip
    node.release(
        "R-1", groups={**GROUPS, "case": {**GROUPS["case"], "dates": [{"kind": "seized", "on": "2026-01-01"}]}}
    )
    assert [shown for _, shown in node.served()] == [{"case", "transport"}]
    node.now += DAY
    assert node.review().mores == 1
    node.now += DAY
    assert [shown for _, shown in node.served()] == [{"case"}, {"method"}]
    assert node.review().lesses == 1


def test_a_release_by_a_publisher_of_yesterday_is_decided_by_the_policy_in_force(node):
    node.activate(text(1, ("case transport", TZ)))
    old = node.publisher()
    node.activate(text(2, ("case", TZ)))
    node.publisher = lambda: old
    node.release("R-1")
    assert [shown for _, shown in node.served()] == [{"case"}]


def test_a_new_version_that_may_not_go_takes_the_old_one_back_after_more_and_less(node):
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    node.activate(text(2, ("case transport", TZ)))
    node.activate(text(3, ("case", 'when = { node = ["TZ"], media = true }')), review=False)
    with node.database.write() as connection:
        there = drafts.find(connection, "KE", "seizure", ["R-1"])["R-1"]
        new = drafts.NewDraft(
            kind="seizure", administration="KE", reference="R-1", content_hash="y",
            groups={**GROUPS, "transport": {"conveyance": "air"}},
        )  # fmt: skip
        drafts.change(connection, there, new, now=node.now)
        ids = drafts.waiting(connection)
    list(node.publisher().release(node.database, ids, by="officer", second=None, now=node.now))
    assert node.ops() == ["put", "more", "less"]
    ((less, _),) = node.served(lane="urgent")
    assert (less["ver"], int(less["gm"], 16)) == (2, 0)
    assert node.review().entries == 0
    assert node.activate(text(4, ("case transport", TZ))).puts == 1
    assert [shown for _, shown in node.served()] == [None, None, {"case", "transport"}]


def test_a_suspended_member_is_left_out_of_a_review(node):
    node.activate(text(1, ("case", TZ)))
    node.release("R-1")
    fed = FED.with_node("TZ", status="suspended")
    publisher = replace(node.publisher(), directory=fed.directory)
    node.publisher = lambda: publisher
    assert node.activate(text(2, ("case transport", TZ))).entries == 0
