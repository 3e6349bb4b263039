"""Two chapters about what changes after it was shared: a correction, and a policy."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

from node.cli.demo_checks import Check, pages
from node.cli.demo_federation import CommandFailed
from node.settings import config_folder
from node.storage import records

if TYPE_CHECKING:
    from pathlib import Path

    from node.cli.demo_federation import Demonstration

SENDER, RECIPIENT = "GB", "FR"
CORRECTED: Final = "PS-0017"
WRONG, RIGHT = "82320", "28320"
GAINED, LOST, WHERE = "value", "right", "footwear"
WIDENED: Final = ('"right", "media"]', '"right", "media", "value"]')
"""What becomes of one line of the policy: the region gets the value as well."""
FIRST: Final = 2
"""The first version after the one that the sample is."""
NEW_RULE: Final = "footwear-in-preparation"
WITHHOLDING: Final = f"""
# A case about footwear is being prepared: whose rights these are stays home meanwhile.
[[rule]]
id = "{NEW_RULE}"
effect = "withhold"
groups = ["{LOST}"]
when = {{ kind = ["seizure"], category = ["{WHERE}"], role = ["member"] }}
"""


def correction(show: Demonstration) -> list[Check]:
    """A row of GB's table is corrected and imported again: the next version, at everybody who has the first."""
    file = show.folder / "corrected.csv"
    _write_corrected(file)
    show.say(
        f"Two figures of {CORRECTED} were in the wrong order: {WRONG} pairs are {RIGHT}. GB corrects the row in its "
        "own system, and imports and releases it again."
    )
    mapping = config_folder() / "mappings" / "published-seizures.toml"
    counts = show.told(SENDER, "import", str(file), "--mapping", str(mapping))
    again = show.told(SENDER, "import", str(file), "--mapping", str(mapping))
    show.command(SENDER, "release", CORRECTED, "--by", "contact point of GB")
    rid = show.told(SENDER, "show", CORRECTED)["rid"]
    came = show.until(lambda: show.versions(RECIPIENT, SENDER, rid).get(2) == "received" and show.confirmed())
    view = show.told(RECIPIENT, "show", rid)
    told = json.dumps(view["groups"].get("quantity"))
    with show.opened(RECIPIENT).database.read() as connection:
        held = {row.ver: row for row in records.by_key(connection, SENDER, rid)}
    show.say(f"FR has version {view['ver']} now. It names version 1 by its hash, and version 1 is out of use.")
    return [
        Check(
            "the corrected row is one change, and imported once more it is none",
            (counts["changed"], counts["imported"], again["changed"]) == (1, 0, 0),
            f"{counts['changed']} changed, then {again['changed']}",
        ),
        Check("the next version reaches FR, and is confirmed", came, f"version {view['ver']}"),
        Check(
            "it says what is right, and follows the version that it replaces",
            RIGHT in told and WRONG not in told and held[2].prev == held[1].jh,
            f"{view['title']}",
        ),
        Check("version 1 can no longer be found", held[1].state == "superseded", held[1].state),
    ]


def _write_corrected(file: Path) -> None:
    """The sample's row of the corrected seizure, with the other quantity."""
    with (config_folder() / "samples" / "published-ipr-seizures.csv").open(encoding="utf-8", newline="") as source:
        table = csv.DictReader(source)
        rows = [row | {"quantity": RIGHT} for row in table if row["ref"] == CORRECTED and row["quantity"] == WRONG]
        with file.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, table.fieldnames or ())
            writer.writeheader()
            writer.writerows(rows)


