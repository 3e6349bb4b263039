"""Receipts: a recipient's signed word on how far it has a feed.

"Everything below `size` is durably stored here, or quarantined as listed." Cumulative, ordered by (epoch, size, iat),
signed with the recipient's `log` key as a compact JWS (protocol page, section 5). A sender keeps the newest.

`log` is the newest checkpoint of the recipient's own disclosure log (`federation.auditlog`): whoever gets receipts
keeps these, and so is a witness that costs nothing. A receipt without it (of a node before that) is read as well.

Trust: a receipt binds the recipient that signed it. It proves nothing about what the recipient's officers did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs, jws, strictjson
from crypto.errors import CryptoError
from federation.auditlog import open_head
from federation.errors import Malformed, NotMember, ProblemType, Refused
from federation.feed import FeedId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crypto.checkpoint import Checkpoint
    from crypto.keys import PublicKey
    from crypto.signer import Signer
    from crypto.strictjson import JsonValue
    from federation.directory import Directory, ListedKey

RECEIPT_TYP: Final = "cnp-receipt+jwt"
MAX_RECEIPT_BYTES: Final = 262_144
MAX_LISTED: Final = 1_000
"""Quarantined entries named in one receipt; `quarantined_total` counts them all."""
MAX_CLOCK_SKEW: Final = 300

_MEMBERS: Final = frozenset(
    {"fed", "iss", "feed", "size", "root", "iat", "quarantined", "quarantined_total", "erased", "dir"}
)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An entry that is chained and whose body is not in use, with the reason."""

    n: int
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An opened receipt, or the contents of one to sign."""

    iss: str
    feed: FeedId
    size: int
    root: bytes
    iat: int
    quarantined: tuple[Quarantined, ...]
    quarantined_total: int
    erased: tuple[Mapping[str, Any], ...]
    directory_version: int
    log: Checkpoint | None = None
    """Of the signer's disclosure log; None in what this node signed itself, and in receipts without one."""
    token: str = ""

    @property
    def order(self) -> tuple[int, int, int]:
        """Later receipts of a feed compare greater."""
        return (self.feed.epoch, self.size, self.iat)


def sign_receipt(
    *,
    fed: str,
    feed: FeedId,
    size: int,
    root: bytes,
    quarantined: Sequence[Quarantined],
    quarantined_total: int,
    erased: Sequence[Mapping[str, Any]] = (),
    directory_version: int,
    signer: Signer,
    now: int,
    log: str | None = None,
) -> Receipt:
    """Sign that everything of `feed` below `size` is stored or quarantined. `now` in seconds.

    `log` is the signed note of this node's disclosure log.
    """
    listed = tuple(quarantined[:MAX_LISTED])
    payload = jcs.profile_bytes(
        _logged(log)
        | {
            "fed": fed,
            "iss": feed.recipient,
            "feed": str(feed),
            "size": size,
            "root": b64.encode(root),
            "iat": now,
            "quarantined": [{"n": item.n, "type": item.type} for item in listed],
            "quarantined_total": quarantined_total,
            "erased": [dict(item) for item in erased],
            "dir": directory_version,
        }
    )
    return Receipt(
        iss=feed.recipient,
        feed=feed,
        size=size,
        root=root,
        iat=now,
        quarantined=listed,
        quarantined_total=quarantined_total,
        erased=tuple(erased),
        directory_version=directory_version,
        token=jws.sign_compact(payload, typ=RECEIPT_TYP, signer=signer),
    )


def _logged(note: str | None) -> dict[str, JsonValue]:
    return {} if note is None else {"log": note}


def verify_receipt(token: str, *, directory: Directory, now: int) -> Receipt:
    """Open a receipt, or raise why it is none: `Malformed`, `NotMember`, `Refused` with the word of the floor below.

    Whether its size and root are those of a feed of ours is the caller's question: it has the feed.
    """
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        listed = directory.key(kid, use="log", at=now)
        seen.append(listed)
        return listed.public

    try:
        payload = jws.verify_compact(token, typ=RECEIPT_TYP, key_for=key_for, max_bytes=MAX_RECEIPT_BYTES)
        claims: Any = strictjson.parse_profile(payload, max_bytes=MAX_RECEIPT_BYTES, max_depth=4)
    except CryptoError as error:
        raise Refused.because(error) from error
    if not isinstance(claims, dict) or not claims.keys() >= _MEMBERS:
        raise Malformed("the receipt lacks members of the protocol")
    feed = FeedId.parse(claims["feed"])
    if claims["fed"] != directory.fed:
        raise NotMember("the receipt is of another federation")
    if claims["iss"] != seen[-1].node or claims["iss"] != feed.recipient:
        raise Refused(ProblemType.UNKNOWN_KEY, "a receipt is signed by the recipient of its feed")
    if any(type(claims[name]) is not int for name in ("size", "iat", "quarantined_total", "dir")):
        raise Malformed("size, iat, quarantined_total and dir of a receipt are numbers")
    if claims["size"] < 0:
        raise Malformed("no feed has a negative size")
    if claims["iat"] > now + MAX_CLOCK_SKEW:
        raise Refused(ProblemType.CLOCK_SKEW, "the receipt was signed in the future")
    try:
        quarantined = tuple(Quarantined(n=int(row["n"]), type=str(row["type"])) for row in claims["quarantined"])
        erased = tuple(dict(row) for row in claims["erased"])
        root = b64.decode(claims["root"])
    except (CryptoError, KeyError, TypeError, ValueError) as error:
        raise Malformed("root, quarantined or erased of the receipt has another form") from error
    log = None
    if "log" in claims:
        if not isinstance(claims["log"], str):
            raise Malformed("log of a receipt is a signed note")
        keys = directory.keys_of(claims["iss"], "log", at=now)
        log = open_head(claims["log"], fed=directory.fed, node=claims["iss"], keys=keys)
    return Receipt(
        iss=claims["iss"],
        feed=feed,
        size=claims["size"],
        root=root,
        iat=claims["iat"],
        quarantined=quarantined,
        quarantined_total=claims["quarantined_total"],
        erased=erased,
        directory_version=claims["dir"],
        log=log,
        token=token,
    )
