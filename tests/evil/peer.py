"""A member of the federation that signs whatever it is told: records, feeds, pages, receipts.

It knows the specification and its own keys, and shares with the product only what makes signatures and hashes.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from crypto.checkpoint import sign_checkpoint
from tests.factories import NOW, Fed
from tests.simulator.naive import b64, canonical, shown_mask, tree_root

TYP: Final = "cnp-record+sd-jwt"
FLOOR: Final = {"tlp": "green", "onward": "none", "evidence": "ask"}
GRANT: Final = {"gid": "AAAAAAAAAAAAAAAAAAAAAA", "tlp": "green", "onward": "none", "evidence": "ask", "legal": []}
WIDTH: Final = 24


@dataclass(frozen=True)
class Signed:
    """A record as the evil peer made it: the JWT and all its disclosures."""

    claims: dict[str, Any]
    jwt: str
    disclosures: dict[str, str]

    @property
    def jh(self) -> str:
        return b64(hashlib.sha256(self.jwt.encode()).digest())

    def shown(self, *groups: str) -> str:
        """The SD-JWT that shows these groups; all of them without an argument."""
        return "~".join([self.jwt, *(self.disclosures[g] for g in groups or self.disclosures), ""])

    def mask(self, *groups: str) -> int:
        return shown_mask(self.shown(*groups))

    def leaf(self, *groups: str, **members: Any) -> dict[str, Any]:
        """The leaf that belongs to `shown(*groups)`, without its index."""
        return {
            "v": 1, "t": NOW, "op": "put", "iss": self.claims["iss"], "rid": self.claims["rid"],
            "ver": self.claims["ver"], "jh": self.jh, "gm": f"{self.mask(*groups):06x}", "gc": 1, "grant": GRANT,
            **members,
        }  # fmt: skip


@dataclass
class EvilFeed:
    """A feed of which the peer writes every byte: `entries` are (leaf text, body, relay grant)."""

    peer: EvilPeer
    recipient: str
    lane: str = "bulk"
    epoch: int = 0
    entries: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def append(self, leaf: dict[str, Any] | str, body: str | None = None, rg: str | None = None) -> int:
        """Append a leaf (an object gets its index `n` unless it has one) and return its index."""
        n = len(self.entries)
        text = leaf if isinstance(leaf, str) else canonical({"n": n, **leaf})
        self.entries.append((text, body, rg))
        return n

    def put(self, record: Signed, *groups: str, **members: Any) -> int:
        """Append an honest entry for a record."""
        return self.append(record.leaf(*groups, **members), record.shown(*groups))

    def root(self, size: int | None = None) -> bytes:
        return tree_root([leaf.encode() for leaf, _, _ in self.entries[:size]])

    def note(self, size: int | None = None, **changed: Any) -> str:
        size = len(self.entries) if size is None else size
        fed = self.peer.fed.document["fed"]
        return sign_checkpoint(
            **{
                "origin": f"cnp/{fed}/{self.peer.node}/{self.recipient}/{self.lane}/{self.epoch}",
                "size": size,
                "root": self.root(size),
                "key_name": f"cnp/{fed}/{self.peer.node}",
                "signer": self.peer.signers["log"],
                **changed,
            }
        )

    def page(self, start: int = 0, end: int | None = None, **changed: Any) -> bytes:
        """The page of entries `start` to `end`, with other members where told."""
        end = len(self.entries) if end is None else end
        rows = [
            {"e": leaf} | ({"s": body} if body is not None else {}) | ({"rg": rg} if rg is not None else {})
            for leaf, body, rg in self.entries[start:end]
        ]
        return json.dumps(
            {
                "feed": f"{self.peer.node}/{self.recipient}/{self.lane}/{self.epoch}",
                "from": start, "to": end, "entries": rows, "checkpoint": self.note(end), "head": self.note(),
                "dir": self.peer.fed.directory.version, **changed,
            }
        ).encode()  # fmt: skip


class EvilPeer:
    """One member that lies. `fed` is where its keys are listed."""

    def __init__(self, fed: Fed, node: str) -> None:
        self.fed, self.node, self.signers = fed, node, fed.signers[node]

    def feed(self, recipient: str, lane: str = "bulk") -> EvilFeed:
        return EvilFeed(self, recipient, lane)

    def jws(self, payload: Any, *, typ: str, signer: Any = None, **header: Any) -> str:
        """A compact JWS over an object, or over the bytes given instead of one."""
        signer = signer or self.signers["record"]
        head = {"alg": "Ed25519", "typ": typ, "kid": signer.kid, **header}
        raw = payload if isinstance(payload, bytes) else canonical(payload).encode()
        signed = f"{b64(canonical(head).encode())}.{b64(raw)}"
        return f"{signed}.{b64(signer.sign(signed.encode()))}"

    def record(
        self, *, groups: dict[str, Any] | None = None, signer: Any = None, header: dict[str, Any] | None = None,
        digests: int = WIDTH, without: tuple[str, ...] = (), **claims: Any,
    ) -> Signed:  # fmt: skip
        """A seizure of this peer, with other claims where told; `groups` in full, decoys to `digests`."""
        if groups is None:
            groups = {"case": {"reference": f"E-{secrets.token_hex(4)}", "administration": self.node}}
        disclosures = {
            name: b64(json.dumps([b64(secrets.token_bytes(16)), name, value]).encode())
            for name, value in groups.items()
        }
        sd = [b64(hashlib.sha256(text.encode()).digest()) for text in disclosures.values()]
        sd = sorted(sd + [b64(secrets.token_bytes(32)) for _ in range(digests - len(sd))])
        payload = {
            "fed": self.fed.document["fed"], "iss": self.node, "rid": str(uuid.uuid4()), "ver": 1, "iat": NOW,
            "kind": "seizure", "sch": "seizure/1", "crit": [], "h": FLOOR, "_sd_alg": "sha-256", "_sd": sd, **claims,
        }  # fmt: skip
        payload = {name: value for name, value in payload.items() if name not in without}
        jwt = self.jws(payload, signer=signer, **{"typ": TYP, **(header or {})})
        return Signed(payload, jwt, disclosures)

    def tombstone(self, rid: str, ver: int = 2, **claims: Any) -> Signed:
        """A recall of a record of this peer."""
        more = {"prev": b64(bytes(32))} if ver > 1 else {}
        return self.record(
            groups={}, rid=rid, ver=ver, kind="tombstone", sch="tombstone/1",
            **{"tomb": {"reason": "erroneous", "effect": "erase"}, **more, **claims},
        )  # fmt: skip

    def receipt(
        self, feed: str, size: int, root: bytes, *, signer: Any = None, typ: str = "cnp-receipt+jwt", **c: Any
    ) -> str:
        """A receipt of this peer for a feed."""
        payload = {
            "fed": self.fed.document["fed"], "iss": self.node, "feed": feed, "size": size, "root": b64(root),
            "iat": NOW, "quarantined": [], "quarantined_total": 0, "erased": [], "dir": 1, **c,
        }  # fmt: skip
        return self.jws(payload, typ=typ, signer=signer or self.signers["log"])
