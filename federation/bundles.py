r"""Offline bundles: what two nodes would say to each other over the network, as a file that somebody carries.

    cnp-chunk/1 <index> <bytes>\n<age ciphertext>        once for each chunk, one after the other

Each chunk is sealed to the recipient's `enc` key by itself, so a changed byte costs that chunk and no other. Inside is
a signed head (JWS `cnp-chunk+jwt` by the sender's `log` key) and, after a line feed, the content:

    {"fed", "iss", "to", "bid": <id of the bundle>, "i": 0, 1, 2 ..., "last": <whether no chunk follows>, "iat",
     "kind": "directory|receipts|page", "sha256": <hash of the content>}

The head says from whom and to whom, and where in the bundle the chunk stands: one that is missing is noticed, one of
another bundle is no harm. What counts is signed inside again and goes through the same checks as over the network:
pages by their checkpoints, receipts, the directory by TUF. Order and repetition therefore do not matter. Nothing is
compressed, so nothing can unfold.

Trust: the courier can lose, keep, damage, repeat and reorder; it reads sizes and nothing else. The sender is as little
trusted as over the network.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, cast, get_args

from crypto import b64, jcs, jws, strictjson
from crypto.errors import CryptoError, SealRefused, UnknownKey
from federation.errors import (
    FederationError,
    Malformed,
    NotFound,
    NotMember,
    ProblemType,
    Refused,
    Suspended,
    TooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crypto.enc import EncKey
    from crypto.keys import PublicKey
    from crypto.signer import Signer
    from crypto.strictjson import JsonValue
    from federation.directory import Directory
    from federation.membership import ListedKey, Member

Kind = Literal["directory", "receipts", "page"]
KINDS: Final = cast("tuple[Kind, ...]", get_args(Kind))
TYP: Final = "cnp-chunk+jwt"
MARK: Final = b"cnp-chunk/1 "
BID_BYTES: Final = 16
MAX_CONTENT: Final = 9 * 1024 * 1024
"""A page has 8 MB at most, and the directory with its metadata less."""
MAX_CHUNK: Final = MAX_CONTENT + 65_536
"""With the head, and what age adds: 16 bytes in 64 kB and a header."""
MAX_CHUNKS: Final = 10_000
MAX_BUNDLE: Final = 4 * 1024**3
"""What a stick carries, and far more than a year of records."""
MAX_HEAD: Final = 4_096
MAX_AHEAD: Final = 86_400
"""Clocks of machines that are never on a network are known to be a day wrong."""
_FRAME: Final = re.compile(rb"cnp-chunk/1 (0|[1-9][0-9]{0,4}) ([1-9][0-9]{0,7})\n")
_HEAD_ROOM: Final = 64
_MEMBERS: Final = frozenset({"fed", "iss", "to", "bid", "i", "last", "iat", "kind", "sha256"})
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_BID: Final = re.compile(r"[A-Za-z0-9_-]{22}")


class Buffer(Protocol):
    """Bytes, or a file that is mapped into memory."""

    def find(self, sub: bytes, start: int = ..., /) -> int:
        """Where `sub` stands at or after `start`, or -1."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, place: slice, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of a bundle file, as it lies there: unread, and perhaps damaged."""

    index: int | None
    """What stands before it; nobody vouches for that."""
    sealed: bytes | None
    """None when the piece is cut off or longer than any chunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk whose head its sender has signed; the content is still unjudged."""

    iss: str | None
    """None for a directory whose bringer the directory of today does not know: it is signed by the authority alone."""
    bid: str
    index: int
    last: bool
    iat: int
    kind: Kind
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """Who writes a bundle: from this node, to a recipient, under one id."""

    fed: str
    node: str
    to: str
    bid: str
    key: EncKey
    signer: Signer
    now: int

    def chunk(self, index: int, kind: Kind, content: bytes, *, last: bool) -> bytes:
        """One chunk as it stands in the file."""
        if len(content) > MAX_CONTENT:
            raise TooLarge(f"a chunk of a bundle has at most {MAX_CONTENT} bytes")
        head: dict[str, JsonValue] = {
            "fed": self.fed, "iss": self.node, "to": self.to, "bid": self.bid, "i": index, "last": last,
            "iat": self.now, "kind": kind, "sha256": b64.encode(hashlib.sha256(content).digest()),
        }  # fmt: skip
        signed = jws.sign_compact(jcs.profile_bytes(head), typ=TYP, signer=self.signer)
        sealed = self.key.seal(signed.encode() + b"\n" + content)
        return MARK + f"{index} {len(sealed)}\n".encode() + sealed


