"""No connection goes where it should not, whatever name, number or redirect leads there: watched at the socket."""

import asyncio
import ipaddress
import socket
import threading
from contextlib import contextmanager

import httpx
import pytest

from federation.addresses import (
    LOOPBACK,
    AddressRefused,
    BlockingGuardedTransport,
    Guard,
    GuardedTransport,
    check_host,
    why_refused,
)
from federation.errors import DirectoryUnreachable
from federation.replication import LinkDown
from federation.transport import PeerLink, make_client
from node.services.membership import fetcher
from tests.factories import NOW, make_federation

FORBIDDEN = {
    "loopback": "127.0.0.1",
    "all of loopback": "127.8.9.1",
    "unspecified": "0.0.0.0",  # noqa: S104 - an address that is refused
    "private, ten": "10.1.2.3",
    "private, one seven two": "172.16.0.1",
    "private, one nine two": "192.168.1.1",
    "link-local, where clouds keep their secrets": "169.254.169.254",
    "shared by carriers": "100.64.0.1",
    "protocol assignments": "192.0.0.1",
    "documentation": "192.0.2.7",
    "benchmarks": "198.18.0.1",
    "a 6to4 relay": "192.88.99.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback of IPv6": "::1",
    "unspecified of IPv6": "::",
    "mapped": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "mapped, and public": "::ffff:8.8.8.8",
    "compatible": "::10.0.0.1",
    "6to4": "2002:7f00:1::",
    "NAT64": "64:ff9b::a00:1",
    "local NAT64": "64:ff9b:1::a00:1",
    "Teredo": "2001:0:53aa:64c::1",
    "unique local": "fd00::1",
    "metadata in IPv6": "fd00:ec2::254",
    "link-local of IPv6": "fe80::1",
    "link-local with its zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast of IPv6": "ff02::1",
    "documentation of IPv6": "2001:db8::1",
}
PUBLIC = ("8.8.8.8", "193.0.6.139", "2001:67c:2e8:22::c100:68b", "2606:4700::1")


@pytest.fixture
def opened(monkeypatch):
    """Every address that a socket was told to connect to. None is reached: there is no network in a test."""
    asked = []

    def connect(self, address):
        asked.append(str(address[0]))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return asked


def resolver(addresses):
    return addresses if callable(addresses) else lambda _host, _port: addresses


def ask(guard, url, addresses):
    async def go():
        transport = GuardedTransport(guard, limits=httpx.Limits(), resolve=resolver(addresses))
        async with httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False) as client:
            await client.get(url)

    asyncio.run(go())


def ask_blocking(guard, url, addresses):
    transport = BlockingGuardedTransport(guard, resolve=resolver(addresses))
    with httpx.Client(transport=transport, trust_env=False, follow_redirects=False) as client:
        client.get(url)


WAYS = {"a peer": ask, "the directory": ask_blocking}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sentence", FORBIDDEN)
def test_no_socket_is_opened_to_an_address_that_is(sentence, way, opened):
    with pytest.raises(httpx.ConnectError) as refused:
        WAYS[way](Guard(), "https://peer.example/", [FORBIDDEN[sentence]])
    assert "allow_addresses" in (why_refused(refused.value) or "")
    assert opened == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to_and_no_other(address, way, opened):
    with pytest.raises(httpx.ConnectError) as failed:
        WAYS[way](Guard(), "https://peer.example/", [address])
    assert why_refused(failed.value) is None
    assert opened == [address]


@pytest.mark.parametrize("way", WAYS)
def test_a_name_with_one_forbidden_address_among_public_ones_is_refused_whole(way, opened):
    with pytest.raises(httpx.ConnectError):
        WAYS[way](Guard(), "https://peer.example/", ["8.8.8.8", "10.0.0.1"])
    assert opened == []


