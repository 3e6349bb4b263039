from __future__ import annotations

import base64
from hashlib import sha256
from types import SimpleNamespace

import pytest

from crypto import checkpoint, merkle
from crypto.checkpoint import open_checkpoint, sign_checkpoint
from crypto.errors import CheckpointRefused
from crypto.keys import admit_raw
from crypto.signer import FileSigner

ORIGIN = "cnp/example/KE/UG/bulk/1"
NAME = "cnp/example/KE"
ROOT = merkle.leaf_hash(b"one")
SIGNER = FileSigner.generate(token=lambda count: bytes(range(count)))
OTHER = FileSigner.generate(token=lambda count: bytes(range(1, count + 1)))


def signed_text(text: str, *, name: str = NAME, signer: FileSigner = SIGNER) -> str:
    """A note over any text, so that what is refused is refused for its form and not for its signature."""
    blob = checkpoint.key_hash(name, signer.public) + signer.sign(text.encode())
    return f"{text}\n\u2014 {name} {base64.b64encode(blob).decode()}\n"


def opened(note: str, *, keys=(SIGNER.public,), origin: str = ORIGIN, name: str = NAME) -> checkpoint.Checkpoint:
    return open_checkpoint(note, origin=origin, key_name=name, keys=keys)


def note_of(size: int = 1, root: bytes = ROOT, *, signer: FileSigner = SIGNER, name: str = NAME) -> str:
    return sign_checkpoint(origin=ORIGIN, size=size, root=root, key_name=name, signer=signer)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


GOOD_TEXT = f"{ORIGIN}\n1\n{b64(ROOT)}\n"


def test_what_was_signed_is_what_is_read() -> None:
    read = opened(note_of(42))
    assert (read.origin, read.size, read.root, read.kid) == (ORIGIN, 42, ROOT, SIGNER.kid)
    assert read.note == note_of(42)


def test_the_note_is_byte_for_byte_what_the_standard_describes() -> None:
    raw = SIGNER.public.raw
    key_id = sha256(NAME.encode() + b"\x0a\x01" + raw).digest()[:4]
    signature = SIGNER.sign(GOOD_TEXT.encode())
    assert note_of() == GOOD_TEXT + f"\n\u2014 {NAME} {b64(key_id + signature)}\n"


def test_the_published_example_of_the_standard_verifies_under_its_published_key() -> None:
    # The example of the Go package sumdb/note, whose verifier key is public.
    verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    name, key_id, blob = verifier.split("+", 2)
    raw = base64.b64decode(blob)
    assert raw[0] == 1
    assert checkpoint.key_hash(name, admit_raw(raw[1:])).hex() == key_id
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    admit_raw(raw[1:]).verify(base64.b64decode(line)[4:], text.encode())


def test_an_empty_log_has_a_checkpoint_of_size_nought() -> None:
    assert opened(note_of(0, merkle.EMPTY_ROOT)).size == 0


def test_lines_of_unknown_signers_are_skipped_even_under_the_same_name() -> None:
    own = note_of().removeprefix(GOOD_TEXT + "\n")
    foreign = note_of(signer=OTHER).removeprefix(GOOD_TEXT + "\n")
    witness = note_of(signer=OTHER, name="witness.example").removeprefix(GOOD_TEXT + "\n")
    assert opened(GOOD_TEXT + "\n" + foreign + witness + own + foreign).kid == SIGNER.kid


def test_the_key_that_signed_is_found_among_several() -> None:
    assert opened(note_of(signer=OTHER), keys=[SIGNER.public, OTHER.public]).kid == OTHER.kid


def test_every_key_with_the_same_short_hash_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "key_hash", lambda _name, _key: b"same")
    note = note_of(signer=OTHER)
    assert opened(note, keys=[SIGNER.public, OTHER.public]).kid == OTHER.kid
    assert opened(note, keys=[OTHER.public, SIGNER.public]).kid == OTHER.kid


def test_one_false_line_under_a_known_key_spoils_the_note() -> None:
    good = note_of()
    false_line = note_of(2).rsplit("\n\n", 1)[1]
    with pytest.raises(CheckpointRefused):
        opened(good + false_line)


def test_sixteen_signatures_are_read_and_seventeen_are_not() -> None:
    own = note_of().removeprefix(GOOD_TEXT + "\n")
    foreign = note_of(signer=OTHER).removeprefix(GOOD_TEXT + "\n")
    assert opened(GOOD_TEXT + "\n" + foreign * 15 + own).size == 1
    with pytest.raises(CheckpointRefused):
        opened(GOOD_TEXT + "\n" + foreign * 16 + own)


