from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace

import pytest

from crypto import httpsig
from crypto.errors import (
    BadSignature,
    ClockSkew,
    CryptoError,
    DigestMismatch,
    MessageRefused,
    MissingCoverage,
    Replayed,
    UnknownKey,
)
from crypto.httpfields import check_digest, content_digest
from crypto.httpsig import Request, Response, authority_of, public_url
from crypto.keys import PublicKey, admit_jwk
from crypto.signer import FileSigner
from tests.shared_data import shared

NOW = 1_790_000_000
AUTHORITY = "127.0.0.1:8401"
URL = f"http://{AUTHORITY}/ke/cnp/1/inbox?lane=bulk&x=%2F"
BODY = b'{"feed":"KE/UG/bulk/1"}'
JSON = {"content-type": "application/json"}
SIGNER = FileSigner.generate(token=lambda count: bytes(range(count)))
OTHER = FileSigner.generate(token=lambda count: bytes(range(1, count + 1)))


class MemoryNonces:
    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], int] = {}

    def remember(self, kid: str, nonce: str, expires: int, now: int) -> bool:
        if (kid, nonce) in self.seen:
            return False
        self.seen[kid, nonce] = expires
        return True


def key_for(kid: str) -> PublicKey:
    for signer in (SIGNER,):
        if signer.kid == kid:
            return signer.public
    raise UnknownKey("no trusted key has this id")


@dataclass(frozen=True)
class Sent:
    """A request on its way, to be altered before it arrives."""

    method: str = "POST"
    url: str = URL
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = BODY

    def arrive(self, *, authority: str = AUTHORITY, now: int = NOW, nonces=None, require=None):
        asked = {} if require is None else {"require": require}
        return httpsig.verify_request(
            method=self.method,
            url=self.url,
            authority=authority,
            headers=self.headers,
            body=self.body,
            key_for=key_for,
            nonces=MemoryNonces() if nonces is None else nonces,
            now=now,
            **asked,
        )

    def without(self, *names: str) -> Sent:
        return replace(self, headers={k: v for k, v in self.headers.items() if k not in names})

    def having(self, **headers: str) -> Sent:
        return replace(self, headers=self.headers | {k.replace("_", "-"): v for k, v in headers.items()})


def sent(*, signer=SIGNER, now: int = NOW, method="POST", body=BODY, headers=None, url=URL, nonce=None) -> Sent:
    before = (JSON if body else {}) if headers is None else headers
    added = httpsig.sign_request(method=method, url=url, headers=before, body=body, signer=signer, now=now, nonce=nonce)
    return Sent(method, url, {**before, **added}, body)


def signed(
    base: str,
    params: str,
    *,
    label: str = "cnp",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    method: str = "GET",
    components: str = "",
) -> Sent:
    """A request signed by hand: what the profile refuses of it is refused although the signature is right."""
    signature_params = f"({components}){params}"
    text = f'{base}"@signature-params": {signature_params}'
    signature = base64.b64encode(SIGNER.sign(text.encode())).decode()
    all_headers = (headers or {}) | {
        "signature-input": f"{label}={signature_params}",
        "signature": f"{label}=:{signature}:",
    }
    return Sent(method, URL, all_headers, body)


GET_BASE = f'"@method": GET\n"@authority": {AUTHORITY}\n"@path": /ke/cnp/1/inbox\n"@query": ?lane=bulk&x=%2F\n'
GET_COMPONENTS = '"@method" "@authority" "@path" "@query"'


def parameters(**changed: object) -> str:
    """The parameters of the profile, some of them changed; None leaves one out."""
    given = {
        "created": NOW,
        "keyid": f'"{SIGNER.kid}"',
        "expires": NOW + 300,
        "nonce": '"n-1"',
        "tag": '"cnp-1"',
    } | changed
    return "".join(f";{name}={value}" for name, value in given.items() if value is not None)


