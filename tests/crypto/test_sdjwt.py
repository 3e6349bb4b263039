import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwa, jwk
from jwcrypto import jws as jwcrypto_jws
from sd_jwt.verifier import SDJWTVerifier

from crypto import b64, jws, sdjwt, sdjwt_open
from crypto.errors import (
    BadSignature,
    ClaimMissing,
    CryptoError,
    DisclosureRefused,
    MalformedBase64,
    MalformedJson,
    MalformedToken,
    NotYetValid,
    TokenExpired,
    UnknownKey,
)
from crypto.signer import FileSigner
from tests.crypto.sdjwt_forge import (
    HEADER,
    SALT,
    SIGNER,
    TYP,
    digest,
    element,
    jwt,
    keys,
    member,
    over,
    text,
    token,
)

CLAIMS = {"iss": "KE", "ver": 1, "crit": [], "h": {"tlp": "amber", "purposes": ["customs"]}}
GROUPS = {"place": {"country": "KE"}, "goods": [{"line": "1", "hs": "640411"}], "transport": "vessel", "n": 7}


def issued(groups=GROUPS, digests=24, **options):
    return sdjwt.issue(claims=CLAIMS, groups=groups, digests=digests, typ=TYP, signer=SIGNER, **options)


def verify(presented, **options):
    return sdjwt.verify(presented, typ=TYP, key_for=keys, **options)


# --- what an honest issuer makes ---


@settings(max_examples=50, deadline=None)
@given(st.sets(st.sampled_from(sorted(GROUPS))))
def test_each_subset_of_the_groups_is_shown_and_nothing_else(shown):
    made = issued()
    opened = verify(sdjwt.present(made.jwt, [made.disclosures[name] for name in sorted(shown)]))
    assert opened.groups == {name: GROUPS[name] for name in shown}
    assert opened.payload == {**CLAIMS, **opened.groups}
    assert opened.disclosures == {name: made.disclosures[name] for name in shown}
    assert opened.index == {name: made.index[name] for name in shown}
    assert opened.mask == sum(1 << made.index[name] for name in shown)
    assert opened.header == HEADER
    assert opened.jwt == made.jwt
    assert opened.nested == ()
    assert opened == sdjwt.reopen(made.jwt, [made.disclosures[name] for name in sorted(shown)])


def test_a_token_has_exactly_its_number_of_digests_sorted_whatever_is_known():
    for groups in ({}, {"n": 7}, GROUPS):
        made = issued(groups)
        opened = verify(sdjwt.present(made.jwt, made.disclosures.values()))
        assert len(opened.digests) == 24
        assert opened.claims["_sd"] == sorted(opened.claims["_sd"]) == list(opened.digests)
        assert opened.claims["_sd_alg"] == "sha-256"
        assert {name: opened.digests[made.index[name]] for name in groups} == {
            name: digest(text_) for name, text_ in made.disclosures.items()
        }


def test_salts_and_decoys_are_fresh_in_each_token():
    first, second = issued(), issued()
    digests = [*verify(f"{first.jwt}~").digests, *verify(f"{second.jwt}~").digests]
    assert len(set(digests)) == 48
    salts = [json.loads(b64.decode(text_))[0] for made in (first, second) for text_ in made.disclosures.values()]
    assert len(set(salts)) == 8
    assert all(len(b64.decode(salt)) == 16 for salt in salts)


def test_the_same_chance_makes_the_same_token():
    def token_of(seed):
        return issued(token=lambda n: bytes((seed + i * i) % 251 for i in range(n)))

    assert token_of(1) == token_of(1)
    assert token_of(1).jwt != token_of(2).jwt


@pytest.mark.parametrize("token_bytes", [lambda _: b"", lambda n: bytes(n - 1), bytes], ids=["none", "few", "equal"])
def test_nothing_is_signed_with_weak_chance(token_bytes):
    with pytest.raises(DisclosureRefused, match=r"chance gave too few|chance repeated itself"):
        issued(token=token_bytes)


def test_the_chance_must_be_as_much_as_was_asked_for():
    with pytest.raises(DisclosureRefused, match="too few"):
        issued(token=lambda n: bytes(range(1, n)) if n < 200 else bytes(i % 251 for i in range(n - 1)))


def test_more_groups_than_digests_are_named_as_such():
    with pytest.raises(DisclosureRefused, match="4 groups do not fit under 3 digests"):
        issued(digests=3)


