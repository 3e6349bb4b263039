"""An issuer that signs whatever it is told, to ask a verifier about tokens that no honest issuer makes."""

import hashlib
import json
from collections.abc import Iterable

from crypto import b64
from crypto.signer import FileSigner

TYP = "cnp-record+sd-jwt"
SIGNER = FileSigner(bytes(range(32)))
HEADER = {"alg": "Ed25519", "typ": TYP, "kid": SIGNER.kid}
SALT = "c2FsdHNhbHRzYWx0c2FsdA"


def keys(kid):
    return {SIGNER.kid: SIGNER.public}[kid]


def text(array) -> str:
    """The disclosure of an array, or of the bytes given instead of one."""
    raw = array if isinstance(array, bytes) else json.dumps(array, separators=(",", ":"), ensure_ascii=False).encode()
    return b64.encode(raw)


def digest(disclosure: str) -> str:
    return b64.encode(hashlib.sha256(disclosure.encode()).digest())


def member(name, value, salt=SALT) -> str:
    return text([salt, name, value])


def element(value, salt=SALT) -> str:
    return text([salt, value])


def jwt(payload, *, header=None, signer=SIGNER) -> str:
    """A JWT over an object, or over the bytes given instead of one."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    head = json.dumps(HEADER if header is None else header, separators=(",", ":")).encode()
    signed = f"{b64.encode(head)}.{b64.encode(raw)}"
    return f"{signed}.{b64.encode(signer.sign(signed.encode()))}"


def token(payload, disclosures: Iterable[str] = (), **options) -> str:
    return "~".join((jwt(payload, **options), *disclosures, ""))


def over(*disclosures: str, **claims):
    """A payload with a digest for each of these disclosures."""
    return {**claims, "_sd_alg": "sha-256", "_sd": sorted(digest(d) for d in disclosures)}