WELL_SIGNED_AND_REFUSED = {
    "another log": f"cnp/example/KE/TZ/bulk/1\n1\n{b64(ROOT)}\n",
    "a size with a leading zero": f"{ORIGIN}\n01\n{b64(ROOT)}\n",
    "a size of two zeros": f"{ORIGIN}\n00\n{b64(merkle.EMPTY_ROOT)}\n",
    "a size with a sign": f"{ORIGIN}\n+1\n{b64(ROOT)}\n",
    "a negative size": f"{ORIGIN}\n-1\n{b64(ROOT)}\n",
    "a size with a space": f"{ORIGIN}\n1 \n{b64(ROOT)}\n",
    "a size in Arabic digits": f"{ORIGIN}\n\u0661\n{b64(ROOT)}\n",
    "a size beyond 2^53": f"{ORIGIN}\n{2**53}\n{b64(ROOT)}\n",
    "no size": f"{ORIGIN}\n\n{b64(ROOT)}\n",
    "an empty log with a root": f"{ORIGIN}\n0\n{b64(ROOT)}\n",
    "a root of 31 bytes": f"{ORIGIN}\n1\n{b64(ROOT[:31])}\n",
    "a root of 33 bytes": f"{ORIGIN}\n1\n{b64(ROOT + b'x')}\n",
    "a root without padding": f"{ORIGIN}\n1\n{b64(ROOT).rstrip('=')}\n",
    "a root in base64url": f"{ORIGIN}\n1\n{base64.urlsafe_b64encode(b'>' * 32).decode()}\n",
    "a root with left-over bits": f"{ORIGIN}\n1\n{b64(bytes(32))[:-2]}B=\n",
    "an extension line": GOOD_TEXT + "extension\n",
    "two lines": f"{ORIGIN}\n1\n",
    "a carriage return": GOOD_TEXT.replace("\n", "\r\n"),
    "a tab": f"{ORIGIN}\n1\t\n{b64(ROOT)}\n",
    "a text that is no checkpoint": "Ognuno sta solo sul cuor della terra\n",
}


@pytest.mark.parametrize("text", WELL_SIGNED_AND_REFUSED.values(), ids=WELL_SIGNED_AND_REFUSED)
def test_a_text_of_another_form_is_refused_however_well_it_is_signed(text: str) -> None:
    assert opened(signed_text(GOOD_TEXT)).size == 1
    with pytest.raises(CheckpointRefused):
        opened(signed_text(text))


LINE = note_of().removeprefix(GOOD_TEXT + "\n")
BLOB = LINE.rsplit(" ", 1)[1].strip()
BAD_NOTES = {
    "nothing": "",
    "a text without signatures": GOOD_TEXT,
    "a text with an empty line and no signature": GOOD_TEXT + "\n",
    "no newline at the end": GOOD_TEXT + "\n" + LINE[:-1],
    "a newline too many": GOOD_TEXT + "\n" + LINE + "\n",
    "a hyphen for the dash": GOOD_TEXT + "\n" + LINE.replace("\u2014", "-"),
    "two spaces": GOOD_TEXT + "\n" + LINE.replace(" ", "  ", 1),
    "base64 without padding": GOOD_TEXT + "\n" + LINE.replace(BLOB, BLOB.rstrip("=")),
    "a signature that is only a key hash": GOOD_TEXT + "\n" + LINE.replace(BLOB, b64(b"1234")),
    "a signature cut short": GOOD_TEXT + "\n" + LINE.replace(BLOB, b64(base64.b64decode(BLOB)[:-1])),
    "a malformed line beside the good one": GOOD_TEXT + "\n" + LINE + "rubbish\n",
    "a plus in a key name": GOOD_TEXT + "\n" + LINE + f"\u2014 a+b {BLOB}\n",
    "another size under the same signature": note_of().replace("\n1\n", "\n2\n", 1),
    "another character for the last newline": GOOD_TEXT + "\n" + LINE[:-1] + "x",
    "a lone surrogate in a stranger's name": GOOD_TEXT + "\n" + LINE + f"\u2014 w\ud800 {BLOB}\n",
    "a control character in a stranger's name": GOOD_TEXT + "\n" + LINE + f"\u2014 w\x01 {BLOB}\n",
    "a stranger's signature of four bytes": GOOD_TEXT + "\n" + LINE + f"\u2014 w {b64(b'1234')}\n",
    "a note beyond the limit": GOOD_TEXT + "\n" + LINE + f"\u2014 w {'A' * checkpoint.MAX_NOTE_CHARACTERS}\n",
}


@pytest.mark.parametrize("note", BAD_NOTES.values(), ids=BAD_NOTES)
def test_a_malformed_note_is_refused(note: str) -> None:
    with pytest.raises(CheckpointRefused):
        opened(note)


def test_a_note_by_another_key_is_refused() -> None:
    with pytest.raises(CheckpointRefused):
        opened(note_of(signer=OTHER))
    with pytest.raises(CheckpointRefused):
        opened(note_of(), keys=[])


def test_a_note_under_another_nodes_name_is_refused() -> None:
    with pytest.raises(CheckpointRefused):
        opened(note_of(name="cnp/example/UG"))


def test_every_altered_byte_is_noticed() -> None:
    note = note_of().encode()
    for position in range(len(note)):
        altered = bytearray(note)
        altered[position] ^= 1
        with pytest.raises(CheckpointRefused):
            opened(altered.decode("utf-8", errors="surrogateescape"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "a b"},
        {"origin": ""},
        {"origin": "a\nb"},
        {"key_name": "a+b"},
        {"size": -1},
        {"size": 2**53},
        {"root": b"short"},
        {"size": 0},
    ],
    ids=str,
)
def test_nothing_is_signed_that_could_not_be_read(wrong: dict[str, object]) -> None:
    right = {"origin": ORIGIN, "size": 1, "root": ROOT, "key_name": NAME, "signer": SIGNER}
    with pytest.raises(ValueError, match=r"origin|tree"):
        sign_checkpoint(**(right | wrong))


def test_a_signer_is_asked_once_for_exactly_the_text() -> None:
    asked: list[bytes] = []

    def sign(message: bytes) -> bytes:
        asked.append(message)
        return SIGNER.sign(message)

    sign_checkpoint(
        origin=ORIGIN,
        size=1,
        root=ROOT,
        key_name=NAME,
        signer=SimpleNamespace(kid=SIGNER.kid, public=SIGNER.public, sign=sign),
    )
    assert asked == [GOOD_TEXT.encode()]
