"""`GET /cnp/1/log`: the newest checkpoint of this node's disclosure log, and the proof that it grew from an older one.

Hashes and a size, no row and no name: any member may ask, and whoever asks is a witness. It shows the checkpoint that
it keeps (`cp`); where the log does not continue it, the answer says `lost`, in a later epoch. It is answered also while
the directory is stale, because nothing of a record is in it.
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
        async def answer(asker: str, request: Request, _: bytes) -> peer.Answer:
            first = peer.number(request, "from", 0, 0)
            note = peer.note(request)
            return await asyncio.to_thread(_newest, face, asker, first, note), "application/json"

        return await peer.signed(face, request, answer)

    return routes


def _newest(face: peer.PeerFace, asker: str, first: int, note: str | None) -> bytes:
    directory = face.membership.current()
    with face.database.read() as connection:
        waits = logged.behind(connection)
    # Where nothing waits and nothing is shown, nothing has to be written, and nobody waits for the one write lock.
    with face.database.write() if waits or note is not None else face.database.read() as connection:
        continued = note is None or disclosing.shown(
            connection, note, directory=directory, node=face.node, peer=asker, now=face.clock()
        )
        growth = disclosing.grown_from(
            connection, first, fed=directory.fed, node=face.node, signer=face.log_signer, continued=continued
        )
    return growth.dump()
