"""`python -m tests.simulator.soak [--seconds N | --schedules N]`: play schedules and say what came of it.

The last line is `{"schedules":n,"steps":n,"faults":n,"violations":n}`; the exit status is 1 if there was a violation.
`--seed` makes the run repeatable; `--jobs` plays in several processes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from hypothesis import seed as seeded
from hypothesis.stateful import run_state_machine_as_test

from node.storage.database import Database
from tests.simulator.machine import machine, profile
from tests.simulator.schedules import Tally

BATCH = 5
"""Schedules of one seed: so many are played before the clock is looked at."""
SIGNED_EVERY = 4
"""One batch in so many goes over signed HTTP, which is slower."""


def play(*, seconds: float | None, schedules: int | None, seed: int) -> Tally:
    """Play batches until the time is over or enough schedules were played."""
    folder = Path(tempfile.mkdtemp(prefix="tidewaiter-soak-"))
    total, began, batch = Tally(), time.monotonic(), 0
    try:
        template = folder / "template.db"
        migrated = Database(f"sqlite:///{template}")
        migrated.upgrade()
        with migrated.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        migrated.close()

        def make_sqlite(path: Path) -> Database:
            shutil.copyfile(template, path)
            return Database(f"sqlite:///{path}")

        while (time.monotonic() - began < seconds) if seconds is not None else (total.schedules < (schedules or 0)):
            kind = machine(make_sqlite, signed=batch % SIGNED_EVERY == SIGNED_EVERY - 1)
            left = BATCH if schedules is None else min(BATCH, schedules - total.schedules)
            try:
                run_state_machine_as_test(seeded(seed + batch)(kind), settings=profile(left))
            except Exception:  # noqa: BLE001 - a violation is told, and the soak goes on with the next batch
                traceback.print_exc()
            for name, value in vars(kind.tally).items():
                setattr(total, name, getattr(total, name) + value)
            batch += 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return total


def main() -> int:
    """Play as the command line says; the last line tells the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, help="how long to play")
    parser.add_argument("--schedules", type=int, help="how many schedules to play")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if (options.seconds is None) == (options.schedules is None):
        parser.error("give either --seconds or --schedules")
    if options.jobs == 1:
        total = play(seconds=options.seconds, schedules=options.schedules, seed=options.seed)
    else:
        total = _side_by_side(options)
    sys.stderr.write(f"seed {options.seed}\n")
    sys.stdout.write(total.line() + "\n")
    return 1 if total.violations else 0


def _side_by_side(options: argparse.Namespace) -> Tally:
    """The same in several processes, each with seeds of its own."""
    running = []
    for job in range(options.jobs):
        line = [sys.executable, "-m", "tests.simulator.soak", "--seed", str(options.seed + job * 1_000_000)]
        if options.seconds is not None:
            line += ["--seconds", str(options.seconds)]
        else:
            share = options.schedules // options.jobs + (job < options.schedules % options.jobs)
            line += ["--schedules", str(share)]
        running.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True))
    total = Tally()
    for process in running:
        out, _ = process.communicate()
        for name, value in json.loads(out.splitlines()[-1]).items():
            setattr(total, name, getattr(total, name) + value)
    return total


if __name__ == "__main__":
    sys.exit(main())
