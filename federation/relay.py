"""Relay grants: the originator's signed leave for a hub to pass one record version on (protocol page, section 6).

A relay grant is a compact JWS of type `cnp-relay+jwt` under the originator's `record` key:

    {"fed", "iss", "rid", "ver", "jh": the record version,   "hub": who may pass it on,
     "to": {"group": "ncp@3"} | {"nodes": ["TZ", "UG"]} | both: those nodes, as long as they are in the group,
     "mask": hex, the digests that may be shown (bit i = the i-th of the record's sorted _sd),
     "grant": {tlp, purposes, onward, evidence, legal, keep_until}, "iat", "exp"}

An entry carries up to `MAX_GRANTS` of them, joined by `~`: to a hub all that it may use, from a hub those that name
the receiver. The leaf holds the hash of that text. `check_relay` is the one check that a receiver makes and that a hub
makes before it appends; its steps are numbered in the code:

 1. the text is there, and is the one that the leaf names       4. the hub is an active regional office
 2. every grant in it verifies                                  5. at first receipt not all have expired
 3. they are the issuer's, of this version, for this hub        6. the receiver is among the recipients, today as well
                                                                7. together they cover all that is granted and shown

Who is in a group is asked of two versions of it: the one that the grant names (nobody joins it afterwards), and the
newest that the checker knows (who was removed gets nothing more). Once accepted, a grant stays valid evidence.

Trust: the text is the hub's until step 2 holds; what it says is the originator's word from then on.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs, jws, strictjson
from crypto.errors import CryptoError, UnknownKey
from federation.errors import FederationError, GrantExceeded, Malformed, NoRelayGrant, Refused
from federation.feed import mask_text
from federation.grants import Handling, HandlingRefused, strictest
from federation.membership import NODE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from crypto.keys import PublicKey
    from crypto.signer import Signer
    from federation.directory import Directory, ListedKey

RELAY_TYP: Final = "cnp-relay+jwt"
MAX_GRANT_BYTES: Final = 16_384
"""Two hundred nodes by name take 2 kB; the obligations at most as much as a leaf."""
MAX_GRANTS: Final = 8
"""Grants of one entry: rules with other recipients or other groups each need one."""
MAX_LIFETIME: Final = 400 * 86_400
MAX_CLOCK_SKEW: Final = 300
JOINT: Final = "~"
"""Between the grants of one entry: no character of a compact JWS."""

_MEMBERS: Final = frozenset({"fed", "iss", "rid", "ver", "jh", "hub", "to", "mask", "grant", "iat", "exp"})
_HEX: Final = re.compile(r"[0-9a-f]{1,100}")
_GROUP: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}@[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayGrant:
    """One relay grant: signed just now, or opened by `verify_relay_grant`."""

    iss: str
    rid: str
    ver: int
    jh: str
    hub: str
    group: str | None
    nodes: frozenset[str] | None
    mask: int
    grant: Mapping[str, Any]
    """The obligations as they travel; `handling` reads them."""
    handling: Handling
    iat: int
    exp: int
    token: str

    def includes(self, node: str, directory: Directory) -> bool:
        """Whether `node` is a recipient: by name, and in the group at its named and at its newest version."""
        if self.nodes is not None and node not in self.nodes:
            return False
        return self.group is None or (self.named(node, directory) and not self.removed(node, directory))

    def named(self, node: str, directory: Directory) -> bool:
        """Whether the originator meant this node, whatever became of the group since."""
        if self.nodes is not None and node not in self.nodes:
            return False
        return self.group is None or node in directory.group_members(self.group)

    def removed(self, node: str, directory: Directory) -> bool:
        """Whether a later version of the group no longer lists the node."""
        newest = None if self.group is None else directory.newest_group(self.group.rpartition("@")[0])
        return newest is not None and node not in directory.group_members(newest)


def sign_relay_grant(
    *,
    fed: str,
    iss: str,
    rid: str,
    ver: int,
    jh: str,
    hub: str,
    group: str | None,
    nodes: Iterable[str] | None,
    mask: int,
    width: int,
    grant: Mapping[str, Any],
    signer: Signer,
    now: int,
    exp: int,
) -> RelayGrant:
    """Sign leave for `hub` to pass the groups of `mask` on. Times in seconds; `grant` as in a leaf, without `gid`."""
    to: dict[str, Any] = {}
    if group is not None:
        to["group"] = group
    if nodes is not None:
        to["nodes"] = sorted(nodes)
    payload: dict[str, Any] = {
        "fed": fed, "iss": iss, "rid": rid, "ver": ver, "jh": jh, "hub": hub, "to": to,
        "mask": mask_text(mask, width), "grant": dict(grant), "iat": now, "exp": exp,
    }  # fmt: skip
    token = jws.sign_compact(jcs.profile_bytes(payload), typ=RELAY_TYP, signer=signer)
    return _read(payload, token)


def verify_relay_grant(token: str, *, directory: Directory, now: int) -> RelayGrant:
    """Open a relay grant, or raise `NoRelayGrant`. `now` is the time of first receipt; `exp` is not looked at here.

    The key is the issuer's `record` key and is current now: a grant is never older than its record, so it vouches for
    the record even where the record's own key has expired.
    """
    try:
        return _verify(token, directory=directory, now=now)
    except FederationError as error:
        raise NoRelayGrant(f"the relay grant is refused: {error.detail}") from error


def signed_grant(token: str, *, directory: Directory) -> RelayGrant:
    """Open a relay grant that somebody signed at some time, whatever has become of the key; raises `NoRelayGrant`.

    For proofs about what a hub did: a key that has expired or was revoked since does not make the hub a liar.
    """
    try:
        return _open(token, directory=directory, key_of=directory.keys.get)
    except FederationError as error:
        raise NoRelayGrant(f"the relay grant is refused: {error.detail}") from error


def stored_grant(token: str) -> RelayGrant:
    """Read a relay grant from one's own store, where it was put once it was verified; the signature is not asked."""
    _, payload = jws.read_compact(token)
    claims: Any = strictjson.parse_profile(payload, max_bytes=MAX_GRANT_BYTES, max_depth=4)
    return _read(claims, token)


