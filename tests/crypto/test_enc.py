"""Keys for bundles: the form of age, which points are admitted, what does not open."""

import base64

import pyrage
import pytest

from crypto import b64
from crypto.enc import EncKey, Opener, admit_enc, open_with
from crypto.errors import KeyFileRefused, KeyRefused, SealRefused
from crypto.signer import FileSigner

WEAK = {
    "zero": bytes(32),
    "one": bytes([1]) + bytes(31),
    "minus one": (2**255 - 20).to_bytes(32, "little"),
    "of order eight": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "the other of order eight": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
}
OTHER_SPELLINGS = {
    "the prime": (2**255 - 19).to_bytes(32, "little"),
    "nine and the prime": (2**255 - 19 + 9).to_bytes(32, "little"),
    "nine with the top bit": bytes([9]) + bytes(30) + bytes([0x80]),
    "too short": bytes([9]) + bytes(30),
}


def test_public_and_private_keys_are_written_as_age_writes_them():
    for _ in range(20):
        opener = Opener.generate()
        assert opener.public.recipient == str(opener._identity.to_public())
        sealed = pyrage.encrypt(b"x", [pyrage.x25519.Recipient.from_str(opener.public.recipient)])
        assert opener.open(sealed) == b"x"


def test_a_key_is_admitted_under_its_thumbprint():
    # RFC 8037, appendix A.2, is for Ed25519; this is the same computation with the members of X25519.
    key = admit_enc("3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08")
    assert len(key.kid) == 43
    assert key.jwk()["x"] == "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"


@pytest.mark.parametrize("raw", [*WEAK.values(), *OTHER_SPELLINGS.values()], ids=[*WEAK, *OTHER_SPELLINGS])
def test_a_point_that_opens_for_everybody_or_in_a_second_spelling_is_never_admitted(raw):
    with pytest.raises(KeyRefused):
        admit_enc(b64.encode(raw))


@pytest.mark.parametrize("x", [None, "", "!", base64.b64encode(bytes(32)).decode()])
def test_what_is_no_key_is_refused(x):
    with pytest.raises(KeyRefused):
        admit_enc(x)


def test_any_changed_byte_and_any_other_key_is_noticed():
    opener, other = Opener.generate(), Opener.generate()
    sealed = opener.public.seal(b"a page" * 10)
    assert opener.open(sealed) == b"a page" * 10
    for at in range(0, len(sealed), 7):
        with pytest.raises(SealRefused):
            opener.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
    for cut in (0, 10, len(sealed) - 1):
        with pytest.raises(SealRefused):
            opener.open(sealed[:cut])
    with pytest.raises(SealRefused):
        other.open(sealed)
    assert open_with([other, opener], sealed) == b"a page" * 10
    with pytest.raises(SealRefused):
        open_with([], sealed)


def test_a_private_key_comes_back_from_its_file_and_from_no_other(tmp_path):
    opener = Opener.generate()
    opener.save(tmp_path / "enc.key", b"secret")
    assert Opener.load(tmp_path / "enc.key", b"secret").public == opener.public
    assert opener.public.recipient not in repr(opener)
    with pytest.raises(KeyFileRefused):
        opener.save(tmp_path / "enc.key", b"secret")
    with pytest.raises(KeyFileRefused):
        Opener.load(tmp_path / "enc.key", b"other")
    FileSigner.generate().save(tmp_path / "http.key", b"secret")
    with pytest.raises(KeyFileRefused):
        Opener.load(tmp_path / "http.key", b"secret")
    with pytest.raises(KeyFileRefused):
        FileSigner.load(tmp_path / "enc.key", b"secret")


def test_a_private_key_has_32_bytes():
    with pytest.raises(KeyRefused):
        Opener(bytes(31))
    with pytest.raises(KeyRefused):
        EncKey(raw=bytes(31), kid="x")
