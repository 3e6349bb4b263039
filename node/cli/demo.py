"""`tidewaiter demo`: four nodes on this machine, as separate processes, exchanging the sample seizures.

First everybody imports, releases and finds (`demo_federation`, `demo_tables`, `demo_checks`); then come the chapters
(`demo_chapters`): pictures, corrections, policies, the regional office, recalls, backups. Everything is done with the
product's own commands, as a user would, and nothing here is a feature of its own. The one thing that no command does,
breaking the rules, is done with a member's own key on a page that nobody but a scratch database gets.

The last line is JSON: the counts up to `receipts`, and `seconds`, are those of the first exchange; then how many
chapters were played, how many checks made, how many of them failed, and the `total_seconds`.
"""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time
from pathlib import Path

import typer
from rich.console import Console

from node.cli.demo_chapters import CHAPTERS, play
from node.cli.demo_checks import Check, tampered_page_is_refused, tell, what_left_is_what_was_granted
from node.cli.demo_federation import PLAYERS, CommandFailed, Demonstration
from node.cli.demo_tables import explanation, holdings, matrix

LIMIT_SECONDS = 100.0
"""How long the exchange may take before the demonstration says that it failed."""


def demo(*, once: bool, folder: Path | None, bulletin: Path | None) -> None:
    """Four nodes on this machine share, correct, relay, recall and restore, and check it. Stays up until Ctrl-C."""
    console = Console(stderr=False, width=None if Console().is_terminal else 160)
    began = time.monotonic()
    # SIGTERM ends the demonstration as Ctrl-C does: its servers are its own children and must not outlive it.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with tempfile.TemporaryDirectory(prefix="tidewaiter-demo-") as temporary:
        homes = folder or Path(temporary)
        page = homes / "bulletin.html" if bulletin is None else bulletin.expanduser().absolute()
        show = Demonstration(homes, console, page)
        try:
            held = _run(show, console, began)
            if once:
                raise typer.Exit(0 if held else 1)
            console.print("\n[bold]The federation stays up. Ctrl-C ends it.[/bold]")
            threading.Event().wait()
        except CommandFailed as error:
            console.print(f"The demonstration cannot go on: {error}", markup=False, style="bold red")
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            console.print("\nending the four nodes")
        finally:
            show.stop()


def _run(show: Demonstration, console: Console, began: float) -> bool:
    console.rule("[bold]Tidewaiter demonstration: four nodes, four policies, one signed record each seizure")
    show.found()
    show.start()
    show.fill()
    show.publish()
    complete = show.wait_for_receipts(LIMIT_SECONDS)
    seconds = time.monotonic() - began
    totals = show.totals()

    for table in matrix(show):
        console.print(table)
    console.print(holdings(show))
    explanation(show, console)
    checks = [
        Check(
            "every feed is confirmed by its recipient's receipt to its last entry",
            complete,
            f"{totals['receipts']} receipts",
        ),
        Check(
            "every entry that was given has arrived",
            totals["entries"] == totals["received"] and totals["entries"] > 0,
            f"{totals['entries']} given, {totals['received']} held or found good",
        ),
        Check("nothing is in quarantine", totals["quarantined"] == 0, f"{totals['quarantined']} entries"),
        what_left_is_what_was_granted(show),
        tampered_page_is_refused(show),
        *show.searches(),
    ]
    console.rule("[bold]Checks")
    tell(console, checks)
    checks += play(show)
    console.rule("[bold]Addresses")
    for player in PLAYERS:
        console.print(f"  {player.id:<8} {show.url(player.id)}   home {show.home(player.id)}")
    failed = sum(not check.held for check in checks)
    line = {
        "nodes": len(PLAYERS), **totals, "seconds": round(seconds, 1), "chapters": len(CHAPTERS),
        "checks": len(checks), "failed": failed, "total_seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    print(json.dumps(line, separators=(",", ":")), flush=True)
    return not failed
