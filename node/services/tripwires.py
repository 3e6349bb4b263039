"""The tripwire: records and words that must never leave, whatever a policy says.

A second check, independent of the policy and of its evaluator: it knows no rule, no group and no recipient. It looks
at what is about to leave, twice: when an entry is appended to a feed (`outgoing`), where nothing is written then, and
when a page is put together (`serving`), where the body stays away. Either way an alarm is kept, and shown until
somebody looks.

A `record` is stopped by its id. A `token` is a word that no record should carry out: put one, unlike any other, into a
canary record, and it is seen wherever a mistake lets it go. It is looked for in the disclosures as they are decoded, in
any capitalisation.

Trust: whoever can write to the database can remove a tripwire, and is seen to have done so only by who looks here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from sqlalchemy import delete, select

from crypto import b64
from crypto.errors import CryptoError
from node.storage.tables.instruments import alarm, tripwire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

KINDS: Final = ("record", "token")
MIN_TOKEN: Final = 4
"""Characters: a shorter word stands in half of all records by chance."""

log: Final = structlog.get_logger("tidewaiter.tripwire")


@dataclass(slots=True)
class Tripwires:
    """All that is set, and what was stopped since it was read. False when nothing is set."""

    records: dict[str, int]
    tokens: dict[str, int]
    stopped: list[tuple[int, str, str]] = field(default_factory=list)
    """(tripwire, record id, recipient)."""

    def __bool__(self) -> bool:
        return bool(self.records or self.tokens)

    def stops(self, rid: str, disclosures: Iterable[str], recipient: str) -> bool:
        """Whether these disclosures of a record must not leave; it is noted if so."""
        found = self.records.get(rid)
        if found is None and self.tokens:
            text = " ".join(map(_decoded, disclosures)).casefold()
            found = next((number for token, number in self.tokens.items() if token in text), None)
        if found is None:
            return False
        self.stopped.append((found, rid, recipient))
        # No word of what the record says, and not which word it was.
        log.error("tripwire", tripwire=found, recipient=recipient)
        return True

    def stops_body(self, rid: str, body: str, recipient: str) -> bool:
        """The same for an SD-JWT as it is about to be sent."""
        return self.stops(rid, body.split("~")[1:], recipient)


def load(connection: Connection) -> Tripwires:
    """Read what is set: as a rule nothing, or a few."""
    found = Tripwires({}, {})
    for row in connection.execute(select(tripwire.c.id, tripwire.c.kind, tripwire.c.value)):
        (found.records if row.kind == "record" else found.tokens)[row.value] = row.id
    return found


def add(connection: Connection, *, kind: str, value: str, note: str, by: str, now: int) -> int:
    """Set a tripwire; one that is set already stays as it is. Raises `ValueError` for a word that is too short."""
    value = value.strip() if kind == "record" else value.strip().casefold()
    if kind not in KINDS or len(value) < MIN_TOKEN:
        raise ValueError(f"a tripwire is a record's id, or a word of at least {MIN_TOKEN} characters")
    known = (tripwire.c.kind == kind, tripwire.c.value == value)
    if connection.execute(select(tripwire.c.id).where(*known)).first() is None:
        connection.execute(tripwire.insert().values(kind=kind, value=value, note=note, by=by, at=now))
    return int(connection.scalars(select(tripwire.c.id).where(*known)).one())


def remove(connection: Connection, number: int) -> bool:
    """Take a tripwire away; its alarms stay. False if there is none of this number."""
    return bool(connection.execute(delete(tripwire).where(tripwire.c.id == number)).rowcount)


def listing(connection: Connection) -> list[Row[Any]]:
    """What is set, oldest first."""
    return list(connection.execute(select(tripwire).order_by(tripwire.c.id)))


def alarms(connection: Connection, *, limit: int = 1_000) -> list[Row[Any]]:
    """What was stopped, newest first."""
    return list(connection.execute(select(alarm).order_by(alarm.c.id.desc()).limit(limit)))


def raise_alarms(connection: Connection, wires: Tripwires, *, where: str, now: int) -> None:
    """Keep what was stopped, once for each record and recipient."""
    for number, rid, recipient in dict.fromkeys(wires.stopped):
        known = (alarm.c.tripwire == number, alarm.c.rid == rid, alarm.c.recipient == recipient, alarm.c.where == where)
        if connection.execute(select(alarm.c.id).where(*known)).first() is None:
            connection.execute(
                alarm.insert().values(tripwire=number, rid=rid, recipient=recipient, at=now, where=where)
            )
    wires.stopped.clear()


def _decoded(disclosure: str) -> str:
    try:
        value = orjson.loads(b64.decode(disclosure))
    except (CryptoError, ValueError):
        return disclosure
    return orjson.dumps(value).decode()
