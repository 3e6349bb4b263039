"""Release on both databases: what is written with a draft that goes out, and what of it each peer is served."""

import json
import random

import pytest
from sqlalchemy import select

from federation.errors import FederationError
from federation.policy import compile_policy, load_policy
from node.services.publishing import Publisher
from node.services.serving import Server
from node.storage import audit, drafts, feeds
from node.storage.tables import disclosure, draft, entry_out, feed_out, grant_out, record, withheld
from tests.factories import NOW, make_federation
from tests.simulator.naive import shown_groups
from tests.simulator.world import policy_text

FED = make_federation(["KE", "TZ", "GB"])
SHARE = [{"effect": "grant", "kind": "seizure", "nodes": ["TZ"], "groups": ["case", "transport", "persons"]}]
GROUPS = {
    "case": {"reference": "R-1", "administration": "KE"},
    "transport": {"conveyance": "sea"},
    "method": {"cover_load": "tiles"},
}


def publisher(rules=SHARE, version=1, fed=FED):
    return Publisher(
        fed="test", node="KE", signer=fed.signer("KE"), directory=fed.directory,
        policy=compile_policy(load_policy(policy_text("KE", version, rules), format="json")),
        handling={"tlp": "green", "onward": "none"}, token=random.Random(3).randbytes,  # noqa: S311 - chance of a test
    )  # fmt: skip


def release(database, groups=GROUPS, *, reference="R-1", rules=SHARE, now=NOW, fed=FED):
    new = drafts.NewDraft(kind="seizure", administration="KE", reference=reference, groups=groups, content_hash="x")
    with database.write() as connection:
        there = drafts.find(connection, "KE", "seizure", [reference]).get(reference)
        if there is None:
            drafts.put(connection, [new], now=now)
        else:
            drafts.change(connection, there, new, now=now)
        ids = drafts.waiting(connection)
    (report,) = publisher(rules, fed=fed).release(database, ids, by="officer", second=None, now=now)
    return report


def rows(database, table):
    with database.read() as connection:
        return list(connection.execute(select(table)))


def served(database, recipient, lane="bulk", start=0, now=NOW):
    server = Server(node="KE", directory=FED.directory, log_signer=FED.signer("KE", "log"))
    with database.read() as connection:
        return json.loads(
            server.page(connection, recipient=recipient, lane=lane, start=start, limit=9, note=None, now=now)
        )["entries"]


def test_a_release_writes_version_entry_grant_decision_and_disclosure_row_together(database):
    report = release(database)
    assert (report.released, report.entries, report.withheld, report.recipients) == (1, 1, 1, {"TZ"})
    (version,) = rows(database, record)
    (entry,) = rows(database, entry_out)
    (grant,) = rows(database, grant_out)
    (logged,) = rows(database, disclosure)
    (kept_back,) = rows(database, withheld)
    assert (version.state, entry.record) == ("released", version.id)
    assert (grant.recipient, grant.mask) == ("TZ", entry.mask)
    assert (logged.recipient, logged.groups, logged.legal, logged.actor) == ("TZ", "case,transport", "MAA", "officer")
    assert (logged.feed, logged.n, logged.decision) == (entry.feed, entry.n, grant.decision)
    assert kept_back.recipient == "GB"
    with database.read() as connection:
        assert "rule-0" in audit.decision_body(connection, grant.decision)


def test_what_leaves_has_no_rule_name_no_reason_and_no_policy(database):
    release(database)
    (entry,) = served(database, "TZ")
    leaf = json.loads(entry["e"])
    assert leaf["grant"].keys() <= {"gid", "purposes", "tlp", "onward", "evidence", "legal", "keep_until", "review_by"}
    assert "rule" not in entry["e"]
    assert shown_groups(entry["s"]) == {"case", "transport"}
    assert served(database, "GB") == []


