"""Feeds: the append-only log of what one node gave one other, in two lanes.

A feed is an RFC 6962 Merkle log per (sender, recipient, lane, epoch). Its leaves tell what was granted, not what was
said: the body of a record travels beside its leaf in a page (`federation.pages`). A leaf is hashed as the exact text
that its sender wrote (JCS, RFC 8785), so it is never serialised again.

Trust: a leaf's text is its sender's word. The checkpoint over the log makes it a word that cannot be taken back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from crypto import jcs, strictjson
from crypto.errors import CryptoError
from federation.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

Lane = Literal["urgent", "bulk"]
LANES: Final[tuple[Lane, ...]] = ("urgent", "bulk")
"""In the order in which they are pulled: an alert never waits behind a backlog."""
OPS: Final = frozenset({"put", "more", "less", "tighten", "tomb", "epoch"})
URGENT_KINDS: Final = frozenset({"alert", "annotation", "tombstone"})
URGENT_OPS: Final = frozenset({"less", "tighten", "tomb"})
MAX_LEAF_BYTES: Final = 16_384

_HEX: Final = re.compile(r"[0-9a-f]{1,100}")
_ID: Final = re.compile(r"[A-Z][A-Z0-9-]{1,31}")
_HASH: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_RID: Final = re.compile(r"[0-9a-f-]{36}")
"""The form of a UUID; that it is one of version 4 is asked of the record (`federation.envelope`)."""
_REQUIRED: Final = frozenset({"v", "n", "t", "op"})
_RECORD: Final = frozenset({"iss", "rid", "ver", "jh", "gm", "gc"})
_OPTIONAL: Final = frozenset({"grant", "rg", "old"})


@dataclass(frozen=True, slots=True)
class FeedId:
    """`<sender>/<recipient>/<lane>/<epoch>`.

    >>> str(FeedId("KE", "RILO-ESA", "bulk", 0))
    'KE/RILO-ESA/bulk/0'
    """

    sender: str
    recipient: str
    lane: Lane
    epoch: int

    def __str__(self) -> str:
        return f"{self.sender}/{self.recipient}/{self.lane}/{self.epoch}"

    def origin(self, fed: str) -> str:
        """The origin line of this feed's checkpoints."""
        return f"cnp/{fed}/{self}"

    @classmethod
    def parse(cls, text: object) -> FeedId:
        """Read a feed id, or raise `Malformed`.

        >>> FeedId.parse("KE/TZ/urgent/2").epoch
        2
        """
        parts = text.split("/") if isinstance(text, str) else []
        if (
            len(parts) != 4  # noqa: PLR2004 - the four parts of the docstring
            or not _ID.fullmatch(parts[0])
            or not _ID.fullmatch(parts[1])
            or parts[2] not in LANES
            or not re.fullmatch(r"0|[1-9][0-9]{0,8}", parts[3])
        ):
            raise Malformed("the feed id is not <sender>/<recipient>/<lane>/<epoch>")
        lane: Lane = "urgent" if parts[2] == "urgent" else "bulk"
        return cls(parts[0], parts[1], lane, int(parts[3]))


def key_name(fed: str, node: str) -> str:
    """The key name in the signature line of a checkpoint."""
    return f"cnp/{fed}/{node}"


def lane_for(*, op: str, kind: str) -> Lane:
    """The lane that an entry belongs to: what somebody waits for is urgent."""
    return "urgent" if op in URGENT_OPS or kind in URGENT_KINDS else "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One entry of a feed. Masks are integers here and hex on the wire."""

    n: int
    t: int
    op: str
    iss: str = ""
    rid: str = ""
    ver: int = 0
    jh: str = ""
    gm: int = 0
    gc: int = 0
    grant: Mapping[str, Any] | None = None
    rg: str | None = None
    old: str | None = None


def mask_text(mask: int, width: int) -> str:
    """A grant mask as lower-case hex, as wide as the record has digests.

    >>> mask_text(0b1011, 24)
    '00000b'
    """
    return f"{mask:0{(width + 3) // 4}x}"


def leaf_text(leaf: Leaf, *, width: int) -> str:
    """The leaf's exact text: JCS of its members. `width` is the record's number of digests."""
    members: dict[str, Any] = {"v": 1, "n": leaf.n, "t": leaf.t, "op": leaf.op}
    if leaf.op == "epoch":
        members["old"] = leaf.old
    else:
        members |= {"iss": leaf.iss, "rid": leaf.rid, "ver": leaf.ver, "jh": leaf.jh}
        members |= {"gm": mask_text(leaf.gm, width), "gc": leaf.gc}
    if leaf.grant is not None:
        members["grant"] = dict(leaf.grant)
    if leaf.rg is not None:
        members["rg"] = leaf.rg
    return jcs.profile_bytes(members).decode()


def parse_leaf(text: str) -> Leaf:
    """Read a leaf strictly, or raise `Malformed`: the caller has hashed the bytes before."""
    try:
        members = strictjson.parse_profile(text, max_bytes=MAX_LEAF_BYTES, max_depth=4)
    except CryptoError as error:
        raise Malformed(f"the leaf is not strict JSON: {error}") from error
    if not isinstance(members, dict) or not members.keys() >= _REQUIRED or members["v"] != 1:
        raise Malformed("the leaf lacks v, n, t or op, or is of another version")
    if members.keys() - _REQUIRED - _RECORD - _OPTIONAL:
        raise Malformed("the leaf has members outside the protocol")
    op, n, t = members["op"], members["n"], members["t"]
    if op not in OPS or type(n) is not int or type(t) is not int or n < 0:
        raise Malformed("op, n or t of the leaf has another form")
    grant, rg, old = members.get("grant"), members.get("rg"), members.get("old")
    if not (grant is None or isinstance(grant, dict)) or not (rg is None or isinstance(rg, str)):
        raise Malformed("grant or rg of the leaf has another form")
    if op == "epoch":
        if members.keys() & _RECORD or not isinstance(old, str):
            raise Malformed("an epoch leaf names the old checkpoint and no record")
        return Leaf(n=n, t=t, op=op, old=old)
    if not members.keys() >= _RECORD or old is not None:
        raise Malformed("the leaf does not name its record in full")
    iss, rid, ver, jh = members["iss"], members["rid"], members["ver"], members["jh"]
    gm, gc = members["gm"], members["gc"]
    if (
        not (isinstance(iss, str) and _ID.fullmatch(iss))
        or not (isinstance(rid, str) and _RID.fullmatch(rid))
        or type(ver) is not int
        or not (isinstance(jh, str) and _HASH.fullmatch(jh))
        or not (isinstance(gm, str) and _HEX.fullmatch(gm))
        or type(gc) is not int
        or gc < 1
    ):
        raise Malformed("iss, rid, ver, jh, gm or gc of the leaf has another form")
    return Leaf(n=n, t=t, op=str(op), iss=iss, rid=rid, ver=ver, jh=jh, gm=int(gm, 16), gc=gc, grant=grant, rg=rg)