def by_hand(**changed: object) -> Sent:
    return signed(GET_BASE, parameters(**changed), components=GET_COMPONENTS)


def test_a_request_with_a_body_arrives() -> None:
    verified = sent(nonce="n-7").arrive()
    assert (verified.kid, verified.created, verified.nonce) == (SIGNER.kid, NOW, "n-7")


def test_a_request_without_a_body_arrives() -> None:
    message = sent(method="GET", body=b"")
    assert "content-digest" not in message.headers
    assert message.arrive().kid == SIGNER.kid


def test_the_request_made_by_hand_is_one_of_the_profile() -> None:
    assert by_hand().arrive().nonce == "n-1"


def test_the_signature_says_what_the_profile_says_and_no_algorithm() -> None:
    headers = sent(nonce="n-1").headers
    components = f'{GET_COMPONENTS} "content-digest" "content-type"'
    expected = f"cnp=({components}){parameters()}"
    assert headers["signature-input"] == expected


def test_nonces_are_fresh_and_of_128_bits() -> None:
    asked: list[int] = []

    def token(count: int) -> bytes:
        asked.append(count)
        return bytes(count)

    httpsig.sign_request(method="GET", url=URL, headers={}, body=b"", signer=SIGNER, now=NOW, token=token)
    assert asked == [16]
    assert sent().headers["signature-input"] != sent().headers["signature-input"]


def test_more_may_be_covered_than_is_required() -> None:
    components = GET_COMPONENTS + ' "x-lane"'
    message = signed(GET_BASE + '"x-lane": bulk\n', parameters(), components=components, headers={"x-lane": "bulk"})
    assert message.arrive().kid == SIGNER.kid
    with pytest.raises(BadSignature):
        message.having(x_lane="urgent").arrive()


