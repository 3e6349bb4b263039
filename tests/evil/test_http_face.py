"""The face towards peers, asked by somebody who signs what he likes: the real application, over ASGI."""

import asyncio
import gzip
from types import SimpleNamespace

import httpx
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from crypto import httpsig
from federation.receipts import MAX_RECEIPT_BYTES
from node.api import peer as peer_face
from node.storage import feeds
from node.storage.nonces import Nonces
from node.storage.tables import feed_out
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator.naive import tree_root

HOST = "http://tz.test"


@pytest.fixture(scope="module")
def fed():
    return make_federation(["KE", "TZ", "ZA"])


class Face:
    """The node TZ, and a way to ask it with any bytes."""

    def __init__(self, fed, database):
        self.fed, self.database, self.now, self.woken, self.stale = fed, database, NOW, [], False
        self.app = self.build()

    def build(self):
        """The application; built anew it is the node after a restart."""
        membership = SimpleNamespace(current=lambda: self.fed.directory, stale=lambda _now: self.stale)
        face = peer_face.PeerFace(
            node="TZ", authority="tz.test", database=self.database, membership=membership,
            nonces=Nonces(self.database), http_signer=self.fed.signer("TZ", "http"),
            log_signer=self.fed.signer("TZ", "log"),
            exchange=SimpleNamespace(wake=self.woken.append, busy=lambda: None),
            clock=lambda: self.now,
        )  # fmt: skip
        app = FastAPI()
        app.include_router(peer_face.router(face))
        return app

    def send(self, method, path, headers, body=b"", base=HOST):
        async def go():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=base) as client:
                return await client.request(method, path, headers=headers, content=body or None)

        return asyncio.run(go())

    def signed(
        self,
        method,
        path,
        body=b"",
        *,
        who="ZA",
        use="http",
        content_type="application/json",
        now=NOW,
        host=HOST,
        **more,
    ):
        headers = {"content-type": content_type} if body else {}
        return headers | httpsig.sign_request(
            method=method,
            url=host + path,
            headers=headers,
            body=body,
            signer=self.fed.signer(who, use),
            now=now,
            **more,
        )

    def ask(self, method, path, body=b"", **options):
        return self.send(method, path, self.signed(method, path, body, **options), body)


@pytest.fixture
def face(fed, sqlite_database):
    return Face(fed, sqlite_database)


def problem(response):
    return orjson.loads(response.content)["type"].removeprefix("urn:cnp:problem:")


def test_a_member_gets_its_own_feed_and_the_answer_is_signed(face):
    path = "/cnp/1/feeds/ZA/bulk?from=0&limit=5"
    headers = face.signed("GET", path)
    response = face.send("GET", path, headers)
    assert response.status_code == 200
    assert orjson.loads(response.content)["feed"] == "TZ/ZA/bulk/0"
    asked = httpsig.Request(method="GET", url=HOST + path, headers=headers)
    httpsig.verify_response(
        status=200, headers=dict(response.headers), body=response.content, request=asked, now=NOW,
        key_for=lambda kid: face.fed.directory.key(kid, use="http", at=NOW, node="TZ").public,
    )  # fmt: skip


def test_an_answer_to_another_request_is_no_answer(face):
    path, other = "/cnp/1/feeds/ZA/bulk?from=0", "/cnp/1/feeds/ZA/urgent?from=0"
    response = face.send("GET", path, face.signed("GET", path))
    asked = httpsig.Request(method="GET", url=HOST + other, headers=face.signed("GET", other))
    with pytest.raises(Exception, match=r"signature|coverage|covered"):
        httpsig.verify_response(
            status=200, headers=dict(response.headers), body=response.content, request=asked, now=NOW,
            key_for=lambda kid: face.fed.directory.key(kid, use="http", at=NOW, node="TZ").public,
        )  # fmt: skip


