"""Histories told by hand: what the state machine may not happen upon, and that its instruments can fail."""

import base64
import io
import json
import logging
from contextlib import redirect_stderr
from urllib.parse import quote

import pytest
import structlog
from sqlalchemy import select

from node import telemetry
from node.services.intake import retry
from node.services.publishing import Publisher
from node.storage import quarantine
from node.storage.tables import entry_in, feed_out, record
from tests.simulator import content
from tests.simulator.checker import History, all_is_delivered, check
from tests.simulator.naive import shown_groups, unb64
from tests.simulator.world import FAULTS, HONEST, World, address

OPEN = [
    {"effect": "grant", "kind": kind, "nodes": list(HONEST), "groups": ["non-nominal"]} for kind in ("seizure", "alert")
]


@pytest.fixture(params=[False, True], ids=["pages alone", "signed HTTP"])
def world(request, tmp_path, make_sqlite):
    made = World(tmp_path, make_sqlite, seed=7, signed=request.param)
    yield made
    made.close()


@pytest.fixture
def plain(tmp_path, make_sqlite):
    made = World(tmp_path, make_sqlite, seed=7)
    yield made
    made.close()


TOKEN = "tk0123456789abcdef"
WRAPPINGS = {
    "plain": TOKEN.encode(),
    "in capitals": TOKEN.upper().encode(),
    "in UTF-16, little end first": f"x{TOKEN}".encode("utf-16-le"),
    "in UTF-16, big end first": TOKEN.encode("utf-16-be"),
    "percent-encoded": "".join(f"%{ord(letter):02x}" for letter in TOKEN).encode(),
    "percent-encoded twice": quote("".join(f"%{ord(letter):02x}" for letter in TOKEN)).encode(),
    "in base64url": base64.urlsafe_b64encode(b"[..." + TOKEN.encode() + b"]"),
    "in base64 in base64url": base64.urlsafe_b64encode(base64.b64encode(b"\xff\xfe" + TOKEN.encode())),
    "in base64 behind other letters": b"x" + base64.b64encode(TOKEN.encode()),
    "in base64 in UTF-16": base64.b64encode(TOKEN.encode()).decode().encode("utf-16-le").replace(b"\0", b""),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_the_search_for_tokens_sees_through(wrapping):
    assert content.tokens_in(b'{"a":"' + WRAPPINGS[wrapping] + b'"}') == {TOKEN}


def test_the_checker_sees_what_was_sent_without_a_grant(plain):
    plain.set_policy("KE", OPEN)
    reference = plain.write("KE", "seizure")
    for granted in plain.versions[reference, 1].granted.values():
        granted.discard("case")
    plain.round("TZ")
    assert plain.leaks
    with pytest.raises(AssertionError):
        check(plain, History())


def test_the_checker_sees_what_was_lost_after_its_receipt(plain):
    plain.set_policy("KE", OPEN)
    plain.write("KE", "seizure")
    plain.round("TZ")
    check(plain, History())
    with plain.nodes["TZ"].database.write() as connection:
        connection.execute(record.delete())
    with pytest.raises(AssertionError):
        check(plain, History())


def test_the_checker_sees_a_rewritten_feed(plain):
    plain.set_policy("KE", OPEN)
    plain.write("KE", "seizure")
    plain.round("TZ")
    history = History()
    check(plain, history)
    with plain.nodes["TZ"].database.write() as connection:
        connection.execute(entry_in.update().values(leaf='{"v":1}'))
    with pytest.raises(AssertionError):
        check(plain, history)


def test_every_fault_happens_and_all_is_delivered_in_the_end(world):
    world.fault_rate = 0.4
    for node in HONEST:
        world.set_policy(node, OPEN)
    history = History()
    references = []
    for number in range(10):
        node = HONEST[number % len(HONEST)]
        references.append(world.write(node, "seizure" if number % 3 else "alert"))
        for me in HONEST:
            world.round(me)
        check(world, history)
    world.write("KE", world.versions[references[0], 1].kind, references[0])
    world.calm()
    check(world, history)
    all_is_delivered(world)
    assert set(FAULTS) <= world.counts.keys()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_at_the_commit_of_a_page_loses_nothing_and_doubles_nothing(moment, world):
    world.set_policy("KE", OPEN)
    for _ in range(5):
        world.write("KE", "seizure")
    world.nodes["TZ"].desk_database.moment = moment
    assert world.poll("TZ", "KE", "bulk") == "crash"
    with world.nodes["KE"].database.read() as connection:
        assert (
            connection.scalar(
                select(feed_out.c.receipt_size).where(feed_out.c.recipient == "TZ", feed_out.c.lane == "bulk")
            )
            == 0
        )
    world.calm()
    check(world, History())
    all_is_delivered(world)


def test_a_receipt_that_was_lost_is_told_again_though_nothing_new_comes(world):
    world.set_policy("KE", OPEN)
    world.write("KE", "seizure")
    deliver = world.loop("TZ", "KE").link.__class__.deliver_receipt

    async def lose(_self, _token):
        from federation.replication import LinkDown  # noqa: PLC0415 - the one use

        raise LinkDown("lost")

    kind = world.loop("TZ", "KE").link.__class__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "deliver_receipt", lose)
        world.poll("TZ", "KE", "bulk")
    assert kind.deliver_receipt is deliver
    world.poll("TZ", "KE", "bulk")
    with world.nodes["KE"].database.read() as connection:
        assert (
            connection.scalar(
                select(feed_out.c.receipt_size).where(feed_out.c.recipient == "TZ", feed_out.c.lane == "bulk")
            )
            == 1
        )


