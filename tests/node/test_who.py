"""Who has a record and why, and who looked at how much, on both databases."""

import pytest
from sqlalchemy import select

from federation.errors import NotFound
from federation.feed import FeedId
from federation.receipts import sign_receipt, verify_receipt
from node.services import disclosing, holders, insiders
from node.services.serving import accept_receipt
from node.services.showing import show
from node.storage import audit, feeds
from node.storage.tables import disclosure, record
from node.storage.tables.checkpoints import insider_alarm
from node.storage.tables.relay import relay_reported
from tests.factories import NOW
from tests.node.test_publishing import FED, release

DAY = 86_400


def rid_of(database):
    with database.read() as connection:
        return connection.scalar(select(record.c.rid))


def views(database, actor, count, *, day=0, rid="x", iss="KE", purpose="customs-enforcement"):
    with database.write() as connection:
        audit.log(
            connection,
            [
                audit.Disclosure(at=NOW + day * DAY, action="view", actor=actor, iss=iss, rid=rid, purpose=purpose)
                for _ in range(count)
            ],
        )


def watch(database, limit=200, now=NOW):
    disclosing.follow(database)
    return insiders.watch(database, views_per_day=limit, now=now)


def alarms(database):
    with database.read() as connection:
        return [(row.kind, row.actor, row.day, row.times) for row in connection.execute(select(insider_alarm))]


def test_who_has_a_record_tells_groups_reasons_receipt_hub_and_viewers(database):
    release(database)
    rid = rid_of(database)
    found = holders.holders(database, node="KE", rid=rid)
    (tz, gb) = found["recipients"]
    assert (tz["recipient"], tz["state"], tz["groups"]) == ("TZ", "offered", ["case", "transport"])
    (entry,) = tz["entries"]
    assert (entry["op"], entry["ver"], entry["by"], entry["legal"]) == ("put", 1, "officer", ["MAA"])
    assert (entry["rules"], entry["policy_version"], entry["confirmed"]) == (["rule-0"], 1, False)
    assert (gb["recipient"], gb["state"], gb["entries"]) == ("GB", "withheld", [])
    with database.write() as connection:
        feed = feeds.out_feed(connection, "TZ", "bulk")
        receipt = sign_receipt(
            fed="test", feed=FeedId("KE", "TZ", "bulk", 0), size=1, root=feeds.unpack(1, feed.hashes).root(),
            quarantined=[], quarantined_total=0, directory_version=1, signer=FED.signer("TZ", "log"), now=NOW + 5,
        )  # fmt: skip
        accept_receipt(connection, verify_receipt(receipt.token, directory=FED.directory, now=NOW + 5))
        connection.execute(
            relay_reported.insert().values(hub="RILO-ESA", rid=rid, recipient="UG", ver=1, mask="0", at=NOW)
        )
    show(database, rid=rid, by="ann", purpose="customs-enforcement", now=NOW + 9)
    found = holders.holders(database, node="KE", rid=rid)
    assert (found["recipients"][0]["confirmed_at"], found["recipients"][0]["entries"][0]["confirmed"]) == (
        NOW + 5,
        True,
    )
    assert [(row["hub"], row["recipient"]) for row in found["passed_on"]] == [("RILO-ESA", "UG")]
    assert [(row["actor"], row["action"], row["purpose"]) for row in found["seen"]] == [
        ("ann", "view", "customs-enforcement")
    ]


def test_a_record_that_nobody_knows_is_not_found(database):
    with pytest.raises(NotFound):
        holders.holders(database, node="KE", rid="1f0c9a52-5d1e-4c3a-9b7e-2f6a1d3c4b5e")


def test_views_are_counted_once_by_officer_day_and_purpose(database):
    views(database, "ann", 3)
    views(database, "ann", 2, purpose="risk-analysis")
    assert watch(database) == 0
    views(database, "ben", 1)
    views(database, "ann", 1, day=1)
    assert watch(database) == watch(database) == 0
    told = [(row["actor"], row["day"], row["views"]) for row in insiders.officers(database, now=NOW + DAY)]
    assert told == [("ann", "2026-01-02", 1), ("ann", "2026-01-01", 5), ("ben", "2026-01-01", 1)]
    (day,) = [row for row in insiders.officers(database, now=NOW) if row["views"] == 5]
    assert day["purposes"] == {"customs-enforcement": 3, "risk-analysis": 2}


def test_more_views_than_the_setting_allows_raise_one_alarm_a_day_with_its_figures(database):
    views(database, "ann", 10)
    assert watch(database, limit=10) == 0
    views(database, "ann", 1)
    assert watch(database, limit=10) == 1
    views(database, "ann", 4)
    assert watch(database, limit=10) == 0
    assert alarms(database) == [("views", "ann", "2026-01-01", 15)]
    with database.read() as connection:
        (row,) = connection.execute(select(disclosure).where(disclosure.c.action == "alarm"))
    assert row.detail == "views: ann on 2026-01-01: more than 10 views a day"


def test_a_day_that_is_not_like_the_officer_s_own_raises_an_alarm(database):
    for day in range(5):
        views(database, "ann", 4, day=day)
        views(database, "ben", 19, day=day)
    assert watch(database) == 0
    views(database, "ann", 21, day=5)
    views(database, "ben", 21, day=5)
    assert watch(database) == 1
    assert alarms(database) == [("views", "ann", "2026-01-06", 21)]


def test_whoever_opens_bait_raises_an_alarm_whatever_the_rate(database):
    release(database)
    rid = rid_of(database)
    with database.write() as connection:
        insiders.add_bait(connection, iss="KE", rid=rid, by="chief", now=NOW)
        with pytest.raises(NotFound):
            insiders.add_bait(connection, iss="KE", rid="nobody's", by="chief", now=NOW)
    views(database, "ann", 3, rid="another")
    assert watch(database) == 0
    show(database, rid=rid, by="random walker", purpose="customs-enforcement", now=NOW)
    assert watch(database) == 1
    show(database, rid=rid, by="random walker", purpose="customs-enforcement", now=NOW)
    assert watch(database) == 0
    assert alarms(database) == [("bait", "random walker", "2026-01-01", 2)]
    with database.write() as connection:
        assert insiders.remove_bait(connection, rid)
    show(database, rid=rid, by="auditor", purpose="customs-enforcement", now=NOW)
    assert watch(database) == 0


def test_a_limit_of_zero_is_none(database):
    views(database, "ann", 50)
    assert watch(database, limit=0) == 0
