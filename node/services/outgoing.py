"""What is about to leave in one transaction: feed entries, grants, decisions and disclosure rows, written at once.

Everybody who gives something to a peer goes through here: a release, a correction, a recall, a change of policy, a
relay. The feeds of the recipients are locked when the object is made, entries get their index when they are appended,
and `write` writes all that was gathered. An entry cannot be written without its disclosure row: nothing leaves
unlogged.

What is left to others: who may have what (`federation.policy`), and which bytes are shown (`serving`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from crypto import b64
from federation.feed import Lane, Leaf, lane_for, leaf_text, mask_text
from federation.keeping import time_of
from federation.relay import text_hash
from node.services import bodies, tripwires
from node.storage import audit, duties, feeds
from node.storage.database import insert_rows
from node.storage.tables import grant_out, withheld

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import Connection, Row

GID_BYTES: Final = 16
_GRANT_COLUMNS: Final = ("recipient", "iss", "rid", "ver", "mask", "gc", "gid", "decision", "keep_until")


class Subject(Protocol):
    """The record version that an entry is about: just signed, opened again, or a row of the store."""

    @property
    def iss(self) -> str: ...  # noqa: D102 - as in the record
    @property
    def rid(self) -> str: ...  # noqa: D102
    @property
    def ver(self) -> int: ...  # noqa: D102
    @property
    def jh(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def width(self) -> int: ...  # noqa: D102


def disclosures_of(subject: Any, mask: int) -> list[str]:
    """The disclosures of these groups, of a version just signed or opened, or of a row (its own, or under `row`)."""
    row = getattr(subject, "row", subject)
    if isinstance(row.disclosures, str):
        return bodies.chosen(row.disclosures, int(row.mask, 16), mask)
    return [text for group, text in row.disclosures.items() if mask >> row.index[group] & 1]


class Given(Protocol):
    """What a recipient was granted of a record before: a row of `grant_out`, or what is known of one that was lost."""

    @property
    def gc(self) -> int: ...  # noqa: D102 - the counter of the entry
    @property
    def mask(self) -> str: ...  # noqa: D102 - what it granted, in hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which terms an entry goes out: the mask after it, the grant without its id, and the texts of the log."""

    mask: int
    """The groups that the recipient may have of the version after this entry."""
    grant: Mapping[str, Any] | None
    """Obligations that travel; None for entries that carry none (`less`, `tomb`)."""
    groups: str = ""
    """Names of the groups that this entry shows, or that it leaves, sorted, comma-separated: for the disclosure row."""
    legal: str | None = None
    purposes: str | None = None
    decided: str = ""
    """The content hash of the stored decision."""
    policy_version: int | None = None
    shown: int | None = None
    """The groups whose disclosures go with the entry; None: those of `mask`. `more` shows only what is added."""
    keep_until: int | None = None
    """For an entry that carries no grant and leaves something: what the recipient is bound to from before."""


class Previous(Protocol):
    """What is known of the recipient's grant before: a row of `grant_out`, or what an entry just made of it."""

    @property
    def gc(self) -> int: ...  # noqa: D102 - the grant counter


@dataclass(frozen=True, slots=True)
class Counter:
    """The grant counter after an entry of this transaction, for the next one of the same record and recipient."""

    gc: int


