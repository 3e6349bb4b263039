"""`GET /cnp/1/blobs/{sha256}`: pictures and other attachments, in parts, for those whose grants name them.

What may be had is decided in `node.services.blob_serving`. Every other question has one answer, to the byte: not found.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from federation.errors import DirectoryStale
from node.api import peer
from node.services import blob_serving
from node.services.blob_serving import Part
from node.storage.blobs import Blobs

OCTETS = "application/octet-stream"


def router(face: peer.PeerFace, blobs: Blobs) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/cnp/1", tags=["peers"])

    @routes.get("/blobs/{sha256}", summary="An attachment that the signer was granted", response_class=Response)
    async def blob(sha256: str, request: Request) -> Response:
        async def answer(signer: str, request: Request, _: bytes) -> peer.Answer:
            # A content address never changes what it means, so a validator has nothing to say; one that is sent is
            # not ours, and then the whole is what was asked for (RFC 9110, section 13.1.5).
            wanted = None if "if-range" in request.headers else request.headers.get("range")
            return _reply(await asyncio.to_thread(_part, face, blobs, signer, sha256, wanted))

        return await peer.signed(face, request, answer)

    return routes


def _part(face: peer.PeerFace, blobs: Blobs, signer: str, digest: str, wanted: str | None) -> Part:
    now = face.clock()
    if face.membership.stale(now):
        raise DirectoryStale("this node's directory has expired: nothing leaves until it is renewed")
    directory = face.membership.current()
    return blob_serving.serve(
        face.database, blobs, directory=directory, recipient=signer, digest=digest, wanted=wanted, now=now
    )


def _reply(part: Part) -> peer.Reply:
    headers = {"accept-ranges": "bytes"}
    if part.whole:
        return peer.Reply(body=part.data, content_type=OCTETS, headers=headers)
    if not part.data:
        headers["content-range"] = f"bytes */{part.total}"
        return peer.Reply(body=b"", content_type=OCTETS, status=416, headers=headers)
    headers["content-range"] = f"bytes {part.start}-{part.start + len(part.data) - 1}/{part.total}"
    return peer.Reply(body=part.data, content_type=OCTETS, status=206, headers=headers)
