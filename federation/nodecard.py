"""The node card: how a node introduces itself to the authority that keeps the directory.

    {"card": "<JCS text of the object below>", "proofs": {"<kid>": "<compact JWS over that text>", ...}}

    {"id": "KE", "name": "...", "kind": "administration", "country": "KE", "region": "ESA",
     "endpoints": ["https://cnp.example/ke"], "protocols": ["cnp/1"], "iat": 1767225600,
     "keys": [{"kid", "use", "x", "nbf", "exp"}, ..., {"kid", "use": "enc", "alg": "X25519", "x", "nbf", "exp"}]}

A key that bundles are sealed to cannot sign: the others vouch for it. Every key that can signs the same bytes, so the
holder of one cannot put another's key beside it: without proof of possession anybody could have the key of somebody
else listed as his own, and claim what that one signs.

Left to the authority: whether the sender is who it says it is. The two contact points compare the card's
fingerprint by telephone; a card proves that keys are held, and never by whom.

Trust: the bytes are hostile until `open_card` returns.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from crypto import jcs, jws, strictjson
from crypto.enc import ALG, EncKey, admit_enc
from crypto.errors import CryptoError
from crypto.keys import PublicKey, admit_jwk
from federation.directory import COUNTRY, KEY_USES, endpoint_fault
from federation.errors import CardRefused
from federation.fields import Fields
from federation.membership import KINDS, NODE_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crypto.keys import KeyUse
    from crypto.signer import Signer
    from crypto.strictjson import JsonValue
    from federation.membership import Kind

TYP: Final = "cnp-card+jwt"
PROTOCOLS: Final = ("cnp/1",)
MAX_CARD_BYTES: Final = 262_144
MAX_DEPTH: Final = 8
MAX_KEYS: Final = 16
"""Three uses, and room for rotations; each key signs all of them, so a card grows with the square of this."""
CARD_USES: Final[tuple[KeyUse | Literal["enc"], ...]] = (*KEY_USES, "enc")
DAY: Final = 86_400
VALIDITY: Final[Mapping[str, int]] = {"record": 730 * DAY, "log": 730 * DAY, "http": 400 * DAY, "enc": 730 * DAY}
"""Default life of a key in seconds: what signs requests is used most often, and is replaced most easily."""
LEAD: Final = 300
"""Keys are valid from five minutes before the card, for peers whose clock is behind ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKey:
    """A key that its holder has proved to hold, and from when to when it is meant to be used."""

    use: KeyUse | Literal["enc"]
    public: PublicKey | EncKey
    nbf: int
    exp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCard:
    """What a node says of itself; the keys are proved, the rest is claimed."""

    id: str
    name: str
    kind: Kind
    country: str | None
    region: str | None
    endpoints: tuple[str, ...]
    protocols: tuple[str, ...]
    keys: tuple[CardKey, ...]
    iat: int
    fingerprint: str
    """SHA-256 of the card's text in hexadecimal, to be compared by telephone."""


def make_card(
    *,
    node: str,
    name: str,
    kind: Kind,
    country: str | None,
    region: str | None,
    endpoints: Sequence[str],
    signers: Mapping[KeyUse, Signer],
    enc: EncKey | None = None,
    waiting: Sequence[tuple[KeyUse, Signer, int]] = (),
    now: int,
    lifetime: Mapping[str, int] = VALIDITY,
) -> bytes:
    """Return the card of a node, signed by each of its keys, as JSON text.

    `signers` has one key for each use; `waiting` are keys that follow these, each with the time from which it may be
    used: they stand on the card beside the ones they follow, and all prove each other. `lifetime` says for how many
    seconds each is meant to be used. The card is read again before it is returned, so CardRefused names what the
    authority would refuse.
    """
    card: dict[str, JsonValue] = {
        "id": node,
        "name": name,
        "kind": kind,
        "endpoints": list(endpoints),
        "protocols": list(PROTOCOLS),
        "iat": now,
        "keys": [
            *(_key_of(use, signer, begins=now, seconds=lifetime[use]) for use, signer in signers.items()),
            *(_key_of(use, signer, begins=begins, seconds=lifetime[use]) for use, signer, begins in waiting),
        ],
    }
    if enc is not None:
        listed = card["keys"]
        assert isinstance(listed, list)  # noqa: S101 - made above
        listed.append(
            {
                "kid": enc.kid,
                "use": "enc",
                "alg": ALG,
                "x": enc.jwk()["x"],
                "nbf": now - LEAD,
                "exp": now + lifetime["enc"],
            }
        )
    if country is not None:
        card["country"] = country
    if region is not None:
        card["region"] = region
    text = jcs.canonicalize(card)
    proving = [*signers.values(), *(signer for _, signer, _ in waiting)]
    proofs: dict[str, JsonValue] = {signer.kid: jws.sign_compact(text, typ=TYP, signer=signer) for signer in proving}
    data = strictjson.dumps({"card": text.decode(), "proofs": proofs})
    open_card(data)
    return data


