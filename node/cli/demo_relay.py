"""The chapter about the regional office: it passes on what it may; when it does more, its own signature shows it."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto import jcs, merkle
from crypto.checkpoint import sign_checkpoint
from federation.feed import FeedId, key_name
from federation.pages import PageEntry, build_page
from node.cli.demo_changes import names, next_policy
from node.cli.demo_checks import Check, pages
from node.cli.demo_federation import AUTHORITY, OPERATION, ORIGINATOR
from node.services.intake import PeerDesk
from node.storage import evidence, quarantine, records
from node.storage.database import Database

if TYPE_CHECKING:
    from node.cli.demo_federation import Demonstration

HUB: Final = AUTHORITY
GROUP: Final = f"{OPERATION[0]}@1"
PARTNER: Final = OPERATION[1]
OUTSIDER: Final = "FR"
WHAT: Final = "clothing"
GROUPS: Final = ("case", "goods", "quantity", "route", "transport")
RELAYING: Final = f"""
# What the joint operation is about: the regional office may pass it on to those who take part in it.
[[rule]]
id = "operation-through-the-office"
effect = "grant"
groups = {json.dumps(GROUPS)}
when = {{ kind = ["seizure"], category = ["{WHAT}"], role = ["rilo"] }}
obligations = {{ purposes = ["customs-enforcement"], onward = "any-member" }}
relay = {{ to = "group:{GROUP}", days = 30 }}
"""


def relay(show: Demonstration) -> list[Check]:
    """GB lets the office pass some records on to a group; HK gets them so, and FR, which is not in it, does not."""
    file = next_policy(show, 3, more=RELAYING)
    show.say(
        f"{PARTNER} gets nothing about {WHAT} from {ORIGINATOR} itself, but takes part in a joint operation. By "
        f"policy 3 the regional office may pass five groups of these records on to the group {GROUP}: with each record "
        "goes a relay grant that GB signs."
    )
    show.command(
        ORIGINATOR, "policy", "activate", str(file), "--by", "head of unit of GB", "--second", "legal adviser of GB",
        "--yes",
    )  # fmt: skip
    show.command(ORIGINATOR, "relay", "run")
    expected = {
        row["rid"]
        for row in show.told(ORIGINATOR, "search", "--category", WHAT, "--node", ORIGINATOR, "--kind", "seizure")[
            "records"
        ]
    }
    came = show.until(lambda: _through(show, PARTNER).keys() == expected and show.confirmed())
    through = _through(show, PARTNER)
    entries = relayed(show, PARTNER)
    report = show.told(ORIGINATOR, "relay", "report", "--grace", "0")
    file = show.folder / "relayed-record"
    file.write_text(entries[0]["s"], "utf-8")
    opened = show.told(PARTNER, "verify", "record", str(file))
    show.say(
        f"{PARTNER} has {len(through)} records through the office. Each still bears GB's signature: {PARTNER} need not "
        "trust the office for anything that it reads."
    )
    return [
        Check(f"{PARTNER} gets every record that a relay grant is for", came, f"{len(through)} of {len(expected)}"),
        Check(
            "it verifies what the office passed on as GB's own word, with the directory alone",
            (opened["iss"], opened["valid"]) == (ORIGINATOR, True), f"groups {', '.join(opened['groups'])}",
        ),
        Check(
            "of each it sees what the grant allows, and nothing else that the office has",
            all(names(entry["s"]) <= set(GROUPS) for entry in entries),
            f"{len(entries)} bodies opened",
        ),
        Check(
            f"the office's signed report names them all, and {OUTSIDER} is not among those who got them",
            report["missing"] == [] and report["beyond"] == [] and not relayed(show, OUTSIDER),
            f"{report['expected']} pairs of record and recipient",
        ),
        *oversharing(show, entries[0]),
    ]  # fmt: skip


def _through(show: Demonstration, node: str) -> dict[str, Any]:
    """Record id → the version of GB's that a node holds and that the office's feed brought."""
    brought = {json.loads(entry["e"])["rid"] for entry in relayed(show, node)}
    with show.opened(node).database.read() as connection:
        rows = list(connection.execute(records.visible()))
    return {row.rid: row for row in rows if row.iss == ORIGINATOR and row.rid in brought}


def relayed(show: Demonstration, node: str) -> list[dict[str, Any]]:
    """The entries with records of GB in the office's feeds to a node, as they leave."""
    entries = [entry for data in pages(show, HUB, node) for entry in json.loads(data)["entries"]]
    return [entry for entry in entries if json.loads(entry["e"])["iss"] == ORIGINATOR and "rg" in entry]


def oversharing(show: Demonstration, entry: dict[str, Any]) -> list[Check]:
    """The same entry, sent by the office to FR as well: FR refuses it and can prove it to anybody."""
    show.say(
        f"Now the office breaks the rules: it signs a page that hands one of these records to {OUTSIDER}, which the "
        f"grant does not name. {OUTSIDER} takes nothing in and keeps the office's own signature."
    )
    data = _signed_page(show, entry)
    with tempfile.TemporaryDirectory(prefix="tidewaiter-overshared-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'scratch.db'}")
        database.upgrade()
        home = show.opened(OUTSIDER)
        desk = PeerDesk(
            peer=HUB, node=OUTSIDER, database=database, directory=home.membership.current,
            log_signer=home.signer("log"), clock=home.clock,
        )  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):  # the desk would log what is told below
            desk.apply(desk.verify(desk.open("bulk", data, None)))
        with database.read() as connection:
            held = list(connection.execute(records.visible()))
            refused = [row.problem for row in quarantine.listing(connection)]
            kept = evidence.listing(connection)
        database.close()
    file = show.folder / "evidence.json"
    file.write_text(kept[0].body if kept else "", "utf-8")
    listed = next((show.home(OUTSIDER) / "directory" / "mirror" / "targets").glob("*.directory.json"))
    proof = show.told(OUTSIDER, "verify", "evidence", str(file), "--directory", str(listed)) if kept else {}
    return [
        Check(f"{OUTSIDER} refuses it", not held and refused == ["grant-exceeded"], ", ".join(map(str, refused))),
        Check(
            "whoever has the directory can prove what the office did: tidewaiter verify evidence",
            (proof.get("accused"), proof.get("valid")) == (HUB, True), str(proof.get("breach")),
        ),
    ]  # fmt: skip


def _signed_page(show: Demonstration, entry: dict[str, Any]) -> bytes:
    """A page of the office's to FR with this one entry, whole and signed as any other."""
    home = show.opened(HUB)
    directory = home.membership.current()
    leaf = jcs.profile_bytes(json.loads(entry["e"]) | {"n": 0}).decode()
    feed = FeedId(HUB, OUTSIDER, "bulk", 0)
    compact = merkle.CompactRange().extend([merkle.leaf_hash(leaf.encode())])
    note = sign_checkpoint(
        origin=feed.origin(directory.fed), size=1, root=compact.root(), key_name=key_name(directory.fed, HUB),
        signer=home.signer("log"),
    )  # fmt: skip
    return build_page(
        feed=feed, start=0, entries=[PageEntry(leaf, entry["s"], entry["rg"])], checkpoint=note, head=note,
        directory_version=directory.version,
    )  # fmt: skip
