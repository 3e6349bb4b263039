"""What the demonstration proves about itself, on the bytes that left."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from rich.text import Text

from federation.envelope import verify_record
from federation.feed import LANES
from node.services.bodies import bits
from node.services.intake import PeerDesk
from node.services.serving import Server
from node.storage import audit, quarantine
from node.storage.database import Database
from node.storage.records import count_by_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from node.cli.demo_federation import Demonstration

TAMPERED_SENDER = "GB"
TAMPERED_RECIPIENT = "FR"


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence, whether it held, and the figure behind it."""

    sentence: str
    held: bool
    detail: str


def tell(console: Console, checks: Sequence[Check]) -> None:
    """Print what was checked, a line each."""
    for check in checks:
        line = Text("  ").append("held   " if check.held else "FAILED ", "green" if check.held else "bold red")
        console.print(line.append(f"{check.sentence} ({check.detail})"))


def pages(show: Demonstration, sender: str, recipient: str) -> list[bytes]:
    """Every page that `sender`'s server gives `recipient`, as bytes."""
    home = show.opened(sender)
    server = Server(node=sender, directory=home.membership.current(), log_signer=home.signer("log"))
    found = []
    with home.database.read() as connection:
        for lane in LANES:
            data = server.page(
                connection, recipient=recipient, lane=lane, start=0, limit=500, note=None, now=home.clock()
            )
            found.append(data)
    return found


def what_left_is_what_was_granted(show: Demonstration) -> Check:
    """Open every body in every feed and compare its groups with the stored decision behind the entry."""
    from node.cli.demo_federation import PLAYERS

    bodies = wrong = 0
    for sender in PLAYERS:
        home = show.opened(sender.id)
        directory = home.membership.current()
        for recipient in PLAYERS:
            if recipient.id == sender.id:
                continue
            with home.database.read() as connection:
                rows = audit.rows(connection, limit=100_000)
                granted = {
                    (row.rid, row.ver): set(row.groups.split(","))
                    for row in rows
                    if row.action == "feed" and row.recipient == recipient.id
                }
            for data in pages(show, sender.id, recipient.id):
                for entry in orjson.loads(data)["entries"]:
                    opened = verify_record(entry["s"], directory=directory, now=home.clock())
                    bodies += 1
                    key = (opened.rid, opened.ver)
                    wrong += set(opened.groups) != granted[key]
                    leaf = orjson.loads(entry["e"])
                    wrong += len(bits(int(leaf["gm"], 16))) != len(opened.groups)
    return Check(
        "every body that left shows exactly the groups that its disclosure row says",
        wrong == 0,
        f"{bodies} bodies opened",
    )


def tampered_page_is_refused(show: Demonstration) -> Check:
    """Alter one character of one record on its way, and let the recipient's own code take the page in."""
    sender, recipient = show.opened(TAMPERED_SENDER), show.opened(TAMPERED_RECIPIENT)
    data = pages(show, TAMPERED_SENDER, TAMPERED_RECIPIENT)[1]
    page = json.loads(data)
    body = page["entries"][0]["s"]
    jwt, rest = body.split("~", 1)
    altered = rest[:-3] + ("A" if rest[-3] != "A" else "B") + rest[-2:]
    page["entries"][0]["s"] = f"{jwt}~{altered}"
    with tempfile.TemporaryDirectory(prefix="tidewaiter-tampered-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'scratch.db'}")
        database.upgrade()
        desk = PeerDesk(
            peer=TAMPERED_SENDER, node=TAMPERED_RECIPIENT, database=database, directory=sender.membership.current,
            log_signer=recipient.signer("log"), clock=recipient.clock,
        )  # fmt: skip
        desk.apply(desk.verify(desk.open("bulk", orjson.dumps(page), None)))
        with database.read() as connection:
            refused = quarantine.listing(connection)
            arrived = count_by_state(connection).get("received", 0)
        database.close()
    held = len(refused) == 1 and refused[0].n == 0 and arrived == len(page["entries"]) - 1
    problem = refused[0].problem if refused else "nothing"
    return Check(
        "one altered record on the way is refused, and the entries behind it arrive", held,
        f"entry 0 quarantined as {problem}, {arrived} others taken in",
    )  # fmt: skip