REFUSED_TO_ISSUE = {
    "a fraction": ({}, {"a": 1.5}),
    "a fraction far inside": ({}, {"a": [{"b": [1, 2.5]}]}),
    "null": ({}, {"a": None}),
    "a large integer": ({}, {"a": 2**53}),
    "a fraction in a claim": ({"a": 1.5}, {}),
    "a value that is not JSON": ({}, {"a": {1, 2}}),
    "a value that is nested too deep": ({}, {"a": [[[[[[[[1]]]]]]]]}),
    "a claim that is nested too deep": ({"a": [[[[[[[[1]]]]]]]]}, {}),
    "a string that is too long": ({}, {"a": "x" * 16_385}),
    "a group called _sd": ({}, {"_sd": 1}),
    "a group called _sd_alg": ({}, {"_sd_alg": 1}),
    "a group called ...": ({}, {"...": 1}),
    "a claim called _sd": ({"_sd": []}, {}),
    "_sd inside a group": ({}, {"a": [{"_sd": []}]}),
    "... inside a group": ({}, {"a": [{"...": "x"}]}),
    "_sd_alg inside a claim": ({"a": {"_sd_alg": "sha-256"}}, {}),
    "a group with the name of a claim": ({"a": 1}, {"a": 2}),
    "more groups than digests": ({}, {str(n): n for n in range(25)}),
    "more than a token may be": ({}, {str(n): ["x" * 16_000] for n in range(20)}),
}


@pytest.mark.parametrize(("claims", "groups"), REFUSED_TO_ISSUE.values(), ids=REFUSED_TO_ISSUE)
def test_what_a_verifier_would_refuse_is_not_issued(claims, groups):
    with pytest.raises((DisclosureRefused, MalformedJson, MalformedToken)):
        sdjwt.issue(claims=claims, groups=groups, digests=24, typ=TYP, signer=SIGNER)


def test_text_that_is_a_reserved_name_is_no_reserved_name():
    groups = {"a": ["_sd", "...", '"_sd"', "\u0001"], "b": {"x": "_sd_alg"}}
    made = issued(groups)
    assert verify(sdjwt.present(made.jwt, made.disclosures.values())).groups == groups


# --- what must be refused ---

A = member("a", 1)
B = member("b", 2)
E = element("x")
INNER = member("inner", 1)
OUTER = member("outer", {"_sd": [digest(INNER)]})
HEX = "00" * 32

