"""`GET /cnp/1/log`: the newest checkpoint of this node's disclosure log, and the proof that it grew from an older one.

Hashes and a size, no row and no name: any member may ask, and whoever asks is a witness. It is answered also while the
directory is stale, because nothing of a record is in it.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from node.api import peer
from node.services import disclosing
from node.storage import logged


def router(face: peer.PeerFace) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/cnp/1", tags=["peers"])

    @routes.get("/log", summary="The newest checkpoint of the disclosure log", response_class=Response)
    async def newest(request: Request) -> Response:
        async def answer(_peer: str, request: Request, _: bytes) -> peer.Answer:
            first = peer.number(request, "from", 0, 0)
            return await asyncio.to_thread(_newest, face, first), "application/json"

        return await peer.signed(face, request, answer)

    return routes


def _newest(face: peer.PeerFace, first: int) -> bytes:
    fed = face.membership.current().fed
    with face.database.read() as connection:
        waits = logged.behind(connection)
    # Where nothing waits, nothing has to be written, and a question does not wait for the one write lock.
    with face.database.write() if waits else face.database.read() as connection:
        growth = disclosing.grown_from(connection, first, fed=fed, node=face.node, signer=face.log_signer)
    return growth.dump()