def test_a_correction_that_somebody_may_not_have_takes_back_what_it_had_even_before_it_came(world):
    world.set_policy("KE", OPEN)
    there, not_yet = world.write("KE", "seizure"), world.write("KE", "seizure")
    with world.nodes["KE"].database.read() as connection:
        assert (
            connection.scalar(select(feed_out.c.size).where(feed_out.c.recipient == "TZ", feed_out.c.lane == "bulk"))
            == 2
        )
    world.page_limit = 1
    world.runner.run(_one_page(world, "TZ", "KE"))
    world.set_policy("KE", [])
    for reference in (there, not_yet):
        world.write("KE", "seizure", reference)
    world.round("TZ")
    check(world, History())
    with world.nodes["TZ"].database.read() as connection:
        assert quarantine.listing(connection, state=None) == []
        assert set(connection.scalars(select(record.c.state))) == {"withdrawn"}
    world.calm()
    all_is_delivered(world)


async def _one_page(world, me, peer):
    loop = world.loop(me, peer)
    data = await loop.link.fetch(lane="bulk", start=0, limit=1, note=None)
    loop.desk.apply(loop.desk.verify(loop.desk.open("bulk", data, None)))


def test_clocks_far_apart_cost_time_and_nothing_else(tmp_path, make_sqlite):
    world = World(tmp_path, make_sqlite, seed=3, signed=True)
    try:
        for node in HONEST:
            world.set_policy(node, OPEN)
        world.write("KE", "seizure")
        for skew in (86_400, -86_400, 301 + 60, -361):
            world.nodes["TZ"].skew = skew
            problems = {world.poll("TZ", "KE", lane) for lane in ("urgent", "bulk")}
            problems |= {world.poll("KE", "TZ", lane) for lane in ("urgent", "bulk")}
            assert problems == {"clock-skew"}
        check(world, History())
        world.calm()
        all_is_delivered(world)
    finally:
        world.close()


def test_a_record_issued_by_a_clock_ahead_waits_in_quarantine_and_a_retry_takes_it_in(plain):
    plain.set_policy("KE", OPEN)
    plain.nodes["KE"].skew = 1_000
    plain.write("KE", "seizure")
    plain.nodes["KE"].skew = 0
    plain.round("TZ")
    node = plain.nodes["TZ"]
    with node.database.write() as connection:
        (row,) = quarantine.listing(connection)
        assert row.problem == "clock-skew"
        plain.now += 2_000
        retry(connection, row, node="TZ", directory=plain.fed.directory, now=plain.now)
    check(plain, History())