REFUSED = {
    "a disclosure that no digest references": (over(A), [A, B]),
    "a disclosure that no digest references, the only one": (over(), [A]),
    "a disclosure shown twice": (over(A), [A, A]),
    "an altered disclosure": (over(A), [member("a", 2)]),
    "a disclosure written with other spaces": (over(A), [text(b'["%b", "a", 1]' % SALT.encode())]),
    "a digest twice in one _sd": ({"_sd": [digest(A), digest(A)]}, [A]),
    "a decoy twice in one _sd": ({"_sd": [digest(A), digest(A)]}, []),
    "a digest twice, once further down": ({"_sd": [digest(A)], "x": {"_sd": [digest(A)]}}, []),
    "a digest twice, once as an array element": ({"_sd": [digest(A)], "x": [{"...": digest(A)}]}, []),
    "a digest twice in one array": ({"x": [{"...": digest(E)}, {"...": digest(E)}]}, [E]),
    "a digest twice, once inside a disclosure": (
        {"_sd": [digest(OUTER), digest(INNER)]},
        [OUTER],
    ),
    "a claim called _sd": (over(member("_sd", [])), [member("_sd", [])]),
    "a claim called _sd_alg": (over(member("_sd_alg", "sha-256")), [member("_sd_alg", "sha-256")]),
    "a claim called _sd_alg where the payload has none": (
        {"_sd": [digest(member("_sd_alg", "sha-512"))]},
        [member("_sd_alg", "sha-512")],
    ),
    "a claim called ...": (over(member("...", "x")), [member("...", "x")]),
    "a claim called _sd further down": (
        {"x": {"_sd": [digest(member("_sd", []))]}},
        [member("_sd", [])],
    ),
    "a claim that is there already": (over(A, a=0), [A]),
    "a claim that is there already further down": ({"x": {"a": 0, "_sd": [digest(A)]}}, [A]),
    "two disclosures of one name": (over(A, member("a", 2)), [A, member("a", 2)]),
    "two disclosures of one name further down": (
        {"x": {"_sd": [digest(A), digest(member("a", 2))]}},
        [A, member("a", 2)],
    ),
    "a disclosure of an array element in _sd": (over(E), [E]),
    "a disclosure of an array element in _sd further down": ({"x": {"_sd": [digest(E)]}}, [E]),
    "a disclosure of a member as an array element": ({"x": [{"...": digest(A)}]}, [A]),
    "a disclosure of one element": (over(text([SALT])), [text([SALT])]),
    "a disclosure of four elements": (over(text([SALT, "a", 1, 2])), [text([SALT, "a", 1, 2])]),
    "an empty array as a disclosure": (over(text([])), [text([])]),
    "an object as a disclosure": (over(text({"a": 1})), [text({"a": 1})]),
    "a string of three characters as a disclosure": (over(text("abc")), [text("abc")]),
    "a number as a disclosure": (over(text(7)), [text(7)]),
    "a disclosure that is not JSON": (over(text(b"[1,2")), [text(b"[1,2")]),
    "a disclosure with a duplicate name": (
        over(text(b'["%b","a",{"x":1,"x":2}]' % SALT.encode())),
        [text(b'["%b","a",{"x":1,"x":2}]' % SALT.encode())],
    ),
    "a disclosure that is not UTF-8": (over(text(b'["\xff"]')), [text(b'["\xff"]')]),
    "a disclosure with NaN": (
        over(text(b'["%b","a",NaN]' % SALT.encode())),
        [text(b'["%b","a",NaN]' % SALT.encode())],
    ),
    "a name that is a number": (over(member(7, 1)), [member(7, 1)]),
    "a name that is null": (over(member(None, 1)), [member(None, 1)]),
    "a name that is a list": (over(member(["a"], 1)), [member(["a"], 1)]),
    "a salt of 21 characters": (over(member("a", 1, SALT[:21])), [member("a", 1, SALT[:21])]),
    "an empty salt": (over(member("a", 1, "")), [member("a", 1, "")]),
    "a salt that is a number": (over(member("a", 1, 10**21)), [member("a", 1, 10**21)]),
    "a salt that is a list of 22": (over(member("a", 1, [0] * 22)), [member("a", 1, [0] * 22)]),
    "a salt of 22 spaces": (over(member("a", 1, " " * 22)), [member("a", 1, " " * 22)]),
    "a short salt of an array element": ({"x": [{"...": digest(element(1, "s"))}]}, [element(1, "s")]),
    "a short salt further down": (
        {"x": {"_sd": [digest(member("a", 1, "s"))]}},
        [member("a", 1, "s")],
    ),
    "an orphan: the child of a disclosure that is not shown": (over(OUTER), [INNER]),
    "_sd_alg further down": ({"x": {"_sd_alg": "sha-256"}}, []),
    "_sd_alg inside a disclosure": (
        over(member("a", {"_sd_alg": "sha-256"})),
        [member("a", {"_sd_alg": "sha-256"})],
    ),
    "_sd_alg in an array": ({"x": [{"_sd_alg": "sha-256"}]}, []),
    "another hash": ({"_sd_alg": "sha-512", "_sd": []}, []),
    "the hash in other letters": ({"_sd_alg": "SHA-256", "_sd": []}, []),
    "_sd_alg that is null": ({"_sd_alg": None, "_sd": []}, []),
    "_sd_alg that is a list": ({"_sd_alg": ["sha-256"], "_sd": []}, []),
    "_sd that is a string": ({"_sd": digest(A)}, []),
    "_sd that is an object": ({"_sd": {digest(A): 1}}, []),
    "_sd that is null": ({"_sd": None}, []),
    "_sd that is false": ({"_sd": False}, []),
    "_sd with a number": ({"_sd": [7]}, []),
    "_sd with a list": ({"_sd": [[digest(A)]]}, []),
    "_sd with an object": ({"_sd": [{"...": digest(A)}]}, []),
    "_sd further down that is a string": ({"x": {"_sd": "x"}}, []),
    "_sd inside a disclosure with a number": (over(member("a", {"_sd": [7]})), [member("a", {"_sd": [7]})]),
    "a digest too short": ({"_sd": [digest(A)[:-1]]}, []),
    "a digest too long": ({"_sd": [digest(A) + "A"]}, []),
    "an empty digest": ({"_sd": [""]}, []),
    "a digest in hex": ({"_sd": [HEX]}, []),
    "a digest with padding": ({"_sd": [digest(A)[:-1] + "="]}, []),
    "a digest with left-over bits": ({"_sd": ["A" * 42 + "B"]}, []),
    "a digest with a foreign character": ({"_sd": ["+" + "A" * 42]}, []),
    "a digest outside ASCII": ({"_sd": ["é" + "A" * 42]}, []),
    "a short digest as an array element": ({"x": [{"...": "AAAA"}]}, []),
    "... that is a number": ({"x": [{"...": 7}]}, []),
    "... with a second member": ({"x": [{"...": digest(E), "y": 1}]}, []),
    "... in an object that is no array element": ({"x": {"...": digest(E)}}, []),
    "... at the top": ({"...": digest(E)}, []),
    "... inside a disclosure": (over(member("a", {"...": "x"})), [member("a", {"...": "x"})]),
    "a name behind an escape": (b'{"x":{"\\u005fsd_alg":"sha-256"}}', []),
    "a name behind an escape in a disclosure": (
        over(text(b'["%b","\\u005fsd",[]]' % SALT.encode())),
        [text(b'["%b","\\u005fsd",[]]' % SALT.encode())],
    ),
    "a payload that is a list": ([], []),
    "a payload that is a string": ('"x"', []),
    "a payload that is null": (b"null", []),
    "a payload that is nothing": (b"", []),
    "a payload with a duplicate name": (b'{"iss":"KE","iss":"UG"}', []),
    "a payload with two _sd": (b'{"_sd":[],"_sd":[]}', []),
    "a payload with NaN": (b'{"x":NaN}', []),
    "a payload with a lone surrogate": (b'{"x":"\\ud800"}', []),
    "nine levels in the payload": ({"x": [[[[[[[[]]]]]]]]}, []),
    "nine levels with a disclosure": (over(member("x", [[[[[[[[]]]]]]]])), [member("x", [[[[[[[[]]]]]]]])]),
}


