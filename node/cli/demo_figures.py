"""The last chapter: the office adds its members up and writes a bulletin; an officer asks every node at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from federation.envelope import verify_record
from node.cli.demo_checks import Check
from node.cli.demo_federation import ADMINISTRATIONS, AUTHORITY
from node.services import bodies
from node.settings import config_folder
from node.storage import records

if TYPE_CHECKING:
    from node.cli.demo_federation import Demonstration

HUB: Final = AUTHORITY
MEMBERS: Final = tuple(player.id for player in ADMINISTRATIONS)
ASKING: Final = "FR"
HINTING: Final = "HK"
"""The member whose policy says no more than that something is held."""
SHOWING: Final = "GB"
WHAT: Final = "clothing"
NOTHING: Final = "a brand that nobody has seen"
EDITION: Final = "STAT-REGION"
PERIOD: Final = ("--from", "2016-04", "--to", "2026-03")
TITLES: Final = (
    "--title", "en:Counterfeit goods in Western Europe", "--title", "fr:Les contrefaçons en Europe occidentale",
)  # fmt: skip
CASE: Final = ("--purpose", "customs-enforcement", "--case", "DEMO-2026-07")


WITHOUT_A_NODE: Final = ("AT", "BE", "BG", "CZ", "DE", "ES", "GR", "HR", "HU", "IE", "IT", "PL", "RO", "SE")
"""Administrations of the sample that the directory lists no node of: the office enters what they sent it."""


def figures(show: Demonstration) -> list[Check]:
    """A regional table, an edition of it behind disclosure control, a bulletin, and a question to every node."""
    _enter(show)
    return [*_table(show), *_edition(show), *_bulletin(show), *_question(show)]


def _enter(show: Demonstration) -> None:
    sample = config_folder() / "samples" / "published-ipr-seizures.csv"
    mapping = config_folder() / "mappings" / "published-seizures.toml"
    entered = 0
    for administration in WITHOUT_A_NODE:
        words = ("import", str(sample), "--mapping", str(mapping), "--on-behalf-of", administration)
        entered += show.told(HUB, *words)["imported"]
    show.command(HUB, "release", "--all", "--kind", "seizure", "--by", "analyst of the office")
    show.say(
        f"{len(WITHOUT_A_NODE)} administrations of the region have no node: {HUB} enters their {entered} published "
        "seizures on their behalf, and signs them itself."
    )


def _table(show: Demonstration) -> list[Check]:
    show.say(f"{HUB} adds up what {len(MEMBERS)} members let it count:")
    show.say(show.command(HUB, "stats", "table", "by-administration").rstrip())
    told = show.told(HUB, "stats", "table", "by-administration")["tables"][0]
    cases = {row["key"][0]: int(row["n"]) for row in told["rows"] if row["measure"] == "cases"}
    (total,) = (int(row["n"]) for row in told["total"] if row["measure"] == "cases")
    signed, kept_out = _recount(show)
    entered = sum(signed[node] for node in WITHOUT_A_NODE)
    different = show.told(HUB, "stats", "check")["differences"]
    return [
        Check(
            "each member's line is the number of its records, verified one by one and counted anew",
            cases == signed and set(cases) == {*MEMBERS, *WITHOUT_A_NODE} and total == sum(signed.values()),
            f"{' + '.join(f'{signed[node]} {node}' for node in MEMBERS)}, entered by the office {entered} = {total}",
        ),
        Check(
            "what came for customs enforcement alone is not counted, and the counts equal a recount",
            different == [] and sum(kept_out.values()) > 0, f"{sum(kept_out.values())} records kept out",
        ),
    ]  # fmt: skip


def _recount(show: Demonstration) -> tuple[dict[str, int], dict[str, int]]:
    """Administration → its seizures that the office may count, and those it may not: from the signed bodies alone."""
    home = show.opened(HUB)
    directory, now = home.membership.current(), home.clock()
    may: Counter[str] = Counter()
    may_not: Counter[str] = Counter()
    with home.database.read() as connection:
        rows = [row for row in connection.execute(records.visible()) if row.kind == "seizure"]
    for row in rows:
        mask = int(row.mask, 16)
        opened = verify_record(
            bodies.presentation(row.jwt, row.disclosures, mask, mask), directory=directory, now=now
        )  # fmt: skip
        case = opened.groups["case"]
        (may if '"statistics"' in row.handling else may_not)[case["administration"]] += 1
    return dict(may), dict(may_not)


def _edition(show: Demonstration) -> list[Check]:
    drawn = show.told(HUB, "stats", "publish", "--held", *PERIOD, "--reference", EDITION)
    show.command(HUB, "release", EDITION, "--kind", "statistics", "--by", "analyst of the office")
    mine = show.told(HUB, "stats", "show", EDITION)
    came = show.until(lambda: all(_has(show, node, mine["rid"]) for node in MEMBERS))
    theirs = (
        [show.told(node, "stats", "show", mine["rid"], "--node", HUB)["groups"] for node in MEMBERS] if came else []
    )
    show.say(
        f"An edition for everybody is another thing: of {drawn['cells']} cells {drawn['primary']} would show what one "
        f"or two administrations reported, and {drawn['secondary']} would help to find that out. They are left out."
    )
    return [
        Check(
            "every member holds the published tables, cell by cell as the office signed them",
            bool(theirs) and all(groups == mine["groups"] for groups in theirs),
            f"{drawn['cases']} cases in {drawn['cells']} cells, {drawn['primary'] + drawn['secondary']} left out",
        )
    ]


def _bulletin(show: Demonstration) -> list[Check]:
    drawn = show.told(
        HUB, "bulletin", "draw", *TITLES, "--edition", EDITION, "--heading", "en:How to read this", "--text",
        "en:Cells that would show a single member's reports are left out.", "--no-names",
    )  # fmt: skip
    reference = drawn["reference"]
    show.command(HUB, "release", reference, "--kind", "bulletin", "--by", "analyst of the office")
    mine = show.told(HUB, "bulletin", "show", reference)
    reader = MEMBERS[0]
    came = show.until(lambda: _has(show, reader, mine["rid"]))
    path = show.bulletin
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of an earlier demonstration
    if came:
        show.command(
            reader, "bulletin", "write", mine["rid"], "--node", HUB, "--output", str(path), "--to", "the officers of GB"
        )
    tables = show.told(HUB, "stats", "show", EDITION)["groups"]
    show.say(f"The bulletin, as {reader} received it: {path}")
    return [
        Check(
            f"the bulletin's figures are the edition's, and {reader} writes the page from its own copy",
            came
            and path.stat().st_size > 0
            and all(figure["cells"] == tables[figure["table"]]["cells"] for figure in mine["groups"]["figures"]),
            f"{drawn['figures']} figures, {path.name if came else 'nothing came'}",
        )
    ]


def _question(show: Demonstration) -> list[Check]:
    words = ("ask", "--filter", f"category={WHAT}", *CASE)
    found = show.told(ASKING, *words)
    nothing = show.told(ASKING, "ask", "--filter", f"brand={NOTHING}", *CASE)
    held_back = show.told(HINTING, *words)
    shown = [one for one in found["records"] if one["iss"] == SHOWING]
    show.say(
        f"An officer of {ASKING} asks every node about {WHAT}: {SHOWING} shows {len(shown)} records, {HINTING} answers "
        f"{_hint(found)}. When {HINTING} asks the same, its own policy lets the question go to "
        f"{', '.join(held_back['asked'])} alone."
    )
    return [
        Check(
            f"{ASKING}'s question is answered by all: with records where a policy says so, else with a contact",
            bool(shown) and any(hit["peer"] == HINTING for hit in found["hits"]) and _all_answered(found),
            f"{len(found['records'])} records, {len(found['hits'])} contacts",
        ),
        Check(
            "a question about what nobody holds is answered the same way, with nothing",
            not nothing["records"] and not nothing["hits"] and _all_answered(nothing),
            f"{len(nothing['peers'])} answers",
        ),
        Check(
            f"{HINTING}'s question goes to nobody whom its own policy would not let know of it",
            held_back["asked"] == [HUB] and {one["peer"] for one in held_back["not_asked"]} == {"FR", "GB"},
            f"not asked: {', '.join(one['peer'] for one in held_back['not_asked'])}",
        ),
    ]


def _hint(found: dict[str, Any]) -> str:
    return next((f'"we hold something, ask {hit["contact"]}"' for hit in found["hits"]), "nothing")


def _all_answered(found: dict[str, Any]) -> bool:
    return {one["state"] for one in found["peers"]} == {"answered"}


def _has(show: Demonstration, node: str, rid: str) -> bool:
    return show.versions(node, HUB, rid).get(1) == "received"
