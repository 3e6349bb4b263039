import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import b64
from crypto.errors import MalformedBase64

REFUSED = {
    "padding": "dGlkZQ==",
    "half the padding": "dGlkZQ=",
    "padding alone": "=",
    "a length that no encoding has": "dGlkZ",
    "one character": "A",
    "left-over bits behind one byte": "dGlkZR",
    "left-over bits behind two bytes": "dGlkZWB",
    "the plus of the other alphabet": "-_+A",
    "the slash of the other alphabet": "-_/A",
    "a space in the middle": "dGlk ZQ",
    "a newline at the end": "dGlkZQ\n",
    "a character that decoders skip": "dGlk!ZQ",
    "an asterisk": "dGlk*ZQA",
    "a null character": "dGlk\0ZQA",
    "a character outside ASCII": "dGlkZé",
    "a full-width letter": "dGlkＺQ",  # noqa: RUF001 - that is the point
    "padding in the middle": "dGlk=ZQA",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_not_canonical_is_refused(text):
    with pytest.raises(MalformedBase64):
        b64.decode(text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_come_back_and_the_text_is_that_of_the_standard_library(data):
    text = b64.encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert b64.decode(text) == data


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="AB-_+/=zQ\n é", max_size=12))
def test_every_accepted_text_is_the_only_one_for_its_bytes(text):
    try:
        data = b64.decode(text)
    except MalformedBase64:
        return
    assert b64.encode(data) == text


def test_the_empty_text_is_the_empty_bytes():
    assert b64.decode("") == b""
    assert b64.encode(b"") == ""


def test_the_alphabet_is_the_64_characters_and_no_others():
    assert b64.is_alphabet(b64.ALPHABET.decode())
    assert len(set(b64.ALPHABET)) == 64
    assert not any(b64.is_alphabet(c) for c in "+/=.~ \n\0é")