def _verify(token: str, *, directory: Directory, now: int) -> RelayGrant:
    grant = _open(token, directory=directory, key_of=lambda kid: directory.key(kid, use="record", at=now))
    if grant.iat > now + MAX_CLOCK_SKEW or not grant.iat < grant.exp <= grant.iat + MAX_LIFETIME:
        raise Malformed("its times do not follow one another, or it was signed in the future")
    return grant


def _open(token: str, *, directory: Directory, key_of: Callable[[str], ListedKey | None]) -> RelayGrant:
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        listed = key_of(kid)
        if listed is None or listed.use != "record":
            raise UnknownKey("no node of this federation lists a record key with this id")
        seen.append(listed)
        return listed.public

    try:
        payload = jws.verify_compact(token, typ=RELAY_TYP, key_for=key_for, max_bytes=MAX_GRANT_BYTES)
        claims: Any = strictjson.parse_profile(payload, max_bytes=MAX_GRANT_BYTES, max_depth=4)
    except CryptoError as error:
        raise Refused.because(error) from error
    if not isinstance(claims, dict) or claims.keys() != _MEMBERS:
        raise Malformed("it has not exactly the members of the protocol")
    if claims["fed"] != directory.fed or claims["iss"] != seen[-1].node:
        raise Malformed("it is of another federation, or not signed by its issuer")
    return _read(claims, token)


