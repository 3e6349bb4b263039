import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import b64, jws
from crypto.errors import BadSignature, CryptoError, MalformedBase64, MalformedToken, UnknownKey
from crypto.signer import FileSigner
from tests.shared_data import shared

TYP = "cnp-receipt+jwt"
SIGNER = FileSigner(bytes(range(32)))


def key_for(kid):
    if kid != SIGNER.kid:
        raise UnknownKey(f"no trusted key has the id {kid!r}")
    return SIGNER.public


def verify(token):
    return jws.verify_compact(token, typ=TYP, key_for=key_for, max_bytes=10_000)


def signed(header, payload=b"{}", *, signer=SIGNER):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    text = f"{b64.encode(raw)}.{b64.encode(payload)}"
    return f"{text}.{b64.encode(signer.sign(text.encode()))}"


GOOD = {"alg": "Ed25519", "typ": TYP, "kid": SIGNER.kid}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_what_was_signed_comes_back(payload):
    assert verify(jws.sign_compact(payload, typ=TYP, signer=SIGNER)) == payload


def test_the_header_is_exactly_alg_typ_kid():
    header = jws.sign_compact(b"", typ=TYP, signer=SIGNER).split(".")[0]
    assert json.loads(b64.decode(header)) == GOOD


def test_the_order_and_spacing_of_the_header_are_free():
    assert verify(signed(json.dumps(dict(reversed(GOOD.items())), indent=2).encode(), b"x")) == b"x"


BAD_HEADERS = {
    "EdDSA": {**GOOD, "alg": "EdDSA"},
    "none": {**GOOD, "alg": "none"},
    "no algorithm": {"typ": TYP, "kid": SIGNER.kid},
    "an algorithm in other letters": {**GOOD, "alg": "ed25519"},
    "HMAC": {**GOOD, "alg": "HS256"},
    "an algorithm that is a list": {**GOOD, "alg": ["Ed25519"]},
    "another type": {**GOOD, "typ": "cnp-record+sd-jwt"},
    "no type": {"alg": "Ed25519", "kid": SIGNER.kid},
    "no key id": {"alg": "Ed25519", "typ": TYP},
    "a key id that is a number": {**GOOD, "kid": 7},
    "an embedded key": {**GOOD, "jwk": SIGNER.public.jwk()},
    "a key to fetch": {**GOOD, "jku": "https://example.org/keys"},
    "a critical extension": {**GOOD, "crit": ["b64"], "b64": False},
    "a certificate": {**GOOD, "x5c": []},
    "a duplicate name": b'{"alg":"none","alg":"Ed25519","typ":"%b","kid":"%b"}' % (TYP.encode(), SIGNER.kid.encode()),
    "a duplicate behind an escape": (
        b'{"\\u0061lg":"none","alg":"Ed25519","typ":"%b","kid":"%b"}' % (TYP.encode(), SIGNER.kid.encode())
    ),
    "a list": [],
    "a string": '"alg"',
    "nothing": b"",
    "a long key id": {**GOOD, "kid": "k" * 2000},
    "not UTF-8": b'{"alg":"\xff"}',
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_header_that_leaves_a_choice_is_refused_though_its_signature_holds(header):
    with pytest.raises(MalformedToken):
        verify(signed(header))


def test_a_header_is_refused_before_the_key_is_looked_up():
    def never(kid):
        raise AssertionError(kid)

    with pytest.raises(MalformedToken):
        jws.verify_compact(signed({**GOOD, "alg": "EdDSA"}), typ=TYP, key_for=never, max_bytes=10_000)


def test_an_unknown_key_is_refused():
    other = FileSigner.generate()
    with pytest.raises(UnknownKey):
        verify(jws.sign_compact(b"", typ=TYP, signer=other))


def test_the_key_of_another_is_refused_under_our_id():
    with pytest.raises(BadSignature):
        verify(signed(GOOD, signer=FileSigner.generate()))


def test_a_key_under_another_id_than_the_one_asked_for_is_refused():
    token = signed({**GOOD, "kid": "somebody"})
    with pytest.raises(UnknownKey):
        jws.verify_compact(token, typ=TYP, key_for=lambda _: SIGNER.public, max_bytes=10_000)


def test_a_token_beyond_the_size_is_refused():
    token = jws.sign_compact(bytes(100), typ=TYP, signer=SIGNER)
    with pytest.raises(MalformedToken, match="larger"):
        jws.verify_compact(token, typ=TYP, key_for=key_for, max_bytes=len(token) - 1)


def test_every_changed_bit_of_every_character_is_refused():
    token = jws.sign_compact(b'{"size":7}', typ=TYP, signer=SIGNER)
    verify(token)
    for position in range(len(token)):
        for bit in range(8):
            changed = token[:position] + chr(ord(token[position]) ^ 1 << bit) + token[position + 1 :]
            with pytest.raises((MalformedToken, MalformedBase64, BadSignature, UnknownKey)):
                verify(changed)


TOKEN = jws.sign_compact(b"{}", typ=TYP, signer=SIGNER)
SHAPES = {
    "nothing": "",
    "two parts": TOKEN.rsplit(".", 1)[0],
    "four parts": TOKEN + ".AAAA",
    "an empty signature": TOKEN.rsplit(".", 1)[0] + ".",
    "a dot more": TOKEN + ".",
    "a space more": TOKEN + " ",
    "a newline more": TOKEN + "\n",
    "padding": TOKEN + "=",
    "an SD-JWT": TOKEN + "~",
    "a character outside ASCII": TOKEN + "é",
    "a JSON serialisation": json.dumps({"payload": TOKEN.split(".")[1], "signatures": []}),
}


@pytest.mark.parametrize("token", SHAPES.values(), ids=SHAPES)
def test_another_shape_is_refused(token):
    with pytest.raises((MalformedToken, MalformedBase64, BadSignature)):
        verify(token)


def test_every_token_of_the_wycheproof_set_is_refused_with_an_error_of_ours():
    groups = json.loads(shared("vectors/wycheproof/json_web_signature_test.json").read_text())["testGroups"]
    cases = [case for group in groups for case in group["tests"]]
    assert len(cases) > 300
    for case in cases:
        token = case["jws"] if isinstance(case["jws"], str) else json.dumps(case["jws"])
        with pytest.raises(CryptoError):
            jws.verify_compact(token, typ="JWT", key_for=lambda _: SIGNER.public, max_bytes=1_000_000)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="abcAB._-~=é", max_size=30))
def test_any_text_is_refused_with_an_error_of_ours(text):
    with pytest.raises(CryptoError):
        verify(text)


def test_what_we_kept_is_read_again_without_a_key():
    assert jws.read_compact(TOKEN) == (GOOD, b"{}")
