"""The signed road to a peer: HTTP requests and responses in the profile of `crypto.httpsig`, over httpx.

Addresses come only from the directory; redirects are not followed and the environment's proxies are not asked. A
response counts only if the peer signed it as the answer to this request. A problem that a peer answers with is raised
as the same error that it was there.

Trust: until the signature over it holds, an answer is a stranger's. Limits on size and time hold before that.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
import orjson

from crypto import httpsig
from crypto.errors import CryptoError
from federation.addresses import Guard, GuardedTransport, why_refused
from federation.errors import (
    FederationError,
    FromBeyondHead,
    Malformed,
    NotMember,
    ProblemType,
    Quota,
    Refused,
    TooLarge,
)
from federation.pages import MAX_PAGE_BYTES, note_to_query
from federation.replication import LinkDown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from crypto.keys import PublicKey
    from crypto.signer import Signer
    from federation.directory import Directory
    from federation.feed import Lane

JSON: Final = "application/json"
RECEIPT_TYPE: Final = "application/jwt"
PROBLEM_TYPE: Final = "application/problem+json"
PROBLEM_BASE: Final = "urn:cnp:problem:"
"""A problem's `type` is this and the protocol's word (RFC 9457, section 3.1.1)."""
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 120.0
"""Between two pieces of an answer: a page on a slow link comes in pieces."""
TOTAL_SECONDS: Final = 600.0
"""For a whole exchange: a page is asked for that takes twenty, and a peer that drips bytes must not hold a lane."""
OK: Final = 200
MULTIPLE_CHOICES: Final = 300


PARTIAL_CONTENT: Final = 206
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


def make_client(allow: Iterable[str] = ()) -> httpx.AsyncClient:
    """The one HTTP client of a node: no redirects, no proxies of the environment, identity coding, bounded times.

    It connects to public addresses over TLS, and besides to the ranges in `allow` (`federation.addresses`).
    """
    limits = httpx.Limits(max_keepalive_connections=64, keepalive_expiry=60.0)
    return httpx.AsyncClient(
        transport=GuardedTransport(Guard.of(allow), limits=limits),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        headers={"accept-encoding": "identity", "user-agent": "tidewaiter"},
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a blob: where it begins, how large the blob is, and the part's bytes."""

    start: int
    total: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLink:
    """Requests to one peer, signed by this node (`federation.ports.Link`)."""

    peer: str
    node: str
    client: httpx.AsyncClient
    directory: Callable[[], Directory]
    signer: Signer
    clock: Callable[[], int]

    async def fetch(self, *, lane: Lane, start: int, limit: int, note: str | None) -> bytes:
        """A page of the peer's feed to this node."""
        query = {"from": str(start), "limit": str(limit)}
        if note is not None:
            query["cp"] = note_to_query(note)
        return await self.request("GET", f"/cnp/1/feeds/{self.node}/{lane}", query=query)

    async def deliver_receipt(self, token: str) -> None:
        """Hand a receipt over."""
        await self.request("POST", "/cnp/1/receipts", body=token.encode(), content_type=RECEIPT_TYPE)

    async def push(self, page: bytes) -> str:
        """Hand a page of this node's feed over; the answer is the peer's receipt."""
        answer = await self.request("POST", "/cnp/1/inbox", body=page, content_type=JSON)
        return answer.decode("ascii", "replace")

    async def hint(self) -> None:
        """Tell the peer that there is something for it. Carries no content."""
        await self.request("POST", "/cnp/1/hints", body=b"{}", content_type=JSON)

    async def piece(self, digest: str, start: int, end: int) -> Piece:
        """The bytes from `start` to before `end` of a blob, or fewer of them (RFC 9110, section 14).

        Raises `NotFound` for a blob that the peer does not have for this node, whatever the reason.
        """
        wanted = {"range": f"bytes={start}-{end - 1}"}
        status, headers, data = await self._signed("GET", f"/cnp/1/blobs/{digest}", headers=wanted)
        if status == OK and start == 0:  # the peer gives no parts: the whole of it
            return Piece(0, len(data), data)
        form = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if status != PARTIAL_CONTENT or form is None:
            raise Malformed(f"{self.peer} does not answer with the part that was asked for")
        first, last, total = (int(number) for number in form.groups())
        if first != start or not first <= last < min(end, total) or len(data) != last - first + 1:
            raise Malformed(f"{self.peer} answers with another part than was asked for")
        return Piece(first, total, data)

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: bytes = b"",
        content_type: str | None = None,
    ) -> bytes:  # fmt: skip
        """One signed exchange. Raises `LinkDown` if there is no answer, and what the peer refused with."""
        given = {"content-type": content_type} if content_type else {}
        return (await self._signed(method, path, query=query, body=body, headers=given))[2]

    async def _signed(
        self, method: str, path: str, *, headers: Mapping[str, str], query: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[int, Mapping[str, str], bytes]:  # fmt: skip
        """Status, headers and body of an answer that the peer signed to this question."""
        directory = self.directory()
        member = directory.member(self.peer)
        if member is None or member.endpoint is None:
            raise NotMember(f"{self.peer} has no address in the directory")
        url = httpx.URL(member.endpoint.rstrip("/") + path, params=dict(query) if query else None)
        headers = dict(headers)
        headers |= httpsig.sign_request(
            method=method, url=str(url), headers=headers, body=body, signer=self.signer, now=self.clock()
        )
        try:
            status, answer_headers, answer = await self._exchange(method, url, headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            why = why_refused(error) or type(error).__name__
            raise LinkDown(f"{self.peer} does not answer: {why}") from error
        if answer_headers.get("content-encoding", "identity") != "identity":
            # The digest is over the bytes as they travel: nothing below us may have decoded them.
            raise Malformed(f"{self.peer} answers in a content coding that was not asked for")
        self._verify(
            directory,
            httpsig.Request(method=method, url=str(url), headers=headers),
            status,
            answer_headers,
            answer,
        )
        if status >= MULTIPLE_CHOICES:
            raise problem_from(answer, after=_seconds(answer_headers.get("retry-after")))
        return status, answer_headers, answer

    async def _exchange(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        async with (
            asyncio.timeout(TOTAL_SECONDS),
            self.client.stream(method, url, headers=dict(headers), content=body or None) as response,
        ):
            pieces: list[bytes] = []
            size = 0
            async for piece in response.aiter_raw():
                size += len(piece)
                if size > MAX_PAGE_BYTES:
                    raise TooLarge(f"{self.peer} answers with more than a page may have")
                pieces.append(piece)
            return response.status_code, dict(response.headers), b"".join(pieces)

    def _verify(
        self,
        directory: Directory,
        request: httpsig.Request,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        now = self.clock()

        def key_for(kid: str) -> PublicKey:
            return directory.key(kid, use="http", at=now, node=self.peer).public

        try:
            httpsig.verify_response(
                status=status, headers=headers, body=body, request=request, key_for=key_for, now=now
            )
        except CryptoError as error:
            raise Refused.because(error) from error


def _seconds(value: str | None) -> int | None:
    """The seconds of a `Retry-After` (RFC 9110, section 10.2.3); None for a date, which would need equal clocks.

    No signature covers it: whoever is on the road can make us wait, which he can by answering nothing as well.
    """
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) <= 6 else None  # noqa: PLR2004 - beyond any wait


def problem_from(body: bytes, *, after: int | None = None) -> FederationError:
    """The error that a peer answered with (RFC 9457), in our words where it is not one of the protocol's.

    `after`: the seconds after which it says that it will answer again.
    """
    try:
        problem: Any = orjson.loads(body)
        word = ProblemType(str(problem["type"]).removeprefix(PROBLEM_BASE))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return Refused(ProblemType.MALFORMED, "the peer refused without a problem of the protocol")
    if word is ProblemType.FROM_BEYOND_HEAD and isinstance(problem.get("from"), int):
        return FromBeyondHead("the peer holds less than was asked for", expected=problem["from"])
    if word is ProblemType.QUOTA:
        return Quota("the peer refused: quota", after=after)
    # The peer's own sentence is not repeated into our logs: it is the peer's text.
    return Refused(word, f"the peer refused: {word}")