def test_a_release_that_breaks_leaves_nothing_behind(database, monkeypatch):
    def fail(*_args, **_more):
        raise RuntimeError("power cut")

    monkeypatch.setattr(drafts, "mark_released", fail)
    with pytest.raises(RuntimeError):
        release(database)
    for table in (record, entry_out, grant_out, disclosure, withheld):
        assert rows(database, table) == []
    assert {row.size for row in rows(database, feed_out)} <= {0}
    monkeypatch.undo()
    with database.read() as connection:
        ids = drafts.waiting(connection)
    (report,) = publisher().release(database, ids, by="officer", second=None, now=NOW)
    assert report.released == 1


def test_a_draft_with_faults_stays_at_home_and_does_not_stop_the_others(database):
    with database.write() as connection:
        drafts.put(
            connection,
            [
                drafts.NewDraft(kind="seizure", administration="KE", reference=name, groups=groups, content_hash="x")
                for name, groups in (("bad", {"case": {"reference": "bad"}}), ("good", GROUPS))
            ],
            now=NOW,
        )
        ids = drafts.waiting(connection)
    (report,) = publisher().release(database, ids, by="officer", second=None, now=NOW)
    assert report.released == 1
    (refused,) = report.refused
    assert (refused.reference, "case.administration" in refused.faults[0]) == ("bad", True)
    assert {row.reference: row.state for row in rows(database, draft)} == {"bad": "draft", "good": "released"}


def test_a_correction_takes_the_place_of_what_was_given(database):
    release(database)
    release(database, {**GROUPS, "transport": {"conveyance": "air"}}, now=NOW + 1)
    first, second = served(database, "TZ")
    assert "s" not in first
    assert shown_groups(second["s"]) == {"case", "transport"}
    one, two = sorted(rows(database, record), key=lambda row: row.ver)
    assert (one.state, two.state, two.prev) == ("superseded", "released", one.jh)
    assert [json.loads(entry["e"])["gc"] for entry in (first, second)] == [1, 2]
    # Two things keep the old version at home, and each is enough: its state, and that the grant is of another version.
    with database.write() as connection:
        connection.execute(record.update().where(record.c.ver == 1).values(state="shared"))
        connection.execute(grant_out.update().values(mask="ffffff"))
    assert "s" not in served(database, "TZ")[0]
    with database.write() as connection:
        connection.execute(record.update().where(record.c.ver == 1).values(state="superseded"))
        connection.execute(grant_out.update().values(ver=1))
    assert "s" not in served(database, "TZ")[0]


def test_a_correction_that_is_no_longer_granted_takes_back_what_was_given(database):
    release(database)
    release(database, rules=[], now=NOW + 1)
    (first,) = served(database, "TZ")
    (second,) = served(database, "TZ", "urgent")
    assert "s" not in first
    assert "s" not in second
    leaf = json.loads(second["e"])
    assert (leaf["op"], int(leaf["gm"], 16), leaf["gc"]) == ("less", 0, 2)
    assert rows(database, disclosure)[-1].detail == "less"


def test_what_was_withheld_is_offered_when_a_new_policy_allows_it_and_only_once(database):
    release(database)
    wider = [{**SHARE[0], "nodes": ["TZ", "GB"], "groups": ["case"]}]
    for grown in ({"GB", "TZ"}, set()):
        with database.write() as connection:
            report = publisher(wider, 2).offer_again(connection, now=NOW + 5)
        assert report.recipients == grown
    assert [shown_groups(entry["s"]) for entry in served(database, "GB")] == [{"case"}]
    assert [shown_groups(entry["s"]) for entry in served(database, "TZ")] == [{"case"}]
    assert rows(database, withheld) == []


def test_a_body_is_shown_as_far_as_it_is_granted_now(database):
    release(database)
    with database.write() as connection:
        (grant,) = connection.execute(select(grant_out))
        bits = [bit for bit in range(24) if int(grant.mask, 16) >> bit & 1]
        connection.execute(grant_out.update().values(mask=f"{1 << bits[0]:06x}"))
    (entry,) = served(database, "TZ")
    assert len(shown_groups(entry["s"])) == 1
    with database.write() as connection:
        connection.execute(grant_out.delete())
    (entry,) = served(database, "TZ")
    assert "s" not in entry


