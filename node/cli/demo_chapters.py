"""What the demonstration plays after the first exchange: the hard half of a federation, a chapter each.

A chapter gives the product's own commands, says in a few lines what happens, and returns what it checked. One that
cannot go on (a command was refused, something did not come) has failed, and the next one is played all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.cli.demo_changes import correction, policy_change
from node.cli.demo_checks import Check, tell
from node.cli.demo_federation import CommandFailed
from node.cli.demo_figures import figures
from node.cli.demo_pictures import without_its_position
from node.cli.demo_recalls import recall, restored_backup
from node.cli.demo_relay import relay

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.cli.demo_federation import Demonstration

CHAPTERS: Final[tuple[tuple[str, Callable[[Demonstration], list[Check]]], ...]] = (
    ("A picture arrives without its GPS", without_its_position),
    ("A correction replaces what was shared", correction),
    ("A policy changes, and shows beforehand what that does", policy_change),
    ("A regional office passes on what it may, and is found out when it does more", relay),
    ("A recall, and its board", recall),
    ("A restored backup brings nothing back", restored_backup),
    ("The regional office adds up and writes a bulletin; an officer asks every node at once", figures),
)


def play(show: Demonstration) -> list[Check]:
    """Play all chapters, each under its heading and with its checks under it; all checks."""
    found: list[Check] = []
    for number, (title, chapter) in enumerate(CHAPTERS, 1):
        show.console.rule(f"[bold]{number}. {title}")
        try:
            checks = chapter(show)
        except CommandFailed as error:
            checks = [Check("the chapter comes to its end", held=False, detail=str(error))]
        except Exception as error:  # noqa: BLE001 - what it looked for is not there: a failed check, and the next is played
            checks = [Check("the chapter comes to its end", held=False, detail=f"{type(error).__name__}: {error}")]
        tell(show.console, checks)
        found += checks
    return found
