"""The promises of the protocol under faults: a state machine that does whatever comes to its mind, and a checker.

A failure prints the seed of the world and the steps that led to it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.evil.bad import BAD
from tests.simulator.checker import (
    History,
    all_is_delivered,
    check,
    evil_entries_came_out_as_deserved,
)
from tests.simulator.world import EVIL, HONEST, World

NODES = st.sampled_from(HONEST)
LANES = st.sampled_from(["urgent", "bulk"])
KINDS = st.sampled_from(["seizure", "alert"])
WORDS = {
    "seizure": [
        "non-nominal",
        "minimal",
        "case",
        "goods",
        "method",
        "place_coarse",
        "persons",
        "companies",
        "narrative",
    ],
    "alert": ["non-nominal", "minimal", "headline", "texts", "pattern", "companies", "narrative"],
}
RULES = KINDS.flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "effect": st.sampled_from(["grant", "grant", "grant", "withhold"]),
            "kind": st.just(kind),
            "nodes": st.lists(st.sampled_from([*HONEST, EVIL]), min_size=1, max_size=3, unique=True),
            "groups": st.lists(st.sampled_from(WORDS[kind]), min_size=1, max_size=3, unique=True),
        }
    )
)
ALL = [
    {"effect": "grant", "kind": kind, "nodes": list(HONEST), "groups": ["non-nominal"]} for kind in ("seizure", "alert")
]
SIMPLE = sorted(sentence for sentence in BAD if not sentence.startswith(("another envelope", "its predecessor")))


class Federation(RuleBasedStateMachine):
    """Four honest nodes, one that lies, and all that can happen to them."""

    signed = False
    make_sqlite = None

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tidewaiter-sim-"))
        self.world = World(self.folder, type(self).make_sqlite, seed=seed, signed=self.signed, fault_rate=0.25)
        self.history = History()
        for node in HONEST:
            self.world.set_policy(node, ALL)

    @rule(node=NODES, kind=KINDS)
    def issue(self, node, kind):
        self.world.write(node, kind)

    @precondition(lambda self: self.world.newest)
    @rule(data=st.data())
    def correct(self, data):
        reference = data.draw(st.sampled_from(sorted(self.world.newest)))
        version = self.world.versions[reference, 1]
        self.world.write(version.node, version.kind, reference)

    @rule(node=NODES, rules=st.lists(RULES, max_size=4))
    def change_policy(self, node, rules):
        self.world.set_policy(node, rules)

    @rule(node=NODES, kind=KINDS, rules=st.lists(RULES, min_size=1, max_size=4))
    def issue_under_another_policy(self, node, kind, rules):
        self.world.set_policy(node, [*ALL, *rules])
        self.world.write(node, kind)
        for me in HONEST:
            if me != node:
                for lane in ("urgent", "bulk"):
                    self.world.poll(me, node, lane)

    @rule(me=NODES, peer=NODES, lane=LANES)
    def poll(self, me, peer, lane):
        if me != peer:
            self.world.poll(me, peer, lane)

    @rule(me=NODES)
    def pull_from_everybody(self, me):
        self.world.round(me)

    @rule()
    def everybody_pulls(self):
        for node in HONEST:
            self.world.round(node)

    @rule(one=NODES, other=NODES)
    def cut_the_road(self, one, other):
        self.world.cut.add(frozenset((one, other)))

    @precondition(lambda self: self.world.cut)
    @rule()
    def mend_the_roads(self):
        self.world.cut.clear()

    @rule(node=NODES, moment=st.sampled_from(["before", "after"]))
    def crash_at_the_next_page(self, node, moment):
        self.world.nodes[node].desk_database.moment = moment

    @rule(node=NODES, moment=st.sampled_from(["before", "after"]))
    def crash_at_the_next_release(self, node, moment):
        self.world.nodes[node].release_database.moment = moment

    @rule(node=NODES)
    def crash_now(self, node):
        self.world.crash(node)

    @rule(node=NODES, seconds=st.integers(-140, 140))
    def jump_the_clock(self, node, seconds):
        self.world.nodes[node].skew = seconds

    @rule(recipient=NODES, lane=LANES, sentence=st.sampled_from(SIMPLE))
    def lie(self, recipient, lane, sentence):
        feed = self.world.evil_feed(recipient, lane)
        append, problem = BAD[sentence]
        for expected in (None, problem, None):
            n = feed.put(feed.peer.record()) if expected is None else append(feed)
            self.world.evil_expected[recipient, lane, n] = expected

    @rule(node=NODES)
    def apply_a_page_again(self, node):
        self.world.reapply(node)

    @invariant()
    def the_promises_hold(self):
        check(self.world, self.history)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.calm()
            check(self.world, self.history)
            all_is_delivered(self.world)
            evil_entries_came_out_as_deserved(self.world)
        finally:
            self.world.close()
            shutil.rmtree(self.folder, ignore_errors=True)


def _machine(name: str, make_sqlite, *, signed: bool):
    machine = type(name, (Federation,), {"signed": signed, "make_sqlite": staticmethod(make_sqlite)})
    return machine.TestCase


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@pytest.mark.parametrize(("signed", "examples"), [(False, 12), (True, 4)], ids=["pages alone", "signed HTTP"])
def test_the_promises_hold_over_any_history(signed, examples, make_sqlite):
    case = _machine("Signed" if signed else "Plain", make_sqlite, signed=signed)
    case.settings = settings(
        max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=SLOW, print_blob=True,
        database=None, phases=[Phase.explicit, Phase.generate],  # Phase.shrink takes minutes
    )  # fmt: skip
    case("runTest").runTest()