def _read(claims: Mapping[str, Any], token: str) -> RelayGrant:
    texts = ("iss", "rid", "jh", "hub", "mask")
    if not all(isinstance(claims[name], str) for name in texts) or not _HEX.fullmatch(claims["mask"]):
        raise Malformed("iss, rid, jh, hub or mask has another form")
    if any(type(claims[name]) is not int for name in ("ver", "iat", "exp")):
        raise Malformed("ver, iat and exp are numbers")
    to = claims["to"]
    if not isinstance(to, dict) or not to or to.keys() - {"group", "nodes"}:
        raise Malformed("`to` names a group, or nodes, or both")
    group, nodes = to.get("group"), to.get("nodes")
    if "group" in to and not (isinstance(group, str) and _GROUP.fullmatch(group)):
        raise Malformed("a group is named with its version")
    if "nodes" in to and not (
        isinstance(nodes, list) and nodes and all(isinstance(one, str) and NODE_ID.fullmatch(one) for one in nodes)
    ):
        raise Malformed("nodes are named by their ids")
    try:
        handling = Handling.from_json(claims["grant"])
    except (HandlingRefused, AttributeError, TypeError) as error:
        raise Malformed("its obligations have another form") from error
    return RelayGrant(
        iss=claims["iss"], rid=claims["rid"], ver=claims["ver"], jh=claims["jh"], hub=claims["hub"], group=group,
        nodes=None if nodes is None else frozenset(nodes), mask=int(claims["mask"], 16), grant=claims["grant"],
        handling=handling, iat=claims["iat"], exp=claims["exp"], token=token,
    )  # fmt: skip


def join(grants: Iterable[RelayGrant]) -> str:
    """The text that an entry carries."""
    return JOINT.join(grant.token for grant in grants)


def text_hash(text: str) -> str:
    """What the leaf says of that text: its SHA-256."""
    return b64.encode(hashlib.sha256(text.encode()).digest())


def open_grants(text: str, *, directory: Directory, now: int) -> list[RelayGrant]:
    """Open all grants of an entry, or raise `NoRelayGrant` for the first that is none."""
    tokens = text.split(JOINT)
    if len(tokens) > MAX_GRANTS:
        raise NoRelayGrant(f"an entry carries at most {MAX_GRANTS} relay grants")
    return [verify_relay_grant(token, directory=directory, now=now) for token in tokens]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """What a hub passes on, or wants to: the record version, to whom, and the groups that are granted and shown."""

    iss: str
    rid: str
    ver: int
    jh: str
    hub: str
    receiver: str
    mask: int


def check_relay(text: str | None, *, rg: str | None, passed: Passed, directory: Directory, now: int) -> Handling:
    """Return what the originator's grants oblige the receiver to, or raise why the hub may not pass this on.

    `rg` is what the leaf says of `text`; `now` the time of first receipt in seconds. Raises `NoRelayGrant` where there
    is no leave at all (none, forged, of another version, over), `GrantExceeded` where it does not reach as far.
    """
    if text is None or rg is None:  # step 1
        raise NoRelayGrant("the record is not the sender's own, and no grant of its issuer came with it")
    if text_hash(text) != rg:
        raise NoRelayGrant("the relay grant is not the one that the entry names")
    grants = open_grants(text, directory=directory, now=now)  # step 2
    for grant in grants:  # step 3
        about = (grant.iss, grant.rid, grant.ver, grant.jh, grant.hub)
        if about != (passed.iss, passed.rid, passed.ver, passed.jh, passed.hub):
            raise NoRelayGrant("the relay grant is for another record version, or for another hub")
    member = directory.member(passed.hub)  # step 4
    if member is None or member.kind != "rilo" or member.status != "active":
        raise NoRelayGrant("the directory lists no active regional office under the sender's id")
    return covered(grants, passed=passed, directory=directory, now=now)


def covered(grants: Sequence[RelayGrant], *, passed: Passed, directory: Directory, now: int) -> Handling:
    """Steps 5 to 7, for grants that are opened: a hub asks this before it appends."""
    live = [grant for grant in grants if now < grant.exp]  # step 5
    if not live:
        raise NoRelayGrant("the relay grant has expired")
    reaching = [grant for grant in live if grant.includes(passed.receiver, directory)]  # step 6
    if not reaching:
        raise GrantExceeded("the relay grant does not reach this node, or no longer does")
    mask = 0
    for grant in reaching:
        mask |= grant.mask
    if passed.mask & ~mask:  # step 7
        raise GrantExceeded("more groups are passed on than the relay grant allows")
    return strictest(*(grant.handling for grant in reaching))