@pytest.mark.parametrize("profile", [True, False], ids=["profile", "generic"])
@pytest.mark.parametrize(("payload", "disclosures"), REFUSED.values(), ids=REFUSED)
def test_what_rfc_9901_forbids_is_refused_though_its_signature_holds(payload, disclosures, profile):
    with pytest.raises((DisclosureRefused, MalformedToken)):
        verify(token(payload, disclosures), profile=profile)


ACCEPTED = {
    "no digest at all": ({"iss": "KE"}, [], {"iss": "KE"}),
    "an empty object": ({}, [], {}),
    "an empty _sd": ({"_sd": []}, [], {}),
    "decoys": ({"_sd": [digest(A), digest(B)]}, [], {}),
    "one of two": (over(A, B), [A], {"a": 1}),
    "digests that are not sorted": (
        {"_sd": sorted([digest(A), digest(B)], reverse=True)},
        [A, B],
        {"a": 1, "b": 2},
    ),
    "further down": ({"x": {"y": 0, "_sd": [digest(A)]}}, [A], {"x": {"y": 0, "a": 1}}),
    "in an object in an array": ({"x": [{"_sd": [digest(A)]}]}, [A], {"x": [{"a": 1}]}),
    "an array element": ({"x": [{"...": digest(E)}, "y"]}, [E], {"x": ["x", "y"]}),
    "a hidden array element": ({"x": [{"...": digest(E)}, "y"]}, [], {"x": ["y"]}),
    "a disclosure inside a disclosure": (over(OUTER), [OUTER, INNER], {"outer": {"inner": 1}}),
    "the child before its parent": (over(OUTER), [INNER, OUTER], {"outer": {"inner": 1}}),
    "a parent without its child": (over(OUTER), [OUTER], {"outer": {}}),
    "an array element inside a disclosure": (
        over(member("l", [{"...": digest(E)}])),
        [member("l", [{"...": digest(E)}]), E],
        {"l": ["x"]},
    ),
    "an element inside an element": (
        {"x": [{"...": digest(element([{"...": digest(E)}]))}]},
        [element([{"...": digest(E)}]), E],
        {"x": [["x"]]},
    ),
    "the same name on two levels": (
        {"_sd": [digest(A)], "a2": {"_sd": [digest(member("a", 2))]}},
        [A],
        {"a": 1, "a2": {}},
    ),
    "a salt of 22 characters": (over(A), [A], {"a": 1}),
    "a longer salt": (over(member("a", 1, SALT * 2)), [member("a", 1, SALT * 2)], {"a": 1}),
    "spaces in a disclosure": (
        over(text(b'[ "%b", "a", {"b" : 1} ]' % SALT.encode())),
        [text(b'[ "%b", "a", {"b" : 1} ]' % SALT.encode())],
        {"a": {"b": 1}},
    ),
    "an empty name": (over(member("", 1)), [member("", 1)], {"": 1}),
    "a name outside ASCII": (over(member("ü", "€")), [member("ü", "€")], {"ü": "€"}),
    "eight levels": ({"x": [[[[[[[]]]]]]]}, [], {"x": [[[[[[[]]]]]]]}),
    "eight levels with a disclosure": (
        over(member("x", [[[[[[[]]]]]]])),
        [member("x", [[[[[[[]]]]]]])],
        {"x": [[[[[[[]]]]]]]},
    ),
    "a digest at the eighth level of a disclosure": (
        over(member("x", [[[[[[{"_sd": [digest(A)]}]]]]]])),
        [member("x", [[[[[[{"_sd": [digest(A)]}]]]]]]), A],
        {"x": [[[[[[{"a": 1}]]]]]]},
    ),
    "a digest at the eighth level": (
        {"x": [[[[[[{"_sd": [digest(A)]}]]]]]]},
        [A],
        {"x": [[[[[[{"a": 1}]]]]]]},
    ),
    "an array element at the eighth level": (
        {"x": [[[[[[[{"...": digest(E)}]]]]]]]},
        [E],
        {"x": [[[[[[["x"]]]]]]]},
    ),
}


