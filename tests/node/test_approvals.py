"""A second officer's release is for one version and one audience; and the tripwire, which knows no policy at all."""

import json

import pytest
from sqlalchemy import select

from crypto.signer import FileSigner
from federation.errors import NotFound
from node.services import approvals, approving, officers, tripwires
from node.services.officers import NotApproved
from node.storage import drafts
from node.storage.tables import disclosure, record
from node.storage.tables.instruments import approval
from tests.factories import NOW
from tests.node.test_applying import GROUPS, TZ, Node, text

SECOND = "needs_release = true\n"
BOTH = 'when = { node = ["TZ", "GB"] }'


@pytest.fixture
def node(database):
    made = Node(database)
    made.activate(text(1, ("case", TZ), ("method", SECOND + TZ)))
    return made


def release(node, second=None, reference="R-1", groups=GROUPS, publisher=None):
    new = drafts.NewDraft(kind="seizure", administration="KE", reference=reference, groups=groups, content_hash="x")
    with node.database.write() as connection:
        there = drafts.find(connection, "KE", "seizure", [reference]).get(reference)
        if there is None:
            drafts.put(connection, [new], now=node.now)
        else:
            drafts.change(connection, there, new, now=node.now)
        ids = drafts.waiting(connection)
    (report,) = (publisher or node.publisher()).release(node.database, ids, by="Ann", second=second, now=node.now)
    return report


def shown(node, recipient="TZ"):
    return [groups for _, groups in node.served(recipient)]


def waits(node):
    with node.database.read() as connection:
        return [(row.ver, json.loads(row.audience)) for row in approvals.waits(connection)]


def approve(node, by="Bob", **more):
    return approving.approve(
        node.database, node.publisher(), approving.find(node.database, "R-1"), by=by, now=node.now, **more
    )


def test_a_release_by_two_is_approved_for_the_audience_of_its_day(node):
    release(node, second="Bob")
    assert shown(node) == [{"case", "method"}]
    (row,) = node.rows(approval)
    (version,) = node.rows(record)
    assert (row.by, row.jh, row.ver, row.state) == ("Bob", version.jh, 1, "given")
    assert json.loads(row.audience) == {"TZ": ["case", "method"]}


def test_a_policy_that_widens_the_audience_sends_nothing_wider_before_a_new_approval(node):
    release(node, second="Bob")
    done = node.activate(text(2, ("case", BOTH), ("method transport", SECOND + BOTH)))
    assert done.counts() == {"put": 1, "more": 0, "less": 0, "tighten": 0}
    assert (shown(node), shown(node, "GB")) == ([{"case", "method"}], [{"case"}])
    everything = ["case", "method", "transport"]
    assert waits(node) == [(1, {"TZ": everything, "GB": everything})]
    assert approve(node).counts() == {"put": 0, "more": 2, "less": 0, "tighten": 0}
    assert shown(node, "GB") == [{"case"}, {"method", "transport"}]
    assert waits(node) == []
    assert [row.state for row in node.rows(approval)] == ["void", "given"]
    assert node.review().entries == 0


def test_a_narrower_policy_needs_no_new_approval_and_a_wide_one_again_is_covered(node):
    release(node, second="Bob")
    assert node.activate(text(2, ("case", TZ))).lesses == 1
    assert node.activate(text(3, ("case", TZ), ("method", SECOND + TZ))).mores == 1
    assert waits(node) == []


def test_a_correction_is_another_record_to_approve(node):
    release(node, second="Bob")
    release(node, groups={**GROUPS, "method": {"cover_load": "bricks"}})
    assert shown(node)[-1] == {"case"}
    assert waits(node) == [(2, {"TZ": ["case", "method"]})]


def test_one_officer_alone_releases_nothing_that_needs_two_and_it_is_listed(node):
    assert release(node).waiting == 1
    assert shown(node) == [{"case"}]
    assert waits(node) == [(1, {"TZ": ["case", "method"]})]
    with pytest.raises(NotApproved, match="another person"):
        approve(node, by="ann")
    assert approve(node).mores == 1
    assert shown(node) == [{"case"}, {"method"}]
    with pytest.raises(NotFound):
        approving.find(node.database, "R-1")


