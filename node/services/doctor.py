"""What is wrong with a node, in plain words: what, why it matters, and the command that helps (`tidewaiter doctor`).

Every look is by itself: one that cannot be taken is told as a finding, and the others go on. Nothing is changed.

Trust: it asks this machine's clock, disk and files, and the database. A machine that lies is not found out.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from sqlalchemy import func, select

from federation.errors import FederationError, ProblemType
from node.services import backup, counters, requests
from node.services.checking import fsck
from node.storage import evidence as evidence_rows
from node.storage import feeds, gaps, settlements
from node.storage.database import WrongSchema
from node.storage.tables import disclosure, feed_in, quarantine
from node.storage.tables.attachments import attachment
from node.storage.tables.recovery import replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from crypto.signer import Signer
    from node.services.membership import Membership
    from node.services.publishing import Publisher
    from node.settings import Settings
    from node.storage.blobs import Blobs
    from node.storage.database import Database

DAY: Final = 86_400
KEY_DAYS: Final = 30
"""So long before a key expires it has to be replaced: the directory takes days, with people in different places."""
DIRECTORY_HOURS: Final = 12
OVERDUE: Final = DAY
"""A receipt or a page that has not come within a day will not come by itself."""
BACKUP_DAYS: Final = 2
FREE_BYTES: Final = 1_000_000_000
FREE_SHARE: Final = 0.05
SKEW: Final = 300
BLOBS_LOOKED_AT: Final = 2_000
LISTED: Final = 5

Severity = Literal["wrong", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or soon will be."""

    check: str
    severity: Severity
    what: str
    why: str
    help: str

    def to_json(self) -> dict[str, str]:
        """The members of `--json`."""
        return {name: getattr(self, name) for name in self.__slots__}


class Home(Protocol):
    """The parts of a node that are looked at (`node.app.Home`)."""

    @property
    def settings(self) -> Settings: ...  # noqa: D102 - what the operator decided
    @property
    def database(self) -> Database: ...  # noqa: D102
    @property
    def membership(self) -> Membership: ...  # noqa: D102
    def signer(self, use: str) -> Signer: ...  # noqa: D102
    def publisher(self) -> Publisher: ...  # noqa: D102
    def blobs(self) -> Blobs: ...  # noqa: D102


def examine(home: Home, *, now: int, quick: bool = False) -> list[Finding]:
    """Everything that is wrong at `now` (seconds). `quick` leaves out reading the whole database."""
    found: list[Finding] = []
    looks: dict[str, Callable[[Home, int], Iterator[Finding]]] = {
        "files": _files, "disk": _disk, "schema": _schema, "keys": _keys, "directory": _directory, "clock": _clock,
        "feeds": _feeds, "quarantine": _quarantine, "requests": _requests,
        "evidence": _evidence, "backup": _backup, "restore": _restore,
        "completeness": _completeness, "attachments": _attachments,
    }  # fmt: skip
    if not quick:
        looks["integrity"] = _integrity
    for name, look in looks.items():
        try:
            found.extend(look(home, now))
        except Exception as error:  # noqa: BLE001 - one look that fails must not hide what the others see
            found.append(_unseen(name, error))
            if name == "schema":  # nothing of such a database can be read
                break
    return sorted(found, key=lambda one: one.severity == "warning")


def _unseen(name: str, error: Exception) -> Finding:
    if isinstance(error, WrongSchema):
        return Finding(name, "wrong", str(error), "a server does not start on it", "tidewaiter migrate")
    told = str(error) if isinstance(error, FederationError) else type(error).__name__
    return Finding(
        name, "wrong", f"could not be looked at: {told}", "what is wrong there is not known",
        "TIDEWAITER_DEBUG=1 tidewaiter doctor",
    )  # fmt: skip