@pytest.mark.parametrize(("payload", "disclosures", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_rfc_9901_allows_is_processed(payload, disclosures, expected):
    for profile in (True, False):
        assert verify(token(payload, disclosures), profile=profile).payload == expected


def chain(length):
    """Disclosures, each inside the one before; the last has a scalar."""
    inner = member("last", 1)
    made = [inner]
    for number in range(length - 1):
        inner = member(f"n{number}", {"_sd": [digest(inner)]})
        made.append(inner)
    return over(inner), made


def test_disclosures_inside_one_another_are_followed_to_the_depth_and_not_beyond():
    assert verify(token(*chain(8))).payload
    with pytest.raises(DisclosureRefused, match="nested"):
        verify(token(*chain(9)))
    with pytest.raises(DisclosureRefused, match="nested"):
        verify(token(*chain(300)))
    assert verify(token(*chain(300)), max_depth=400).payload


def test_what_was_disclosed_further_down_is_kept_and_no_group_of_its_own():
    opened = verify(token(over(OUTER, A), [OUTER, INNER, A]))
    assert opened.groups == {"outer": {"inner": 1}, "a": 1}
    assert opened.disclosures == {"outer": OUTER, "a": A}
    assert opened.nested == (INNER,)
    assert opened.mask == 0b11
    assert sdjwt.reopen(opened.jwt, [*opened.disclosures.values(), *opened.nested]).payload == opened.payload


def test_the_profile_refuses_fractions_and_null_that_rfc_9901_allows():
    for value in (1.5, None, 2**53, 2**70, [{"x": 0.5}]):
        shown = member("a", value)
        for payload, disclosures in ((over(shown), [shown]), ({"a": value}, [])):
            with pytest.raises((DisclosureRefused, MalformedToken)):
                verify(token(payload, disclosures))
            assert verify(token(payload, disclosures), profile=False).payload == {"a": value}


# --- the token around it ---

GOOD_JWT = jwt(over(A))
KEY_BINDING = jwt({"nonce": "n"}, header={**HEADER, "typ": "kb+jwt"})
SHAPES = {
    "a plain JWT": GOOD_JWT,
    "no ~ at the end": f"{GOOD_JWT}~{A}",
    "a key binding JWT at the end": f"{GOOD_JWT}~{A}~{KEY_BINDING}",
    "an empty disclosure": f"{GOOD_JWT}~~",
    "an empty disclosure in the middle": f"{GOOD_JWT}~{A}~~",
    "a ~ in front": f"~{GOOD_JWT}~{A}~",
    "nothing": "",
    "only a ~": "~",
    "a newline at the end": f"{GOOD_JWT}~{A}~\n",
    "a space in front": f" {GOOD_JWT}~{A}~",
    "a disclosure with padding": f"{GOOD_JWT}~{A}=~",
    "a disclosure outside ASCII": f"{GOOD_JWT}~é~",
    "a JWT outside ASCII": f"é{GOOD_JWT}~{A}~",
    "the JSON serialisation": json.dumps({"payload": "e30", "signatures": [], "disclosures": []}),
    "two JWTs": f"{GOOD_JWT}~{GOOD_JWT}~",
}


@pytest.mark.parametrize("presented", SHAPES.values(), ids=SHAPES)
def test_another_shape_of_token_is_refused(presented):
    verify(f"{GOOD_JWT}~{A}~")
    with pytest.raises((MalformedToken, MalformedBase64, DisclosureRefused)):
        verify(presented)


def test_a_disclosure_in_another_spelling_of_base64_is_refused_even_when_its_digest_was_signed():
    raw = b'["%b","a",1]' % SALT.encode()
    strict = b64.encode(raw)
    assert len(strict) % 4, "so that there are left-over bits"
    last = b64.ALPHABET[b64.ALPHABET.index(strict[-1].encode()) + 1 :][:1].decode()
    padded = base64.urlsafe_b64encode(raw).decode()
    for spelling in (
        strict[:-1] + last,
        padded,
        strict[:5] + "\n" + strict[5:],
        strict[:5] + "!" + strict[5:],
    ):
        with pytest.raises(MalformedBase64):
            verify(token({"_sd": [digest(spelling)]}, [spelling]))
    assert verify(token({"_sd": [digest(strict)]}, [strict])).groups == {"a": 1}


HEADERS = {
    "EdDSA": {**HEADER, "alg": "EdDSA"},
    "none": {**HEADER, "alg": "none"},
    "another type": {**HEADER, "typ": "dc+sd-jwt"},
    "no type": {"alg": "Ed25519", "kid": SIGNER.kid},
    "a member more": {**HEADER, "crit": []},
    "a certificate": {**HEADER, "x5c": ["AAAA"]},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_beside_the_one_agreed_is_refused(header):
    with pytest.raises(MalformedToken):
        verify(token(over(A), [A], header=header))


def test_a_signature_by_another_key_is_refused():
    with pytest.raises(BadSignature):
        verify(token(over(A), [A], signer=FileSigner.generate()))


def test_what_the_directory_refuses_is_refused():
    def unknown(kid):
        raise UnknownKey(kid)

    with pytest.raises(UnknownKey):
        sdjwt.verify(token({}), typ=TYP, key_for=unknown)


def test_the_signature_is_checked_before_the_disclosures_are_read():
    with pytest.raises(BadSignature):
        verify(token(over(A), ["!!!"], signer=FileSigner.generate()))


def test_limits_hold():
    many = [member(str(n), n) for n in range(5)]
    presented = token(over(*many), many)
    verify(presented, max_bytes=len(presented), max_disclosures=5)
    with pytest.raises(MalformedToken, match="larger"):
        verify(presented, max_bytes=len(presented) - 1)
    with pytest.raises(MalformedToken, match="more than the 4"):
        verify(presented, max_disclosures=4)
    with pytest.raises(MalformedToken, match="larger"):
        verify("x" * 262_145)
    with pytest.raises(MalformedToken, match="400"):
        verify("a.b.c" + "~AA" * 401 + "~")
    long = member("a", "x" * 16_385)
    with pytest.raises(DisclosureRefused, match="longer"):
        verify(token(over(long), [long]))
    assert verify(token(over(long), [long]), profile=False)


@pytest.mark.parametrize("profile", [True, False])
@pytest.mark.parametrize("where", ["in claims", "in a disclosure"])
def test_a_depth_beyond_the_limit_is_refused(where, profile):
    def opens(depth):
        value = "x"
        for _ in range(depth):
            value = [value]
        deep = member("deep", value)
        presented = token({**over(), "deep": value}) if where == "in claims" else token(over(deep), [deep])
        return verify(presented, profile=profile)

    depths = [depth for depth in range(1, 12) if _holds(opens, depth)]
    # The payload's own object and a disclosure's own array are a level each.
    assert depths == list(range(1, 8))


def test_the_value_of_an_array_element_stands_one_level_below_its_array():
    def opens(depth):
        value = "x"
        for _ in range(depth):
            value = [value]
        deep = element(value)
        return verify(token({"x": [{"...": digest(deep)}]}, [deep]))

    # The payload and the array are two levels.
    assert [depth for depth in range(1, 12) if _holds(opens, depth)] == list(range(1, 7))
    inside = element([{"...": digest(element([[[["x"]]]]))}])
    outside = {"x": [{"...": digest(inside)}]}
    assert verify(token(outside, [inside, element([[[["x"]]]])])).payload == {"x": [[[[[["x"]]]]]]}


def test_what_is_kept_is_read_under_the_profile_unless_it_is_told_otherwise():
    fraction = member("a", 1.5)
    for signed, shown in ((jwt({"a": 1.5}), []), (jwt(over(fraction)), [fraction])):
        with pytest.raises((MalformedToken, DisclosureRefused)):
            sdjwt.reopen(signed, shown)
        assert sdjwt.reopen(signed, shown, profile=False).payload == {"a": 1.5}


def _holds(opens, depth):
    try:
        opens(depth)
    except CryptoError:
        return False
    return True


def test_a_claim_longer_than_the_limit_is_refused():
    verify(token({**over(), "long": "x" * 16_384}))
    with pytest.raises(CryptoError):
        verify(token({**over(), "long": "x" * 16_385}))


def test_400_disclosures_are_opened():
    many = [member(str(n), n) for n in range(400)]
    assert len(verify(token(over(*many), many)).groups) == 400


TIMES = {
    "not expired": ({"exp": 1000}, 999, 0, None),
    "expired to the second": ({"exp": 1000}, 1000, 0, TokenExpired),
    "expired within the leeway": ({"exp": 1000}, 1009, 10, None),
    "expired beyond the leeway": ({"exp": 1000}, 1010, 10, TokenExpired),
    "valid from now": ({"nbf": 1000}, 1000, 0, None),
    "not yet valid": ({"nbf": 1000}, 999, 0, NotYetValid),
    "not yet valid within the leeway": ({"nbf": 1000}, 990, 10, None),
    "not yet valid beyond the leeway": ({"nbf": 1000}, 989, 10, NotYetValid),
    "a text for a time": ({"exp": "9999999999"}, 1, 0, MalformedToken),
    "a boolean for a time": ({"exp": True}, 0, 0, MalformedToken),
    "a list for a time": ({"nbf": [1]}, 5, 0, MalformedToken),
    "null for a time": ({"exp": None}, 5, 0, MalformedToken),
    "a fraction of a second": ({"exp": 1000.5}, 1000, 0, None),
    "a fraction of a second later": ({"exp": 1000.5}, 1001, 0, TokenExpired),
}


@pytest.mark.parametrize(("payload", "now", "leeway", "error"), TIMES.values(), ids=TIMES)
def test_time_is_checked_when_now_is_given(payload, now, leeway, error):
    presented = token(payload)
    assert verify(presented, profile=False).payload == payload
    if error is None:
        verify(presented, now=now, leeway=leeway, profile=False)
    else:
        with pytest.raises(error):
            verify(presented, now=now, leeway=leeway, profile=False)


def test_a_time_that_was_disclosed_counts_too():
    shown = member("exp", 1000)
    with pytest.raises(TokenExpired):
        verify(token(over(shown), [shown]), now=1000)


def test_a_required_claim_must_be_visible():
    presented = token(over(A, iss="KE"))
    assert verify(presented, require=["iss"])
    with pytest.raises(ClaimMissing, match="'a'"):
        verify(presented, require=["iss", "a"])
    assert verify(token(over(A, iss="KE"), [A]), require=["iss", "a"])
    for reserved in ("_sd", "_sd_alg"):
        with pytest.raises(ClaimMissing):
            verify(presented, require=[reserved])


def test_every_changed_bit_of_every_character_is_refused():
    made = issued({"n": 7, "transport": "vessel"}, digests=4)
    presented = sdjwt.present(made.jwt, made.disclosures.values())
    verify(presented)
    for position in range(len(presented)):
        for bit in range(8):
            changed = chr(ord(presented[position]) ^ 1 << bit)
            with pytest.raises((CryptoError, KeyError)):
                verify(presented[:position] + changed + presented[position + 1 :])


def test_every_cut_and_every_lost_character_is_refused():
    made = issued({"n": 7, "transport": "vessel"}, digests=4)
    presented = sdjwt.present(made.jwt, made.disclosures.values())
    whole = {len(made.jwt) + 1, len(made.jwt) + 2 + len(made.disclosures["n"]), len(presented)}
    for position in range(len(presented)):
        with pytest.raises((CryptoError, KeyError)):
            verify(presented[:position] + presented[position + 1 :])
        if position not in whole:
            with pytest.raises((CryptoError, KeyError)):
                verify(presented[:position])


def test_the_hash_is_that_of_the_jwt_alone():
    made = issued()
    opened = verify(sdjwt.present(made.jwt, [made.disclosures["n"]]))
    assert sdjwt.jwt_hash(opened.jwt) == sdjwt.jwt_hash(made.jwt) == digest(made.jwt)


# --- both ways give one answer ---

FLAWED = st.recursive(
    st.sampled_from([0, 7, True, "x", "_sd", "...", '"_sd"', "\u0001", 1.5, None]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "_sd", "_sd_alg", "..."]), inner, max_size=3)
    ),
    max_leaves=6,
)
SOUND = st.sampled_from([0, "x", "_sd", "...", "\u0001", [], {}, {"y": [1]}, [[["[["]]], {"y": {"z": [{}]}}])