def test_an_approval_of_what_is_not_shown_any_more_is_refused(node):
    release(node)
    row = approving.find(node.database, "R-1")
    node.activate(text(2, ("case", TZ), ("method transport", SECOND + TZ)))
    with pytest.raises(NotApproved, match="not what was shown"):
        approving.approve(node.database, node.publisher(), row, by="Bob", now=node.now)
    assert shown(node) == [{"case"}]


def test_where_officers_have_keys_a_release_is_approved_by_signature(node):
    release(node)
    bob = FileSigner.generate()
    with node.database.write() as connection:
        officers.add(connection, officer="Bob", public=bob.public, now=NOW)
    with pytest.raises(NotApproved, match="--key"):
        approve(node)
    approve(node, signer=bob)
    given = next(row for row in node.rows(approval) if row.state == "given")
    with node.database.read() as connection:
        claims = approvals.claims_of(given)
        assert officers.verify(connection, given.token, claims, node="KE", now=NOW) == "Bob"


def test_what_waits_for_an_approval_is_not_shown_by_a_page_before_the_review_either(node):
    release(node, second="Bob")
    node.activate(text(2, ("case", TZ), ("method transport", SECOND + TZ)), review=False)
    assert shown(node) == [{"case", "method"}]
    node.activate(text(3, ("case", TZ)), review=False)
    assert shown(node) == [{"case"}]


# The tripwire

ALL = [("non-nominal", 'when = { kind = ["seizure"] }')]


def set_wire(node, kind, value):
    with node.database.write() as connection:
        return tripwires.add(connection, kind=kind, value=value, note="canary", by="Ann", now=NOW)


def alarms(node):
    with node.database.read() as connection:
        return [(row.rid, row.recipient, row.where) for row in tripwires.alarms(connection)]


def rid_of(node, reference):
    with node.database.read() as connection:
        return drafts.find(connection, "KE", "seizure", [reference])[reference].rid


def test_a_canary_does_not_leave_though_every_rule_grants_it(node):
    node.activate(text(2, *ALL))
    set_wire(node, "token", "CANARY-7f3a")
    release(node, groups={**GROUPS, "method": {"cover_load": "tiles and canary-7F3A"}})
    release(node, reference="R-2")
    canary = rid_of(node, "R-1")
    assert {leaf["rid"] for who in ("TZ", "GB") for leaf, _ in node.served(who)} == {rid_of(node, "R-2")}
    assert {row.rid for row in node.rows(disclosure)} == {rid_of(node, "R-2")}
    assert sorted(alarms(node)) == [(canary, "GB", "feed"), (canary, "TZ", "feed")]


def test_a_tripwire_that_is_set_later_holds_back_what_stands_in_a_feed_already(node):
    node.activate(text(2, *ALL))
    release(node)
    assert shown(node) == [{"case", "method", "transport"}]
    number = set_wire(node, "record", rid_of(node, "R-1"))
    assert shown(node) == [None]
    assert node.activate(text(3, *ALL, ("case", BOTH))).entries == 0
    with node.database.write() as connection:
        assert tripwires.remove(connection, number)
    assert shown(node) == [{"case", "method", "transport"}]


def test_a_review_is_stopped_by_the_tripwire_as_a_release_is(node):
    release(node)
    set_wire(node, "record", rid_of(node, "R-1"))
    done = node.activate(text(2, *ALL))
    assert alarms(node)
    assert [leaf["op"] for leaf, _ in node.served()] == ["put"]
    assert done.recipients == set()


@pytest.mark.parametrize("value", ["", "abc", "   a "])
def test_a_tripwire_that_would_stop_everything_is_refused(value, node):
    with pytest.raises(ValueError, match="at least"):
        set_wire(node, "token", value)


def test_what_is_withdrawn_is_not_stopped(node):
    node.activate(text(2, *ALL))
    release(node)
    set_wire(node, "record", rid_of(node, "R-1"))
    assert node.activate(text(3)).lesses == 2
    with node.database.read() as connection:
        assert (
            connection.scalars(select(disclosure.c.detail).where(disclosure.c.detail == "less")).all() == ["less"] * 2
        )
