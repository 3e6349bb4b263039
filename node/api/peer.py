"""The face towards peers, `/cnp/1`: every request signed, every answer signed (protocol page, section 8).

`@authority` is compared with the name that this node is configured with, never with what a proxy or a sender wrote
into a header. The directory alone is served unsigned: it carries its own signatures.

Trust: nothing of a request is believed before its signature holds; its size is bounded before it is read.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from crypto import b64, httpsig
from crypto.errors import CryptoError
from crypto.keys import PublicKey
from crypto.signer import Signer
from federation.errors import (
    DirectoryStale,
    FederationError,
    Malformed,
    NotFound,
    NotMember,
    Quota,
    Refused,
    Suspended,
    TooLarge,
)
from federation.feed import LANES, Lane
from federation.membership import ListedKey
from federation.pages import MAX_ENTRIES
from federation.receipts import MAX_RECEIPT_BYTES, verify_receipt
from node.errors import CONTENT_TYPE, problem_of_federation
from node.services import epochs
from node.services.exchange import Exchange
from node.services.limits import Shares
from node.services.membership import Membership
from node.services.serving import Server, accept_receipt
from node.storage.database import Database

MAX_BODY: Final = MAX_RECEIPT_BYTES
MAX_NOTE: Final = 4_096
FEW: Final = 50
"""A request for no more than this may be a look whether there is anything; for more, somebody is catching up."""

MAX_INPUT: Final = 1_024
BODY_SECONDS: Final = 120.0
"""For a whole body: eight megabytes at the 70 kB a second of a bad line; who is slower asks for a shorter page."""
FAILURES: Final = frozenset({400, 401, 403, 404})
"""Answers after which somebody who goes on gets slower ones."""
_KEYID: Final = re.compile(r';keyid="([A-Za-z0-9_-]{1,64})"')

log: Final = structlog.get_logger("tidewaiter.peer")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerFace:
    """What the routes need, put together in `node.app`."""

    node: str
    authority: str
    database: Database
    membership: Membership
    nonces: httpsig.NonceStore
    http_signer: Signer
    log_signer: Signer
    exchange: Exchange
    clock: Callable[[], int]
    shares: Shares = field(default_factory=Shares)
    public_prefix: str = ""
    """The path of this node's public address: requests are signed for what lies below it."""
    served_prefix: str = ""
    """What of it is there when a request arrives: all of it, or nothing behind a proxy that takes it off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that needs a status or headers of its own; the headers are none that the signature sets."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = tuple[bytes, str] | Reply
Handler = Callable[[str, Request, bytes], Awaitable[Answer]]


def router(face: PeerFace) -> APIRouter:
    """The routes of `/cnp/1`."""
    routes = APIRouter(prefix="/cnp/1", tags=["peers"])

    @routes.get("/feeds/{me}/{lane}", summary="A page of the signer's own feed", response_class=Response)
    async def feed_page(me: str, lane: str, request: Request) -> Response:
        async def answer(peer: str, request: Request, _: bytes) -> Answer:
            if me != peer or lane not in LANES:
                raise NotFound("no such feed")
            chosen: Lane = "urgent" if lane == "urgent" else "bulk"
            start = number(request, "from", 0, 0)
            limit = number(request, "limit", MAX_ENTRIES, 1)
            shown = note(request)
            if shown is not None and limit > FEW:
                face.exchange.busy()
            return await asyncio.to_thread(
                _page, face, peer, chosen, start=start, limit=limit, note=shown
            ), "application/json"

        return await signed(face, request, answer)

    @routes.post("/receipts", summary="How far the signer has one of our feeds", response_class=Response)
    async def receipts(request: Request) -> Response:
        async def answer(peer: str, _: Request, body: bytes) -> Answer:
            return await asyncio.to_thread(_receipt, face, peer, body), "application/json"

        return await signed(face, request, answer)

    @routes.post("/hints", summary="Wake the replication loop", response_class=Response)
    async def hints(request: Request) -> Response:
        async def answer(peer: str, _: Request, body: bytes) -> Answer:
            if body not in {b"", b"{}"}:
                raise Malformed("a hint carries no content")
            face.exchange.wake(peer)
            return b"{}", "application/json"

        return await signed(face, request, answer)

    @routes.get("/directory/{path:path}", summary="The directory, as this node trusts it", response_class=Response)
    async def directory(path: str) -> Response:
        try:
            data = await asyncio.to_thread(face.membership.mirror.serve, path)
        except FederationError as error:
            return _problem(error)
        return Response(data, media_type="application/json")

    return routes


def _page(face: PeerFace, peer: str, lane: Lane, *, start: int, limit: int, note: str | None) -> bytes:
    if face.membership.stale(face.clock()):
        # Egress stops, ingress goes on (protocol page, section 9).
        raise DirectoryStale("this node's directory has expired: nothing leaves until it is renewed")
    server = Server(node=face.node, directory=face.membership.current(), log_signer=face.log_signer)
    return epochs.serve(
        face.database, server, recipient=peer, lane=lane, start=start, limit=limit, note=note, now=face.clock()
    )


def _receipt(face: PeerFace, peer: str, body: bytes) -> bytes:
    try:
        token = body.decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("a receipt is a compact JWS") from error
    receipt = verify_receipt(token, directory=face.membership.current(), now=face.clock())
    if receipt.iss != peer or receipt.feed.sender != face.node:
        raise NotFound("no such feed")
    connection: Connection
    with face.database.write() as connection:
        newer = accept_receipt(connection, receipt)
    return orjson.dumps({"accepted": newer})


async def signed(face: PeerFace, request: Request, handler: Handler, *, max_body: int = MAX_BODY) -> Response:
    """Authenticate, answer, sign the answer. A refusal is signed too, whenever there is a signature to bind it to.

    `handler` gets the peer's id, the request and its body, of at most `max_body` bytes.
    """
    status, headers = 200, {"content-type": "application/json"}
    address = request.client.host if request.client is not None else ""
    try:
        async with face.shares.turn(_named_key(request), address):
            body = await _read(request, max_body)
            peer = await asyncio.to_thread(_authenticate, face, request, body)
            begun = time.monotonic()
            given = await handler(peer, request, body)
        if isinstance(given, Reply):
            status, headers = given.status, {"content-type": given.content_type, **given.headers}
            answer = given.body
        else:
            answer, headers["content-type"] = given
        face.shares.spend(peer, size=len(body) + len(answer), seconds=time.monotonic() - begun)
    except FederationError as error:
        status, problem = problem_of_federation(error)
        answer, headers["content-type"] = orjson.dumps(problem), CONTENT_TYPE
        if isinstance(error, Quota) and error.after is not None:
            headers["retry-after"] = str(error.after)
        if status in FAILURES:
            await face.shares.failed(address)
    url = httpsig.public_url(face.authority, _target(face, request))
    asked = httpsig.Request(method=request.method, url=url, headers=dict(request.headers))
    try:
        headers |= httpsig.sign_response(
            status=status,
            headers=headers,
            body=answer,
            request=asked,
            signer=face.http_signer,
            now=face.clock(),
        )
    except (ValueError, CryptoError):
        log.info("answer not signed", status=status)  # the request bore no signature that an answer could be bound to
    return Response(answer, status_code=status, headers=headers)


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts a request whose signature holds before its nonce is written: nonces grow no faster than the share."""

    face: PeerFace
    seen: list[ListedKey]

    def remember(self, kid: str, nonce: str, expires: int, now: int) -> bool:
        """As the store of nonces; raises `Quota`."""
        self.face.shares.spend(self.seen[-1].node, requests=1)
        return self.face.nonces.remember(kid, nonce, expires, now)


