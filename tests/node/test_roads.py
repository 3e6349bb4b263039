"""A record that comes by its issuer's feed and by a hub's: what is held does not depend on which entry came first."""

import itertools
import random

import pytest
from sqlalchemy import select

from federation.envelope import verify_record
from federation.feed import Leaf, leaf_text
from federation.inbox import Road, judge_entry
from federation.pages import PageEntry
from federation.ports import Held
from federation.relay import join, sign_relay_grant, text_hash
from node.services import intake, stopping
from node.storage import feeds, records
from node.storage.tables import record
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator.naive import shown_groups

FED = make_federation(["KE", "TZ", "RILO-ESA"], groups={"ncp": {"1": ["TZ"]}})
KE = EvilPeer(FED, "KE")
GROUPS = {
    "case": {"reference": "R-1", "administration": "KE"},
    "transport": {"conveyance": "sea"},
    "method": {"cover_load": "tiles"},
}
ONE = KE.record(groups=GROUPS)
TWO = KE.record(groups=GROUPS, rid=ONE.claims["rid"], ver=2, prev=ONE.jh)
TOMB = KE.tombstone(ONE.claims["rid"], ver=3, prev=TWO.jh)


def entry(sender, signed, *groups, op="put", gc, shown=None, grant=GRANT):
    """An entry of a feed of KE or of the hub: `groups` are granted after it, `shown` travel with it."""
    mask = signed.mask(*groups) if groups else 0
    leaf = {"op": op, "gc": gc, "gm": mask, "grant": grant if op in {"put", "more", "tighten"} else None}
    body = None if op in {"less", "tighten"} else signed.shown(*(shown or groups)) if op != "tomb" else signed.shown()
    rg = None
    if sender != "KE" and op in {"put", "more"}:
        claims = signed.claims
        rg = join(
            [
                sign_relay_grant(
                    fed="test", iss="KE", rid=claims["rid"], ver=claims["ver"], jh=signed.jh, hub=sender, group="ncp@1",
                    nodes=None, mask=mask, width=24, grant={"tlp": "green", "onward": "none"}, signer=FED.signer("KE"),
                    now=NOW, exp=NOW + 1000,
                )
            ]
        )  # fmt: skip
    return sender, signed, leaf, body, rg


class Node:
    """TZ, to whom entries are handed one by one, as pages would."""

    def __init__(self, database):
        self.database, self.sizes = database, {}

    def take(self, item):
        sender, signed, members, body, rg = item
        claims = signed.claims
        n = self.sizes.get(sender, 0)
        self.sizes[sender] = n + 1
        leaf = Leaf(
            n=n, t=NOW, iss="KE", rid=claims["rid"], ver=claims["ver"], jh=signed.jh,
            rg=None if rg is None else text_hash(rg), **members,
        )  # fmt: skip
        page_entry = PageEntry(leaf_text(leaf, width=24), body, rg)
        with self.database.write() as connection:
            feed = feeds.in_feed(connection, sender, "bulk") or feeds.begin_in_feed(
                connection, sender, "bulk", epoch=0, now=NOW
            )
            held = records.held(connection, [("KE", claims["rid"])]) or {}
            effect = judge_entry(
                n, page_entry, leaf, road=Road(sender, "TZ", NOW), directory=FED.directory,
                held={**held} or {("KE", claims["rid"]): Held()},
                verify=lambda text: verify_record(text, directory=FED.directory, now=NOW),
            )  # fmt: skip
            intake.store(connection, feed, sender, [effect], directory=FED.directory, now=NOW)
        return effect

    def held(self):
        """Version → groups in use, with the handling that binds them."""
        with self.database.read() as connection:
            rows = connection.execute(select(record).where(record.c.state.in_(records.LIVE)))
            return {row.ver: shown_groups(f"x~{row.disclosures}~") for row in rows}

    def content(self):
        """Every disclosure that is on disk, in use or not."""
        with self.database.read() as connection:
            return {text for row in connection.execute(select(record)) for text in row.disclosures.split("~") if text}


