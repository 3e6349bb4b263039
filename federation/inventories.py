"""Inventories: what a node holds of another's records, as signed rows, and how two nodes come to agree on them.

A row is (rid, ver, jh, gm, gc) of what is held of one record, or its tombstone. The whole is told by a count and a
root; where the root differs, by 256 digests, one a bucket of record ids; where a digest differs, by the rows of that
bucket. The side that presents drives: it sends the root, and then whatever the other side's answer asks for
(`present`). So two nodes that agree exchange one small message, and a node that lost a week learns exactly that week.

What an inventory is good for: the originator sees what is missing at the holder, or held there without a grant; an
originator that was restored from a backup learns what it has forgotten (`returned` records verify against its own keys,
so nothing but its own word comes back to it). A row is the holder's word and proves nothing about the record.

Differs from the protocol page: rows, and so roots, hold the grant counter `gc` besides, because a restored originator
must never use a counter twice (`docs/decisions/0026-inventories-tell-the-grant-counter.md`).

Trust: rows are the presenting node's word, bounded in size. It can hurt only its own copy with them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import orjson

from crypto import b64, jcs, jws, strictjson
from crypto.errors import CryptoError
from federation.errors import Malformed, NotMember, ProblemType, Refused
from federation.feed import LANES, Lane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crypto.keys import PublicKey
    from crypto.signer import Signer
    from federation.directory import Directory, ListedKey

INVENTORY_TYP: Final = "cnp-inventory+jwt"
BUCKETS: Final = 256
MAX_ROWS: Final = 5_000
"""Rows in one message. A bucket is never cut, so two nodes can compare 256 times as many records of one originator."""
MAX_INVENTORY_BYTES: Final = 1_500_000
MAX_RETURNED: Final = 50
"""Records in one message of returned records: each has at most 256 kB, and most have three."""
MAX_RETURNED_BYTES: Final = 4_000_000
MAX_COUNTER: Final = 2**31 - 2**16
"""A grant counter beyond this is nobody's: a grant would have to be changed every second for 68 years."""
MAX_CLOCK_SKEW: Final = 300
PATH: Final = "/cnp/1/inventories"
RETURNED_PATH: Final = "/cnp/1/inventories/records"
TYPE: Final = "application/jwt"

Part = Literal["root", "buckets", "rows", "end"]
PARTS: Final[tuple[Part, ...]] = ("root", "buckets", "rows", "end")
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}|")
_RID: Final = re.compile(r"[0-9a-f-]{36}")
_HEX: Final = re.compile(r"[0-9a-f]{1,100}")
_MEMBERS: Final = frozenset({"fed", "iss", "to", "iat", "part", "count", "root", "notes", "content"})


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """What is held of one record: the newest version with content, only the counter (ver 0), or its tombstone.

    `gm` is the mask of the groups that are held. `gc` is 0 for a tombstone, which no counter overrides.
    """

    rid: str
    ver: int
    jh: str
    gm: int
    gc: int
    tomb: bool = False

    def to_json(self) -> list[Any]:
        """The row as it travels."""
        return [self.rid, self.ver, self.jh, f"{self.gm:x}", self.gc, int(self.tomb)]

    @property
    def bucket(self) -> int:
        """The bucket that the record belongs to: the first byte of its id's hash."""
        return bucket_of(self.rid)


def bucket_of(rid: str) -> int:
    """The first byte of the SHA-256 of a record's id.

    >>> bucket_of("6f9619ff-8b86-4011-b42d-00cf4fc964ff")
    226
    """
    return hashlib.sha256(rid.encode()).digest()[0]


def parse_row(value: Any) -> Row:
    """Read a row, or raise `Malformed`."""
    fault = Malformed("a row of an inventory is [rid, ver, jh, gm, gc, tomb]")
    if not isinstance(value, list) or len(value) != 6:  # noqa: PLR2004 - the six members of a row
        raise fault
    rid, ver, jh, gm, gc, tomb = value
    if not all(isinstance(text, str) for text in (rid, jh, gm)) or any(type(n) is not int for n in (ver, gc, tomb)):
        raise fault
    if not _RID.fullmatch(rid) or not _HASH.fullmatch(jh) or not _HEX.fullmatch(gm) or tomb not in {0, 1}:
        raise fault
    if not 0 <= ver <= MAX_COUNTER or not 0 <= gc <= MAX_COUNTER:
        raise fault
    return Row(rid, ver, jh, int(gm, 16), gc, bool(tomb))


@dataclass(frozen=True, slots=True)
class Summary:
    """Rows by bucket, with the digest of each bucket and the root over all."""

    rows: Mapping[int, tuple[Row, ...]]
    digests: tuple[str, ...]
    count: int
    root: str

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Summary:
        """Summarise rows; at most one a record."""
        by_bucket: dict[int, list[Row]] = {}
        count = 0
        for row in rows:
            by_bucket.setdefault(row.bucket, []).append(row)
            count += 1
        kept = {bucket: tuple(sorted(found)) for bucket, found in by_bucket.items()}
        digests = tuple(_digest(kept.get(bucket, ())) for bucket in range(BUCKETS))
        text = "\n".join([str(count), *digests])
        return cls(kept, digests, count, b64.encode(hashlib.sha256(text.encode()).digest()))


