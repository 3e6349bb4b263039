"""The server's reader of HTTP, over a real socket: what is bounded before anybody is known, and what is dropped."""

import socket

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from node.api.wire import MAX_HEAD
from tests.served import free_port, serving


@pytest.fixture(scope="module")
def port():
    async def echo(request):
        before = dict(request.scope["headers"])
        body = await request.body()
        after = dict(request.scope["headers"])
        return JSONResponse({"size": len(body), "same": before == after, "late": after.get(b"x-late", b"").decode()})

    chosen = free_port()
    with serving(Starlette(routes=[Route("/", echo, methods=["POST"])]), chosen):
        yield chosen


def send(port, *pieces, pause=0.0):
    """Send pieces one after the other; what came back, and whether the server closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        try:
            for piece in pieces:
                sock.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            return b"closed"
        sock.settimeout(5)
        data = b""
        try:
            while piece := sock.recv(65_536):
                data += piece
                if b"\r\n\r\n" in data and b"}" in data:
                    break
        except ConnectionResetError:
            return data or b"closed"
        return data


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"


def test_a_body_in_chunks_arrives(port):
    assert b'"size":5' in send(port, HEAD + b"\r\n", b"5\r\nhello\r\n0\r\n\r\n")


def test_a_trailer_changes_nothing_of_the_request(port):
    answer = send(port, HEAD + b"\r\n5\r\nhello\r\n0\r\nX-Late: 1\r\nSignature: x\r\n\r\n")
    assert b'"same":true' in answer
    assert b'"late":""' in answer


ENDLESS = {
    "a header section": [b"POST / HTTP/1.1\r\n", *[b"X-A: " + b"a" * 1_000 + b"\r\n"] * 4_000],
    "trailers behind a body": [HEAD + b"\r\n5\r\nhello\r\n0\r\n", *[b"X-A: " + b"a" * 1_000 + b"\r\n"] * 4_000],
    "one trailer without end": [HEAD + b"\r\n5\r\nhello\r\n0\r\nX-A: ", *[b"a" * 1_000] * 4_000],
    "an extension of a chunk": [HEAD + b"\r\n5;", *[b"a" * 1_000] * 4_000],
}


@pytest.mark.parametrize("sentence", ENDLESS)
def test_what_never_ends_is_refused_and_closed(sentence, port):
    answer = send(port, *ENDLESS[sentence])
    assert answer == b"closed" or b" 400 " in answer


def test_a_long_body_is_not_taken_for_a_header(port):
    pieces = [b"%x\r\n" % 10_000 + b"a" * 10_000 + b"\r\n"] * 40
    assert b'"size":400000' in send(port, HEAD + b"\r\n", *pieces, b"0\r\n\r\n")
    plain = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n"
    assert b'"size":400000' in send(port, plain, *[b"a" * 10_000] * 40)
    assert MAX_HEAD < 400_000