HUB = "RILO-ESA"
STORIES = {
    "both give something, and together it is more": (
        [entry("KE", ONE, "case", gc=1)],
        [entry(HUB, ONE, "transport", gc=1)],
        {1: {"case", "transport"}},
    ),
    "what the hub takes back the issuer still grants": (
        [entry("KE", ONE, "case", gc=1)],
        [entry(HUB, ONE, "case", "transport", gc=1), entry(HUB, ONE, op="less", gc=2)],
        {1: {"case"}},
    ),
    "what the issuer takes back the hub still grants": (
        [entry("KE", ONE, "case", "method", gc=1), entry("KE", ONE, op="less", gc=2)],
        [entry(HUB, ONE, "case", gc=1)],
        {1: {"case"}},
    ),
    "both take it back": (
        [entry("KE", ONE, "case", gc=1), entry("KE", ONE, op="less", gc=2)],
        [entry(HUB, ONE, "case", gc=1), entry(HUB, ONE, op="less", gc=2)],
        {},
    ),
    "the hub's counters are far ahead and mean nothing to the issuer's": (
        [entry("KE", ONE, "case", gc=1), entry("KE", ONE, "case", "method", op="more", gc=2, shown=("method",))],
        [entry(HUB, ONE, "transport", gc=40), entry(HUB, ONE, "case", "transport", gc=41)],
        {1: {"case", "transport", "method"}},
    ),
    "the newer version comes by the issuer alone": (
        [entry("KE", ONE, "case", gc=1), entry("KE", TWO, "case", gc=2)],
        [entry(HUB, ONE, "case", "transport", gc=1)],
        {2: {"case"}},
    ),
    "the newer version comes by the hub alone": (
        [entry("KE", ONE, "case", gc=1)],
        [entry(HUB, ONE, "transport", gc=1), entry(HUB, TWO, "transport", gc=2)],
        {2: {"transport"}},
    ),
    "a correction that is not for this node takes the old version away, whatever the hub still says": (
        [entry("KE", ONE, "case", gc=1), entry("KE", TWO, op="less", gc=2)],
        [entry(HUB, ONE, "case", "transport", gc=1)],
        {},
    ),
    "a hub cannot make a version old by naming a newer one": (
        [entry("KE", ONE, "case", gc=1)],
        [entry(HUB, ONE, "transport", gc=1), entry(HUB, TWO, op="less", gc=2)],
        {1: {"case"}},
    ),
    "a recall ends it on every road": (
        [entry("KE", ONE, "case", gc=1), entry("KE", TOMB, op="tomb", gc=2)],
        [entry(HUB, ONE, "transport", gc=1), entry(HUB, TWO, "transport", gc=2)],
        {},
    ),
    "a recall that only the hub brings": (
        [entry("KE", ONE, "case", gc=1), entry("KE", TWO, "case", gc=2)],
        [entry(HUB, ONE, "transport", gc=1), entry(HUB, TOMB, op="tomb", gc=2)],
        {},
    ),
    "part is taken back on both": (
        [entry("KE", ONE, "case", "method", gc=1), entry("KE", ONE, "case", op="less", gc=2)],
        [entry(HUB, ONE, "case", "transport", gc=1), entry(HUB, ONE, "transport", op="less", gc=2)],
        {1: {"case", "transport"}},
    ),
}  # fmt: skip


def orders(first, second):
    """Every order of two feeds' entries in which each feed's own order may differ as well (two lanes)."""
    items = [*first, *second]
    every = list(itertools.permutations(range(len(items))))
    chosen = every if len(every) <= 24 else random.Random(1).sample(every, 24)  # noqa: S311 - chance of a test
    return [[items[at] for at in order] for order in chosen]


@pytest.mark.parametrize("sentence", STORIES)
def test_in_any_order(sentence, tmp_path, make_sqlite):
    first, second, expected = STORIES[sentence]
    for number, order in enumerate(orders(first, second)):
        database = make_sqlite(tmp_path / f"{number}.db")
        node = Node(database)
        for item in order:
            effect = node.take(item)
            assert type(effect).__name__ != "Quarantine", effect
        assert node.held() == expected, [(item[0], item[2]["op"], item[2]["gc"]) for item in order]
        if not expected:
            with database.write() as connection:  # a recall by another road than its originator's has a time of grace
                stopping.erase_due(connection, now=NOW + 2 * stopping.DEFAULT_GRACE)
            assert node.content() == set()
        database.close()


@pytest.mark.parametrize("sentence", ["both give something, and together it is more", "part is taken back on both"])
def test_on_both_databases(sentence, database):
    first, second, expected = STORIES[sentence]
    node = Node(database)
    for item in [*second, *first]:
        node.take(item)
    assert node.held() == expected


def test_the_strictest_handling_of_the_roads_that_give_something_binds(sqlite_database):
    node = Node(sqlite_database)
    node.take(entry("KE", ONE, "case", gc=1, grant={**GRANT, "tlp": "amber"}))
    node.take(entry(HUB, ONE, "case", gc=1, grant={**GRANT, "evidence": "no"}))

    def bound():
        with sqlite_database.read() as connection:
            return connection.scalar(select(record.c.handling))

    assert '"amber"' in bound()
    assert '"evidence": "no"' in bound()
    node.take(entry(HUB, ONE, op="less", gc=2))
    assert '"evidence": "ask"' in bound()
    node.take(entry("KE", ONE, "case", op="tighten", gc=2, grant={**GRANT, "tlp": "amber", "evidence": "no"}))
    assert '"evidence": "no"' in bound()


def test_a_hub_s_withdrawal_of_a_record_that_it_never_gave_changes_nothing(sqlite_database):
    node = Node(sqlite_database)
    node.take(entry("KE", ONE, "case", gc=1))
    node.take(entry(HUB, ONE, op="less", gc=9))
    assert node.held() == {1: {"case"}}
    node.take(entry("KE", ONE, "case", "method", op="more", gc=2, shown=("method",)))
    assert node.held() == {1: {"case", "method"}}


def test_another_envelope_of_a_version_is_noticed_whichever_road_it_takes(sqlite_database):
    node = Node(sqlite_database)
    node.take(entry("KE", ONE, "case", gc=1))
    other = KE.record(groups=GROUPS, rid=ONE.claims["rid"])
    effect = node.take(entry(HUB, other, "transport", gc=1))
    assert (type(effect).__name__, effect.problem) == ("Quarantine", "record-equivocation")
