"""What the demonstration prints: who may see what of which record, what each node holds, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from node.services import policing
from node.storage import records
from node.storage.audit import decision_body
from node.storage.tables import disclosure, draft, withheld

if TYPE_CHECKING:
    from rich.console import Console

    from node.cli.demo_federation import Demonstration

SHOWN = 3
"""Records of each administration in the matrix: enough to see the four policies differ."""


def matrix(show: Demonstration) -> Table:
    """Record × recipient: the groups granted, or withheld with the reason."""
    from node.cli.demo_federation import ADMINISTRATIONS, PLAYERS

    table = Table(
        title="Record × recipient: groups granted or withheld, and by which rule (from the stored decisions)",
        show_lines=True,
    )
    table.add_column("record", max_width=34)
    for player in PLAYERS:
        table.add_column(player.id, max_width=30)
    for sender in ADMINISTRATIONS:
        with show.opened(sender.id).database.read() as connection:
            drafts = list(connection.execute(draft.select().order_by(draft.c.kind, draft.c.id)))
            chosen = [row for row in drafts if row.kind == "alert"][:1] + [
                row for row in drafts if row.kind == "seizure"
            ][:SHOWN]
            for row in chosen:
                title = records.find(connection, row.rid, sender.id)[0].title
                cells = [f"[bold]{row.reference}[/bold] {title}"]
                for player in PLAYERS:
                    if player.id == sender.id:
                        cells.append("[dim]its own[/dim]")
                        continue
                    given = connection.execute(
                        disclosure.select().where(
                            disclosure.c.rid == row.rid, disclosure.c.recipient == player.id
                        )
                    ).first()
                    if given is not None:
                        cells.append(
                            _granted(
                                given.groups, json.loads(decision_body(connection, given.decision) or "{}")
                            )
                        )
                        continue
                    kept = connection.execute(
                        withheld.select().where(withheld.c.rid == row.rid, withheld.c.recipient == player.id)
                    ).first()
                    cells.append(
                        _withheld(
                            {}
                            if kept is None
                            else json.loads(decision_body(connection, kept.decision) or "{}")
                        )
                    )
                table.add_row(*cells)
    return table


def _granted(groups: str, decision: dict[str, object]) -> str:
    names = groups.split(",")
    return f"[green]{len(names)} groups[/green]: {', '.join(names)}\n[dim]rule {_rules(decision, 'granted_by')}[/dim]"


def _withheld(decision: dict[str, object]) -> str:
    lines = ["[red]nothing in the feed[/red]"]
    if decision.get("hit"):
        lines = ["[yellow]hit only[/yellow]: told when it asks"]
    if decision.get("query"):
        lines.append(f"on request: {', '.join(decision['query'])}")  # type: ignore[arg-type]
    reasons = [_rules(decision, "withheld_by"), _rules(decision, "granted_by")]
    named = next((reason for reason in reasons if reason), "")
    lines.append(f"[dim]{'rule ' + named if named else 'no rule grants it'}[/dim]")
    return "\n".join(lines)


def _rules(decision: dict[str, object], name: str) -> str:
    found = decision.get(name)
    return ", ".join(found) if isinstance(found, list) else ""


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
    reference = show._first_reference("GB")  # noqa: SLF001 - the demonstration's own
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