GOOD = sent()
GOOD_GET = sent(method="GET", body=b"")
REFUSED = {
    "an altered body": (replace(GOOD, body=BODY + b" "), DigestMismatch),
    "a body cut off": (replace(GOOD, body=b""), DigestMismatch),
    "a body put under a request without one": (replace(GOOD_GET, body=BODY), MissingCoverage),
    "such a body with its digest": (
        replace(GOOD_GET, body=BODY).having(content_digest=content_digest(BODY), **JSON),
        MissingCoverage,
    ),
    "an altered body with its own digest": (
        replace(GOOD, body=b"{}").having(content_digest=content_digest(b"{}")),
        BadSignature,
    ),
    "another path": (replace(GOOD, url=URL.replace("inbox", "hints")), BadSignature),
    "the same path written otherwise": (replace(GOOD, url=URL.replace("/ke/", "/%6be/")), BadSignature),
    "another query": (replace(GOOD, url=URL.replace("bulk", "urgent")), BadSignature),
    "no query": (replace(GOOD, url=URL.partition("?")[0]), BadSignature),
    "another method": (replace(GOOD, method="PUT"), BadSignature),
    "a method in lower case": (replace(GOOD, method="post"), BadSignature),
    "another content type": (GOOD.having(content_type="text/plain"), BadSignature),
    "a covered header taken away": (GOOD.without("content-type"), BadSignature),
    "the digest taken away": (GOOD.without("content-digest"), BadSignature),
    "no signature": (GOOD.without("signature", "signature-input"), BadSignature),
    "no signature-input": (GOOD.without("signature-input"), BadSignature),
    "no signature value": (GOOD.without("signature"), BadSignature),
    "a second signature": (
        GOOD.having(
            signature=GOOD.headers["signature"] + ", b=:AAAA:",
            signature_input=GOOD.headers["signature-input"] + ", b=();created=1",
        ),
        MessageRefused,
    ),
    "the same label twice": (
        GOOD.having(signature_input=f"{GOOD.headers['signature-input']}, {GOOD.headers['signature-input']}"),
        MessageRefused,
    ),
    "a second signature value": (
        GOOD.having(signature=GOOD.headers["signature"] + ", b=:AAAA:"),
        MessageRefused,
    ),
    "another label": (
        signed(GET_BASE, parameters(), components=GET_COMPONENTS, label="sig1"),
        MessageRefused,
    ),
    "another tag": (by_hand(tag='"cnp-2"'), MessageRefused),
    "no tag": (by_hand(tag=None), MessageRefused),
    "an algorithm named": (by_hand(alg='"ed25519"'), MessageRefused),
    "an unknown parameter": (by_hand(context='"x"'), MessageRefused),
    "no nonce": (by_hand(nonce=None), MissingCoverage),
    "an empty nonce": (by_hand(nonce='""'), MessageRefused),
    "a nonce beyond the limit": (by_hand(nonce=f'"{"n" * 129}"'), MessageRefused),
    "a nonce that is a number": (by_hand(nonce=1), BadSignature),
    "no created": (by_hand(created=None), MissingCoverage),
    "no expires": (by_hand(expires=None), MissingCoverage),
    "no keyid": (by_hand(keyid=None), MissingCoverage),
    "a created that is a string": (by_hand(created='"1"'), MissingCoverage),
    "a created that is a decimal": (by_hand(created=f"{NOW}.0"), MissingCoverage),
    "an expires that is a decimal": (by_hand(expires=f"{NOW}.0"), ClockSkew),
    "a lifetime of 301 seconds": (by_hand(expires=NOW + 301), ClockSkew),
    "an end before the beginning": (by_hand(expires=NOW - 1), ClockSkew),
    "another key": (sent(signer=OTHER), UnknownKey),
    "another key under our key's name": (
        sent(signer=OTHER).having(
            signature_input=sent(signer=OTHER).headers["signature-input"].replace(OTHER.kid, SIGNER.kid)
        ),
        BadSignature,
    ),
    "a signature that is no byte sequence": (GOOD.having(signature="cnp=1"), BadSignature),
    "a signature-input that is no list": (GOOD.having(signature_input="cnp=1"), MessageRefused),
    "a signature-input that is no dictionary": (GOOD.having(signature_input="(("), MessageRefused),
    "a signature-input that is not ASCII": (GOOD.having(signature_input="cnp=(\u201d)"), MessageRefused),
    "a signature-input beyond the limit": (GOOD.having(signature_input="cnp=(" + " " * 9000), MessageRefused),
    "a target that is no path": (replace(GOOD, url="*"), MessageRefused),
    "a target that continues the authority": (replace(GOOD, url=".evil.example/"), MessageRefused),
    "a target with a fragment": (replace(GOOD, url=URL + "#x"), MessageRefused),
}


@pytest.mark.parametrize(("message", "error"), REFUSED.values(), ids=REFUSED)
def test_a_request_is_refused_for(message: Sent, error: type[CryptoError]) -> None:
    nonces = MemoryNonces()
    with pytest.raises(error) as caught:
        message.arrive(nonces=nonces)
    assert type(caught.value) is error
    assert nonces.seen == {}, "a refused request must not use up a nonce"


@pytest.mark.parametrize("left_out", ["@method", "@authority", "@path", "@query"])
def test_each_component_of_the_profile_has_to_be_covered(left_out: str) -> None:
    components = " ".join(each for each in GET_COMPONENTS.split() if each != f'"{left_out}"')
    base = "".join(f"{line}\n" for line in GET_BASE.splitlines() if not line.startswith(f'"{left_out}"'))
    message = signed(base, parameters(), components=components)
    with pytest.raises(MissingCoverage, match=left_out):
        message.arrive()
    left = tuple(each for each in httpsig.REQUEST_COMPONENTS if each != left_out)
    assert message.arrive(require=left).kid == SIGNER.kid


