"""What the demonstration prints: who may see what of which record, what each node holds, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.table import Table

from node.services import policing
from node.storage import audit, records
from node.storage.tables import disclosure, draft, withheld

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Connection

    from node.cli.demo_federation import Demonstration

NO_RULE = "no rule grants it"


def matrix(show: Demonstration) -> tuple[Table, Table]:
    """Record × recipient: what was granted, or withheld with the reason; and which groups stand behind each letter."""
    from node.cli.demo_federation import ADMINISTRATIONS, PLAYERS

    table = Table(title="Record × recipient: groups granted, or withheld with the reason (from the stored decisions)")
    table.add_column("of", no_wrap=True)
    table.add_column("record", no_wrap=True, max_width=46)
    for player in PLAYERS:
        table.add_column(f"to {player.id}", no_wrap=True)
    sets = GroupSets()
    for sender in ADMINISTRATIONS:
        with show.opened(sender.id).database.read() as connection:
            for row in connection.execute(draft.select().order_by(draft.c.kind, draft.c.id)):
                title = records.find(connection, row.rid, sender.id)[0].title
                cells = [_cell(connection, row.rid, sender.id, player.id, sets) for player in PLAYERS]
                table.add_row(sender.id, f"[bold]{row.reference}[/bold] {title}", *cells)
        table.add_section()
    return table, sets.legend()


class GroupSets:
    """A letter for each set of groups that occurs."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, ...], str] = {}

    def letter(self, groups: tuple[str, ...]) -> str:
        """The letter of a set, a new one for a set that did not occur yet."""
        return self._letters.setdefault(groups, chr(ord("A") + len(self._letters)))

    def legend(self) -> Table:
        """What each letter stands for."""
        table = Table(title="The groups behind the letters", show_header=False)
        for groups, letter in self._letters.items():
            table.add_row(f"[green]{letter}[/green]", f"{len(groups)} groups", ", ".join(groups))
        return table


def _cell(connection: Connection, rid: str, sender: str, recipient: str, sets: GroupSets) -> str:
    if sender == recipient:
        return "[dim]its own[/dim]"
    given = connection.execute(
        disclosure.select().where(disclosure.c.rid == rid, disclosure.c.recipient == recipient)
    ).first()
    if given is not None:
        decision = _decision(connection, given.decision)
        return f"[green]{sets.letter(tuple(given.groups.split(',')))}[/green] {_rules(decision, 'granted_by')}"
    kept = connection.execute(withheld.select().where(withheld.c.rid == rid, withheld.c.recipient == recipient)).first()
    decision = {} if kept is None else _decision(connection, kept.decision)
    if decision.get("query"):
        return f"[yellow]on request[/yellow] {_rules(decision, 'granted_by')}"
    if decision.get("hit"):
        return f"[yellow]hit only[/yellow] {_rules(decision, 'granted_by')}"
    return f"[red]nothing[/red] {_rules(decision, 'withheld_by') or NO_RULE}"


def _decision(connection: Connection, content_hash: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(audit.decision_body(connection, content_hash) or "{}")
    return found


def _rules(decision: dict[str, Any], name: str) -> str:
    found = decision.get(name) or []
    return " ".join([*found[:1], *([f"+{len(found) - 1}"] if len(found) > 1 else [])])


def holdings(show: Demonstration) -> Table:
    """What each node holds, by whose it is."""
    from node.cli.demo_federation import PLAYERS

    table = Table(title="What each node holds")
    table.add_column("node")
    for player in PLAYERS:
        table.add_column(f"of {player.id}", justify="right")
    table.add_column("given to others", justify="right")
    table.add_column("confirmed by receipt", justify="right")
    for player in PLAYERS:
        with show.opened(player.id).database.read() as connection:
            held = {
                sender.id: len(records.search(connection, filters={"node": [sender.id]}, limit=10_000))
                for sender in PLAYERS
            }
        out = show.out_feeds(player.id)
        table.add_row(
            f"{player.id} ({player.name})", *(str(held[sender.id]) for sender in PLAYERS),
            str(sum(row.size for row in out)), str(sum(row.receipt_size for row in out)),
        )  # fmt: skip
    return table


def explanation(show: Demonstration, console: Console) -> None:
    """One `policy explain`: why FR sees what it sees of a seizure of GB."""
    home = show.opened("GB")
    policy = home.policy()
    member = home.membership.current().member("FR")
    if policy is None or member is None:
        return
    reference = show.first_reference("GB")
    found = policing.explain(
        home.database, reference, node="GB", recipient=member.recipient(), policy=policy, now=home.clock()
    )
    table = Table(title=f"tidewaiter policy explain {reference} --to FR: {found.title}")
    table.add_column("group")
    table.add_column("verdict")
    table.add_column("why")
    for reason in found.reasons:
        colour = "green" if reason.verdict == "granted" else "red"
        table.add_row(reason.group, f"[{colour}]{reason.verdict}[/]", reason.text)
    console.print(table)