@st.composite
def tokens(draw):
    """Payload and disclosures, half of them sound, the other half with every kind of flaw now and then."""
    flawed = draw(st.booleans())

    def either(sound, flaw):
        return draw(flaw) if flawed and not draw(st.integers(0, 4)) else draw(sound)

    payload = {"iss": either(SOUND, FLAWED)}
    made = []
    for number in range(draw(st.integers(0, 5))):
        name = either(st.just(f"n{number}"), st.sampled_from(["iss", "n0", "_sd", "...", 7]))
        salt = either(st.just(SALT), st.sampled_from(["short", 7, SALT + "="]))
        value = either(SOUND, FLAWED)
        kind = draw(st.sampled_from(["member", "member", "element", "parent"]))
        if kind == "parent" and made:  # takes the last disclosure inside itself
            child = made.pop()
            value = {"_sd": [digest(child[0])]} if child[1] == "member" else [{"...": digest(child[0])}]
            made.append((member(name, value, salt), "member", [child[0], *child[2]]))
        elif kind == "element":
            made.append((element(value, salt), "element", []))
        else:
            made.append((member(name, value, salt), "member", []))
    members = [digest(text_) for text_, kind, _ in made if kind == either(st.just("member"), st.just("element"))]
    members += [digest(f"decoy {n}") for n in range(draw(st.integers(0, 2)))]
    payload["list"] = [{"...": digest(text_)} for text_, kind, _ in made if kind == "element"]
    if draw(st.booleans()):
        payload["_sd_alg"] = "sha-256"
    payload["_sd"] = draw(st.permutations(members))
    shown = []
    for text_, _, below in made:
        if draw(st.booleans()):
            shown += [text_, *below[: draw(st.integers(0, len(below)))]]
    if flawed and draw(st.booleans()):
        shown += draw(st.lists(st.sampled_from([A, *shown]), max_size=1))
    return payload, draw(st.permutations(shown))