@pytest.mark.parametrize("left_out", ["content-digest", "content-type"])
def test_with_a_body_digest_and_type_have_to_be_covered(left_out: str) -> None:
    headers = JSON | {"content-digest": content_digest(BODY)}
    [kept] = {"content-digest", "content-type"} - {left_out}
    base = GET_BASE.replace("GET", "POST") + f'"{kept}": {headers[kept]}\n'
    message = signed(
        base,
        parameters(),
        components=f'{GET_COMPONENTS} "{kept}"',
        headers=headers,
        body=BODY,
        method="POST",
    )
    with pytest.raises(MissingCoverage, match=left_out):
        message.arrive()


def with_digest(value: str) -> Sent:
    headers = JSON | {"content-digest": value}
    base = GET_BASE.replace("GET", "POST") + f'"content-digest": {value}\n"content-type": {headers["content-type"]}\n'
    components = f'{GET_COMPONENTS} "content-digest" "content-type"'
    return signed(base, parameters(), components=components, headers=headers, body=BODY, method="POST")


SHA512 = "sha-512=:" + base64.b64encode(hashlib.sha512(BODY).digest()).decode() + ":"
BAD_DIGESTS = {
    "only sha-512": (SHA512, DigestMismatch),
    "only an algorithm that nobody should use": ("md5=:Sd/dVLAcvNLSq16eXua5uQ==:", DigestMismatch),
    "sha-256 of something else": (content_digest(b"else"), DigestMismatch),
    "sha-256 that is a string": ('sha-256="x"', DigestMismatch),
    "sha-256 cut short": ("sha-256=:AAAA:", DigestMismatch),
    "sha-256 twice": (f"{content_digest(b'else')}, {content_digest(BODY)}", MessageRefused),
    "no structured field": ("sha-256=", MessageRefused),
}


@pytest.mark.parametrize(("value", "error"), BAD_DIGESTS.values(), ids=BAD_DIGESTS)
def test_a_signed_digest_is_refused_that_is(value: str, error: type[CryptoError]) -> None:
    with pytest.raises(error):
        with_digest(value).arrive()


def test_a_second_digest_of_another_kind_does_no_harm() -> None:
    assert with_digest(f"{SHA512}, {content_digest(BODY)}").arrive().kid == SIGNER.kid


def test_a_request_is_received_once() -> None:
    nonces = MemoryNonces()
    message = sent()
    message.arrive(nonces=nonces)
    with pytest.raises(Replayed):
        message.arrive(nonces=nonces)


def test_what_is_remembered_is_the_key_the_nonce_and_the_end() -> None:
    nonces = MemoryNonces()
    sent(nonce="n-1").arrive(nonces=nonces)
    assert nonces.seen == {(SIGNER.kid, "n-1"): NOW + 300}


CLOCKS = {
    "both clocks agree": (0, True),
    "ours is 300 s behind": (-300, True),
    "ours is 301 s behind": (-301, False),
    "it arrives when it ends and our clock is 300 s ahead": (600, True),
    "a second later": (601, False),
}


@pytest.mark.parametrize(("offset", "welcome"), CLOCKS.values(), ids=CLOCKS)
def test_clocks_may_differ_by_five_minutes(offset: int, *, welcome: bool) -> None:
    if welcome:
        assert sent().arrive(now=NOW + offset).kid == SIGNER.kid
    else:
        with pytest.raises(ClockSkew):
            sent().arrive(now=NOW + offset)


def test_a_request_for_another_node_is_refused_whatever_its_headers_say() -> None:
    message = sent().having(host=AUTHORITY, x_forwarded_host=AUTHORITY)
    with pytest.raises(BadSignature):
        message.arrive(authority="ug.example")


def test_behind_a_proxy_the_configured_name_is_what_counts() -> None:
    message = sent(url="https://ke.example/cnp/1/hints?a=1")
    inside = replace(message, url="http://10.0.0.7:8080/cnp/1/hints?a=1").having(host="10.0.0.7:8080")
    assert inside.arrive(authority="ke.example").kid == SIGNER.kid
    assert replace(message, url="/cnp/1/hints?a=1").arrive(authority="ke.example").kid == SIGNER.kid


