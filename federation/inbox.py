"""Judge the entries of a page: take each in, or say in the protocol's word why not.

`judge` is pure: it gets a page whose place in the feed is proven, what is held already, the directory and the time,
and returns one effect an entry. The caller stores all of them, the page and the cursor in one transaction. The steps,
numbered in `_judge_entry`:

 1. the leaf has its form, and its own index
 2. the sender is in good standing (a tombstone counts from anyone)
 3. the record is the sender's own, or its issuer's relay grants let the sender pass it on (`federation.relay`)
 4. the body is there
 5. the record verifies (`federation.envelope`)
 6. leaf and record name the same thing
 7. what is shown is what was granted, and not more
 8. a tombstone dominates; beyond a number an hour it waits for a person (`Room`)
 9. one (iss, rid, ver) has one envelope; of two, neither is used
10. `prev` names the neighbour that is held; of two that do not follow each other, neither is used
11. the highest grant counter of a feed's sender wins

What may be held of a record is what its entry with the highest grant counter says, whichever lane that came by: an
older body that arrives after a `less` or `tighten` is taken in only as far as those left it (`_late`).

An entry that fails is quarantined with its reason and the feed goes on: one bad entry never stops a feed.

Trust: until step 5 the body is hostile; the leaf is its sender's word all along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import orjson

from federation.envelope import VerifiedRecord, verify_record
from federation.errors import (
    BodyWithheld,
    Disputed,
    FederationError,
    GrantExceeded,
    Malformed,
    NoRelayGrant,
    ProblemType,
    RecallHeld,
    RecordEquivocation,
    RecordInvalid,
    Suspended,
    VersionFork,
)
from federation.feed import Leaf, parse_leaf
from federation.grants import Handling, HandlingRefused, strictest
from federation.ports import Bound, Held, HeldVersion, Holdings, Room
from federation.ports import Dispute as DisputeState
from federation.relay import Passed, check_relay

if TYPE_CHECKING:
    from federation.directory import Directory
    from federation.pages import PageEntry, VerifiedPage


EQUIVOCAL: Final = "equivocal"


@dataclass(frozen=True, slots=True)
class Store:
    """A version to keep and to show; `newest` tells whether it is the one to use."""

    n: int
    leaf: Leaf
    record: VerifiedRecord
    handling: Handling
    newest: bool
    pending: bool
    """Fewer groups came than were granted: something later must explain it."""
    mask: int
    """The groups to keep: those shown, less what was taken back before they came."""
    gc: int
    """The grant counter after it: the leaf's, or that of the withdrawal that overtook it."""
    entry: PageEntry


@dataclass(frozen=True, slots=True)
class Extend:
    """More groups of a version that is held: by `more`, or by a body that a withdrawal overtook."""

    n: int
    leaf: Leaf
    record: VerifiedRecord
    handling: Handling
    pending: bool
    mask: int
    """The groups to hold afterwards."""
    gc: int
    entry: PageEntry


@dataclass(frozen=True, slots=True)
class Along:
    """An entry about a record that comes by more roads than its issuer's own feed, or by another one.

    What it means for what is held depends on all roads (decision 0022): `federation.roads`.
    """

    n: int
    leaf: Leaf
    sender: str
    record: VerifiedRecord | None
    """None for `less` and `tighten`."""
    handling: Handling | None
    """None for `less`."""
    entry: PageEntry


@dataclass(frozen=True, slots=True)
class Reduce:
    """Groups to erase of a record that is held (`less`): what is not in the leaf's mask."""

    n: int
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Tighten:
    """A stricter handling of a record that is held."""

    n: int
    leaf: Leaf
    handling: Handling


