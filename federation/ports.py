"""What this floor needs of the world, as promises in prose. `node/storage` and the tests' memory doubles keep them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from federation.feed import Lane
    from federation.grants import Handling
    from federation.inbox import OpenedPage
    from federation.pages import VerifiedPage


Dispute = Literal["equivocal", "forked"]


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """One version of a record that this node holds."""

    jh: str
    mask: int
    """The groups that are held, as bits."""
    prev: str | None = None
    disputed: Dispute | None = None
    """It cannot stand beside another version that its issuer signed: not in use until a higher one comes. `equivocal`:
    there is another envelope of the same version; `forked`: its neighbour does not follow, or precede, this one."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the newest `less` or `tighten` left of a record.

    These come by the urgent lane and can overtake the body that they are about, which comes by the bulk lane: so they
    are remembered until a higher grant counter comes.
    """

    gc: int
    ver: int
    gm: int
    """The groups of version `ver` that may be held."""
    handling: Handling | None = None
    """What `tighten` told; None where there was none."""


@dataclass(frozen=True, slots=True)
class Held:
    """What this node holds of one record, (iss, rid)."""

    gc: int = 0
    """The highest grant counter of the issuer's own feed that was applied."""
    tombstoned: bool = False
    versions: Mapping[int, HeldVersion] | None = None
    bound: Bound | None = None
    roads: Mapping[str, int] | None = None
    """Sender → the highest grant counter that was applied of its feeds, once a hub has sent something of the record.
    Counters of different senders have nothing to do with each other."""

    def counter(self, sender: str, iss: str) -> int:
        """The highest grant counter that was applied of this sender's feeds."""
        if self.roads is not None:
            return self.roads.get(sender, 0)
        return self.gc if sender == iss else 0

    def version(self, ver: int) -> HeldVersion | None:
        """The version, or None."""
        return None if self.versions is None else self.versions.get(ver)

    @property
    def newest(self) -> int:
        """The highest version held, 0 for none."""
        return max(self.versions) if self.versions else 0


class Holdings(Protocol):
    """What is held already, asked once a page."""

    def held(self, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Held]:
        """What is held of each (iss, rid); a record that is unknown may be missing from the answer."""
        ...


class Room(Protocol):
    """How many recalls of one originator take effect without a person."""

    def take(self, iss: str, rid: str) -> bool:
        """Whether this recall may take effect now; it counts from then on. Asked once for each tombstone."""
        ...


@dataclass(frozen=True, slots=True)
class Position:
    """Where the recipient stands in one lane: the next index, the epoch, and the sender's note at that size."""

    size: int
    epoch: int
    note: str | None
    receipt: str | None = None
    """The receipt that was signed for that size."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a page: the receipt to return, and how many entries are in which state."""

    size: int
    receipt: str
    stored: int
    quarantined: int


class Desk(Protocol):
    """The recipient's side of one link: opens pages, applies them, remembers where it stands.

    `open` and `verify` may run beside the `apply` of the page before. `apply` commits page, cursor and effects in one
    transaction: it is durable once it returns, and nothing of it is kept if it raises. Applying a page that does not
    begin at the stored position raises `Malformed` and changes nothing.
    """

    def position(self, lane: Lane) -> Position:
        """Where to go on."""
        ...

    def open(self, lane: Lane, data: bytes, after: VerifiedPage | None) -> VerifiedPage:
        """Check that the page continues the feed (after `after`, applied or not yet)."""
        ...

    def verify(self, page: VerifiedPage) -> OpenedPage:
        """Verify the page's bodies."""
        ...

    def apply(self, opened: OpenedPage) -> Applied:
        """Judge the page's entries and store what came of them, durably."""
        ...


class Link(Protocol):
    """The road to one peer. Raises `LinkDown` when it does not answer, `FederationError` when it refuses."""

    async def fetch(self, *, lane: Lane, start: int, limit: int, note: str | None) -> bytes:
        """The page that begins at `start`: at most `limit` entries."""
        ...

    async def deliver_receipt(self, token: str) -> None:
        """Hand a receipt over."""
        ...


class Outbox(Protocol):
    """The sender's side of one pushed link: writes pages of the feed to the peer, and keeps the peer's receipts."""

    def confirmed(self, lane: Lane) -> int:
        """How far the peer has confirmed the lane: where to go on."""
        ...

    def page(self, lane: Lane, start: int, limit: int) -> tuple[bytes, int, int]:
        """The page that begins at `start`, where it ends, and how long the feed is.

        Raises `DirectoryStale` while nothing may leave, `FromBeyondHead` for a start that the feed has not.
        """
        ...

    def accept(self, lane: Lane, token: str) -> int:
        """Keep a receipt of the peer, durably, and return its size. Raises `FederationError` for one that is none."""
        ...


class PushLink(Protocol):
    """The road to one peer, for pages that it cannot fetch."""

    async def push(self, page: bytes) -> str:
        """Hand a page over and return the receipt. Raises `LinkDown`, or what the peer refused with."""
        ...