def policy_change(show: Demonstration) -> list[Check]:
    """GB's policy gives FR one group more and takes one back of some: proposed, previewed, approved, in force."""
    file = next_policy(show, 2, more=WITHHOLDING, change=WIDENED)
    first, second = "head of unit of GB", "legal adviser of GB"
    before = _positions(show)
    shown = show.told(SENDER, "policy", "propose", str(file), "--by", first)["preview"]
    show.say(
        f"GB proposes policy 2: the region gets the {GAINED} as well, and the {LOST} of {WHERE} stays home. Before "
        f"that it shows what it will do: {shown['gains']} times a group gained, {shown['losses']} times lost. "
        "The first of each, and what the letter says of the new rule, which the second officer reads and approves:"
    )
    for word in ("gained", "lost"):
        one = shown[word][0]
        show.say(f"    {word:<6}  {one['recipient']}  {one['group']:<6}  {shown['titles'].get(one['rid'], one['rid'])}")
    for line in _paragraph(show.command(SENDER, "policy", "letter", "2"), NEW_RULE):
        show.say(f"    {line.strip()}")
    show.command(SENDER, "policy", "approve", "2", "--by", second, "--yes")
    done = show.told(SENDER, "policy", "activate", "2", "--by", first)
    confirmed = show.until(show.confirmed)
    sent = _sent_since(show, before)
    expected = {word: {(one["rid"], one["group"]) for one in shown[word] if one["recipient"] == RECIPIENT}
                for word in ("gained", "lost")}  # fmt: skip
    travelled = {(rid, group) for op, rid, groups in sent for group in groups if op == "more"}
    withdrawn = {rid for op, rid, _ in sent if op == "less"}
    show.say(
        f"Two officers stand behind it, and it is in force: {done['more']} entries bring only what is missing, "
        f"{done['less']} take something back."
    )
    holds = _held(show)
    return [
        Check("FR confirms it all", confirmed, f"{len(sent)} entries to FR"),
        Check(
            "what FR gains comes without a record being sent again",
            travelled == expected["gained"] and not any(op == "put" for op, _, _ in sent),
            f"{len(travelled)} groups in {sum(op == 'more' for op, _, _ in sent)} entries",
        ),
        Check(
            "what FR loses is exactly what the preview said",
            withdrawn == {rid for rid, _ in expected["lost"]} and withdrawn != set(),
            f"{len(withdrawn)} entries withdraw {LOST}",
        ),
        Check(
            "FR holds the one and holds the other no longer",
            all(group in holds[rid] for rid, group in expected["gained"])
            and not any(group in holds[rid] for rid, group in expected["lost"]),
            f"{len(holds)} records of GB looked at",
        ),
    ]


def _paragraph(letter: str, rule: str) -> list[str]:
    """What the letter says of one rule."""
    return next(part for part in letter.split("\n\n") if f"[{rule}]" in part).strip().splitlines()


def next_policy(show: Demonstration, version: int, *, more: str, change: tuple[str, str] | None = None) -> Path:
    """The text of GB's policy before this version with rules added, and one line changed, as a file of its own."""
    home = show.home(SENDER)
    before = home / (f"policy-{version - 1}.toml" if version > FIRST else "policy.toml")
    text = before.read_text("utf-8").replace(f"version = {version - 1}", f"version = {version}", 1)
    if change is not None:
        old, new = change
        if text.count(old) != 1:
            raise CommandFailed(f"{before}: does not say once {old}, which this chapter would change")
        text = text.replace(old, new)
    file = home / f"policy-{version}.toml"
    file.write_text(text + more, "utf-8")
    return file


def _positions(show: Demonstration) -> dict[str, int]:
    return {row.lane: row.size for row in show.out_feeds(SENDER) if row.recipient == RECIPIENT}


def _sent_since(show: Demonstration, before: dict[str, int]) -> list[tuple[str, str, frozenset[str]]]:
    """(operation, record, groups in the body) of every entry of GB's feeds to FR since then, from its pages."""
    found = []
    for data in pages(show, SENDER, RECIPIENT):
        page = json.loads(data)
        lane = page["feed"].split("/")[2]
        for entry in page["entries"][before.get(lane, 0) :]:
            leaf = json.loads(entry["e"])
            found.append((leaf["op"], leaf["rid"], names(entry.get("s", ""))))
    return found


def names(body: str) -> frozenset[str]:
    """The groups whose disclosures stand in a body."""
    from crypto import b64

    return frozenset(json.loads(b64.decode(part))[1] for part in body.split("~")[1:] if part)


def _held(show: Demonstration) -> dict[str, frozenset[str]]:
    """Record → the groups of GB's records that FR holds, by its stored bytes."""
    with show.opened(RECIPIENT).database.read() as connection:
        rows: list[Any] = list(connection.execute(records.visible()))
        given = [row for row in rows if row.iss == SENDER]
    return {row.rid: names(f"{row.jwt}~{row.disclosures}") for row in given}