@pytest.mark.parametrize("way", WAYS)
def test_a_name_server_that_answers_otherwise_the_second_time_is_asked_once(way, opened):
    answers = [["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]]
    asked = []

    class Rebinding(list):
        def __iter__(self):
            asked.append(1)
            return iter(answers[len(asked) - 1])

    def resolve(_host, _port):
        return list(Rebinding())

    with pytest.raises(httpx.ConnectError):
        WAYS[way](Guard(), "https://peer.example/", resolve)
    assert (len(asked), opened) == (1, ["8.8.8.8"])


SPELLINGS = ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.0.1.", "010.0.0.1", "1.2.3.4.5", "0x")


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_number_that_some_library_reads_as_an_address_is_refused(host, opened):
    with pytest.raises(AddressRefused):
        check_host(host)
    with pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
        ask(Guard.of(LOOPBACK), f"https://{host}/", ["8.8.8.8"])
    assert opened == []


@pytest.mark.parametrize("url", ["https://peer.example@127.0.0.1/", "https://a:b@peer.example/", "ftp://peer.example/"])
def test_an_address_with_a_user_name_or_another_scheme_is_refused(url, opened):
    for way in WAYS.values():
        with pytest.raises(httpx.UnsupportedProtocol):
            way(Guard(), url, ["8.8.8.8"])
    assert opened == []


def test_plain_http_goes_to_listed_ranges_only(opened):
    with pytest.raises(httpx.ConnectError) as refused:
        ask(Guard(), "http://peer.example/", ["8.8.8.8"])
    assert "plain http" in (why_refused(refused.value) or "")
    assert opened == []
    with pytest.raises(httpx.ConnectError):
        ask(Guard.of(["8.8.8.0/24"]), "http://peer.example/", ["8.8.8.8"])
    assert opened == ["8.8.8.8"]


def test_what_the_operator_lists_is_connected_to_and_its_neighbours_are_not(opened):
    guard = Guard.of(["10.1.0.0/16", "::1/128"])
    for addresses in (["10.1.2.3"], ["::1"]):
        with pytest.raises(httpx.ConnectError):
            ask(guard, "https://peer.example/", addresses)
    assert opened == ["10.1.2.3", "::1"]
    with pytest.raises(httpx.ConnectError):
        ask(guard, "https://peer.example/", ["10.2.0.1"])
    with pytest.raises(httpx.ConnectError):
        ask(guard, "https://peer.example/", ["::ffff:10.1.2.3"])
    assert opened == ["10.1.2.3", "::1"]
    with pytest.raises(ValueError, match="host bits"):
        Guard.of(["10.1.2.3/16"])


def test_every_address_is_public_listed_or_refused_and_none_raises_anything_else():
    for net in ("0.0.0.0/4", "96.0.0.0/4", "160.0.0.0/4", "192.0.0.0/4", "224.0.0.0/4"):
        for at in range(0, 2**28, 1_048_583):
            address = ipaddress.ip_network(net)[at]
            try:
                Guard().check("peer.example", [str(address)], plain=False)
            except AddressRefused:
                continue
            assert address.is_global
            assert not address.is_multicast


@contextmanager
def redirecting(to):
    """A server on loopback that answers everything with a redirect."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)
    seen = []

    def serve():
        with server:
            connection, _ = server.accept()
            with connection:
                seen.append(connection.recv(65_536))
                connection.sendall(f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
    thread.join(10)


def recording(monkeypatch):
    asked = []
    real = socket.socket.connect

    def connect(self, address):
        asked.append(str(address[0]))
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return asked


def test_a_redirect_is_an_answer_and_is_not_followed(monkeypatch):
    asked = recording(monkeypatch)
    with redirecting("http://169.254.169.254/latest/meta-data/") as (url, seen):
        fed = make_federation(["KE", "TZ"], endpoints={"KE": url})

        async def go():
            client = make_client(LOOPBACK)
            link = PeerLink(
                peer="KE", node="TZ", client=client, directory=lambda: fed.directory, signer=fed.signer("TZ", "http"),
                clock=lambda: NOW,
            )  # fmt: skip
            with pytest.raises(Exception, match=r"bad-signature|malformed"):
                await link.hint()
            await client.aclose()

        asyncio.run(go())
        assert len(seen) == 1
    with redirecting("http://169.254.169.254/latest/meta-data/") as (url, seen):
        with fetcher(url, allow=LOOPBACK) as fetch, pytest.raises(DirectoryUnreachable, match="302"):
            fetch("metadata/timestamp.json")
        assert len(seen) == 1
    assert set(asked) == {"127.0.0.1"}


def test_the_operator_is_told_which_address_and_which_setting(opened):
    fed = make_federation(["KE", "TZ"], endpoints={"KE": "http://127.0.0.1:9"})

    async def go():
        client = make_client()
        link = PeerLink(
            peer="KE", node="TZ", client=client, directory=lambda: fed.directory, signer=fed.signer("TZ", "http"),
            clock=lambda: NOW,
        )  # fmt: skip
        with pytest.raises(LinkDown, match=r"KE.*127\.0\.0\.1.*allow_addresses"):
            await link.hint()
        await client.aclose()

    asyncio.run(go())
    with fetcher("http://127.0.0.1:9") as fetch, pytest.raises(DirectoryUnreachable, match="allow_addresses"):
        fetch("metadata/timestamp.json")
    assert opened == []


def test_the_name_stays_in_tls_and_in_host_though_the_address_was_pinned(monkeypatch):
    """A server on loopback sees what a client sends that was told to connect to it by another name."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)
    port = server.getsockname()[1]
    seen = []

    def serve():
        with server:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    seen.append(connection.recv(65_536))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    for scheme in ("https", "http"):
        with pytest.raises(httpx.TransportError):
            ask(Guard.of(LOOPBACK), f"{scheme}://peer.example:{port}/", ["127.0.0.1"])
    thread.join(10)
    assert b"peer.example" in seen[0]
    assert f"Host: peer.example:{port}".lower().encode() in seen[1].lower()
