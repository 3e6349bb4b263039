import json
import os
import stat
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.errors import KeyFileRefused, KeyRefused
from crypto.signer import FileSigner, Signer

SECRET = b"correct horse battery staple"


@pytest.fixture
def saved(tmp_path):
    signer = FileSigner.generate()
    path = tmp_path / "record.key"
    signer.save(path, SECRET)
    return signer, path


def test_a_signature_is_that_of_cryptography_and_verifies():
    seed = bytes(range(32))
    signer: Signer = FileSigner(seed)
    private = Ed25519PrivateKey.from_private_bytes(seed)
    assert signer.public.raw == private.public_key().public_bytes_raw()
    for message in (b"", b"a", bytes(5000)):
        assert signer.sign(message) == private.sign(message)
        signer.public.verify(signer.sign(message), message)


def test_a_key_is_generated_from_the_chance_given():
    assert FileSigner.generate(token=lambda n: b"\7" * n).kid == FileSigner(b"\7" * 32).kid
    assert FileSigner.generate().kid != FileSigner.generate().kid


def test_a_seed_of_another_length_is_refused():
    for length in (0, 31, 33, 64):
        with pytest.raises(KeyRefused):
            FileSigner(bytes(length))


def test_a_saved_key_comes_back_with_its_secret(saved):
    signer, path = saved
    loaded = FileSigner.load(path, SECRET)
    assert loaded.kid == signer.kid
    assert loaded.sign(b"m") == signer.sign(b"m")


def test_the_file_is_the_owners_alone_and_stands_alone(saved):
    _, path = saved
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]


def test_a_wide_umask_does_not_widen_the_file(tmp_path):
    before = os.umask(0)
    try:
        FileSigner.generate().save(tmp_path / "key", SECRET)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_neither_the_file_nor_the_object_shows_the_private_key(tmp_path):
    signer = FileSigner(seed := bytes(range(32)))
    signer.save(tmp_path / "key", SECRET)
    content = (tmp_path / "key").read_bytes()
    assert seed not in content
    assert seed.hex().encode() not in content
    assert repr(signer) == f"FileSigner(kid={signer.kid!r})"
    assert not hasattr(signer, "__dict__")


@pytest.mark.parametrize("secret", [b"wrong", SECRET + b"\n", SECRET[:-1], SECRET.upper()])
def test_a_wrong_secret_is_refused_with_a_clear_word(saved, secret):
    with pytest.raises(KeyFileRefused, match="does not open with this secret"):
        FileSigner.load(saved[1], secret)


def test_an_empty_secret_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(KeyFileRefused, match="empty"):
        FileSigner.generate().save(tmp_path / "key", b"")
    assert not [*tmp_path.iterdir()]
    with pytest.raises(KeyFileRefused, match="empty"):
        FileSigner.load(tmp_path / "key", b"")


def test_a_key_is_never_overwritten_by_accident(saved):
    signer, path = saved
    with pytest.raises(KeyFileRefused, match="exists"):
        FileSigner.generate().save(path, SECRET)
    assert FileSigner.load(path, SECRET).kid == signer.kid
    assert [*path.parent.iterdir()] == [path]


def test_the_secret_can_be_changed(saved):
    signer, path = saved
    signer.save(path, b"another", replace=True)
    assert FileSigner.load(path, b"another").kid == signer.kid
    with pytest.raises(KeyFileRefused):
        FileSigner.load(path, SECRET)


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path = tmp_path / "key"
    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    FileSigner.generate().save(path, SECRET)
    assert synced == [(False, False), (True, True)]


@pytest.mark.parametrize("replace", [False, True])
def test_a_write_that_breaks_leaves_the_old_key_and_nothing_else(saved, monkeypatch, replace):
    signer, path = saved

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyFileRefused, match="No space left"):
        FileSigner.generate().save(path, SECRET, replace=replace)
    monkeypatch.undo()
    assert FileSigner.load(path, SECRET).kid == signer.kid
    assert [*path.parent.iterdir()] == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(KeyFileRefused, match="cannot be written"):
        FileSigner.generate().save(tmp_path / "absent" / "key", SECRET)
    with pytest.raises(KeyFileRefused, match="cannot be read"):
        FileSigner.load(tmp_path / "absent", SECRET)
    with pytest.raises(KeyFileRefused, match="cannot be read"):
        FileSigner.load(tmp_path, SECRET)


def change(**members):
    return lambda content: {**content, **members}


def without(name):
    return lambda content: {key: value for key, value in content.items() if key != name}


CHANGED = {
    "another format": change(format="tidewaiter-key/2"),
    "another derivation": change(kdf="scrypt-2-8-1"),
    "another cipher": change(cipher="none"),
    "the id of another key": change(kid="kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    "a member more": change(note="x"),
    "no id": without("kid"),
    "no salt": without("salt"),
    "no nonce": without("nonce"),
    "no seal": without("sealed"),
    "a salt too short": change(salt="AAAA"),
    "a nonce too short": change(nonce="AAAA"),
    "a seal too short": change(sealed="AAAA"),
    "a seal that is not base64url": change(sealed="=="),
    "a number for the salt": change(salt=7),
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_a_changed_file_is_refused(saved, changed):
    path = saved[1]
    path.write_text(json.dumps(changed(json.loads(path.read_text()))))
    with pytest.raises(KeyFileRefused):
        FileSigner.load(path, SECRET)


GARBAGE = {
    "nothing": b"",
    "not JSON": b"-----BEGIN PRIVATE KEY-----",
    "a list": b"[]",
    "a null": b"null",
    "too large": b'{"format":"' + b"x" * 10_000 + b'"}',
    "not UTF-8": b"\xff\xfe",
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_what_is_not_a_key_file_is_refused(tmp_path, content):
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyFileRefused):
        FileSigner.load(tmp_path / "key", SECRET)


def test_loading_costs_an_attacker_something_and_us_less_than_a_blink(saved):
    best = 10.0
    for _ in range(3):
        start = time.perf_counter()
        FileSigner.load(saved[1], SECRET)
        best = min(best, time.perf_counter() - start)
    assert 0.005 < best < 0.25
