"""Proof that a hub passed on what its originator did not let it pass on: `relay-breach`.

Parts: the four of `federation.evidence.entry`, an entry of the hub's own feed that gives a record of somebody else, and
`grants`, the relay grants whose joined text the leaf names by its hash (an empty list where it names none). What is
proven is one of:

    the entry names no grant                     a grant is not its issuer's, or of another version, or for another hub
    every grant had expired at the entry's time  none of them names the receiver
    they cover less than the entry grants        the receiver had left the group before, longer than `LAG` ago

The entry's time is the hub's own word. What lies in the time that a directory takes to spread proves nothing: an
honest hub may not have known. Nor does a body that shows more than its entry grants: nobody signed that the two belong
together.

Trust: the hub's signature is over the leaf, the originator's over the grants; nothing else is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from federation.errors import NoRelayGrant
from federation.evidence.entry import ENTRY_PARTS, entry_parts, prove_entry
from federation.evidence.form import Evidence, EvidenceRefused, Proven
from federation.relay import JOINT, RelayGrant, signed_grant, text_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from federation.directory import Directory
    from federation.feed import FeedId, Leaf

RELAY_BREACH: Final = "relay-breach"
LAG: Final = 2 * 3_600
"""Seconds in which a directory reaches every honest node that answers at all: it is fetched at least every hour."""


def relay_breach(hub: str, entry: Mapping[str, str | tuple[str, ...]], text: str | None) -> Evidence:
    """Evidence against a hub: `entry` as `entry_parts` makes it, `text` the relay grants that came with it."""
    grants = tuple(text.split(JOINT)) if text else ()
    return Evidence(type=RELAY_BREACH, accused=hub, parts={**entry, "grants": grants})


def prove_relay_breach(evidence: Evidence, directory: Directory) -> Proven:
    """Prove it; raises `Malformed`, `Refused` (the hub's signature), `EvidenceRefused` (the hub kept its grants)."""
    evidence.only(*ENTRY_PARTS, "grants")
    entry = prove_entry(evidence, directory)
    leaf, feed = entry.leaf, entry.feed
    if leaf.op not in {"put", "more"} or leaf.iss == feed.sender:
        raise EvidenceRefused("the entry passes nothing of another member on")
    breach = _breach(leaf, feed, evidence.texts("grants"), directory)
    return Proven(
        type=RELAY_BREACH,
        accused=evidence.accused,
        sentence=f"{feed.sender} passed a record of {leaf.iss} on to {feed.recipient}: {breach}",
        facts={
            "feed": str(feed), "n": leaf.n, "t": leaf.t, "iss": leaf.iss, "rid": leaf.rid, "ver": leaf.ver,
            "recipient": feed.recipient, "breach": breach,
        },
        keys=(entry.key,),
    )  # fmt: skip


def _breach(leaf: Leaf, feed: FeedId, tokens: Sequence[str], directory: Directory) -> str:
    """Say what the hub did wrong by its own entry, or raise `EvidenceRefused`."""
    if leaf.rg is None:
        if tokens:
            raise EvidenceRefused("the entry names no grant, and some are shown")
        return "its entry names no relay grant"
    if text_hash(JOINT.join(tokens)) != leaf.rg:
        raise EvidenceRefused("the grants are not those that the entry names")
    grants: list[RelayGrant] = []
    for token in tokens:
        try:
            grant = signed_grant(token, directory=directory)
        except NoRelayGrant:
            return "what it names as a relay grant was not signed by a member"
        if (grant.iss, grant.rid, grant.ver, grant.jh, grant.hub) != (
            leaf.iss, leaf.rid, leaf.ver, leaf.jh, feed.sender,
        ):  # fmt: skip
            return "its relay grant is for another record version, or for another hub, or of another member"
        grants.append(grant)
    return _reach(leaf, feed, grants, directory)


def _reach(leaf: Leaf, feed: FeedId, grants: Sequence[RelayGrant], directory: Directory) -> str:
    live = [grant for grant in grants if leaf.t < grant.exp]
    if not live:
        return "its relay grant had expired"
    named = [grant for grant in live if grant.named(feed.recipient, directory)]
    if not named:
        return "its relay grant does not name the receiver"
    reaching = [grant for grant in named if not _gone(grant, leaf, feed.recipient, directory)]
    if not reaching:
        return "the receiver had been removed from the group"
    mask = 0
    for grant in reaching:
        mask |= grant.mask
    if leaf.gm & ~mask:
        return "it grants more groups than its relay grant allows"
    raise EvidenceRefused("the hub kept to its relay grants")


def _gone(grant: RelayGrant, leaf: Leaf, receiver: str, directory: Directory) -> bool:
    since = None if grant.group is None else directory.removed_since(grant.group.rpartition("@")[0], receiver)
    return since is not None and leaf.t >= since + LAG


__all__ = ["LAG", "RELAY_BREACH", "entry_parts", "prove_relay_breach", "relay_breach"]
