"""`/cnp/1/relay-reports`: what this node, as a hub, passed on of the asker's records."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from federation.errors import NotFound
from node.api import peer
from node.services import reporting


def router(face: peer.PeerFace) -> APIRouter:
    """The route by which originators fetch relay reports."""
    routes = APIRouter(prefix="/cnp/1", tags=["peers"])

    @routes.get("/relay-reports", summary="What was passed on of the signer's records", response_class=Response)
    async def relay_reports(request: Request) -> Response:
        async def answer(asker: str, request: Request, _: bytes) -> peer.Answer:
            directory = face.membership.current()
            member = directory.member(face.node)
            if member is None or member.kind != "rilo":
                raise NotFound("this node passes nothing on")
            after = peer.number(request, "after", 0, 0)
            token = await asyncio.to_thread(
                reporting.make_report, face.database, fed=directory.fed, hub=face.node, originator=asker, after=after,
                signer=face.log_signer, now=face.clock(),
            )  # fmt: skip
            return token.encode(), "application/jwt"

        return await peer.signed(face, request, answer)

    return routes