def _named_key(request: Request) -> str:
    """The key that a request says it is signed with, unverified: requests that name it share a queue."""
    found = _KEYID.search(request.headers.get("signature-input", "")[:MAX_INPUT])
    return found[1] if found else ""


def _authenticate(face: PeerFace, request: Request, body: bytes) -> str:
    """The node that signed this request; raises what it lacks."""
    now = face.clock()
    directory = face.membership.current()
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        seen.append(directory.key(kid, use="http", at=now))
        return seen[-1].public

    try:
        httpsig.verify_request(
            method=request.method, url=_target(face, request), authority=face.authority, headers=dict(request.headers),
            body=body, key_for=key_for, nonces=_Counted(face, seen), now=now,
        )  # fmt: skip
    except CryptoError as error:
        raise Refused.because(error) from error
    member = directory.member(seen[-1].node)
    if member is None or member.id == face.node:
        raise NotMember("the signer is not a peer")
    if member.status != "active":
        raise Suspended("the directory lists the signer as suspended or left")
    return member.id


async def _read(request: Request, most: int) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        # The digest is over the bytes as they travel, and what is not unpacked cannot unfold.
        raise Malformed("no content coding is accepted")
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                data += piece
                if len(data) > most:
                    raise TooLarge(f"a request here has at most {most} bytes")
    except TimeoutError:
        raise Malformed("the body of the request came too slowly") from None
    return bytes(data)


def _target(face: PeerFace, request: Request) -> str:
    """Path and query exactly as they stood on the request line, below this node's public path and no other."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    path = face.public_prefix.encode() + raw.removeprefix(face.served_prefix.encode())
    return (path + b"?" + query if query else path).decode("latin-1")


def number(request: Request, name: str, default: int, least: int) -> int:
    """A parameter of the query that is a number of at least `least`; raises `Malformed`."""
    value = request.query_params.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 15 or int(value) < least:  # noqa: PLR2004 - 2^53 has 16 digits
        raise Malformed(f"the parameter {name} is a number of at least {least}")
    return int(value)


def note(request: Request) -> str | None:
    """The checkpoint that a request shows (`cp`), as text, unverified; raises `Malformed`."""
    value = request.query_params.get("cp")
    if value is None:
        return None
    try:
        return b64.decode(value[:MAX_NOTE]).decode()
    except (CryptoError, UnicodeDecodeError) as error:
        raise Malformed("the parameter cp is a checkpoint note in base64url") from error


def _problem(error: FederationError) -> Response:
    status, body = problem_of_federation(error)
    return Response(orjson.dumps(body), status_code=status, media_type=CONTENT_TYPE)


def describe() -> dict[str, Any]:
    """What `/cnp/1` needs to be told in OpenAPI beside its routes."""
    return {
        "name": "peers",
        "description": "CNP/1, for nodes only: every request bears an HTTP message signature.",
    }
