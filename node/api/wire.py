"""The server's HTTP reader with a bound on what nobody has authenticated yet: the header section.

The parser keeps request line and headers until the empty line behind them; without a bound a stranger's endless header
fills the memory. What one read of the socket brings is let through, what goes on for longer is refused and closed.

Trust: none; this is before anything of a request is believed.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 16_384
"""Bytes of a header section (protocol page, limits)."""


class BoundedHead(HttpToolsProtocol):
    """Refuses a header section that is not complete after `MAX_HEAD` bytes."""

    _in_head = False
    _head = 0

    def data_received(self, data: bytes) -> None:
        """Parse, and count while the headers go on."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The header section is too large.")

    def on_message_begin(self) -> None:
        """A request line begins."""
        self._in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The empty line is there."""
        self._in_head = False
        super().on_headers_complete()