REFUSED = {
    "not signed at all": (lambda f: f.send("GET", "/cnp/1/feeds/ZA/bulk", {}), "bad-signature"),
    "signed with the record key": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk", use="record"), "wrong-key-use"),
    "signed with the log key": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk", use="log"), "wrong-key-use"),
    "signed by the node itself": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk", who="TZ"), "not-member"),
    "signed five minutes and a second ago": (
        lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk", now=NOW - 601),
        "clock-skew",
    ),
    "signed in the future": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk", now=NOW + 301), "clock-skew"),
    "signed for another path": (
        lambda f: f.send("GET", "/cnp/1/feeds/ZA/bulk", f.signed("GET", "/cnp/1/feeds/ZA/urgent")),
        "bad-signature",
    ),
    "signed for another query": (
        lambda f: f.send("GET", "/cnp/1/feeds/ZA/bulk?from=1", f.signed("GET", "/cnp/1/feeds/ZA/bulk?from=0")),
        "bad-signature",
    ),
    "signed for another node": (
        lambda f: f.send("GET", "/cnp/1/feeds/ZA/bulk", f.signed("GET", "/cnp/1/feeds/ZA/bulk", host="http://ke.test")),
        "bad-signature",
    ),
    "signed for another node whose name it writes into the host header": (
        lambda f: f.send(
            "GET",
            "/cnp/1/feeds/ZA/bulk",
            f.signed("GET", "/cnp/1/feeds/ZA/bulk", host="http://ke.test") | {"host": "ke.test", "x-forwarded-host": "ke.test"},  # noqa: E501 - a row of a table
        ),
        "bad-signature",
    ),
    "signed for another method": (
        lambda f: f.send("POST", "/cnp/1/hints", f.signed("GET", "/cnp/1/hints")),
        "bad-signature",
    ),
    "with another body than was signed": (
        lambda f: f.send("POST", "/cnp/1/hints", f.signed("POST", "/cnp/1/hints", b"{}"), b"[]"),
        "digest-mismatch",
    ),
    "with a body that was not signed": (
        lambda f: f.send("POST", "/cnp/1/hints", f.signed("POST", "/cnp/1/hints"), b"{}"),
        "missing-coverage",
    ),
    "for the feed of somebody else": (lambda f: f.ask("GET", "/cnp/1/feeds/KE/bulk"), "not-found"),
    "for the feed of nobody": (lambda f: f.ask("GET", "/cnp/1/feeds/XX/bulk"), "not-found"),
    "for a lane that does not exist": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/slow"), "not-found"),
    "from beyond the head": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk?from=7"), "from-beyond-head"),
    "from no number": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk?from=-1"), "malformed"),
    "from a number of a thousand digits": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk?from=" + "9" * 1000), "malformed"),  # noqa: E501 - a row of a table
    "with a checkpoint that is no base64url": (lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk?cp=%25"), "malformed"),
    "with a checkpoint of its own making": (
        lambda f: f.ask("GET", "/cnp/1/feeds/ZA/bulk?from=0&cp=" + peer_note(f)),
        "bad-signature",
    ),
    "with a hint that says something": (lambda f: f.ask("POST", "/cnp/1/hints", b'{"rid":"x"}'), "malformed"),
    "with a receipt that is none": (lambda f: f.ask("POST", "/cnp/1/receipts", b"receipt"), "malformed"),
    "with a receipt in no known letters": (lambda f: f.ask("POST", "/cnp/1/receipts", b"\xff" * 9), "malformed"),
    "with a record as a receipt": (
        lambda f: f.ask("POST", "/cnp/1/receipts", EvilPeer(f.fed, "ZA").record().jwt.encode()),
        "malformed",
    ),
    "with a body beyond all limits": (lambda f: f.ask("POST", "/cnp/1/receipts", b"x" * (MAX_RECEIPT_BYTES + 1)), "too-large"),  # noqa: E501 - a row of a table
}  # fmt: skip


def peer_note(face):
    from federation.pages import note_to_query  # noqa: PLC0415 - the one use

    feed = EvilPeer(face.fed, "ZA").feed("TZ")
    return note_to_query(feed.note(0))


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_request_is_refused(sentence, face):
    ask, word = REFUSED[sentence]
    response = ask(face)
    assert problem(response) == word
    assert response.headers["content-type"] == "application/problem+json"
    assert b"Traceback" not in response.content
    assert face.woken == []


def test_a_signer_outside_the_directory_is_nobody(face):
    stranger = make_federation(["ZA"])
    headers = httpsig.sign_request(
        method="GET",
        url=HOST + "/cnp/1/feeds/ZA/bulk",
        headers={},
        body=b"",
        signer=stranger.signer("ZA", "http"),
        now=NOW,
    )
    assert problem(face.send("GET", "/cnp/1/feeds/ZA/bulk", headers)) == "unknown-key"


@pytest.mark.parametrize("status", ["suspended", "left"])
def test_a_member_in_bad_standing_gets_nothing(status, face):
    face.fed = face.fed.with_node("ZA", status=status)
    for method, path, body in (("GET", "/cnp/1/feeds/ZA/bulk", b""), ("POST", "/cnp/1/hints", b"{}")):
        assert problem(face.ask(method, path, body)) == "suspended"


def test_a_revoked_key_opens_nothing(face):
    face.fed = face.fed.with_key("ZA", "http", revoked={"since": NOW - 5, "reason": "stolen"})
    assert problem(face.ask("GET", "/cnp/1/feeds/ZA/bulk")) == "revoked-key"


def test_nothing_leaves_by_a_stale_directory(face):
    face.stale = True
    assert problem(face.ask("GET", "/cnp/1/feeds/ZA/bulk")) == "directory-stale"
    assert face.ask("POST", "/cnp/1/hints", b"{}").status_code == 200


def test_what_comes_in_is_taken_also_by_a_stale_directory(grown):
    grown.stale = True
    token = EvilPeer(grown.fed, "ZA").receipt("TZ/ZA/bulk/0", 2, roots(2))
    answer = grown.ask("POST", "/cnp/1/receipts", token.encode(), content_type="application/jwt")
    assert orjson.loads(answer.content) == {"accepted": True}


@pytest.mark.parametrize("length", [22, 64, 65, 128])
def test_a_replayed_request_is_refused_also_after_a_restart(length, fed, database):
    face = Face(fed, database)
    headers = face.signed("POST", "/cnp/1/hints", b"{}", nonce="N" * length)
    assert face.send("POST", "/cnp/1/hints", headers, b"{}").status_code == 200
    assert problem(face.send("POST", "/cnp/1/hints", headers, b"{}")) == "replayed"
    face.app = face.build()
    assert problem(face.send("POST", "/cnp/1/hints", headers, b"{}")) == "replayed"
    face.now += 299
    assert problem(face.send("POST", "/cnp/1/hints", headers, b"{}")) == "replayed"
    face.now += 400
    assert problem(face.send("POST", "/cnp/1/hints", headers, b"{}")) == "clock-skew"
    assert face.woken == ["ZA"]


def test_an_unknown_feed_and_a_forbidden_one_look_the_same(face):
    with face.database.write() as connection:
        feeds.ensure(connection, ["KE", "ZA"])
    answers = [face.ask("GET", f"/cnp/1/feeds/{who}/bulk") for who in ("KE", "XX")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers.keys())) for answer in answers}) == 1
    assert len({answer.headers["content-length"] for answer in answers}) == 1


