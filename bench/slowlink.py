"""A slow line between nodes: TCP proxies that share one wire.

All connections, in both directions, put what they carry into one short queue, first come first served, and one wire
empties it at so many bytes a second: as a narrow line with a small buffer before it does. A connection that has a place
in the queue taken waits for its turn, so many busy connections share the wire evenly. Opening a connection is free.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PIECE = 1_400
"""Bytes that take their turn together: a packet."""
QUEUE = 24
"""Pieces before the wire: 32 KB, two seconds at 128 kbit/s."""
Waiting = asyncio.Queue[tuple[asyncio.StreamWriter, bytes]]


@dataclass(slots=True)
class Line:
    """How fast it is, and how many bytes it has carried."""

    bytes_a_second: float
    carried: int = 0


@contextlib.contextmanager
def slow_link(routes: Mapping[int, int], *, bytes_a_second: float) -> Iterator[Line]:
    """Forward each port of `routes` to another one on loopback, all over one wire, in a thread of its own."""
    line = Line(bytes_a_second)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(_serve(routes, line, ready, done))
        loop.close()

    thread = threading.Thread(target=work, name="slow link", daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield line
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)


async def _serve(routes: Mapping[int, int], line: Line, ready: threading.Event, done: asyncio.Event) -> None:
    waiting: Waiting = asyncio.Queue(QUEUE)
    tasks: set[asyncio.Task[None]] = {asyncio.create_task(_wire(waiting, line))}
    servers = []
    for port, target in routes.items():

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: int = target) -> None:
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
            except OSError:
                writer.transport.abort()
                return
            for source, sink in ((reader, far_writer), (far_reader, writer)):
                task = asyncio.create_task(_carry(source, sink, waiting))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        servers.append(await asyncio.start_server(accept, "127.0.0.1", port))
    ready.set()
    await done.wait()
    for server in servers:
        server.close()
    left = list(tasks)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, waiting: Waiting) -> None:
    """One direction of one connection; an empty piece is its end."""
    piece = b"?"
    while piece:
        try:
            piece = await source.read(PIECE)
        except OSError:
            piece = b""
        await waiting.put((sink, piece))


async def _wire(waiting: Waiting, line: Line) -> None:
    loop = asyncio.get_running_loop()
    free = loop.time()
    while True:
        sink, piece = await waiting.get()
        # The wire is busy until `free`; it does not save up what it could have carried while nothing came.
        free = max(free, loop.time()) + len(piece) / line.bytes_a_second
        await asyncio.sleep(free - loop.time())
        line.carried += len(piece)
        with contextlib.suppress(OSError, RuntimeError):
            if piece:
                sink.write(piece)
            else:
                sink.close()