def answer(payload, texts, **options):
    try:
        opened = sdjwt_open.open_payload(
            jwt="h.p.s", header=HEADER, payload=payload, texts=texts, max_depth=4, **options
        )
    except (DisclosureRefused, MalformedToken):
        return "refused"
    return opened


@settings(max_examples=100, deadline=None)
@given(tokens(), st.booleans())
def test_the_flat_way_and_the_recursive_way_give_one_answer(made, profile):
    payload, texts = made
    raw = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    assert answer(raw, texts, profile=profile) == answer(raw, texts, profile=profile, flat=False)


def test_a_token_of_ours_is_opened_in_one_pass(monkeypatch):
    def refuse(*_):
        raise AssertionError("the slow way")

    monkeypatch.setattr(sdjwt_open, "_open_recursively", refuse)
    made = issued()
    for shown in ([], ["n"], list(GROUPS)):
        presented = sdjwt.present(made.jwt, [made.disclosures[name] for name in shown])
        assert verify(presented).groups == {name: GROUPS[name] for name in shown}
    assert verify(token({"iss": "KE"})).payload == {"iss": "KE"}


PLAIN = st.recursive(
    st.sampled_from([0, 7, True, "x", "1.5", "[[[{{{"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), PLAIN), st.dictionaries(st.sampled_from("defghi"), PLAIN))
