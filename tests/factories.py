"""Federations for tests: keys, a directory, and the bytes it was read from, without TUF and without files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from crypto.enc import Opener
from crypto.signer import FileSigner
from federation.directory import Directory, parse_directory
from federation.nodecard import make_card

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crypto.keys import KeyUse

NOW: Final = 1_767_225_600
"""2026-01-01T00:00:00Z, the time of tests that need one."""
YEAR: Final = 365 * 86_400
USES: Final[tuple[KeyUse, ...]] = ("record", "log", "http")
REGIONS: Final = {
    **dict.fromkeys(("KE", "TZ", "UG", "ZA"), "ESA"),
    **dict.fromkeys(("GB", "FR", "DE", "NL", "IT", "ES", "PL", "XK", "EU"), "EUR"),
    **dict.fromkeys(("CN", "HK", "SG", "JP", "KR", "AU"), "AP"),
    **dict.fromkeys(("US", "MX", "BR", "PE"), "AMS"),
    **dict.fromkeys(("AE", "SA", "EG", "MA"), "MENA"),
    **dict.fromkeys(("NG", "SN", "GH"), "WCA"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """A federation of the pretended world: `signers[node][use]`, its directory, and the bytes of that."""

    signers: Mapping[str, Mapping[KeyUse, FileSigner]]
    openers: Mapping[str, Opener]
    """What opens the bundles that are sealed to a node."""
    document: dict[str, Any]
    data: bytes
    directory: Directory

    def signer(self, node: str, use: KeyUse = "record") -> FileSigner:
        return self.signers[node][use]

    def changed(self, **members: Any) -> Fed:
        """The same federation with other members at the top of its directory: version=2, groups={...}."""
        return _fed(self.signers, self.openers, {**self.document, **members})

    def with_node(self, node: str, **members: Any) -> Fed:
        """The same federation with other members in one node: status="suspended", endpoints=[...]."""
        nodes = [{**entry, **members} if entry["id"] == node else entry for entry in self.document["nodes"]]
        return self.changed(nodes=nodes)

    def rotated(self, node: str, use: KeyUse) -> Fed:
        """The next version of the federation: a node signs with a new key of one use, and the old one is listed on."""
        old, new = self.signer(node, use), FileSigner.generate()
        nodes = []
        for entry in self.document["nodes"]:
            fresh = [
                {**key, "kid": new.kid, "x": new.public.jwk()["x"]} for key in entry["keys"] if key["kid"] == old.kid
            ]
            nodes.append({**entry, "keys": [*entry["keys"], *fresh]})
        signers = {**self.signers, node: {**self.signers[node], use: new}}
        document = {**self.document, "nodes": nodes, "version": self.document["version"] + 1}
        return _fed(signers, self.openers, document)

    def revoked(self, kid: str, *, since: int) -> Fed:
        """The next version of the federation, in which a key is stolen since then."""
        nodes = [
            {
                **entry,
                "keys": [
                    {**key, "revoked": {"since": since, "reason": "stolen"}} if key["kid"] == kid else key
                    for key in entry["keys"]
                ],
            }
            for entry in self.document["nodes"]
        ]
        return self.changed(nodes=nodes, version=self.document["version"] + 1)

    def with_key(self, node: str, use: KeyUse, **members: Any) -> Fed:
        """The same federation with other members in one key: exp=..., revoked={...}."""
        nodes = [
            {
                **entry,
                "keys": [
                    {**key, **members} if (entry["id"], key["use"]) == (node, use) else key for key in entry["keys"]
                ],
            }
            for entry in self.document["nodes"]
        ]
        return self.changed(nodes=nodes)


def make_federation(
    ids: Sequence[str],
    *,
    fed: str = "test",
    now: int = NOW,
    endpoints: Mapping[str, str | None] | None = None,
    groups: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    class_: str = "exercise",
) -> Fed:
    """Make keys for each id, and a directory of version 1 that lists them for a year before and after `now`.

    Two letters are an administration of that country, `RILO-ESA` is the regional office of ESA, everything
    else is an oversight body. `endpoints` None for a node means that it has none and pushes; a node that is
    not in the mapping gets an address that nothing answers at.
    """
    signers: dict[str, dict[KeyUse, FileSigner]] = {node: {use: FileSigner.generate() for use in USES} for node in ids}
    openers = {node: Opener.generate() for node in ids}
    nodes = [_node(node, signers[node], now=now, endpoint=_endpoint(node, endpoints)) for node in ids]
    for node in nodes:
        enc = openers[node["id"]].public
        window = {"nbf": now - YEAR, "exp": now + YEAR}
        node["keys"].append({"kid": enc.kid, "use": "enc", "alg": "X25519", "x": enc.jwk()["x"], **window})
    return _fed(
        signers,
        openers,
        {
            "fed": fed,
            "class": class_,
            "version": 1,
            "issued": now,
            "regions": sorted({node["region"] for node in nodes if "region" in node}),
            "groups": {name: {v: list(m) for v, m in versions.items()} for name, versions in (groups or {}).items()},
            "nodes": nodes,
        },
    )


def make_node_card(node: str, *, signers: Mapping[KeyUse, FileSigner], now: int = NOW, **members: Any) -> bytes:
    """A card for `node`, with the country and region that `make_federation` would give it."""
    entry = _node(node, signers, now=now, endpoint=f"http://127.0.0.1:1/{node.lower()}")
    fields = {
        "node": node,
        "name": entry["name"],
        "kind": entry["kind"],
        "country": entry.get("country"),
        "region": entry.get("region"),
        "endpoints": entry["endpoints"],
    }
    return make_card(**{**fields, **members}, signers=signers, now=now)


def make_signers() -> dict[KeyUse, FileSigner]:
    return {use: FileSigner.generate() for use in USES}


def _fed(
    signers: Mapping[str, Mapping[KeyUse, FileSigner]], openers: Mapping[str, Opener], document: dict[str, Any]
) -> Fed:
    data = orjson.dumps(document)
    return Fed(signers=signers, openers=openers, document=document, data=data, directory=parse_directory(data))


def _endpoint(node: str, endpoints: Mapping[str, str | None] | None) -> str | None:
    return (endpoints or {}).get(node, f"http://127.0.0.1:1/{node.lower()}")


def _node(node: str, signers: Mapping[KeyUse, FileSigner], *, now: int, endpoint: str | None) -> dict[str, Any]:
    kind, role = "oversight", "oversight"
    place: dict[str, str] = {}
    if len(node) == 2:
        kind, role = "administration", "member"
        place = {"country": node} | ({"region": REGIONS[node]} if node in REGIONS else {})
    elif node.startswith("RILO-"):
        kind, role = "rilo", "rilo"
        place = {"region": node.removeprefix("RILO-")}
    return {
        "id": node,
        "name": f"Office of {node}",
        "kind": kind,
        **place,
        "roles": [role],
        "status": "active",
        "endpoints": [endpoint] if endpoint else [],
        "protocols": ["cnp/1"],
        "keys": [
            {
                "kid": signer.kid,
                "use": use,
                "x": signer.public.jwk()["x"],
                "nbf": now - YEAR,
                "exp": now + YEAR,
            }
            for use, signer in signers.items()
        ],
    }