def _files(home: Home, _: int) -> Iterator[Finding]:
    folder = home.settings.home
    secret = [folder / "keyfile", folder / "token.secret", *sorted((folder / "keys").glob("*"))]
    for path in secret:
        if not path.exists():
            yield Finding(
                "files", "wrong", f"{path} is missing", "without it this node can sign nothing, or open no token",
                f"tidewaiter restore FILE, or put {path.name} back from where it is kept",
            )  # fmt: skip
        elif os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding(
                "files", "wrong", f"{path} can be read or written by others on this machine",
                "whoever reads it can be this node", f"chmod 600 {path}",
            )  # fmt: skip


def _disk(home: Home, _: int) -> Iterator[Finding]:
    usage = shutil.disk_usage(home.settings.home)
    if usage.free < FREE_BYTES or usage.free < FREE_SHARE * usage.total:
        yield Finding(
            "disk", "wrong", f"{usage.free // 1_000_000} MB are free where the home lies",
            "a full disk stops receiving, releasing and recalls", f"make room below {home.settings.home}",
        )  # fmt: skip


def _schema(home: Home, _: int) -> Iterator[Finding]:
    home.database.check_schema()
    return iter(())


def _keys(home: Home, now: int) -> Iterator[Finding]:
    directory = home.membership.current() if home.membership.joined() else None
    for use in ("record", "log", "http"):
        try:
            kid = home.signer(use).kid
        except Exception as error:  # noqa: BLE001 - whatever keeps it shut is told
            yield Finding(
                "keys", "wrong", f"the {use} key does not open: {error}", "this node cannot sign with it",
                "tidewaiter restore FILE, or put keyfile and keys/ back together",
            )  # fmt: skip
            continue
        if directory is None:
            continue
        listed = directory.keys.get(kid)
        card = "tidewaiter node card, and let the authority enter it"
        if listed is None or listed.node != home.settings.id or listed.use != use:
            yield Finding(
                "keys",
                "wrong",
                f"the directory does not list this node's {use} key",
                "peers refuse what it signs",
                card,
            )
        elif listed.revoked_since is not None:
            yield Finding(
                "keys",
                "wrong",
                f"this node's {use} key is revoked in the directory",
                "peers refuse what it signs",
                card,
            )
        elif now + KEY_DAYS * DAY > listed.exp:
            left = (listed.exp - now) // DAY
            yield Finding(
                "keys", "warning" if left >= 0 else "wrong",
                f"this node's {use} key {f'expires in {left} days' if left >= 0 else 'has expired'}",
                "peers refuse what is signed with it after that", card,
            )  # fmt: skip


def _directory(home: Home, now: int) -> Iterator[Finding]:
    if not home.membership.joined():
        yield Finding(
            "directory", "warning", "this node has joined no federation", "it can import and search, and share nothing",
            "tidewaiter join URL --root FINGERPRINT",
        )  # fmt: skip
        return
    expires = home.membership.mirror.expires() or 0
    renew = "tidewaiter serve keeps it fresh: look at directory.url, and at whether the authority published"
    if home.membership.stale(now):
        yield Finding("directory", "wrong", "the directory has expired", "nothing leaves until it is renewed", renew)
    elif expires - now < DIRECTORY_HOURS * 3_600:
        hours = (expires - now) // 3_600
        yield Finding(
            "directory", "warning", f"the directory expires in {hours} hours", "nothing leaves after that", renew
        )
    own = home.membership.current().member(home.settings.id)
    if own is None or own.status != "active":
        yield Finding(
            "directory", "wrong",
            f"the directory {'does not list this node' if own is None else f'lists this node as {own.status}'}",
            "peers give it nothing and put aside what it gives", "ask the authority of the federation",
        )  # fmt: skip


def _clock(home: Home, now: int) -> Iterator[Finding]:
    known = [home.membership.current().issued] if home.membership.joined() else []
    with home.database.read() as connection:
        known += [
            connection.scalar(select(func.max(column))) or 0 for column in (feed_in.c.updated_at, disclosure.c.at)
        ]
    ahead = max(known, default=0) - now
    if ahead > SKEW:
        yield Finding(
            "clock", "wrong", f"this machine's clock is at least {ahead} seconds behind what it has seen",
            "peers refuse its requests (clock-skew), and times of keeping pass too late",
            "timedatectl set-ntp true, or set the clock",
        )  # fmt: skip


