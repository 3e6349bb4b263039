"""`POST /cnp/1/query`: a peer's question about this node's own records (protocol page, "Questions").

An answer leaves at a whole multiple of a quarter of a second after its question: how long it took to find something, or
nothing, is not told by when it comes.

Trust: the asker is the member that signed the request; what it may know, `node.services.answering` decides.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from fastapi import APIRouter, Request, Response

from federation.questions import MAX_QUESTION_BYTES, parse_question
from node.api.peer import Answer, PeerFace, signed
from node.services.answering import Answerer, wait_after

JSON: Final = "application/json"


def router(face: PeerFace, answerer: Answerer) -> APIRouter:
    """The route for questions."""
    routes = APIRouter(prefix="/cnp/1", tags=["peers"])

    @routes.post("/query", summary="A question about this node's own records", response_class=Response)
    async def query(request: Request) -> Response:
        async def answer(peer: str, _: Request, body: bytes) -> Answer:
            begun = time.monotonic()
            now = face.clock()
            question = parse_question(body, now=now)
            found = await asyncio.to_thread(answerer.answer, question, peer=peer, now=now)
            data = found.to_bytes()
            await asyncio.sleep(wait_after(time.monotonic() - begun))
            return data, JSON

        return await signed(face, request, answer, max_body=MAX_QUESTION_BYTES)

    return routes
