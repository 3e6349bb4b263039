"""The server's HTTP reader with a bound on what nobody has authenticated yet: header section, trailers, chunk headers.

The parser keeps request line and headers until the empty line behind them, and what stands behind the last chunk of a
body until the next one; without a bound a stranger's endless header fills the memory. What one read of the socket
brings is let through; what goes on for longer without bringing any of a body is refused and closed. Trailers are read
over: no signature covers them, and nothing that was signed may change after its body has come.

Trust: none; this is before anything of a request is believed.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 16_384
"""Bytes of a header section (protocol page, limits), and of anything else that is no body."""


class BoundedHead(HttpToolsProtocol):
    """Refuses a message of which nothing but headers has come for `MAX_HEAD` bytes."""

    _in_message = False
    _in_body = False
    _came = False
    _idle = 0

    def data_received(self, data: bytes) -> None:
        """Parse, and count what brought nothing of a body."""
        self._came = False
        super().data_received(data)
        self._idle = 0 if self._came else self._idle + len(data)
        if self._in_message and self._idle > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The header section is too large.")

    def on_message_begin(self) -> None:
        """A request line begins."""
        self._in_message, self._in_body, self._idle = True, False, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; behind the body it is a trailer, and is dropped."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The empty line is there."""
        self._in_body, self._came = True, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body is there."""
        self._came = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of the message is there."""
        self._in_message = False
        super().on_message_complete()
