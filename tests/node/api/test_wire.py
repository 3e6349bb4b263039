"""The bound on a header section that nobody has authenticated yet."""

from __future__ import annotations

import asyncio

import uvicorn
from uvicorn.server import ServerState

from node.api.wire import MAX_HEAD, BoundedHead


class Line(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read."""


async def nothing(scope, receive, send) -> None:
    """An application that answers nothing."""


def after(*pieces: bytes) -> Line:
    async def feed() -> Line:
        config = uvicorn.Config(nothing, http=BoundedHead, log_config=None, access_log=False)
        config.load()
        protocol = BoundedHead(config=config, server_state=ServerState(), app_state={})
        line = Line()
        protocol.connection_made(line)
        for piece in pieces:
            if not line.closed:
                protocol.data_received(piece)
        sent = Line()
        sent.sent, sent.closed = line.sent, line.closed
        return sent

    return asyncio.run(feed())


def test_a_header_section_without_end_is_refused_and_the_line_closed() -> None:
    line = after(b"GET / HTTP/1.1\r\nX-A: ", *[b"a" * 1_000] * (MAX_HEAD // 1_000 + 1))
    assert line.closed
    assert line.sent.startswith(b"HTTP/1.1 400 ")


def test_a_long_body_is_no_header_section() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"
    assert not after(head, *[b"a" * 1_000] * 90).closed