@dataclass(frozen=True, slots=True)
class Entomb:
    """The record is recalled: no version of it is used from now on."""

    n: int
    leaf: Leaf
    record: VerifiedRecord


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to do, and no fault: something newer was there first."""

    n: int
    leaf: Leaf
    why: str


@dataclass(frozen=True, slots=True)
class Await:
    """A grant without a body: a later entry must explain it, or it is `body-withheld` once both heads are reached."""

    n: int
    leaf: Leaf
    entry: PageEntry


@dataclass(frozen=True, slots=True)
class Dispute:
    """A verified version, and the held one beside which it cannot stand: neither is used, both are evidence."""

    held: int
    """The version that is held; the same as the record's, or its neighbour."""
    record: VerifiedRecord

    @property
    def state(self) -> DisputeState:
        """What becomes of the version that is held."""
        return EQUIVOCAL if self.held == self.record.ver else "forked"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """An entry that is chained and whose body is kept aside, with the reason."""

    n: int
    leaf: Leaf | None
    entry: PageEntry
    problem: ProblemType
    detail: str
    dispute: Dispute | None = None
    """Where the reason lies between this version and one that is held."""
    recall: VerifiedRecord | None = None
    """The tombstone that waits for a person."""


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """A page that continues the feed, with its bodies verified: done before, and beside, the storing of other pages."""

    page: VerifiedPage
    bodies: Mapping[str, VerifiedRecord | FederationError]
    """What came of each body, by its text: the record, or what was wrong with it."""
    at: int
    """The time of receipt, in seconds: what the end of a relay grant is compared with."""

    def verdict(self, token: str) -> VerifiedRecord:
        """The verified record of a body of this page, or what was wrong with it, raised."""
        found = self.bodies[token]
        if isinstance(found, FederationError):
            raise found
        return found


def verify_bodies(page: VerifiedPage, *, directory: Directory, now: int) -> OpenedPage:
    """Verify every body of a page (`federation.envelope`); nothing is raised for what a body holds."""
    texts = [entry.s for entry in page.entries if entry.s is not None]
    return OpenedPage(page, verify_texts(texts, directory=directory, now=now), now)


def verify_texts(
    texts: Sequence[str], *, directory: Directory, now: int
) -> dict[str, VerifiedRecord | FederationError]:
    """Verify bodies by themselves; of the directory only the keys are asked."""
    found: dict[str, VerifiedRecord | FederationError] = {}
    for text in texts:
        try:
            found[text] = verify_record(text, directory=directory, now=now)
        except FederationError as error:
            found[text] = error
    return found


Effect = Store | Extend | Along | Reduce | Tighten | Entomb | Skip | Await | Quarantine
Verifier = Callable[[str], VerifiedRecord]


def judge(opened: OpenedPage, *, directory: Directory, holdings: Holdings, room: Room | None = None) -> list[Effect]:
    """One effect for each entry of the page, in the page's order. Never raises for what an entry holds.

    `room` bounds how many recalls take effect; without it, all do.
    """
    page = opened.page
    read: list[tuple[PageEntry, Leaf | FederationError]] = []
    for entry in page.entries:
        try:
            read.append((entry, parse_leaf(entry.e)))
        except FederationError as error:
            read.append((entry, error))
    keys = {(leaf.iss, leaf.rid) for _, leaf in read if isinstance(leaf, Leaf) and leaf.op != "epoch"}
    held = dict(holdings.held(keys)) if keys else {}
    verify = opened.verdict
    road = Road(page.feed.sender, page.feed.recipient, opened.at)
    effects: list[Effect] = []
    for n, (entry, leaf) in enumerate(read, page.start):
        if isinstance(leaf, FederationError):
            effects.append(Quarantine(n, None, entry, leaf.problem, leaf.detail))
            continue
        effects.append(judge_entry(n, entry, leaf, road=road, directory=directory, held=held, verify=verify, room=room))
    return effects


@dataclass(frozen=True, slots=True)
class Road:
    """By which road an entry came: whose feed, to whom, and when it was first received (seconds)."""

    sender: str
    receiver: str
    at: int


def judge_entry(
    n: int,
    entry: PageEntry,
    leaf: Leaf,
    *,
    road: Road,
    directory: Directory,
    held: dict[tuple[str, str], Held],
    verify: Verifier,
    room: Room | None = None,
) -> Effect:
    """Judge one entry against what is held, and note in `held` what it changes. A retry comes in here too."""
    try:
        effect = _judge_entry(n, entry, leaf, road=road, directory=directory, held=held, verify=verify, room=room)
    except Disputed as error:
        assert entry.s is not None  # noqa: S101 - only a verified body is ever disputed
        effect = Quarantine(n, leaf, entry, error.problem, error.detail, Dispute(error.version, verify(entry.s)))
    except RecallHeld as error:
        assert entry.s is not None  # noqa: S101 - only a verified tombstone ever waits
        return Quarantine(n, leaf, entry, error.problem, error.detail, recall=verify(entry.s))
    except FederationError as error:
        return Quarantine(n, leaf, entry, error.problem, error.detail)
    _note(held, effect)
    return effect