def test_what_leaves_shows_the_groups_of_the_rules_and_no_others(plain):
    """The same promise without tokens: the names of the disclosures in every page, for groups that hold only codes."""
    plain.set_policy(
        "KE", [{"effect": "grant", "kind": "seizure", "nodes": ["TZ"], "groups": ["place_coarse", "route_ends"]}]
    )
    for _ in range(12):
        plain.write("KE", "seizure")
    plain.page_limit = 50
    for node in ("TZ", "GB", "RILO-ESA"):
        plain.round(node)
    shown: set[str] = set()
    for sent in plain.sent:
        if sent.what == "page" and sent.sender == "KE":
            entries = json.loads(sent.data)["entries"]
            assert sent.recipient == "TZ" or entries == []
            shown |= {group for entry in entries for group in shown_groups(entry["s"])}
    assert shown == {"place_coarse", "route_ends"}


def test_what_a_rule_withholds_leaves_in_no_byte_whatever_other_rules_grant(world):
    withheld = ["goods", "method", "narrative"]
    granted = {
        "effect": "grant",
        "kind": "seizure",
        "nodes": list(HONEST),
        "groups": ["non-nominal", "persons", "narrative"],
    }
    closed = {"effect": "withhold", "kind": "seizure", "nodes": ["TZ", "GB"], "groups": withheld}
    world.set_policy("KE", [granted, closed, granted])
    for _ in range(8):
        world.write("KE", "seizure")
    for me in ("TZ", "GB", "RILO-ESA"):
        world.round(me)
    check(world, History())
    world.calm()
    all_is_delivered(world)
    held = {me: set() for me in HONEST}
    for reference in world.newest:
        for me in HONEST:
            held[me] |= world.held_groups(me, "KE", world.rid(reference)).get(1, set())
    assert held["TZ"] == held["GB"] == held["RILO-ESA"] - set(withheld)
    assert set(withheld) | {"persons"} <= held["RILO-ESA"]


def test_the_size_of_a_record_s_signed_part_does_not_tell_which_groups_it_has(plain):
    plain.set_policy("KE", OPEN)
    for _ in range(12):
        plain.write("KE", "seizure")
    with plain.nodes["KE"].database.read() as connection:
        jwts = list(connection.scalars(select(record.c.jwt)))
    claims = [json.loads(unb64(jwt.split(".")[1])) for jwt in jwts]
    assert {len(item["_sd"]) for item in claims} == {24}
    assert {len(jwt) for jwt in jwts} == {len(jwts[0])}
    digests = [digest for item in claims for digest in item["_sd"]]
    assert len(set(digests)) == len(digests)
    assert all(item["_sd"] == sorted(item["_sd"]) for item in claims)


def test_without_a_policy_nothing_is_offered_to_anybody(plain):
    node = plain.nodes["KE"]
    publisher = Publisher(
        fed="test", node="KE", signer=plain.fed.signer("KE"), directory=plain.fed.directory, policy=None,
        handling={"tlp": "amber"}, token=plain.rng.randbytes,
    )  # fmt: skip
    node.policy = None
    assert publisher.policy is None
    plain.write("KE", "seizure")
    with node.database.read() as connection:
        assert set(connection.scalars(select(feed_out.c.size))) <= {0}


def test_logs_and_problems_tell_nothing_of_what_records_say(tmp_path, make_sqlite, caplog):
    """Every log line of a whole history, at the finest level, and every byte that a node answered with."""
    caplog.set_level(logging.DEBUG)
    before = structlog.get_config()
    stream = io.StringIO()
    world = World(tmp_path, make_sqlite, seed=11, signed=True, fault_rate=0.3)
    try:
        with redirect_stderr(stream):
            telemetry.configure("debug")
            for node in HONEST:
                world.set_policy(node, OPEN)
            for kind in ("seizure", "alert", "seizure"):
                world.write("KE", kind)
                for me in HONEST:
                    world.round(me)
            client = world.loop("TZ", "KE").link.client
            for path in ("/cnp/1/feeds/TZ/bulk", "/cnp/1/feeds/GB/bulk", "/cnp/1/nothing", "/cnp/1/directory/x"):
                world.fault_rate = 0.0
                if "directory" not in path:
                    world.runner.run(client.get(address("KE") + path))
            structlog.get_logger("test").error("careless", title=next(iter(world.tokens)), groups=["persons"])
    finally:
        structlog.configure(**before)
        world.close()
    logs = (stream.getvalue() + caplog.text).encode()
    assert b"answer not signed" in logs
    assert b"fields left out" in logs
    assert content.tokens_in(logs) == set()
    assert world.leaks == []