@pytest.fixture
def grown(face):
    """TZ has given ZA two entries and KE three."""
    with face.database.write() as connection:
        feeds.ensure(connection, ["KE", "ZA"])
        locked = feeds.lock(connection, ["KE", "ZA"])
        for who, count in (("ZA", 2), ("KE", 3)):
            feed = locked[who, "bulk"]
            feeds.append(connection, [feeds.NewEntry(feed, f'{{"n":{n}}}', None, "0") for n in range(count)])
    return face


def roots(count):
    return tree_root([f'{{"n":{n}}}'.encode() for n in range(count)])


RECEIPTS = {
    "for the whole feed": (lambda p: p.receipt("TZ/ZA/bulk/0", 2, roots(2)), None, 2),
    "for a part of it": (lambda p: p.receipt("TZ/ZA/bulk/0", 1, roots(1)), None, 1),
    "for more than there is": (lambda p: p.receipt("TZ/ZA/bulk/0", 3, roots(3)), "from-beyond-head", 0),
    "with another root": (lambda p: p.receipt("TZ/ZA/bulk/0", 2, roots(1)), "malformed", 0),
    "of a negative size": (lambda p: p.receipt("TZ/ZA/bulk/0", -1, roots(0)), "malformed", 0),
    "for somebody else's feed": (lambda p: p.receipt("TZ/KE/bulk/0", 3, roots(3)), "unknown-key", 0),
    "in somebody else's name": (lambda p: p.receipt("TZ/KE/bulk/0", 3, roots(3), iss="KE"), "unknown-key", 0),
    "for a feed that another gives": (lambda p: p.receipt("KE/ZA/bulk/0", 2, roots(2)), "not-found", 0),
    "for an epoch that never was": (lambda p: p.receipt("TZ/ZA/bulk/1", 2, roots(2)), "not-found", 0),
    "of another federation": (lambda p: p.receipt("TZ/ZA/bulk/0", 2, roots(2), fed="live"), "not-member", 0),
    "of tomorrow": (lambda p: p.receipt("TZ/ZA/bulk/0", 2, roots(2), iat=NOW + 86_400), "clock-skew", 0),
    "by the record key": (
        lambda p: p.receipt("TZ/ZA/bulk/0", 2, roots(2), signer=p.signers["record"]),
        "wrong-key-use",
        0,
    ),
    "whose quarantine is a text": (lambda p: p.receipt("TZ/ZA/bulk/0", 2, roots(2), quarantined="all"), "malformed", 0),
    "whose size is a text": (lambda p: p.receipt("TZ/ZA/bulk/0", "2", roots(2)), "malformed", 0),
}  # fmt: skip


