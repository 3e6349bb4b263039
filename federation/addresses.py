"""Which addresses this node connects to, and the HTTP transports that connect to no others.

The directory says where peers are, and whoever may write there could point this node at its own inside: a database, a
cloud's metadata service, the machine itself. So a name is resolved once, when a connection is made; every address that
it has must be a public one, or lie in a range that the operator lists; and the connection goes to that address and
nowhere else, while TLS and `Host` keep the name. A second look-up, to which a name server could give another answer,
never happens. In the same place: plain HTTP only to listed ranges, no user names in addresses, no numbers that look
like something else than an address.

Refused unless listed: everything that is not globally reachable (private, loopback, link-local, shared by carriers,
reserved, documentation), multicast, and whatever hides an IPv4 address in an IPv6 one (mapped, compatible, 6to4, NAT64,
Teredo), which a router near us would take out again.

Trust: name servers and the directory are asked, and not believed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network
    Resolve = Callable[[str, int], Sequence[str]]

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_SPECIAL: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::ffff:0:0/96",  # IPv4 in IPv6: mapped (RFC 4291, section 2.5.5.2)
        "::/96",  # and compatible, with :: and ::1
        "2002::/16",  # 6to4 (RFC 3056)
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # NAT64, local (RFC 8215)
        "2001::/32",  # Teredo (RFC 4380)
        "fec0::/10",  # site-local, deprecated and still routed by some
        "100.64.0.0/10",  # shared by carriers (RFC 6598)
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
    )
)
"""Listed here and not left to `is_global`, whose answers differ between versions of Python."""
_NUMBER: Final = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")
REFUSED: Final = "list it in [peers] allow_addresses if that is meant"


class AddressRefused(httpcore.ConnectError):
    """No connection was made; the sentence says why and what to do. Names the address, never what is behind it."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The rule: public addresses, and the ranges that the operator lists."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def of(cls, listed: Iterable[str]) -> Guard:
        """From ranges as they stand in the settings. Raises `ValueError` for what is no range."""
        return cls(tuple(ipaddress.ip_network(each) for each in listed))

    def check(self, host: str, addresses: Sequence[str], *, plain: bool) -> list[str]:
        """Return the addresses to connect to for a host, or raise `AddressRefused`: all of them pass, or none does."""
        check_host(host)
        if not addresses:
            raise AddressRefused(f"{host} has no address")
        for text in addresses:
            address = ipaddress.ip_address(text.partition("%")[0])
            if any(address.version == net.version and address in net for net in self.allowed):
                continue
            if not _public(address):
                raise AddressRefused(f"{host} is at {address}, which is no public address: {REFUSED}")
            if plain:
                raise AddressRefused(f"{host} is at {address}, and plain http is for this machine alone: {REFUSED}")
        return list(addresses)


def check_host(host: str) -> None:
    """Refuse numbers that some libraries read as addresses: `2130706433`, `0177.0.0.1`, `127.1`."""
    last = host.rstrip(".").rpartition(".")[2]
    if _NUMBER.fullmatch(last):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise AddressRefused(f"{host} is a number and no address: write it as four numbers") from None


def _public(address: Address) -> bool:
    if any(address.version == net.version and address in net for net in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(slots=True)
class _Backend(httpcore.AsyncNetworkBackend):
    """Where connections are made: looks the name up once, checks, and connects to what was checked."""

    guard: Guard
    plain: bool
    resolve: Resolve
    inner: Any = field(default_factory=httpcore.AnyIOBackend)

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None,  # noqa: ASYNC109 - the shape of httpcore
        local_address: str | None = None, socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        try:
            # Not `wait_for`: up to Python 3.11 it loses a cancellation that comes together with the answer.
            async with asyncio.timeout(timeout):
                found = await asyncio.to_thread(self.resolve, host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved") from error
        problem: Exception | None = None
        for address in self.guard.check(host, found, plain=self.plain):
            try:
                stream: httpcore.AsyncNetworkStream = await self.inner.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return stream
        assert problem is not None  # noqa: S101 - there was an address
        raise problem

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class _BlockingBackend(httpcore.NetworkBackend):
    """The same for threads."""

    guard: Guard
    plain: bool
    resolve: Resolve
    inner: Any = field(default_factory=httpcore.SyncBackend)

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        try:
            found = self.resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved") from error
        problem: Exception | None = None
        for address in self.guard.check(host, found, plain=self.plain):
            try:
                stream: httpcore.NetworkStream = self.inner.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return stream
        assert problem is not None  # noqa: S101 - there was an address
        raise problem


def _refuse_target(url: httpx.URL) -> None:
    if url.scheme not in {"http", "https"}:
        raise httpx.UnsupportedProtocol("only http and https are spoken")
    if url.userinfo:
        raise httpx.UnsupportedProtocol("an address holds no user name and no password")


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to what the guard lets through, and to nothing else."""

    def __init__(self, guard: Guard, *, limits: httpx.Limits, resolve: Resolve = resolve) -> None:
        self._inner = {}
        for scheme in ("https", "http"):
            transport = httpx.AsyncHTTPTransport(trust_env=False, limits=limits)
            # httpx has no parameter for what makes the connections; httpcore, on which it stands, has.
            transport._pool._network_backend = _Backend(guard, scheme == "http", resolve)  # noqa: SLF001
            self._inner[scheme] = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a connection that was checked when it was made."""
        _refuse_target(request.url)
        return await self._inner[request.url.scheme].handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._inner.values():
            await transport.aclose()


class BlockingGuardedTransport(httpx.BaseTransport):
    """The same for threads."""

    def __init__(self, guard: Guard, *, resolve: Resolve = resolve) -> None:
        self._inner = {}
        for scheme in ("https", "http"):
            transport = httpx.HTTPTransport(trust_env=False)
            transport._pool._network_backend = _BlockingBackend(guard, scheme == "http", resolve)  # noqa: SLF001
            self._inner[scheme] = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a connection that was checked when it was made."""
        _refuse_target(request.url)
        return self._inner[request.url.scheme].handle_request(request)

    def close(self) -> None:
        """Close all connections."""
        for transport in self._inner.values():
            transport.close()


def why_refused(error: BaseException) -> str | None:
    """The sentence of the guard, if that is why a request failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressRefused):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return None
