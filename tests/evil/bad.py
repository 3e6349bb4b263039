"""Entries that no honest node appends, by the sentence that says what is wrong, with the word that they deserve."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Final

from tests.evil.peer import FLOOR
from tests.factories import NOW
from tests.simulator.naive import b64

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.evil.peer import EvilFeed

HASH: Final = b64(bytes(32))


def _put(**claims):
    def append(feed: EvilFeed) -> int:
        return feed.put(feed.peer.record(**claims))

    return append


def _body(change: Callable[[str], str]):
    def append(feed: EvilFeed) -> int:
        record = feed.peer.record()
        return feed.append(record.leaf(), change(record.shown()))

    return append


def _other_signature(body: str) -> str:
    head, payload, rest = body.split(".")
    return f"{head}.{payload}.{'B' if rest[0] == 'A' else 'A'}{rest[1:]}"


def _leaf(**members):
    def append(feed: EvilFeed) -> int:
        record = feed.peer.record()
        return feed.append(record.leaf(**members), record.shown())

    return append


def _without(name: str):
    def append(feed: EvilFeed) -> int:
        record = feed.peer.record()
        leaf = record.leaf()
        del leaf[name]
        return feed.append(leaf, record.shown())

    return append


def _of_another(node: str, use: str):
    """A record in another member's name, or under the wrong key."""

    def append(feed: EvilFeed) -> int:
        signer = feed.peer.fed.signer(node, use)
        return feed.put(feed.peer.record(signer=signer))

    return append


def _extra_disclosure(feed: EvilFeed) -> int:
    record = feed.peer.record(
        groups={"case": {"reference": "x", "administration": "ZA"}, "transport": {"conveyance": "sea"}}
    )
    return feed.append(record.leaf("case"), record.shown("case", "transport"))


def _wide_mask(feed: EvilFeed) -> int:
    record = feed.peer.record()
    return feed.append(record.leaf(gm="ff" + record.leaf()["gm"]), record.shown())


def _other_body(feed: EvilFeed) -> int:
    return feed.append(feed.peer.record().leaf(), feed.peer.record().shown())


def _foreign_leaf(feed: EvilFeed) -> int:
    record = feed.peer.record(iss="KE")
    return feed.append(record.leaf(), record.shown())


def _equivocation(feed: EvilFeed) -> int:
    record = feed.peer.record()
    feed.put(record)
    return feed.put(feed.peer.record(rid=record.claims["rid"]), gc=2)


def _version_fork(feed: EvilFeed) -> int:
    record = feed.peer.record()
    feed.put(record)
    return feed.put(feed.peer.record(rid=record.claims["rid"], ver=2, prev=HASH), gc=2)


def _more_of_nothing(feed: EvilFeed) -> int:
    record = feed.peer.record()
    return feed.append(record.leaf(op="more"), record.shown())


def _tombstone_as_put(feed: EvilFeed) -> int:
    return feed.put(feed.peer.tombstone(str(uuid.uuid4())))


def _tomb_without_tombstone(feed: EvilFeed) -> int:
    record = feed.peer.record()
    return feed.append(record.leaf(op="tomb"), record.shown())