def _judge_entry(
    n: int,
    entry: PageEntry,
    leaf: Leaf,
    *,
    road: Road,
    directory: Directory,
    held: Mapping[tuple[str, str], Held],
    verify: Verifier,
    room: Room | None,
) -> Effect:
    if leaf.n != n:  # step 1
        raise Malformed(f"the leaf names the index {leaf.n} and stands at {n}")
    if leaf.op == "epoch":
        if n != 0:
            raise Malformed("an epoch leaf is the first of its feed")
        return Skip(n, leaf, "a new epoch of this feed")
    if leaf.op != "tomb":
        _check_standing(road.sender, directory)
    known = held.get((leaf.iss, leaf.rid), Held())
    relayed = leaf.iss != road.sender and leaf.op != "tomb"
    if relayed:
        _check_hub(entry, leaf, road, directory)
    if leaf.op in {"less", "tighten"}:
        return _withdrawal(n, entry, leaf, known, road)  # its step 11 stands there
    if entry.s is None:  # step 4
        return _without_body(n, entry, leaf, known, road)
    record = verify(entry.s)  # step 5
    _check_body(record, leaf)
    if leaf.op == "tomb":
        if room is not None and not known.tombstoned and not room.take(leaf.iss, leaf.rid):
            raise RecallHeld("more recalls of this originator in an hour than take effect without a person")
        return Entomb(n, leaf, record)
    relay = _check_relay(entry, leaf, record, road, directory) if relayed else None
    if known.tombstoned:  # step 8
        return Skip(n, leaf, "the record was recalled")
    return _content(n, entry, leaf, record, known, road=road, relay=relay)


def _check_standing(sender: str, directory: Directory) -> None:
    member = directory.member(sender)  # step 2
    if member is None or member.status != "active":
        raise Suspended("the directory does not list the sender as active")


def _check_hub(entry: PageEntry, leaf: Leaf, road: Road, directory: Directory) -> None:  # step 3
    """What needs no opened record: that somebody relays at all, and brings a grant with every body."""
    member = directory.member(road.sender)
    if member is None or member.kind != "rilo" or (entry.s is not None and (entry.rg is None or leaf.rg is None)):
        raise NoRelayGrant("the record is not the sender's own, and no grant of its issuer came with it")


def _check_relay(entry: PageEntry, leaf: Leaf, record: VerifiedRecord, road: Road, directory: Directory) -> Handling:
    """Step 3, in full: the issuer's leave reaches this node, for all that the entry grants and all that it shows."""
    issuer = directory.member(leaf.iss)
    if issuer is None or issuer.status != "active":
        raise Suspended("the directory does not list the record's issuer as active")
    passed = Passed(
        iss=record.iss, rid=record.rid, ver=record.ver, jh=record.jh, hub=road.sender, receiver=road.receiver,
        mask=leaf.gm | record.mask,
    )  # fmt: skip
    return check_relay(entry.rg, rg=leaf.rg, passed=passed, directory=directory, now=road.at)


def _without_body(n: int, entry: PageEntry, leaf: Leaf, known: Held, road: Road) -> Effect:
    overtaken = known.counter(road.sender, leaf.iss) >= leaf.gc
    if (overtaken and not _lacks(known, leaf)) or known.tombstoned:
        return Skip(n, leaf, "a later entry has taken this one's place")
    if leaf.op == "tomb":
        raise BodyWithheld("a tomb entry carries its tombstone")
    return Await(n, leaf, entry)


def _lacks(known: Held, leaf: Leaf) -> bool:
    """Whether a withdrawal that came first left groups of this version that nothing has brought yet."""
    bound, own = known.bound, known.version(leaf.ver)
    held = 0 if own is None else own.mask
    return bound is not None and (bound.gc, bound.ver) == (known.gc, leaf.ver) and bool(leaf.gm & bound.gm & ~held)


def _check_body(record: VerifiedRecord, leaf: Leaf) -> None:
    if (record.iss, record.rid, record.ver, record.jh) != (leaf.iss, leaf.rid, leaf.ver, leaf.jh):  # step 6
        raise RecordInvalid("the body is not the record version that the leaf names")
    if record.mask & ~leaf.gm:  # step 7
        raise GrantExceeded("more groups are shown than the entry grants")
    if leaf.gm >> record.width:
        raise GrantExceeded("the grant mask is wider than the record")
    if (leaf.op == "tomb") != (record.tomb is not None):
        raise RecordInvalid("a tombstone travels as a tomb entry, and nothing else does")


