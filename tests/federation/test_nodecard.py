from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from crypto import jws
from crypto.enc import Opener
from federation.errors import CardRefused
from federation.nodecard import MAX_CARD_BYTES, MAX_KEYS, TYP, make_card, open_card
from tests.factories import NOW, make_node_card, make_signers

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNERS = make_signers()
STRANGER = make_signers()["record"]
CARD = make_node_card("KE", signers=SIGNERS)


def test_a_card_tells_what_the_node_says_and_which_keys_it_holds() -> None:
    card = open_card(CARD)
    assert (card.id, card.kind, card.country, card.region, card.iat) == (
        "KE",
        "administration",
        "KE",
        "ESA",
        NOW,
    )
    assert {key.use: key.public for key in card.keys} == {use: s.public for use, s in SIGNERS.items()}
    assert all(key.nbf < NOW < key.exp for key in card.keys)
    assert len(card.fingerprint) == 64


def test_an_office_without_a_country_has_a_card() -> None:
    card = open_card(make_node_card("RILO-ESA", signers=SIGNERS))
    assert (card.kind, card.country) == ("rilo", None)


def test_a_node_that_pushes_has_a_card_without_endpoints() -> None:
    assert open_card(make_node_card("KE", signers=SIGNERS, endpoints=[])).endpoints == ()


def _resigned(change: Callable[[dict[str, Any]], None], signers: Any = None) -> bytes:
    """A card that was changed and then signed by whom it names, so that only the change can be refused."""
    card = orjson.loads(orjson.loads(CARD)["card"])
    change(card)
    text = orjson.dumps(card)
    proofs = {
        signer.kid: jws.sign_compact(text, typ=TYP, signer=signer)
        for signer in (signers or SIGNERS.values())
        if any(key["kid"] == signer.kid for key in card.get("keys", []))
    }
    return orjson.dumps({"card": text.decode(), "proofs": proofs})


def _with(name: str, value: Any) -> bytes:
    return _resigned(lambda card: card.update({name: value}))


def _key(at: int, **members: Any) -> bytes:
    return _resigned(lambda card: card["keys"][at].update(members))


def _proofs(change: Callable[[dict[str, Any]], None]) -> bytes:
    outer = orjson.loads(CARD)
    change(outer["proofs"])
    return orjson.dumps(outer)


def _anothers_key(card: dict[str, Any]) -> None:
    card["keys"].append(
        {
            "kid": STRANGER.kid,
            "use": "record",
            "x": STRANGER.public.jwk()["x"],
            "nbf": NOW,
            "exp": NOW + 1000,
        }
    )


def _signed_by_the_wrong_key() -> bytes:
    outer = orjson.loads(_resigned(_anothers_key))
    mine = SIGNERS["record"]
    outer["proofs"][STRANGER.kid] = outer["proofs"][mine.kid]
    return orjson.dumps(outer)


def _proof_of_another_type() -> bytes:
    outer = orjson.loads(CARD)
    signer = SIGNERS["http"]
    outer["proofs"][signer.kid] = jws.sign_compact(outer["card"].encode(), typ="cnp-relay+jwt", signer=signer)
    return orjson.dumps(outer)


def _many_keys(card: dict[str, Any]) -> None:
    for signer in CROWD:
        card["keys"].append({**card["keys"][0], "kid": signer.kid, "x": signer.public.jwk()["x"]})


CROWD = [make_signers()["record"] for _ in range(MAX_KEYS)]
KID = SIGNERS["log"].kid
REFUSED: dict[str, tuple[bytes, str]] = {
    "a key without proof of possession": (_resigned(_anothers_key), STRANGER.kid),
    "a key whose proof is made by another key": (_signed_by_the_wrong_key(), "does not prove"),
    "one proof missing": (_proofs(lambda proofs: proofs.pop(KID)), "is missing"),
    "no proof at all": (_proofs(lambda proofs: proofs.clear()), "is missing"),
    "a proof by a key that is not on the card": (
        _proofs(lambda proofs: proofs.update({STRANGER.kid: "a.b.c"})),
        "not the id of a key",
    ),
    "a proof over another card": (
        _proofs(lambda proofs: proofs.update({KID: jws.sign_compact(b"{}", typ=TYP, signer=SIGNERS["log"])})),
        "signs another card",
    ),
    "a proof of another type of object": (_proof_of_another_type(), "does not prove"),
    "a proof that is no text": (_proofs(lambda proofs: proofs.update({KID: 5})), "is not a compact JWS"),
    "no key for one of the uses": (_resigned(lambda card: card["keys"].pop(2)), "'http'"),
    "an unknown use": (_key(2, use="seal"), "card.keys[2].use"),
    "a signing key listed to seal to": (_key(2, use="enc", alg="X25519"), "card.keys[2]"),
    "a key twice": (_resigned(lambda card: card["keys"].append(card["keys"][0])), "twice"),
    "a key under a chosen id": (_key(0, kid="mine"), "card.keys[0].kid"),
    "a weak key": (_key(0, x="AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "card.keys[0].x"),
    "a key that ends before it begins": (_key(0, exp=1), "card.keys[0].exp"),
    "more keys than a node needs": (_resigned(_many_keys, [*SIGNERS.values(), *CROWD]), "card.keys"),
    "an id in small letters": (_with("id", "ke"), "card.id"),
    "an id that leads out of a folder": (_with("id", "../KE"), "card.id"),
    "an unknown kind": (_with("kind", "king"), "card.kind"),
    "an administration of no country": (_resigned(lambda card: card.pop("country")), "card.country"),
    "an address with a password": (_with("endpoints", ["https://a:b@cnp.example"]), "card.endpoints[0]"),
    "a card that was changed after it was signed": (
        CARD.replace(b"Office of KE", b"Office of TZ"),
        "another card",
    ),
    "nothing": (b"", "JSON"),
    "a card that is no text": (b'{"card":{},"proofs":{}}', "card file.card"),
    "a card too large": (CARD + b" " * MAX_CARD_BYTES, "more than"),
}


@pytest.mark.parametrize(("data", "wrong"), REFUSED.values(), ids=REFUSED)
def test_a_card_is_refused_for(data: bytes, wrong: str) -> None:
    with pytest.raises(CardRefused) as refused:
        open_card(data)
    assert wrong in refused.value.detail


def test_a_key_to_seal_to_is_vouched_for_by_the_keys_that_sign() -> None:
    opener = Opener.generate()
    data = make_node_card("KE", signers=SIGNERS, enc=opener.public)
    (sealing,) = [key for key in open_card(data).keys if key.use == "enc"]
    assert sealing.public == opener.public
    other = Opener.generate().public
    swapped = data.replace(opener.public.jwk()["x"].encode(), other.jwk()["x"].encode())
    with pytest.raises(CardRefused, match="kid"):
        open_card(swapped)
    with pytest.raises(CardRefused, match="signs another card"):
        open_card(swapped.replace(opener.kid.encode(), other.kid.encode()))


def test_a_card_that_the_authority_would_refuse_is_not_made() -> None:
    with pytest.raises(CardRefused, match=r"card\.id"):
        make_card(
            node="ke",
            name="Kenya",
            kind="administration",
            country="KE",
            region=None,
            endpoints=[],
            signers=SIGNERS,
            now=NOW,
        )