def test_both_ways_agree_on_plain_tokens_and_their_depth(claims, groups):
    texts = [member(name, value) for name, value in groups.items()]
    raw = json.dumps(over(*texts, **claims), separators=(",", ":")).encode()
    flat, recursive = answer(raw, texts, profile=True), answer(raw, texts, profile=True, flat=False)
    assert flat == recursive
    if not claims.keys() & groups.keys() and flat != "refused":
        assert flat.groups == groups


@pytest.mark.parametrize(("payload", "disclosures"), REFUSED.values(), ids=REFUSED)
def test_the_recursive_way_refuses_what_the_flat_way_refuses(payload, disclosures):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
    for flat in (True, False):
        with pytest.raises((DisclosureRefused, MalformedToken)):
            sdjwt_open.open_payload(
                jwt="h.p.s",
                header=HEADER,
                payload=raw,
                texts=disclosures,
                profile=True,
                max_depth=8,
                flat=flat,
            )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([GOOD_JWT, A, B, "", "e30", "=", "é", "~", "."]), max_size=6))
def test_any_text_is_opened_or_refused_with_an_error_of_ours(parts):
    try:
        verify("~".join(parts))
    except CryptoError:
        return
    assert parts[0] == GOOD_JWT


# --- with others ---


def test_a_token_of_ours_is_read_by_the_reference_implementation(monkeypatch):
    # It predates RFC 9864 and knows the algorithm under its old name only.
    monkeypatch.setitem(jwa.JWA.algorithms_registry, "Ed25519", jwa.JWA.algorithms_registry["EdDSA"])
    monkeypatch.setattr(jwcrypto_jws, "default_allowed_algs", ["Ed25519"])
    made = issued()
    key = jwk.JWK(**{name: SIGNER.public.jwk()[name] for name in ("kty", "crv", "x")})
    for names in ([], ["n"], list(GROUPS)):
        presented = sdjwt.present(made.jwt, [made.disclosures[name] for name in names])
        theirs = SDJWTVerifier(presented, lambda *_: key).get_verified_payload()
        assert theirs == verify(presented).payload


def test_the_header_of_a_record_is_that_of_a_compact_jws():
    made = issued()
    assert json.loads(jws.verify_compact(made.jwt, typ=TYP, key_for=keys, max_bytes=10_000))["iss"] == "KE"
