"""The signed road over a wire that the test holds in its hands: which answers count."""

import asyncio

import httpx
import orjson
import pytest

from crypto import httpsig
from federation.errors import FederationError, FromBeyondHead, NotMember, Quota
from federation.pages import MAX_PAGE_BYTES
from federation.replication import LinkDown
from federation.transport import PeerLink, make_client, problem_from
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "ZA"], endpoints={"KE": "http://ke.test", "ZA": None})


class Wire(httpx.AsyncBaseTransport):
    """Answers each request with `answer(request)`."""

    def __init__(self, answer):
        self.answer, self.requests = answer, []

    async def handle_async_request(self, request):
        await request.aread()
        self.requests.append(request)
        return self.answer(request)


def signed(request, body=b"{}", status=200, *, who="KE", use="http", now=NOW, url=None, **headers):
    headers = {"content-type": "application/json", **headers}
    asked = httpsig.Request(method=request.method, url=url or str(request.url), headers=dict(request.headers))
    headers |= httpsig.sign_response(
        status=status, headers=headers, body=body, request=asked, signer=FED.signer(who, use), now=now
    )
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def fetched(answer, peer="KE"):
    wire = Wire(answer)

    async def go():
        async with httpx.AsyncClient(transport=wire) as client:
            link = PeerLink(
                peer=peer, node="TZ", client=client, directory=lambda: FED.directory, signer=FED.signer("TZ", "http"),
                clock=lambda: NOW,
            )  # fmt: skip
            return await link.fetch(lane="bulk", start=3, limit=7, note="note")

    return asyncio.run(go()), wire


def test_a_request_is_signed_and_says_where_to_go_on():
    data, wire = fetched(lambda request: signed(request, b'{"feed":1}'))
    assert data == b'{"feed":1}'
    (request,) = wire.requests
    assert (request.url.path, dict(request.url.params)["from"]) == ("/cnp/1/feeds/TZ/bulk", "3")
    httpsig.verify_request(
        method="GET", url=str(request.url), authority="ke.test", headers=dict(request.headers), body=b"", now=NOW,
        key_for=lambda kid: FED.directory.key(kid, use="http", at=NOW, node="TZ").public,
        nonces=type("Nonces", (), {"remember": lambda *_: True})(),
    )  # fmt: skip


def problem(word):
    return orjson.dumps(
        {"type": f"urn:cnp:problem:{word}", "title": "x", "status": 409, "detail": "peer's words", "from": 2}
    )


def altered(request):
    response = signed(request, b'{"feed":1}')
    return httpx.Response(200, headers=response.headers, stream=httpx.ByteStream(b'{"feed":2}'))


def other_status(request):
    response = signed(request, problem("not-found"), 404)
    return httpx.Response(200, headers=response.headers, stream=httpx.ByteStream(problem("not-found")))


ANSWERS = {
    "is not signed": (lambda r: httpx.Response(200, stream=httpx.ByteStream(b"{}")), None),  # noqa: ARG005 - one shape for all
    "is signed by another member": (lambda r: signed(r, who="ZA"), "unknown-key"),
    "is signed with the record key": (lambda r: signed(r, use="record"), "wrong-key-use"),
    "is signed for another request": (lambda r: signed(r, url="http://ke.test/cnp/1/feeds/TZ/bulk?from=9"), "bad-signature"),  # noqa: E501 - a row of a table
    "was signed ten minutes ago": (lambda r: signed(r, now=NOW - 601), "clock-skew"),
    "was altered on the way": (altered, "digest-mismatch"),
    "had another status when it was signed": (other_status, "bad-signature"),
    "is a redirect": (lambda r: signed(r, b"", 302, location="http://169.254.169.254/"), "malformed"),
    "is encoded": (lambda r: signed(r, **{"content-encoding": "gzip"}), "malformed"),
    "is larger than a page": (
        lambda r: httpx.Response(200, stream=httpx.ByteStream(b"x" * (MAX_PAGE_BYTES + 1))),  # noqa: ARG005 - one shape for all
        "too-large",
    ),
    "is a problem": (lambda r: signed(r, problem("suspended"), 403), "suspended"),
    "is a problem of no protocol": (lambda r: signed(r, b'{"type":"about:blank"}', 500), "malformed"),
    "is no JSON": (lambda r: signed(r, b"<html>", 502), "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", ANSWERS)
def test_an_answer_does_not_count_that(sentence):
    answer, word = ANSWERS[sentence]
    with pytest.raises(FederationError) as refused:
        fetched(answer)
    assert word is None or refused.value.problem == word
    assert "peer's words" not in refused.value.detail


def test_a_peer_that_does_not_answer_is_down():
    def fail(_request):
        raise httpx.ConnectTimeout("no road")

    with pytest.raises(LinkDown):
        fetched(fail)


def test_a_peer_without_an_address_is_not_asked():
    with pytest.raises(NotMember):
        fetched(lambda r: signed(r), peer="ZA")  # noqa: PLW0108 - one shape for all


def test_a_problem_says_where_to_go_on():
    error = problem_from(problem("from-beyond-head"))
    assert isinstance(error, FromBeyondHead)
    assert error.expected == 2


@pytest.mark.parametrize(
    ("said", "after"),
    [("20", 20), ("0", 0), ("Wed, 25 Nov 2026 10:00:00 GMT", None), ("-1", None), ("9" * 7, None)],
)
def test_a_peer_without_a_share_for_us_says_in_how_many_seconds_to_ask_again(said, after):
    with pytest.raises(Quota) as refused:
        fetched(lambda r: signed(r, problem("quota"), 429, **{"retry-after": said}))
    assert refused.value.after == after


def test_the_client_follows_nothing_and_asks_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:1")
    client = make_client()
    assert client.follow_redirects is False
    assert client.trust_env is False
    assert client.headers["accept-encoding"] == "identity"
    assert client.timeout.connect is not None
    assert not client._mounts
    asyncio.run(client.aclose())