BAD: Final[dict[str, tuple[Callable[[EvilFeed], int], str]]] = {
    "its signature is by a key that nobody lists": (_put(header={"kid": HASH}), "unknown-key"),
    "it is signed with the sender's log key": (_of_another("ZA", "log"), "wrong-key-use"),
    "it is signed with the sender's http key": (_of_another("ZA", "http"), "wrong-key-use"),
    "it bears the sender's name under another member's key": (_of_another("TZ", "record"), "unknown-key"),
    "leaf and record bear another member's name": (_foreign_leaf, "no-relay-grant"),
    "the record bears another member's name": (_put(iss="KE"), "no-relay-grant"),
    "its body is cut off": (_body(lambda body: body[:-7]), "malformed"),
    "its body is empty": (_body(lambda _: ""), "malformed"),
    "its body is no token": (_body(lambda _: "\0 not \N{SNOWMAN} a token"), "malformed"),
    "its signature is altered": (_body(_other_signature), "bad-signature"),
    "it shows a disclosure twice": (_body(lambda body: body + body.split("~")[1] + "~"), "record-invalid"),
    "it shows a disclosure of nothing": (
        _body(lambda body: body + b64(b'["AAAAAAAAAAAAAAAAAAAAAA","place",{}]') + "~"),
        "record-invalid",
    ),
    "it shows a group of no schema": (_put(groups={"gossip": "x"}), "record-invalid"),
    "it is of another federation": (_put(fed="elsewhere"), "record-invalid"),
    "it is of another type": (_put(header={"typ": "cnp-receipt+jwt"}), "malformed"),
    "its algorithm is none": (_put(header={"alg": "none"}), "malformed"),
    "its algorithm is a shared secret": (_put(header={"alg": "HS256"}), "malformed"),
    "its header demands an extension": (_put(header={"crit": ["exp"]}), "malformed"),
    "it was issued in the future": (_put(iat=NOW + 86_400 * 200), "clock-skew"),
    "it was issued before its key was valid": (_put(iat=0), "unknown-key"),
    "its time is a text": (_put(iat="now"), "record-invalid"),
    "its claims say something more": (_put(place="Mombasa"), "record-invalid"),
    "its claims have a name that no database keeps": (_put(**{"a\0b": 1}), "record-invalid"),
    "it demands what this reader does not know": (_put(crit=["embargo"]), "unknown-critical"),
    "what it demands is no list": (_put(crit="embargo"), "record-invalid"),
    "its schema is unknown": (_put(sch="seizure/9"), "unsupported-version"),
    "its schema is a list": (_put(sch=["seizure/1"]), "record-invalid"),
    "its kind is another than its schema's": (_put(kind="alert"), "record-invalid"),
    "its number of digests is another": (_put(digests=23), "record-invalid"),
    "its version is zero": (_put(ver=0), "record-invalid"),
    "its version is true": (_put(ver=True), "malformed"),
    "its first version has a predecessor": (_put(prev=HASH), "record-invalid"),
    "its second version has none": (_put(ver=2), "record-invalid"),
    "its handling floor is missing": (_put(without=("h",)), "record-invalid"),
    "its handling floor is a word that nobody knows": (_put(h={**FLOOR, "tlp": "pink"}), "record-invalid"),
    "it recalls something, as a seizure": (_put(tomb={"reason": "erroneous", "effect": "erase"}), "record-invalid"),
    "its reason for a recall is unhashable": (
        _put(kind="tombstone", sch="tombstone/1", groups={}, tomb={"reason": [], "effect": {}}),
        "record-invalid",
    ),
    "it is a tombstone that travels as a put": (_tombstone_as_put, "record-invalid"),
    "its recall is no tombstone": (_tomb_without_tombstone, "record-invalid"),
    "its leaf names another record": (_other_body, "record-invalid"),
    "its leaf names another hash": (_leaf(jh=HASH), "record-invalid"),
    "its leaf names another place": (_leaf(n=1_000), "malformed"),
    "its leaf says more than leaves say": (_leaf(rule="share with the route"), "malformed"),
    "its leaf is of a version to come": (_leaf(v=2), "malformed"),
    "its leaf has an operation of its own": (_leaf(op="post"), "malformed"),
    "its leaf lacks the record's hash": (_without("jh"), "malformed"),
    "its leaf lacks the obligations": (_without("grant"), "malformed"),
    "its leaf lacks the traffic light": (_leaf(grant={"gid": "A"}), "malformed"),
    "its record id is no id": (_leaf(rid="x" * 300), "malformed"),
    "its grant counter is zero": (_leaf(gc=0), "malformed"),
    "its grant counter is a text": (_leaf(gc="1"), "malformed"),
    "its grant mask is no number": (_leaf(gm="zz"), "malformed"),
    "its leaf is not JSON": (lambda feed: feed.append('{"v":1', feed.peer.record().shown()), "malformed"),
    "its leaf has a name twice": (lambda feed: feed.append('{"v":1,"v":1,"n":0,"t":0,"op":"put"}'), "malformed"),
    "its leaf is a list": (lambda feed: feed.append("[]"), "malformed"),
    "its leaf is nested without end": (lambda feed: feed.append("[" * 9_000), "malformed"),
    "its leaf begins an epoch in mid-feed": (
        lambda feed: feed.append({"v": 1, "t": NOW, "op": "epoch", "old": "note"}),
        "malformed",
    ),
    "it shows more than its leaf grants": (_extra_disclosure, "grant-exceeded"),
    "its grant is wider than the record": (_wide_mask, "grant-exceeded"),
    "another envelope of its version is held": (_equivocation, "record-equivocation"),
    "its predecessor is not the one that is held": (_version_fork, "version-fork"),
    "it gives more of what was never given": (_more_of_nothing, "record-invalid"),
    "it tightens without saying how": (
        lambda feed: feed.append({**feed.peer.record().leaf(), "op": "tighten", "grant": {"gid": "A"}}),
        "malformed",
    ),
    "its recall has no body": (
        lambda feed: feed.append(feed.peer.tombstone(str(uuid.uuid4())).leaf(op="tomb")),
        "body-withheld",
    ),
}  # fmt: skip
"""Sentence → (how to append it; returns its index, the problem in quarantine and receipt)."""

STRANGE: Final[dict[str, Callable[[EvilFeed], int]]] = {
    "its brand holds a character that no database keeps": _put(groups={"right": [{"brands": ["Nor\0dwind"]}]}),
    "its brand is a book": _put(groups={"right": [{"brands": [secrets.token_hex(8_000)]}]}),
    "its two brands begin alike": _put(groups={"right": [{"brands": ["b" * 300 + "1", "b" * 300 + "2"]}]}),
    "its groups have other types than the schema's": _put(
        groups={"case": [], "goods": "shoes", "quantity": {"n": []}, "right": 7, "route": {"chain": {"role": []}},
                "place": True, "assessment": {"procedures": "none"}, "value": [[]], "transport": {"conveyance": {}}}
    ),
    "its version is beyond what a machine counts": _put(ver=2**53 - 1, prev=HASH),
    "its counter is beyond what a machine counts": lambda feed: feed.put(feed.peer.record(), gc=2**53 - 1),
    "its members are of a schema to come": _put(groups={"case": {"reference": "x", "weather": ["rain", {"mm": 7}]}}),
}  # fmt: skip
"""Records that a reader must take in however odd they look: sentence → how to append it."""
