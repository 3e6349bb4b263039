"""Make offline bundles and take them in: the roads of `federation.bundles` between the feeds of two databases.

A bundle holds the directory as this node trusts it, this node's receipts for what it got from the recipient, and the
pages of both lanes, byte for byte those that are served over HTTP. It is egress: with a stale directory none is made
(one of receipts alone is). A body whose time of keeping is over is not put in, and one that expired on its way is
judged at the desk like any other.

Taking in uses the desk at which fetched pages are opened. What is held already is left out, what leaves a gap waits for
the chunk that fills it, and what still does not fit at the end is reported: nothing is guessed.

Trust: see `federation.bundles`. The register says what was carried when; it is ours to keep.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import select

from crypto import b64, strictjson
from crypto.enc import open_with
from crypto.errors import CryptoError
from federation import bundles
from federation.errors import (
    DirectoryRefused,
    DirectoryStale,
    FederationError,
    FeedEpochRequired,
    FromBeyondHead,
    Malformed,
    NotFound,
    NotMember,
    Suspended,
)
from federation.feed import LANES, FeedId
from federation.grants import Action, Handling, may
from federation.pages import MAX_ENTRIES, parse_page
from federation.pushing import feed_of, held_of, without
from federation.receipts import verify_receipt
from node.services.pushing import leaves_held, receipt_again
from node.services.serving import Server, accept_receipt
from node.storage import feeds, records, settlements
from node.storage.tables.bundles import bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from sqlalchemy import Connection, Row

    from crypto.enc import EncKey, Opener
    from crypto.signer import Signer
    from federation.attributes import Recipient
    from federation.directory import Directory
    from federation.feed import Lane
    from federation.inbox import OpenedPage
    from federation.pages import VerifiedPage
    from node.services.intake import PeerDesk
    from node.services.membership import Membership
    from node.storage.database import Database

MAX_RECEIPTS: Final = 64
"""Two lanes, and more epochs of each than a node is restored in its life."""
MAX_PROBLEMS: Final = 100


@dataclass(slots=True)
class Made:
    """What was put into a bundle."""

    bid: str
    chunks: int = 0
    entries: int = 0
    receipts: int = 0
    bytes: int = 0
    kept_back: int = 0
    """Bodies of others that their handling does not let go this way; their entries go without."""


@dataclass(slots=True)
class Taken:
    """What came in a bundle, and what of it could not be used."""

    sender: str | None = None
    bid: str | None = None
    chunks: int = 0
    directory: str | None = None
    """`newer`, `same`, or why it was not taken."""
    entries: int = 0
    quarantined: int = 0
    repeated: int = 0
    """Entries that were held already."""
    receipts: int = 0
    missing: list[int] = field(default_factory=list)
    """Places of chunks that are not there, or could not be read."""
    gaps: dict[str, int] = field(default_factory=dict)
    """Lane → the index from which on entries are missing that later pages need."""
    problems: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything that the sender put in is here."""
        return not (self.missing or self.gaps or self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Who makes bundles: this node. `token` gives chance."""

    node: str
    database: Database
    membership: Membership
    log_signer: Signer
    clock: Callable[[], int]
    token: Callable[[int], bytes]
    desk: Callable[[str], PeerDesk]

    def make(self, to: str, file: BinaryIO, *, by: str, since_receipt: bool = False, answer: bool = False) -> Made:
        """Write a bundle for a peer. `answer` leaves the pages out: directory and receipts, to be carried back.

        With `since_receipt` it begins where the peer's newest receipt ends, else at the beginning of each feed. Raises
        `DirectoryStale`, `NotMember`, `Suspended`, and `FeedEpochRequired` while this node, restored from a backup, has
        still to settle with the peer.
        """
        now, directory = self.clock(), self.membership.current()
        key = self._key_of(directory, to, now)
        if not answer and self.membership.stale(now):
            raise DirectoryStale("this node's directory has expired: no bundle is made until it is renewed")
        if not answer:
            self._settled(to)
        sealer = bundles.Sealer(
            fed=directory.fed, node=self.node, to=to, bid=b64.encode(self.token(bundles.BID_BYTES)), key=key,
            signer=self.log_signer, now=now,
        )  # fmt: skip
        made = Made(sealer.bid)
        ahead: tuple[bundles.Kind, bytes] | None = None
        for content in self._contents(to, directory, made, now=now, since_receipt=since_receipt, answer=answer):
            if ahead is not None:
                self._write(file, sealer, made, ahead, last=False)
            ahead = content
        assert ahead is not None  # noqa: S101 - there is always a directory
        self._write(file, sealer, made, ahead, last=True)
        with self.database.write() as connection:
            register(connection, way="made", peer=to, made=made, by=by, now=now)
        return made

    def _settled(self, to: str) -> None:
        """The gate before which pages wait as well, asked before anything is written."""
        with self.database.read() as connection:
            if settlements.pending(connection, to):
                raise FeedEpochRequired(
                    f"this node was restored from a backup, and {to} has not shown what it holds of its records: no"
                    " bundle is made for it until then; see `tidewaiter recovery status`"
                )

    def _key_of(self, directory: Directory, to: str, now: int) -> EncKey:
        member = directory.member(to)
        if member is None or to == self.node:
            raise NotMember(f"{to} is no peer of this node: `tidewaiter peers` lists them")
        if member.status != "active":
            raise Suspended(f"the directory lists {to} as {member.status}: it gets nothing")
        key = directory.enc_key(to, at=now)
        if key is None:
            raise NotMember(
                f"{to} lists no key for bundles: it makes one with `tidewaiter key make enc` and hands in a new card"
            )
        return key

    @staticmethod
    def _write(
        file: BinaryIO, sealer: bundles.Sealer, made: Made, content: tuple[bundles.Kind, bytes], *, last: bool
    ) -> None:
        data = sealer.chunk(made.chunks, *content, last=last)
        file.write(data)
        made.chunks += 1
        made.bytes += len(data)

    def _contents(
        self, to: str, directory: Directory, made: Made, *, now: int, since_receipt: bool, answer: bool
    ) -> Iterator[tuple[bundles.Kind, bytes]]:
        files = {path: data.decode() for path, data in self.membership.mirror.files().items()}
        yield "directory", orjson.dumps(files)
        receipts = list(self._receipts(to))
        made.receipts = len(receipts)
        yield "receipts", orjson.dumps({"receipts": receipts})
        for lane in () if answer else LANES:
            yield from self._pages(to, lane, directory, made, now=now, since_receipt=since_receipt)

    def _receipts(self, to: str) -> Iterator[str]:
        with self.database.read() as connection:
            rows = [feeds.in_feed(connection, to, lane) for lane in LANES]
        for row in rows:
            if row is not None:
                yield receipt_again(self.desk(to), FeedId(to, self.node, row.lane, row.epoch))

    def _pages(
        self, to: str, lane: Lane, directory: Directory, made: Made, *, now: int, since_receipt: bool
    ) -> Iterator[tuple[bundles.Kind, bytes]]:
        server = Server(node=self.node, directory=directory, log_signer=self.log_signer)
        with self.database.read() as connection:
            row = feeds.out_feed(connection, to, lane)
        if row is None:
            return
        recipient = directory.members[to].recipient()
        at, size = (int(row.receipt_size) if since_receipt else 0), int(row.size)
        while at < size:
            with self.database.read() as connection:
                data = server.page(connection, recipient=to, lane=lane, start=at, limit=MAX_ENTRIES, note=None, now=now)
                data = self._guarded(connection, data, recipient, made, now)
            end = int(orjson.loads(data)["to"])
            made.entries += end - at
            at = end
            yield "page", data

    def _guarded(self, connection: Connection, data: bytes, to: Recipient, made: Made, now: int) -> bytes:
        """The page, without the bodies of others that may not go this way. Own records go as they go over HTTP."""
        own = f'"iss":"{self.node}"'
        page = orjson.loads(data)
        kept_back = made.kept_back
        for entry in page["entries"]:
            if "s" not in entry or own in entry["e"]:
                continue
            leaf = orjson.loads(entry["e"])
            row = next((each for each in records.by_key(connection, leaf["iss"], leaf["rid"]) if each.jwt), None)
            handling = None if row is None else Handling.from_json(orjson.loads(row.handling))
            # It goes for the purposes that its originator granted the recipient, whichever they are.
            purpose = None if handling is None or not handling.purposes else min(handling.purposes)
            if handling is None or not may(handling, Action.BUNDLE, purpose, now=now, to=to).allowed:
                del entry["s"]
                made.kept_back += 1
        return data if made.kept_back == kept_back else orjson.dumps(page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """Who takes bundles in: this node, with the keys that open what is sealed to it."""

    node: str
    database: Database
    membership: Membership
    openers: Sequence[Opener]
    clock: Callable[[], int]
    desk: Callable[[str], PeerDesk]

    def take(self, data: bundles.Buffer, *, by: str) -> Taken:
        """Take in a bundle and say what came of it. Repeating, reordering and losing chunks is what it is made for.

        Raises `Malformed` for a file that is no bundle and `TooLarge` for one beyond the limits; whatever else is wrong
        stands in the answer, and costs the chunk that it is in.
        """
        taken = Taken()
        done: set[int] = set()
        seen: set[int] = set()
        end: int | None = None
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="verify") as beside:
            lines: dict[Lane, _Line] = {}
            while True:
                before = len(done)
                problems: list[str] = []
                for chunk in self._chunks(data, taken):
                    if isinstance(chunk, FederationError):
                        problems.append(str(chunk))
                        continue
                    seen.add(chunk.index)
                    end = chunk.index if chunk.last else end
                    if chunk.index not in done and self._use(chunk, taken, lines, beside, problems):
                        done.add(chunk.index)
                for line in lines.values():
                    line.flush(taken, problems)
                waiting = seen - done
                if not waiting or len(done) == before:
                    break
                for line in lines.values():
                    line.start_again()
        taken.chunks = len(seen)
        highest = max(seen, default=-1) + 1 if end is None else end
        taken.missing = sorted(set(range(highest + 1)) - seen)
        taken.problems = problems[:MAX_PROBLEMS]
        if taken.sender is not None:
            with self.database.write() as connection:
                register(connection, way="applied", peer=taken.sender, made=taken, by=by, now=self.clock())
        return taken

    def _chunks(self, data: bundles.Buffer, taken: Taken) -> Iterator[bundles.Chunk | FederationError]:
        """The chunks of one bundle of one sender: of the first that was read."""
        for chunk in bundles.read(
            data, unseal=partial(open_with, self.openers), directory=self.membership.current, node=self.node,
            now=self.clock(),
        ):  # fmt: skip
            if isinstance(chunk, bundles.Chunk):
                taken.bid = taken.bid or chunk.bid
                taken.sender = taken.sender or chunk.iss
                if chunk.bid != taken.bid or chunk.iss not in {taken.sender, None}:
                    yield Malformed("a chunk of another bundle stands in this file")
                    continue
            yield chunk

    def _use(
        self, chunk: bundles.Chunk, taken: Taken, lines: dict[Lane, _Line], beside: ThreadPoolExecutor,
        problems: list[str],
    ) -> bool:  # fmt: skip
        """Use one chunk; False for a page that a gap stands before."""
        try:
            if chunk.kind == "directory":
                taken.directory = self._directory(chunk.content)
            elif chunk.kind == "receipts":
                taken.receipts = self._receipts(chunk, problems)
            else:
                return self._page(chunk, taken, lines, beside, problems)
        except FederationError as error:
            problems.append(str(error))
        return True

    def _directory(self, content: bytes) -> str:
        files = _object(content, "the directory of a bundle is its files by their paths")

        def fetch(path: str) -> bytes:
            text = files.get(path)
            if not isinstance(text, str):
                raise NotFound("the bundle has no such file")
            return text.encode()

        before = self.membership.current().version
        try:
            found = self.membership.mirror.refresh(fetch, now=self.clock())
        except (DirectoryStale, DirectoryRefused) as error:
            # An old bundle brings an old directory: that is no fault of the bundle, and the newer one stays.
            return error.detail
        self.membership.renewed(found)
        return "newer" if found.version > before else "same"

    def _receipts(self, chunk: bundles.Chunk, problems: list[str]) -> int:
        listed = _object(chunk.content, "the receipts of a bundle are a list").get("receipts")
        if not isinstance(listed, list) or len(listed) > MAX_RECEIPTS:
            raise Malformed(f"the receipts of a bundle are a list of at most {MAX_RECEIPTS}")
        count = 0
        for token in listed:
            try:
                receipt = verify_receipt(str(token), directory=self.membership.current(), now=self.clock())
                if receipt.iss != chunk.iss or receipt.feed.sender != self.node:
                    raise NotFound("a receipt in the bundle is for another feed")
                with self.database.write() as connection:
                    accept_receipt(connection, receipt)
                count += 1
            except FederationError as error:
                problems.append(str(error))
        return count

    def _page(
        self, chunk: bundles.Chunk, taken: Taken, lines: dict[Lane, _Line], beside: ThreadPoolExecutor,
        problems: list[str],
    ) -> bool:  # fmt: skip
        if chunk.iss is None:
            raise NotMember("nobody whom the directory lists signed for this page")
        page = parse_page(chunk.content)
        feed = feed_of(page, sender=chunk.iss, recipient=self.node)
        if feed.lane not in lines:
            lines[feed.lane] = _Line(self.desk(chunk.iss), feed.lane, beside)
        try:
            lines[feed.lane].add(page, chunk.content, feed, taken, problems)
        except FromBeyondHead as gap:
            taken.gaps[feed.lane] = gap.expected
            return False
        taken.gaps.pop(feed.lane, None)
        return True


class _Line:
    """The pages of one lane on their way in: one is verified beside while the one before it is stored."""

    def __init__(self, desk: PeerDesk, lane: Lane, beside: ThreadPoolExecutor) -> None:
        self._desk, self._lane, self._beside = desk, lane, beside
        self._last: VerifiedPage | None = None
        self._verifying: Future[OpenedPage] | None = None

    def add(
        self, page: Mapping[str, Any], data: bytes, feed: FeedId, taken: Taken, problems: list[str]
    ) -> None:  # fmt: skip
        """Take a page; raises `FromBeyondHead` when entries before it are missing, and why it is refused."""
        if self._last is None or page["from"] < self._last.range.size:
            self.flush(taken, problems)
            self._last = None
            position = self._desk.position(self._lane)
            if feed.epoch == position.epoch:
                count = held_of(
                    page, size=position.size, held=lambda start, end: leaves_held(self._desk, feed, start, end)
                )
                taken.repeated += count
                if count and page["to"] <= position.size:
                    return
                data = without(page, count) if count else data
        opened = self._desk.open(self._lane, data, self._last)
        coming = self._beside.submit(self._desk.verify, opened)
        self.flush(taken, problems)
        self._last, self._verifying = opened, coming

    def flush(self, taken: Taken, problems: list[str]) -> None:
        """Store what was verified."""
        coming, self._verifying = self._verifying, None
        if coming is None:
            return
        opened = coming.result()
        try:
            applied = self._desk.apply(opened)
        except FederationError as error:
            # The server of this node has taken it in meanwhile, by another road, or is just doing so.
            problems.append(str(error))
            self._last = None
            return
        taken.entries += len(opened.page.entries)
        taken.quarantined += applied.quarantined

    def start_again(self) -> None:
        """The next page is compared with what is stored."""
        self._last = None


def register(connection: Connection, *, way: str, peer: str, made: Made | Taken, by: str, now: int) -> None:
    """Write down that a bundle was made, or taken in."""
    problems = len(made.problems) + len(made.missing) if isinstance(made, Taken) else 0
    connection.execute(
        bundle.insert().values(
            bid=made.bid, way=way, peer=peer, at=now, actor=by, chunks=made.chunks, entries=made.entries,
            bytes=made.bytes if isinstance(made, Made) else 0, problems=problems,
        )
    )  # fmt: skip


def registered(connection: Connection, *, limit: int) -> list[Row[Any]]:
    """The register, newest first."""
    return list(connection.execute(select(bundle).order_by(bundle.c.id.desc()).limit(limit)))


def _object(content: bytes, wrong: str) -> dict[str, Any]:
    try:
        value: Any = strictjson.parse(content, max_depth=3)
    except CryptoError as error:
        raise Malformed(f"{wrong}: {error}") from error
    if not isinstance(value, dict):
        raise Malformed(wrong)
    return value