def test_a_body_whose_time_is_over_for_its_recipient_does_not_leave(database):
    release(database, rules=[{**SHARE[0], "obligations": {"keep_until": "2026-02-01"}}])
    until = 1_769_904_000
    assert "s" in served(database, "TZ", now=until - 1)[0]
    assert "s" not in served(database, "TZ", now=until)[0]
    # Each of three is enough: the entry's own grant, the newest grant, the record's own floor.
    with database.write() as connection:
        connection.execute(grant_out.update().values(keep_until=None))
    assert "s" not in served(database, "TZ", now=until)[0]
    with database.write() as connection:
        connection.execute(entry_out.update().values(leaf="{}"))
    assert "s" in served(database, "TZ", now=until)[0]
    with database.write() as connection:
        connection.execute(grant_out.update().values(keep_until=until))
    assert "s" not in served(database, "TZ", now=until)[0]
    with database.write() as connection:
        connection.execute(grant_out.update().values(keep_until=None))
        connection.execute(record.update().values(keep_until=until))
    assert "s" not in served(database, "TZ", now=until)[0]


@pytest.mark.parametrize("status", ["suspended", "left"])
def test_a_member_in_bad_standing_is_offered_nothing(status, database):
    report = release(database, fed=FED.with_node("TZ", status=status))
    assert (report.entries, report.recipients) == (0, set())


def test_nobody_is_given_its_own_records(database):
    everybody = [{**SHARE[0], "nodes": ["KE", "TZ", "GB"]}]
    assert release(database, rules=everybody).recipients == {"TZ", "GB"}


def test_a_note_of_this_node_of_another_history_asks_for_a_new_epoch(database, make_database):
    release(database)
    other = make_database()
    release(other, reference="R-2")
    server = Server(node="KE", directory=FED.directory, log_signer=FED.signer("KE", "log"))
    with other.read() as connection:
        note = json.loads(server.page(connection, recipient="TZ", lane="bulk", start=0, limit=9, note=None, now=NOW))[
            "checkpoint"
        ]
    with database.read() as connection, pytest.raises(FederationError) as refused:
        server.page(connection, recipient="TZ", lane="bulk", start=1, limit=9, note=note, now=NOW)
    assert refused.value.problem == "feed-epoch-required"


def test_a_page_has_no_more_bytes_than_a_page_may(database, monkeypatch):
    monkeypatch.setattr("node.services.serving.ROOM", 4_000)
    for number in range(4):
        release(database, reference=f"R-{number}")
    entries = served(database, "TZ")
    assert 1 <= len(entries) < 4
    assert len(served(database, "TZ", start=len(entries))) >= 1


def test_feeds_are_known_by_recipient(database):
    release(database)
    with database.read() as connection:
        assert {(row.recipient, row.lane): row.size for row in feeds.out_feeds(connection)} == {
            ("TZ", "bulk"): 1, ("TZ", "urgent"): 0, ("GB", "bulk"): 0, ("GB", "urgent"): 0,
        }  # fmt: skip


def test_a_draft_that_changes_between_signing_and_writing_waits_as_it_is_now(database, monkeypatch):
    sign = Publisher._prepare

    def and_then_somebody_changes_it(self, where, ids, now):
        prepared = sign(self, where, ids, now)
        with where.write() as connection:
            row = drafts.find(connection, "KE", "seizure", ["R-1"])["R-1"]
            new = drafts.NewDraft(
                kind="seizure", administration="KE", reference="R-1", content_hash="y",
                groups={**GROUPS, "transport": {"conveyance": "air"}},
            )  # fmt: skip
            drafts.change(connection, row, new, now=now)
        return prepared

    monkeypatch.setattr(Publisher, "_prepare", and_then_somebody_changes_it)
    assert release(database).released == 0
    assert rows(database, record) == []
    monkeypatch.undo()
    with database.read() as connection:
        ids = drafts.waiting(connection)
    (report,) = publisher().release(database, ids, by="officer", second=None, now=NOW)
    assert report.released == 1
    with database.read() as connection:
        assert [row.title for row in connection.execute(select(record))] == ["Seizure · air"]