class Outgoing:
    """Entries of one transaction. `recipients` are the ids whose feeds are locked; `by` is who acts, for the log."""

    def __init__(
        self,
        connection: Connection,
        *,
        recipients: Collection[str],
        by: str,
        now: int,
        token: Callable[[int], bytes],
    ) -> None:
        self.connection, self.by, self.now, self._token = connection, by, now, token
        feeds.ensure(connection, recipients)
        self._feeds = feeds.lock(connection, recipients)
        self._sizes = {key: feed.size for key, feed in self._feeds.items()}
        self._entries: list[feeds.NewEntry] = []
        self._grants: dict[tuple[str, str, str], tuple[Any, ...]] = {}
        self._replaced: list[tuple[str, str, str]] = []
        self._withheld: list[tuple[str, str, str, str]] = []
        self._decisions: dict[str, str] = {}
        self._relays: dict[str, str] = {}
        self._log: list[audit.Disclosure] = []
        self._given: list[tuple[str, str, str]] = []
        self._wires = tripwires.load(connection)
        self.stopped = 0
        """Entries that the tripwire stopped: nothing of them was written."""
        self.entries = 0
        self.withheld = 0
        self.recipients: set[str] = set()
        """Whose feeds have grown: they get a hint."""

    def next(self, recipient: str, lane: Lane) -> tuple[feeds.OutFeed, int]:
        """The feed of a recipient's lane, and the index that its next entry gets."""
        return self._feeds[recipient, lane], self._sizes[recipient, lane]

    def append(
        self,
        op: str,
        subject: Subject,
        *,
        recipient: str,
        terms: Terms,
        row_id: int | None,
        previous: Row[Any] | Given | Previous | None,
        relay: str | None = None,
        detail: str | None = None,
    ) -> int:
        """Append one entry to the recipient's feed and return its grant counter.

        `row_id` is the row of the version whose body goes with the entry (None: no body). `previous` is the
        recipient's row in `grant_out` of this record, None if it was never given any of it. `relay` is the text of the
        relay grants that go with the entry: those that a hub may use, or those that let this node pass on a record of
        somebody else.
        """
        if self._wires and row_id is not None and self._stopped(subject, recipient, terms):
            return 0 if previous is None else previous.gc
        relay_hash = None if relay is None else text_hash(relay)
        if relay is not None and relay_hash is not None:
            self._relays[relay_hash] = relay
        lane: Lane = lane_for(op=op, kind=subject.kind)
        feed, n = self._feeds[recipient, lane], self._sizes[recipient, lane]
        gid = b64.encode(self._token(GID_BYTES))
        counter = 1 if previous is None else previous.gc + 1
        leaf = Leaf(
            n=n, t=self.now, op=op, iss=subject.iss, rid=subject.rid, ver=subject.ver, jh=subject.jh, gm=terms.mask,
            gc=counter, grant=None if terms.grant is None else {"gid": gid, **terms.grant}, rg=relay_hash,
        )  # fmt: skip
        hexmask = mask_text(terms.mask, subject.width)
        shown = hexmask if terms.shown is None else mask_text(terms.shown, subject.width)
        self._entries.append(feeds.NewEntry(feed, leaf_text(leaf, width=subject.width), row_id, shown))
        self._sizes[recipient, lane] = n + 1
        key = (recipient, subject.iss, subject.rid)
        if previous is not None:
            self._replaced.append(key)
        until = terms.keep_until if terms.grant is None else time_of(terms.grant)
        self._grants[key] = (*key, subject.ver, hexmask, counter, gid, terms.decided, until)
        self._log.append(
            audit.Disclosure(
                at=self.now, action="feed", actor=self.by, recipient=recipient, iss=subject.iss, rid=subject.rid,
                ver=subject.ver, groups=terms.groups, legal=terms.legal, purpose=terms.purposes,
                policy_version=terms.policy_version, decision=terms.decided, feed=feed.id, n=n, detail=detail or op,
            )
        )  # fmt: skip
        self.entries += 1
        self.recipients.add(recipient)
        return counter

    def _stopped(self, subject: Subject, recipient: str, terms: Terms) -> bool:
        """The second look, which knows nothing of policies: what must never leave is not appended."""
        shown = terms.mask if terms.shown is None else terms.shown
        stopped = self._wires.stops(subject.rid, disclosures_of(subject, shown), recipient)
        self.stopped += stopped
        return stopped

    def withhold(self, subject: Subject, *, recipient: str, decided: str) -> None:
        """Remember that a recipient gets nothing of a record, and which stored decision says why."""
        self._withheld.append((recipient, subject.iss, subject.rid, decided))

    def given(self, subject: Subject, *, recipient: str) -> None:
        """Forget that a recipient got nothing of a record: now it gets something."""
        self._given.append((recipient, subject.iss, subject.rid))

    def decision(self, content_hash: str, body: Callable[[], Mapping[str, Any]]) -> str:
        """Keep a stored decision under its hash; `body` is called for one that is not kept yet."""
        if content_hash not in self._decisions:
            self._decisions[content_hash] = json.dumps(dict(body()), sort_keys=True, separators=(",", ":"))
        return content_hash

    def write(self) -> None:
        """Write everything that was gathered. Call it once, at the end of the transaction's work."""
        connection = self.connection
        duties.keep_texts(connection, self._relays)
        if self._wires:
            tripwires.raise_alarms(connection, self._wires, where="feed", now=self.now)
        feeds.append(connection, self._entries)
        feeds.forget_grants(connection, self._replaced)
        insert_rows(connection, grant_out, _GRANT_COLUMNS, list(self._grants.values()))
        audit.store_decisions(connection, self._decisions)
        audit.log(connection, self._log)
        feeds.forget_withholding(connection, self._given)
        insert_rows(connection, withheld, ("recipient", "iss", "rid", "decision"), self._withheld)
        self.withheld = len(self._withheld)
