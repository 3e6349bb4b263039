from __future__ import annotations

import jwt
import pytest

from node import auth
from node.auth import Officer, Right, Role, TokenRefused, make_token, read_token
from tests.factories import NOW

SECRET = b"s" * 43
CLAIMS = {
    "iss": "KE", "aud": "tidewaiter", "sub": "a.officer", "role": "officer", "iat": NOW, "exp": NOW + 60, "jti": "1",
}  # fmt: skip


def signed(secret=SECRET, algorithm="HS256", without=None, **changed):
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if name != without}
    return jwt.encode(claims, secret, algorithm=algorithm)


def read(token, now=NOW):
    return read_token(token, secret=SECRET, node="KE", now=now)


def test_a_token_names_its_officer_until_it_expires() -> None:
    token = make_token(SECRET, subject="a.officer", role="contact-point", node="KE", now=NOW, lifetime=60)

    assert read(token) == Officer("a.officer", Role.CONTACT_POINT)
    assert read(token, now=NOW + 59).name == "a.officer"
    with pytest.raises(TokenRefused, match="expired"):
        read(token, now=NOW + 60)


REFUSED = {
    "another node's secret made it": signed(secret=b"t" * 43),
    "another node made it with the same secret": signed(iss="TZ"),
    "it is for another audience": signed(aud="another-product"),
    "its audience is a list": signed(aud=["tidewaiter"]),
    "it is not signed at all": signed(secret=None, algorithm="none"),
    "it is signed with another algorithm": signed(secret=b"s" * 64, algorithm="HS512"),
    "its role is none of ours": signed(role="director"),
    "its role is a list": signed(role=["admin"]),
    "its subject is empty": signed(sub="  "),
    "its subject would break a line of the log": signed(sub="a\nb"),
    "it was made in the future": signed(iat=NOW + 301, exp=NOW + 400),
    "it is valid for longer than a year": signed(exp=NOW + auth.MAX_LIFETIME + 1),
    "its time is a fraction": signed(exp=NOW + 60.5),
    "it is no token": "a.b.c",
    "it is empty": "",
    "it is very long": "a" * 5000,
    **{f"it lacks {name}": signed(without=name) for name in CLAIMS},
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_token_is_refused_when(sentence: str) -> None:
    with pytest.raises(TokenRefused) as refusal:
        read(REFUSED[sentence])

    assert REFUSED[sentence] == "" or REFUSED[sentence] not in str(refusal.value)


def test_the_signature_covers_every_character_of_the_claims() -> None:
    token = signed()
    head, body, signature = token.split(".")
    for place in range(len(body)):
        changed = body[:place] + ("A" if body[place] != "A" else "B") + body[place + 1 :]
        with pytest.raises(TokenRefused):
            read(f"{head}.{changed}.{signature}")


@pytest.mark.parametrize(
    "bad", [{"subject": ""}, {"subject": "x" * 101}, {"lifetime": 0}, {"lifetime": 367 * 86_400}, {"role": "king"}]
)
def test_no_token_is_made_that_would_be_refused(bad) -> None:
    given = {"subject": "a", "role": "officer", "node": "KE", "now": NOW}
    with pytest.raises(ValueError, match="is"):
        make_token(SECRET, **{**given, **bad})


def test_a_secret_that_is_too_short_is_not_used(tmp_path) -> None:
    (tmp_path / auth.SECRET_FILE).write_bytes(b"short\n")

    with pytest.raises(TokenRefused, match="32 bytes"):
        auth.load_secret(tmp_path)


def test_nobody_has_every_right_and_every_right_has_somebody() -> None:
    assert all(rights < frozenset(Right) for rights in auth.ROLES.values())
    assert frozenset().union(*auth.ROLES.values()) == frozenset(Right)
