"""The promises of the protocol under faults: a state machine that does whatever comes to its mind, and a checker.

A failure prints where the schedule that led to it is kept; `make soak SECONDS=60` plays on for a given time.
"""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.simulator.machine import STRATEGIES, machine, profile
from tests.simulator.moves import MOVES
from tests.simulator.schedules import REGRESSIONS, Schedule, Tally, replay


@pytest.mark.parametrize(("signed", "examples"), [(False, 6), (True, 2)], ids=["pages alone", "signed HTTP"])
def test_the_promises_hold_over_any_history(signed, examples, make_sqlite):
    run_state_machine_as_test(machine(make_sqlite, signed=signed), settings=profile(examples))


def test_what_once_failed_holds_now(make_sqlite):
    for path in sorted(REGRESSIONS.glob("*.json")):
        try:
            replay(Schedule.from_json(path.read_text("utf-8")), make_sqlite)
        except Exception as error:
            error.add_note(f"in {path.name}")
            raise


def test_every_move_has_its_turn():
    assert MOVES.keys() == STRATEGIES.keys()


def test_a_violation_is_counted_and_its_schedule_is_cut_down_and_kept(make_sqlite, tmp_path, monkeypatch):
    def leak(world, **_):
        world.leaks.append("something left that nobody was granted")

    monkeypatch.setitem(MOVES, "heal", leak)
    kind = machine(make_sqlite, signed=False, regressions=tmp_path)
    played = kind()
    played.begin(seed=1, administrations=3)
    played.move("issue", {"node": 0, "kind": "alert"})
    with pytest.raises(AssertionError, match="nobody was granted"):
        played.move("heal", {})
    played.teardown()
    assert isinstance(kind.tally, Tally)
    assert kind.tally.violations >= 1
    kept = [Schedule.from_json(path.read_text()) for path in tmp_path.glob("*.json")]
    assert any([name for name, _ in schedule.moves] == ["heal"] for schedule in kept)