def _same_envelope(record: VerifiedRecord, known: Held) -> HeldVersion | None:
    own = known.version(record.ver)
    if own is not None and own.jh != record.jh:  # step 9
        raise RecordEquivocation("another envelope of the same record version is held", version=record.ver)
    _check_chain(record, known)  # step 10
    if own is not None and own.disputed:
        raise RecordEquivocation("this version is in dispute, until a higher one comes", version=record.ver)
    return own


def _content(
    n: int, entry: PageEntry, leaf: Leaf, record: VerifiedRecord, known: Held, *, road: Road, relay: Handling | None
) -> Effect:  # fmt: skip
    own = _same_envelope(record, known)
    if relay is not None or known.roads is not None:
        # More roads than one: an earlier entry (step 11) is no `Skip`, its body may show what another road grants.
        bound = _handling(record, leaf) if relay is None else strictest(_handling(record, leaf), relay)
        return Along(n, leaf, road.sender, record, bound, entry)
    if leaf.gc <= known.gc:  # step 11
        return _late(n, entry, leaf, record, known)
    handling = _handling(record, leaf)
    before = 0 if own is None else own.mask
    if leaf.op == "more" and leaf.gc == 1:
        raise RecordInvalid("more of a record of which nothing was given before")
    if leaf.op == "more" and before:
        mask = (before | record.mask) & leaf.gm
        return Extend(n, leaf, record, handling, pending=mask != leaf.gm, mask=mask, gc=leaf.gc, entry=entry)
    newest, pending = record.ver >= known.newest, record.mask != leaf.gm
    return Store(n, leaf, record, handling, newest, pending, mask=record.mask, gc=leaf.gc, entry=entry)


def _late(n: int, entry: PageEntry, leaf: Leaf, record: VerifiedRecord, known: Held) -> Effect:
    """A body that something newer overtook: of it counts what the newest withdrawal left, under its handling."""
    bound, own = known.bound, known.version(record.ver)
    held = 0 if own is None else own.mask
    left = 0 if bound is None or bound.gc != known.gc or bound.ver != record.ver else record.mask & bound.gm
    if bound is None or not left & ~held:
        return Skip(n, leaf, "a later grant of this record was applied before")
    handling = _handling(record, leaf)
    if bound.handling is not None:
        handling = _join(handling, bound.handling)
    mask, pending = held | left, held | left != bound.gm
    if held:
        return Extend(n, leaf, record, handling, pending=pending, mask=mask, gc=bound.gc, entry=entry)
    return Store(n, leaf, record, handling, record.ver >= known.newest, pending, mask=mask, gc=bound.gc, entry=entry)


def _withdrawal(n: int, entry: PageEntry, leaf: Leaf, known: Held, road: Road) -> Effect:
    if known.tombstoned:  # step 8
        return Skip(n, leaf, "the record was recalled")
    if leaf.gc <= known.counter(road.sender, leaf.iss):  # step 11
        return Skip(n, leaf, "a later grant of this record was applied before")
    if leaf.iss != road.sender or known.roads is not None:
        # What a sender takes back is what it gave: it needs nobody's leave for that.
        told = _parse_handling(leaf) if leaf.op == "tighten" else None
        return Along(n, leaf, road.sender, None, told, entry)
    if leaf.op == "less":
        return Reduce(n, leaf)
    return Tighten(n, leaf, _parse_handling(leaf))


def _check_chain(record: VerifiedRecord, known: Held) -> None:
    """`prev` is compared only where the neighbour is held: a gap in the versions is normal.

    A neighbour of which there are two envelopes is compared with nothing: the next version, which settles the dispute,
    follows one of the two, and not perhaps the one that came here first.
    """
    before, after = known.version(record.ver - 1), known.version(record.ver + 1)
    if before is not None and before.disputed != EQUIVOCAL and record.prev != before.jh:
        raise VersionFork("prev does not name the version before it that is held here", version=record.ver - 1)
    if after is not None and after.disputed != EQUIVOCAL and after.prev not in {None, record.jh}:
        raise VersionFork("the version after it that is held here follows another one", version=record.ver + 1)


