import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from crypto import b64, keys
from crypto.errors import BadSignature, KeyRefused
from crypto.keys import PublicKey, admit_jwk, admit_raw, thumbprint
from tests.crypto import edwards
from tests.shared_data import have, shared

WYCHEPROOF = "vectors/wycheproof/ed25519_test.json"
SECRET = 0x1D5B2F6C1A90E3D4
NONCE = 0x77665544332211
MESSAGE = b"a message"


def accepted_by_cryptography(raw: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def accepted_by_us(raw: bytes, signature: bytes, message: bytes) -> bool:
    try:
        admit_raw(raw).verify(signature, message)
    except (BadSignature, KeyRefused):
        return False
    return True


def accepted_unadmitted(raw: bytes, signature: bytes, message: bytes) -> bool:
    """What the verifier behind `PublicKey.verify` says without the admission of the key before it."""
    try:
        crypto_sign_open(signature + message, raw)
    except BadSignatureError:
        return False
    return True


def wycheproof():
    if not have(WYCHEPROOF):
        return [pytest.param(None, None, id="missing")]
    groups = json.loads(shared(WYCHEPROOF).read_text())["testGroups"]
    return [
        pytest.param(group["publicKey"]["pk"], case, id=f"{case['tcId']}-{case['result']}")
        for group in groups
        for case in group["tests"]
    ]


@pytest.mark.parametrize(("pk", "case"), wycheproof())
def test_wycheproof_is_judged_as_it_says_and_never_more_kindly_than_cryptography_does(pk, case):
    shared(WYCHEPROOF)
    raw, message, signature = bytes.fromhex(pk), bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
    ours = accepted_by_us(raw, signature, message)
    assert ours == (case["result"] == "valid")
    assert accepted_by_cryptography(raw, signature, message) or not ours


def low_order() -> list[bytes]:
    """Every encoding of the eight points of small order: canonical, y + p, and with the useless sign bit."""
    found = set()
    for x, y in edwards.torsion():
        for height in (y, y + edwards.P):
            if height < 2**255:
                found |= {(height | sign << 255).to_bytes(32, "little") for sign in ({x & 1} if x else {0, 1})}
    return sorted(found)


def non_canonical() -> list[bytes]:
    """Encodings of y + p for every y below 19 that has a point, with both signs."""
    return [
        (y + edwards.P | sign << 255).to_bytes(32, "little")
        for y in range(19)
        if edwards.at_height(y, 0)
        for sign in (0, 1)
    ]


def mixed_order() -> list[bytes]:
    return [
        edwards.encode(edwards.add(edwards.times(SECRET, edwards.base()), extra)) for extra in edwards.torsion()[1:]
    ]


BAD_POINTS = (
    {f"small order {raw.hex()}": raw for raw in low_order()}
    | {f"non-canonical {raw.hex()}": raw for raw in non_canonical()}
    | {f"mixed order {raw.hex()}": raw for raw in mixed_order()}
    | {"off the curve": edwards.off_curve(), "all ones": b"\xff" * 32}
)


@pytest.mark.parametrize("raw", BAD_POINTS.values(), ids=BAD_POINTS)
def test_a_weak_foreign_or_second_spelling_of_a_point_is_never_a_key(raw):
    with pytest.raises(KeyRefused):
        admit_raw(raw)
    with pytest.raises(KeyRefused):
        PublicKey(raw=raw, kid="chosen")
    with pytest.raises(KeyRefused):
        admit_jwk({"kty": "OKP", "crv": "Ed25519", "x": b64.encode(raw)})


def test_the_constructed_points_include_those_that_openssl_takes_with_a_signature_over_everything():
    identity = edwards.encode(edwards.IDENTITY)
    forged = identity + bytes(32)
    assert len(low_order()) == 14
    assert accepted_by_cryptography(identity, forged, b"any message at all")
    assert not accepted_by_us(identity, forged, b"any message at all")


def edge_signatures():
    """Signatures on the edge: something of small order in A, in R, in both; S one order too large."""
    for a_number, a_extra in enumerate(edwards.torsion()):
        for r_number, r_extra in enumerate(edwards.torsion()):
            raw, signature = edwards.sign_with(
                secret=SECRET, nonce=NONCE, message=MESSAGE, a_extra=a_extra, r_extra=r_extra
            )
            yield pytest.param(raw, signature, id=f"A+{a_number}T R+{r_number}T")
    raw, signature = edwards.sign_with(
        secret=SECRET, nonce=NONCE, message=MESSAGE, a_extra=edwards.IDENTITY, r_extra=edwards.IDENTITY
    )
    s = int.from_bytes(signature[32:], "little")
    for times in (1, 2, 7):
        larger = s + times * edwards.ORDER
        yield pytest.param(raw, signature[:32] + larger.to_bytes(32, "little"), id=f"S+{times}L")
    for small in (*low_order(), *non_canonical()):
        yield pytest.param(raw, small + signature[32:], id=f"R={small.hex()}")
        yield pytest.param(raw, small + bytes(32), id=f"R={small.hex()} S=0")
        yield pytest.param(small, small + bytes(32), id=f"A=R={small.hex()} S=0")
        yield pytest.param(small, edwards.encode(edwards.IDENTITY) + bytes(32), id=f"A={small.hex()} R=1 S=0")


@pytest.mark.parametrize(("raw", "signature"), [*edge_signatures()])
def test_on_the_edge_nothing_is_accepted_that_cryptography_refuses(raw, signature):
    theirs = accepted_by_cryptography(raw, signature, MESSAGE)
    assert theirs or not accepted_unadmitted(raw, signature, MESSAGE)
    assert theirs or not accepted_by_us(raw, signature, MESSAGE)


def test_only_the_plain_signature_by_a_plain_key_passes_on_the_edge():
    passed = [case.id for case in edge_signatures() if accepted_by_us(*case.values, MESSAGE)]
    assert passed == ["A+0T R+0T"]


def test_a_signature_of_another_length_is_refused_and_does_not_borrow_from_the_message():
    private = Ed25519PrivateKey.generate()
    key = admit_raw(private.public_key().public_bytes_raw())
    signature = private.sign(MESSAGE)
    key.verify(signature, MESSAGE)
    for cut in range(64):
        with pytest.raises(BadSignature):
            key.verify(signature[:cut], signature[cut:] + MESSAGE)
    with pytest.raises(BadSignature):
        key.verify(signature + MESSAGE[:1], MESSAGE[1:])
    with pytest.raises(BadSignature):
        key.verify(b"", b"")


RFC_8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def test_the_thumbprint_is_that_of_rfc_8037_whatever_else_the_jwk_says():
    expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert thumbprint(RFC_8037) == expected
    assert thumbprint({"use": "sig", **RFC_8037, "alg": "Ed25519"}) == expected
    assert admit_jwk({**RFC_8037, "kid": "chosen"}).kid == expected
    assert admit_jwk(admit_jwk(RFC_8037).jwk()) == admit_jwk(RFC_8037)


BAD_JWKS = {
    "another type": {**RFC_8037, "kty": "EC"},
    "another curve": {**RFC_8037, "crv": "X25519"},
    "a curve in other letters": {**RFC_8037, "crv": "ed25519"},
    "no type": {"crv": "Ed25519", "x": RFC_8037["x"]},
    "no x": {"kty": "OKP", "crv": "Ed25519"},
    "x as a number": {**RFC_8037, "x": 7},
    "x with padding": {**RFC_8037, "x": RFC_8037["x"] + "="},
    "x with left-over bits": {**RFC_8037, "x": RFC_8037["x"][:-1] + "p"},
    "x too short": {**RFC_8037, "x": b64.encode(bytes(31))},
    "x too long": {**RFC_8037, "x": b64.encode(b64.decode(RFC_8037["x"]) + b"\0")},
    "a private key": {**RFC_8037, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
    "nothing": {},
}


@pytest.mark.parametrize("jwk", BAD_JWKS.values(), ids=BAD_JWKS)
def test_a_jwk_that_is_not_a_public_ed25519_key_is_refused(jwk):
    with pytest.raises(KeyRefused):
        admit_jwk(jwk)


def test_no_key_of_the_wycheproof_jwk_set_is_an_ed25519_key_to_us():
    groups = json.loads(shared("vectors/wycheproof/json_web_key_test.json").read_text())["testGroups"]
    found = 0
    for group in groups:
        for jwk in _jwks(group):
            found += 1
            with pytest.raises(KeyRefused):
                admit_jwk(jwk)
    assert found


def _jwks(value):
    if isinstance(value, dict):
        if "kty" in value:
            yield value
        for member in value.values():
            yield from _jwks(member)
    elif isinstance(value, list):
        for item in value:
            yield from _jwks(item)


def test_the_uses_of_keys_are_three():
    assert set(keys.KeyUse.__args__) == {"record", "log", "http"}