def _key_of(use: KeyUse, signer: Signer, *, begins: int, seconds: int) -> JsonValue:
    return {
        "kid": signer.kid, "use": use, "x": signer.public.jwk()["x"], "nbf": begins - LEAD, "exp": begins + seconds,
    }  # fmt: skip


def open_card(data: bytes) -> NodeCard:
    """Return the card, now known to come from the holder of every key on it.

    In this order: (1) size and syntax, (2) the keys are admissible, each on the card once, (3) there is one
    for each use, (4) each key signs exactly this text, and nothing else is called a proof, (5) the rest is
    of the agreed form. Raises CardRefused.
    """
    # 1
    if len(data) > MAX_CARD_BYTES:
        raise CardRefused(f"card: {len(data)} bytes, more than {MAX_CARD_BYTES}")
    outer = Fields.of(_parse(data, "card file"), "card file", CardRefused)
    text = outer.get("card")
    if not isinstance(text, str):
        raise outer.refuse("card", "is not a text")
    card = Fields.of(_parse(text.encode(), "card"), "card", CardRefused)
    # 2
    keys: dict[str, CardKey] = {}
    for field in card.objects("keys"):
        key = _key(field)
        if key.public.kid in keys:
            raise field.refuse("kid", "stands on the card twice")
        keys[key.public.kid] = key
    if len(keys) > MAX_KEYS:
        raise card.refuse("keys", f"more than {MAX_KEYS}")
    # 3
    for use in KEY_USES:
        if not any(key.use == use for key in keys.values()):
            raise card.refuse("keys", f"none is for the use {use!r}")
    # 4
    signing = {kid: key.public for kid, key in keys.items() if isinstance(key.public, PublicKey)}
    _check_proofs(outer.object("proofs"), text.encode(), signing)
    # 5
    kind = card.one_of("kind", KINDS)
    endpoints = card.texts("endpoints")
    for at, url in enumerate(endpoints):
        fault = endpoint_fault(url)
        if fault:
            raise card.refuse(f"endpoints[{at}]", fault)
    return NodeCard(
        id=card.text("id", NODE_ID),
        name=card.text("name"),
        kind=kind,
        country=card.text("country", COUNTRY) if kind == "administration" or "country" in card else None,
        region=card.text("region") if "region" in card else None,
        endpoints=endpoints,
        protocols=card.texts("protocols"),
        keys=tuple(keys.values()),
        iat=card.whole("iat"),
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
    )


def _parse(data: bytes, path: str) -> JsonValue:
    try:
        return strictjson.parse(data, max_depth=MAX_DEPTH)
    except CryptoError as error:
        raise CardRefused(f"{path}: not strict JSON: {error}") from None


def _key(key: Fields) -> CardKey:
    use: KeyUse | Literal["enc"] = key.one_of("use", CARD_USES)
    if key.value.get("alg", ALG if use == "enc" else "Ed25519") != (ALG if use == "enc" else "Ed25519"):
        raise key.refuse("alg", f"is not the algorithm of a key for {use}")
    public: PublicKey | EncKey
    try:
        public = (
            admit_enc(key.text("x"))
            if use == "enc"
            else admit_jwk({"kty": "OKP", "crv": "Ed25519", "x": key.text("x")})
        )
    except CryptoError as error:
        raise key.refuse("x", str(error)) from None
    if public.kid != key.text("kid"):
        raise key.refuse("kid", f"is not the thumbprint of the key, which is {public.kid}")
    nbf, exp = key.whole("nbf"), key.whole("exp")
    if exp <= nbf:
        raise key.refuse("exp", "is not after nbf")
    return CardKey(use=use, public=public, nbf=nbf, exp=exp)


def _check_proofs(proofs: Fields, text: bytes, keys: Mapping[str, PublicKey]) -> None:
    """Every key that can signs the card, by its own proof, and there is no proof beside."""
    foreign = sorted(set(proofs.value) - set(keys))
    if foreign:
        raise proofs.refuse(foreign[0][:43], "is not the id of a key on the card")
    for kid, key in keys.items():
        proof = proofs.get(kid)
        if not isinstance(proof, str):
            raise proofs.refuse(kid, "is not a compact JWS")

        def this_key(_: str, public: PublicKey = key) -> PublicKey:
            # That the proof's header names this key and no other is checked by `jws` against what we return.
            return public

        try:
            signed = jws.verify_compact(proof, typ=TYP, key_for=this_key, max_bytes=MAX_CARD_BYTES)
        except CryptoError as error:
            raise proofs.refuse(kid, f"does not prove that the key is held: {error}") from None
        if signed != text:
            raise proofs.refuse(kid, "signs another card")
