"""The state machine: hypothesis chooses moves (`moves`), every promise is checked after each of them.

`machine` makes a class for one kind of world. A schedule that fails is cut down and kept (`schedules`), and the message
names the file. The class counts what it played in `tally`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulator.moves import LANES, MOVES
from tests.simulator.reference import EVIL, EVIL_HUB
from tests.simulator.schedules import ADMINISTRATIONS, HUB, Schedule, Tally, cut_down, keep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STEPS: Final = 25
NODE = st.integers(0, 5)
PICK = st.integers(0, 1_000)
LANE = st.sampled_from(LANES)
KIND = st.sampled_from(["seizure", "alert"])
MOMENT = st.sampled_from(["before", "after"])
WORDS: Final = {
    "seizure": [
        "non-nominal", "minimal", "case", "goods", "method", "place_coarse", "persons", "companies", "narrative",
    ],
    "alert": ["non-nominal", "minimal", "headline", "texts", "pattern", "companies", "narrative"],
}  # fmt: skip


HUBS: Final = {HUB, EVIL_HUB}


def _sensible(rule: dict[str, Any]) -> dict[str, Any]:
    """Only who is given something passes it on; to named members or to the group, not both."""
    left = set()
    if "group" in rule or rule["effect"] != "grant" or not HUBS & set(rule["nodes"]):
        left = {"relay", "relay_group"}
    elif "relay" in rule:
        left = {"relay_group"}
    return {name: value for name, value in rule.items() if name not in left}


MEMBERS: Final = (*ADMINISTRATIONS[:4], HUB, EVIL, EVIL_HUB)
VERSION = st.integers(1, 3)
RULE = KIND.flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "effect": st.sampled_from(["grant", "grant", "grant", "withhold"]),
            "kind": st.just(kind),
            "nodes": st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=4, unique=True),
            "groups": st.lists(st.sampled_from(WORDS[kind]), min_size=1, max_size=3, unique=True),
        },
        optional={
            "group": VERSION,
            "relay": st.lists(st.sampled_from(ADMINISTRATIONS[:4]), min_size=1, max_size=3, unique=True),
            "relay_group": VERSION,
        },
    )
).map(_sensible)
STRATEGIES: Final[dict[str, dict[str, Any]]] = {
    "issue": {"node": NODE, "kind": KIND},
    "correct": {"pick": PICK},
    "change_policy": {"node": NODE, "rules": st.lists(RULE, max_size=4)},
    "issue_under_another_policy": {"node": NODE, "kind": KIND, "rules": st.lists(RULE, min_size=1, max_size=4)},
    "activate_and_break_off": {"node": NODE, "rules": st.lists(RULE, max_size=4), "batches": st.integers(0, 2)},
    "go_on_with_the_review": {"node": NODE, "batches": st.integers(0, 2)},
    "poll": {"me": NODE, "peer": NODE, "lane": LANE},
    "pull_from_everybody": {"me": NODE},
    "everybody_pulls": {},
    "partition": {"one": NODE, "other": NODE},
    "heal": {},
    "crash_at_the_next_page": {"node": NODE, "moment": MOMENT},
    "crash_at_the_next_release": {"node": NODE, "moment": MOMENT},
    "crash": {"node": NODE},
    "clock_jump": {"node": NODE, "seconds": st.integers(-140, 140)},
    "recall": {"pick": PICK, "effect": st.sampled_from(["stop-use", "erase"])},
    "bundle": {"me": NODE, "to": NODE},
    "carry_a_bundle": {"pick": PICK, "damage": st.one_of(st.just(0), st.integers(1, 100_000))},
    "relay": {},
    "rotate_a_key": {"node": NODE, "use": st.sampled_from(["record", "log", "http"])},
    "steal_a_key": {"node": NODE, "back": st.integers(0, 30)},
    "sign_again": {"node": NODE},
    "ask_for_logs": {"me": NODE},
    "look_at_records": {"node": NODE, "count": st.integers(1, 3)},
    "change_the_group": {"members": st.lists(st.sampled_from(ADMINISTRATIONS), max_size=5, unique=True)},
    "the_hub_overshares": {"giver": NODE, "victim": NODE, "lane": LANE, "pick": PICK},
    "backup": {"node": NODE},
    "restore_backup": {"pick": PICK, "told": st.booleans()},
    "evil_action": {"recipient": NODE, "lane": LANE, "pick": PICK},
    "apply_a_page_again": {"node": NODE},
}
"""Move → its arguments. Every move has a line here, and a test says so."""


class Federation(RuleBasedStateMachine):
    """Administrations, a hub, one member that lies, and all that can happen to them."""

    signed = False
    make_sqlite: Any = None
    tally = Tally()
    regressions: Path | None = None
    """Where failing schedules are kept; None: beside the others."""

    @initialize(seed=st.integers(0, 2**32), administrations=st.integers(3, 5))
    def begin(self, seed: int, administrations: int) -> None:
        self.schedule = Schedule(seed, administrations, self.signed)
        self.game = self.schedule.begin(type(self).make_sqlite)
        self.failed = False
        self.tally.schedules += 1

    def move(self, name: str, arguments: dict[str, Any]) -> None:
        """Make a move, write it down, and check."""
        self.schedule.moves.append((name, arguments))
        with _watched(self):
            self.game.play(name, arguments, self.tally)
            self.game.check()

    def teardown(self) -> None:
        if not hasattr(self, "game"):
            return
        try:
            if not self.failed:
                with _watched(self):
                    self.game.end()
        finally:
            self.game.close()


@contextmanager
def _watched(machine: Federation) -> Iterator[None]:
    """What is raised within is a violation: counted, and its schedule kept, cut down."""
    try:
        yield
    except Exception as error:
        machine.failed = True
        machine.tally.violations += 1
        shorter = cut_down(machine.schedule, type(machine).make_sqlite)
        path = keep(shorter, *([machine.regressions] if machine.regressions else []))
        error.add_note(f"the schedule, cut down to {len(shorter.moves)} moves, is kept in {path}")
        raise


def _rule(name: str, strategies: dict[str, Any]) -> Any:
    def step(self: Federation, **arguments: Any) -> None:
        self.move(name, arguments)

    step.__name__ = name
    step.__doc__ = MOVES[name].__doc__
    return rule(**strategies)(step)


def machine(make_sqlite: Callable[[Path], Any], *, signed: bool, **members: Any) -> type[Federation]:
    """A machine of its own, with a tally of its own."""
    rules = {name: _rule(name, strategies) for name, strategies in STRATEGIES.items()}
    more = {"signed": signed, "make_sqlite": staticmethod(make_sqlite), "tally": Tally(), **members}
    return type("Signed" if signed else "Plain", (Federation,), {**rules, **more})


def profile(examples: int, steps: int = STEPS) -> settings:
    """Settings of a run: no database of hypothesis' own and no shrinking, for schedules are cut down here."""
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, print_blob=False, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
