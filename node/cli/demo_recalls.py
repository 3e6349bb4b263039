"""Two chapters about what has to go again: a recall with its board, and a backup that must not bring anything back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from node.cli.demo_checks import Check
from node.cli.demo_federation import AUTHORITY, ORIGINATOR, PLAYERS, CommandFailed
from node.storage import records
from node.storage.records import LIVE

if TYPE_CHECKING:
    from node.cli.demo_federation import Demonstration

RECALLED: Final = "PS-0017"
"""The seizure that everybody has: FR and the regional office from GB, HK through the office."""
LATER: Final = "PS-0021"
REASON: Final = (
    "--reason",
    "erroneous",
    "--effect",
    "erase",
    "--by",
    "officer of GB",
    "--second",
    "head of unit of GB",
)
WORDS: Final = "only for this demonstration\n"
"""The first line of the passphrase file: a real one is nowhere in a program."""


def recall(show: Demonstration) -> list[Check]:
    """GB recalls a seizure: it goes out of use everywhere, also behind the office, and the board says who confirmed."""
    rid = show.told(ORIGINATOR, "show", RECALLED)["rid"]
    had = in_use(show, rid)
    show.say(
        f"{RECALLED} was no counterfeit after all. GB recalls it, and two of its officers want it erased. The "
        f"recall goes to everybody who ever got any version of it: {', '.join(sorted(had - {ORIGINATOR}))}."
    )
    show.command(ORIGINATOR, "recall", RECALLED, *REASON)
    complete = show.until(lambda: bool(board(show, RECALLED)["complete"]) and show.confirmed())
    for line in show.command(ORIGINATOR, "recalls", "show", RECALLED).splitlines():
        if line.strip():
            show.say(f"    {line.rstrip()}")
    steps = {step["recipient"]: step for step in board(show, RECALLED)["steps"]}
    hits = {
        node: len([row for row in show.told(node, "search", "--node", ORIGINATOR)["records"] if row["rid"] == rid])
        for node in sorted(had)
    }
    return [
        Check(
            "the board names everybody who had it, also the one who got it through the office",
            steps.keys() == had - {ORIGINATOR} and steps["HK"].get("through") == AUTHORITY,
            f"HK through {steps.get('HK', {}).get('through')}",
        ),
        Check(
            "each of them has confirmed the erasure by its own signed receipt", complete,
            ", ".join(f"{node}: {step['state']}" for node, step in sorted(steps.items())),
        ),
        Check("nobody finds it any more, and nobody has its text", not any(hits.values()) and not texts(show, rid),
              f"{len(had)} nodes searched"),
    ]  # fmt: skip


def restored_backup(show: Demonstration) -> list[Check]:
    """GB is restored from a backup that knows a record which was recalled since: it comes back recalled."""
    word = show.folder / "passphrase"
    word.touch(mode=0o600)
    word.write_text(WORDS, "utf-8")
    file = show.folder / "gb.backup"
    show.command(ORIGINATOR, "backup", str(file), "--passphrase-file", str(word))
    rid = show.told(ORIGINATOR, "show", LATER)["rid"]
    had = in_use(show, rid)
    show.command(ORIGINATOR, "recall", LATER, *REASON)
    gone = show.until(lambda: not in_use(show, rid) and show.confirmed())
    show.say(
        f"GB is backed up while it runs; then it recalls {LATER}, which {len(had)} nodes had in use. Now its server "
        "is lost, and the backup, which knows nothing of the recall, is restored into an empty home."
    )
    show.stop_server(ORIGINATOR)
    show.move(ORIGINATOR, show.folder / "gb-restored")
    show.command(ORIGINATOR, "restore", str(file), "--passphrase-file", str(word))
    before = show.versions(ORIGINATOR, ORIGINATOR, rid)
    show.serve(ORIGINATOR, wait=True)
    for player in PLAYERS:
        if player.id != ORIGINATOR:
            show.until(partial(_syncs, show, player.id))
    settled = show.until(lambda: all(peer["state"] == "settled" for peer in status(show)))
    confirmed = show.until(lambda: show.confirmed() and not in_use(show, rid))
    after = show.versions(ORIGINATOR, ORIGINATOR, rid)
    show.say(
        "It gives nobody anything before that peer has shown, signed, what it holds of GB's records. So its own recall "
        f"comes back to it: version 1 of {LATER} was {before.get(1)} in the backup and is {after.get(1)} now."
    )
    wrong = show.told(ORIGINATOR, "fsck")["findings"]
    returned = sum(peer["adopted"] for peer in status(show))
    return [
        Check("before the disaster the recall was applied everywhere", gone, f"{len(had)} nodes"),
        Check("the backup still had the record in use", before.get(1) in LIVE, f"version 1 {before.get(1)}"),
        Check("recovery status: settled with every peer", settled, f"{returned} objects came back from peers"),
        Check(
            "the recalled record is in use nowhere, nor is its text", confirmed and not in_use(show, rid)
            and not texts(show, rid), f"at GB version 1 is {after.get(1)}",
        ),
        Check(
            "every feed of GB goes on in a new epoch, and is confirmed",
            confirmed and set(_epochs(show).values()) == {1},
            f"{len(_epochs(show))} feeds",
        ),
        Check("tidewaiter fsck finds nothing wrong at GB", wrong == [], f"{len(wrong)} findings"),
    ]  # fmt: skip


def board(show: Demonstration, reference: str) -> dict[str, Any]:
    """The recall's board at GB."""
    found: dict[str, Any] = show.told(ORIGINATOR, "recalls", "show", reference)
    return found


def status(show: Demonstration) -> list[dict[str, Any]]:
    """How far GB has settled with whom since its restore."""
    found: list[dict[str, Any]] = show.told(ORIGINATOR, "recovery", "status")["peers"]
    return found


def in_use(show: Demonstration, rid: str) -> set[str]:
    """The nodes that have a version of GB's record in use."""
    return {
        player.id
        for player in PLAYERS
        if any(state in LIVE for state in show.versions(player.id, ORIGINATOR, rid).values())
    }


def texts(show: Demonstration, rid: str) -> set[str]:
    """The nodes in whose database there is still something of the record's content."""
    found = set()
    for player in PLAYERS:
        with show.opened(player.id).database.read() as connection:
            rows = records.by_key(connection, ORIGINATOR, rid)
        found |= {player.id for row in rows if row.jwt or row.disclosures or row.title}
    return found


def _syncs(show: Demonstration, node: str) -> bool:
    """Have a peer look again now; its server may be at it at the same moment, and then the next time goes on there."""
    try:
        show.command(node, "sync")
    except CommandFailed:
        return False
    return True


def _epochs(show: Demonstration) -> dict[str, int]:
    """Recipient and lane → the newest epoch of GB's feed."""
    found: dict[str, int] = {}
    for row in show.out_feeds(ORIGINATOR):
        name = f"{row.recipient}/{row.lane}"
        found[name] = max(found.get(name, 0), row.epoch)
    return found
