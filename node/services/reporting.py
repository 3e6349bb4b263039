"""Relay reports, both ends: a hub tells an originator what it passed on, and the originator compares.

`compare` holds what hubs say against the relay grants that they were given: pairs of record and recipient that are
missing (the hub dropped them, or has not got to them), and what went beyond the grants (the hub's own signature says
so). `fetch` asks every hub for what came since the last time.

Trust: a report is the hub's word. Beyond that, what a recipient holds is told by its inventory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from federation.errors import FederationError, NoRelayGrant
from federation.relay import JOINT, RelayGrant, signed_grant
from federation.relayreports import MAX_PASSED, Onward, sign_relay_report, verify_relay_report
from federation.replication import LinkDown
from node.storage import duties

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from crypto.signer import Signer
    from federation.directory import Directory
    from node.storage.database import Database

SECONDS: Final = 600.0
"""How often an originator asks its hubs."""
GRACE: Final = 3_600
"""Seconds that a hub has for passing on, before a pair counts as missing."""
MAX_ROUNDS: Final = 1_000
Ask = Callable[[str, int], Awaitable[str]]
"""(hub, position) → the hub's report on what came after it. Raises `LinkDown`, `FederationError`."""


def make_report(
    database: Database, *, fed: str, hub: str, originator: str, after: int, signer: Signer, now: int
) -> str:  # fmt: skip
    """At a hub: the signed report for one originator on what came after a position."""
    with database.read() as connection:
        rows = duties.passed_after(connection, originator, after, MAX_PASSED + 1)
    more, rows = len(rows) > MAX_PASSED, rows[:MAX_PASSED]
    passed = [Onward(row.rid, row.recipient, row.ver, int(row.mask, 16), row.at) for row in rows]
    until = rows[-1].id if rows else after
    return sign_relay_report(
        fed=fed, hub=hub, originator=originator, after=after, until=until, more=more, passed=passed, signer=signer,
        now=now,
    )  # fmt: skip


def accept_report(database: Database, token: str, *, directory: Directory, hub: str, node: str, now: int) -> bool:
    """At an originator: keep a report that goes on where the last one ended; True if there is more to fetch.

    Raises what `verify_relay_report` raises. A report that begins elsewhere changes nothing.
    """
    report = verify_relay_report(token, directory=directory, hub=hub, originator=node, now=now)
    with database.write() as connection:
        if report.after != duties.report_position(connection, hub):
            return False
        newest = {(one.rid, one.recipient): (one.ver, f"{one.mask:x}", one.at) for one in report.passed}
        duties.keep_report(connection, hub, position=report.until, token=token, rows=newest, now=now)
    return report.more and report.until > report.after


async def fetch(
    database: Database, ask: Ask, *, directory: Directory, node: str, clock: Callable[[], int]
) -> dict[str, str | None]:
    """Ask every hub that was given something; returns hub → the problem, or None."""
    with database.read() as connection:
        hubs = sorted({row.hub for row in duties.given_to_hubs(connection, node)})
    problems: dict[str, str | None] = {}
    for hub in hubs:
        try:
            for _ in range(MAX_ROUNDS):
                with database.read() as connection:
                    position = duties.report_position(connection, hub)
                token = await ask(hub, position)
                if not accept_report(database, token, directory=directory, hub=hub, node=node, now=clock()):
                    break
            problems[hub] = None
        except (LinkDown, FederationError) as error:
            problems[hub] = str(error)
    return problems


@dataclass(frozen=True, slots=True)
class Pair:
    """A record and a recipient by one hub."""

    hub: str
    rid: str
    recipient: str
    ver: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What hubs were given leave for, against what they say that they did."""

    expected: int
    missing: tuple[Pair, ...]
    beyond: tuple[Pair, ...]
    reported_at: dict[str, int]
    """Hub → when its last report was kept. A hub that is missing here has never reported."""


def compare(database: Database, *, directory: Directory, node: str, now: int, grace: int = GRACE) -> Comparison:
    """Compare every relay grant that is in force with the hubs' reports."""
    with database.read() as connection:
        given = duties.given_to_hubs(connection, node)
        reported = {(row.hub, row.rid, row.recipient): row for row in duties.reported_to(connection)}
        times = duties.reports(connection)
    active = [member.id for member in directory.members.values() if member.status == "active" and member.id != node]
    expected = 0
    missing: list[Pair] = []
    beyond: list[Pair] = []
    for row in given:
        grants = _grants(row.text, directory)
        for recipient in active:
            said = reported.get((row.hub, row.rid, recipient))
            told = 0 if said is None or said.ver < row.ver else int(said.mask, 16)
            live = [grant for grant in grants if now < grant.exp and grant.includes(recipient, directory)]
            wanted = _mask(live) if recipient != row.hub else 0
            expected += bool(wanted)
            if wanted & ~told and row.at + grace <= now:
                missing.append(Pair(row.hub, row.rid, recipient, row.ver))
            named = _mask([grant for grant in grants if grant.named(recipient, directory)])
            if said is not None and said.ver == row.ver and told & ~named:
                beyond.append(Pair(row.hub, row.rid, recipient, row.ver))
    return Comparison(expected=expected, missing=tuple(missing), beyond=tuple(beyond), reported_at=times)


def may_have_passed(
    connection: Connection, peer: str, rids: Collection[str], *, node: str, directory: Directory
) -> dict[str, tuple[int, str, int]]:
    """Of these records of our own, (version, jh, mask) of what hubs may have given `peer` by our relay grants.

    Who has left the group has nothing more by it: what it still shows hubs have not taken back.
    """
    found: dict[str, tuple[int, str, int]] = {}
    for (rid, _), text in duties.texts_given(connection, node, rids).items():
        for grant in _grants(text, directory):
            ver, _, mask = found.get(rid, (0, "", 0))
            if not grant.includes(peer, directory) or grant.ver < ver:
                continue
            found[rid] = (grant.ver, grant.jh, (mask if grant.ver == ver else 0) | grant.mask)
    return {rid: what for rid, what in found.items() if what[1]}


def _grants(text: str, directory: Directory) -> list[RelayGrant]:
    found = []
    for token in text.split(JOINT):
        try:
            found.append(signed_grant(token, directory=directory))
        except NoRelayGrant:
            continue
    return found


def _mask(grants: list[RelayGrant]) -> int:
    mask = 0
    for grant in grants:
        mask |= grant.mask
    return mask