def frames(data: Buffer) -> Iterator[Frame]:
    """The pieces of a bundle file. One that is damaged does not hide the ones after it.

    Raises `TooLarge` for a file beyond the limits, `Malformed` for one that is no bundle at all.
    """
    if len(data) > MAX_BUNDLE:
        raise TooLarge(f"a bundle has at most {MAX_BUNDLE} bytes")
    at = data.find(MARK)
    if at < 0:
        raise Malformed("this file is no bundle: no chunk is in it")
    seen = 0
    while at >= 0:
        seen += 1
        if seen > MAX_CHUNKS:
            raise TooLarge(f"a bundle has at most {MAX_CHUNKS} chunks")
        found = _FRAME.match(data[at : at + _HEAD_ROOM])
        if found is None:
            yield Frame(None, None)
            at = data.find(MARK, at + len(MARK))
            continue
        index, size, begin = int(found[1]), int(found[2]), at + found.end()
        after = begin + size
        # What follows must be the next chunk or the end: else the length is wrong, or this one is cut off.
        fits = size <= MAX_CHUNK and (after == len(data) or data[after : after + len(MARK)] == MARK)
        yield Frame(index, data[begin:after] if fits else None)
        at = (after if after < len(data) else -1) if fits else data.find(MARK, begin)


def open_chunk(plain: bytes, *, directory: Directory, node: str, now: int) -> Chunk:
    """Check the head of an opened chunk, and that the content is the one it names.

    Raises `NotFound` for another's bundle, `NotMember`, `Suspended`, `Malformed`, or `Refused` with the word of the
    floor below. `now` is when it is opened: the sender's `log` key must be valid, or have been when it was made.
    """
    signed, separator, content = plain.partition(b"\n")
    if not separator or len(signed) > MAX_HEAD:
        raise Malformed("the chunk has no head")
    head, node_of_key = _head(signed, directory)
    if head["fed"] != directory.fed:
        raise NotMember("the bundle is of another federation")
    if head["to"] != node:
        raise NotFound("the bundle is for another node")
    if b64.encode(hashlib.sha256(content).digest()) != head["sha256"]:
        raise Malformed("the content of the chunk is not the one that its head names")
    if head["iat"] > now + MAX_AHEAD:
        raise Refused(ProblemType.CLOCK_SKEW, "the bundle was made in the future: compare the clocks")
    if node_of_key is not None:
        _check_sender(directory.member(node_of_key), named=head["iss"], node=node)
    return Chunk(
        iss=node_of_key, bid=head["bid"], index=head["i"], last=head["last"], iat=head["iat"], kind=head["kind"],
        content=content,
    )  # fmt: skip


def _check_sender(member: Member | None, *, named: object, node: str) -> None:
    if member is None or member.id == node or member.id != named:
        raise NotMember("the head is not signed by the peer that it names")
    if member.status != "active":
        raise Suspended("the directory lists the sender of the bundle as suspended or left")


def _head(signed: bytes, directory: Directory) -> tuple[dict[str, Any], str | None]:
    """The members of a head, and whose key signed it: None for a directory under a key that is not known here.

    A bundle travels for days, so the key is asked about the time at which it was made.
    """
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        seen.append(directory.key(kid, use="log", at=None))
        return seen[-1].public

    try:
        text = signed.decode("ascii")
        try:
            payload = jws.verify_compact(text, typ=TYP, key_for=key_for, max_bytes=MAX_HEAD)
        except UnknownKey:
            payload = b64.decode(text.split(".")[1])
            if _form(payload)["kind"] != "directory":
                raise
            return _form(payload), None
        head = _form(payload)
        seen[-1].check(at=head["iat"])
    except UnicodeDecodeError:
        raise Malformed("the head of the chunk is no compact JWS") from None
    except CryptoError as error:
        raise Refused.because(error) from error
    return head, seen[-1].node


def _form(payload: bytes) -> dict[str, Any]:
    head: Any = strictjson.parse_profile(payload, max_bytes=MAX_HEAD, max_depth=2)
    if not isinstance(head, dict) or not head.keys() >= _MEMBERS:
        raise Malformed("the head of the chunk lacks members")
    if any(type(head[name]) is not int or head[name] < 0 for name in ("i", "iat")) or head["i"] >= MAX_CHUNKS:
        raise Malformed("i and iat of a chunk are numbers")
    if type(head["last"]) is not bool or head["kind"] not in KINDS:
        raise Malformed("the kind of the chunk is not known")
    forms = {"bid": _BID, "sha256": _HASH}
    if not all(isinstance(head[name], str) and form.fullmatch(head[name]) for name, form in forms.items()):
        raise Malformed("bid or sha256 of a chunk has another form")
    return head


def read(
    data: Buffer, *, unseal: Callable[[bytes], bytes], directory: Callable[[], Directory], node: str, now: int
) -> Iterator[Chunk | FederationError]:
    """Chunk after chunk of a bundle file, or the reason why one cannot be used.

    The directory is asked for each chunk anew: the first one may bring a newer one. Raises what `frames` raises.
    """
    for frame in frames(data):
        try:
            if frame.sealed is None:
                raise Malformed("a chunk is cut off, or its frame is damaged")
            yield open_chunk(unseal(frame.sealed), directory=directory(), node=node, now=now)
        except SealRefused as error:
            yield Malformed(f"a chunk does not open: {error}")
        except FederationError as error:
            yield error