TARGETS = {
    "/a?b": "https://ke.example/a?b",
    "/a?u=http://x/y": "https://ke.example/a?u=http://x/y",
    "http://x": "https://ke.example",
    "http://x?b": "https://ke.example?b",
    "http://user@x:1/a/b": "https://ke.example/a/b",
    "//x/a": "https://ke.example//x/a",
}


@pytest.mark.parametrize(("target", "absolute"), TARGETS.items())
def test_only_path_and_query_are_taken_from_what_arrived(target: str, absolute: str) -> None:
    assert public_url("ke.example", target) == absolute


def test_the_authority_of_an_endpoint_is_in_the_form_that_is_signed() -> None:
    assert authority_of("http://127.0.0.1:8401/ke") == AUTHORITY
    assert authority_of("http://KE.example:80") == "ke.example"
    assert authority_of("https://[::1]:8401/") == "[::1]:8401"
    with pytest.raises(ValueError, match="endpoint"):
        authority_of("ke.example")


UNSIGNABLE = {
    "a body without a type": ({"headers": {}}, "needs a content-type"),
    "a digest set before": (
        {"headers": JSON | {"Content-Digest": content_digest(BODY)}},
        "set by the signing",
    ),
    "a relative URL": ({"url": "/cnp/1/inbox"}, "cannot be signed"),
    "a method in lower case": ({"method": "post"}, "cannot be signed"),
}