@pytest.mark.parametrize("sentence", RECEIPTS)
def test_a_receipt(sentence, grown):
    make, word, confirmed = RECEIPTS[sentence]
    token = make(EvilPeer(grown.fed, "ZA"))
    response = grown.ask("POST", "/cnp/1/receipts", token.encode(), content_type="application/jwt")
    if word is None:
        assert response.status_code == 200
    else:
        assert problem(response) == word
    with grown.database.read() as connection:
        sizes = {row.recipient: row.receipt_size for row in connection.execute(select(feed_out)) if row.lane == "bulk"}
    assert sizes == {"ZA": confirmed, "KE": 0}


def test_a_receipt_delivered_by_another_member_is_not_taken(grown):
    token = EvilPeer(grown.fed, "KE").receipt("TZ/KE/bulk/0", 3, roots(3))
    response = grown.ask("POST", "/cnp/1/receipts", token.encode(), content_type="application/jwt")
    assert problem(response) == "not-found"


def test_an_older_receipt_does_not_replace_a_newer_one(grown):
    peer = EvilPeer(grown.fed, "ZA")
    for size in (2, 1):
        body = peer.receipt("TZ/ZA/bulk/0", size, roots(size)).encode()
        response = grown.ask("POST", "/cnp/1/receipts", body, content_type="application/jwt")
        assert orjson.loads(response.content) == {"accepted": size == 2}
    with grown.database.read() as connection:
        assert feeds.out_feed(connection, "ZA", "bulk").receipt_size == 2


ALIKE = {
    "feeds": ["/cnp/1/feeds/KE/bulk?from=0", "/cnp/1/feeds/XX/bulk?from=0", "/cnp/1/feeds/ZA/other?from=0"],
}


@pytest.mark.parametrize("kind", ALIKE)
def test_what_is_forbidden_and_what_is_not_there_are_answered_alike(face, kind):
    """Status, body and headers, but for those that hold a signature or a time."""
    seen = set()
    for path in ALIKE[kind]:
        response = face.ask("GET", path)
        named = {name: value for name, value in response.headers.items() if not name.startswith("signature")}
        seen.add((response.status_code, response.content, tuple(sorted(named.items()))))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 404


def test_a_packed_body_is_refused_unread(face):
    body = gzip.compress(bytes(1_000_000))
    headers = face.signed("POST", "/cnp/1/receipts", body, content_type="application/jwt")
    response = face.send("POST", "/cnp/1/receipts", headers | {"content-encoding": "gzip"}, body)
    assert (response.status_code, problem(response)) == (400, "malformed")