def _parse_handling(leaf: Leaf) -> Handling:
    if leaf.grant is None:
        raise Malformed("the entry tells no handling obligations")
    try:
        return _read(orjson.dumps({name: value for name, value in leaf.grant.items() if name != "gid"}))
    except HandlingRefused as error:
        raise Malformed(f"the entry's handling obligations: {error}") from error


def _handling(record: VerifiedRecord, leaf: Leaf) -> Handling:
    """What binds this node: the strictest of the record's own floor and of the grant (protocol page, section 4)."""
    try:
        floor = _read(orjson.dumps(record.handling))
    except HandlingRefused as error:
        raise RecordInvalid(f"the record's handling floor: {error}") from error
    return _join(floor, _parse_handling(leaf))


@lru_cache(maxsize=256)
def _read(text: bytes) -> Handling:
    """An administration puts the same floor, and a policy the same grant, on nearly all of its records."""
    return Handling.from_json(orjson.loads(text))


_join: Final = lru_cache(maxsize=256)(strictest)


def _note(held: dict[tuple[str, str], Held], effect: Effect) -> None:
    """Later entries of the same page are judged as if this one were stored."""
    if isinstance(effect, Quarantine) and effect.dispute is not None:
        _dispute(held, effect.dispute)
        return
    if isinstance(effect, Skip | Await | Quarantine):
        return
    key = (effect.leaf.iss, effect.leaf.rid)
    known = held.get(key, Held())
    versions = dict(known.versions or {})
    if isinstance(effect, Entomb):
        held[key] = replace(known, tombstoned=True)
        return
    if isinstance(effect, Along):
        held[key] = _noted(known, effect, versions)
        return
    bound = known.bound
    if isinstance(effect, Store | Extend):
        versions[effect.record.ver] = HeldVersion(effect.record.jh, effect.mask, effect.record.prev)
        bound = None if bound is not None and effect.gc > bound.gc else bound
        held[key] = Held(gc=effect.gc, versions=versions, bound=bound)
        return
    leaf = effect.leaf
    if isinstance(effect, Reduce):
        for ver, version in versions.items():
            # The bits of one version mean nothing in another, and of an older one nothing is granted any more.
            same = ver == leaf.ver and version.jh == leaf.jh
            versions[ver] = replace(version, mask=version.mask & leaf.gm if same else 0)
    versions.setdefault(leaf.ver, HeldVersion(leaf.jh, 0))
    held[key] = Held(gc=leaf.gc, versions=versions, bound=bind(bound, effect))


def _noted(known: Held, effect: Along, versions: dict[int, HeldVersion]) -> Held:
    """What several roads hold is written together; that another road's share is not counted here costs nothing."""
    roads = {effect.leaf.iss: known.gc} if known.roads is None and known.gc else dict(known.roads or {})
    roads[effect.sender] = max(roads.get(effect.sender, 0), effect.leaf.gc)
    if effect.record is not None:
        before = versions.get(effect.record.ver)
        versions[effect.record.ver] = HeldVersion(effect.record.jh, effect.record.mask | (before.mask if before else 0))
    return replace(known, versions=versions, roads=roads)


def bind(before: Bound | None, effect: Reduce | Tighten) -> Bound:
    """What is remembered of a withdrawal: its mask, and every handling that was told of this version."""
    leaf = effect.leaf
    told = before.handling if before is not None and before.ver == leaf.ver else None
    if not leaf.gm:  # all was taken back: what is given later is given anew, under its own terms
        told = None
    if isinstance(effect, Tighten):
        told = effect.handling if told is None else _join(told, effect.handling)
    return Bound(leaf.gc, leaf.ver, leaf.gm, told)


def _dispute(held: dict[tuple[str, str], Held], dispute: Dispute) -> None:
    key = (dispute.record.iss, dispute.record.rid)
    known = held[key]
    versions = dict(known.versions or {})
    versions[dispute.held] = replace(versions[dispute.held], disputed=dispute.state)
    held[key] = replace(known, versions=versions)


def summary(effects: Sequence[Effect]) -> dict[str, int]:
    """How many entries came out how: for logs and progress."""
    counts: dict[str, int] = {}
    for effect in effects:
        name = type(effect).__name__.lower()
        counts[name] = counts.get(name, 0) + 1
    return counts