def _feeds(home: Home, now: int) -> Iterator[Finding]:
    with home.database.read() as connection:
        for row in feeds.in_feeds(connection):
            if row.head > row.size and now - row.updated_at > OVERDUE:
                yield Finding(
                    "feeds", "wrong",
                    f"{row.sender}'s {row.lane} feed is at {row.size} of {row.head} for {_days(now - row.updated_at)}",
                    "what it holds beyond that is not here", "tidewaiter sync",
                )  # fmt: skip
        newest = {(row.recipient, row.lane): row for row in feeds.out_feeds(connection)}
        for row in newest.values():
            since = _given_at(connection, row.id, row.receipt_size)
            if row.receipt_size < row.size and since is not None and now - since > OVERDUE:
                yield Finding(
                    "feeds", "warning",
                    f"{row.recipient} has confirmed {row.receipt_size} of {row.size} {row.lane} entries, the next is "
                    f"{_days(now - since)} old",
                    "it has not got them, or its receipts are lost", f"tidewaiter peers; telephone {row.recipient}",
                )  # fmt: skip


def _given_at(connection: Connection, feed: int, n: int) -> int | None:
    earliest = select(func.min(disclosure.c.at)).where(disclosure.c.feed == feed, disclosure.c.n >= n)
    found: int | None = connection.scalar(earliest)
    return found


def _days(seconds: int) -> str:
    return f"{seconds // DAY} days" if seconds >= 2 * DAY else f"{seconds // 3_600} hours"


def _quarantine(home: Home, _: int) -> Iterator[Finding]:
    with home.database.read() as connection:
        rows = connection.execute(
            select(quarantine.c.sender, quarantine.c.problem, func.count())
            # What an officer has refused is decided: it is no fault.
            .where(quarantine.c.state == "held", quarantine.c.problem != str(ProblemType.RECALL_REFUSED))
            .group_by(quarantine.c.sender, quarantine.c.problem)
            .order_by(quarantine.c.sender)
        )
        for sender, problem, count in rows:
            if problem == ProblemType.RECALL_HELD:
                yield Finding(
                    "quarantine", "warning", f"{count} recalls that came by {sender} wait for a person",
                    "their records stay in use until somebody has asked the originator and decided",
                    "tidewaiter recalls --held; then tidewaiter recalls approve RID, or refuse RID",
                )  # fmt: skip
                continue
            yield Finding(
                "quarantine", "warning", f"{count} entries of {sender} are in quarantine: {problem}",
                "nobody uses them until they hold", "tidewaiter quarantine list; tidewaiter quarantine retry --all",
            )  # fmt: skip


def _requests(home: Home, now: int) -> Iterator[Finding]:
    with home.database.read() as connection:
        overdue = requests.counts(connection, now=now).get("overdue", 0)
    if overdue:
        yield Finding(
            "requests", "warning", f"{overdue} peers that said they hold something were not asked in time",
            "their records are not used in the case",
            "tidewaiter requests list; then tidewaiter requests settle NUMBER",
        )  # fmt: skip


def _evidence(home: Home, _: int) -> Iterator[Finding]:
    with home.database.read() as connection:
        counts = evidence_rows.counts(connection)
    for kind, count in sorted(counts.items()):
        yield Finding(
            "evidence", "warning", f"{count} proofs or observations of {kind} are kept",
            "a member has said two things that cannot both be honest, or broke a rule", "tidewaiter evidence list",
        )  # fmt: skip