@pytest.mark.parametrize(("wrong", "reason"), UNSIGNABLE.values(), ids=UNSIGNABLE)
def test_nothing_is_signed_that_could_not_be_verified(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sent(**wrong)


def test_an_endless_signature_is_not_even_parsed() -> None:
    with pytest.raises(MessageRefused, match="longer than"):
        GOOD.having(signature_input=GOOD.headers["signature-input"] + ";x" * 5000).arrive()


# Responses


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    request: Request

    def arrive(self, *, now: int = NOW):
        return httpsig.verify_response(
            status=self.status,
            headers=self.headers,
            body=self.body,
            request=self.request,
            key_for=key_for,
            now=now,
        )


def asked(message: Sent) -> Request:
    return Request(method=message.method, url=message.url, headers=message.headers)


def answer(request: Request, *, status: int = 200, body: bytes = BODY, now: int = NOW) -> Answer:
    before = JSON if body else {}
    added = httpsig.sign_response(status=status, headers=before, body=body, request=request, signer=SIGNER, now=now)
    return Answer(status, before | added, body, request)


QUESTION = asked(sent(nonce="n-1"))
ANSWER = answer(QUESTION)


def test_an_answer_arrives_with_and_without_a_body() -> None:
    verified = ANSWER.arrive()
    assert (verified.kid, verified.created, verified.nonce) == (SIGNER.kid, NOW, None)
    assert answer(QUESTION, status=204, body=b"").arrive().kid == SIGNER.kid


def test_the_server_may_know_itself_by_another_address() -> None:
    as_received = replace(QUESTION, url=public_url(AUTHORITY, "/ke/cnp/1/inbox?lane=bulk&x=%2F"))
    assert replace(answer(as_received), request=QUESTION).arrive().kid == SIGNER.kid


OTHER_QUESTIONS = {
    "asked again with another nonce": asked(sent(nonce="n-2")),
    "asked of another path": asked(sent(nonce="n-1", url=URL.replace("inbox", "hints"))),
    "asked with another query": asked(sent(nonce="n-1", url=URL + "&y=2")),
    "asked of another node": asked(sent(nonce="n-1", url=URL.replace("8401", "8402"))),
    "asked with another method": asked(sent(nonce="n-1", method="PUT")),
    "asked with another body": asked(sent(nonce="n-1", body=b"{}")),
    "asked by another node": asked(sent(nonce="n-1", signer=OTHER)),
}


@pytest.mark.parametrize("question", OTHER_QUESTIONS.values(), ids=OTHER_QUESTIONS)
def test_an_answer_does_not_answer_the_question(question: Request) -> None:
    with pytest.raises(BadSignature):
        replace(ANSWER, request=question).arrive()


REFUSED_ANSWERS = {
    "another status": (replace(ANSWER, status=404), BadSignature),
    "another body": (replace(ANSWER, body=b"{}"), DigestMismatch),
    "no signature": (replace(ANSWER, headers=JSON), BadSignature),
    "another type": (replace(ANSWER, headers=ANSWER.headers | {"content-type": "text/html"}), BadSignature),
    "the headers of a request": (replace(ANSWER, headers=dict(QUESTION.headers)), MessageRefused),
}


@pytest.mark.parametrize(("message", "error"), REFUSED_ANSWERS.values(), ids=REFUSED_ANSWERS)
def test_an_answer_is_refused_for(message: Answer, error: type[CryptoError]) -> None:
    with pytest.raises(error):
        message.arrive()


def test_an_answer_says_what_the_profile_says() -> None:
    components = (
        '"@status" "@method";req "@authority";req "@path";req "@query";req "signature";req;key="cnp" '
        '"content-digest" "content-type"'
    )
    assert ANSWER.headers["signature-input"] == f"cnp=({components}){parameters(nonce=None)}"


def test_a_body_put_under_an_answer_without_one_is_refused() -> None:
    empty = answer(QUESTION, status=200, body=b"")
    with pytest.raises(MissingCoverage, match="content-digest"):
        replace(empty, body=BODY, headers=JSON | empty.headers).arrive()


@pytest.mark.parametrize("left_out", httpsig.RESPONSE_COMPONENTS)
def test_each_component_of_an_answer_has_to_be_covered(left_out: str) -> None:
    given = ANSWER.headers["signature-input"]
    name = left_out if left_out.startswith('"') else f'"{left_out}"'
    assert name in given
    headers = ANSWER.headers | {"signature-input": given.replace(name + " ", "", 1)}
    with pytest.raises(MissingCoverage):
        replace(ANSWER, headers=headers).arrive()


def test_an_old_answer_is_refused() -> None:
    with pytest.raises(ClockSkew):
        ANSWER.arrive(now=NOW + 601)


def test_an_answer_that_is_bound_to_nothing_is_refused() -> None:
    params = parameters(nonce=None)
    base = f'"@status": 200\n"@signature-params": ("@status"){params}'
    loose = {
        "signature-input": f'cnp=("@status"){params}',
        "signature": f"cnp=:{base64.b64encode(SIGNER.sign(base.encode())).decode()}:",
    }
    with pytest.raises(MissingCoverage):
        Answer(200, loose, b"", QUESTION).arrive()


def test_an_unsigned_question_gets_no_signed_answer() -> None:
    with pytest.raises(ValueError, match="sign"):
        answer(Request(method="GET", url=URL, headers={}))


# Public vectors


def appendix_b() -> tuple[Request, bytes, PublicKey]:
    """Section B.2.6: the test request, signed with the Ed25519 key under the label sig-b26."""
    vectors = json.loads(shared("vectors/rfc9421-rfc9530/appendix-b.json").read_text())
    [case] = [each for each in vectors["cases"] if each["label"] == "sig-b26"]
    head, _, body = vectors["messages"][case["message"]].partition("\n\n")
    start, *lines = head.split("\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers |= {"Signature-Input": case["signature_input"], "Signature": case["signature"]}
    jwk = json.loads(vectors["keys"]["test-key-ed25519"][1])
    key = admit_jwk({name: jwk[name] for name in ("kty", "crv", "x")})
    method, target, _ = start.split(" ")
    return (
        Request(method=method, url=f"https://{headers['Host']}{target}", headers=headers),
        body.encode(),
        key,
    )


COVERED_B26 = ("date", "@method", "@path", "@authority", "content-type", "content-length")
CREATED_B26 = 1618884473


def test_the_ed25519_example_of_rfc_9421_verifies() -> None:
    request, body, key = appendix_b()
    verified = httpsig.verify_message(request, body=body, key_for=lambda _: key, now=CREATED_B26, require=COVERED_B26)
    assert (verified.created, verified.nonce) == (CREATED_B26, None)


def test_the_ed25519_example_of_rfc_9421_proves_nothing_else() -> None:
    request, body, key = appendix_b()
    lies = {
        "another method": (replace(request, method="PUT"), body, COVERED_B26, CREATED_B26, BadSignature),
        "another date": (
            replace(request, headers=dict(request.headers) | {"Date": "Tue, 20 Apr 2021 02:07:56 GMT"}),
            body,
            COVERED_B26,
            CREATED_B26,
            BadSignature,
        ),
        "the query": (request, body, (*COVERED_B26, "@query"), CREATED_B26, MissingCoverage),
        "another body": (request, body + b" ", COVERED_B26, CREATED_B26, DigestMismatch),
        "a later day": (request, body, COVERED_B26, CREATED_B26 + 86_400, ClockSkew),
    }
    for message, content, require, now, error in lies.values():
        with pytest.raises(error):
            httpsig.verify_message(message, body=content, key_for=lambda _: key, now=now, require=require)


def test_any_message_may_be_a_response() -> None:
    response = Response(status=200, headers=ANSWER.headers, request=QUESTION)
    verified = httpsig.verify_message(
        response, body=BODY, key_for=key_for, now=NOW, require=["@status", '"@method";req']
    )
    assert verified.kid == SIGNER.kid


def test_the_sample_digests_of_rfc_9530_are_ours() -> None:
    sample = json.loads(shared("vectors/rfc9421-rfc9530/rfc9530-sample-digests.json").read_text())
    body = sample["input"].encode()
    assert content_digest(body) == f"sha-256={sample['sha-256']}"
    for name in ("sha-256", "sha-512"):
        check_digest(f"{name}={sample[name]}", body, hashes=("sha-256", "sha-512"))
        with pytest.raises(DigestMismatch):
            check_digest(f"{name}={sample[name]}", body + b" ", hashes=("sha-256", "sha-512"))
    for name, value in sample["deprecated"].items():
        with pytest.raises(DigestMismatch):
            check_digest(f"{name}={value}", body)


# Parts of something (RFC 9110, section 14)


def test_the_part_that_is_asked_for_has_to_be_covered_and_cannot_be_changed() -> None:
    asked = sent(method="GET", body=b"", headers={"range": "bytes=0-9"})
    assert '"range"' in asked.headers["signature-input"]
    asked.arrive()
    with pytest.raises(BadSignature):
        asked.having(range="bytes=0-99").arrive()
    with pytest.raises(MissingCoverage, match="range"):
        sent(method="GET", body=b"").having(range="bytes=0-9").arrive()


def test_the_part_that_is_given_has_to_be_covered_and_cannot_be_changed() -> None:
    question = Request(method="GET", url=URL, headers=sent(method="GET", body=b"").headers)
    before = {"content-type": "application/octet-stream", "content-range": "bytes 0-3/9"}
    added = httpsig.sign_response(status=206, headers=before, body=b"part", request=question, signer=SIGNER, now=NOW)

    def verify(headers: dict[str, str]) -> None:
        httpsig.verify_response(
            status=206, headers=headers, body=b"part", request=question, key_for=key_for, now=NOW
        )  # fmt: skip

    verify({**before, **added})
    with pytest.raises(BadSignature):
        verify({**before, **added, "content-range": "bytes 4-7/9"})
    whole = {name: value for name, value in before.items() if name != "content-range"}
    added = httpsig.sign_response(status=206, headers=whole, body=b"part", request=question, signer=SIGNER, now=NOW)
    with pytest.raises(MissingCoverage, match="content-range"):
        verify({**before, **added})
