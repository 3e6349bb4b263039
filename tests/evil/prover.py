"""Evidence judged by somebody who has the specification, the directory's file and an Ed25519 library, and nothing else.

Nothing of the product is imported: an outsider could have written this from the protocol page and RFC 6962/9162.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def holds(file: bytes, directory: bytes) -> bool:
    """Whether a file of evidence proves what it says against the member that it accuses."""
    evidence, listed = json.loads(file), json.loads(directory)
    member = next(node for node in listed["nodes"] if node["id"] == evidence["accused"])
    keys = {use: [key for key in member["keys"] if key["use"] == use] for use in ("record", "log")}
    parts = evidence["parts"]
    if evidence["type"] == "feed-fork":
        return _fork(parts, listed["fed"], evidence["accused"], keys["log"])
    one, other = (_claims(parts[name], keys["record"]) for name in ("a", "b"))
    if one is None or other is None or {one["iss"], other["iss"]} != {evidence["accused"]}:
        return False
    same = one["rid"] == other["rid"] and {one["fed"], other["fed"]} == {listed["fed"]}
    if evidence["type"] == "record-equivocation":
        return same and one["ver"] == other["ver"] and parts["a"] != parts["b"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(parts["a"].encode()).digest()).rstrip(b"=").decode()
    return same and other["ver"] == one["ver"] + 1 and other["prev"] != digest


def _signed(message: bytes, signature: bytes, key: dict[str, Any]) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(unb64(key["x"])).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _claims(jwt: str, keys: list[dict[str, Any]]) -> Any:
    head, payload, signature = jwt.split(".")
    header = json.loads(unb64(head))
    if header["alg"] != "Ed25519" or header["typ"] != "cnp-record+sd-jwt":
        return None
    named = [key for key in keys if key["kid"] == header["kid"]]
    if not named or not _signed(f"{head}.{payload}".encode(), unb64(signature), named[0]):
        return None
    return json.loads(unb64(payload))


def _note(note: str, origin: str, name: str, keys: list[dict[str, Any]]) -> tuple[int, bytes] | None:
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if lines[0] != origin:
        return None
    for line in signatures.strip("\n").split("\n"):
        blob = base64.b64decode(line.rsplit(" ", 1)[1])
        for key in keys:
            hint = hashlib.sha256(name.encode() + b"\n\x01" + unb64(key["x"])).digest()[:4]
            if blob[:4] == hint and _signed(text.encode(), blob[4:], key):
                return int(lines[1]), base64.b64decode(lines[2])
    return None


def _fork(parts: dict[str, Any], fed: str, accused: str, keys: list[dict[str, Any]]) -> bool:
    origin, name = f"cnp/{fed}/{parts['feed']}", f"cnp/{fed}/{accused}"
    one, other = _note(parts["a"], origin, name, keys), _note(parts["b"], origin, name, keys)
    if one is None or other is None or not parts["feed"].startswith(accused + "/"):
        return False
    if "prefix" not in parts:
        return one[0] == other[0] and one[1] != other[1]
    prefix = unb64(parts["prefix"])
    proof = [unb64(each) for each in parts["proof"]]
    return prefix != one[1] and _rebuilt(one[0], other[0], proof, prefix) == (prefix, other[1])


def _rebuilt(first: int, second: int, proof: list[bytes], prefix: bytes) -> tuple[bytes, bytes]:
    """Both roots from a consistency proof, by RFC 6962's recursive definition (section 2.1.2), read backwards."""
    rest = list(proof)

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\1" + left + right).digest()

    def sub(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:
        if m == n:
            same = prefix if whole else rest.pop(0)
            return same, same
        split = 1
        while split * 2 < n:
            split *= 2
        if m <= split:
            old, new = sub(m, split, whole)
            return old, node(new, rest.pop(0))
        old, new = sub(m - split, n - split, False)
        left = rest.pop(0)
        return node(left, old), node(left, new)

    roots = sub(first, second, True)
    return roots if not rest else (b"", b"")