def _backup(home: Home, now: int) -> Iterator[Finding]:
    last = backup.last(home.settings.home)
    remedy = "tidewaiter backup FILE --to-recipient age1..."
    if last is None:
        yield Finding("backup", "warning", "this node was never backed up", "what only it holds can be lost", remedy)
    elif now - last > BACKUP_DAYS * DAY:
        yield Finding(
            "backup", "warning", f"the last backup is {_days(now - last)} old", "what came since can be lost", remedy
        )


def _restore(home: Home, _: int) -> Iterator[Finding]:
    with home.database.read() as connection:
        behind = counters.behind(home.settings.home, connection)
        newest = settlements.current(connection)
        rows = [] if newest is None else settlements.of_all(connection, newest.id)
    for one in behind:
        yield Finding(
            "restore", "wrong", f"the database is older than it was: {one}",
            "what went out since is not known here; peers are given nothing before they have shown what they hold",
            "tidewaiter serve settles with them; tidewaiter recovery status",
        )  # fmt: skip
    if newest is None or not home.membership.joined():
        return
    settled = {row.peer for row in rows if row.settled_at is not None}
    active = {each.id for each in home.membership.current().members.values() if each.status == "active"}
    waiting = sorted(active - settled - {home.settings.id})
    held = settlements.held_up(newest, home.publisher().policy_version)
    if held is not None:
        yield Finding(
            "restore", "wrong", held, "peers are given nothing meanwhile",
            "tidewaiter policy activate FILE, or tidewaiter recovery accept-policy",
        )  # fmt: skip
    if waiting:
        yield Finding(
            "restore", "warning", f"since the restore this node has not settled with {', '.join(waiting[:LISTED])}"
            f"{'' if len(waiting) <= LISTED else f' and {len(waiting) - LISTED} others'}",
            "they are given nothing until they have shown what they hold of its records",
            "tidewaiter recovery status; keep `tidewaiter serve` running",
        )  # fmt: skip


def _completeness(home: Home, _: int) -> Iterator[Finding]:
    with home.database.read() as connection:
        found = gaps.listing(connection)
        last = connection.execute(select(replay).order_by(replay.c.id.desc()).limit(1)).first()
    for peer in sorted({row.peer for row in found}):
        count = sum(row.peer == peer for row in found)
        yield Finding(
            "completeness", "wrong", f"{peer} holds {count} records otherwise than they were given",
            "it lacks what it should have, or has what it should not", f"tidewaiter completeness --peer {peer}",
        )  # fmt: skip
    if last is not None and last.unexplained:
        yield Finding(
            "completeness", "wrong", f"{last.unexplained} disclosures are not what the policy in force says",
            "somebody got what the policy does not grant, or did not get what it grants", "tidewaiter audit replay",
        )  # fmt: skip


def _attachments(home: Home, _: int) -> Iterator[Finding]:
    with home.database.read() as connection:
        here = connection.scalars(
            select(attachment.c.digest).where(attachment.c.state == "here").distinct().limit(BLOBS_LOOKED_AT)
        ).all()
    store = home.blobs() if here else None
    missing = [digest for digest in here if store is not None and not store.exists(digest)]
    if missing:
        yield Finding(
            "attachments", "wrong", f"{len(missing)} pictures or documents are not in the store, such as {missing[0]}",
            "records show them and nobody can open them", "tidewaiter restore FILE into a new home, or `sync` again",
        )  # fmt: skip


def _integrity(home: Home, now: int) -> Iterator[Finding]:
    directory = home.membership.current() if home.membership.joined() else None
    found = fsck(home.database, node=home.settings.id, directory=directory, now=now)
    if found:
        yield Finding(
            "integrity", "wrong",
            f"{len(found)} things in the database do not hold: {found[0].where}: {found[0].wrong}",
            "what it says cannot be relied upon", "tidewaiter fsck; then tidewaiter restore FILE",
        )  # fmt: skip


def closed(home: Path, error: Exception) -> Finding:
    """The home does not open at all: that is the one finding."""
    return Finding(
        "home", "wrong", str(error), "nothing of this node runs", f"look at {home / 'node.toml'}, or restore a backup"
    )
