"""Pages that are handed in: `POST /cnp/1/inbox`, for peers that this node cannot call (protocol page, section 8).

The body is a page of the signer's own feed to this node, the answer its receipt. The page goes over the same desk as
one that was fetched.

Trust: as for every page: the signer can put anything into its own feed, and nothing into another's.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from federation.pages import MAX_PAGE_BYTES
from federation.transport import RECEIPT_TYPE
from node.api.peer import Answer, PeerFace, signed

MAX_BODY: Final = MAX_PAGE_BYTES


def router(face: PeerFace) -> APIRouter:
    """The route for pages."""
    routes = APIRouter(prefix="/cnp/1", tags=["peers"])

    @routes.post("/inbox", summary="A page of the signer's own feed to this node", response_class=Response)
    async def inbox(request: Request) -> Response:
        async def answer(peer: str, _: Request, body: bytes) -> Answer:
            return (await face.exchange.take(peer, body)).encode(), RECEIPT_TYPE

        return await signed(face, request, answer, max_body=MAX_BODY)

    return routes
