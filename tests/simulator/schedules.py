"""Schedules: a seed and what happened. They are played, counted, cut down when they fail, and kept as regressions."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.simulator.checker import History, all_is_delivered, check, evil_entries_came_out_as_deserved
from tests.simulator.evil_hub import is_refused_and_shown
from tests.simulator.moves import FAULTS, MOVES
from tests.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

REGRESSIONS: Final = Path(__file__).parent / "regressions"
ADMINISTRATIONS: Final = ("KE", "TZ", "GB", "UG", "FR")
HUB: Final = "RILO-ESA"
FAULT_RATE: Final = 0.25
OPEN: Final = ("seizure", "alert")


@dataclass
class Tally:
    """What was played so far."""

    schedules: int = 0
    steps: int = 0
    faults: int = 0
    violations: int = 0

    def line(self) -> str:
        """The last line of a run."""
        return json.dumps(vars(self), separators=(",", ":"))


@dataclass
class Schedule:
    """A history to be: the world's seed, how many administrations, which road, and the moves."""

    seed: int
    administrations: int
    signed: bool
    moves: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(vars(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Schedule:
        value = json.loads(text)
        return cls(value["seed"], value["administrations"], value["signed"], [(n, a) for n, a in value["moves"]])

    def begin(self, make_sqlite: Callable[[Path], Any]) -> Game:
        """The world at its first moment."""
        return Game(self, make_sqlite)


class Game:
    """A schedule that is being played."""

    def __init__(self, schedule: Schedule, make_sqlite: Callable[[Path], Any]) -> None:
        shm = Path("/dev/shm")  # noqa: S108 - memory is faster than a disk, and nothing here has to last
        self.folder = Path(tempfile.mkdtemp(prefix="tidewaiter-sim-", dir=shm if shm.is_dir() else None))
        ids = (*ADMINISTRATIONS[: schedule.administrations], HUB)
        self.schedule = schedule
        self.world = World(
            self.folder, make_sqlite, seed=schedule.seed, ids=ids, signed=schedule.signed, fault_rate=FAULT_RATE
        )
        self.history = History()
        everything = [{"effect": "grant", "kind": kind, "nodes": list(ids), "groups": ["non-nominal"]} for kind in OPEN]
        for node in ids:
            self.world.set_policy(node, everything)
            self.world.look_at_members(node)

    def play(self, name: str, arguments: dict[str, Any], tally: Tally | None = None) -> None:
        """Make one move."""
        before = sum(self.world.counts.values())
        MOVES[name](self.world, **arguments)
        if tally is not None:
            tally.steps += 1
            tally.faults += (name in FAULTS) + sum(self.world.counts.values()) - before

    def check(self) -> None:
        """The promises hold now."""
        check(self.world, self.history)

    def end(self) -> None:
        """Calm: the promises hold, and everything has arrived."""
        self.world.calm()
        check(self.world, self.history)
        all_is_delivered(self.world)
        evil_entries_came_out_as_deserved(self.world)
        is_refused_and_shown(self.world)

    def close(self) -> None:
        self.world.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def replay(schedule: Schedule, make_sqlite: Callable[[Path], Any]) -> None:
    """Play a whole schedule, with every check; raises what is wrong."""
    game = schedule.begin(make_sqlite)
    try:
        for name, arguments in schedule.moves:
            game.play(name, arguments)
            game.check()
        game.end()
    finally:
        game.close()


def cut_down(schedule: Schedule, make_sqlite: Callable[[Path], Any], *, seconds: float = 60.0) -> Schedule:
    """A shorter schedule that fails too: moves are left out, in halves first, as long as there is time."""
    best, deadline = schedule, time.monotonic() + seconds
    size = max(1, len(best.moves) // 2)
    while size and time.monotonic() < deadline:
        at = 0
        while at < len(best.moves) and time.monotonic() < deadline:
            fewer = Schedule(best.seed, best.administrations, best.signed, best.moves[:at] + best.moves[at + size :])
            if _fails(fewer, make_sqlite):
                best = fewer
            else:
                at += size
        size //= 2
    return best


def keep(schedule: Schedule, folder: Path = REGRESSIONS) -> Path:
    """Write a failing schedule beside the others; the test of regressions plays it from then on."""
    text = schedule.to_json()
    folder.mkdir(exist_ok=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    path.write_text(text + "\n", "utf-8")
    return path


def _fails(schedule: Schedule, make_sqlite: Callable[[Path], Any]) -> bool:
    try:
        replay(schedule, make_sqlite)
    except Exception:  # noqa: BLE001 - whatever is raised is what is looked for
        return True
    return False