def _digest(rows: Sequence[Row]) -> str:
    """The digest of a bucket; of an empty one the empty text, so that 256 of them stay short."""
    if not rows:
        return ""
    return b64.encode(hashlib.sha256(orjson.dumps([row.to_json() for row in rows])).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """An opened message of an inventory. `notes` are the presenting node's checkpoints of the other's feeds to it."""

    iss: str
    to: str
    iat: int
    part: Part
    count: int
    root: str
    notes: Mapping[Lane, str] = field(default_factory=dict)
    digests: tuple[str, ...] = ()
    rows: Mapping[int, tuple[Row, ...]] = field(default_factory=dict)
    token: str = ""


def sign_inventory(
    *, fed: str, iss: str, to: str, part: Part, summary: Summary, notes: Mapping[Lane, str], signer: Signer, now: int,
    buckets: Sequence[int] = (),
) -> str:  # fmt: skip
    """Sign one message about what `iss` holds of the records of `to`, with the `log` key. `buckets`: whose rows go."""
    content: Any = {}
    if part == "buckets":
        content = {"digests": list(summary.digests)}
    elif part == "rows":
        content = {"rows": {str(b): [row.to_json() for row in summary.rows.get(b, ())] for b in buckets}}
    payload = {
        "fed": fed, "iss": iss, "to": to, "iat": now, "part": part, "count": summary.count, "root": summary.root,
        "notes": dict(notes), "content": content,
    }  # fmt: skip
    return jws.sign_compact(jcs.profile_bytes(payload), typ=INVENTORY_TYP, signer=signer)


def verify_inventory(token: str, *, directory: Directory, now: int) -> Inventory:
    """Open a message, or raise why it is none: `Malformed`, `NotMember`, `Refused` with the word of the floor below."""
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        seen.append(directory.key(kid, use="log", at=now))
        return seen[-1].public

    try:
        payload = jws.verify_compact(token, typ=INVENTORY_TYP, key_for=key_for, max_bytes=MAX_INVENTORY_BYTES)
        claims: Any = strictjson.parse_profile(payload, max_bytes=MAX_INVENTORY_BYTES, max_depth=6)
    except CryptoError as error:
        raise Refused.because(error) from error
    if not isinstance(claims, dict) or claims.keys() != _MEMBERS:
        raise Malformed("the inventory has not exactly the members of the protocol")
    if claims["fed"] != directory.fed:
        raise NotMember("the inventory is of another federation")
    if claims["iss"] != seen[-1].node or not isinstance(claims["to"], str):
        raise Refused(ProblemType.UNKNOWN_KEY, "an inventory is signed by the node that holds the records")
    if any(type(claims[name]) is not int or claims[name] < 0 for name in ("iat", "count")):
        raise Malformed("iat and count of an inventory are numbers")
    if abs(claims["iat"] - now) > MAX_CLOCK_SKEW:
        raise Refused(ProblemType.CLOCK_SKEW, "the inventory was not signed now")
    if claims["part"] not in PARTS or not isinstance(claims["root"], str) or not _HASH.fullmatch(claims["root"]):
        raise Malformed("part or root of the inventory has another form")
    digests, rows = _content(claims["part"], claims["content"])
    return Inventory(
        iss=claims["iss"], to=claims["to"], iat=claims["iat"], part=claims["part"], count=claims["count"],
        root=claims["root"], notes=_notes(claims["notes"]), digests=digests, rows=rows, token=token,
    )  # fmt: skip


def _notes(value: Any) -> dict[Lane, str]:
    if not isinstance(value, dict) or value.keys() - set(LANES) or not all(isinstance(n, str) for n in value.values()):
        raise Malformed("notes of an inventory are checkpoints by lane")
    return {lane: value[lane] for lane in LANES if lane in value}


def _content(part: Part, content: Any) -> tuple[tuple[str, ...], dict[int, tuple[Row, ...]]]:
    if not isinstance(content, dict):
        raise Malformed("content of an inventory is an object")
    if part == "buckets":
        digests = content.get("digests")
        if not isinstance(digests, list) or len(digests) != BUCKETS or not all(_is_digest(one) for one in digests):
            raise Malformed(f"an inventory has {BUCKETS} digests")
        return tuple(digests), {}
    if part != "rows":
        return (), {}
    found: dict[int, tuple[Row, ...]] = {}
    total = 0
    given = content.get("rows")
    if not isinstance(given, dict):
        raise Malformed("rows of an inventory stand by bucket")
    for name, values in given.items():
        if not (name.isascii() and name.isdigit() and len(name) <= 3 and int(name) < BUCKETS):  # noqa: PLR2004 - up to 255
            raise Malformed(f"a bucket is a number below {BUCKETS}")
        if not isinstance(values, list):
            raise Malformed("rows of an inventory stand by bucket")
        rows = tuple(parse_row(value) for value in values)
        total += len(rows)
        if len({row.rid for row in rows}) != len(rows) or any(row.bucket != int(name) for row in rows):
            raise Malformed("a record stands in an inventory once, in the bucket of its id")
        found[int(name)] = rows
    if total > MAX_ROWS and len(found) > 1:
        raise Malformed(f"one message has at most {MAX_ROWS} rows")
    return (), found


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


class Road(Protocol):
    """The signed road to the other side (`federation.transport.PeerLink`)."""

    async def request(self, method: str, path: str, *, body: bytes = b"", content_type: str | None = None) -> bytes:
        """One signed exchange; raises what the other side refused with."""
        ...


class Holder(Protocol):
    """What this node holds of the other's records."""

    def sign(self, part: Part, buckets: Sequence[int] = ()) -> str:
        """One message of the inventory, signed; all of one inventory are about the same moment."""
        ...

    def rows(self, bucket: int) -> int:
        """How many rows a bucket has."""
        ...

    def held(self, wanted: Sequence[tuple[str, int]]) -> list[str]:
        """The records asked for, (rid, ver), as SD-JWT that show what is held; tombstones too."""
        ...


@dataclass(frozen=True, slots=True)
class Presented:
    """What came of presenting an inventory."""

    equal: bool
    """The other side found nothing that differs."""
    returned: int
    """Records that the other side had lost and got back."""
    settled: bool
    """The other side is ready to give pages."""


async def present(road: Road, holder: Holder) -> Presented:
    """Show the other side what this node holds of its records, and give back what it asks for.

    Raises `LinkDown`, `FederationError`, or `Malformed` for an answer that is none.
    """
    answer = await _ask(road, PATH, holder.sign("root").encode(), TYPE)
    if answer.get("equal") is True:
        return Presented(equal=True, returned=0, settled=answer.get("settled") is True)
    if not answer.get("buckets"):
        return Presented(equal=False, returned=0, settled=answer.get("settled") is True)
    answer = await _ask(road, PATH, holder.sign("buckets").encode(), TYPE)
    returned = 0
    for group in _grouped(_numbers(answer.get("rows")), holder):
        answer = await _ask(road, PATH, holder.sign("rows", group).encode(), TYPE)
        wanted = _wanted(answer.get("records"))
        for start in range(0, len(wanted), MAX_RETURNED):
            for bodies in _packed(holder.held(wanted[start : start + MAX_RETURNED])):
                body = orjson.dumps({"records": bodies})
                told = await _ask(road, RETURNED_PATH, body, "application/json")
                returned += told["taken"] if type(told.get("taken")) is int else 0
    answer = await _ask(road, PATH, holder.sign("end").encode(), TYPE)
    return Presented(equal=False, returned=returned, settled=answer.get("settled") is True)


def _grouped(buckets: Sequence[int], holder: Holder) -> list[list[int]]:
    """Buckets whose rows fit into one message together."""
    groups: list[list[int]] = []
    room = 0
    for bucket in buckets:
        size = holder.rows(bucket)
        if not groups or size > room:
            groups.append([])
            room = MAX_ROWS
        groups[-1].append(bucket)
        room -= size
    return groups


def _packed(bodies: Sequence[str]) -> list[list[str]]:
    """Bodies that fit into one message together."""
    packs: list[list[str]] = []
    room = 0
    for body in bodies:
        if not packs or len(body) > room:
            packs.append([])
            room = MAX_RETURNED_BYTES - 1_000
        packs[-1].append(body)
        room -= len(body) + 3
    return packs


async def _ask(road: Road, path: str, body: bytes, content_type: str) -> dict[str, Any]:
    data = await road.request("POST", path, body=body, content_type=content_type)
    try:
        answer: Any = strictjson.parse(data, max_depth=4)
    except CryptoError as error:
        raise Malformed("the answer to an inventory is not strict JSON") from error
    if not isinstance(answer, dict):
        raise Malformed("the answer to an inventory is an object")
    return answer


def _numbers(value: Any) -> list[int]:
    if not isinstance(value, list) or len(value) > BUCKETS or any(type(n) is not int for n in value):
        raise Malformed("the answer names buckets by their numbers")
    return [n for n in value if 0 <= n < BUCKETS]


def _wanted(value: Any) -> list[tuple[str, int]]:
    if not isinstance(value, list) or len(value) > MAX_ROWS:
        raise Malformed("the answer names records as [rid, ver]")
    found: list[tuple[str, int]] = []
    for item in value:
        if not isinstance(item, list) or len(item) != 2 or not isinstance(item[0], str) or type(item[1]) is not int:  # noqa: PLR2004 - rid, ver
            raise Malformed("the answer names records as [rid, ver]")
        found.append((item[0], item[1]))
    return found


def parse_returned(data: bytes) -> list[str]:
    """The SD-JWT of a message of returned records, or `Malformed`. What they are worth is judged one by one."""
    try:
        value: Any = strictjson.parse(data, max_depth=3)
    except CryptoError as error:
        raise Malformed("returned records are not strict JSON") from error
    found = value.get("records") if isinstance(value, dict) else None
    if not isinstance(found, list) or len(found) > MAX_RETURNED or not all(isinstance(one, str) for one in found):
        raise Malformed(f"returned records are a list of at most {MAX_RETURNED} texts")
    return found
