"""`/cnp/1/inventories`: peers show what they hold of this node's records, and give back what it lost.

Trust: every message is signed twice, as a request and as an inventory; its size is bounded before it is read.
"""

from __future__ import annotations

import asyncio

import orjson
from fastapi import APIRouter, Request, Response

from federation.errors import Malformed
from federation.inventories import MAX_INVENTORY_BYTES, MAX_RETURNED_BYTES
from node.api.peer import Answer, PeerFace, signed
from node.services.reconciling import Reconciler


def router(face: PeerFace, reconciler: Reconciler) -> APIRouter:
    """The routes of inventories."""
    routes = APIRouter(prefix="/cnp/1", tags=["peers"])

    @routes.post("/inventories", summary="What the signer holds of our records", response_class=Response)
    async def inventories(request: Request) -> Response:
        async def answer(peer: str, _: Request, body: bytes) -> Answer:
            try:
                token = body.decode("ascii")
            except UnicodeDecodeError as error:
                raise Malformed("an inventory is a compact JWS") from error
            told = await asyncio.to_thread(reconciler.receive, peer, token)
            return orjson.dumps(told), "application/json"

        return await signed(face, request, answer, max_body=MAX_INVENTORY_BYTES)

    @routes.post("/inventories/records", summary="Records of ours that we lost", response_class=Response)
    async def returned(request: Request) -> Response:
        async def answer(peer: str, _: Request, body: bytes) -> Answer:
            return orjson.dumps(await asyncio.to_thread(reconciler.take, peer, body)), "application/json"

        return await signed(face, request, answer, max_body=MAX_RETURNED_BYTES)

    return routes
